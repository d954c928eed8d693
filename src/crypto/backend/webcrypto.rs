//! The primitives by the browser's SubtleCrypto: also in workers and in Node, so it is looked up on the global object
//! and never on `window`. A page on plain http has none.
//!
//! What WebCrypto hands back of secrets is overwritten once it has been copied out.

use std::cell::RefCell;

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

use crate::crypto::envelope::{IV_BYTES, TAG_BYTES};
use crate::crypto::keypair::pkcs1_from_pkcs8;
use crate::crypto::rsa_der;
use crate::crypto::symmetric::KEY_BYTES;
use crate::{Error, Result};

/// Bytes from which encrypting in the browser beats encrypting here. Importing the key and awaiting two promises
/// costs about as much as 2 KiB of AES in wasm; twice that leaves no doubt.
const PAYS_OFF_FROM: usize = 4 * 1024;

#[wasm_bindgen(module = "/src/crypto/backend/webcrypto.js")]
extern "C" {
    #[wasm_bindgen(js_name = isPresent)]
    fn is_there() -> bool;
    #[wasm_bindgen(js_name = deriveBits)]
    fn derive_bits(passphrase: &[u8], salt: &[u8], iterations: u32) -> Promise;
    #[wasm_bindgen(js_name = importAesKey)]
    fn import_aes_key(key: &[u8]) -> Promise;
    #[wasm_bindgen(js_name = encryptAes)]
    fn encrypt_aes(key: &JsValue, iv: &[u8], additional_data: &[u8], plaintext: &Uint8Array) -> Promise;
    #[wasm_bindgen(js_name = decryptAes)]
    fn decrypt_aes(key: &JsValue, iv: &[u8], additional_data: &[u8], sealed: &Uint8Array) -> Promise;
    #[wasm_bindgen(js_name = generateRsaKey)]
    fn generate_rsa_key(bits: u32) -> Promise;
    #[wasm_bindgen(js_name = importPrivateKey)]
    fn import_private_key(pkcs8_der: &[u8]) -> Promise;
    #[wasm_bindgen(js_name = encryptRsa)]
    fn encrypt_rsa(spki_der: &[u8], plaintext: &[u8]) -> Promise;
    #[wasm_bindgen(js_name = decryptRsa)]
    fn decrypt_rsa(key: &JsValue, ciphertext: &[u8]) -> Promise;
    fn sign(key: &JsValue, data: &[u8]) -> Promise;
    fn verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Promise;
}

/// Whether there is a SubtleCrypto here.
pub(super) fn is_present() -> bool {
    is_there()
}

/// Whether a symmetric message of this length is worth the call.
pub(super) fn pays_off_for(length: usize) -> bool {
    length >= PAYS_OFF_FROM
}

/// A symmetric key that was handed to the browser once.
#[derive(Default)]
pub(super) struct ImportedKey(RefCell<Option<JsValue>>);

impl ImportedKey {
    async fn get(&self, key: &[u8; KEY_BYTES]) -> Result<JsValue> {
        let known = self.0.borrow().clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let imported = settle(import_aes_key(key)).await.ok_or_else(failed)?;
        self.0.replace(Some(imported.clone()));
        Ok(imported)
    }

    pub(super) async fn encrypt(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, [u8; TAG_BYTES])> {
        let mut ciphertext = self.encrypt_array(key, iv, additional_data, &Uint8Array::from(plaintext)).await?.to_vec();
        // WebCrypto appends the tag; the envelope keeps it apart.
        let tag = ciphertext.split_off(ciphertext.len().saturating_sub(TAG_BYTES));
        Ok((ciphertext, tag.try_into().map_err(|_| failed())?))
    }

    pub(super) async fn decrypt(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let length = u32::try_from(ciphertext.len()).map_err(|_| failed())?;
        let sealed = Uint8Array::new_with_length(length + TAG_BYTES as u32);
        sealed.subarray(0, length).copy_from(ciphertext);
        sealed.subarray(length, length + TAG_BYTES as u32).copy_from(tag);
        self.decrypt_array(key, iv, additional_data, &sealed).await.map(take_secret)
    }

    /// Ciphertext and tag, as one array of the browser's.
    pub(super) async fn encrypt_array(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        plaintext: &Uint8Array,
    ) -> Result<Uint8Array> {
        let key = self.get(key).await?;
        // The caller may have given the array away meanwhile. From here on it is not looked at again.
        if plaintext.length() == 0 {
            return Err(Error::invalid_argument("the bytes are no longer there"));
        }
        settle_bytes(encrypt_aes(&key, iv, additional_data, plaintext)).await.ok_or_else(failed)
    }

    /// The plaintext of an array of ciphertext and tag.
    pub(super) async fn decrypt_array(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        sealed: &Uint8Array,
    ) -> Result<Uint8Array> {
        let key = self.get(key).await?;
        settle_bytes(decrypt_aes(&key, iv, additional_data, sealed)).await.ok_or_else(Error::decryption_failed)
    }
}

pub(super) async fn pbkdf2_sha256(
    passphrase: &[u8],
    salt: &[u8],
    iterations: u32,
    output: &mut [u8; KEY_BYTES],
) -> Result<()> {
    let derived = settle_bytes(derive_bits(passphrase, salt, iterations)).await.ok_or_else(failed)?;
    if derived.length() as usize != KEY_BYTES {
        return Err(failed());
    }
    derived.copy_to(output);
    derived.fill(0, 0, derived.length());
    Ok(())
}

pub(super) async fn rsa_generate(bits: u32) -> Result<Zeroizing<Vec<u8>>> {
    let pkcs8_der = settle_bytes(generate_rsa_key(bits)).await.map(take_secret);
    pkcs8_der.and_then(|pkcs8_der| pkcs1_from_pkcs8(&pkcs8_der)).ok_or_else(failed)
}

pub(super) async fn rsa_encrypt(spki_der: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    settle_bytes(encrypt_rsa(spki_der, plaintext)).await.map(|sealed| sealed.to_vec()).ok_or_else(failed)
}

pub(super) async fn rsa_verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Result<()> {
    let verified = settle(verify(spki_der, signature, data)).await;
    if verified.is_some_and(|answer| answer.is_truthy()) { Ok(()) } else { Err(Error::decryption_failed()) }
}

/// A private key that the browser holds and does not give out.
pub(crate) struct PrivateKey {
    decrypting: JsValue,
    signing: JsValue,
}

impl PrivateKey {
    pub(super) async fn import(pkcs1_der: &[u8]) -> Result<Self> {
        let refused = || Error::invalid_argument("the parts of the private key do not belong together");
        let pkcs8_der = rsa_der::write_pkcs8(pkcs1_der).ok_or_else(refused)?;
        let keys: Array = settle(import_private_key(&pkcs8_der)).await.ok_or_else(refused)?.unchecked_into();
        Ok(PrivateKey { decrypting: keys.get(0), signing: keys.get(1) })
    }

    pub(super) async fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let opened = settle_bytes(decrypt_rsa(&self.decrypting, ciphertext)).await;
        opened.map(take_secret).ok_or_else(Error::decryption_failed)
    }

    pub(super) async fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        settle_bytes(sign(&self.signing, data)).await.map(|signature| signature.to_vec()).ok_or_else(failed)
    }
}

/// What a promise settles with; nothing where it is rejected, for whatever reason.
async fn settle(promise: Promise) -> Option<JsValue> {
    JsFuture::from(promise).await.ok()
}

async fn settle_bytes(promise: Promise) -> Option<Uint8Array> {
    settle(promise).await.map(JsCast::unchecked_into)
}

/// Copies secret bytes out of an array, and overwrites them there.
fn take_secret(array: Uint8Array) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(array.to_vec());
    array.fill(0, 0, array.length());
    bytes
}

fn failed() -> Error {
    Error::internal("WebCrypto refused an operation")
}
