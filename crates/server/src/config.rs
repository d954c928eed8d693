//! Configuration.

use std::{path::PathBuf, time::Duration};

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of the databases. It is created if there is none.
    pub data: PathBuf,
    /// A folder of static files to serve at `/`: the demo page.
    pub www: Option<PathBuf>,
    /// Invitations by e-mail.
    pub mail: MailConfig,
    /// Bounds and lifetimes.
    pub limits: Limits,
}

/// How invitations by e-mail are sent. By default they are written to files.
#[derive(Clone, Default)]
pub struct MailConfig {
    /// The mail server, `smtp://…` or `smtps://…`, with user and password where it asks for them.
    pub smtp_url: Option<String>,
    /// The sender, `name <address>`.
    pub from: Option<String>,
    /// The URL of the app that accepts invitations; messages link to it.
    pub public_url: Option<String>,
    /// The folder for messages when there is no mail server; by default `outbox` in the data folder.
    pub folder: Option<PathBuf>,
}

impl std::fmt::Debug for MailConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let smtp = self.smtp_url.as_ref().map(|_| "(set)"); // It may hold a password.
        formatter.debug_struct("MailConfig").field("smtp_url", &smtp).field("from", &self.from).finish_non_exhaustive()
    }
}

impl Config {
    /// Databases in `data`, default limits, no page.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), www: None, mail: MailConfig::default(), limits: Limits::default() }
    }
}

/// Bounds and lifetimes. The defaults suit a small installation and test suites alike.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest request body in bytes.
    pub body: usize,
    /// How long a request may take before it is answered with 503.
    pub request: Duration,
    /// How long a session lasts when the client does not say.
    pub session: Duration,
    /// The longest session a client can ask for.
    pub longest_session: Duration,
    /// How long a login challenge is valid.
    pub challenge: Duration,
    /// How long an admission token, with which one Vault user can be created, is valid.
    pub admission: Duration,
    /// How long an invitation can be accepted.
    pub invitation: Duration,
    /// How long a user who asked to be deleted can cancel it.
    pub deletion: Duration,
    /// How long replies to requests with an idempotency key are stored.
    pub idempotency: Duration,
    /// Failed logins allowed at once for one username from one address; one more per `attempt_regained` after that. A
    /// passphrase beyond ASCII that was mistyped fails twice, once for each of Unicode's forms.
    pub attempts_per_user: u32,
    /// Failed logins allowed at once from one address; one more per `attempt_regained` after that.
    pub attempts_per_address: u32,
    /// How long it takes to regain one attempt.
    pub attempt_regained: Duration,
    /// How many invitations by e-mail a user can create within a day.
    pub mails_per_day: u32,
    /// The delay before a message that could not be sent is retried; doubled after each attempt.
    pub mail_retry: Duration,
    /// The longest delay between two attempts.
    pub longest_mail_retry: Duration,
    /// How often sending a message is attempted.
    pub mail_attempts: u32,
    /// How often expired rows are deleted.
    pub housekeeping: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 8 * 1024 * 1024,
            request: MINUTE,
            session: DAY,
            longest_session: DAY * 30,
            challenge: MINUTE * 5,
            admission: MINUTE * 60,
            invitation: DAY * 30,
            deletion: DAY * 14,
            idempotency: DAY,
            attempts_per_user: 20,
            attempts_per_address: 200,
            attempt_regained: Duration::from_secs(15),
            mails_per_day: 50,
            mail_retry: Duration::from_secs(2),
            longest_mail_retry: MINUTE * 60,
            mail_attempts: 24,
            housekeeping: MINUTE * 5,
        }
    }
}
