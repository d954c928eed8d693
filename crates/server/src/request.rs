//! Reading requests: ids in paths, and JSON bodies, as tolerant as the protocol asks (docs/protocol/http-api.md §0), and no
//! larger than it says (§1.9).

use std::fmt;

use axum::{
    Extension,
    body::{Body as Stream, HttpBody},
    extract::{self, FromRequest, FromRequestParts, Request},
    http::{header, request::Parts},
};
use http_body_util::BodyExt;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, error::Category};

use crate::{
    bounds::{BODY, BODY_VALUES, Bounded, LARGE_BODY},
    clock::{Millis, from_wire, to_wire},
    error::{Code, Error, Result},
    service::Service,
    work::Reservation,
};

/// The id, or what else is in a path. One that is no text, or has a NUL, is an address at which there is nothing.
#[derive(Debug)]
pub struct Path(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &S) -> Result<Self> {
        let id = extract::Path::<String>::from_request_parts(parts, service).await.ok().map(|extract::Path(id)| id);
        id.filter(|id| !id.contains('\0')).map(Self).ok_or_else(Error::unknown_endpoint)
    }
}

/// The largest body of the routes that have this layer, in bytes. The innermost layer counts.
pub(crate) fn body_limit(bytes: usize) -> Extension<BodyLimit> {
    Extension(BodyLimit(bytes))
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimit(usize);

/// A JSON body. An empty body is read as `{}`.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + Bounded + Send + 'static, S: Service> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, service: &S) -> Result<Self> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("").to_owned());
        let bytes = read(request, service).await?;
        if content_type.as_deref().is_some_and(|kind| !is_json(kind)) && !bytes.trim_ascii().is_empty() {
            let message = "The body must be JSON (Content-Type: application/json)";
            return Err(Error::refused(Code::UnsupportedMediaType, message));
        }
        let body: T = match bytes.len() {
            0..=LARGE_BODY => parse(&bytes)?,
            _ => service.work().requests.run(move || parse_large(&bytes)).await??,
        };
        body.check_bounds(service.limits())?;
        Ok(Self(body))
    }
}

/// Reads a body to its end, or to the bound of its route.
pub(crate) async fn read(request: Request, service: &impl Service) -> Result<Vec<u8>> {
    let limit = request.extensions().get().map_or(BODY.min(service.limits().body), |BodyLimit(limit)| *limit);
    let reservation = request.extensions().get::<Reservation>().cloned().unwrap_or_default();
    let too_large = || {
        let message = format!("The request has more than the {limit} bytes that this server takes here");
        Error::refused(Code::BodyTooLarge, message)
    };
    let mut body: Stream = request.into_body();
    let announced = body.size_hint().exact().map_or(0, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if announced > limit {
        return Err(too_large());
    }
    let _reading = reservation.begin_to_read().await?;
    // What is only announced takes no memory either.
    let mut bytes = Vec::with_capacity(announced.min(LARGE_BODY));
    while let Some(frame) = body.frame().await {
        let unreadable = |_| Error::refused(Code::UnreadableBody, "The body did not arrive whole");
        let Ok(chunk) = frame.map_err(unreadable)?.into_data() else { continue };
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        if bytes.len() + chunk.len() > LARGE_BODY {
            service.work().reserve_memory(&reservation, bytes.len() + chunk.len() - LARGE_BODY)?;
        }
        bytes.extend_from_slice(&chunk);
    }
    reservation.take_turn().await?;
    Ok(bytes)
}

/// Parses a body that is so large that what it makes of its bytes has to be known before.
fn parse_large<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let too_many = || Error::refused(Code::TooManyValues, format!("The body has at most {BODY_VALUES} values"));
    match serde_json::from_slice::<Count>(bytes) {
        Ok(Count(values)) if values > BODY_VALUES => Err(too_many()),
        _ => parse(bytes),
    }
}

/// How many values JSON has: objects, lists and what is in them.
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Counted)
    }
}

struct Counted;

macro_rules! one_value {
    ($($visit:ident: $value:ty),*) => {$(
        fn $visit<E: de::Error>(self, _: $value) -> Result<Count, E> {
            Ok(Count(1))
        }
    )*};
}

impl<'de> Visitor<'de> for Counted {
    type Value = Count;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    one_value!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: de::Error>(self) -> Result<Count, E> {
        Ok(Count(1))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
        let mut count = 1;
        while let Some(Count(values)) = list.next_element()? {
            count += values;
        }
        Ok(Count(count))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Count, A::Error> {
        let mut count = 1;
        while let Some((IgnoredAny, Count(values))) = object.next_entry()? {
            count += values;
        }
        Ok(Count(count))
    }
}

/// The refusal says where the body is wrong and not how: serde's messages quote values, which may be secret.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
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
    // Only where there may be a NUL, which JSON writes so, is it worth looking for one.
    if bytes.windows(ESCAPED_NUL.len()).any(|part| part == ESCAPED_NUL) && has_nul(&serde_json::from_slice(bytes)?) {
        return Err(Error::refused(Code::InvalidText, "A text of the body has a NUL character"));
    }
    Ok(value)
}

const ESCAPED_NUL: &[u8] = b"\\u0000";

/// Whether there is a NUL in a text, which PostgreSQL does not store.
fn has_nul(json: &Value) -> bool {
    match json {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
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
        for body in
            [r#"{"a":{"b":["x","a\u0000secret"]}}"#, r#"{"a\u0000secret":1}"#, r#"["\u0000", 1.5, true, null, -1]"#]
        {
            let refused = parse::<Value>(body.as_bytes()).unwrap_err();
            assert!(matches!(refused, Error::Refused { code: Code::InvalidText, .. }), "{refused}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
        // A backslash before it: six characters, none of them NUL.
        assert!(parse::<Value>(br#"{"a":["\\u0000", -1, 1.5, true, null, {}]}"#).is_ok());
    }

    #[test]
    fn json_has_several_names() {
        assert!(is_json("application/json; charset=utf-8"));
        assert!(is_json("application/problem+json"));
        assert!(!is_json("text/plain"));
    }
}
