//! The network of a page, a worker or Node: `fetch`.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;

use super::{MAXIMUM_REPLY_LENGTH, Request, Response, Transport, TransportError, TransportFuture};
use crate::error::{Error, Result};

#[wasm_bindgen(module = "/src/http/fetch.js")]
extern "C" {
    /// Sends one request and reads its whole reply.
    #[wasm_bindgen(catch)]
    async fn exchange(
        fetch: &Function,
        method: &str,
        url: &str,
        headers: Array,
        body: Option<Uint8Array>,
        signal: &JsValue,
        limit: u32,
    ) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen(module = "/src/pause.js")]
extern "C" {
    async fn pause();
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(wake: &Function, milliseconds: i32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// Sends requests through the `fetch` that the caller supplied, or the global one.
pub struct FetchTransport {
    fetch: Function,
}

impl FetchTransport {
    /// With `None`, the global `fetch` of wherever this runs (there is none on `window` in a worker or in Node).
    pub fn new(fetch: Option<Function>) -> Result<Self> {
        let global = || Reflect::get(&js_sys::global(), &JsValue::from_str("fetch")).ok()?.dyn_into().ok();
        let fetch = fetch
            .or_else(global)
            .ok_or_else(|| Error::invalid_argument("there is no global fetch here: pass one in the options"))?;
        Ok(FetchTransport { fetch })
    }
}

impl Transport for FetchTransport {
    fn send(&self, request: Request) -> TransportFuture<'_, Result<Response, TransportError>> {
        let fetch = self.fetch.clone();
        Box::pin(async move {
            let abort = AbortOnDrop(AbortController::new().map_err(failed)?);
            let headers = Array::new();
            for (name, value) in &request.headers {
                headers.push(&JsValue::from_str(name));
                headers.push(&JsValue::from_str(value));
            }
            let body = request.body.as_deref().map(Uint8Array::from);
            let method = request.method.as_str();
            let limit = MAXIMUM_REPLY_LENGTH as u32;
            let reply = exchange(&fetch, method, &request.url, headers, body, &abort.0.signal(), limit).await;
            let reply: Array = reply.map_err(failed)?.unchecked_into();
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
        Box::pin(Sleep::new(i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)))
    }
}

/// Every failure of `fetch` is the same to the caller.
fn failed<E>(_: E) -> TransportError {
    TransportError::Failed
}

/// Gives the request up, and frees its connection, when nobody waits for it any longer.
struct AbortOnDrop(AbortController);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A timer that is stopped when nobody waits for it any longer: a running one would keep Node from ending.
struct Sleep {
    timer: JsValue,
    elapsed: JsFuture,
}

impl Sleep {
    fn new(milliseconds: i32) -> Self {
        let mut timer = JsValue::UNDEFINED;
        let elapsed = Promise::new(&mut |wake, _| timer = set_timeout(&wake, milliseconds));
        Sleep { timer, elapsed: JsFuture::from(elapsed) }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.elapsed).poll(context).map(drop)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
    }
}
