//! Attaching files to items. `docs/protocol/http-api.md` §12, `docs/protocol/envelopes.md`, files.
//!
//! A file is encrypted under a key of its own, chunk by chunk, and the key is the value of a slot: sharing and refreshing
//! encrypt the key anew, and never the file. The file goes up first and the slot is written last, so that nobody sees a
//! slot without its file.

use std::{collections::BTreeMap, rc::Rc};

use futures_util::{
    future::{FutureExt, LocalBoxFuture, ready},
    stream::{FuturesUnordered, StreamExt},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    ItemChange, NewSlot, ProgressListener, Session, Value,
    clock::now_milliseconds,
    file_reader::{AES_GCM, ATTACHMENT, AttachedFile, CHUNKS_IN_FLIGHT, SLOT_TYPES},
    idempotency::PendingOperation,
    refusals::bad_response,
    thumbnails::{self, Picture},
    unattached::Unattached,
};
use crate::{
    api::{
        Id,
        vault::attachments::{self, Attachment, Block, Buffer, EncryptionArtifacts, NewBlob, UploadUrl, UploadedBlobs},
    },
    crypto::{
        ChunkPlace, ChunkSeal, FILE_CHUNK_BYTES, FileKey, UploadAttempt, envelope::ADDITIONAL_DATA, places::Place,
    },
    error::{Error, ErrorCode, Result},
};

/// For how long an upload can go on, in milliseconds: as long as our servers keep what belongs to no attachment.
const GO_ON_FOR: u64 = 2 * 24 * 60 * 60 * 1000;

/// The longest name of a file, in characters.
const LONGEST_NAME: usize = 255;

/// Where a file's bytes come from.
pub trait FileSource {
    /// The next [`FILE_CHUNK_BYTES`]; fewer at the end, and none after that.
    fn next_chunk(&mut self) -> LocalBoxFuture<'_, Result<Zeroizing<Vec<u8>>>>;

    /// Goes back to the beginning, or says that this source cannot.
    fn rewind(&mut self) -> bool;

    /// A small picture of the file, where this source makes one.
    fn thumbnail(&mut self) -> LocalBoxFuture<'_, Option<Picture>> {
        ready(None).boxed_local()
    }
}

/// Arguments of `attach_file`.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFile {
    /// For people; not encrypted.
    pub name: String,
    /// The media type; not encrypted.
    pub content_type: String,
    /// The slot's label. Not encrypted. Where absent, the file's name for a new slot, and what it is for another.
    pub label: Option<String>,
    /// The name of the item's slot that is to stand for the file; a new one where there is none. What an own slot stood for before,
    /// it stands for no longer.
    pub slot: Option<String>,
    /// In bytes; `None` for a stream, whose end nobody knows.
    pub length: Option<u64>,
}

/// What going on with an upload takes.
#[derive(Serialize, Deserialize)]
struct Resumption {
    item: Id,
    file: NewFile,
    /// As the slot will hold it.
    key: Zeroizing<String>,
    /// When the upload began, in milliseconds since 1970.
    since: u64,
}

/// An upload that is under way.
struct Upload {
    key: Rc<FileKey>,
    /// `None` once there is an attachment of it.
    blob: Option<UploadUrl>,
    /// The chunks that the server has.
    stored: BTreeMap<ChunkPlace, ChunkSeal>,
}

/// A file that the server has, block by block.
struct Sent {
    seals: Vec<ChunkSeal>,
    length: u64,
}

/// Why a chunk cannot be sent.
enum Interruption {
    Error(Error),
    /// What an earlier attempt sent was of another file.
    OtherContent,
}

impl From<Error> for Interruption {
    fn from(error: Error) -> Self {
        Interruption::Error(error)
    }
}

impl Session {
    /// Encrypts a file, uploads it, and makes a slot of the item for it. A call that was cut off goes on when it is made again
    /// with the same file, also after a reload where the file is longer than one chunk: what the server has of it is not sent
    /// again.
    ///
    /// `NOT_OWNER` for a received item; `INVALID_ARGUMENT` for a slot that is for something else.
    pub async fn attach_file(
        &self,
        item_id: &Id,
        file: &NewFile,
        source: &mut dyn FileSource,
        progress: &ProgressListener,
    ) -> Result<AttachedFile> {
        check(file)?;
        let operation = self.keys()?.pending.begin(("items.attach", item_id, file))?;
        // Before anything is sent.
        let item = self.get_own_item(item_id).await?;
        let existing = file.slot.as_ref().and_then(|name| item.slots.iter().find(|slot| slot.record.name == *name));
        if existing.is_some_and(|slot| !SLOT_TYPES.contains(&slot.record.slot_type_name.as_str())) {
            return Err(Error::invalid_argument("the slot is not for a file"));
        }
        let Unattached { key, attachment, .. } = self.upload(item_id, file, source, &operation, progress).await?;
        if let Some(picture) = source.thumbnail().await {
            match thumbnails::store(self.vault(), &key, &attachment, &picture).await {
                // A server that has no room for it, or no such request: the file is attached without.
                Err(error) if matches!(error.code(), ErrorCode::Forbidden | ErrorCode::InvalidArgument) => {}
                stored => drop(stored?),
            }
        }
        let (label, slot_type) = match existing {
            Some(_) => (file.label.clone(), None),
            None => (Some(file.label.as_ref().unwrap_or(&file.name).clone()), Some(ATTACHMENT.to_owned())),
        };
        let slot = NewSlot {
            name: file.slot.clone(),
            label,
            slot_type,
            value: Some(Some(Value::new(key.to_value()))),
            attachment_id: Some(attachment.clone()),
            ..NewSlot::default()
        };
        let change = ItemChange { slots: vec![slot], ..ItemChange::default() };
        let item = self.change_item(item_id, &change, &operation, &ProgressListener::none()).await?;
        let made = item.slots.iter().find(|slot| slot.record.attachment_id.as_ref() == Some(&attachment));
        let made = made.ok_or_else(|| bad_response("the server made no slot for the file"))?;
        let attached = AttachedFile::of(self, &item, made)?;
        let keys = self.keys()?;
        keys.unattached.remove(operation.key());
        operation.complete();
        Ok(attached)
    }

    /// The files of an item, own or received: of each slot of that type whose value is a key.
    pub async fn list_files(&self, item_id: &Id) -> Result<Vec<AttachedFile>> {
        let item = self.get_item(item_id).await?;
        Ok(item.slots.iter().filter_map(|slot| AttachedFile::of(self, &item, slot).ok()).collect())
    }

    /// Removes a file's slot, unless it stands for another file by now, then the file. `NOT_OWNER` for one that was received;
    /// `NOT_FOUND` where there is neither.
    pub async fn remove_file(&self, file: &AttachedFile) -> Result<()> {
        let AttachedFile { item_id, slot_id, record: Attachment { id: attachment_id, .. }, .. } = file;
        let item = self.get_own_item(item_id).await?;
        let slot = item.slots.iter().find(|slot| slot.record.id == *slot_id);
        let is_others = slot.is_some_and(|slot| slot.record.attachment_id.as_ref() != Some(attachment_id));
        let slot = match if is_others { Ok(()) } else { self.remove_slot(slot_id).await } {
            // An attempt before may have removed it.
            Err(error) if error.code() != ErrorCode::NotFound => return Err(error),
            slot => slot,
        };
        match attachments::delete(self.vault(), attachment_id).await {
            Err(error) if error.code() == ErrorCode::NotFound => slot,
            deleted => deleted.map(drop),
        }
    }

    async fn upload(
        &self,
        item_id: &Id,
        file: &NewFile,
        source: &mut dyn FileSource,
        operation: &PendingOperation,
        progress: &ProgressListener,
    ) -> Result<Unattached> {
        let keys = self.keys()?;
        let unattached = keys.unattached.get(operation.key());
        let mut earlier = match &unattached {
            Some(made) => Some(Upload::made(made)),
            None => self.upload_to_go_on_with(item_id, file).await?,
        };
        loop {
            let upload = match earlier.take() {
                Some(upload) => upload,
                None => self.begin_upload(item_id, file).await?,
            };
            match (self.send(&upload, file, source, progress).await, upload.blob, &unattached) {
                (Ok(sent), Some(blob), _) => {
                    let attachment = self.finish_upload(file, &blob, &upload.key, &sent).await?;
                    let made = Unattached { key: upload.key, seals: sent.seals, attachment };
                    keys.unattached.insert(operation.key(), &made);
                    return Ok(made);
                }
                (Ok(_), None, Some(made)) => return Ok(made.clone()),
                (Ok(_), None, None) => return Err(Error::internal("an upload has an address")),
                (Err(Interruption::Error(error)), ..) => return Err(error),
                // That is not gone on with.
                (Err(Interruption::OtherContent), ..) if source.rewind() => {}
                (Err(Interruption::OtherContent), ..) => {
                    keys.unattached.remove(operation.key());
                    return Err(Error::invalid_argument("the file is not the one that this call began with"));
                }
            }
        }
    }

    /// Of a call that was cut off, maybe before the page was loaded anew. Only our servers keep what that takes.
    async fn upload_to_go_on_with(&self, item_id: &Id, file: &NewFile) -> Result<Option<Upload>> {
        if !is_resumable(file) {
            return Ok(None);
        }
        let uploads = match attachments::unfinished(self.vault()).await {
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::BadResponse) => return Ok(None),
            uploads => uploads?.uploads,
        };
        let keys = self.keys()?;
        for upload in uploads {
            // What cannot be read is of another client, or is no upload of this user's.
            let Ok(note) = keys.dek.decrypt_note(&upload.encrypted_resume, &Place::Upload).await else { continue };
            let Ok(known) = serde_json::from_slice::<Resumption>(&note) else { continue };
            let is_old = now_milliseconds().saturating_sub(known.since) > GO_ON_FOR;
            if known.item != *item_id || known.file != *file || is_old {
                continue;
            }
            let key = Rc::new(FileKey::from_value(&known.key)?);
            let seals = upload.blocks.iter().filter_map(|id| ChunkSeal::from_block_id(id));
            let stored: BTreeMap<_, _> = seals.filter_map(|seal| Some((seal.place()?, seal))).collect();
            // The key may be of a file that is complete. Whoever goes on with it has compared the first chunk with their file,
            // or else the server could show that one for theirs.
            if !stored.contains_key(&ChunkPlace { index: 0, is_last: false }) {
                continue;
            }
            let blob = UploadUrl { blob_id: upload.blob_id, blob_key: upload.blob_key, url: upload.url };
            return Ok(Some(Upload { key, blob: Some(blob), stored }));
        }
        Ok(None)
    }

    async fn begin_upload(&self, item_id: &Id, file: &NewFile) -> Result<Upload> {
        let key = FileKey::generate()?;
        let keys = self.keys()?;
        let encrypted_resume = match is_resumable(file) {
            true => {
                let note = Resumption {
                    item: item_id.clone(),
                    file: file.clone(),
                    key: key.to_value(),
                    since: now_milliseconds(),
                };
                Some(keys.dek.encrypt_note(&note, &Place::Upload).await?)
            }
            false => None,
        };
        let blob = NewBlob {
            filename: file.name.clone(),
            content_type: file.content_type.clone(),
            byte_size: file.length,
            encrypted_resume,
        };
        let blob = attachments::begin_upload(self.vault(), blob).await?;
        Ok(Upload { key: Rc::new(key), blob: Some(*blob), stored: BTreeMap::new() })
    }

    /// Encrypts and sends what the server does not have, and gives the seal of every chunk.
    async fn send(
        &self,
        upload: &Upload,
        file: &NewFile,
        source: &mut dyn FileSource,
        progress: &ProgressListener,
    ) -> Result<Sent, Interruption> {
        let url = upload.blob.as_ref().map(|blob| self.vault().signed_url(&blob.url)).transpose()?;
        let attempt = UploadAttempt::generate()?;
        let (mut seals, mut in_flight) = (Vec::new(), FuturesUnordered::new());
        let (mut done, total) = (0, file.length.unwrap_or_default());
        progress.report("uploading the file", 0, total);
        let mut chunk = source.next_chunk().await?;
        loop {
            let next = if chunk.len() == FILE_CHUNK_BYTES { source.next_chunk().await? } else { Zeroizing::default() };
            let index = u32::try_from(seals.len()).map_err(|_| Error::invalid_argument("the file is too long"))?;
            let place = ChunkPlace { index, is_last: next.is_empty() };
            let length = chunk.len() as u64;
            match (upload.stored.get(&place), &url) {
                (Some(seal), _) if upload.key.is_sealed_as(seal, &chunk).await? => {
                    seals.push(*seal);
                    done += length;
                }
                (None, Some(url)) => {
                    let (ciphertext, seal) = upload.key.seal_chunk(&chunk, place, attempt).await?;
                    seals.push(seal);
                    let vault = self.vault();
                    in_flight.push(async move {
                        let id = seal.to_block_id();
                        attachments::put_block(vault, Block { url, id: &id }, ciphertext).await.map(|()| length)
                    });
                }
                // Of a file that is whole already, or of another one.
                (Some(_), _) | (None, None) => return Err(Interruption::OtherContent),
            }
            let at_once = if place.is_last { 0 } else { CHUNKS_IN_FLIGHT - 1 };
            while in_flight.len() > at_once {
                if let Some(sent) = in_flight.next().await {
                    done += sent?;
                }
                progress.report("uploading the file", done, total);
            }
            if place.is_last {
                break;
            }
            chunk = next;
        }
        if file.length.is_some_and(|length| length != done) {
            return Err(Error::invalid_argument("the file is not as long as it was said to be").into());
        }
        // What is stored besides is of another file.
        let is_all = url.is_some() || seals.len() == upload.stored.len();
        if is_all { Ok(Sent { seals, length: done }) } else { Err(Interruption::OtherContent) }
    }

    /// Commits the file, stores what decrypts its chunks beside it, and makes an attachment of both.
    async fn finish_upload(&self, file: &NewFile, blob: &UploadUrl, key: &FileKey, sent: &Sent) -> Result<Id> {
        let vault = self.vault();
        let blocks: Vec<String> = sent.seals.iter().map(ChunkSeal::to_block_id).collect();
        attachments::commit_blocks(vault, &vault.signed_url(&blob.url)?, &blocks).await?;
        let artifacts = serde_json::to_vec(&artifacts_of(sent, key))
            .map_err(|_| Error::internal("a file's artifacts could not be serialized"))?;
        let beside = NewBlob {
            filename: format!("{}.encryption_artifacts", file.name),
            content_type: "application/json".to_owned(),
            byte_size: Some(artifacts.len() as u64),
            encrypted_resume: None,
        };
        let beside = attachments::begin_upload(vault, beside).await?;
        let url = vault.signed_url(&beside.url)?;
        let mut ids = Vec::new();
        for part in artifacts.chunks(FILE_CHUNK_BYTES) {
            let id = attachments::block_id(ids.len());
            attachments::put_block(vault, Block { url: &url, id: &id }, part.to_vec()).await?;
            ids.push(id);
        }
        attachments::commit_blocks(vault, &url, &ids).await?;
        let blobs = UploadedBlobs {
            blob_id: blob.blob_id,
            blob_key: blob.blob_key.clone(),
            encrypted_artifact_blob_id: beside.blob_id,
            encrypted_artifact_blob_key: beside.blob_key,
        };
        Ok(attachments::create(vault, blobs).await?.id)
    }
}

impl Upload {
    /// One that is complete, to compare with.
    fn made(made: &Unattached) -> Self {
        let stored = made.seals.iter().filter_map(|seal| Some((seal.place()?, *seal))).collect();
        Upload { key: Rc::clone(&made.key), blob: None, stored }
    }
}

fn check(file: &NewFile) -> Result<()> {
    let names = [Some(&file.name), file.label.as_ref()];
    if names.into_iter().flatten().any(|name| name.trim_ascii().is_empty()) {
        return Err(Error::invalid_argument("the file has no name"));
    }
    if file.name.chars().count() > LONGEST_NAME {
        return Err(Error::invalid_argument(format!("the file's name is longer than {LONGEST_NAME} characters")));
    }
    Ok(())
}

/// A shorter one is sent again as quickly as it is asked for.
fn is_resumable(file: &NewFile) -> bool {
    file.length.is_some_and(|length| length > FILE_CHUNK_BYTES as u64)
}

fn artifacts_of(Sent { seals, length }: &Sent, key: &FileKey) -> EncryptionArtifacts {
    let chunk = FILE_CHUNK_BYTES as u64;
    // None of an empty file, of which the one chunk has nothing to read.
    let range = (0..length.div_ceil(chunk)).map(|index| {
        let end = length.min(&((index + 1) * chunk)).saturating_sub(1);
        format!("bytes={}-{end}", index * chunk)
    });
    EncryptionArtifacts {
        iv: seals.iter().map(|seal| Buffer::from(seal.iv.as_slice())).collect(),
        ad: ADDITIONAL_DATA.to_owned(),
        at: seals.iter().map(|seal| Buffer::from(seal.tag.as_slice())).collect(),
        range: range.collect(),
        encryption_strategy: AES_GCM.to_owned(),
        encryption_stratergy: AES_GCM.to_owned(),
        size: Some(*length),
        vs1: Some(key.authenticate(seals)),
    }
}
