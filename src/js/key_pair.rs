use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{bytes_of, text_of},
    symmetric_key::SymmetricKey,
};
use crate::{
    crypto::{self, KeyEncryptionKey},
    error::Result,
};

const DEFAULT_BITS: u32 = 4096;

/// An RSA key pair, for those who bring their own workflow.
#[wasm_bindgen]
pub struct KeyPair {
    pair: crypto::KeyPair,
}

#[wasm_bindgen]
impl KeyPair {
    /// A new random key pair.
    pub async fn generate(bits: Option<u32>) -> Result<KeyPair> {
        Ok(KeyPair { pair: crypto::KeyPair::generate(bits.unwrap_or(DEFAULT_BITS)).await? })
    }

    /// Reads a private key.
    pub async fn import(private_key_pem: JsValue) -> Result<KeyPair> {
        let pem = text_of("privateKeyPem", &private_key_pem)?;
        Ok(KeyPair { pair: crypto::KeyPair::from_pem(&pem).await? })
    }

    /// Opens a private key that `wrapWith` sealed.
    pub async fn unwrap(envelope: JsValue, kek: &SymmetricKey) -> Result<KeyPair> {
        let text = kek.key.open(&text_of("envelope", &envelope)?).await?;
        let decryption_failed = |_| crate::Error::decryption_failed();
        let pem = std::str::from_utf8(&text).map_err(|_| crate::Error::decryption_failed())?;
        Ok(KeyPair { pair: crypto::KeyPair::from_pem(pem).await.map_err(decryption_failed)? })
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

    /// Seals the private half.
    #[wasm_bindgen(js_name = wrapWith)]
    pub async fn wrap_with(&self, kek: &SymmetricKey) -> Result<String> {
        KeyEncryptionKey::from(crypto::AesKey::from_bytes(kek.key.as_bytes())?).wrap_key_pair(&self.pair).await
    }

    /// Opens a key that was encrypted with the public half.
    #[wasm_bindgen(js_name = decryptKey)]
    pub async fn decrypt_key(&self, envelope: JsValue) -> Result<SymmetricKey> {
        Ok(SymmetricKey { key: self.pair.decrypt_aes_key(&text_of("envelope", &envelope)?).await? })
    }

    /// Opens bytes that were encrypted with the public half.
    #[wasm_bindgen(js_name = decryptBytes)]
    pub async fn decrypt_bytes(&self, envelope: JsValue) -> Result<Vec<u8>> {
        Ok(self.pair.decrypt(&text_of("envelope", &envelope)?).await?.to_vec())
    }

    /// Signs.
    pub async fn sign(&self, data: JsValue) -> Result<String> {
        self.pair.sign(&bytes_of("data", data)?).await
    }
}

/// Somebody's RSA public key.
#[wasm_bindgen]
pub struct PublicKey {
    key: crypto::PublicKey,
}

#[wasm_bindgen]
impl PublicKey {
    /// Reads a public key.
    pub fn import(pem: &JsValue) -> Result<PublicKey> {
        Ok(PublicKey { key: crypto::PublicKey::from_pem(&text_of("pem", pem)?)? })
    }

    /// SHA-256 of the SPKI DER.
    #[wasm_bindgen(getter)]
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint()
    }

    /// Encrypts a key for the holder of the private half.
    #[wasm_bindgen(js_name = encryptKey)]
    pub async fn encrypt_key(&self, key: &SymmetricKey) -> Result<String> {
        self.key.encrypt_aes_key(&key.key).await
    }

    /// Encrypts bytes for the holder of the private half.
    #[wasm_bindgen(js_name = encryptBytes)]
    pub async fn encrypt_bytes(&self, bytes: JsValue) -> Result<String> {
        self.key.encrypt(&bytes_of("bytes", bytes)?).await
    }

    /// The signed data, if the holder of the private half signed it.
    pub async fn verify(&self, signature: JsValue) -> Result<Vec<u8>> {
        self.key.verify(&text_of("signature", &signature)?).await
    }
}
