//! The auth file: a session as `users:create` prints it and every other command reads it.

use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use vaultshare::{
    crypto::UserSecret,
    workflows::{Client, Session, SessionSnapshot},
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    config_file::{self, ConfigFile},
    output, private_file,
};

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
    /// Absent in files of other tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_key_fingerprint: Option<String>,
    passphrase_derived_key: String,
    secret: String,
    vault_access_token: String,
}

impl Authentication {
    /// The session, whose tokens the Vault is asked about.
    pub(crate) async fn resume(&self, client: &Client) -> anyhow::Result<Session> {
        let snapshot = SessionSnapshot {
            secret: self.secret.clone().into(),
            key_encryption_key: self.key_encryption_key.clone().into(),
            data_encryption_key: self.data_encryption_key.clone().into(),
            keystore_access_token: self.keystore_access_token.clone().into(),
            vault_access_token: self.vault_access_token.clone().into(),
            login_key: self.login_key_fingerprint.clone(),
        };
        Ok(client.restore(snapshot).await?)
    }

    /// Chosen when the user registered; no server can exchange it later.
    pub(crate) fn username(&self) -> anyhow::Result<String> {
        Ok(UserSecret::parse(&self.secret)?.username().to_owned())
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
            login_key_fingerprint: snapshot.login_key.clone(),
            passphrase_derived_key: passphrase_key.to_base64url().to_string(),
            secret: snapshot.secret.to_string(),
            vault_access_token: snapshot.vault_access_token.to_string(),
        },
        spec: Spec {},
    };
    let text = Zeroizing::new(serde_norway::to_string(&file)?);
    match output {
        None => output::write(&text),
        Some(path) => private_file::write(path, &text).with_context(|| format!("cannot write {}", path.display())),
    }
}

/// The secret of an auth file.
pub(crate) fn secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    Ok(read(path)?.secret.clone().into())
}

pub(crate) fn read(path: &Path) -> anyhow::Result<Authentication> {
    let file: ConfigFile<Authentication, Option<IgnoredAny>> = config_file::read_with_keys(path, KIND)?;
    Ok(file.metadata)
}
