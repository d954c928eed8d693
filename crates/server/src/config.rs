//! What can be chosen when a server is started.

use std::{path::PathBuf, time::Duration};

/// Everything a server needs to know to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of the databases. It is made when there is none.
    pub data: PathBuf,
    /// A folder of static files to show at `/`: the demo page.
    pub www: Option<PathBuf>,
    /// How invitations by e-mail are sent.
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
    /// Where the app is that accepts invitations; messages have a link to it.
    pub public_url: Option<String>,
    /// Where messages are written when there is no mail server; `outbox` in the data folder where absent.
    pub folder: Option<PathBuf>,
}

impl std::fmt::Debug for MailConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let smtp = self.smtp_url.as_ref().map(|_| "(set)"); // It may hold a password.
        formatter.debug_struct("MailConfig").field("smtp_url", &smtp).field("from", &self.from).finish_non_exhaustive()
    }
}

impl Config {
    /// A server that keeps its data in `data`, with the usual limits and no page.
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
    /// How long a sign-in that was begun can be finished.
    pub challenge: Duration,
    /// How long an admission token, a licence to make one Vault user, is valid.
    pub admission: Duration,
    /// How long an invitation can be accepted.
    pub invitation: Duration,
    /// How long a user who asked to be deleted can think better of it.
    pub deletion: Duration,
    /// How long replies to repeatable requests are kept.
    pub idempotency: Duration,
    /// Failed sign-ins allowed at once for one username from one address; one more per `attempt_regained` after that.
    pub attempts_per_user: u32,
    /// Failed sign-ins allowed at once from one address; one more per `attempt_regained` after that.
    pub attempts_per_address: u32,
    /// How long it takes to regain one attempt.
    pub attempt_regained: Duration,
    /// How many invitations by e-mail a user can make within a day.
    pub mails_per_day: u32,
    /// How long to wait before a message that could not be sent is tried again; twice as long each time after that.
    pub mail_retry: Duration,
    /// The longest wait between two attempts.
    pub longest_mail_retry: Duration,
    /// How often a message is tried before it is given up.
    pub mail_attempts: u32,
    /// How often expired rows are cleared away.
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
            attempts_per_user: 10,
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
