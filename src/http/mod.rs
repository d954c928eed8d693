//! Sends one request: the [`Transport`] trait, a [`Service`]'s base URL and token, deadlines, retries and error bodies.
//!
//! Nothing here knows what the requests are about. Requests never follow redirects, and base URLs are https, loopback
//! aside, so that a token never travels in the clear.

mod base_url;
#[cfg(target_arch = "wasm32")]
mod fetch;
mod json;
mod json_text;
mod percent;
mod reply;
mod request;
mod response;
mod service;
#[cfg(target_arch = "wasm32")]
mod stoppable;
mod transport;

pub use base_url::BaseUrl;
#[cfg(target_arch = "wasm32")]
pub use fetch::FetchTransport;
pub use json::{Fields, Flaw, Flaws, FromFields, FromJson, Json, MOST_ENTRIES};
pub use json_text::{JsonText, ToFields, ToJson};
pub use reply::Reply;
pub(crate) use reply::read;
pub use request::RequestBuilder;
pub use service::{RequestPolicy, Service};
#[cfg(target_arch = "wasm32")]
pub(crate) use stoppable::Stoppable;
pub use transport::{MAXIMUM_REPLY_LENGTH, Method, Request, Response, Transport, TransportError, TransportFuture};
