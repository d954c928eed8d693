//! The network of a page, a worker or Node: `fetch`.

use std::time::Duration;

use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use super::{
    MAXIMUM_REPLY_LENGTH, Request, Response, Transport, TransportError, TransportFuture, stoppable::Stoppable,
};

#[wasm_bindgen(module = "/src/http/fetch.js")]
extern "C" {
    /// Sends one request and reads its whole reply. Stopped, it gives the request up and frees its connection.
    fn exchange(
        fetch: &Function,
        method: &str,
        url: &str,
        headers: Array,
        body: Option<Uint8Array>,
        limit: u32,
    ) -> Array;

    fn sleep(milliseconds: i32) -> Array;
}

#[wasm_bindgen(module = "/src/pause.js")]
extern "C" {
    async fn pause();
}

/// Sends requests through a `fetch`: the global one, or the caller's.
pub struct FetchTransport {
    fetch: Function,
}

impl FetchTransport {
    /// With what takes a request and promises a response.
    pub fn new(fetch: Function) -> Self {
        FetchTransport { fetch }
    }
}

impl Transport for FetchTransport {
    fn send(&self, request: Request) -> TransportFuture<'_, Result<Response, TransportError>> {
        let headers = Array::new();
        for (name, value) in &request.headers {
            headers.push(&JsValue::from_str(name));
            headers.push(&JsValue::from_str(value));
        }
        let body = request.body.as_deref().map(Uint8Array::from);
        let limit = MAXIMUM_REPLY_LENGTH as u32;
        let reply = exchange(&self.fetch, request.method.as_str(), &request.url, headers, body, limit);
        let reply = Stoppable::new(reply);
        Box::pin(async move {
            // Every failure of `fetch` is the same to the caller.
            let reply: Array = reply.await.map_err(|_| TransportError::Failed)?.unchecked_into();
            let body = reply.get(2);
            if body.is_null() {
                return Err(TransportError::ReplyTooLong);
            }
            Ok(Response {
                // What is no HTTP status is no success either.
                status: reply.get(0).as_f64().map_or(0, |status| status as u16),
                retry_after: reply.get(1).as_string(),
                body: body.unchecked_into::<Uint8Array>().to_vec(),
            })
        })
    }

    fn pause(&self) -> TransportFuture<'static, ()> {
        Box::pin(pause())
    }

    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()> {
        let elapsed = Stoppable::new(sleep(i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)));
        Box::pin(async { _ = elapsed.await })
    }
}
