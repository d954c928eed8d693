//! The exports of the npm package's second module: [`on_demand`] for JavaScript.
//!
//! A private key stays in this module under a number that the caller chooses, so that the caller can drop a key before the
//! reply to its import has come. `undefined` says that an operation failed.

// wasm-bindgen exports public functions only; who calls them is out of the compiler's sight.
#![allow(unreachable_pub)]

use std::{cell::RefCell, collections::BTreeMap, mem::take};

use on_demand::rsa::{self, PrivateKey};
use wasm_bindgen::prelude::wasm_bindgen;

/// Zeroizes memory when it is freed, so that no copy of a key is left in the module's memory.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

thread_local! {
    static KEYS: RefCell<BTreeMap<u32, PrivateKey>> = const { RefCell::new(BTreeMap::new()) };
}

/// As [`rsa::generate`].
#[wasm_bindgen]
pub fn generate(bits: u32) -> Option<Vec<u8>> {
    rsa::generate(bits).map(|mut der| take(&mut *der))
}

/// As [`rsa::encrypt`].
#[wasm_bindgen]
pub fn encrypt(spki_der: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
    rsa::encrypt(spki_der, plaintext)
}

/// As [`rsa::verify`].
#[wasm_bindgen]
pub fn verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> bool {
    rsa::verify(spki_der, signature, data)
}

/// As [`on_demand::yaml::to_bson`].
#[wasm_bindgen(js_name = bsonFromYaml)]
pub fn bson_from_yaml(yaml: &[u8]) -> Option<Vec<u8>> {
    on_demand::yaml::to_bson(yaml)
}

/// As [`on_demand::qr::svg`].
#[wasm_bindgen(js_name = qrCode)]
pub fn qr_code(text: &[u8]) -> Option<Vec<u8>> {
    on_demand::qr::svg(text)
}

/// Stores a private key (PKCS#1 DER) under a number. `false` where it is not one.
#[wasm_bindgen(js_name = importKey)]
pub fn import_key(number: u32, pkcs1_der: &[u8]) -> bool {
    let imported = PrivateKey::import(pkcs1_der);
    imported.map(|key| KEYS.with_borrow_mut(|keys| keys.insert(number, key))).is_some()
}

/// Drops and zeroizes a private key.
#[wasm_bindgen(js_name = forgetKey)]
pub fn forget_key(number: u32) {
    KEYS.with_borrow_mut(|keys| keys.remove(&number));
}

/// As [`PrivateKey::decrypt`].
#[wasm_bindgen]
pub fn decrypt(number: u32, ciphertext: &[u8]) -> Option<Vec<u8>> {
    KEYS.with_borrow(|keys| keys.get(&number)?.decrypt(ciphertext)).map(|mut plaintext| take(&mut *plaintext))
}

/// As [`PrivateKey::sign`].
#[wasm_bindgen]
pub fn sign(number: u32, data: &[u8]) -> Option<Vec<u8>> {
    KEYS.with_borrow(|keys| keys.get(&number)?.sign(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_key_decrypts_and_signs_no_more() {
        let der = generate(1024).unwrap();
        assert!(import_key(1, &der));
        assert!(sign(1, b"data").is_some());
        forget_key(1);
        assert_eq!((sign(1, b"data"), decrypt(1, &[0; 128])), (None, None));
    }

    #[test]
    fn what_is_no_key_is_kept_under_no_number() {
        assert!(!import_key(2, b"no key"));
        assert_eq!(sign(2, b"data"), None);
    }
}
