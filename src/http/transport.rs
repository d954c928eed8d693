use std::{future::Future, pin::Pin, time::Duration};

use zeroize::Zeroizing;

use crate::error::{Cause, Result};

/// The longest reply that is read, in bytes. What is longer is refused before it fills the memory.
pub const MAXIMUM_REPLY_LENGTH: usize = 64 * 1024 * 1024;

/// The methods that the protocol uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates. The only one of the five that is not retried by default: it may not be idempotent.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// As the request line spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A request as plain values, so that a transport needs no more than what its platform has.
///
/// Not `Debug`: the headers carry the session's token.
#[derive(Clone)]
pub struct Request {
    /// One of the five that the protocol uses.
    pub method: Method,
    /// Absolute, query included.
    pub url: String,
    /// Names in lower case. Values hold no line break.
    pub headers: Vec<(&'static str, Zeroizing<String>)>,
    /// Serialized JSON; `None` for a request without a body.
    pub body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, as it was sent.
    pub retry_after: Option<String>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// What a [`Transport`] answers with. Not `Send`: a page has one thread, and native callers use a local executor.
pub type TransportFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A way to reach the network: `fetch` in a browser, an HTTP client in the command line, a router in the tests.
///
/// Dropping a returned future cancels the request; an implementation then closes the connection. That is all that
/// timeouts and cancellation need.
pub trait Transport {
    /// Sends one request and reads the whole reply, which must not be longer than [`MAXIMUM_REPLY_LENGTH`].
    /// Redirects are not followed.
    fn send(&self, request: Request) -> TransportFuture<'_, Result<Response, TransportError>>;

    /// Yields to the event loop amid long work: a page has to paint and to react to its user. Elsewhere a no-op.
    fn pause(&self) -> TransportFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Completes after this time. In this trait because every platform has its own timer, as it has its own network.
    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()>;
}

/// Why there is no reply.
#[derive(Clone, Debug)]
pub enum TransportError {
    /// The connection could not be made, broke, or was refused (also by a page's CORS rules). With what the
    /// platform says of it, without the request's URL, in which other clients' servers may have a token.
    Failed(Option<Cause>),
    /// The reply is longer than [`MAXIMUM_REPLY_LENGTH`].
    ReplyTooLong,
}
