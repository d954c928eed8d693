//! Configuration: what an operator can say, as flags, environment variables and a TOML file.

mod network;
mod time;

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use confique::{
    Config as _, Layer as _,
    meta::{FieldKind, Meta},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    listener::ListenAddress,
    own_address,
};

pub use crate::tls::TlsConfig;
pub use network::Network;
pub use time::Time;

/// What the names of this server's environment variables begin with.
const VARIABLE: &str = "VAULTSHARE_";

/// The file's own, which is an option of the program.
const FILE_VARIABLE: &str = "VAULTSHARE_CONFIG";

/// What is in names by which Kubernetes tells every program of a service named `vaultshare` or `vaultshare-server`.
const OF_KUBERNETES: [&str; 3] = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"];

/// The configuration of a server. Each field is a flag, an environment variable and a key of the file; a flag goes before
/// the variable, and that before the file.
#[derive(Clone, Debug, Serialize, confique::Config)]
#[config(layer_attr(derive(clap::Args)), layer_attr(serde(deny_unknown_fields)))]
pub struct Config {
    /// The address to listen on; port 0 takes any free one. Or unix:/PATH, a socket in the file system for a proxy on this
    /// machine, whose connections count as from 127.0.0.1.
    #[config(env = "VAULTSHARE_LISTEN", default = "127.0.0.1:3000")]
    #[config(layer_attr(arg(long, value_name = "ADDR:PORT")))]
    pub listen: ListenAddress,
    /// The folder of the databases, where they are SQLite's. It is created if there is none.
    #[config(env = "VAULTSHARE_DATA", default = "./data")]
    #[config(layer_attr(arg(long, value_name = "DIR")))]
    pub data: PathBuf,
    /// Where the files of users are: file:///FOLDER, or s3://BUCKET/PREFIX for what speaks as S3 does, by the AWS_… variables
    /// of the environment. Without a URL they are in `files` in the data folder. The databases say which files there are: the
    /// two belong together.
    #[config(env = "VAULTSHARE_FILES_URL")]
    #[config(layer_attr(arg(long, value_name = "URL")))]
    pub files_url: Option<String>,
    /// The URL at which clients find this server, which the URLs of files begin with. Without one they begin with the host
    /// that a request is for, and https where this server or a trusted proxy (x-forwarded-proto, or forwarded) speaks TLS.
    #[config(env = "VAULTSHARE_SERVICE_URL")]
    #[config(layer_attr(arg(long, value_name = "URL")))]
    pub service_url: Option<String>,
    /// A folder of static files to show at /, such as the demo page.
    #[config(env = "VAULTSHARE_WWW")]
    #[config(layer_attr(arg(long, value_name = "DIR")))]
    pub www: Option<PathBuf>,
    /// The address that shows `/metrics` to Prometheus; none shows none. It is for the operator alone.
    #[config(env = "VAULTSHARE_METRICS_LISTEN")]
    #[config(layer_attr(arg(long, value_name = "ADDR:PORT")))]
    pub metrics_listen: Option<SocketAddr>,
    /// How lines of the log are written: `text`, or `json` for programs.
    #[config(env = "VAULTSHARE_LOG_FORMAT", default = "text")]
    #[config(layer_attr(arg(long, value_name = "FORMAT")))]
    pub log_format: LogFormat,
    /// Networks or addresses of the proxies before this server, such as 127.0.0.1 or 10.0.0.0/8: what they append to the
    /// header that `forwarded_header` names is taken for the client's address. From anybody else it is no matter.
    #[config(env = "VAULTSHARE_TRUSTED_PROXIES", parse_env = confique::env::parse::list_by_comma, default = [])]
    #[config(layer_attr(arg(long, value_name = "CIDR,…", value_delimiter = ',')))]
    pub trusted_proxies: Vec<Network>,
    /// The header that the trusted proxies append the client's address to: `x-forwarded-for`, or `forwarded` (RFC 7239). The
    /// other one is not read, because a proxy that does not know it hands it on as the client wrote it.
    #[config(env = "VAULTSHARE_FORWARDED_HEADER", default = "x-forwarded-for")]
    #[config(layer_attr(arg(long, value_name = "NAME")))]
    pub forwarded_header: ForwardedHeader,
    /// Who can sign up: `open` for anybody, `invite` for who has an invitation of the operator (`vaultshare-server users
    /// invite`), `closed` for nobody.
    #[config(env = "VAULTSHARE_SIGNUPS", default = "open")]
    #[config(layer_attr(arg(long = "signups", value_name = "MODE")))]
    pub signups: SignUps,
    /// Where the records are. Without a URL they are in SQLite databases in the data folder.
    #[config(nested, layer_attr(command(flatten)))]
    pub database: DatabaseConfig,
    /// TLS of the server's own. Without it a proxy has to speak TLS: clients refuse plain http, loopback aside.
    #[config(nested, layer_attr(command(flatten)))]
    pub tls: TlsConfig,
    /// Invitations by e-mail. Without a mail server they are written to files.
    #[config(nested, layer_attr(command(flatten)))]
    pub mail: MailConfig,
    /// Bounds and lifetimes. The defaults suit a small installation. Times are written `90s`, `15m`, `1h 30m` or `30d`.
    #[config(nested, layer_attr(command(flatten)))]
    pub limits: Limits,
}

/// What proxies append the address to that they were called from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// Addresses (<https://developer.mozilla.org/docs/Web/HTTP/Headers/X-Forwarded-For>).
    XForwardedFor,
    /// `for=ADDRESS`, among others (RFC 7239).
    Forwarded,
}

impl ForwardedHeader {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// Who can sign up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SignUps {
    /// Anybody.
    Open,
    /// Who has an invitation of the operator.
    Invite,
    /// Nobody.
    Closed,
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Where the records are.
#[derive(Clone, Default, Serialize, confique::Config)]
#[config(layer_attr(derive(clap::Args)), layer_attr(serde(deny_unknown_fields)))]
pub struct DatabaseConfig {
    /// A PostgreSQL database, postgres://user:password@host/database, for one process or several. A password is better given
    /// in the environment or in a file of its own: other users see the command line.
    #[config(env = "VAULTSHARE_DATABASE_URL")]
    #[config(layer_attr(arg(long = "database-url", value_name = "URL")))]
    #[serde(serialize_with = "redact")]
    pub url: Option<String>,
    /// A file that holds the URL of the database, where that is not given itself.
    #[config(env = "VAULTSHARE_DATABASE_URL_FILE")]
    #[config(layer_attr(arg(long = "database-url-file", value_name = "FILE", conflicts_with = "url")))]
    pub url_file: Option<PathBuf>,
}

impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.url.as_ref().map(|_| "(set)"); // It may hold a password.
        formatter.debug_struct("DatabaseConfig").field("url", &url).finish_non_exhaustive()
    }
}

/// How invitations by e-mail are sent.
#[derive(Clone, Default, Serialize, confique::Config)]
#[config(layer_attr(derive(clap::Args)), layer_attr(serde(deny_unknown_fields)))]
pub struct MailConfig {
    /// The mail server, smtp://host:port or smtps://user:password@host. A password is better given in the environment or in
    /// a file of its own: other users see the command line.
    #[config(env = "VAULTSHARE_SMTP_URL")]
    #[config(layer_attr(arg(long, value_name = "URL")))]
    #[serde(serialize_with = "redact")]
    pub smtp_url: Option<String>,
    /// A file that holds the URL of the mail server, where that is not given itself.
    #[config(env = "VAULTSHARE_SMTP_URL_FILE")]
    #[config(layer_attr(arg(long, value_name = "FILE", conflicts_with = "smtp_url")))]
    pub smtp_url_file: Option<PathBuf>,
    /// Who invitations come from, `Name <address>`.
    #[config(env = "VAULTSHARE_MAIL_FROM")]
    #[config(layer_attr(arg(long = "mail-from", value_name = "NAME <ADDRESS>")))]
    pub from: Option<String>,
    /// The URL of the app that accepts invitations: messages link to it. Without one it is the page, if that is shown on
    /// loopback.
    #[config(env = "VAULTSHARE_PUBLIC_URL")]
    #[config(layer_attr(arg(long, value_name = "URL")))]
    pub public_url: Option<String>,
    /// The folder that messages are written to without a mail server; they hold tokens. Without one it is `outbox` in the
    /// data folder.
    #[config(env = "VAULTSHARE_MAIL_FOLDER")]
    #[config(layer_attr(arg(long = "mail-folder", value_name = "DIR")))]
    pub folder: Option<PathBuf>,
}

impl std::fmt::Debug for MailConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let smtp = self.smtp_url.as_ref().map(|_| "(set)"); // It may hold a password.
        formatter.debug_struct("MailConfig").field("smtp_url", &smtp).field("from", &self.from).finish_non_exhaustive()
    }
}

/// A URL that may hold a password is shown as set, and no more.
fn redact<S: serde::Serializer>(secret: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| "(set)").serialize(serializer)
}

impl Config {
    /// Databases in `data`, default limits, no page.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            listen: ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 3000))),
            data: data.into(),
            files_url: None,
            service_url: None,
            www: None,
            metrics_listen: None,
            log_format: LogFormat::Text,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::XForwardedFor,
            database: DatabaseConfig::default(),
            tls: TlsConfig::default(),
            signups: SignUps::Open,
            mail: MailConfig::default(),
            limits: Limits::default(),
        }
    }

    /// What the flags say, and for the rest the environment, the file and the defaults, in this order.
    pub fn load(flags: <Self as confique::Config>::Layer, file: Option<PathBuf>) -> Result<Self> {
        // A file that a flag names goes before a secret that a variable holds.
        let database_by_flag = flags.database.url_file.is_some();
        let mail_by_flag = flags.mail.smtp_url_file.is_some();
        let mut builder = Self::builder().preloaded(flags).env();
        if let Some(file) = file {
            let read = confique::File::new(&file).and_then(|file| file.required().load());
            builder = builder.preloaded(read.map_err(|error| unreadable(error, Some(&file)))?);
        }
        let mut config = builder.load().map_err(|error| unreadable(error, None))?;
        if database_by_flag {
            config.database.url = None;
        }
        if mail_by_flag {
            config.mail.smtp_url = None;
        }
        read_secret(&mut config.database.url, &mut config.database.url_file)?;
        read_secret(&mut config.mail.smtp_url, &mut config.mail.smtp_url_file)?;
        config.service_url.as_deref().map_or(Ok(()), own_address::check)?;
        let limits = &config.limits;
        if limits.housekeeping.is_zero() || !(1..=100_000).contains(&limits.connections) {
            return Err(Error::fault("limits.housekeeping is some time, and limits.connections 1 to 100,000"));
        }
        let mail = &config.mail;
        match (&mail.smtp_url, &mail.from, &mail.folder) {
            (Some(_), None, _) => Err(Error::fault("a mail server needs a sender: mail.from, or --mail-from")),
            (Some(_), _, Some(_)) => Err(Error::fault("with a mail server, no messages are written to a folder")),
            _ => Ok(config),
        }
    }

    /// Environment variables that look like options of this server and are none, so that one that was mistyped is not
    /// passed over in silence. They end nothing: others may have set them.
    pub fn unknown_variables() -> Vec<String> {
        let known = variables(&Self::META);
        let is_other = |name: &str| {
            name == FILE_VARIABLE || name.ends_with("_PORT") || OF_KUBERNETES.iter().any(|part| name.contains(part))
        };
        let set = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        set.filter(|name| name.starts_with(VARIABLE) && !is_other(name) && !known.contains(&name.as_str())).collect()
    }

    /// As a file that [`Config::load`] reads, without the secrets.
    pub fn to_toml(&self) -> Result<String> {
        let mut config = self.clone();
        // Read again, they are in their files.
        config.database.url.take_if(|_| self.database.url_file.is_some());
        config.mail.smtp_url.take_if(|_| self.mail.smtp_url_file.is_some());
        toml::to_string(&config).map_err(Error::fault)
    }

    /// Every key of the file with its default and what it is for.
    pub fn template() -> String {
        confique::toml::template::<Self>(confique::toml::FormatOptions::default())
    }
}

/// The environment variables of these options.
fn variables(options: &Meta) -> Vec<&'static str> {
    let of_field = |kind: &FieldKind| match kind {
        FieldKind::Leaf { env, .. } => env.iter().copied().collect(),
        FieldKind::Nested { meta } => variables(meta),
    };
    options.fields.iter().flat_map(|field| of_field(&field.kind)).collect()
}

/// Reads what a file holds that is not given itself.
fn read_secret(secret: &mut Option<String>, file: &mut Option<PathBuf>) -> Result<()> {
    if secret.is_some() {
        // Then the file is no matter.
        *file = None;
    }
    if let Some(file) = file {
        let text = std::fs::read_to_string(&*file);
        let text = text.map_err(|error| Error::fault(format!("{} cannot be read: {error}", file.display())))?;
        *secret = Some(text.trim().to_owned());
    }
    Ok(())
}

/// What is wrong, and in which line. Not the line itself, which the library of the format would show: it may hold a password.
fn unreadable(error: confique::Error, file: Option<&Path>) -> Error {
    use std::error::Error as _;
    let mut source = error.source();
    while let Some(reason) = source {
        if let Some(reason) = reason.downcast_ref::<toml::de::Error>() {
            let text = file.and_then(|file| std::fs::read_to_string(file).ok());
            let before = text.as_deref().zip(reason.span()).and_then(|(text, span)| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            return Error::fault(format!("{error}, line {line}: {}", reason.message()));
        }
        source = reason.source();
    }
    Error::fault(error)
}

/// Bounds and lifetimes.
#[derive(Clone, Debug, Serialize, confique::Config)]
#[config(layer_attr(derive(clap::Args)), layer_attr(serde(deny_unknown_fields)))]
pub struct Limits {
    /// The largest request body in bytes.
    #[config(env = "VAULTSHARE_LIMITS_BODY", default = 8_388_608)]
    #[config(layer_attr(arg(long = "limits-body", value_name = "BYTES", hide_short_help = true)))]
    pub body: usize,
    /// Most slots of an item, and how often it and they are classified. Clients read lists up to some length.
    #[config(env = "VAULTSHARE_LIMITS_ITEM_SLOTS", default = 10_000)]
    #[config(layer_attr(arg(long = "limits-item-slots", value_name = "NUMBER", hide_short_help = true)))]
    pub item_slots: i64,
    /// Most bytes of an item: names, labels, descriptions and encrypted values of its slots. Clients read replies up to
    /// some size.
    #[config(env = "VAULTSHARE_LIMITS_ITEM_BYTES", default = 33_554_432)]
    #[config(layer_attr(arg(long = "limits-item-bytes", value_name = "BYTES", hide_short_help = true)))]
    pub item_bytes: i64,
    /// How long a request may take before it is answered with 503.
    #[config(env = "VAULTSHARE_LIMITS_REQUEST", default = "1m")]
    #[config(layer_attr(arg(long = "limits-request", value_name = "TIME", hide_short_help = true)))]
    pub request: Time,
    /// How many connections are open at once; more of them wait.
    #[config(env = "VAULTSHARE_LIMITS_CONNECTIONS", default = 800)]
    #[config(layer_attr(arg(long = "limits-connections", value_name = "NUMBER", hide_short_help = true)))]
    pub connections: usize,
    /// How long the head of a request may take, also that of the next one on an open connection: a proxy has to close its idle
    /// connections sooner.
    #[config(env = "VAULTSHARE_LIMITS_REQUEST_HEAD", default = "10s")]
    #[config(layer_attr(arg(long = "limits-request-head", value_name = "TIME", hide_short_help = true)))]
    pub request_head: Time,
    /// How long a body may pause; longer than a request may take.
    #[config(env = "VAULTSHARE_LIMITS_IDLE", default = "75s")]
    #[config(layer_attr(arg(long = "limits-idle", value_name = "TIME", hide_short_help = true)))]
    pub idle: Time,
    /// How long a reply may wait for a client that does not read it.
    #[config(env = "VAULTSHARE_LIMITS_STALLED_REPLY", default = "30s")]
    #[config(layer_attr(arg(long = "limits-stalled-reply", value_name = "TIME", hide_short_help = true)))]
    pub stalled_reply: Time,
    /// How long a server that stops waits for running requests.
    #[config(env = "VAULTSHARE_LIMITS_SHUTDOWN", default = "25s")]
    #[config(layer_attr(arg(long = "limits-shutdown", value_name = "TIME", hide_short_help = true)))]
    pub shutdown: Time,
    /// How long a session lasts when the client does not say.
    #[config(env = "VAULTSHARE_LIMITS_SESSION", default = "1d")]
    #[config(layer_attr(arg(long = "limits-session", value_name = "TIME", hide_short_help = true)))]
    pub session: Time,
    /// The longest session a client can ask for.
    #[config(env = "VAULTSHARE_LIMITS_LONGEST_SESSION", default = "30d")]
    #[config(layer_attr(arg(long = "limits-longest-session", value_name = "TIME", hide_short_help = true)))]
    pub longest_session: Time,
    /// How long a login challenge is valid.
    #[config(env = "VAULTSHARE_LIMITS_CHALLENGE", default = "5m")]
    #[config(layer_attr(arg(long = "limits-challenge", value_name = "TIME", hide_short_help = true)))]
    pub challenge: Time,
    /// How long an admission token, with which one Vault user can be created, is valid.
    #[config(env = "VAULTSHARE_LIMITS_ADMISSION", default = "1h")]
    #[config(layer_attr(arg(long = "limits-admission", value_name = "TIME", hide_short_help = true)))]
    pub admission: Time,
    /// How long an invitation can be accepted.
    #[config(env = "VAULTSHARE_LIMITS_INVITATION", default = "30d")]
    #[config(layer_attr(arg(long = "limits-invitation", value_name = "TIME", hide_short_help = true)))]
    pub invitation: Time,
    /// How long a user who asked to be deleted can cancel it.
    #[config(env = "VAULTSHARE_LIMITS_DELETION", default = "14d")]
    #[config(layer_attr(arg(long = "limits-deletion", value_name = "TIME", hide_short_help = true)))]
    pub deletion: Time,
    /// How long replies to requests with an idempotency key are stored.
    #[config(env = "VAULTSHARE_LIMITS_IDEMPOTENCY", default = "1d")]
    #[config(layer_attr(arg(long = "limits-idempotency", value_name = "TIME", hide_short_help = true)))]
    pub idempotency: Time,
    /// Failed logins allowed at once for one username from one address; one more per `attempt_regained` after that. A
    /// passphrase beyond ASCII that was mistyped fails up to three times, once for each of Unicode's forms. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_ATTEMPTS_PER_USER", default = 20)]
    #[config(layer_attr(arg(long = "limits-attempts-per-user", value_name = "NUMBER", hide_short_help = true)))]
    pub attempts_per_user: u32,
    /// Failed logins allowed at once for one username from all addresses that its user has not signed in from before; one
    /// more per `attempt_regained` after that. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_ATTEMPTS_PER_USER_ANYWHERE", default = 200)]
    #[config(layer_attr(arg(
        long = "limits-attempts-per-user-anywhere",
        value_name = "NUMBER",
        hide_short_help = true
    )))]
    pub attempts_per_user_anywhere: u32,
    /// Failed logins allowed at once from one address, one more per `attempt_regained` after that: beyond them, its logins
    /// are slowed down, but for users who have signed in from there before. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_ATTEMPTS_PER_ADDRESS", default = 200)]
    #[config(layer_attr(arg(long = "limits-attempts-per-address", value_name = "NUMBER", hide_short_help = true)))]
    pub attempts_per_address: u32,
    /// How long it takes to regain one attempt.
    #[config(env = "VAULTSHARE_LIMITS_ATTEMPT_REGAINED", default = "15s")]
    #[config(layer_attr(arg(long = "limits-attempt-regained", value_name = "TIME", hide_short_help = true)))]
    pub attempt_regained: Time,
    /// Login challenges for one address within an hour; more are slowed down. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_CHALLENGES_PER_ADDRESS", default = 5000)]
    #[config(layer_attr(arg(long = "limits-challenges-per-address", value_name = "NUMBER", hide_short_help = true)))]
    pub challenges_per_address: u32,
    /// Sessions of the Vault for one address within an hour; more are slowed down. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_SESSIONS_PER_ADDRESS", default = 5000)]
    #[config(layer_attr(arg(long = "limits-sessions-per-address", value_name = "NUMBER", hide_short_help = true)))]
    pub sessions_per_address: u32,
    /// Users who register from one address within an hour; more are refused. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_SIGN_UPS_PER_ADDRESS", default = 500)]
    #[config(layer_attr(arg(long = "limits-sign-ups-per-address", value_name = "NUMBER", hide_short_help = true)))]
    pub sign_ups_per_address: u32,
    /// How long a request waits that is slowed down.
    #[config(env = "VAULTSHARE_LIMITS_SLOW_DOWN", default = "3s")]
    #[config(layer_attr(arg(long = "limits-slow-down", value_name = "TIME", hide_short_help = true)))]
    pub slow_down: Time,
    /// How long an address is remembered that a user has signed in from.
    #[config(env = "VAULTSHARE_LIMITS_KNOWN_ADDRESS", default = "90d")]
    #[config(layer_attr(arg(long = "limits-known-address", value_name = "TIME", hide_short_help = true)))]
    pub known_address: Time,
    /// How many invitations by e-mail a user can create within a day. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_MAILS_PER_DAY", default = 50)]
    #[config(layer_attr(arg(long = "limits-mails-per-day", value_name = "NUMBER", hide_short_help = true)))]
    pub mails_per_day: u32,
    /// How many invitations to connect a user can create within a day, by e-mail or not. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_INVITATIONS_PER_DAY", default = 0)]
    #[config(layer_attr(arg(long = "limits-invitations-per-day", value_name = "NUMBER", hide_short_help = true)))]
    pub invitations_per_day: u32,
    /// Most items that a user can have, without those that others share with them. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_QUOTA_ITEMS", default = 0)]
    #[config(layer_attr(arg(long = "limits-quota-items", value_name = "NUMBER", hide_short_help = true)))]
    pub quota_items: i64,
    /// Most bytes in the items of a user and in what is shared of them, texts and ciphertexts. What others share with a user
    /// counts for its owner. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_QUOTA_BYTES", default = 0)]
    #[config(layer_attr(arg(long = "limits-quota-bytes", value_name = "BYTES", hide_short_help = true)))]
    pub quota_bytes: i64,
    /// Most bytes of files that a user can have, those that are being uploaded among them, and those that are deleted until they
    /// are gone, an hour later. Each upload and each of its blocks count 4096 bytes more. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_QUOTA_FILE_BYTES", default = 0)]
    #[config(layer_attr(arg(long = "limits-quota-file-bytes", value_name = "BYTES", hide_short_help = true)))]
    pub quota_file_bytes: i64,
    /// The largest file, in bytes.
    #[config(env = "VAULTSHARE_LIMITS_FILE_BYTES", default = 17_179_869_184i64)]
    #[config(layer_attr(arg(long = "limits-file-bytes", value_name = "BYTES", hide_short_help = true)))]
    pub file_bytes: i64,
    /// How long an upload is kept that no file was made of, and a file that stands in no item.
    #[config(env = "VAULTSHARE_LIMITS_UNUSED_FILES", default = "2d")]
    #[config(layer_attr(arg(long = "limits-unused-files", value_name = "TIME", hide_short_help = true)))]
    pub unused_files: Time,
    /// Most keys and key pairs that a user can have in the Keystore. 0 sets no limit.
    #[config(env = "VAULTSHARE_LIMITS_QUOTA_KEYS", default = 0)]
    #[config(layer_attr(arg(long = "limits-quota-keys", value_name = "NUMBER", hide_short_help = true)))]
    pub quota_keys: i64,
    /// The delay before a message that could not be sent is retried; doubled after each attempt.
    #[config(env = "VAULTSHARE_LIMITS_MAIL_RETRY", default = "2s")]
    #[config(layer_attr(arg(long = "limits-mail-retry", value_name = "TIME", hide_short_help = true)))]
    pub mail_retry: Time,
    /// The longest delay between two attempts.
    #[config(env = "VAULTSHARE_LIMITS_LONGEST_MAIL_RETRY", default = "1h")]
    #[config(layer_attr(arg(long = "limits-longest-mail-retry", value_name = "TIME", hide_short_help = true)))]
    pub longest_mail_retry: Time,
    /// How often sending a message is attempted.
    #[config(env = "VAULTSHARE_LIMITS_MAIL_ATTEMPTS", default = 24)]
    #[config(layer_attr(arg(long = "limits-mail-attempts", value_name = "NUMBER", hide_short_help = true)))]
    pub mail_attempts: u32,
    /// How long tasks of clients are stored that are done or failed.
    #[config(env = "VAULTSHARE_LIMITS_DONE_TASKS", default = "30d")]
    #[config(layer_attr(arg(long = "limits-done-tasks", value_name = "TIME", hide_short_help = true)))]
    pub done_tasks: Time,
    /// How long invitations to connect are stored beyond the time in which they can be accepted.
    #[config(env = "VAULTSHARE_LIMITS_EXPIRED_INVITATIONS", default = "30d")]
    #[config(layer_attr(arg(long = "limits-expired-invitations", value_name = "TIME", hide_short_help = true)))]
    pub expired_invitations: Time,
    /// How long messages stay in the folder that they are written to without a mail server.
    #[config(env = "VAULTSHARE_LIMITS_WRITTEN_MAIL", default = "30d")]
    #[config(layer_attr(arg(long = "limits-written-mail", value_name = "TIME", hide_short_help = true)))]
    pub written_mail: Time,
    /// How often expired rows are deleted.
    #[config(env = "VAULTSHARE_LIMITS_HOUSEKEEPING", default = "5m")]
    #[config(layer_attr(arg(long = "limits-housekeeping", value_name = "TIME", hide_short_help = true)))]
    pub housekeeping: Time,
}

impl Default for Limits {
    fn default() -> Self {
        let defaults = <Self as confique::Config>::Layer::default_values();
        Self::from_layer(defaults).unwrap_or_else(|error| unreachable!("each field has a default: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn load(file: &Path) -> Result<Config> {
        Config::load(<Config as confique::Config>::Layer::empty(), Some(file.to_owned()))
    }

    fn written(folder: &Folder, text: &str) -> PathBuf {
        let file = folder.path().join("server.toml");
        std::fs::write(&file, text).unwrap();
        file
    }

    #[test]
    fn a_file_says_what_flags_do_not() {
        let folder = Folder::new().unwrap();
        let text = "data = \"/srv/data\"\nwww = \"/srv/www\"\n[limits]\nbody = 1000\nrequest = \"30s\"\n";
        let mut flags = <Config as confique::Config>::Layer::empty();
        flags.data = Some("/elsewhere".into());
        let config = Config::load(flags, Some(written(&folder, text))).unwrap();
        assert_eq!((config.data, config.www), ("/elsewhere".into(), Some("/srv/www".into())));
        assert_eq!((config.limits.body, config.limits.request.as_secs()), (1000, 30));
        assert_eq!(config.limits.connections, Limits::default().connections);
    }

    #[test]
    fn what_is_mistyped_is_refused_and_names_the_key() {
        let folder = Folder::new().unwrap();
        for (text, key) in [
            ("[limits]\nbdy = 1", "bdy"),
            ("[limits]\nrequest = \"soon\"", "line 2"),
            ("[mail]\nsmtp_url = \"smtp://mail.example\"", "mail.from"),
            ("listen = 3000", "line 1"),
            ("[limits]\nhousekeeping = \"0s\"", "housekeeping"),
            ("[mail]\nsmtp_ur = \"smtps://user:hush@mail.example\"", "smtp_ur"),
            ("[mail]\nsmtp_url = \"smtps://user:hush@mail.example", "line 2"),
        ] {
            let refused = load(&written(&folder, text)).unwrap_err().to_string();
            assert!(refused.contains(key) && !refused.contains("hush"), "{refused}");
        }
        assert!(load(&folder.path().join("missing.toml")).unwrap_err().to_string().contains("missing.toml"));
    }

    #[test]
    fn a_password_is_read_from_its_file_and_shown_nowhere() {
        let folder = Folder::new().unwrap();
        let (smtp, database) = (folder.path().join("smtp-url"), folder.path().join("database-url"));
        std::fs::write(&smtp, "smtps://user:hush@mail.example\n").unwrap();
        std::fs::write(&database, "postgres://user:hush@db.example/vaultshare\n").unwrap();
        let text = format!(
            "[mail]\nfrom = \"App <app@example.org>\"\nsmtp_url_file = {smtp:?}\n[database]\nurl_file = {database:?}\n"
        );
        let config = load(&written(&folder, &text)).unwrap();
        assert_eq!(config.mail.smtp_url.as_deref(), Some("smtps://user:hush@mail.example"));
        assert_eq!(config.database.url.as_deref(), Some("postgres://user:hush@db.example/vaultshare"));
        let printed = config.to_toml().unwrap();
        assert!(!printed.contains("hush") && !format!("{config:?}").contains("hush"));
        // What is printed reads the same files.
        assert_eq!(load(&written(&folder, &printed)).unwrap().database.url, config.database.url);
        let given = Config { database: DatabaseConfig { url_file: None, ..config.database }, ..config };
        let printed = given.to_toml().unwrap();
        assert!(printed.contains("(set)") && !printed.contains("hush"), "{printed}");
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let folder = Folder::new().unwrap();
        let printed = Config::new("data").to_toml().unwrap();
        assert_eq!(load(&written(&folder, &printed)).unwrap().to_toml().unwrap(), printed);
    }

    #[test]
    fn the_example_is_that_of_this_server_and_says_the_defaults() {
        let example = include_str!("../../../../packaging/vaultshare-server.toml");
        assert_eq!(example, Config::template(), "write it with `vaultshare-server --print-config-example`");
        let folder = Folder::new().unwrap();
        let config = load(&written(&folder, example)).unwrap();
        assert_eq!(config.to_toml().unwrap(), Config::new("./data").to_toml().unwrap());
    }
}
