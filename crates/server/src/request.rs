//! Reading requests: JSON bodies, as tolerant as the protocol asks (docs/protocol/http-api.md §0).

use std::fmt;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{StatusCode, header},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, SeqAccess, Unexpected, Visitor},
};
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
    // The only way to write the character. Most bodies are read once.
    if bytes.windows(NUL.len()).any(|bytes| bytes == NUL) {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        serde_path_to_error::deserialize::<_, WithoutNul>(&mut json).map_err(|error| {
            let place = error.path().to_string();
            // The name of a field can have one too.
            if place.contains('\0') { Error::nul_character() } else { Error::nul_character().at(&place) }
        })?;
    }
    Ok(value)
}

const NUL: &[u8] = b"\\u0000";

/// JSON in which no text has a NUL character, which PostgreSQL does not store.
struct WithoutNul;

impl<'de> Deserialize<'de> for WithoutNul {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for WithoutNul {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without NUL characters")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self, E> {
        if text.contains('\0') { Err(E::invalid_value(Unexpected::Str("NUL"), &self)) } else { Ok(self) }
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self, A::Error> {
        while values.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
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
    fn a_nul_character_is_refused_wherever_a_text_has_it() {
        for (body, place) in [
            (r#"{"a":{"b":["x","a\u0000secret"]}}"#, Some("a.b[1]")),
            (r#"{"a\u0000secret":1}"#, None),
            (r#"["\u0000", 1.5, true, null, -1]"#, Some("[0]")),
        ] {
            let refused = parse::<serde_json::Value>(body.as_bytes()).unwrap_err();
            let Error::Refused { code: Code::NulCharacter, field, .. } = &refused else { panic!("{refused}") };
            assert!(place.is_none() || field.as_deref() == place, "{field:?} in {body}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
        // A backslash before it: six characters, none of them NUL.
        assert!(parse::<serde_json::Value>(br#"{"a":["\\u0000", -1, 1.5, true, null, {}]}"#).is_ok());
    }

    #[test]
    fn json_has_several_names() {
        assert!(is_json("application/json; charset=utf-8"));
        assert!(is_json("application/problem+json"));
        assert!(!is_json("text/plain"));
    }
}
