//! Who does the arithmetic. The browser's WebCrypto where there is one: it is faster, works off the main thread, and
//! holds private keys where nobody can read them. Portable Rust everywhere else, and for short texts, where a call
//! into the browser costs more than the work.
//!
//! What one seals the other opens; both pass the same tests. Nothing above this file knows which is at work.

#[cfg(target_arch = "wasm32")]
mod large;
mod portable;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod published_attacks;
mod refusals;
#[cfg(any(not(target_arch = "wasm32"), feature = "rsa-compiled-in"))]
mod rsa_compiled_in;
#[cfg(all(target_arch = "wasm32", not(feature = "rsa-compiled-in")))]
mod rsa_in_second_module;
#[cfg(target_arch = "wasm32")]
mod webcrypto;

#[cfg(any(not(target_arch = "wasm32"), feature = "rsa-compiled-in"))]
use rsa_compiled_in as portable_rsa;
#[cfg(all(target_arch = "wasm32", not(feature = "rsa-compiled-in")))]
use rsa_in_second_module as portable_rsa;

#[cfg(target_arch = "wasm32")]
pub(crate) use large::is_for_the_browser;

use std::cell::{Cell, OnceCell};

use zeroize::Zeroizing;

use crate::crypto::envelope::{Chunk, IV_BYTES, TAG_BYTES};
use crate::crypto::symmetric::KEY_BYTES;
use crate::{Error, Result};

/// An implementation of the primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// RustCrypto: compiled in, but for RSA in the npm package, which is in a second module.
    Portable,
    /// SubtleCrypto of the page, the worker, or Node.
    WebCrypto,
}

thread_local! {
    static CHOSEN: Cell<Option<Backend>> = const { Cell::new(None) };
}

/// The backend at work: the chosen one, or else the best that is present.
pub fn current() -> Backend {
    CHOSEN.get().unwrap_or_else(|| if has_webcrypto() { Backend::WebCrypto } else { Backend::Portable })
}

/// The backends that work here.
pub fn available() -> Vec<Backend> {
    let mut backends = vec![Backend::Portable];
    if has_webcrypto() {
        backends.push(Backend::WebCrypto);
    }
    backends
}

/// Makes one backend do all the work of this thread, or leaves it to be picked again. For tests and measurements:
/// keys imported under one backend stay with it.
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

/// An AES-256-GCM key as the backends need it, made of its bytes when it is first used and then kept.
#[derive(Default)]
pub(crate) struct ExpandedKey {
    portable: OnceCell<portable::ExpandedKey>,
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
            // Boxed, here and below: what is rarely taken must not make the way of the short texts wide.
            return Box::pin(self.webcrypto.encrypt(key, iv, additional_data, plaintext)).await;
        }
        self.portable(key).encrypt(iv, additional_data, plaintext)
    }

    /// The plaintext of one message, or `DECRYPTION_FAILED`.
    pub(crate) async fn decrypt(&self, key: &[u8; KEY_BYTES], chunk: Chunk) -> Result<Zeroizing<Vec<u8>>> {
        let Chunk { ciphertext, iv, tag, additional_data } = chunk;
        #[cfg(target_arch = "wasm32")]
        if webcrypto::pays_off_for(ciphertext.len()) && current() == Backend::WebCrypto {
            let opened = self.webcrypto.decrypt(key, &iv, additional_data.as_bytes(), &ciphertext, &tag);
            return Box::pin(opened).await;
        }
        self.portable(key).decrypt(&iv, additional_data.as_bytes(), ciphertext, &tag)
    }

    fn portable(&self, key: &[u8; KEY_BYTES]) -> &portable::ExpandedKey {
        self.portable.get_or_init(|| portable::ExpandedKey::new(key))
    }
}

/// PBKDF2 with HMAC-SHA256, into the place where the key shall live.
pub(crate) async fn pbkdf2_sha256(
    passphrase: &[u8],
    salt: &[u8],
    iterations: u32,
    output: &mut [u8; KEY_BYTES],
) -> Result<()> {
    #[cfg(target_arch = "wasm32")]
    if current() == Backend::WebCrypto {
        return webcrypto::pbkdf2_sha256(passphrase, salt, iterations, output).await;
    }
    portable::pbkdf2_sha256(passphrase, salt, iterations, output);
    Ok(())
}

/// A new RSA private key with exponent 65537, as PKCS#1 DER.
pub(crate) async fn rsa_generate(bits: u32) -> Result<Zeroizing<Vec<u8>>> {
    #[cfg(target_arch = "wasm32")]
    if current() == Backend::WebCrypto {
        return webcrypto::rsa_generate(bits).await;
    }
    portable_rsa::generate(bits).await
}

/// One block of RSA-OAEP with SHA-1 and MGF1-SHA-1.
pub(crate) async fn rsa_encrypt(spki_der: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    #[cfg(target_arch = "wasm32")]
    if current() == Backend::WebCrypto {
        return webcrypto::rsa_encrypt(spki_der, plaintext).await;
    }
    portable_rsa::encrypt(spki_der, plaintext).await
}

/// RSASSA-PKCS1-v1_5 with SHA-256: `Ok` if the signature is the key's, otherwise `DECRYPTION_FAILED`.
pub(crate) async fn rsa_verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Result<()> {
    #[cfg(target_arch = "wasm32")]
    if current() == Backend::WebCrypto {
        return webcrypto::rsa_verify(spki_der, signature, data).await;
    }
    portable_rsa::verify(spki_der, signature, data).await
}

/// A private key in the hands of the backend that imported it.
pub(crate) enum PrivateKey {
    Portable(portable_rsa::PrivateKey),
    #[cfg(target_arch = "wasm32")]
    WebCrypto(webcrypto::PrivateKey),
}

impl PrivateKey {
    /// Takes a PKCS#1 DER whose parts must belong together.
    pub(crate) async fn import(pkcs1_der: &[u8]) -> Result<Self> {
        #[cfg(target_arch = "wasm32")]
        if current() == Backend::WebCrypto {
            return webcrypto::PrivateKey::import(pkcs1_der).await.map(PrivateKey::WebCrypto);
        }
        portable_rsa::PrivateKey::import(pkcs1_der).await.map(PrivateKey::Portable)
    }

    /// The plaintext of one block, or `DECRYPTION_FAILED`.
    pub(crate) async fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            PrivateKey::Portable(key) => key.decrypt(ciphertext).await,
            #[cfg(target_arch = "wasm32")]
            PrivateKey::WebCrypto(key) => key.decrypt(ciphertext).await,
        }
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) async fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        match self {
            PrivateKey::Portable(key) => key.sign(data).await,
            #[cfg(target_arch = "wasm32")]
            PrivateKey::WebCrypto(key) => key.sign(data).await,
        }
    }
}
