//! One error for the whole crate, with one stable code per kind.
//!
//! Callers branch on [`ErrorCode`]; people read the message. Neither ever holds a secret: no passphrase, no key, no
//! plaintext, no token. Everything that goes wrong while decrypting is one opaque kind, so that an attacker who can
//! offer ciphertexts learns nothing from the difference.

use std::{borrow::Cow, error::Error as StdError, fmt};

/// What the crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of failure, spelled on the JavaScript side exactly as [`ErrorCode::as_str`] gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// An argument was missing, of the wrong form, or out of range. Nothing was sent.
    InvalidArgument,
    /// The text is not a user secret (`1.username.groups`).
    InvalidSecret,
    /// Wrong secret or passphrase; which of the two is not told.
    LoginFailed,
    /// The session was closed; its keys are gone.
    SessionClosed,
    /// A ciphertext could not be decrypted or a signature did not verify. Deliberately without detail.
    DecryptionFailed,
    /// A text does not parse as an envelope of `docs/protocol/envelopes.md`, or its parameters are out of range.
    MalformedEnvelope,
    /// A well-formed envelope or key of an algorithm outside the allow-list.
    UnsupportedAlgorithm,
    /// An RSA key whose size or exponent is outside the accepted range.
    WeakKey,
    /// The server hands out another public key than the one known for this connection.
    KeyChanged,
    /// A received value is not the one its owner wrote.
    ValueNotAuthentic,
    /// The server put a ciphertext of another place, purpose or item's life where this one belongs.
    Misplaced,
    /// A value names no place, so it may be another than it seems: adopt the item before it is disclosed.
    UnboundValue,
    /// Words and rows of the item are not those that its values vouch for: adopt the item before it is disclosed.
    ItemChanged,
    /// The server shows an older version than this session has seen.
    RolledBack,
    /// The Keystore does not prove that it knows the user, and it or an earlier one did.
    ServerNotProven,
    /// Nothing proves who shared the item, and the caller requires it.
    SenderNotProven,
    /// Nothing proves that the key is the other user's; compare safety numbers.
    UnverifiedKey,
    /// No such record, or not one of this user's.
    NotFound,
    /// The two users have no connection.
    NotConnected,
    /// The two users have a connection already.
    AlreadyConnected,
    /// The share's terms have to be accepted before it can be read.
    AcceptanceRequired,
    /// The share does not allow its recipient to share on.
    OnSharingNotPermitted,
    /// Only the owner of the item may do this.
    NotOwner,
    /// The server no longer accepts the session's token.
    Unauthorized,
    /// The server refuses this to this user.
    Forbidden,
    /// The request contradicts what the server holds.
    Conflict,
    /// Too many requests; try again later.
    RateLimited,
    /// The server failed (5xx).
    ServerError,
    /// The server's response does not follow the protocol.
    BadResponse,
    /// No response: the connection failed.
    Network,
    /// No response within the timeout.
    Timeout,
    /// The caller's `AbortSignal` was aborted.
    Aborted,
    /// A fault of this library, or of the platform below it.
    Internal,
}

impl ErrorCode {
    /// Every code, so that tests can hold other spellings of this list (the `.d.ts`) against it.
    pub const ALL: [ErrorCode; 33] = [
        ErrorCode::InvalidArgument,
        ErrorCode::InvalidSecret,
        ErrorCode::LoginFailed,
        ErrorCode::SessionClosed,
        ErrorCode::DecryptionFailed,
        ErrorCode::MalformedEnvelope,
        ErrorCode::UnsupportedAlgorithm,
        ErrorCode::WeakKey,
        ErrorCode::KeyChanged,
        ErrorCode::ValueNotAuthentic,
        ErrorCode::Misplaced,
        ErrorCode::UnboundValue,
        ErrorCode::ItemChanged,
        ErrorCode::RolledBack,
        ErrorCode::ServerNotProven,
        ErrorCode::SenderNotProven,
        ErrorCode::UnverifiedKey,
        ErrorCode::NotFound,
        ErrorCode::NotConnected,
        ErrorCode::AlreadyConnected,
        ErrorCode::AcceptanceRequired,
        ErrorCode::OnSharingNotPermitted,
        ErrorCode::NotOwner,
        ErrorCode::Unauthorized,
        ErrorCode::Forbidden,
        ErrorCode::Conflict,
        ErrorCode::RateLimited,
        ErrorCode::ServerError,
        ErrorCode::BadResponse,
        ErrorCode::Network,
        ErrorCode::Timeout,
        ErrorCode::Aborted,
        ErrorCode::Internal,
    ];

    /// The stable spelling, `SCREAMING_SNAKE_CASE`, that JavaScript callers compare with.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidArgument => "INVALID_ARGUMENT",
            ErrorCode::InvalidSecret => "INVALID_SECRET",
            ErrorCode::LoginFailed => "LOGIN_FAILED",
            ErrorCode::SessionClosed => "SESSION_CLOSED",
            ErrorCode::DecryptionFailed => "DECRYPTION_FAILED",
            ErrorCode::MalformedEnvelope => "MALFORMED_ENVELOPE",
            ErrorCode::UnsupportedAlgorithm => "UNSUPPORTED_ALGORITHM",
            ErrorCode::WeakKey => "WEAK_KEY",
            ErrorCode::KeyChanged => "KEY_CHANGED",
            ErrorCode::ValueNotAuthentic => "VALUE_NOT_AUTHENTIC",
            ErrorCode::Misplaced => "MISPLACED",
            ErrorCode::UnboundValue => "UNBOUND_VALUE",
            ErrorCode::ItemChanged => "ITEM_CHANGED",
            ErrorCode::RolledBack => "ROLLED_BACK",
            ErrorCode::ServerNotProven => "SERVER_NOT_PROVEN",
            ErrorCode::SenderNotProven => "SENDER_NOT_PROVEN",
            ErrorCode::UnverifiedKey => "UNVERIFIED_KEY",
            ErrorCode::NotFound => "NOT_FOUND",
            ErrorCode::NotConnected => "NOT_CONNECTED",
            ErrorCode::AlreadyConnected => "ALREADY_CONNECTED",
            ErrorCode::AcceptanceRequired => "ACCEPTANCE_REQUIRED",
            ErrorCode::OnSharingNotPermitted => "ON_SHARING_NOT_PERMITTED",
            ErrorCode::NotOwner => "NOT_OWNER",
            ErrorCode::Unauthorized => "UNAUTHORIZED",
            ErrorCode::Forbidden => "FORBIDDEN",
            ErrorCode::Conflict => "CONFLICT",
            ErrorCode::RateLimited => "RATE_LIMITED",
            ErrorCode::ServerError => "SERVER_ERROR",
            ErrorCode::BadResponse => "BAD_RESPONSE",
            ErrorCode::Network => "NETWORK",
            ErrorCode::Timeout => "TIMEOUT",
            ErrorCode::Aborted => "ABORTED",
            ErrorCode::Internal => "INTERNAL",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why there was no connection, as the platform says it: for whoever looks for the cause, and not part of the message.
#[cfg(not(target_arch = "wasm32"))]
pub type Cause = std::sync::Arc<dyn StdError + Send + Sync>;
/// Why there was no connection: the `JsValue` that was thrown. This room knows no JavaScript.
#[cfg(target_arch = "wasm32")]
pub type Cause = std::rc::Rc<dyn std::any::Any>;

/// A failure: its kind, a sentence for people, and what the server said where it said something.
///
/// Boxed, because nearly every function can fail and hands this on: in one word instead of eight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    failure: Box<Failure>,
}

#[derive(Clone, Debug)]
struct Failure {
    code: ErrorCode,
    message: Cow<'static, str>,
    status: Option<u16>,
    server_code: Option<String>,
    cause: Option<Cause>,
}

/// Errors are equal that say the same, whatever the platform adds.
impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        let Failure { code, message, status, server_code, cause: _ } = self;
        (code, message, status, server_code) == (&other.code, &other.message, &other.status, &other.server_code)
    }
}

impl Eq for Failure {}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.failure.message)
    }
}

impl StdError for Error {
    #[cfg(not(target_arch = "wasm32"))]
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failure.cause.as_ref().map(|cause| &**cause as _)
    }
}

impl Error {
    /// An error of a kind, with a sentence that says what was wrong and, where it helps, what to do.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Error::of(code, message.into())
    }

    #[cold]
    #[inline(never)]
    fn of(code: ErrorCode, message: Cow<'static, str>) -> Self {
        Error { failure: Box::new(Failure { code, message, status: None, server_code: None, cause: None }) }
    }

    /// The same error, with the HTTP status that was received.
    pub fn with_status(mut self, status: u16) -> Self {
        self.failure.status = Some(status);
        self
    }

    /// The same error, with the server's own machine code (`errors[0].error`).
    pub fn with_server_code(mut self, server_code: impl Into<String>) -> Self {
        self.failure.server_code = Some(server_code.into());
        self
    }

    /// The same error, with what the platform says of it.
    pub(crate) fn with_cause(mut self, cause: Option<Cause>) -> Self {
        self.failure.cause = cause;
        self
    }

    /// The one error of every method of a closed session.
    pub(crate) fn session_closed() -> Self {
        Error::new(ErrorCode::SessionClosed, "the session is closed: sign in again")
    }

    /// The one error of every failed decryption, whatever the cause.
    pub fn decryption_failed() -> Self {
        Error::new(ErrorCode::DecryptionFailed, "the data could not be decrypted")
    }

    /// A text that is not an envelope. `what` names the flaw and must not quote the text.
    pub fn malformed_envelope(what: &str) -> Self {
        Error::new(ErrorCode::MalformedEnvelope, ["not a valid envelope: ", what].concat())
    }

    /// An argument that cannot be used, said in a sentence.
    pub fn invalid_argument(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorCode::InvalidArgument, message)
    }

    /// A fault of this library, or of the platform below it.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorCode::Internal, message)
    }

    /// A sentence for people; without secrets, and not stable. Where a server refused it ends with what that server said, in
    /// quotation marks: what stands there is the server's word.
    pub fn message(&self) -> &str {
        &self.failure.message
    }

    /// The kind of failure.
    pub fn code(&self) -> ErrorCode {
        self.failure.code
    }

    /// What JavaScript threw, where a connection failed.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn cause(&self) -> Option<&Cause> {
        self.failure.cause.as_ref()
    }

    /// The HTTP status, where a response was received.
    pub fn status(&self) -> Option<u16> {
        self.failure.status
    }

    /// The server's own machine code, where it sent one.
    pub fn server_code(&self) -> Option<&str> {
        self.failure.server_code.as_deref()
    }
}

impl From<getrandom::Error> for Error {
    fn from(_: getrandom::Error) -> Self {
        Error::internal("the system has no source of randomness")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_spelling() {
        let spellings: std::collections::HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(spellings.len(), ErrorCode::ALL.len());
    }
}
