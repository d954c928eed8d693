//! The crypto room in a browser: the shared sentences under WebCrypto and under portable Rust, and what only a
//! browser can show.
// Helpers of tests may fail as loudly as tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[macro_use]
#[path = "../shared/crypto_suite.rs"]
mod suite;

use vaultshare::crypto::{
    KeyEncryptionKey, KeyPair,
    backend::{self, Backend},
};
use wasm_bindgen_test::wasm_bindgen_test;

macro_rules! for_every_backend {
    ($($sentence:ident)*) => {$(
        #[wasm_bindgen_test]
        async fn $sentence() {
            for backend in backend::available() {
                backend::choose(Some(backend)).unwrap();
                suite::$sentence().await;
            }
            backend::choose(None).unwrap();
        }
    )*};
}
for_each_sentence!(for_every_backend);

#[wasm_bindgen_test]
fn webcrypto_is_preferred_where_it_exists() {
    assert_eq!(backend::available(), [Backend::Portable, Backend::WebCrypto]);
    assert_eq!(backend::current(), Backend::WebCrypto);
}

#[wasm_bindgen_test]
async fn a_key_pair_made_by_webcrypto_in_the_protocols_size_works_in_portable_rust() {
    backend::choose(Some(Backend::WebCrypto)).unwrap();
    let pair = KeyPair::generate(4096).await.unwrap();
    let kek = KeyEncryptionKey::generate().unwrap();
    let stored = kek.wrap_login_key(&pair).await.unwrap();
    let encrypted = pair.public_key().encrypt(b"across").await.unwrap();

    backend::choose(Some(Backend::Portable)).unwrap();
    let again = kek.unwrap_login_key(&stored, pair.public_key_pem()).await.unwrap();
    backend::choose(None).unwrap();
    assert_eq!(again.decrypt(&encrypted).await.unwrap().as_slice(), b"across");
}
