//! The network of a page, a worker or Node: `fetch`.

use std::{rc::Rc, time::Duration};

use ::http::{HeaderName, HeaderValue, Request, Response};
use gloo_net::http::RequestBuilder;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader, RequestCache, RequestCredentials, RequestRedirect};

use super::{MAXIMUM_REPLY_LENGTH, Transport, TransportError, TransportFuture};
use crate::error::{Error, Result};

/// Sends requests through the `fetch` that the caller supplied, or the global one.
pub struct FetchTransport {
    fetch: Rc<Function>,
}

impl FetchTransport {
    /// With `None`, the global `fetch` of wherever this runs (there is none on `window` in a worker or in Node).
    pub fn new(fetch: Option<Function>) -> Result<Self> {
        let global = || Reflect::get(&js_sys::global(), &JsValue::from_str("fetch")).ok()?.dyn_into().ok();
        let fetch = fetch
            .or_else(global)
            .ok_or_else(|| Error::invalid_argument("there is no global fetch here: pass one in the options"))?;
        Ok(FetchTransport { fetch: Rc::new(fetch) })
    }
}

impl Transport for FetchTransport {
    fn send(&self, request: Request<Vec<u8>>) -> TransportFuture<'_, Result<Response<Vec<u8>>, TransportError>> {
        let fetch = Rc::clone(&self.fetch);
        Box::pin(async move {
            let abort = AbortOnDrop::new().map_err(failed)?;
            let request = to_fetch_request(request, &abort.controller).map_err(failed)?;
            let promise: Promise = fetch.call1(&js_sys::global(), &request).map_err(failed)?.unchecked_into();
            let response = JsFuture::from(Promise::resolve(&promise)).await.map_err(failed)?;
            let response: web_sys::Response = response.dyn_into().map_err(failed)?;
            read(response).await
        })
    }

    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()> {
        let milliseconds = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX).min(i32::MAX as u32);
        Box::pin(TimeoutFuture::new(milliseconds))
    }
}

/// Every failure of `fetch` is the same to the caller; browsers tell no more than that, and rightly so.
fn failed<E>(_: E) -> TransportError {
    TransportError::Failed
}

/// Gives the request up, and frees its connection, when nobody waits for it any longer.
struct AbortOnDrop {
    controller: AbortController,
}

impl AbortOnDrop {
    fn new() -> std::result::Result<Self, JsValue> {
        AbortController::new().map(|controller| AbortOnDrop { controller })
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.controller.abort();
    }
}

fn to_fetch_request(
    request: Request<Vec<u8>>,
    abort: &AbortController,
) -> std::result::Result<web_sys::Request, gloo_net::Error> {
    let (parts, body) = request.into_parts();
    let mut builder = RequestBuilder::new(&parts.uri.to_string())
        .method(parts.method)
        .abort_signal(Some(&abort.signal()))
        .redirect(RequestRedirect::Error)
        .credentials(RequestCredentials::Omit)
        .cache(RequestCache::NoStore);
    for (name, value) in &parts.headers {
        builder = builder.header(name.as_str(), value.to_str().unwrap_or_default());
    }
    let request = if body.is_empty() { builder.build()? } else { builder.body(Uint8Array::from(body.as_slice()))? };
    Ok(request.into())
}

async fn read(response: web_sys::Response) -> Result<Response<Vec<u8>>, TransportError> {
    let mut reply = Response::builder().status(response.status());
    for name in ["content-length", "retry-after"] {
        let value = response.headers().get(name).ok().flatten();
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            reply = reply.header(HeaderName::from_static(name), value);
        }
    }
    let announced = reply.headers_ref().and_then(|headers| headers.get("content-length")?.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > MAXIMUM_REPLY_LENGTH as u64) {
        return Err(TransportError::ReplyTooLong);
    }
    let body = read_body(&response).await?;
    reply.body(body).map_err(failed)
}

/// Reads chunk by chunk, so that a reply that lies about its length is cut off all the same.
async fn read_body(response: &web_sys::Response) -> Result<Vec<u8>, TransportError> {
    let Some(stream) = response.body() else { return Ok(Vec::new()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut body = Vec::new();
    loop {
        let result = JsFuture::from(reader.read()).await.map_err(failed)?;
        let done = Reflect::get(&result, &JsValue::from_str("done")).map_err(failed)?;
        if done.is_truthy() {
            return Ok(body);
        }
        let value = Reflect::get(&result, &JsValue::from_str("value")).map_err(failed)?;
        let chunk: Uint8Array = value.dyn_into().map_err(failed)?;
        let start = body.len();
        let length = start + chunk.length() as usize;
        if length > MAXIMUM_REPLY_LENGTH {
            return Err(TransportError::ReplyTooLong);
        }
        body.resize(length, 0);
        if let Some(place) = body.get_mut(start..) {
            chunk.copy_to(place);
        }
    }
}
