//! Compression of replies.
//!
//! A compressed reply's length reveals something about its content: whoever sees the traffic and can place text of
//! their own beside a secret can guess the secret byte by byte (BREACH). It takes many requests that the victim's
//! browser makes with its credentials; ours are bearer tokens, which other pages cannot send. To depend on that alone
//! would be careless, and so no reply that holds a token is compressed: none of the Keystore, and of the Vault only
//! data, whose secrets are ciphertexts. Which route is which is seen in the route tables.

use axum::{
    body::{Body, Bytes},
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue},
    response::Response,
};
use futures_util::{Stream, StreamExt, stream};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{And, DefaultPredicate, Predicate, SizeAbove},
    },
};

/// Replies up to this many bytes fit into a packet anyway.
const MIN_SIZE: u16 = 1024;

/// How much of a compressed reply is kept back until it is known to be all, in bytes.
const MAX_KEPT_BACK: usize = 1 << 16;

/// Compresses data. By gzip alone, which makes at most 1,032 bytes of one: from a reply's length a page knows that the rest of
/// it does not fill its memory, and reads it in the quickest way. Brotli and others have no such bound.
pub(crate) fn of_data() -> CompressionLayer<And<DefaultPredicate, SizeAbove>> {
    fast(CompressionLayer::new().no_br())
}

/// Says how long a compressed reply is, where that is not much: it is compressed while it is sent.
pub(crate) async fn with_length(response: Response) -> Response {
    if !response.headers().contains_key(CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let mut rest = body.into_data_stream();
    let mut start = Vec::new();
    while start.len() <= MAX_KEPT_BACK {
        match rest.next().await {
            Some(Ok(chunk)) => start.extend_from_slice(&chunk),
            // The rest ends as it does here.
            Some(Err(error)) => return Response::from_parts(parts, after(start, stream::once(async { Err(error) }))),
            None => {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(start.len()));
                return Response::from_parts(parts, Body::from(start));
            }
        }
    }
    Response::from_parts(parts, after(start, rest))
}

/// What was kept back, and what comes after it.
fn after(start: Vec<u8>, rest: impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static) -> Body {
    Body::from_stream(stream::once(async { Ok(Bytes::from(start)) }).chain(rest))
}

/// Compresses what is no data: files of a page.
pub(crate) fn of_files() -> CompressionLayer<And<DefaultPredicate, SizeAbove>> {
    fast(CompressionLayer::new())
}

/// For clients that accept it, fast rather than well: JSON and wasm shrink most in the first level.
fn fast(layer: CompressionLayer) -> CompressionLayer<And<DefaultPredicate, SizeAbove>> {
    let predicate = DefaultPredicate::new().and(SizeAbove::new(MIN_SIZE.into()));
    layer.quality(CompressionLevel::Fastest).compress_when(predicate)
}
