//! What a response with an error status means: a retry, or one of the crate's errors.

use std::time::Duration;

use serde::Deserialize;

use super::Response;
use crate::error::{Error, ErrorCode};

/// Upper bound of `Retry-After`: a server may not stall a client for longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Whether a retry may succeed.
pub(super) fn is_transient(status: u16) -> bool {
    status == 429 || (500..600).contains(&status)
}

/// The delay that the server asks for in seconds, up to [`LONGEST_RETRY_AFTER`]; its other form, a date, is not read.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.retry_after.as_ref()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// The error for a response with an error status. Of what the server wrote, only its machine code is passed on.
pub(super) fn error_of(response: &Response) -> Error {
    let server_code = server_code(&response.body);
    let (code, message) = match (response.status, server_code.as_deref()) {
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
    let error = Error::new(code, message).with_status(response.status);
    match server_code {
        Some(server_code) => error.with_server_code(server_code),
        None => error,
    }
}

/// The body of a reply without success, as far as it is read.
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    error: String,
}

/// `errors[0].error` (`docs/protocol/http-api.md` §1.4), if it looks like a machine code and not like anything that was sent.
fn server_code(body: &[u8]) -> Option<String> {
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let code = refusal.errors.into_iter().next()?.error;
    let is_code = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, body: body.as_bytes().to_vec(), ..Response::default() }
    }

    #[test]
    fn the_servers_code_is_passed_on_and_its_prose_is_not() {
        let error = error_of(&response(400, r#"{"errors":[{"error":"username_taken","message":"<script>"}]}"#));
        assert_eq!(
            (error.code(), error.status(), error.server_code()),
            (ErrorCode::InvalidArgument, Some(400), Some("username_taken"))
        );
        assert!(!error.to_string().contains("script"));
        assert_eq!(error_of(&response(500, r#"{"errors":[{"error":"Bearer abc.def"}]}"#)).server_code(), None);
    }

    #[test]
    fn every_status_has_its_code() {
        let code = |status| error_of(&response(status, "")).code();
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
