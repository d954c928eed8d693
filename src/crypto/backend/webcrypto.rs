//! The primitives by the browser's SubtleCrypto: also in workers and in Node, so it is looked up on the global object
//! and never on `window`. A page on plain http has none.
//!
//! WebCrypto reads its inputs before a call returns, so what has to be copied to a JavaScript array for it (keys) is
//! overwritten right after the call, and what it hands back is overwritten once it has been copied out.

use std::cell::RefCell;

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, CryptoKeyPair, SubtleCrypto};
use zeroize::Zeroizing;

use crate::crypto::envelope::{IV_BYTES, TAG_BYTES};
use crate::crypto::keypair::pkcs1_from_pkcs8;
use crate::crypto::rsa_der;
use crate::crypto::symmetric::KEY_BYTES;
use crate::{Error, Result};

/// Bytes from which encrypting in the browser beats encrypting here. Importing the key and awaiting two promises
/// costs about as much as 2 KiB of AES in wasm; twice that leaves no doubt.
const PAYS_OFF_FROM: usize = 4 * 1024;

const OAEP: &str = "RSA-OAEP";
const OAEP_HASH: &str = "SHA-1";
const SIGNATURE: &str = "RSASSA-PKCS1-v1_5";
const SIGNATURE_HASH: &str = "SHA-256";

/// Whether there is a SubtleCrypto here.
pub(super) fn is_present() -> bool {
    subtle().is_ok()
}

/// Whether a symmetric message of this length is worth the call.
pub(super) fn pays_off_for(length: usize) -> bool {
    length >= PAYS_OFF_FROM
}

fn subtle() -> Result<SubtleCrypto> {
    let found = Reflect::get(&js_sys::global(), &"crypto".into())
        .and_then(|crypto| Reflect::get(&crypto, &"subtle".into()))
        .unwrap_or(JsValue::UNDEFINED);
    if found.is_object() { Ok(found.unchecked_into()) } else { Err(Error::internal("there is no WebCrypto here")) }
}

/// A symmetric key that was handed to the browser once.
#[derive(Default)]
pub(super) struct ImportedKey(RefCell<Option<CryptoKey>>);

impl ImportedKey {
    async fn get(&self, subtle: &SubtleCrypto, key: &[u8; KEY_BYTES]) -> Result<CryptoKey> {
        let known = self.0.borrow().clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let imported = import_secret(subtle, "AES-GCM", key, &["encrypt", "decrypt"]).await?;
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
        let subtle = subtle()?;
        let key = self.get(&subtle, key).await?;
        let algorithm = aes_gcm(iv, additional_data)?;
        let sealed = settle(subtle.encrypt_with_object_and_js_u8_array(&algorithm, &key, plaintext)).await;
        sealed.map(|buffer| Uint8Array::new(&buffer)).map_err(|_| failed())
    }

    /// The plaintext of an array of ciphertext and tag.
    pub(super) async fn decrypt_array(
        &self,
        key: &[u8; KEY_BYTES],
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        sealed: &Uint8Array,
    ) -> Result<Uint8Array> {
        let subtle = subtle()?;
        let key = self.get(&subtle, key).await?;
        let algorithm = aes_gcm(iv, additional_data)?;
        let opened = settle(subtle.decrypt_with_object_and_js_u8_array(&algorithm, &key, sealed)).await;
        opened.map(|buffer| Uint8Array::new(&buffer)).map_err(|_| Error::decryption_failed())
    }
}

pub(super) async fn pbkdf2_sha256(
    passphrase: &[u8],
    salt: &[u8],
    iterations: u32,
    output: &mut [u8; KEY_BYTES],
) -> Result<()> {
    let subtle = subtle()?;
    let key = import_secret(&subtle, "PBKDF2", passphrase, &["deriveBits"]).await?;
    let algorithm = object(&[
        ("name", "PBKDF2".into()),
        ("hash", "SHA-256".into()),
        ("salt", Uint8Array::from(salt).into()),
        ("iterations", iterations.into()),
    ])?;
    let derived = settle(subtle.derive_bits_with_object(&algorithm, &key, KEY_BYTES as u32 * 8)).await;
    let derived = Uint8Array::new(&derived.map_err(|_| failed())?);
    if derived.length() as usize != KEY_BYTES {
        return Err(failed());
    }
    derived.copy_to(output);
    derived.fill(0, 0, derived.length());
    Ok(())
}

/// The key is extractable only for the moment of its birth: it has to be wrapped for the Keystore.
pub(super) async fn rsa_generate(bits: u32) -> Result<Zeroizing<Vec<u8>>> {
    let subtle = subtle()?;
    let algorithm = object(&[
        ("name", OAEP.into()),
        ("hash", OAEP_HASH.into()),
        ("modulusLength", bits.into()),
        ("publicExponent", Uint8Array::from([1, 0, 1].as_slice()).into()),
    ])?;
    let pair = settle(subtle.generate_key_with_object(&algorithm, true, &usages(&["encrypt", "decrypt"]))).await;
    let pair: CryptoKeyPair = pair.map_err(|_| failed())?.unchecked_into();
    let pkcs8_der = settle(subtle.export_key("pkcs8", &pair.get_private_key())).await;
    let pkcs8_der = take_secret(Uint8Array::new(&pkcs8_der.map_err(|_| failed())?));
    pkcs1_from_pkcs8(&pkcs8_der).ok_or_else(failed)
}

pub(super) async fn rsa_encrypt(spki_der: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    let subtle = subtle()?;
    let key = import_rsa(&subtle, "spki", spki_der, OAEP, OAEP_HASH, "encrypt").await.map_err(|_| failed())?;
    let sealed = settle(subtle.encrypt_with_object_and_u8_array(&named(OAEP)?, &key, plaintext)).await;
    sealed.map(|buffer| Uint8Array::new(&buffer).to_vec()).map_err(|_| failed())
}

pub(super) async fn rsa_verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Result<()> {
    let subtle = subtle()?;
    let key = import_rsa(&subtle, "spki", spki_der, SIGNATURE, SIGNATURE_HASH, "verify").await.map_err(|_| failed())?;
    let verified =
        settle(subtle.verify_with_object_and_u8_array_and_u8_array(&named(SIGNATURE)?, &key, signature, data));
    match verified.await {
        Ok(answer) if answer.is_truthy() => Ok(()),
        _ => Err(Error::decryption_failed()),
    }
}

/// A private key that the browser holds and does not give out. WebCrypto ties a key to one use, so there are two.
pub(crate) struct PrivateKey {
    decrypting: CryptoKey,
    signing: CryptoKey,
}

impl PrivateKey {
    pub(super) async fn import(pkcs1_der: &[u8]) -> Result<Self> {
        let refused = || Error::invalid_argument("the parts of the private key do not belong together");
        let subtle = subtle()?;
        let pkcs8_der = rsa_der::write_pkcs8(pkcs1_der).ok_or_else(refused)?;
        let decrypting = import_rsa(&subtle, "pkcs8", &pkcs8_der, OAEP, OAEP_HASH, "decrypt").await;
        let signing = import_rsa(&subtle, "pkcs8", &pkcs8_der, SIGNATURE, SIGNATURE_HASH, "sign").await;
        Ok(PrivateKey { decrypting: decrypting.map_err(|_| refused())?, signing: signing.map_err(|_| refused())? })
    }

    pub(super) async fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let opened = subtle()?.decrypt_with_object_and_u8_array(&named(OAEP)?, &self.decrypting, ciphertext);
        settle(opened).await.map(|buffer| take_secret(Uint8Array::new(&buffer))).map_err(|_| Error::decryption_failed())
    }

    pub(super) async fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        let signed = subtle()?.sign_with_object_and_u8_array(&named(SIGNATURE)?, &self.signing, data);
        settle(signed).await.map(|buffer| Uint8Array::new(&buffer).to_vec()).map_err(|_| failed())
    }
}

/// A symmetric key or passphrase for these uses, not to be read out again.
async fn import_secret(subtle: &SubtleCrypto, algorithm: &str, bytes: &[u8], uses: &[&str]) -> Result<CryptoKey> {
    let copy = Uint8Array::from(bytes);
    let imported = subtle.import_key_with_str("raw", &copy, algorithm, false, &usages(uses));
    copy.fill(0, 0, copy.length());
    settle(imported).await.map(JsCast::unchecked_into).map_err(|_| failed())
}

async fn import_rsa(
    subtle: &SubtleCrypto,
    format: &str,
    der: &[u8],
    algorithm: &str,
    hash: &str,
    usage: &str,
) -> Result<CryptoKey, JsValue> {
    let algorithm = object(&[("name", algorithm.into()), ("hash", hash.into())]).map_err(|_| JsValue::UNDEFINED)?;
    let copy = Uint8Array::from(der);
    let imported = subtle.import_key_with_object(format, &copy, &algorithm, false, &usages(&[usage]));
    copy.fill(0, 0, copy.length());
    settle(imported).await.map(JsCast::unchecked_into)
}

fn aes_gcm(iv: &[u8], additional_data: &[u8]) -> Result<Object> {
    object(&[
        ("name", "AES-GCM".into()),
        ("iv", Uint8Array::from(iv).into()),
        ("additionalData", Uint8Array::from(additional_data).into()),
    ])
}

fn named(algorithm: &str) -> Result<Object> {
    object(&[("name", algorithm.into())])
}

fn object(fields: &[(&str, JsValue)]) -> Result<Object> {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value).map_err(|_| failed())?;
    }
    Ok(object)
}

fn usages(names: &[&str]) -> JsValue {
    names.iter().map(|name| JsValue::from_str(name)).collect::<Array>().into()
}

/// Awaits a promise whose making may itself have failed.
async fn settle(promise: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise?).await
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
