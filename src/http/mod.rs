//! Sends one request: the [`Transport`] trait, a [`Service`]'s base URL and session token, timeouts, retries and error
//! bodies.
//!
//! Nothing here knows what the requests are about. Base URLs are https, loopback aside, and a transport does not follow
//! redirects, so that a token does not travel in the clear.

mod base_url;
#[cfg(target_arch = "wasm32")]
mod fetch;
mod form;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod reply;
mod request;
mod response;
mod service;
mod signed_url;
mod transport;

pub use base_url::BaseUrl;
#[cfg(target_arch = "wasm32")]
pub(crate) use fetch::AbortOnDrop;
#[cfg(target_arch = "wasm32")]
pub use fetch::FetchTransport;
pub use form::Form;
use form::SerializedForm;
pub use reply::Reply;
pub(crate) use reply::deserialize;
pub use request::RequestBuilder;
pub use service::{RequestPolicy, Service};
pub use signed_url::SignedUrl;
pub use transport::{MAXIMUM_REPLY_LENGTH, Method, Request, Response, Transport, TransportError, TransportFuture};
