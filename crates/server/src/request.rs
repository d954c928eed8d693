//! Reading requests: JSON bodies, as tolerant as the protocol asks (docs/protocol/http-api.md §0).

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{StatusCode, header},
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::{
    clock::{Millis, from_wire, to_wire},
    error::{Code, Error, Result},
    service::Service,
};

/// A JSON body. An empty body is read as `{}`.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Service> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, service: &S) -> Result<Self> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("").to_owned());
        let bytes = Bytes::from_request(request, service)
            .await
            .map_err(|rejection| unreadable(&rejection, service.limits().body))?;
        if bytes.trim_ascii().is_empty() {
            return parse(b"{}").map(Body);
        }
        if content_type.as_deref().is_some_and(|kind| !is_json(kind)) {
            let message = "The body must be JSON (Content-Type: application/json)";
            return Err(Error::refused(Code::UnsupportedMediaType, message));
        }
        parse(&bytes).map(Body)
    }
}

/// The refusal says where the body is wrong and not how: serde's messages quote values, which may be secret.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = error.path();
        match error.inner().classify() {
            Category::Data if place.iter().next().is_some() => {
                Error::refused(Code::InvalidField, "is not what is expected here").at(&place.to_string())
            }
            Category::Data => Error::refused(Code::InvalidField, "The body is not what is expected here"),
            _ => Error::refused(Code::InvalidJson, "The body is not JSON"),
        }
    })?;
    json.end().map_err(|_| Error::refused(Code::InvalidJson, "The body goes on after its end"))?;
    Ok(value)
}

fn unreadable(rejection: &BytesRejection, limit: usize) -> Error {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("The request has more than the {limit} bytes that this server takes");
            Error::refused(Code::BodyTooLarge, message)
        }
        _ => Error::refused(Code::UnreadableBody, "The body did not arrive whole"),
    }
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// Refuses a text that is longer than `bytes`: one that the server stores and does not read.
pub fn check_length(field: &str, text: Option<&str>, bytes: usize) -> Result<()> {
    match text {
        Some(text) if text.len() > bytes => {
            Err(Error::refused(Code::TextTooLong, format!("has at most {bytes} bytes")).at(field))
        }
        _ => Ok(()),
    }
}

/// Refuses a change that is meant for an earlier state of a record: `since` is its `updated_at` as the client saw it.
pub fn check_unchanged(code: Code, since: Option<&str>, updated_at: Millis) -> Result<()> {
    match since {
        Some(since) if since != to_wire(updated_at) => {
            Err(Error::refused(code, "The record has changed since: read it again"))
        }
        _ => Ok(()),
    }
}

/// Parses when something expires, which must be in the future.
pub fn read_expiry(text: &str, now: Millis) -> Result<Millis> {
    let refused = |code, message| Error::refused(code, message).at("expires_at");
    let not_a_time = "must be an ISO 8601 date and time, to the end of the year 9999";
    let time = from_wire(text).ok_or_else(|| refused(Code::InvalidExpiry, not_a_time.to_owned()))?;
    // Its own code: who meant the future by a clock that is slow can be told.
    if time <= now {
        let message = format!("must be in the future: by this server's clock it is {}", to_wire(now));
        return Err(refused(Code::ExpiryInPast, message));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Outer {
        #[allow(dead_code, reason = "only read by the derived Debug")]
        shares: Vec<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Inner {
        #[allow(dead_code, reason = "only read by the derived Debug")]
        expires: u64,
    }

    #[test]
    fn a_refusal_names_the_place_and_quotes_nothing() {
        for body in [r#"{"shares":[{"expires":"a secret"}]}"#, r#"{"shares":[{"expires":1},{"expires":-7777}]}"#] {
            let refusal = parse::<Outer>(body.as_bytes()).unwrap_err().to_string();
            assert!(refusal.starts_with("shares[") && refusal.contains("].expires: "), "{refusal}");
            assert!(!refusal.contains("secret") && !refusal.contains("7777"), "{refusal}");
        }
        for body in ["", "{", "[]", "a secret", r#"{"shares":[]} a secret"#] {
            let refusal = parse::<Outer>(body.as_bytes()).unwrap_err().to_string();
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }

    #[test]
    fn json_has_several_names() {
        assert!(is_json("application/json; charset=utf-8"));
        assert!(is_json("application/problem+json"));
        assert!(!is_json("text/plain"));
    }
}
