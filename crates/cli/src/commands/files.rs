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
        vault::{attachments::Attachment, items},
    },
    crypto::FILE_CHUNK_BYTES,
    workflows::{FileSource, NewFile, Progress, ProgressListener},
};
use zeroize::Zeroizing;

use super::{Terminal, shown};
use crate::{
    arguments::{Auth, OneConfig},
    config_file::{self, ConfigFile},
    output::{self, SlotSpec, is_unprintable, printable},
};

const KIND: &str = "FileAttachment";

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
    file: PathBuf,
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
        length: Some(about.len()),
    };
    let session = terminal.session(&config.auth).await?;
    let attached = session.attach_file(&item_id, &new, &mut OnDisk(file), &steps()).await?;
    let item = session.get_item(&item_id).await?;
    let slots = item.slots.iter().filter(|slot| slot.record.id == attached.slot_id).map(SlotSpec::new);
    output::print(&Attached { attachment: &attached.record, slots: slots.collect(), item: &item.record })
}

pub(super) async fn get(terminal: &Terminal, item: &Id, slot: &Id, folder: &Path, auth: &Auth) -> anyhow::Result<()> {
    let files = terminal.session(auth).await?.list_files(item).await?;
    let file = files.iter().find(|file| file.slot_id == *slot);
    let file = file.with_context(|| format!("the item has no file in a slot {slot}"))?;
    let path = folder.join(file_name(&file.record.filename));
    let cannot_write = || format!("cannot write {}", shown(&path));
    let is_there = || anyhow!("{} is there already", shown(&path));
    // Before a long way. Somebody else may still make one meanwhile.
    if path.symlink_metadata().is_ok() {
        return Err(is_there());
    }
    fs::create_dir_all(folder).with_context(cannot_write)?;
    // Beside it, so that a file of this name is whole.
    let mut written = NamedTempFile::new_in(folder).with_context(cannot_write)?;
    let mut reader = file.open(0..u64::MAX, false).await?;
    while let Some(chunk) = reader.next_chunk().await? {
        written.write_all(&chunk).with_context(cannot_write)?;
    }
    written.as_file().sync_all().with_context(cannot_write)?;
    written.persist_noclobber(&path).map_err(|error| match error.error.kind() {
        ErrorKind::AlreadyExists => is_there(),
        _ => anyhow!(error.error).context(cannot_write()),
    })?;
    output::write(&format!("{}\n", printable(&shown(&path))))
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
