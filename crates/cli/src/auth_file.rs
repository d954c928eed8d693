//! The auth file: a session as `users:create` prints it and every other command reads it.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use tempfile::NamedTempFile;
use vaultshare::{
    crypto::UserSecret,
    workflows::{Client, Session, SessionSnapshot},
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::config_file::{self, ConfigFile};

const KIND: &str = "Authentication";

#[derive(Serialize)]
struct AuthFile {
    kind: &'static str,
    metadata: Authentication,
    spec: Spec,
}

#[derive(Serialize)]
struct Spec {}

/// A session, as it is stored in auth files and in the files of create-config commands.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Authentication {
    data_encryption_key: String,
    key_encryption_key: String,
    keystore_access_token: String,
    passphrase_derived_key: String,
    secret: String,
    vault_access_token: String,
}

impl Authentication {
    /// The session. Sends no request.
    pub(crate) async fn resume(&self, client: &Client) -> anyhow::Result<Session> {
        let snapshot = SessionSnapshot {
            secret: self.secret.clone().into(),
            key_encryption_key: self.key_encryption_key.clone().into(),
            data_encryption_key: self.data_encryption_key.clone().into(),
            keystore_access_token: self.keystore_access_token.clone().into(),
            vault_access_token: self.vault_access_token.clone().into(),
        };
        Ok(client.restore(snapshot).await?)
    }
}

/// Writes the auth file of a session to `output`, readable by its owner only, or else to standard output.
pub(crate) async fn write(session: &Session, passphrase: &str, output: Option<&Path>) -> anyhow::Result<()> {
    let snapshot = session.export()?;
    let passphrase_key = UserSecret::parse(&snapshot.secret)?.derive_passphrase_key(passphrase).await?;
    let file = AuthFile {
        kind: KIND,
        metadata: Authentication {
            data_encryption_key: snapshot.data_encryption_key.to_string(),
            key_encryption_key: snapshot.key_encryption_key.to_string(),
            keystore_access_token: snapshot.keystore_access_token.to_string(),
            passphrase_derived_key: passphrase_key.to_base64url().to_string(),
            secret: snapshot.secret.to_string(),
            vault_access_token: snapshot.vault_access_token.to_string(),
        },
        spec: Spec {},
    };
    let text = Zeroizing::new(serde_norway::to_string(&file)?);
    match output {
        None => print!("{}", *text),
        Some(path) => write_private(path, &text).with_context(|| format!("cannot write {}", path.display()))?,
    }
    Ok(())
}

/// The session of an auth file.
pub(crate) async fn session(client: &Client, path: &Path) -> anyhow::Result<Session> {
    read(path)?.resume(client).await
}

/// The secret of an auth file.
pub(crate) fn secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    Ok(read(path)?.secret.clone().into())
}

pub(crate) fn read(path: &Path) -> anyhow::Result<Authentication> {
    let file: ConfigFile<Authentication, Option<IgnoredAny>> = config_file::read(path, KIND)?;
    warn_if_others_can_read(path);
    Ok(file.metadata)
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes a file atomically, readable by its owner only: a failed or interrupted write leaves the old file.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    // A device or a link is written to, not replaced.
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return open_private(path)?.write_all(text.as_bytes());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Created with mode 0600.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(unix)]
fn warn_if_others_can_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0) {
        eprintln!("Warning: {} holds keys and can be read by others: chmod 600 it", path.display());
    }
}

#[cfg(not(unix))]
fn warn_if_others_can_read(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_replaced_as_a_whole_and_never_written_into() {
        use std::{fs, io::Read, os::unix::fs::PermissionsExt};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.yaml");
        fs::write(&path, "the old one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let mut opened_before = fs::File::open(&path).unwrap();
        write_private(&path, "the new one").unwrap();
        let mut text = String::new();
        opened_before.read_to_string(&mut text).unwrap();
        assert_eq!(text, "the old one", "whoever could read the old file cannot read the new one through it");
        assert_eq!(fs::read_to_string(&path).unwrap(), "the new one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_private_file_that_cannot_be_written_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a folder");
        std::fs::create_dir(&path).unwrap();
        assert!(write_private(&path, "the new one").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }
}
