//! What sessions remember between commands, so that a server cannot go back behind what an earlier command saw.
//!
//! A file for each user, in a folder beside the file with their keys: auth files and the files of create-config commands
//! share it, and so do the sessions before and after signing in again. Its name is the username in the user's secret, and not
//! an id that a server could exchange.

use std::{
    fs::{self, DirBuilder, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use vaultshare::{ErrorCode, workflows::Session};

use crate::private_file;

/// Beside the file with the keys.
const FOLDER: &str = ".vaultshare";

pub(crate) struct MemoryFile {
    path: PathBuf,
    /// Held while the file is read and written again, so that of two commands at once neither loses what it saw.
    lock: PathBuf,
}

impl MemoryFile {
    /// The user's file in `folder`, or else beside the file with the keys. Makes the folder, so that one that cannot be
    /// written is an error before anything is done.
    pub(crate) fn of(username: &str, folder: Option<&Path>, keys: &Path) -> anyhow::Result<Self> {
        let folder = folder.map_or_else(|| beside(keys), Path::to_owned);
        let name = utf8_percent_encode(username, NON_ALPHANUMERIC);
        let file =
            MemoryFile { path: folder.join(format!("{name}.memory")), lock: folder.join(format!("{name}.lock")) };
        make_private(&folder).and_then(|()| file.open_lock()).with_context(|| {
            format!("cannot remember in {} what the server shows: name another folder by --memory", folder.display())
        })?;
        Ok(file)
    }

    fn open_lock(&self) -> io::Result<File> {
        private_file::options().truncate(false).open(&self.lock)
    }

    /// Gives a session what earlier ones remembered.
    pub(crate) async fn recall(&self, session: &Session) -> anyhow::Result<()> {
        let remembered = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            remembered => remembered.with_context(|| format!("cannot read {}", self.path.display()))?,
        };
        session.import_memory(&remembered).await.map_err(|error| match error.code() {
            ErrorCode::ServerNotProven => error.into(),
            _ => {
                let file = self.path.display();
                let advice = "remove it, which forgets what they saw";
                anyhow!(error).context(format!("{file} is not what this user's commands remembered; {advice}"))
            }
        })
    }

    /// Adds what a session has seen.
    pub(crate) async fn remember(&self, session: &Session) -> anyhow::Result<()> {
        // Until it is dropped.
        let lock = self.open_lock().and_then(|lock| lock.lock().map(|()| lock));
        let _lock = lock.with_context(|| format!("cannot lock {}", self.lock.display()))?;
        self.recall(session).await?;
        let memory = session.export_memory().await?;
        private_file::write(&self.path, &memory).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Of a pipe, the working folder.
fn beside(keys: &Path) -> PathBuf {
    let folder = keys.parent().filter(|_| keys.is_file());
    folder.unwrap_or(Path::new("")).join(FOLDER)
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
