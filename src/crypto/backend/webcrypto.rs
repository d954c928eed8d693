//! The primitives by the browser's SubtleCrypto, in pages, workers and Node.js alike. `None` says that it refused.
//!
//! WebCrypto copies its inputs before a call returns. So a secret that has to be copied into an array for it is zeroized
//! right after the call, and what it returns of secrets is zeroized once it has been copied out.

use std::cell::RefCell;

use js_sys::{Array, ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use vaultshare_primitives::{IV_BYTES, KEY_BYTES, TAG_BYTES};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, CryptoKeyPair, SubtleCrypto};
use zeroize::Zeroizing;

use crate::crypto::rsa_der::{pkcs1_from_pkcs8, pkcs8_from_pkcs1};

/// Bytes from which encrypting in the browser takes less time than encrypting in wasm. Importing the key and awaiting two
/// promises costs about as much as 2 KiB of AES in wasm; twice that leaves no doubt.
const PAYS_OFF_FROM: usize = 4 * 1024;

const OAEP: (&str, &str) = ("RSA-OAEP", "SHA-1");
const SIGNATURE: (&str, &str) = ("RSASSA-PKCS1-v1_5", "SHA-256");

/// A page on plain http has no SubtleCrypto.
pub(super) fn is_present() -> bool {
    subtle().is_some()
}

/// Whether a symmetric message of this length is worth the call.
pub(super) fn pays_off_for(length: usize) -> bool {
    length >= PAYS_OFF_FROM
}

/// Looked up on the global object, which is no `Window` in workers and Node.js.
fn subtle() -> Option<SubtleCrypto> {
    let property = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).ok();
    let crypto = property(&js_sys::global(), "crypto").filter(JsValue::is_object)?;
    property(&crypto, "subtle").filter(JsValue::is_object).map(JsCast::unchecked_into)
}

/// A symmetric key, imported at its first use.
#[derive(Default)]
pub(super) struct ImportedKey(RefCell<Option<CryptoKey>>);

impl ImportedKey {
    async fn get(&self, key: &[u8; KEY_BYTES]) -> Option<CryptoKey> {
        let known = self.0.borrow().clone();
        if known.is_some() {
            return known;
        }
        let imported = import_secret("AES-GCM", key, &["encrypt", "decrypt"]).await?;
        self.0.replace(Some(imported.clone()));
        Some(imported)
    }

    pub(super) async fn encrypt(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        plaintext: &[u8],
    ) -> Option<(Vec<u8>, [u8; TAG_BYTES])> {
        let key = self.get(key).await?;
        let sealed = subtle()?.encrypt_with_object_and_u8_array(&aes_gcm(iv, additional_data)?, &key, plaintext);
        let mut ciphertext = settle_bytes(sealed).await?.to_vec();
        // WebCrypto appends the tag; the envelope has it apart.
        let tag = ciphertext.split_off(ciphertext.len().checked_sub(TAG_BYTES)?);
        Some((ciphertext, tag.try_into().ok()?))
    }

    pub(super) async fn decrypt(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let length = u32::try_from(ciphertext.len()).ok()?;
        let sealed = Uint8Array::new_with_length(length.checked_add(TAG_BYTES as u32)?);
        sealed.subarray(0, length).copy_from(ciphertext);
        sealed.subarray(length, sealed.length()).copy_from(tag);
        self.decrypt_array(key, iv, additional_data, &sealed).await.map(take_secret)
    }

    /// Ciphertext and tag in one array. The plaintext is read after an await: nobody else may hold it.
    pub(super) async fn encrypt_array(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        plaintext: &Uint8Array,
    ) -> Option<Uint8Array> {
        let key = self.get(key).await?;
        let algorithm = aes_gcm(iv, additional_data)?;
        settle_bytes(subtle()?.encrypt_with_object_and_js_u8_array(&algorithm, &key, plaintext)).await
    }

    /// The plaintext of an array of ciphertext and tag.
    pub(super) async fn decrypt_array(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        sealed: &Uint8Array,
    ) -> Option<Uint8Array> {
        let key = self.get(key).await?;
        let algorithm = aes_gcm(iv, additional_data)?;
        settle_bytes(subtle()?.decrypt_with_object_and_js_u8_array(&algorithm, &key, sealed)).await
    }
}

pub(super) async fn pbkdf2_sha256(
    passphrase: &[u8],
    salt: &[u8],
    iterations: u32,
    output: &mut [u8; KEY_BYTES],
) -> Option<()> {
    let key = import_secret("PBKDF2", passphrase, &["deriveBits"]).await?;
    let algorithm = object(&[
        ("name", "PBKDF2".into()),
        ("hash", "SHA-256".into()),
        ("salt", Uint8Array::from(salt).into()),
        ("iterations", iterations.into()),
    ])?;
    let derived = settle_bytes(subtle()?.derive_bits_with_object(&algorithm, &key, KEY_BYTES as u32 * 8)).await?;
    if derived.length() as usize != KEY_BYTES {
        return None;
    }
    derived.copy_to(output);
    derived.fill(0, 0, derived.length());
    Some(())
}

/// The key is extractable here only, because it has to be wrapped.
pub(super) async fn rsa_generate(bits: u32) -> Option<Zeroizing<Vec<u8>>> {
    let algorithm = object(&[
        ("name", OAEP.0.into()),
        ("hash", OAEP.1.into()),
        ("modulusLength", bits.into()),
        ("publicExponent", Uint8Array::from([1, 0, 1].as_slice()).into()),
    ])?;
    let generated = subtle()?.generate_key_with_object(&algorithm, true, &usages(&["encrypt", "decrypt"]));
    let key_pair: CryptoKeyPair = settle(generated).await?.unchecked_into();
    let pkcs8_der = settle_bytes(subtle()?.export_key("pkcs8", &key_pair.get_private_key())).await.map(take_secret)?;
    pkcs1_from_pkcs8(&pkcs8_der)
}

pub(super) async fn rsa_encrypt(spki_der: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
    let key = import_rsa("spki", spki_der, OAEP, "encrypt")?.await?;
    let encrypted = subtle()?.encrypt_with_str_and_u8_array(OAEP.0, &key, plaintext);
    settle_bytes(encrypted).await.map(|ciphertext| ciphertext.to_vec())
}

pub(super) async fn rsa_verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> bool {
    let verified = async {
        let key = import_rsa("spki", spki_der, SIGNATURE, "verify")?.await?;
        settle(subtle()?.verify_with_str_and_u8_array_and_u8_array(SIGNATURE.0, &key, signature, data)).await
    };
    verified.await.is_some_and(|verified| verified.is_truthy())
}

/// A private key that cannot be exported. WebCrypto binds a key to one algorithm, so there are two.
pub(crate) struct PrivateKey {
    decrypting: CryptoKey,
    signing: CryptoKey,
}

impl PrivateKey {
    pub(super) async fn import(pkcs1_der: &[u8]) -> Option<Self> {
        let pkcs8_der = pkcs8_from_pkcs1(pkcs1_der)?;
        // Both begin before one is awaited.
        let decrypting = import_rsa("pkcs8", &pkcs8_der, OAEP, "decrypt")?;
        let signing = import_rsa("pkcs8", &pkcs8_der, SIGNATURE, "sign")?;
        Some(PrivateKey { decrypting: decrypting.await?, signing: signing.await? })
    }

    pub(super) async fn decrypt(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let decrypted = subtle()?.decrypt_with_str_and_u8_array(OAEP.0, &self.decrypting, ciphertext);
        settle_bytes(decrypted).await.map(take_secret)
    }

    pub(super) async fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        let signed = subtle()?.sign_with_str_and_u8_array(SIGNATURE.0, &self.signing, data);
        settle_bytes(signed).await.map(|signature| signature.to_vec())
    }
}

/// A symmetric key or a passphrase, not extractable.
async fn import_secret(algorithm: &str, bytes: &[u8], uses: &[&str]) -> Option<CryptoKey> {
    let copy = Uint8Array::from(bytes);
    let imported = subtle()?.import_key_with_str("raw", &copy, algorithm, false, &usages(uses));
    copy.fill(0, 0, copy.length());
    settle(imported).await.map(JsCast::unchecked_into)
}

/// Begins to import an RSA key for one use, not extractable.
fn import_rsa(
    format: &str,
    der: &[u8],
    (name, hash): (&str, &str),
    usage: &str,
) -> Option<impl Future<Output = Option<CryptoKey>> + use<>> {
    let algorithm = object(&[("name", name.into()), ("hash", hash.into())])?;
    let copy = Uint8Array::from(der);
    let imported = subtle()?.import_key_with_object(format, &copy, &algorithm, false, &usages(&[usage]));
    copy.fill(0, 0, copy.length());
    // Has its handlers from here on, so that a rejection that nobody waits for any more is not reported as unhandled.
    let imported = JsFuture::from(imported.ok()?);
    Some(async { imported.await.ok().map(JsCast::unchecked_into) })
}

fn aes_gcm(iv: &[u8], additional_data: &[u8]) -> Option<Object> {
    object(&[
        ("name", "AES-GCM".into()),
        ("iv", Uint8Array::from(iv).into()),
        ("additionalData", Uint8Array::from(additional_data).into()),
    ])
}

/// web-sys has types for few of these dictionaries, and none with all the fields of RSA's.
fn object(fields: &[(&str, JsValue)]) -> Option<Object> {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value).ok()?;
    }
    Some(object)
}

fn usages(names: &[&str]) -> JsValue {
    names.iter().map(|name| JsValue::from_str(name)).collect::<Array>().into()
}

/// What a call's promise is fulfilled with; `None` where the call throws or the promise is rejected.
async fn settle(promise: Result<Promise, JsValue>) -> Option<JsValue> {
    JsFuture::from(promise.ok()?).await.ok()
}

async fn settle_bytes(promise: Result<Promise, JsValue>) -> Option<Uint8Array> {
    settle(promise).await.map(|buffer| Uint8Array::new(buffer.unchecked_ref::<ArrayBuffer>()))
}

/// Copies secret bytes out of an array, and zeroizes that.
fn take_secret(array: Uint8Array) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(array.to_vec());
    array.fill(0, 0, array.length());
    bytes
}
