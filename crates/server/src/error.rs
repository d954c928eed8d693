//! Errors of requests, and their form on the wire (docs/protocol/http-api.md §1.4).

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// When a request may be sent again that found the database busy.
const RETRY_AFTER_SECONDS: u64 = 5;

/// The result of handlers and rules.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal, or a fault of the server, which is logged in full and answered without detail.
#[derive(Debug)]
pub enum Error {
    /// The caller's fault: 4xx, or 503 after a timeout.
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The machine-readable code, in snake case.
        code: &'static str,
        /// A sentence for people. Never holds a value of the request that could be secret.
        message: String,
    },
    /// 429, after too many failed logins.
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// 503: the request is well, and may be sent again later. The text is for the log.
    Unavailable(String),
    /// 500. The text is for the log.
    Fault(String),
}

impl Error {
    /// 400: the request breaks a rule of the protocol.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, "validation_failed", message)
    }

    /// 401: no valid session.
    pub fn not_authorized() -> Self {
        Self::refused(StatusCode::UNAUTHORIZED, "not_authorized", "Sign in: the token is missing, wrong or expired")
    }

    /// 404: there is no such record, or it is not the caller's. Deliberately the same, so that ids cannot be probed.
    pub fn not_found(code: &'static str) -> Self {
        Self::refused(StatusCode::NOT_FOUND, code, "Not found for this user")
    }

    /// 403: the caller may see the record, but not do this with it.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::refused(StatusCode::FORBIDDEN, code, message)
    }

    /// Any other refusal.
    pub fn refused(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { status, code, message: message.into() }
    }

    /// 500, with the reason for the log.
    pub fn fault(reason: impl std::fmt::Display) -> Self {
        Self::Fault(reason.to_string())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { message, .. } => formatter.write_str(message),
            Self::TooManyAttempts { retry_after } => write!(formatter, "too many attempts: wait {retry_after:?}"),
            Self::Unavailable(reason) | Self::Fault(reason) => formatter.write_str(reason),
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

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let passes = match &error {
            sqlx::Error::PoolTimedOut => true,
            sqlx::Error::Database(refusal) => {
                let code = refusal.code().and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff);
                matches!(code, Some(SQLITE_BUSY | SQLITE_LOCKED | SQLITE_IOERR | SQLITE_FULL))
            }
            _ => false,
        };
        if passes { Self::Unavailable(error.to_string()) } else { Self::fault(error) }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::fault(error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::Refused { status, code, message } => body(status, code, &message).into_response(),
            Self::TooManyAttempts { retry_after } => {
                let seconds = retry_after.as_secs().max(1);
                let message = format!("Too many failed attempts: try again in {seconds} seconds");
                with_retry_after(seconds, body(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", &message))
            }
            Self::Unavailable(reason) => {
                tracing::error!(reason, "the database is not to be had");
                let message = "The server is too busy, or its disk is full: try again later";
                with_retry_after(RETRY_AFTER_SECONDS, body(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message))
            }
            Self::Fault(reason) => {
                tracing::error!(reason, "request failed");
                body(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "The server failed").into_response()
            }
        }
    }
}

fn with_retry_after(seconds: u64, reply: impl IntoResponse) -> Response {
    let mut response = reply.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn body(status: StatusCode, code: &str, message: &str) -> impl IntoResponse {
    let error = json!({
        "error": code,
        "http_code": status.as_u16(),
        "message": message,
        "requested_language": "en",
        "message_in_requested_language": true,
        "extra_info": {},
    });
    (status, Json(json!({ "errors": [error] })))
}
