//! The auth file: a session as `users:create` prints it and every other command reads it.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use vaultshare::{
    crypto::UserSecret,
    workflows::{Client, KeptSession, Session},
};
use zeroize::{Zeroize, Zeroizing};

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

/// Everything that makes a session, as it stands in auth files and inside the files of create-config commands.
#[derive(Serialize, Deserialize)]
pub(crate) struct Authentication {
    data_encryption_key: String,
    key_encryption_key: String,
    keystore_access_token: String,
    passphrase_derived_key: String,
    secret: String,
    vault_access_token: String,
}

impl Authentication {
    /// The session, without a word to either server.
    pub(crate) async fn resume(&self, client: &Client) -> anyhow::Result<Session> {
        let kept = KeptSession {
            secret: self.secret.clone().into(),
            key_encryption_key: self.key_encryption_key.clone().into(),
            data_encryption_key: self.data_encryption_key.clone().into(),
            keystore_access_token: self.keystore_access_token.clone().into(),
            vault_access_token: self.vault_access_token.clone().into(),
        };
        Ok(client.resume(kept).await?)
    }
}

impl Drop for Authentication {
    fn drop(&mut self) {
        self.data_encryption_key.zeroize();
        self.key_encryption_key.zeroize();
        self.keystore_access_token.zeroize();
        self.passphrase_derived_key.zeroize();
        self.secret.zeroize();
        self.vault_access_token.zeroize();
    }
}

/// Prints the auth file of a session, or writes it where only its owner can read it.
pub(crate) async fn give(session: &Session, passphrase: &str, output: Option<&Path>) -> anyhow::Result<()> {
    let kept = session.keep()?;
    let passphrase_key = UserSecret::parse(&kept.secret)?.derive_passphrase_key(passphrase).await?;
    let file = AuthFile {
        kind: KIND,
        metadata: Authentication {
            data_encryption_key: kept.data_encryption_key.to_string(),
            key_encryption_key: kept.key_encryption_key.to_string(),
            keystore_access_token: kept.keystore_access_token.to_string(),
            passphrase_derived_key: passphrase_key.to_base64url().to_string(),
            secret: kept.secret.to_string(),
            vault_access_token: kept.vault_access_token.to_string(),
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

/// What an auth file says.
pub(crate) fn read(path: &Path) -> anyhow::Result<Authentication> {
    let file: ConfigFile<Authentication, Option<IgnoredAny>> = config_file::read(path, KIND)?;
    warn_if_others_can_read(path);
    Ok(file.metadata)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // A file that was there keeps its mode when it is opened.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

#[cfg(unix)]
fn warn_if_others_can_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0) {
        eprintln!("Warning: {} holds keys and can be read by others: chmod 600 it", path.display());
    }
}

#[cfg(not(unix))]
fn warn_if_others_can_read(_: &Path) {}
