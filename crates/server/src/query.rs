//! Typed query parameters, as tolerant as the protocol asks (docs/protocol/http-api.md §0): an empty parameter counts
//! as absent, a list is sent as repeated keys or separated by commas, and a flag that is neither true nor false is
//! ignored. Of lists and texts there is an end (§1.9).

use std::collections::HashSet;

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

use crate::{
    bounds::{NAME, QUERY_VALUES},
    error::{Code, Error, Result},
};

/// The query parameters as `T`, whose fields are read by the functions of this module. Unknown ones are ignored.
#[derive(Clone, Debug, Default)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::parse(parts.uri.query().unwrap_or(""))
    }
}

impl<T: DeserializeOwned> Query<T> {
    /// Parses the part of a URL after the question mark.
    pub fn parse(query: &str) -> Result<Self> {
        let query = serde_html_form::Deserializer::from_bytes(query.as_bytes());
        let parsed = serde_path_to_error::deserialize(query).map(Self);
        parsed.map_err(|error| match error.path().iter().next() {
            Some(_) => refused(&error.inner().to_string()).at(&error.path().to_string()),
            None => refused(""),
        })
    }
}

// What the functions below say of a value, in place of the library's own messages, which could quote one.
const TOO_MANY: &str = "too many values";
const TOO_LONG: &str = "too long";
const NUL: &str = "a NUL";

fn refused(reason: &str) -> Error {
    match reason {
        TOO_MANY => Error::refused(Code::TooManyValues, format!("has at most {QUERY_VALUES} values")),
        TOO_LONG => Error::refused(Code::TextTooLong, format!("has at most {NAME} bytes")),
        NUL => Error::refused(Code::InvalidText, "has a NUL character"),
        _ => Error::refused(Code::InvalidQuery, "The query parameters are not what is expected"),
    }
}

/// The first non-empty value.
pub(crate) fn text<'de, D: Deserializer<'de>>(values: D) -> Result<Option<String>, D::Error> {
    let text = Vec::<String>::deserialize(values)?.into_iter().find(|value| !value.is_empty());
    text.map(checked).transpose().map_err(D::Error::custom)
}

/// All values, each once: `x=a&x=b` and `x=a,b,a` are the same.
pub(crate) fn list<'de, D: Deserializer<'de>>(values: D) -> Result<Vec<String>, D::Error> {
    let values = Vec::<String>::deserialize(values)?;
    let parts = values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|part| !part.is_empty());
    let mut seen = HashSet::new();
    let mut list = Vec::new();
    for part in parts.filter(|part| seen.insert(*part)) {
        if list.len() == QUERY_VALUES {
            return Err(D::Error::custom(TOO_MANY));
        }
        list.push(checked(part.to_owned()).map_err(D::Error::custom)?);
    }
    Ok(list)
}

fn checked(text: String) -> Result<String, &'static str> {
    match text {
        text if text.len() > NAME => Err(TOO_LONG),
        text if text.contains('\0') => Err(NUL),
        text => Ok(text),
    }
}

/// `true`, `1`, `false` or `0`; None for anything else.
pub(crate) fn flag<'de, D: Deserializer<'de>>(values: D) -> Result<Option<bool>, D::Error> {
    Ok(match text(values)?.as_deref() {
        Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Filter {
        #[serde(deserialize_with = "list")]
        state: Vec<String>,
        #[serde(alias = "item_ids[]", deserialize_with = "list")]
        item_ids: Vec<String>,
        #[serde(deserialize_with = "flag")]
        own: Option<bool>,
        #[serde(deserialize_with = "text")]
        like: Option<String>,
    }

    fn parse(query: &str) -> Filter {
        Query::parse(query).unwrap().0
    }

    #[test]
    fn lists_are_read_in_both_notations() {
        let filter = parse("state=todo&state=in_progress&item_ids=a,b&item_ids=c&own=true&like=");
        assert_eq!(filter.state, ["todo", "in_progress"]);
        assert_eq!(filter.item_ids, ["a", "b", "c"]);
        assert_eq!(filter.own, Some(true));
        assert_eq!(filter.like, None);
    }

    #[test]
    fn lists_are_read_with_brackets_too() {
        assert_eq!(parse("item_ids[]=a&item_ids%5B%5D=b").item_ids, ["a", "b"]);
    }

    #[test]
    fn of_a_repeated_text_the_first_value_counts() {
        assert_eq!(parse("like=&like=a&like=b").like.as_deref(), Some("a"));
    }

    #[test]
    fn unknown_parameters_and_flags_are_ignored() {
        let filter = parse("own=maybe&unknown=1&%ff=%ff");
        assert_eq!(filter.own, None);
        assert!(filter.state.is_empty());
    }
}
