//! The hash of a shared value against the library of the clients that will check it.
//!
//! The vectors come from `tests/interop/make-vectors.mjs`; the interop tests hold them against that library.

// It says nothing about the platform: once is enough.
#![cfg(not(target_arch = "wasm32"))]

use serde_json::Value;
use vaultshare::crypto::VerificationKey;

const VECTORS: &str = include_str!("fixtures/verification-vectors.json");

#[test]
fn a_values_hash_is_the_one_that_the_peers_library_gives() {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert!(vectors.len() > 50, "only {} vectors", vectors.len());
    for vector in &vectors {
        let field = |name: &str| vector[name].as_str().unwrap();
        let key = VerificationKey::from_bytes(&base16ct::lower::decode_vec(field("key")).unwrap()).unwrap();
        assert_eq!(key.hash(field("value")), field("hash"), "{:?}", field("value"));
        key.verify("slot", field("value"), field("hash")).unwrap();
    }
}
