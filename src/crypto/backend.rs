//! Which implementation computes. The browser's WebCrypto where there is one: it is faster, works off the main thread, and
//! holds private keys that cannot be read out. RustCrypto everywhere else, and for short texts, where a call into the
//! browser takes longer than the encryption.
//!
//! What one encrypts the other decrypts; both pass the same tests. Nothing above this file knows which is in use.

#[cfg(target_arch = "wasm32")]
mod js_buffer;
pub(crate) mod normalization;
#[cfg(any(not(target_arch = "wasm32"), feature = "on-demand-compiled-in"))]
pub(crate) mod on_demand_compiled_in;
#[cfg(all(target_arch = "wasm32", not(feature = "on-demand-compiled-in")))]
pub(crate) mod on_demand_loaded;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod published_attacks;
#[cfg(target_arch = "wasm32")]
mod webcrypto;

use std::cell::{Cell, OnceCell};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use vaultshare_primitives::{IV_BYTES, KEY_BYTES, TAG_BYTES};
use zeroize::Zeroizing;

use crate::{Error, Result};

#[cfg(any(not(target_arch = "wasm32"), feature = "on-demand-compiled-in"))]
pub(crate) use on_demand_compiled_in as on_demand;
#[cfg(all(target_arch = "wasm32", not(feature = "on-demand-compiled-in")))]
pub(crate) use on_demand_loaded as on_demand;

/// An implementation of the primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// RustCrypto. Compiled in, except RSA in the npm package, which is in its second module.
    Portable,
    /// SubtleCrypto of the page, the worker, or Node.js.
    WebCrypto,
}

thread_local! {
    static CHOSEN: Cell<Option<Backend>> = const { Cell::new(None) };
}

/// The backend in use: the chosen one, or else WebCrypto where it is present.
pub fn current() -> Backend {
    CHOSEN.get().unwrap_or_else(|| if has_webcrypto() { Backend::WebCrypto } else { Backend::Portable })
}

/// The backends that can be chosen on this platform.
pub fn available() -> Vec<Backend> {
    let mut backends = vec![Backend::Portable];
    if has_webcrypto() {
        backends.push(Backend::WebCrypto);
    }
    backends
}

/// Sets the backend of this thread, or with `None` lets it be picked again. For tests and measurements: a key imported
/// under one backend stays with it.
///
/// # Errors
/// `INVALID_ARGUMENT` for a backend that is not [`available`].
pub fn choose(backend: Option<Backend>) -> Result<()> {
    if backend.is_some_and(|backend| !available().contains(&backend)) {
        return Err(Error::invalid_argument("this backend is not available here"));
    }
    CHOSEN.set(backend);
    Ok(())
}

#[cfg(target_arch = "wasm32")]
fn has_webcrypto() -> bool {
    webcrypto::is_present()
}

#[cfg(not(target_arch = "wasm32"))]
fn has_webcrypto() -> bool {
    false
}

/// An AES-256-GCM key in the form that the backends use, made at its first use and then kept.
#[derive(Default)]
pub(crate) struct ExpandedKey {
    portable: OnceCell<vaultshare_primitives::ExpandedKey>,
    #[cfg(target_arch = "wasm32")]
    webcrypto: webcrypto::ImportedKey,
}

impl ExpandedKey {
    /// The ciphertext, as long as the plaintext, and the tag.
    pub(crate) async fn encrypt(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, [u8; TAG_BYTES])> {
        #[cfg(target_arch = "wasm32")]
        if webcrypto::pays_off_for(plaintext.len()) && current() == Backend::WebCrypto {
            // Boxed, here and below: it would make the future of a short text, which never comes here, several times larger.
            let encrypted = Box::pin(self.webcrypto.encrypt(key, iv, additional_data, plaintext)).await;
            return encrypted.ok_or_else(not_encrypted);
        }
        self.portable(key).encrypt(iv, additional_data, plaintext).ok_or_else(not_encrypted)
    }

    /// The plaintext of one message, or `DECRYPTION_FAILED`.
    pub(crate) async fn decrypt(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        ciphertext: Vec<u8>,
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>> {
        #[cfg(target_arch = "wasm32")]
        if webcrypto::pays_off_for(ciphertext.len()) && current() == Backend::WebCrypto {
            let decrypted = Box::pin(self.webcrypto.decrypt(key, iv, additional_data, &ciphertext, tag)).await;
            return decrypted.ok_or_else(Error::decryption_failed);
        }
        self.portable(key).decrypt(iv, additional_data, ciphertext, tag).ok_or_else(Error::decryption_failed)
    }

    fn portable(&self, key: &[u8; KEY_BYTES]) -> &vaultshare_primitives::ExpandedKey {
        self.portable.get_or_init(|| vaultshare_primitives::ExpandedKey::new(key))
    }
}

/// PBKDF2 with HMAC-SHA256, written to where the key will live.
pub(crate) async fn pbkdf2_sha256(
    passphrase: &[u8],
    salt: &[u8],
    iterations: u32,
    output: &mut [u8; KEY_BYTES],
) -> Result<()> {
    // WebKitGTK's WebCrypto refuses an empty passphrase.
    #[cfg(target_arch = "wasm32")]
    if current() == Backend::WebCrypto && !passphrase.is_empty() {
        let derived = webcrypto::pbkdf2_sha256(passphrase, salt, iterations, output).await;
        return derived.ok_or_else(|| Error::internal("the key could not be derived"));
    }
    vaultshare_primitives::pbkdf2_sha256(passphrase, salt, iterations, output);
    Ok(())
}

/// HMAC-SHA256. Short texts only: it is computed here, whichever backend is in use.
pub(crate) fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(text);
            mac.finalize().into_bytes().into()
        }
        Err(_) => unreachable!("HMAC takes a key of any length"),
    }
}

/// A random RSA private key with exponent 65537, as PKCS#1 DER.
pub(crate) async fn rsa_generate(bits: u32) -> Result<Zeroizing<Vec<u8>>> {
    let generated = match current() {
        #[cfg(target_arch = "wasm32")]
        Backend::WebCrypto => webcrypto::rsa_generate(bits).await,
        _ => on_demand::rsa_generate(bits).await?,
    };
    generated.ok_or_else(|| Error::internal("the key pair could not be generated"))
}

/// One block of RSA-OAEP with SHA-1 and MGF1-SHA-1, for the key in an SPKI DER.
pub(crate) async fn rsa_encrypt(spki_der: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    let encrypted = match current() {
        #[cfg(target_arch = "wasm32")]
        Backend::WebCrypto => match webcrypto::rsa_encrypt(spki_der, plaintext).await {
            // WebKitGTK's refuses an empty text.
            None if plaintext.is_empty() => on_demand::rsa_encrypt(spki_der, plaintext).await?,
            encrypted => encrypted,
        },
        _ => on_demand::rsa_encrypt(spki_der, plaintext).await?,
    };
    encrypted.ok_or_else(not_encrypted)
}

/// RSASSA-PKCS1-v1_5 with SHA-256: `Ok` if the signature was made by the key in the SPKI DER, otherwise `DECRYPTION_FAILED`.
pub(crate) async fn rsa_verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Result<()> {
    let verified = match current() {
        #[cfg(target_arch = "wasm32")]
        Backend::WebCrypto => webcrypto::rsa_verify(spki_der, signature, data).await,
        _ => on_demand::rsa_verify(spki_der, signature, data).await?,
    };
    if verified { Ok(()) } else { Err(Error::decryption_failed()) }
}

/// A private key, held by the backend that imported it.
pub(crate) enum PrivateKey {
    Portable(on_demand::PrivateKey),
    #[cfg(target_arch = "wasm32")]
    WebCrypto(webcrypto::PrivateKey),
}

impl PrivateKey {
    /// Reads a PKCS#1 DER. `INVALID_ARGUMENT` where its numbers do not belong together.
    pub(crate) async fn import(pkcs1_der: &[u8]) -> Result<Self> {
        let imported = match current() {
            #[cfg(target_arch = "wasm32")]
            Backend::WebCrypto => webcrypto::PrivateKey::import(pkcs1_der).await.map(PrivateKey::WebCrypto),
            _ => on_demand::PrivateKey::import(pkcs1_der).await?.map(PrivateKey::Portable),
        };
        imported.ok_or_else(|| Error::invalid_argument("the parts of the private key do not belong together"))
    }

    /// The plaintext of one block of RSA-OAEP, or `DECRYPTION_FAILED`.
    pub(crate) async fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let decrypted = match self {
            PrivateKey::Portable(key) => key.decrypt(ciphertext).await?,
            #[cfg(target_arch = "wasm32")]
            PrivateKey::WebCrypto(key) => key.decrypt(ciphertext).await,
        };
        decrypted.ok_or_else(Error::decryption_failed)
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) async fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        let signature = match self {
            PrivateKey::Portable(key) => key.sign(data).await?,
            #[cfg(target_arch = "wasm32")]
            PrivateKey::WebCrypto(key) => key.sign(data).await,
        };
        signature.ok_or_else(|| Error::internal("the data could not be signed"))
    }
}

fn not_encrypted() -> Error {
    Error::internal("the data could not be encrypted")
}
