use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::arguments::{bytes_of, text_of};
use crate::{
    crypto::{self, AesKey},
    error::Result,
};

/// An AES-256-GCM key, for those who bring their own workflow.
#[wasm_bindgen]
pub struct SymmetricKey {
    pub(super) key: AesKey,
}

#[wasm_bindgen]
impl SymmetricKey {
    /// A new random key.
    pub fn generate() -> Result<SymmetricKey> {
        Ok(SymmetricKey { key: AesKey::generate()? })
    }

    /// PBKDF2 with HMAC-SHA256.
    #[wasm_bindgen(js_name = fromPassphrase)]
    pub async fn from_passphrase(passphrase: JsValue, salt: JsValue, iterations: u32) -> Result<SymmetricKey> {
        let (passphrase, salt) = (text_of("passphrase", &passphrase)?, bytes_of("salt", salt)?);
        Ok(SymmetricKey { key: crypto::derive_key_from_passphrase(&passphrase, &salt, iterations).await? })
    }

    /// Reads a key that [`SymmetricKey::export`] wrote.
    pub fn import(base64url: &JsValue) -> Result<SymmetricKey> {
        Ok(SymmetricKey { key: AesKey::from_base64url(&text_of("base64url", base64url)?)? })
    }

    /// The key's 32 bytes in base64url. The text is not wiped: the caller keeps it safe.
    pub fn export(&self) -> String {
        self.key.to_base64url().to_string()
    }

    /// Seals a text; `null` for the empty one.
    #[wasm_bindgen(js_name = encryptString)]
    pub async fn encrypt_string(&self, text: JsValue) -> Result<JsValue> {
        Ok(text_or_null(self.key.seal_text(&text_of("text", &text)?).await?))
    }

    /// Opens a text; `null` gives `null`.
    #[wasm_bindgen(js_name = decryptString)]
    pub async fn decrypt_string(&self, envelope: JsValue) -> Result<JsValue> {
        let is_there = !envelope.is_null() && !envelope.is_undefined();
        let envelope = is_there.then(|| text_of("envelope", &envelope)).transpose()?;
        Ok(text_or_null(
            self.key.open_text(envelope.as_ref().map(|text| text.as_str())).await?.map(|text| text.to_string()),
        ))
    }

    /// Seals bytes.
    #[wasm_bindgen(js_name = encryptBytes)]
    pub async fn encrypt_bytes(&self, bytes: JsValue) -> Result<String> {
        self.key.seal(&bytes_of("bytes", bytes)?).await
    }

    /// Opens bytes.
    #[wasm_bindgen(js_name = decryptBytes)]
    pub async fn decrypt_bytes(&self, envelope: JsValue) -> Result<Vec<u8>> {
        Ok(self.key.open(&text_of("envelope", &envelope)?).await?.to_vec())
    }

    /// Seals another key.
    #[wasm_bindgen(js_name = wrapKey)]
    pub async fn wrap_key(&self, key: &SymmetricKey) -> Result<String> {
        self.key.seal(key.key.as_bytes()).await
    }

    /// Opens another key.
    #[wasm_bindgen(js_name = unwrapKey)]
    pub async fn unwrap_key(&self, envelope: JsValue) -> Result<SymmetricKey> {
        let bytes = self.key.open(&text_of("envelope", &envelope)?).await?;
        let key = AesKey::from_bytes(&bytes).map_err(|_| crate::Error::decryption_failed())?;
        Ok(SymmetricKey { key })
    }
}

/// `null` where there is no text. An `Option` by itself would reach JavaScript as `undefined`, which JSON drops.
fn text_or_null(text: Option<String>) -> JsValue {
    text.map_or(JsValue::NULL, JsValue::from)
}

/// Opens an envelope that carries its own key derivation.
#[wasm_bindgen(js_name = decryptWithPassphrase)]
pub async fn decrypt_with_passphrase(envelope: JsValue, passphrase: JsValue) -> Result<Vec<u8>> {
    let (envelope, passphrase) = (text_of("envelope", &envelope)?, text_of("passphrase", &passphrase)?);
    Ok(crypto::decrypt_with_passphrase(&envelope, &passphrase).await?.to_vec())
}
