use std::{future::Future, pin::Pin, time::Duration};

use ::http::{Request, Response};

/// The longest reply that is read, in bytes. What is longer is refused before it fills the memory.
pub const MAXIMUM_REPLY_LENGTH: usize = 64 * 1024 * 1024;

/// What a [`Transport`] answers with. Not `Send`: a page has one thread, and native callers use a local executor.
pub type TransportFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A way to reach the network: `fetch` in a browser, an HTTP client in the command line, a router in the tests.
///
/// Dropping a returned future gives the request up; an implementation then closes the connection. That is all that
/// timeouts and cancellation need.
pub trait Transport {
    /// Sends one request and reads the whole reply, which must not be longer than [`MAXIMUM_REPLY_LENGTH`].
    /// Redirects are not followed.
    fn send(&self, request: Request<Vec<u8>>) -> TransportFuture<'_, Result<Response<Vec<u8>>, TransportError>>;

    /// Waits. Lives here because every platform has its own timer, as it has its own network.
    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()>;
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The connection could not be made, broke, or was refused (also: a redirect, or a page's CORS rules).
    Failed,
    /// The reply is longer than [`MAXIMUM_REPLY_LENGTH`].
    ReplyTooLong,
}
