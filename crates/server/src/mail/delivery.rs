//! How messages leave.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor, transport::smtp::Error as SmtpError};

use crate::error::{Error, Result};

/// How long a mail server may take for each of its answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where messages go.
#[derive(Debug)]
pub(super) enum Delivery {
    /// To a mail server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// Into files, one for each message.
    Folder(PathBuf),
}

/// Nothing was handed on, and it may go better later. The text is for the log and names no address.
#[derive(Debug)]
pub struct NotReady(pub String);

/// A message that could not be handed on. The text is for the log and names no address.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub reason: String,
    /// Whether trying again is of no use.
    pub for_good: bool,
}

impl Failure {
    pub(super) fn for_good(reason: impl std::fmt::Display) -> Self {
        Self { reason: reason.to_string(), for_good: true }
    }
}

impl Delivery {
    /// To the server in a URL such as `smtps://user:password@mail.example` or `smtp://mail.example:25`.
    pub(super) fn smtp(url: &str) -> Result<Self> {
        // The error would quote the URL, and that holds the password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        let transport = transport.map_err(|_| Error::fault("the SMTP URL is not smtp://… or smtps://…"))?;
        Ok(Self::Smtp(transport.timeout(Some(PATIENCE)).build()))
    }

    pub(super) fn folder(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }

    /// Greets the mail server: one that is down is found out before anything has begun that could be half done.
    pub(super) async fn prepare(&self) -> Result<(), NotReady> {
        let Self::Smtp(transport) = self else { return Ok(()) };
        match transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotReady("the mail server does not answer as one".to_owned())),
            Err(error) => Err(NotReady(in_short(&error))),
        }
    }

    pub(super) async fn deliver(&self, name: &str, message: &Message) -> Result<(), Failure> {
        match self {
            Self::Smtp(transport) => match transport.send(message.clone()).await {
                Ok(_) => Ok(()),
                Err(error) => Err(Failure { reason: in_short(&error), for_good: error.is_permanent() }),
            },
            Self::Folder(folder) => {
                let (folder, name, bytes) = (folder.clone(), format!("{name}.eml"), message.formatted());
                let written = tokio::task::spawn_blocking(move || write(&folder, &name, &bytes)).await;
                let reason = match written {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                };
                Err(Failure { reason, for_good: false })
            }
        }
    }
}

/// What went wrong without the words of the mail server, which may quote the address.
fn in_short(error: &SmtpError) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if error.is_tls() => "no secure connection with the mail server".to_owned(),
        None => "no connection with the mail server".to_owned(),
    }
}

/// Writes a file that is there whole or not at all, and is its owner's alone: it holds a token.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{name}"));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(unfinished, folder.join(name))
}
