use std::rc::Rc;

use js_sys::{JsString, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, convert::TryFromJsValue, prelude::wasm_bindgen};
use zeroize::Zeroizing;

use super::{
    arguments::{byte_array, bytes as bytes_of, is_absent, text as text_of, whole_number, wrong},
    call::promise,
};
use crate::{
    crypto::{self, AesKey},
    error::{Error, Result},
};

/// An AES-256-GCM key, for those who bring their own workflow.
#[wasm_bindgen]
pub struct SymmetricKey {
    pub(super) key: Rc<AesKey>,
}

impl SymmetricKey {
    pub(super) fn new(key: AesKey) -> Self {
        SymmetricKey { key: Rc::new(key) }
    }
}

#[wasm_bindgen]
impl SymmetricKey {
    /// Another object of the same key, which [`key_of`] takes over.
    #[wasm_bindgen(js_name = __share)]
    pub fn share(&self) -> SymmetricKey {
        SymmetricKey { key: Rc::clone(&self.key) }
    }

    /// A new random key.
    pub fn generate() -> Result<SymmetricKey> {
        AesKey::generate().map(SymmetricKey::new)
    }

    /// PBKDF2 with HMAC-SHA256.
    #[wasm_bindgen(js_name = fromPassphrase)]
    pub fn from_passphrase(passphrase: JsValue, salt: JsValue, iterations: JsValue) -> Promise {
        let (passphrase, salt) = (text_of("passphrase", &passphrase), bytes_of("salt", &salt));
        promise(async move {
            let iterations = whole_number("iterations", &iterations)?;
            let key = crypto::derive_key_from_passphrase(&passphrase?, &salt?, iterations).await?;
            Ok(SymmetricKey::new(key).into())
        })
    }

    /// Reads a key that [`SymmetricKey::export`] wrote.
    pub fn import(base64url: &JsValue) -> Result<SymmetricKey> {
        AesKey::from_base64url(&text_of("base64url", base64url)?).map(SymmetricKey::new)
    }

    /// The key's 32 bytes in base64url. The text is not wiped: the caller keeps it safe.
    pub fn export(&self) -> String {
        self.key.to_base64url().as_str().to_owned()
    }

    /// Encrypts a text; `null` for the empty one.
    #[wasm_bindgen(js_name = encryptString)]
    pub fn encrypt_string(&self, text: JsValue) -> Promise {
        let key = Rc::clone(&self.key);
        promise(async move { Ok(text_or_null(key.encrypt_text(&text_of("text", &text)?).await?.as_deref())) })
    }

    /// Decrypts a text; `null` gives `null`.
    #[wasm_bindgen(js_name = decryptString)]
    pub fn decrypt_string(&self, envelope: JsValue) -> Promise {
        let key = Rc::clone(&self.key);
        promise(async move {
            let is_there = !is_absent(&envelope);
            let envelope = is_there.then(|| text_of("envelope", &envelope)).transpose()?;
            let text = key.decrypt_text(envelope.as_ref().map(|text| text.as_str())).await?;
            Ok(text_or_null(text.as_ref().map(|text| text.as_str())))
        })
    }

    /// Encrypts bytes. Many are left with JavaScript, whose WebCrypto takes them from there.
    #[wasm_bindgen(js_name = encryptBytes)]
    pub fn encrypt_bytes(&self, bytes: JsValue) -> Promise {
        let key = Rc::clone(&self.key);
        // Copied before the call returns: whoever passed them may wipe them at once.
        let copied = byte_array("bytes", &bytes).map(|array| array.slice(0, array.length()));
        promise(async move {
            let copied = copied?;
            if !AesKey::takes_arrays_of(copied.length()) {
                return Ok(key.encrypt(&Zeroizing::new(copied.to_vec())).await?.into());
            }
            let envelope = key.encrypt_array(&copied).await;
            copied.fill(0, 0, copied.length());
            Ok(envelope?.into())
        })
    }

    /// Decrypts bytes.
    #[wasm_bindgen(js_name = decryptBytes)]
    pub fn decrypt_bytes(&self, envelope: JsValue) -> Promise {
        let key = Rc::clone(&self.key);
        promise(async move {
            if let Some(text) = envelope.dyn_ref::<JsString>()
                && let Some(opened) = key.decrypt_to_array(text).await?
            {
                return Ok(opened.into());
            }
            Ok(bytes(&key.decrypt(&text_of("envelope", &envelope)?).await?))
        })
    }

    /// Wraps another key.
    #[wasm_bindgen(js_name = wrapKey)]
    pub fn wrap_key(&self, key: JsValue) -> Promise {
        let (wrapping, key) = (Rc::clone(&self.key), key_of("key", &key));
        promise(async move { Ok(wrapping.encrypt(key?.as_bytes()).await?.into()) })
    }

    /// Unwraps another key.
    #[wasm_bindgen(js_name = unwrapKey)]
    pub fn unwrap_key(&self, envelope: JsValue) -> Promise {
        let key = Rc::clone(&self.key);
        promise(async move {
            let bytes = key.decrypt(&text_of("envelope", &envelope)?).await?;
            let key = AesKey::from_bytes(&bytes).map_err(|_| Error::decryption_failed())?;
            Ok(SymmetricKey::new(key).into())
        })
    }
}

#[wasm_bindgen]
extern "C" {
    type KeyObject;

    /// Throws where the object is of another class, or freed.
    #[wasm_bindgen(method, structural, catch, js_name = __share)]
    fn share(this: &KeyObject) -> Result<JsValue, JsValue>;
}

/// The key of an argument that has to be a [`SymmetricKey`]. The generated conversion would throw an error of its own.
pub(super) fn key_of(name: &str, value: &JsValue) -> Result<Rc<AesKey>> {
    if !value.is_object() {
        return Err(wrong(name));
    }
    let shared = value.unchecked_ref::<KeyObject>().share().map_err(|_| wrong(name))?;
    SymmetricKey::try_from_js_value(shared).map(|shared| Rc::clone(&shared.key)).map_err(|_| wrong(name))
}

/// Bytes as JavaScript holds them.
pub(super) fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// `null` where there is no text. An `Option` by itself would reach JavaScript as `undefined`, which JSON drops.
fn text_or_null(text: Option<&str>) -> JsValue {
    text.map_or(JsValue::NULL, JsValue::from_str)
}

/// Decrypts an envelope that carries its own key derivation.
#[wasm_bindgen(js_name = decryptWithPassphrase)]
pub fn decrypt_with_passphrase(envelope: JsValue, passphrase: JsValue) -> Promise {
    promise(async move {
        let (envelope, passphrase) = (text_of("envelope", &envelope)?, text_of("passphrase", &passphrase)?);
        Ok(bytes(&crypto::decrypt_with_passphrase(&envelope, &passphrase).await?))
    })
}
