//! The auth file: a session as `users:create` prints it and every other command reads it.

use std::{fs, path::Path};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use vaultshare::{
    crypto::UserSecret,
    workflows::{Client, KeptSession, Session},
};
use zeroize::Zeroizing;

const KIND: &str = "Authentication";

#[derive(Serialize, Deserialize)]
struct AuthFile {
    kind: String,
    metadata: Authentication,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Serialize, Deserialize)]
struct Spec {}

#[derive(Serialize, Deserialize)]
struct Authentication {
    data_encryption_key: String,
    key_encryption_key: String,
    keystore_access_token: String,
    passphrase_derived_key: String,
    secret: String,
    vault_access_token: String,
}

/// The auth file of a session.
pub(crate) async fn print(session: &Session, passphrase: &str) -> anyhow::Result<String> {
    let kept = session.keep()?;
    let passphrase_key = UserSecret::parse(&kept.secret)?.passphrase_key(passphrase).await?;
    let file = AuthFile {
        kind: KIND.to_owned(),
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
    Ok(serde_norway::to_string(&file)?)
}

/// The session of an auth file.
pub(crate) async fn session(client: &Client, path: &Path) -> anyhow::Result<Session> {
    let metadata = read(path)?.metadata;
    let kept = KeptSession {
        secret: metadata.secret.into(),
        key_encryption_key: metadata.key_encryption_key.into(),
        data_encryption_key: metadata.data_encryption_key.into(),
        keystore_access_token: metadata.keystore_access_token.into(),
        vault_access_token: metadata.vault_access_token.into(),
    };
    Ok(client.resume(kept).await?)
}

/// The secret of an auth file.
pub(crate) fn secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    Ok(read(path)?.metadata.secret.into())
}

fn read(path: &Path) -> anyhow::Result<AuthFile> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the auth file {}", path.display()))?;
    let text = Zeroizing::new(text);
    warn_if_others_can_read(path);
    // A parser's message may quote what it read, and what it read is secret.
    let Ok(file) = serde_norway::from_str::<AuthFile>(&text) else {
        bail!("{} is not an auth file", path.display());
    };
    if file.kind != KIND {
        bail!("{} is a config file of incorrect kind: {} (expected '{KIND}')", path.display(), file.kind);
    }
    Ok(file)
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
