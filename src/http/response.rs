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

/// The error for a response with an error status: our sentence, then the server's as a quotation, and its machine code.
pub(super) fn error_of(response: &Response) -> Error {
    let reason = reason(&response.body);
    let server_code = reason.as_ref().and_then(|reason| machine_code(&reason.error));
    let (code, message) = match (response.status, server_code) {
        // Where there is no Vault or Keystore, "no such record" and "wrong passphrase" would be lies.
        // Browsers say of a redirect only that there is one, with status 0.
        (0 | 300..400 | 405, _) | (_, Some("unknown_endpoint")) => return not_a_service(response.status),
        (404, _) if reason.is_none() => return not_a_service(response.status),
        (401 | 403, _) if is_page(&response.body) => return not_a_service(response.status),
        (_, Some("onsharing_not_permitted")) => {
            (ErrorCode::OnSharingNotPermitted, "this share does not allow its recipient to share on")
        }
        (400, Some("expiry_in_past")) => (
            ErrorCode::InvalidArgument,
            "by the server's clock the end of the share has passed: is the clock of this device slow?",
        ),
        (401, _) => (ErrorCode::Unauthorized, "the session is no longer valid: sign in again"),
        (403, _) => (ErrorCode::Forbidden, "the server does not allow this to this user"),
        (404, _) => (ErrorCode::NotFound, "no such record, or not one of this user's"),
        (409, _) => (ErrorCode::Conflict, "the request contradicts what the server holds"),
        (429, _) => (ErrorCode::RateLimited, "too many requests: try again later"),
        (413, _) => (ErrorCode::InvalidArgument, "the request is larger than the server, or a proxy before it, takes"),
        (400 | 422, _) => (ErrorCode::InvalidArgument, "the server refused the request as not valid"),
        (500..=599, _) => (ErrorCode::ServerError, "the server failed"),
        _ => (ErrorCode::BadResponse, "the server answered in a way that the protocol does not know"),
    };
    // With these statuses the server has nothing to add: what is behind them it does not tell.
    let says_all = matches!(response.status, 401 | 404 | 500..=599);
    let said = reason.as_ref().and_then(|reason| reason.message.as_str());
    let said = said.filter(|sentence| !says_all && !sentence.is_empty());
    let error = match said {
        Some(sentence) => Error::new(code, [message, "; the server says: ", &quote(sentence)].concat()),
        None => Error::new(code, message),
    };
    let error = error.with_status(response.status);
    match server_code {
        Some(server_code) => error.with_server_code(server_code),
        None => error,
    }
}

/// The body of a reply without success, as far as it is read (`docs/protocol/http-api.md` §1.4).
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    error: String,
    /// Whatever it is: only a text is shown.
    #[serde(default)]
    message: serde_json::Value,
}

fn reason(body: &[u8]) -> Option<Reason> {
    serde_json::from_slice::<Refusal>(body).ok()?.errors.into_iter().next()
}

/// The code, if it looks like a machine code and not like anything that was sent.
fn machine_code(code: &str) -> Option<&str> {
    let is_code = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_code.then_some(code)
}

/// Whether a body is HTML: what web servers, proxies and login pages answer with.
pub(super) fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// The error of a reply that no Vault or Keystore gives.
pub(super) fn not_a_service(status: u16) -> Error {
    let error = Error::new(ErrorCode::BadResponse, "what answered is no Vault or Keystore: is the base URL right?");
    if status == 0 { error } else { error.with_status(status) }
}

/// How much of a server's sentence is repeated, in characters.
const LONGEST_SENTENCE: usize = 200;
/// The longest run of letters that cannot be a token, key or ciphertext: an id has 36.
const LONGEST_RUN: usize = 40;

/// A server's sentence as a part of our message, where it cannot pass for ours or do harm. It may be a lie, and a page may
/// write it anywhere, so: it is short; it is in quotation marks, which it cannot close; what a terminal would obey or
/// nobody would see (control characters, turns of the direction of reading) is escaped; it has no markup; and a server
/// that repeats what it was sent puts no secret into anyone's log.
fn quote(sentence: &str) -> String {
    let is_of_token = |character: char| character.is_ascii_alphanumeric() || "+/-_=".contains(character);
    let mut shown = String::new();
    for part in sentence.split_inclusive(|character| !is_of_token(character)) {
        let run = part.trim_end_matches(|character| !is_of_token(character));
        shown.push_str(if run.len() > LONGEST_RUN { "… " } else { part });
    }
    let without_markup = |character| if matches!(character, '<' | '>' | '&') { ' ' } else { character };
    let short: String = shown.chars().take(LONGEST_SENTENCE).map(without_markup).collect();
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, body: body.as_bytes().to_vec(), ..Response::default() }
    }

    fn refused(sentence: &str) -> String {
        let body = serde_json::json!({ "errors": [{ "error": "invalid_label", "message": sentence }] });
        error_of(&response(400, &body.to_string())).to_string()
    }

    #[test]
    fn the_servers_code_is_passed_on_and_its_sentence_quoted() {
        let error = error_of(&response(400, r#"{"errors":[{"error":"username_taken","message":"Taken already"}]}"#));
        assert_eq!(
            (error.code(), error.status(), error.server_code()),
            (ErrorCode::InvalidArgument, Some(400), Some("username_taken"))
        );
        assert_eq!(error.message(), "the server refused the request as not valid; the server says: \"Taken already\"");
        let bare = "the server refused the request as not valid";
        for body in ["", "[]", "{\"errors\":[]}", "{\"errors\":[{\"error\":\"x\",\"message\":null}]}"] {
            assert_eq!(error_of(&response(422, body)).message(), bare, "{body}");
        }
        let from_a_proxy = error_of(&response(413, "<html>413 Request Entity Too Large</html>"));
        assert!(from_a_proxy.message().contains("larger than the server"), "{from_a_proxy}");
        assert_eq!(error_of(&response(500, r#"{"errors":[{"error":"Bearer abc.def"}]}"#)).server_code(), None);
        for status in [401, 404, 503] {
            let body = r#"{"errors":[{"error":"not_found","message":"Not found for this user"}]}"#;
            assert!(!error_of(&response(status, body)).message().contains("server says"), "{status}");
        }
    }

    #[test]
    fn who_sends_elsewhere_is_no_service() {
        // What browsers say of a redirect, and Node.js.
        for (status, told) in [(0, None), (301, Some(301)), (307, Some(307))] {
            let error = error_of(&response(status, ""));
            assert_eq!((error.code(), error.status()), (ErrorCode::BadResponse, told));
            assert!(error.message().contains("base URL"), "{error}");
        }
    }

    #[test]
    fn a_servers_sentence_cannot_pass_for_ours_or_do_harm() {
        let start = "the server refused the request as not valid; the server says: ";
        let quoted = |sentence: &str| refused(sentence).strip_prefix(start).unwrap().to_owned();
        assert_eq!(quoted("no\"; all is well"), r#""no\"; all is well""#);
        assert_eq!(quoted("a\nb\u{1b}[2Jc\u{202e}d\u{200b}\u{9b}"), r#""a\nb\u{1b}[2Jc\u{202e}d\u{200b}\u{9b}""#);
        assert_eq!(quoted("<img src=x onerror=alert(1)>&lt;"), "\" img src=x onerror=alert(1)  lt;\"");
        assert_eq!(quoted("Größe, 大きさ: zu groß"), "\"Größe, 大きさ: zu groß\"");
        assert_eq!(quoted(&"long ".repeat(1000)).chars().count(), 202);
    }

    #[test]
    fn a_server_that_repeats_what_it_was_sent_puts_no_secret_into_the_message() {
        let token = "c29tZXRoaW5nLXJhbmRvbS1hbmQtbG9uZy1lbm91Z2g";
        let id = "b1f0c2aa-0000-4000-8000-000000000001";
        let message = refused(&format!("{} Bearer {token} is not for {id}", "x ".repeat(80)));
        assert!(message.contains("Bearer … is not for"), "{message}");
        assert!(!message.contains("c29t"), "{message}");
        assert!(refused(id).contains(id));
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
