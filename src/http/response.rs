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
    let reason = reason(&response.body);
    let is_protocol = reason.is_some();
    let server_code = reason.and_then(Reason::server_code);
    let (code, message) = match (response.status, server_code.as_deref()) {
        // Where there is no Vault or Keystore, "no such record" and "wrong passphrase" would be lies.
        (300..400 | 405, _) | (_, Some("unknown_endpoint")) => return not_a_service(response.status),
        (404, _) if !is_protocol => return not_a_service(response.status),
        (401 | 403, _) if is_page(&response.body) => return not_a_service(response.status),
        (_, Some("onsharing_not_permitted")) => {
            (ErrorCode::OnSharingNotPermitted, "this share does not allow its recipient to share on")
        }
        (400, Some("expiry_passed")) => (
            ErrorCode::InvalidArgument,
            "by the server's clock the end of the share has passed: is the clock of this device slow?",
        ),
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

fn reason(body: &[u8]) -> Option<Reason> {
    serde_json::from_slice::<Refusal>(body).ok()?.errors.into_iter().next()
}

impl Reason {
    /// `errors[0].error` (`docs/protocol/http-api.md` §1.4), if it looks like a machine code and not like anything that was
    /// sent.
    fn server_code(self) -> Option<String> {
        let code = self.error;
        let is_code =
            (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_code.then_some(code)
    }
}

/// Whether a body is HTML: what web servers, proxies and login pages answer with.
pub(super) fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// The error of a reply that no Vault or Keystore gives.
pub(super) fn not_a_service(status: u16) -> Error {
    Error::new(ErrorCode::BadResponse, "what answered is no Vault or Keystore: is the base URL right?")
        .with_status(status)
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
        let refusal = r#"{"errors":[{"error":"item_not_found"}]}"#;
        let code = |status| error_of(&response(status, refusal)).code();
        assert_eq!(code(302), ErrorCode::BadResponse);
        assert_eq!(code(401), ErrorCode::Unauthorized);
        assert_eq!(code(403), ErrorCode::Forbidden);
        assert_eq!(code(404), ErrorCode::NotFound);
        assert_eq!(code(409), ErrorCode::Conflict);
        assert_eq!(code(422), ErrorCode::InvalidArgument);
        assert_eq!(code(429), ErrorCode::RateLimited);
        assert_eq!(code(503), ErrorCode::ServerError);
    }

    #[test]
    fn what_is_no_vault_or_keystore_is_called_so() {
        let page = " \n<!doctype html><title>404 Not Found</title>";
        for (status, body) in [
            (404, page),
            (404, ""),
            (404, "Cannot POST /srp/challenges"),
            (404, r#"{"status":404,"error":"Not Found"}"#),
            (404, r#"{"errors":[{"error":"unknown_endpoint"}]}"#),
            (405, page),
            (405, r#"{"errors":[{"error":"method_not_allowed"}]}"#),
            (401, page),
            (403, page),
            (301, ""),
        ] {
            let error = error_of(&response(status, body));
            assert_eq!((error.code(), error.status()), (ErrorCode::BadResponse, Some(status)), "{body}");
            assert!(error.message().contains("base URL"), "{error}");
        }
        // What stands between us and a Vault may speak for it.
        for (status, code) in
            [(413, ErrorCode::InvalidArgument), (429, ErrorCode::RateLimited), (502, ErrorCode::ServerError)]
        {
            assert_eq!(error_of(&response(status, page)).code(), code);
        }
        assert_eq!(error_of(&response(401, "")).code(), ErrorCode::Unauthorized);
    }
}
