use std::{
    cell::Cell,
    fs::{self, File},
    io::{ErrorKind, Read, Seek, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use vaultshare::{
    Error, Result,
    api::{
        Id,
        vault::{attachments::Attachment, items, thumbnails::SizeType},
    },
    crypto::FILE_CHUNK_BYTES,
    workflows::{AttachedFile, FileSource, NewFile, Picture, Progress, ProgressListener},
};
use zeroize::Zeroizing;

use super::{Terminal, shown};
use crate::{
    arguments::{Auth, OneConfig},
    config_file::{self, ConfigFile},
    output::{self, Document, SlotSpec, is_unprintable, printable},
};

const KIND: &str = "FileAttachment";
const THUMBNAIL: &str = "Thumbnail";

/// How often a long way is told of.
const STEPS: u64 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    item_id: Id,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    label: Option<String>,
    /// The name of the item's slot for it.
    slot: Option<String>,
    file: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ThumbnailMetadata {
    item_id: Id,
    slot_id: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ThumbnailSpec {
    file: PathBuf,
    size_type: String,
}

/// As the platform's command line prints it.
#[derive(Serialize)]
struct Attached<'a> {
    attachment: &'a Attachment,
    slots: Vec<SlotSpec<'a>>,
    item: &'a items::Item,
}

pub(super) async fn attach(terminal: &Terminal, config: &OneConfig) -> anyhow::Result<()> {
    let ConfigFile { metadata: Metadata { item_id }, spec, .. }: ConfigFile<_, Spec> =
        config_file::read(&config.config, KIND)?;
    let path = spec.file;
    let cannot_read = || format!("cannot read {}", shown(&path));
    let file = File::open(&path).with_context(cannot_read)?;
    let about = file.metadata().with_context(cannot_read)?;
    if !about.is_file() {
        bail!("{} is no file", shown(&path));
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{} has no name that can be written down", shown(&path)))?;
    let new = NewFile {
        name: name.to_owned(),
        content_type: mime_guess::from_path(&path).first_or_octet_stream().to_string(),
        label: spec.label,
        slot: spec.slot,
        length: Some(about.len()),
    };
    let session = terminal.session(&config.auth).await?;
    let attached = session.attach_file(&item_id, &new, &mut OnDisk(file), &steps()).await?;
    let item = session.get_item(&item_id).await?;
    let slots = item.slots.iter().filter(|slot| slot.record.id == attached.slot_id).map(SlotSpec::new);
    output::print(&Attached { attachment: &attached.record, slots: slots.collect(), item: &item.record })
}

pub(super) async fn create_thumbnail(terminal: &Terminal, config: &OneConfig) -> anyhow::Result<()> {
    let ConfigFile { metadata, spec, .. }: ConfigFile<_, ThumbnailSpec> = config_file::read(&config.config, THUMBNAIL)?;
    let ThumbnailMetadata { item_id, slot_id } = metadata;
    let size_type = SizeType::parse(&spec.size_type)
        .context("`sizeType` is 128x128, 256x256 or 512x512, with /jpg or /png behind it")?;
    let cannot_read = || format!("cannot read {}", shown(&spec.file));
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(&spec.file).with_context(cannot_read)?;
    file.take(Picture::LONGEST + 1).read_to_end(&mut bytes).with_context(cannot_read)?;
    let picture = Picture::new(bytes, size_type)?;
    let file = file_of(terminal, &item_id, &slot_id, &config.auth).await?;
    output::print(&Document { kind: THUMBNAIL, spec: file.add_thumbnail(&picture).await? })
}

pub(super) async fn get_thumbnail(
    terminal: &Terminal,
    (item, slot, thumbnail): (&Id, &Id, &Id),
    folder: &Path,
    auth: &Auth,
) -> anyhow::Result<()> {
    let file = file_of(terminal, item, slot, auth).await?;
    let thumbnails = file.thumbnails();
    let known = thumbnails.iter().find(|(_, record)| record.id == *thumbnail);
    let known @ (size_type, _) = known.with_context(|| format!("the file has no thumbnail {thumbnail}"))?;
    let mut written = NewInFolder::create(folder, &format!("{thumbnail}.{}", size_type.extension()))?;
    written.write(&file.read_thumbnail(known).await?)?;
    written.keep()
}

pub(super) async fn get(terminal: &Terminal, item: &Id, slot: &Id, folder: &Path, auth: &Auth) -> anyhow::Result<()> {
    let file = file_of(terminal, item, slot, auth).await?;
    let mut written = NewInFolder::create(folder, &file_name(&file.record.filename))?;
    let mut reader = file.open(0..u64::MAX, false).await?;
    while let Some(chunk) = reader.next_chunk().await? {
        written.write(&chunk)?;
    }
    written.keep()
}

async fn file_of(terminal: &Terminal, item: &Id, slot: &Id, auth: &Auth) -> anyhow::Result<AttachedFile> {
    let files = terminal.session(auth).await?.list_files(item).await?;
    let file = files.into_iter().find(|file| file.slot_id == *slot);
    file.with_context(|| format!("the item has no file in a slot {slot}"))
}

/// A file that is in a folder as a whole, or not at all.
struct NewInFolder {
    path: PathBuf,
    written: NamedTempFile,
}

impl NewInFolder {
    /// Refuses a name that is there, before a long way. Somebody else may still take it meanwhile.
    fn create(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(is_there(&path));
        }
        let written = fs::create_dir_all(folder).and_then(|()| NamedTempFile::new_in(folder));
        Ok(NewInFolder { written: written.with_context(|| cannot_write(&path))?, path })
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.written.write_all(bytes).with_context(|| cannot_write(&self.path))
    }

    fn keep(self) -> anyhow::Result<()> {
        let NewInFolder { path, written } = self;
        written.as_file().sync_all().with_context(|| cannot_write(&path))?;
        written.persist_noclobber(&path).map_err(|error| match error.error.kind() {
            ErrorKind::AlreadyExists => is_there(&path),
            _ => anyhow!(error.error).context(cannot_write(&path)),
        })?;
        output::write(&format!("{}\n", printable(&shown(&path))))
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", shown(path))
}

fn is_there(path: &Path) -> anyhow::Error {
    anyhow!("{} is there already", shown(path))
}

/// A name for a file in a folder of the user's. What it is called is the server's word: it has no way to another folder, hides
/// nothing and is no name that a system keeps for itself.
fn file_name(told: &str) -> String {
    // By a character of one byte that is no separator, as escapes would not be: they have a backslash, and lengthen the name.
    let seen: String = told.chars().map(|character| if is_unprintable(character) { '_' } else { character }).collect();
    // Before a system's own names are looked for, which may stand behind these.
    let begun = seen.trim_start_matches(['.', '-', ' ']);
    if begun.is_empty() {
        return "attachment".to_owned();
    }
    let options = sanitize_filename::Options { windows: true, truncate: true, replacement: "_" };
    sanitize_filename::sanitize_with_options(begun, options)
}

/// Of a way of many small steps some are told.
fn steps() -> ProgressListener {
    let told = Cell::new(None);
    ProgressListener::new(move |Progress { phase, done, total }| {
        let step = done * STEPS / total.max(1);
        if told.replace(Some(step)) != Some(step) {
            eprintln!("[{done}/{total}] {phase}");
        }
    })
}

struct OnDisk(File);

impl FileSource for OnDisk {
    fn next_chunk(&mut self) -> LocalBoxFuture<'_, Result<Zeroizing<Vec<u8>>>> {
        let mut chunk = Zeroizing::new(Vec::with_capacity(FILE_CHUNK_BYTES));
        let read = (&self.0).take(FILE_CHUNK_BYTES as u64).read_to_end(&mut chunk);
        let read = read.map_err(|error| Error::invalid_argument(format!("the file could not be read: {error}")));
        ready(read.map(|_| chunk)).boxed_local()
    }

    fn rewind(&mut self) -> bool {
        self.0.rewind().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_servers_name_leads_nowhere_else_and_hides_nothing() {
        for (told, name) in [
            ("a picture.png", "a picture.png"),
            ("Größe.txt", "Größe.txt"),
            ("../../.ssh/authorized_keys", "_.._.ssh_authorized_keys"),
            ("/etc/passwd", "_etc_passwd"),
            ("..\\..\\x", "_.._x"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("..", "attachment"),
            ("...", "attachment"),
            ("", "attachment"),
            ("NUL", "_"),
            (".NUL", "_"),
            ("- aux.txt", "_"),
            ("a\u{0}b\nc", "a_b_c"),
            ("a\u{202e}gnp.exe", "a_gnp.exe"),
            ("\u{200b}.bashrc", "_.bashrc"),
            ("a\u{7f}b", "a_b"),
        ] {
            assert_eq!(file_name(told), name, "{told:?}");
        }
        for character in ["x", "\u{202e}", "\u{5317}"] {
            let name = file_name(&character.repeat(1000));
            assert!((1..=255).contains(&name.len()), "{name}");
        }
    }
}
