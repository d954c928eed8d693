//! The transport of a page, a worker or Node.js: `fetch`.

use std::{rc::Rc, time::Duration};

use gloo_net::http::RequestBuilder;
use gloo_timers::future::sleep;
use js_sys::{Array, ArrayBuffer, Function, Promise, Reflect, Uint8Array, global};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, AbortSignal, Blob, FormData, Headers, RequestCache, RequestCredentials, RequestRedirect,
};

use super::{
    Form, MAXIMUM_REPLY_LENGTH, Method, Request, Response, SerializedForm, Transport, TransportError, TransportFuture,
};

#[wasm_bindgen(module = "/src/yield_to_page.js")]
extern "C" {
    #[wasm_bindgen(js_name = yieldToPage)]
    async fn yield_to_page();
}

/// Sends requests through a `fetch`: the global one, or the caller's.
pub struct FetchTransport {
    fetch: Function,
}

impl FetchTransport {
    /// Requests go through `fetch`, which is called with a `Request` and promises a `Response`.
    pub fn new(fetch: Function) -> Self {
        FetchTransport { fetch }
    }
}

impl Transport for FetchTransport {
    fn send(&self, request: Request) -> TransportFuture<'_, Result<Response, TransportError>> {
        Box::pin(exchange(&self.fetch, request))
    }

    fn pause(&self) -> TransportFuture<'static, ()> {
        Box::pin(yield_to_page())
    }

    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()> {
        // Timers take no more, and gloo's would fire at once.
        Box::pin(sleep(duration.min(Duration::from_millis(i32::MAX as u64))))
    }
}

/// Sends a request and reads the whole reply. Whatever a caller's `fetch` gives that is no response is a failure like any
/// other, which browsers do not tell apart either.
async fn exchange(fetch: &Function, request: Request) -> Result<Response, TransportError> {
    let abort = AbortOnDrop::new()?;
    let request = build(request, &abort.signal())?;
    // Not `gloo_net`'s own `send`, which panics where a rejection is no `Error` and knows no other `fetch`.
    let promise = fetch.call1(&JsValue::UNDEFINED, &request).map_err(failed)?;
    let response = JsFuture::from(Promise::resolve(&promise)).await.map_err(failed)?;
    // By its properties rather than its class, which a polyfill and another frame have one of their own of.
    let status = Reflect::get(&response, &"status".into()).map_err(failed)?;
    let headers: Headers = object(&response, "headers")?.ok_or_else(no_response)?.unchecked_into();
    let length = headers.get("content-length").map_err(failed)?;
    if length.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > MAXIMUM_REPLY_LENGTH) {
        return Err(TransportError::ReplyTooLong);
    }
    let retry_after = headers.get("retry-after").map_err(failed)?;
    let body = match object(&response, "body")? {
        None => Vec::new(),
        Some(_) if is_of_pages_origin(&response)? => read_whole(&response).await?,
        Some(_) if is_read_as_blob(&response)? => read_blob(&response).await?,
        Some(body) => read(body).await?,
    };
    abort.disarm();
    // What is no HTTP status is no success either.
    Ok(Response { status: status.as_f64().map_or(0, |status| status as u16), retry_after, body })
}

fn build(request: Request, signal: &AbortSignal) -> Result<web_sys::Request, TransportError> {
    let mut builder = RequestBuilder::new(&request.url)
        .method(match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Patch => http::Method::PATCH,
            Method::Delete => http::Method::DELETE,
        })
        // Not `error`, which Cloudflare's runtime refuses.
        .redirect(RequestRedirect::Manual)
        .credentials(RequestCredentials::Omit)
        .cache(RequestCache::NoStore)
        .abort_signal(Some(signal));
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let built = match request.body {
        Some(body) => builder.body(Uint8Array::from(body.as_slice())),
        None => builder.build(),
    };
    built.map(web_sys::Request::from).map_err(|error| failed(js_sys::Error::new(&error.to_string())))
}

/// What a `fetch` would make of a form. As bytes, so that each attempt and each caller's `fetch` sends the same.
pub(super) async fn serialize_form(
    Form { texts, file: (name, content) }: Form,
) -> Result<Option<SerializedForm>, JsValue> {
    let form = FormData::new()?;
    for (name, value) in &texts {
        form.append_with_str(name, value)?;
    }
    let content = Array::of1(&Uint8Array::from(content.as_slice()));
    form.append_with_blob(name, &Blob::new_with_u8_array_sequence(&content)?)?;
    let response = web_sys::Response::new_with_opt_form_data(Some(&form))?;
    let content_type = response.headers().get("content-type")?;
    let body = JsFuture::from(response.array_buffer()?).await?;
    let body = Uint8Array::new(body.unchecked_ref::<ArrayBuffer>()).to_vec();
    Ok(content_type.map(|content_type| SerializedForm { content_type, body }))
}

/// A property that is an object, `None` where it is null or missing.
fn object(of: &JsValue, name: &str) -> Result<Option<JsValue>, TransportError> {
    let value = Reflect::get(of, &name.into()).map_err(failed)?;
    if value.is_null() || value.is_undefined() {
        return Ok(None);
    }
    if value.is_object() { Ok(Some(value)) } else { Err(no_response()) }
}

#[wasm_bindgen]
extern "C" {
    /// What a response, a blob and a `ReadableStream` have for reading, with whatever a caller's `fetch` may throw there caught.
    type Body;

    #[wasm_bindgen(method, structural, catch, js_name = getReader)]
    fn reader(this: &Body) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, structural, catch)]
    fn blob(this: &Body) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, structural, catch, js_name = arrayBuffer)]
    fn array_buffer(this: &Body) -> Result<JsValue, JsValue>;

    type Reader;

    #[wasm_bindgen(method, structural, catch)]
    fn read(this: &Reader) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, structural, catch)]
    fn cancel(this: &Reader) -> Result<JsValue, JsValue>;
}

fn is_browser() -> bool {
    Reflect::has(&global(), &"XMLHttpRequest".into()).unwrap_or_default()
}

/// Whether it comes from where a page's own scripts come from. Those need no reply to fill the page's memory.
fn is_of_pages_origin(response: &JsValue) -> Result<bool, TransportError> {
    let origin = Reflect::get(response, &"type".into()).map_err(failed)?;
    Ok(is_browser() && origin.as_string().as_deref() == Some("basic"))
}

/// Whether the browser reads the body for us: Chromium shows one request in five as aborted whose body a page reads by its
/// stream, whatever it does. Where there is no page, nobody looks, and a blob would be memory like any other.
fn is_read_as_blob(response: &JsValue) -> Result<bool, TransportError> {
    Ok(is_browser() && Reflect::get(response, &"blob".into()).map_err(failed)?.is_function())
}

/// Reads a body that the browser keeps outside of the page until its length is known, for which a small request takes a quarter
/// longer.
async fn read_blob(response: &JsValue) -> Result<Vec<u8>, TransportError> {
    let blob = settled(response.unchecked_ref::<Body>().blob().map_err(failed)?).await?;
    let size = Reflect::get(&blob, &"size".into()).map_err(failed)?.as_f64().ok_or_else(no_response)?;
    if size > MAXIMUM_REPLY_LENGTH as f64 {
        return Err(TransportError::ReplyTooLong);
    }
    let bytes = read_whole(&blob).await?;
    // A caller's `fetch` may give something that only looks like a blob.
    if bytes.len() as f64 != size {
        return Err(no_response());
    }
    Ok(bytes)
}

/// Reads a body, or a blob, at once.
async fn read_whole(body: &JsValue) -> Result<Vec<u8>, TransportError> {
    let bytes = settled(body.unchecked_ref::<Body>().array_buffer().map_err(failed)?).await?;
    if !bytes.is_object() {
        return Err(no_response());
    }
    let bytes = array_of(&bytes)?;
    if bytes.length() as usize > MAXIMUM_REPLY_LENGTH {
        return Err(TransportError::ReplyTooLong);
    }
    Ok(bytes.to_vec())
}

/// Reads a body to its end, but no further than [`MAXIMUM_REPLY_LENGTH`]: `Content-Length` may lie, or be missing.
async fn read(body: JsValue) -> Result<Vec<u8>, TransportError> {
    let reader = body.unchecked_ref::<Body>().reader().map_err(failed)?;
    if !reader.is_object() {
        return Err(no_response());
    }
    let reader: Reader = reader.unchecked_into();
    let mut bytes = Vec::new();
    loop {
        let chunk = settled(reader.read().map_err(failed)?).await?;
        if Reflect::get(&chunk, &"done".into()).map_err(failed)?.is_truthy() {
            return Ok(bytes);
        }
        let chunk = bytes_of(&Reflect::get(&chunk, &"value".into()).map_err(failed)?)?;
        if bytes.len() + chunk.length() as usize > MAXIMUM_REPLY_LENGTH {
            if let Ok(cancelled) = reader.cancel() {
                let _ = settled(cancelled).await;
            }
            return Err(TransportError::ReplyTooLong);
        }
        let start = bytes.len();
        bytes.resize(start + chunk.length() as usize, 0);
        chunk.copy_to(bytes.split_at_mut(start).1);
    }
}

async fn settled(promise: JsValue) -> Result<JsValue, TransportError> {
    JsFuture::from(Promise::resolve(&promise)).await.map_err(failed)
}

/// A chunk as an array of our own, which has the length that it says.
fn bytes_of(chunk: &JsValue) -> Result<Uint8Array, TransportError> {
    if ArrayBuffer::is_view(chunk) { array_of(chunk) } else { Err(no_response()) }
}

/// Of bytes that may be of another frame.
fn array_of(bytes: &JsValue) -> Result<Uint8Array, TransportError> {
    let class = Reflect::get(&global(), &"Uint8Array".into()).map_err(failed)?;
    let class: Function = class.dyn_into().map_err(failed)?;
    Reflect::construct(&class, &Array::of1(bytes)).map(JsCast::unchecked_into).map_err(failed)
}

/// With what was thrown, most often a `TypeError` of `fetch`.
fn failed(thrown: impl Into<JsValue>) -> TransportError {
    TransportError::Failed(Some(Rc::new(thrown.into())))
}

/// For what a caller's `fetch` gives that is none.
fn no_response() -> TransportError {
    TransportError::Failed(None)
}

/// Aborts a request, and so frees its connection, when its future is dropped.
pub(crate) struct AbortOnDrop {
    controller: AbortController,
    is_over: bool,
}

impl AbortOnDrop {
    pub(crate) fn new() -> Result<Self, TransportError> {
        let controller = AbortController::new().map_err(failed)?;
        Ok(AbortOnDrop { controller, is_over: false })
    }

    pub(crate) fn signal(&self) -> AbortSignal {
        self.controller.signal()
    }

    /// Lets go of what has ended: browsers show one as aborted of which they have yet to note the end.
    fn disarm(mut self) {
        self.is_over = true;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if !self.is_over {
            self.controller.abort();
        }
    }
}
