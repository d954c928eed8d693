//! Reading the files of items. `docs/protocol/http-api.md` §12.

use std::{cell::RefCell, fmt, ops::Range, rc::Rc};

use futures_util::{
    future::LocalBoxFuture,
    stream::{FuturesOrdered, StreamExt},
};
use zeroize::Zeroizing;

use super::{
    Item, Session, Slot,
    refusals::{bad_response, expect_id},
};
use crate::{
    api::{
        Id,
        vault::{
            attachments::{self, Attachment, EncryptionArtifacts},
            thumbnails::{SizeType, Thumbnail},
        },
    },
    crypto::{ChunkPlace, ChunkSeal, FILE_CHUNK_BYTES, FileKey, envelope::ADDITIONAL_DATA, places::misplaced},
    error::{Error, ErrorCode, Result},
    http::{MAXIMUM_REPLY_LENGTH, SignedUrl},
};

/// How many chunks are on their way at a time, either way. Each is in memory meanwhile.
pub(super) const CHUNKS_IN_FLIGHT: usize = 4;

/// How many bytes of the longer chunks of other clients are, where those are more than one.
const BYTES_IN_FLIGHT: usize = CHUNKS_IN_FLIGHT * FILE_CHUNK_BYTES;

/// The type of slots that are made for files.
pub(super) const ATTACHMENT: &str = "attachment";

/// The types of slots that can stand for a file. Templates have some for pictures.
pub(super) const SLOT_TYPES: [&str; 2] = [ATTACHMENT, "image"];

/// What a file is encrypted by, as its artifacts call it.
pub(super) const AES_GCM: &str = "AES-GCM";

/// A file of an item, own or received, and the key that reads it.
#[derive(Clone)]
pub struct AttachedFile {
    pub(super) session: Session,
    pub(super) key: Rc<FileKey>,
    /// The item, by the reading user's id of it.
    pub item_id: Id,
    /// The slot that stands for the file, by the reading user's id of it.
    pub slot_id: Id,
    /// The slot's.
    pub label: String,
    /// The Vault's record of the file. Nothing vouches for what it says.
    pub record: Attachment,
    pub(super) thumbnails: Rc<RefCell<Vec<(SizeType, Thumbnail)>>>,
}

impl fmt::Debug for AttachedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AttachedFile").field("slot_id", &self.slot_id).finish_non_exhaustive()
    }
}

/// A file that is being read, from its beginning or from within.
pub struct FileReader {
    source: Source,
    /// Bytes that the chunks have before the wanted ones.
    skip: usize,
    left: u64,
}

enum Source {
    Chunks(Chunks),
    /// Of a file that is one envelope.
    Whole(Option<Zeroizing<Vec<u8>>>),
}

struct Chunks {
    session: Session,
    key: Rc<FileKey>,
    attachment: Id,
    url: Rc<RefCell<SignedUrl>>,
    chunks: std::iter::Peekable<std::vec::IntoIter<Chunk>>,
    /// Bytes of the chunks that are being read.
    in_flight: usize,
    /// In order. Those behind the first are read ahead.
    reading: FuturesOrdered<LocalBoxFuture<'static, Result<Zeroizing<Vec<u8>>>>>,
}

/// Where a chunk is, and what decrypts it.
#[derive(Debug)]
struct Chunk {
    start: u64,
    length: usize,
    seal: ChunkSeal,
}

impl AttachedFile {
    /// `INVALID_ARGUMENT` for a slot that stands for no file, or does not hold its key.
    pub(super) fn of(session: &Session, item: &Item, slot: &Slot) -> Result<Self> {
        let no_file = || Error::invalid_argument("the slot has no file");
        // Which a value of this client vouches for. Another's could be a password, not a key.
        if !SLOT_TYPES.contains(&slot.record.slot_type_name.as_str()) {
            return Err(no_file());
        }
        let id = slot.record.attachment_id.as_ref().ok_or_else(no_file)?;
        let key = FileKey::from_value(slot.value.as_deref().ok_or_else(no_file)?)?;
        let record = item.attachments.iter().find(|record| record.id == *id).cloned();
        let record = record.unwrap_or_else(|| Attachment::unknown(id));
        let of_file = item.thumbnails.iter().filter(|thumbnail| thumbnail.attachment_id == *id);
        let known = of_file.filter_map(|thumbnail| Some((SizeType::parse(&thumbnail.size_type)?, thumbnail.clone())));
        let mut thumbnails: Vec<_> = known.collect();
        thumbnails.sort_unstable_by_key(|(size_type, _)| size_type.as_str());
        Ok(AttachedFile {
            session: session.clone(),
            key: Rc::new(key),
            item_id: item.record.id.clone(),
            slot_id: slot.record.id.clone(),
            label: slot.record.label.clone(),
            record,
            thumbnails: Rc::new(RefCell::new(thumbnails)),
        })
    }

    /// Opens the file for reading from `start` to before `end`, of what there is of that.
    ///
    /// A file that this client wrote is read as it was written or not at all: chunks that were exchanged, left out, or taken
    /// from elsewhere are `MISPLACED` or `DECRYPTION_FAILED`, before anything of them is given. Of the files of other clients a
    /// server can exchange, repeat and leave out whole chunks; with `require_bound` those are `UNBOUND_VALUE`.
    pub async fn open(&self, range: Range<u64>, require_bound: bool) -> Result<FileReader> {
        self.session.keys()?;
        let id = &self.record.id;
        let record = attachments::get(self.session.vault(), id).await?;
        expect_id(id, &record.id)?;
        let (Some(main), Some(beside)) = (&record.main, &record.encryption_artifact) else {
            return self.open_envelope(range, require_bound).await;
        };
        let artifacts =
            attachments::read_small_blob(self.session.vault(), &self.session.vault().signed_url(&beside.url)?).await?;
        let (chunks, is_bound) = chunks_of(&artifacts, &self.key)?;
        if require_bound && !is_bound {
            return Err(unbound());
        }
        let length = chunks.last().map_or(0, |last| last.start + last.length as u64);
        let wanted = range.start.min(length)..range.end.min(length);
        let overlaps = |chunk: &Chunk| {
            let end = chunk.start + chunk.length as u64;
            // Where nothing is wanted, the last chunk: where it ends is the server's word, until it decrypts.
            if wanted.is_empty() { end == length } else { chunk.start < wanted.end && wanted.start < end }
        };
        let chunks: Vec<Chunk> = chunks.into_iter().filter(overlaps).collect();
        let before = chunks.first().map_or(0, |first| wanted.start.saturating_sub(first.start));
        let source = Chunks {
            session: self.session.clone(),
            key: Rc::clone(&self.key),
            attachment: id.clone(),
            url: Rc::new(RefCell::new(self.session.vault().signed_url(&main.url)?)),
            chunks: chunks.into_iter().peekable(),
            in_flight: 0,
            reading: FuturesOrdered::new(),
        };
        Ok(FileReader {
            source: Source::Chunks(source),
            skip: usize::try_from(before).unwrap_or(usize::MAX),
            left: wanted.end.saturating_sub(wanted.start),
        })
    }

    async fn open_envelope(&self, range: Range<u64>, require_bound: bool) -> Result<FileReader> {
        if require_bound {
            return Err(unbound());
        }
        let envelope = attachments::download(self.session.vault(), &self.record.id).await?;
        let envelope = String::from_utf8(envelope).map_err(|_| bad_response("the file is no envelope"))?;
        let bytes = self.key.open_envelope(envelope.trim_ascii()).await?;
        let length = bytes.len() as u64;
        let start = range.start.min(length);
        Ok(FileReader {
            source: Source::Whole(Some(bytes)),
            skip: usize::try_from(start).unwrap_or(usize::MAX),
            left: range.end.min(length).saturating_sub(start),
        })
    }
}

impl FileReader {
    /// How many bytes are to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes, at most a chunk; `None` at the end. An error ends the file.
    pub async fn next_chunk(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let chunk = match &mut self.source {
            Source::Chunks(chunks) => chunks.next().await?,
            Source::Whole(bytes) => bytes.take(),
        };
        let Some(mut chunk) = chunk else {
            return if self.left == 0 { Ok(None) } else { Err(bad_response("the file ends before its end")) };
        };
        let skipped = self.skip.min(chunk.len());
        self.skip = 0;
        let wanted = (chunk.len() - skipped).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= wanted as u64;
        if skipped > 0 {
            chunk.copy_within(skipped.., 0);
        }
        chunk.truncate(wanted);
        Ok((wanted > 0).then_some(chunk))
    }
}

impl Chunks {
    async fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        while let Some(chunk) = self.chunks.next_if(|chunk| {
            let is_within = self.in_flight + chunk.length <= BYTES_IN_FLIGHT;
            self.reading.is_empty() || self.reading.len() < CHUNKS_IN_FLIGHT && is_within
        }) {
            self.in_flight += chunk.length;
            self.reading.push_back(self.read(chunk));
        }
        let read = self.reading.next().await.transpose()?;
        self.in_flight -= read.as_ref().map_or(0, |bytes| bytes.len());
        Ok(read)
    }

    fn read(&self, chunk: Chunk) -> LocalBoxFuture<'static, Result<Zeroizing<Vec<u8>>>> {
        let (session, key, attachment) = (self.session.clone(), Rc::clone(&self.key), self.attachment.clone());
        let current = Rc::clone(&self.url);
        Box::pin(async move {
            let Chunk { start, length, seal } = chunk;
            // Nothing is read on for a session that was closed.
            session.keys()?;
            let vault = session.vault();
            let url = current.borrow().clone();
            let ciphertext = match attachments::read_blob(vault, &url, start, length).await {
                // Addresses end within the hour; reading may take longer.
                Err(error) if matches!(error.code(), ErrorCode::Forbidden | ErrorCode::Unauthorized) => {
                    let record = attachments::get(vault, &attachment).await?;
                    let main = record.main.ok_or_else(|| bad_response("the server names no address for the file"))?;
                    let renewed = vault.signed_url(&main.url)?;
                    current.replace(renewed.clone());
                    attachments::read_blob(vault, &renewed, start, length).await
                }
                read => read,
            };
            key.open_chunk(ciphertext?, &seal).await
        })
    }
}

impl Attachment {
    /// A record that the server did not send.
    fn unknown(id: &Id) -> Self {
        Attachment {
            id: id.clone(),
            filename: String::new(),
            content_type: String::new(),
            bytesize: None,
            bytesize_checked_at: None,
            user_id: None,
            created_at: String::new(),
            is_direct_upload: false,
            main: None,
            encryption_artifact: None,
            attachment_uid: None,
            url: None,
        }
    }
}

fn unbound() -> Error {
    Error::new(
        ErrorCode::UnboundValue,
        "the file was written by a client that does not bind its chunks to their places",
    )
}

/// The chunks of a file, and whether each names its place: then all do, each its own, and the last one the end, and the file's
/// key authenticates them together. `MISPLACED` where they do not.
fn chunks_of(json: &[u8], key: &FileKey) -> Result<(Vec<Chunk>, bool)> {
    let refused = || bad_response("what decrypts the file's chunks is not what the protocol says");
    let artifacts: EncryptionArtifacts = serde_json::from_slice(json).map_err(|_| refused())?;
    let count = artifacts.at.len();
    let is_empty = artifacts.range.is_empty() && count == 1;
    let is_known = [&artifacts.encryption_strategy, &artifacts.encryption_stratergy].contains(&&AES_GCM.to_owned());
    let is_complete = artifacts.iv.len() == count && (artifacts.range.len() == count || is_empty);
    if count == 0 || !is_complete || !is_known || artifacts.ad != ADDITIONAL_DATA {
        return Err(refused());
    }
    let mut chunks: Vec<Chunk> = Vec::with_capacity(count);
    let mut is_bound = false;
    for (index, (iv, tag)) in (0..).zip(artifacts.iv.iter().zip(&artifacts.at)) {
        let (iv, tag) = (iv.data.as_slice().try_into(), tag.data.as_slice().try_into());
        let (Ok(iv), Ok(tag)) = (iv, tag) else { return Err(refused()) };
        let seal = ChunkSeal { iv, tag };
        let start = chunks.last().map_or(0, |last| last.start + last.length as u64);
        let range = artifacts.range.get(index as usize);
        let length = if is_empty { Some(0) } else { range.and_then(|range| length_of(range, start)) };
        let length = length.ok_or_else(refused)?;
        let is_last = index as usize + 1 == count;
        match seal.place() {
            Some(place) if index == 0 || is_bound => {
                is_bound = true;
                let is_here = place == ChunkPlace { index, is_last };
                if !is_here || !is_last && length != FILE_CHUNK_BYTES {
                    return Err(misplaced());
                }
            }
            None if !is_bound => {}
            _ => return Err(misplaced()),
        }
        chunks.push(Chunk { start, length, seal });
    }
    if is_bound {
        let seals: Vec<ChunkSeal> = chunks.iter().map(|chunk| chunk.seal).collect();
        if !artifacts.vs1.is_some_and(|code| key.is_authentic(&seals, &code)) {
            return Err(misplaced());
        }
    }
    Ok((chunks, is_bound))
}

/// Of a range as `bytes=0-1048575`, which begins at `start`.
fn length_of(range: &str, start: u64) -> Option<usize> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let length = usize::try_from(last.checked_sub(first)?.checked_add(1)?).ok()?;
    (first == start && length <= MAXIMUM_REPLY_LENGTH).then_some(length)
}
