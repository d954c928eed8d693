use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{
    Response, TransportFuture,
    response::{is_page, not_a_service},
};
use crate::error::{Error, ErrorCode, Result};

/// The deserialized body of a request's response. The request is sent when this is awaited.
///
/// One type for all endpoints, which differ only in the function that deserializes: the future that sends and retries is
/// compiled once, and not once per endpoint. The value is boxed, so that the callers' futures stay small.
pub struct Reply<'service, T> {
    exchange: TransportFuture<'service, Result<Response>>,
    deserialize: fn(&Response, Option<&str>) -> Result<Box<T>>,
    field: Option<&'static str>,
}

impl<'service, T: DeserializeOwned> Reply<'service, T> {
    pub(super) fn new(
        exchange: TransportFuture<'service, Result<Response>>,
        field: Option<&'static str>,
    ) -> Reply<'service, T> {
        Reply { exchange, field, deserialize }
    }
}

impl<'service, T> Reply<'service, T> {
    /// Only the exchange, for callers that [`deserialize`] responses of several types in one loop.
    pub(crate) fn into_exchange(self) -> TransportFuture<'service, Result<Response>> {
        self.exchange
    }
}

impl<'service> Reply<'service, ()> {
    /// A reply whose body is ignored.
    pub(super) fn ignored(exchange: TransportFuture<'service, Result<Response>>) -> Reply<'service, ()> {
        Reply { exchange, field: None, deserialize: |_, _| Ok(Box::new(())) }
    }
}

impl<T> Future for Reply<'_, T> {
    type Output = Result<Box<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Box<T>>> {
        let response = ready!(self.exchange.as_mut().poll(context))?;
        Poll::Ready((self.deserialize)(&response, self.field))
    }
}

/// Deserializes a response's body, or one field of the object that it is.
pub(crate) fn deserialize<T: DeserializeOwned>(response: &Response, field: Option<&str>) -> Result<Box<T>> {
    let json = match field {
        None => response.body.as_slice(),
        // As bytes, because `from_str` would compile a second reader of each type.
        Some(field) => field_of(response, field)?.as_bytes(),
    };
    serde_json::from_slice(json).map(Box::new).map_err(|error| not_the_protocol(response, &error))
}

fn field_of<'response>(response: &'response Response, name: &str) -> Result<&'response str> {
    let fields: HashMap<String, &RawValue> =
        serde_json::from_slice(&response.body).map_err(|error| not_the_protocol(response, &error))?;
    let missing = || bad_response(response, format!("the server's reply has no field `{name}`"));
    fields.get(name).map(|value| value.get()).ok_or_else(missing)
}

/// serde's own message may quote the body, so only the position is told.
fn not_the_protocol(response: &Response, error: &serde_json::Error) -> Error {
    if is_page(&response.body) {
        return not_a_service(response.status);
    }
    let (line, column) = (error.line(), error.column());
    bad_response(response, format!("the server's reply is not what the protocol says (line {line}, column {column})"))
}

fn bad_response(response: &Response, message: String) -> Error {
    Error::new(ErrorCode::BadResponse, message).with_status(response.status)
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use futures_util::FutureExt;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    enum Word {
        Abc,
    }

    #[test]
    fn a_reply_of_another_form_is_a_bad_response_and_is_not_quoted() {
        for body in ["{\"token\": \"hush", "{\"token\": \"hush/hush\"}", "{\"hush\": 1}", "[]", "\"hush\"", ""] {
            let response = Response { status: 200, body: body.as_bytes().to_vec(), ..Response::default() };
            let reply = Reply::<Word>::new(Box::pin(ready(Ok(response))), Some("token"));
            let error = reply.now_or_never().unwrap().unwrap_err();
            assert_eq!(error.code(), ErrorCode::BadResponse);
            assert!(!error.to_string().contains("hush"));
        }
    }

    #[test]
    fn a_page_in_the_place_of_a_reply_says_that_the_url_is_wrong() {
        let body = b"<!DOCTYPE html><title>Welcome</title>".to_vec();
        let response = Response { status: 200, body, ..Response::default() };
        for field in [None, Some("token")] {
            let error = deserialize::<Word>(&response, field).unwrap_err();
            assert_eq!(error.code(), ErrorCode::BadResponse);
            assert!(error.message().contains("base URL"), "{error}");
        }
    }

    #[test]
    fn a_field_that_nobody_reads_may_hold_what_serde_would_refuse() {
        let body = br#"{"other": ["\ud800", 1e400], "token": "Abc"}"#.to_vec();
        let response = Response { status: 200, body, ..Response::default() };
        assert_eq!(*deserialize::<Word>(&response, Some("token")).unwrap(), Word::Abc);
    }
}
