//! Reading requests: bodies and query parameters, as forgiving as the protocol asks (http-api §0) and no more.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    body::Bytes,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Request},
    http::{StatusCode, header, request::Parts},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::error::{Error, Result};

/// A JSON body. No body at all reads as `{}`; a wrong one is answered in the protocol's error form.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("").to_owned());
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Error::refused(rejection.status(), "unreadable_body", rejection.body_text()))?;
        if bytes.trim_ascii().is_empty() {
            return parse(b"{}").map(Body);
        }
        if content_type.as_deref().is_some_and(|kind| !is_json(kind)) {
            let message = "The body must be JSON (Content-Type: application/json)";
            return Err(Error::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
        }
        parse(&bytes).map(Body)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::invalid(format!("The body is not what is expected: {error}")))
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// The query parameters. Lists come as repeated keys or joined by commas, and either is read everywhere.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self::parse(parts.uri.query().unwrap_or("")))
    }
}

impl Parameters {
    /// Reads the part of an address behind the question mark. A parameter without a value is as good as absent.
    pub fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The first value under this name.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values under this name, `a&a` and `a,a` alike.
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(key, _)| key == name || key.strip_suffix("[]") == Some(name));
        let parts = values.flat_map(|(_, value)| value.split(',')).map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The value under this name read as yes or no.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.one(name)? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }
}

/// Tells a field that is `null` (`Some(None)`) from one that is absent (`None`, with `#[serde(default)]`).
pub fn null_or_value<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// The address of the other end of the connection. In-process callers have none and count as one.
#[derive(Clone, Debug)]
pub struct ClientAddress(pub String);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.ip().to_string());
        Ok(Self(address.unwrap_or_else(|| "in-process".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_both_notations() {
        let parameters = Parameters::parse("state=todo&state=in_progress&item_ids=a,b&item_ids=c&own=true&like=");
        assert_eq!(parameters.list("state"), ["todo", "in_progress"]);
        assert_eq!(parameters.list("item_ids"), ["a", "b", "c"]);
        assert_eq!(parameters.flag("own"), Some(true));
        assert_eq!(parameters.one("like"), None);
    }

    #[test]
    fn json_has_several_names() {
        assert!(is_json("application/json; charset=utf-8"));
        assert!(is_json("application/problem+json"));
        assert!(!is_json("text/plain"));
    }
}
