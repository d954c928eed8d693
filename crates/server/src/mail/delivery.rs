//! Delivering messages: by SMTP, or as files.

use std::{
    fs,
    io::{self, Write},
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::http::Uri;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor, transport::smtp::Error as SmtpError};
use tempfile::NamedTempFile;

use crate::{
    clock::Millis,
    error::{Error, Result},
    private,
};

/// How long a mail server may take for each of its replies.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// Where messages go.
#[derive(Debug)]
pub(super) enum Delivery {
    /// To a mail server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// To files, one for each message.
    Folder(PathBuf),
}

/// The mail server cannot be reached; nothing was sent. The text is for the log and has no address.
#[derive(Debug)]
pub struct NotReady(pub String);

/// A message that could not be sent.
#[derive(Debug)]
pub struct Failure {
    /// Why. For the log: has no address.
    pub reason: String,
    /// Whether a retry is useless.
    pub permanent: bool,
}

impl Failure {
    pub(super) fn permanent(reason: impl std::fmt::Display) -> Self {
        Self { reason: reason.to_string(), permanent: true }
    }
}

impl Delivery {
    /// To the server in a URL such as `smtps://user:password@mail.example` or `smtp://mail.example:25`.
    pub(super) fn smtp(url: &str) -> Result<Self> {
        // The error would quote the URL, and that holds the password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        let transport = transport.map_err(|_| Error::fault("the SMTP URL is not smtp://… or smtps://…"))?;
        if shows_password(url) {
            tracing::warn!(
                "the mail server's password is sent unencrypted: use smtps://, or smtp:// with ?tls=required"
            );
        }
        Ok(Self::Smtp(transport.timeout(Some(REPLY_TIMEOUT)).build()))
    }

    pub(super) fn folder(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }

    /// Connects to the mail server, so that one that is down is noticed before sending begins.
    pub(super) async fn prepare(&self) -> Result<(), NotReady> {
        let Self::Smtp(transport) = self else { return Ok(()) };
        match transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotReady("the mail server does not answer as one".to_owned())),
            Err(error) => Err(NotReady(describe(&error))),
        }
    }

    pub(super) async fn delete_written_before(&self, time: Millis) -> Result<()> {
        let Self::Folder(folder) = self else { return Ok(()) };
        let (folder, time) = (folder.clone(), Duration::from_millis(u64::try_from(time).unwrap_or_default()));
        let deleted = tokio::task::spawn_blocking(move || delete_written_before(&folder, UNIX_EPOCH + time));
        let deleted = deleted.await.map_err(Error::fault)?;
        deleted.map_err(|error| Error::fault(format!("old messages cannot be deleted: {error}")))
    }

    pub(super) async fn deliver(&self, name: &str, message: &Message) -> Result<(), Failure> {
        match self {
            Self::Smtp(transport) => match transport.send(message.clone()).await {
                Ok(_) => Ok(()),
                // The mail server was ready, so what lettre itself refuses to send it now is this message.
                Err(error) => {
                    let permanent = error.is_permanent() || error.is_client();
                    Err(Failure { reason: describe(&error), permanent })
                }
            },
            Self::Folder(folder) => {
                let (folder, name, bytes) = (folder.clone(), format!("{name}.eml"), message.formatted());
                let written = tokio::task::spawn_blocking(move || write(&folder, &name, &bytes)).await;
                let reason = match written {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                };
                Err(Failure { reason, permanent: false })
            }
        }
    }
}

/// Whether others on the network see the password in this URL: sent to another machine, and not only under TLS.
fn shows_password(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let is_local = url.host().is_some_and(|host| {
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    });
    let needs_tls = url.query().is_some_and(|query| query.split('&').any(|parameter| parameter == "tls=required"));
    let has_user = url.authority().is_some_and(|authority| authority.as_str().contains('@'));
    url.scheme_str() == Some("smtp") && has_user && !is_local && !needs_tls
}

/// Leaves out the mail server's own words, which may quote the address.
fn describe(error: &SmtpError) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if error.is_client() => "the mail server does not take this address, or letters beyond ASCII".to_owned(),
        None if error.is_tls() => "no secure connection with the mail server".to_owned(),
        None => "no connection with the mail server".to_owned(),
    }
}

/// Writes a file atomically, readable by its owner only: it holds a token.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    private::create_folder(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name))?;
    Ok(())
}

/// Deletes the messages in a folder, and nothing else that is in it.
fn delete_written_before(folder: &Path, time: SystemTime) -> io::Result<()> {
    let files = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let path = file?.path();
        let is_message = path.extension().is_some_and(|extension| extension == "eml");
        if is_message && fs::metadata(&path)?.modified()? <= time {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::shows_password;

    #[test]
    fn a_password_is_hidden_by_tls_or_stays_on_the_machine() {
        for url in ["smtp://user:hush@mail.example", "smtp://user:hush@mail.example:25?tls=opportunistic"] {
            assert!(shows_password(url), "{url}");
        }
        for url in [
            "smtps://user:hush@mail.example",
            "smtp://user:hush@mail.example?tls=required",
            "smtp://user:hush@127.0.0.1:25",
            "smtp://user:hush@[::1]:25",
            "smtp://user:hush@localhost",
            "smtp://mail.example",
        ] {
            assert!(!shows_password(url), "{url}");
        }
    }
}
