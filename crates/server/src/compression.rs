//! Compression of replies.
//!
//! A compressed reply's length reveals something about its content: whoever sees the traffic and can place text of
//! their own beside a secret can guess the secret byte by byte (BREACH). It takes many requests that the victim's
//! browser makes with its credentials; ours are bearer tokens, which other pages cannot send. To depend on that alone
//! would be careless, and so no reply that holds a token is compressed: none of the Keystore, and of the Vault only
//! data, whose secrets are ciphertexts. Which route is which is seen in the route tables.

use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{And, DefaultPredicate, Predicate, SizeAbove},
    },
};

/// Replies up to this many bytes fit into a packet anyway.
const MIN_SIZE: u16 = 1024;

/// Compresses replies for clients that accept it, fast rather than well: JSON and wasm shrink most in the first level.
pub(crate) fn layer() -> CompressionLayer<And<DefaultPredicate, SizeAbove>> {
    let predicate = DefaultPredicate::new().and(SizeAbove::new(MIN_SIZE.into()));
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(predicate)
}
