//! What a reply means: a value, or one of the crate's errors.

use std::time::Duration;

use ::http::{Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};

use crate::error::{Error, ErrorCode, Result};

/// The longest that a server may make a client wait before the next try.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Error body of both services (`protocol/http-api.md` §1.4), as far as this client reads it.
#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    error: String,
}

/// Reads a reply's JSON. What does not have the protocol's form is `BAD_RESPONSE`, without quoting it.
pub(super) fn read_json<T: DeserializeOwned>(reply: &Response<Vec<u8>>) -> Result<T> {
    serde_json::from_slice(reply.body()).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::new(ErrorCode::BadResponse, format!("the server's reply is not what the protocol says (at {place})"))
            .with_status(reply.status().as_u16())
    })
}

/// Whether the same request may fare better a moment later.
pub(super) fn is_worth_another_try(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// The pause that the server asks for, within bounds.
pub(super) fn retry_after(reply: &Response<Vec<u8>>) -> Option<Duration> {
    let seconds = reply.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// The error that a reply without success stands for. Of what the server wrote, only its machine code is passed on.
pub(super) fn error_of(reply: &Response<Vec<u8>>) -> Error {
    let status = reply.status();
    let server_code = server_code(reply.body());
    let (code, message) = match (status.as_u16(), server_code.as_deref()) {
        (_, Some("onsharing_not_permitted")) => {
            (ErrorCode::OnSharingNotPermitted, "this share does not allow its recipient to share on")
        }
        (401, _) => (ErrorCode::Unauthorized, "the session is no longer valid: sign in again"),
        (403, _) => (ErrorCode::Forbidden, "the server does not allow this to this user"),
        (404, _) => (ErrorCode::NotFound, "no such record, or not one of this user's"),
        (409, _) => (ErrorCode::Conflict, "the request contradicts what the server holds"),
        (429, _) => (ErrorCode::RateLimited, "too many requests: try again later"),
        (400 | 413 | 422, _) => (ErrorCode::InvalidArgument, "the server refused the request as not valid"),
        (500..=599, _) => (ErrorCode::ServerError, "the server failed"),
        _ => (ErrorCode::BadResponse, "the server answered in a way that the protocol does not know"),
    };
    let error = Error::new(code, message).with_status(status.as_u16());
    match server_code {
        Some(server_code) => error.with_server_code(server_code),
        None => error,
    }
}

/// `errors[0].error`, if it looks like a machine code and not like anything that was sent.
fn server_code(body: &[u8]) -> Option<String> {
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    let code = body.errors.into_iter().next()?.error;
    let is_code = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Response<Vec<u8>> {
        Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_servers_code_is_passed_on_and_its_prose_is_not() {
        let error = error_of(&reply(400, r#"{"errors":[{"error":"username_taken","message":"<script>"}]}"#));
        assert_eq!(
            (error.code(), error.status(), error.server_code()),
            (ErrorCode::InvalidArgument, Some(400), Some("username_taken"))
        );
        assert!(!error.to_string().contains("script"));
        assert_eq!(error_of(&reply(500, r#"{"errors":[{"error":"Bearer abc.def"}]}"#)).server_code(), None);
    }

    #[test]
    fn a_reply_that_is_no_json_is_a_bad_response_and_is_not_quoted() {
        let error = read_json::<serde_json::Value>(&reply(200, "{\"token\": \"hush")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadResponse);
        assert!(!error.to_string().contains("hush"));
    }

    #[test]
    fn every_status_has_its_code() {
        let code = |status| error_of(&reply(status, "")).code();
        assert_eq!(code(302), ErrorCode::BadResponse);
        assert_eq!(code(401), ErrorCode::Unauthorized);
        assert_eq!(code(403), ErrorCode::Forbidden);
        assert_eq!(code(404), ErrorCode::NotFound);
        assert_eq!(code(409), ErrorCode::Conflict);
        assert_eq!(code(422), ErrorCode::InvalidArgument);
        assert_eq!(code(429), ErrorCode::RateLimited);
        assert_eq!(code(503), ErrorCode::ServerError);
    }
}
