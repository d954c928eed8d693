use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use vaultshare::{
    api::{Id, vault::me::UserType},
    crypto::UserSecret,
};
use zeroize::Zeroizing;

use super::{Terminal, progress};
use crate::{
    arguments::{Auth, NewSession},
    auth_file,
    output::{self, Document},
};

pub(super) async fn create(terminal: &Terminal, new: NewSession) -> anyhow::Result<()> {
    let passphrase = passphrase(new.passphrase)?;
    let secret = new.secret.map(|secret| UserSecret::parse(&secret)).transpose()?;
    let session = terminal.client.create_user(&passphrase, secret, &progress()).await?;
    let written = auth_file::write(&session, &passphrase, new.output.as_deref()).await;
    written.context("a user was registered, but not their secret kept: make another")?;
    let secret = UserSecret::parse(&session.secret()?)?;
    let memory = terminal.memory_of(secret.username(), new.output.as_deref().unwrap_or(Path::new("auth.yaml")))?;
    terminal.recall(&session, memory).await
}

pub(super) async fn login(terminal: &Terminal, new: NewSession, auth: &Auth) -> anyhow::Result<()> {
    let secret = match new.secret {
        Some(secret) => secret.into(),
        None => auth_file::secret(&auth.auth)?,
    };
    let secret = UserSecret::parse(&secret)?;
    let memory = terminal.memory_of(secret.username(), new.output.as_deref().unwrap_or(&auth.auth))?;
    let passphrase = passphrase(new.passphrase)?;
    let session = terminal.client.sign_in(secret, &passphrase, &progress()).await?;
    // Also that the Keystore proved itself, before the keys are written where commands take them.
    terminal.recall(&session, memory).await?;
    auth_file::write(&session, &passphrase, new.output.as_deref()).await
}

/// The passphrase of the command line, or else from a prompt without echo.
fn passphrase(typed: Option<String>) -> anyhow::Result<Zeroizing<String>> {
    let passphrase = match typed {
        Some(passphrase) => passphrase,
        None => rpassword::prompt_password("Passphrase: ").context("the passphrase cannot be asked for: give -p")?,
    };
    Ok(Zeroizing::new(passphrase))
}

#[derive(Serialize)]
struct UserData {
    id: Id,
    private_dek_external_id: Option<Id>,
    user_type: UserType,
}

pub(super) async fn get(terminal: &Terminal, auth: &Auth) -> anyhow::Result<()> {
    let user = terminal.session(auth).await?.user().await?;
    let spec =
        UserData { id: user.id, private_dek_external_id: user.private_dek_external_id, user_type: user.user_type };
    output::print(&Document { kind: "UserData", spec })
}
