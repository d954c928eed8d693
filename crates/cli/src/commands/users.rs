use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use vaultshare::{
    api::{Id, vault::me::UserType},
    crypto::{RecoveryKey, UserSecret},
    workflows::Session,
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
    auth_file::write(&session, &passphrase, new.output.as_deref()).await?;
    warn_of_deletion(&session).await;
    Ok(())
}

/// The one notice that a user has whose account somebody else queued for deletion. They are signed in, whatever comes of asking.
async fn warn_of_deletion(session: &Session) {
    let user = session.user().await.ok();
    if let Some(after) = user.and_then(|user| user.queued_for_deletion_after) {
        eprintln!("Warning: this account is deleted after {after}: users:keep takes that back");
    }
}

/// The passphrase of the command line, or else from a prompt without echo.
fn passphrase(typed: Option<String>) -> anyhow::Result<Zeroizing<String>> {
    match typed {
        Some(passphrase) => Ok(Zeroizing::new(passphrase)),
        None => ask("Passphrase: ", "-p"),
    }
}

fn ask(prompt: &str, flag: &str) -> anyhow::Result<Zeroizing<String>> {
    let typed = rpassword::prompt_password(prompt);
    Ok(Zeroizing::new(typed.with_context(|| format!("it cannot be asked for: give {flag}"))?))
}

/// The new passphrase of the command line, or else from two prompts: nobody sees what they mistype.
fn new_passphrase(typed: Option<String>) -> anyhow::Result<Zeroizing<String>> {
    if let Some(passphrase) = typed {
        return Ok(Zeroizing::new(passphrase));
    }
    let passphrase = ask("New passphrase: ", "-n")?;
    if *ask("New passphrase, again: ", "-n")? != *passphrase {
        bail!("these are two passphrases: nothing was changed");
    }
    Ok(passphrase)
}

pub(super) async fn change_passphrase(
    terminal: &Terminal,
    old: Option<String>,
    new: Option<String>,
    output: Option<&Path>,
    auth: &Auth,
) -> anyhow::Result<()> {
    let session = terminal.session(auth).await?;
    let (old, new) = (passphrase(old)?, new_passphrase(new)?);
    session.change_passphrase(None, &old, &new, &progress()).await?;
    if let Ok(Some(since)) = session.recovery_key_since().await {
        eprintln!("A recovery key, made {since}, still recovers the account: users:revoke-recovery-key ends it");
    }
    let written = auth_file::write(&session, &new, output).await;
    written.context("the passphrase was changed, but its auth file not kept: users:login makes another")
}

#[derive(Serialize)]
struct Printed<'a> {
    recovery_key: &'a str,
}

pub(super) async fn create_recovery_key(terminal: &Terminal, typed: Option<String>, auth: &Auth) -> anyhow::Result<()> {
    let session = terminal.session(auth).await?;
    let key = session.create_recovery_key(None, &passphrase(typed)?, &progress()).await?;
    eprintln!("Whoever has this key has the account: print it, and keep it where the passphrase is not");
    output::print(&Document { kind: "RecoveryKey", spec: Printed { recovery_key: &key.to_text() } })
}

pub(super) async fn recover(
    terminal: &Terminal,
    key: Option<String>,
    new: Option<String>,
    secret: Option<String>,
    output: Option<&Path>,
) -> anyhow::Result<()> {
    let key = match key {
        Some(key) => Zeroizing::new(key),
        None => ask("Recovery key: ", "-r")?,
    };
    let key = RecoveryKey::parse(&key)?;
    let secret = secret.map(|secret| UserSecret::parse(&secret)).transpose()?;
    let new = new_passphrase(new)?;
    let memory = terminal.memory_of(key.user(), output.unwrap_or(Path::new("auth.yaml")))?;
    let session = terminal.client.recover(&key, &new, secret, &progress()).await?;
    terminal.recall(&session, memory).await?;
    let written = auth_file::write(&session, &new, output).await;
    written.context("the passphrase was changed, but its auth file with a new secret not kept: recover again")
}

pub(super) async fn revoke_recovery_key(terminal: &Terminal, auth: &Auth) -> anyhow::Result<()> {
    Ok(terminal.session(auth).await?.revoke_recovery_key().await?)
}

#[derive(Serialize)]
struct AccountDeletion {
    queued_for_deletion_after: String,
    keystore_follows: bool,
}

pub(super) async fn delete(terminal: &Terminal, typed: Option<String>, auth: &Auth) -> anyhow::Result<()> {
    let session = terminal.session(auth).await?;
    let deletion = session.delete_account(None, &passphrase(typed)?, &progress()).await?;
    eprintln!("users:keep takes this back until then");
    if !deletion.keystore_follows {
        eprintln!("Warning: the wrapped keys at this Keystore stay until its operator deletes them");
    }
    let spec = AccountDeletion {
        queued_for_deletion_after: deletion.queued_for_deletion_after,
        keystore_follows: deletion.keystore_follows,
    };
    output::print(&Document { kind: "AccountDeletion", spec })
}

#[derive(Serialize)]
struct UserData {
    id: Id,
    private_dek_external_id: Option<Id>,
    user_type: UserType,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued_for_deletion_after: Option<String>,
}

pub(super) async fn get(terminal: &Terminal, auth: &Auth) -> anyhow::Result<()> {
    let user = terminal.session(auth).await?.user().await?;
    let spec = UserData {
        id: user.id,
        private_dek_external_id: user.private_dek_external_id,
        user_type: user.user_type,
        queued_for_deletion_after: user.queued_for_deletion_after,
    };
    output::print(&Document { kind: "UserData", spec })
}
