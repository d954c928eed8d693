//! Errors of requests, and their form on the wire (docs/protocol/http-api.md §1.4).

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::postgres::PgDatabaseError;

/// When a request may be sent again that found the database busy.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Marks the reply to a request that the database broke off: `retry` tries that one again.
#[derive(Clone, Copy)]
pub(crate) struct BrokenOff;

/// The result of handlers and rules.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was refused: each code has one reason and one status. The table of docs/protocol/http-api.md §1.4 says
/// what each means, and a test holds the two lists together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "what each code means is in the protocol's table")]
pub enum Code {
    // 400, of the request as such
    InvalidJson,
    InvalidField,
    UnreadableBody,
    InvalidQuery,
    InvalidIdempotencyKey,
    // 400, of one field
    FieldMissing,
    InvalidLabel,
    TextTooLong,
    InvalidText,
    TooManyValues,
    InvalidLifetime,
    InvalidHalf,
    PlaintextValue,
    UnknownSlot,
    SlotRepeated,
    SlotIdNotAllowed,
    SlotDeletionNotAllowed,
    SlotNameTaken,
    TooManySlots,
    TooManyClassifications,
    ItemTooLarge,
    TooManyShares,
    TooManySharesOfItem,
    TemplateNameTaken,
    UnknownClassificationNode,
    ClassificationSchemeFixed,
    InvalidEmail,
    OwnInvitation,
    InvalidPublicKey,
    UnsupportedEncryptionStrategy,
    PublicKeyMismatch,
    PublicKeyTaken,
    InvalidRecipient,
    NotConnected,
    NoEncryptionSpace,
    VerificationKeyMissing,
    VerificationHashMissing,
    VerificationHashNotAllowed,
    ValueNotFromOwner,
    ValueMissing,
    OnShareNotAllowed,
    GrantNotAllowed,
    InvalidAcceptance,
    InvalidExpiry,
    ExpiryInPast,
    ExpiryAfterParent,
    SharedOnAlready,
    AnotherSlotShared,
    NotReceived,
    InvalidUsername,
    UsernameTaken,
    InvalidSrpSalt,
    InvalidSrpVerifier,
    InvalidSrpNumber,
    InvalidExternalIdentifiers,
    AdmissionTokenInvalid,
    InvalidBlockId,
    InvalidBlockList,
    UnknownBlock,
    InvalidThumbnailSize,
    // 401
    NotAuthorized,
    LoginFailed,
    // 403
    NotOwner,
    OnsharingNotPermitted,
    AcceptanceRequired,
    InvalidRequestSignature,
    UserDisabled,
    SignInNotRecent,
    InvitationRequired,
    SignUpsClosed,
    QuotaExceeded,
    UrlNotValid,
    // 404
    UnknownEndpoint,
    ItemNotFound,
    SlotNotFound,
    ShareNotFound,
    ConnectionNotFound,
    InvitationNotFound,
    TemplateNotFound,
    ClassificationNodeNotFound,
    ClientTaskNotFound,
    PublicKeyNotFound,
    KeypairNotFound,
    KeyEncryptionKeyNotFound,
    RecoveryKeyNotFound,
    DataEncryptionKeyNotFound,
    SharedKeyNotFound,
    EncryptionSpaceNotFound,
    SessionHalfNotFound,
    BlobNotFound,
    AttachmentNotFound,
    ThumbnailNotFound,
    // 405
    MethodNotAllowed,
    // 409
    ItemChanged,
    KeypairChanged,
    KeyEncryptionKeyExists,
    EncryptionSpaceConflict,
    ShareChanged,
    UploadUnfinished,
    UploadFinished,
    // 413
    BodyTooLarge,
    FileTooLarge,
    // 415
    UnsupportedMediaType,
    // 416
    RangeNotSatisfiable,
    // 429
    TooManyAttempts,
    TooManyRequests,
    TooManyInvitations,
    TooManyUploads,
    // 500
    InternalError,
    // 503
    Timeout,
    Unavailable,
}

impl Code {
    /// Every code, with its name on the wire.
    pub(crate) fn all() -> impl Iterator<Item = (String, Self)> {
        let schema = schemars::schema_for!(Self);
        let codes = schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
        codes.into_iter().filter_map(|name| Some((name.as_str()?.to_owned(), serde_json::from_value(name).ok()?)))
    }

    /// The HTTP status of a refusal with this code.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotAuthorized | Self::LoginFailed => StatusCode::UNAUTHORIZED,
            Self::NotOwner
            | Self::OnsharingNotPermitted
            | Self::AcceptanceRequired
            | Self::InvalidRequestSignature
            | Self::UserDisabled
            | Self::SignInNotRecent
            | Self::InvitationRequired
            | Self::SignUpsClosed
            | Self::QuotaExceeded
            | Self::UrlNotValid => StatusCode::FORBIDDEN,
            Self::UnknownEndpoint
            | Self::ItemNotFound
            | Self::SlotNotFound
            | Self::ShareNotFound
            | Self::ConnectionNotFound
            | Self::InvitationNotFound
            | Self::TemplateNotFound
            | Self::ClassificationNodeNotFound
            | Self::ClientTaskNotFound
            | Self::PublicKeyNotFound
            | Self::KeypairNotFound
            | Self::KeyEncryptionKeyNotFound
            | Self::RecoveryKeyNotFound
            | Self::DataEncryptionKeyNotFound
            | Self::SharedKeyNotFound
            | Self::EncryptionSpaceNotFound
            | Self::SessionHalfNotFound
            | Self::BlobNotFound
            | Self::AttachmentNotFound
            | Self::ThumbnailNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ItemChanged
            | Self::KeypairChanged
            | Self::KeyEncryptionKeyExists
            | Self::EncryptionSpaceConflict
            | Self::ShareChanged
            | Self::UploadUnfinished
            | Self::UploadFinished => StatusCode::CONFLICT,
            Self::BodyTooLarge | Self::FileTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::TooManyAttempts | Self::TooManyRequests | Self::TooManyInvitations | Self::TooManyUploads => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Timeout | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A refusal, or a fault of the server, which is logged in full and answered without detail.
#[derive(Debug)]
pub enum Error {
    /// The caller's fault: 4xx, or 503 after a timeout.
    Refused {
        /// Why.
        code: Code,
        /// Where in the request, as `item.slots_attributes[2].label`.
        field: Option<String>,
        /// A sentence for people. Never holds a value of the request that could be secret.
        message: String,
    },
    /// 429: a rate limit is reached. Of its own kind, so that no such reply goes without `Retry-After`.
    TooMany {
        /// Of what.
        code: Code,
        /// A sentence for people, which goes on with the time.
        message: &'static str,
        /// How long to wait.
        retry_after: Duration,
    },
    /// 503: the request is well, and may be sent again later. The text is for the log.
    Unavailable(String),
    /// 503 too, but a further attempt may succeed at once. The text is for the log.
    Interrupted(String),
    /// 500. The text is for the log.
    Fault(String),
}

impl Error {
    /// A refusal for the reason that the code names.
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::Refused { code, field: None, message: message.into() }
    }

    /// 400: a field that this request needs is absent.
    pub fn missing(field: &str) -> Self {
        Self::refused(Code::FieldMissing, "is needed").at(field)
    }

    /// 401: no valid session.
    pub fn not_authorized() -> Self {
        Self::refused(Code::NotAuthorized, "Sign in: the token is missing, wrong or expired")
    }

    /// 404: no route, or a path that names no record.
    pub fn unknown_endpoint() -> Self {
        Self::refused(Code::UnknownEndpoint, "There is nothing at this address")
    }

    /// 404: there is no such record, or it is not the caller's. Deliberately the same, so that ids cannot be probed.
    pub fn not_found(code: Code) -> Self {
        Self::refused(code, "Not found for this user")
    }

    /// The same refusal, with the place in the request that it is about; called again, by whoever knows what that place
    /// is a part of, with the place around it.
    pub fn at(mut self, place: &str) -> Self {
        if let Self::Refused { field, .. } = &mut self {
            *field = Some(match field.take() {
                None => place.to_owned(),
                Some(inner) => format!("{place}.{inner}"),
            });
        }
        self
    }

    /// 500, with the reason for the log.
    pub fn fault(reason: impl std::fmt::Display) -> Self {
        Self::Fault(reason.to_string())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { field: Some(field), message, .. } => write!(formatter, "{field}: {message}"),
            Self::Refused { message, .. } => formatter.write_str(message),
            Self::TooMany { message, retry_after, .. } => {
                write!(formatter, "{message}: try again in {} seconds", whole_seconds(*retry_after))
            }
            Self::Unavailable(reason) | Self::Interrupted(reason) | Self::Fault(reason) => formatter.write_str(reason),
        }
    }
}

impl std::error::Error for Error {}

/// SQLite's codes for a database that another connection holds, and for a disk that is full or fails: the lowest byte of
/// what it says.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_IOERR: i32 = 10;
const SQLITE_FULL: i32 = 13;

/// PostgreSQL's codes and classes of codes for what ended a transaction or the connection: another one in its way, or a
/// server that stops or starts.
const POSTGRES_INTERRUPTED: [&str; 3] = ["08", "40", "57P"];
/// And for what is too busy or out of something: memory, disk, connections, a lock or a statement that took too long, and a
/// server that became a standby.
const POSTGRES_UNAVAILABLE: [&str; 6] = ["53", "55P03", "57014", "58", "25006", "25P03"];

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let kind: fn(String) -> Self = match &error {
            sqlx::Error::PoolTimedOut => Self::Unavailable,
            sqlx::Error::Io(_) => Self::Interrupted,
            sqlx::Error::Database(refusal) => match refusal.try_downcast_ref::<PgDatabaseError>() {
                Some(refusal) => kind_in_postgres(refusal.code()),
                None => kind_in_sqlite(refusal.code().and_then(|code| code.parse().ok())),
            },
            _ => Self::Fault,
        };
        kind(error.to_string())
    }
}

fn kind_in_postgres(code: &str) -> fn(String) -> Error {
    let is_one_of = |codes: &[&str]| codes.iter().any(|begin| code.starts_with(begin));
    if is_one_of(&POSTGRES_INTERRUPTED) {
        Error::Interrupted
    } else if is_one_of(&POSTGRES_UNAVAILABLE) {
        Error::Unavailable
    } else {
        Error::Fault
    }
}

fn kind_in_sqlite(code: Option<i32>) -> fn(String) -> Error {
    match code.map(|code| code & 0xff) {
        Some(SQLITE_BUSY | SQLITE_LOCKED | SQLITE_IOERR | SQLITE_FULL) => Error::Unavailable,
        _ => Error::Fault,
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::fault(error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match &self {
            Self::Refused { code, field, .. } => body(*code, field.as_deref(), &self.to_string()).into_response(),
            Self::TooMany { code, retry_after, .. } => {
                with_retry_after(whole_seconds(*retry_after), body(*code, None, &self.to_string()))
            }
            Self::Unavailable(reason) => {
                tracing::error!(reason, "the server is too busy");
                unavailable()
            }
            Self::Interrupted(reason) => {
                tracing::warn!(reason, "the database broke off");
                let mut reply = unavailable();
                reply.extensions_mut().insert(BrokenOff);
                reply
            }
            Self::Fault(reason) => {
                tracing::error!(reason, "request failed");
                body(Code::InternalError, None, "The server failed").into_response()
            }
        }
    }
}

fn unavailable() -> Response {
    let message = "The server is too busy, or its disk is full: try again later";
    with_retry_after(RETRY_AFTER_SECONDS, body(Code::Unavailable, None, message))
}

/// Rounded up: who comes back after it is not too early.
fn whole_seconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

fn with_retry_after(seconds: u64, reply: impl IntoResponse) -> Response {
    let mut response = reply.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn body(code: Code, field: Option<&str>, message: &str) -> impl IntoResponse {
    let error = Refusal {
        error: code,
        http_code: code.status().as_u16(),
        message: message.to_owned(),
        requested_language: "en",
        message_in_requested_language: true,
        extra_info: ExtraInfo { field: field.map(str::to_owned) },
    };
    (code.status(), Json(Refusals { errors: [error] }))
}

/// The body of every reply that is not 2xx.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Refusals {
    /// One.
    errors: [Refusal; 1],
}

/// Why a request was refused.
#[derive(Serialize, JsonSchema)]
struct Refusal {
    /// The machine code.
    error: Code,
    /// The status.
    http_code: u16,
    /// A sentence for people.
    message: String,
    /// `en`.
    requested_language: &'static str,
    /// True.
    message_in_requested_language: bool,
    /// More, where there is more to say.
    extra_info: ExtraInfo,
}

/// More on a refusal.
#[derive(Serialize, JsonSchema)]
struct ExtraInfo {
    /// Where in the request, as `item.slots_attributes[2].label`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

vaultshare::describe!(SENT: Refusals);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    /// The rows of the table of §1.4: `| 404 | `item_not_found` | … |`.
    fn documented() -> BTreeMap<String, u16> {
        let text = include_str!("../../../docs/protocol/http-api.md");
        let section = text.split_once("### 1.4 ").unwrap().1.split_once("\n### ").unwrap().0;
        let rows = section.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let status = cells.next()?.parse().ok()?;
            Some((cells.next()?.trim_matches('`').to_owned(), status))
        });
        rows.collect()
    }

    /// Every code, as serde lists them where it does not know one.
    fn codes() -> Vec<String> {
        let unknown = serde_json::from_str::<Code>("\"\"").unwrap_err().to_string();
        unknown.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_code_is_in_the_protocols_table_with_its_status() {
        let status = |code: &String| serde_json::from_value::<Code>(json!(code)).unwrap().status().as_u16();
        let codes: BTreeMap<String, u16> = codes().into_iter().map(|code| (code.clone(), status(&code))).collect();
        assert!(codes.len() > 50);
        assert_eq!(documented(), codes);
    }

    #[test]
    fn what_passes_is_no_fault() {
        let of = |code| kind_in_postgres(code)(String::new());
        for code in ["40001", "40P01", "57P01", "08006"] {
            assert!(matches!(of(code), Error::Interrupted(_)), "{code}");
        }
        for code in ["53100", "53300", "55P03", "57014"] {
            assert!(matches!(of(code), Error::Unavailable(_)), "{code}");
        }
        for code in ["23505", "22021", "42P01"] {
            assert!(matches!(of(code), Error::Fault(_)), "{code}");
        }
        assert!(matches!(kind_in_sqlite(Some(517))(String::new()), Error::Unavailable(_)));
        assert!(matches!(kind_in_sqlite(Some(1555))(String::new()), Error::Fault(_)));
    }

    #[test]
    fn a_refusal_names_its_place_from_the_outside_in() {
        let error = Error::missing("label").at("slots_attributes[2]").at("item");
        assert_eq!(error.to_string(), "item.slots_attributes[2].label: is needed");
    }
}
