use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{bytes as bytes_of, text as text_of, whole_number},
    call::promise,
    symmetric_key::{SymmetricKey, bytes, key_of},
};
use crate::{
    crypto,
    error::{Error, Result},
};

const DEFAULT_BITS: u32 = 4096;

/// An RSA key pair, for those who bring their own workflow.
#[wasm_bindgen]
pub struct KeyPair {
    pair: Rc<crypto::KeyPair>,
}

impl KeyPair {
    fn new(pair: crypto::KeyPair) -> Self {
        KeyPair { pair: Rc::new(pair) }
    }
}

#[wasm_bindgen]
impl KeyPair {
    /// A new random key pair.
    pub fn generate(bits: JsValue) -> Promise {
        promise(async move {
            let bits = if bits.is_undefined() { DEFAULT_BITS } else { whole_number("bits", &bits)? };
            Ok(KeyPair::new(crypto::KeyPair::generate(bits).await?).into())
        })
    }

    /// Reads a private key.
    pub fn import(private_key_pem: JsValue) -> Promise {
        promise(async move {
            let pem = text_of("privateKeyPem", &private_key_pem)?;
            Ok(KeyPair::new(crypto::KeyPair::from_pem(&pem).await?).into())
        })
    }

    /// Unwraps a private key that `wrapWith` wrapped.
    pub fn unwrap(envelope: JsValue, kek: JsValue) -> Promise {
        let kek = key_of("kek", &kek);
        promise(async move {
            let text = kek?.decrypt(&text_of("envelope", &envelope)?).await?;
            let pem = std::str::from_utf8(&text).map_err(|_| Error::decryption_failed())?;
            let pair = crypto::KeyPair::from_pem(pem).await.map_err(|_| Error::decryption_failed())?;
            Ok(KeyPair::new(pair).into())
        })
    }

    /// The public half.
    #[wasm_bindgen(getter, js_name = publicKeyPem)]
    pub fn public_key_pem(&self) -> String {
        self.pair.public_key_pem().to_owned()
    }

    /// SHA-256 of the public half's SPKI DER.
    #[wasm_bindgen(getter)]
    pub fn fingerprint(&self) -> String {
        self.pair.fingerprint()
    }

    /// Wraps the private half.
    #[wasm_bindgen(js_name = wrapWith)]
    pub fn wrap_with(&self, kek: JsValue) -> Promise {
        let (pair, kek) = (Rc::clone(&self.pair), key_of("kek", &kek));
        promise(async move { Ok(pair.wrap(&*kek?).await?.into()) })
    }

    /// Unwraps a key that was wrapped by the public half.
    #[wasm_bindgen(js_name = decryptKey)]
    pub fn decrypt_key(&self, envelope: JsValue) -> Promise {
        let pair = Rc::clone(&self.pair);
        promise(async move {
            let key = pair.unwrap_aes_key(&text_of("envelope", &envelope)?).await?;
            Ok(SymmetricKey::new(key).into())
        })
    }

    /// Decrypts bytes that were encrypted with the public half.
    #[wasm_bindgen(js_name = decryptBytes)]
    pub fn decrypt_bytes(&self, envelope: JsValue) -> Promise {
        let pair = Rc::clone(&self.pair);
        promise(async move { Ok(bytes(&pair.decrypt(&text_of("envelope", &envelope)?).await?)) })
    }

    /// Signs.
    pub fn sign(&self, data: JsValue) -> Promise {
        let (pair, data) = (Rc::clone(&self.pair), bytes_of("data", &data));
        promise(async move { Ok(pair.sign(&data?).await?.into()) })
    }
}

/// Somebody's RSA public key.
#[wasm_bindgen]
pub struct PublicKey {
    key: Rc<crypto::PublicKey>,
}

#[wasm_bindgen]
impl PublicKey {
    /// Reads a public key.
    pub fn import(pem: &JsValue) -> Result<PublicKey> {
        Ok(PublicKey { key: Rc::new(crypto::PublicKey::from_pem(&text_of("pem", pem)?)?) })
    }

    /// SHA-256 of the SPKI DER.
    #[wasm_bindgen(getter)]
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint()
    }

    /// Encrypts a key for the holder of the private half.
    #[wasm_bindgen(js_name = encryptKey)]
    pub fn encrypt_key(&self, key: JsValue) -> Promise {
        let (public, key) = (Rc::clone(&self.key), key_of("key", &key));
        promise(async move { Ok(public.wrap_aes_key(&*key?).await?.into()) })
    }

    /// Encrypts bytes for the holder of the private half.
    #[wasm_bindgen(js_name = encryptBytes)]
    pub fn encrypt_bytes(&self, bytes: JsValue) -> Promise {
        let (public, bytes) = (Rc::clone(&self.key), bytes_of("bytes", &bytes));
        promise(async move { Ok(public.encrypt(&bytes?).await?.into()) })
    }

    /// The signed data, if the holder of the private half signed it.
    pub fn verify(&self, signature: JsValue) -> Promise {
        let public = Rc::clone(&self.key);
        promise(async move { Ok(bytes(&public.verify(&text_of("signature", &signature)?).await?)) })
    }
}
