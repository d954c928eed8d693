use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::{
    Response, TransportFuture,
    json::{Fields, Flaw, Flaws, FromJson, Json},
};
use crate::error::{Error, ErrorCode, Result};

/// The value that a request will be answered with. The request is sent when this is awaited.
///
/// One type for every call: what differs between them is which function reads the value, and nothing else of it is
/// compiled for each. In a box, so that wherever it is handed on to, a pointer is.
pub struct Reply<'service, T> {
    exchange: TransportFuture<'service, Result<Response>>,
    read: fn(&Response, Option<&str>) -> Result<Box<T>>,
    field: Option<&'static str>,
}

impl<'service, T: FromJson> Reply<'service, T> {
    pub(super) fn new(
        exchange: TransportFuture<'service, Result<Response>>,
        field: Option<&'static str>,
    ) -> Reply<'service, T> {
        Reply { exchange, field, read }
    }
}

impl<'service, T> Reply<'service, T> {
    /// The exchange alone, of which [`read`] reads what came: for who reads many replies of many types in one place.
    pub(crate) fn into_exchange(self) -> TransportFuture<'service, Result<Response>> {
        self.exchange
    }
}

/// The value that a response's JSON is, or that one field of it is.
pub(crate) fn read<T: FromJson>(response: &Response, field: Option<&str>) -> Result<Box<T>> {
    let mut flaws = Flaws::default();
    let value = Box::new(T::from_json(tree(response, field), &mut flaws));
    faultless(&flaws, response).map(|()| value)
}

impl<'service> Reply<'service, ()> {
    /// A reply that says no more than that it was done, and is not read.
    pub(super) fn unread(exchange: TransportFuture<'service, Result<Response>>) -> Reply<'service, ()> {
        Reply { exchange, field: None, read: |_, _| Ok(Box::new(())) }
    }
}

impl<T> Future for Reply<'_, T> {
    type Output = Result<Box<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Box<T>>> {
        let response = ready!(self.exchange.as_mut().poll(context))?;
        Poll::Ready((self.read)(&response, self.field))
    }
}

/// The JSON of a response, or of its one field; null where there is none.
fn tree<'response>(response: &'response Response, field: Option<&str>) -> Json<'response> {
    let tree = Json::parse(&response.body).unwrap_or(Json::Null);
    match field {
        Some(field) => Fields::of(tree).take(field),
        None => tree,
    }
}

/// What does not have the protocol's form is not quoted.
fn faultless(flaws: &Flaws, response: &Response) -> Result<()> {
    let Some(Flaw { place, expected }) = flaws.first() else { return Ok(()) };
    let message =
        ["the server's reply is not what the protocol says (at `", place, "`: expected ", expected, ")"].concat();
    Err(Error::new(ErrorCode::BadResponse, message).with_status(response.status))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use futures_util::FutureExt;

    use super::*;
    use crate::api::Id;

    #[test]
    fn a_reply_of_another_form_is_a_bad_response_and_is_not_quoted() {
        for body in ["{\"token\": \"hush", "{\"token\": \"hush/hush\"}", "[]", ""] {
            let response = Response { status: 200, body: body.as_bytes().to_vec(), ..Response::default() };
            let reply = Reply::<Id>::new(Box::pin(ready(Ok(response))), Some("token"));
            let error = reply.now_or_never().unwrap().unwrap_err();
            assert_eq!(error.code(), ErrorCode::BadResponse);
            assert!(!error.to_string().contains("hush"));
        }
    }
}
