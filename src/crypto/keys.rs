//! The three symmetric keys of a user, as three types, so that a wrapped private key cannot be decrypted as a data key, nor
//! anything be encrypted under the wrong level of the hierarchy.

use zeroize::Zeroizing;

use crate::crypto::aes_key::{AesKey, text_from_bytes};
use crate::crypto::kdf;
use crate::crypto::key_pair::KeyPair;
use crate::crypto::public_key::PublicKey;
use crate::crypto::verification::VerificationKey;
use crate::{Error, Result};

/// Derived from secret and passphrase when it is needed, and never stored. Wraps the [`KeyEncryptionKey`].
#[derive(Debug, PartialEq, Eq)]
pub struct PassphraseKey(AesKey);

impl PassphraseKey {
    /// PBKDF2 with HMAC-SHA256 over the passphrase in UTF-8.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a salt below 8 bytes, or iterations outside 20,000 to 10,000,000.
    pub async fn derive(passphrase: &str, salt: &[u8], iterations: u32) -> Result<Self> {
        kdf::derive_key(passphrase.as_bytes(), salt, iterations).await.map(PassphraseKey)
    }

    /// Encrypts the KEK for the Keystore.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn wrap_kek(&self, kek: &KeyEncryptionKey) -> Result<String> {
        self.0.encrypt(kek.0.as_bytes()).await
    }

    /// Decrypts the KEK from the Keystore.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the passphrase is wrong or the content is not 32 bytes; those of a malformed envelope.
    pub async fn unwrap_kek(&self, envelope: &str) -> Result<KeyEncryptionKey> {
        unwrap(&self.0, envelope).await.map(KeyEncryptionKey)
    }

    /// Base64url with padding, as the command line prints it.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        self.0.to_base64url()
    }
}

/// KEK: one per user, random, so that changing the passphrase re-wraps one key. Wraps data keys and private keys.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyEncryptionKey(AesKey);

impl KeyEncryptionKey {
    /// A random key.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub fn generate() -> Result<Self> {
        AesKey::generate().map(KeyEncryptionKey)
    }

    /// Base64url with padding.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        self.0.to_base64url()
    }

    /// The key of a base64url text.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn from_base64url(text: &str) -> Result<Self> {
        AesKey::from_base64url(text).map(KeyEncryptionKey)
    }

    /// Encrypts a DEK for the Keystore.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn wrap_data_key(&self, key: &DataKey) -> Result<String> {
        self.0.encrypt(key.0.as_bytes()).await
    }

    /// Decrypts a DEK from the Keystore.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the content is not exactly 32 bytes; those of a malformed envelope.
    pub async fn unwrap_data_key(&self, envelope: &str) -> Result<DataKey> {
        unwrap(&self.0, envelope).await.map(DataKey)
    }

    /// Encrypts a private key for the Keystore: its PKCS#1 PEM with CRLF line ends, as text.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a key pair that was itself unwrapped: its private key cannot be read out again.
    pub async fn wrap_key_pair(&self, key_pair: &KeyPair) -> Result<String> {
        let pem = key_pair.private_key_pem().await?;
        self.0.encrypt(pem.as_bytes()).await
    }

    /// Decrypts a key pair from the Keystore. Its public half must be the key stored beside it, whose text is kept byte for
    /// byte because clients find their keys by comparing it.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the content is no private key or belongs to another public key; those of a
    /// malformed envelope and of [`PublicKey::from_pem`].
    pub async fn unwrap_key_pair(&self, envelope: &str, public_key_pem: &str) -> Result<KeyPair> {
        let public_key = PublicKey::from_pem(public_key_pem)?;
        let pem = self.0.decrypt(envelope).await?;
        let pem = std::str::from_utf8(&pem).map_err(|_| Error::decryption_failed())?;
        KeyPair::from_stored(pem, public_key).await
    }
}

/// DEK: encrypts content. A user has one for their own items, and every share has its own.
#[derive(Debug, PartialEq, Eq)]
pub struct DataKey(AesKey);

impl DataKey {
    /// A random key.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub fn generate() -> Result<Self> {
        AesKey::generate().map(DataKey)
    }

    /// Base64url with padding.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        self.0.to_base64url()
    }

    /// The key of a base64url text.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn from_base64url(text: &str) -> Result<Self> {
        AesKey::from_base64url(text).map(DataKey)
    }

    /// As [`AesKey::encrypt_text`].
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn encrypt_text(&self, text: &str) -> Result<Option<String>> {
        self.0.encrypt_text(text).await
    }

    /// As [`AesKey::decrypt_text`].
    ///
    /// # Errors
    /// `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`, `DECRYPTION_FAILED`.
    pub async fn decrypt_text(&self, envelope: Option<&str>) -> Result<Option<Zeroizing<String>>> {
        self.0.decrypt_text(envelope).await
    }

    /// As [`AesKey::encrypt_at`], for text; the empty text gives `None`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `INTERNAL`.
    pub async fn encrypt_text_at(&self, text: &str, place: &str) -> Result<Option<String>> {
        if text.is_empty() { Ok(None) } else { self.0.encrypt_at(text.as_bytes(), place).await.map(Some) }
    }

    /// As [`AesKey::decrypt_at`], for text as [`AesKey::decrypt_text`] reads it.
    ///
    /// # Errors
    /// `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`, `DECRYPTION_FAILED`.
    pub async fn decrypt_text_at(&self, envelope: Option<&str>, place: &str) -> Result<Option<Zeroizing<String>>> {
        match envelope {
            None => Ok(None),
            Some(envelope) => self.0.decrypt_at(envelope, place).await.map(|bytes| Some(text_from_bytes(bytes))),
        }
    }

    /// Encrypts a note of the user's own, bound to one place: [`DataKey::decrypt_note`] decrypts it nowhere else.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn encrypt_note(&self, note: &[u8], place: &str) -> Result<String> {
        self.0.encrypt_at(note, place).await
    }

    /// Decrypts a note. An attacker who gets the user to encrypt a text of the attacker's (a sharer whose values are
    /// re-encrypted, for instance) cannot make it pass as a note, because only notes name this place.
    ///
    /// # Errors
    /// `MALFORMED_ENVELOPE`, `DECRYPTION_FAILED`.
    pub async fn decrypt_note(&self, envelope: &str, place: &str) -> Result<Zeroizing<Vec<u8>>> {
        self.0.decrypt_only_at(envelope, place).await
    }

    /// Encrypts the verification key of a shared value, for the field `encrypted_value_verification_key`.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn wrap_verification_key(&self, key: &VerificationKey) -> Result<String> {
        self.0.encrypt(key.as_bytes()).await
    }

    /// Decrypts the verification key of a received value.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the content is not 64 bytes; those of a malformed envelope.
    pub async fn unwrap_verification_key(&self, envelope: &str) -> Result<VerificationKey> {
        let bytes = self.0.decrypt(envelope).await?;
        VerificationKey::from_bytes(&bytes).map_err(|_| Error::decryption_failed())
    }

    pub(crate) fn as_aes_key(&self) -> &AesKey {
        &self.0
    }

    pub(crate) fn from_aes_key(key: AesKey) -> Self {
        DataKey(key)
    }
}

/// Decrypts a key. Content of another length is no key: perhaps another ciphertext of this user that a server has put in
/// its place.
async fn unwrap(wrapping: &AesKey, envelope: &str) -> Result<AesKey> {
    let bytes = wrapping.decrypt(envelope).await?;
    AesKey::from_bytes(&bytes).map_err(|_| Error::decryption_failed())
}

impl From<AesKey> for KeyEncryptionKey {
    /// For callers with workflows of their own, who keep their own KEK.
    fn from(key: AesKey) -> Self {
        KeyEncryptionKey(key)
    }
}
