//! The DEK, which encrypts values and notes for their place.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    crypto::{
        aes_key::{AesKey, Decrypted, text_from_bytes},
        backend::hmac_sha256,
        encoding::to_hex,
        envelope::TAG_BYTES,
        places::{Place, memory_name_text},
        verification::VerificationKey,
    },
};

/// DEK: encrypts content. A user has one for their own items, and every share has its own.
#[derive(Debug, PartialEq, Eq)]
pub struct DataKey(AesKey);

impl DataKey {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

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

    /// Encrypts text as UTF-8, bound to its place. The empty text has no ciphertext and gives `None`.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn encrypt_text(&self, text: &str, place: &Place<'_>) -> Result<Option<String>> {
        if text.is_empty() { Ok(None) } else { self.0.encrypt_at(text.as_bytes(), place).await.map(Some) }
    }

    /// As [`DataKey::encrypt_text`], with the ciphertext's authentication tag. That of the empty text says its place, and that
    /// nothing is there.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn encrypt_value(&self, text: &str, place: &Place<'_>) -> Result<(String, [u8; TAG_BYTES])> {
        self.0.encrypt_with_tag(text.as_bytes(), place).await
    }

    /// Decrypts text; the caller compares its place. The empty ciphertext of very old data gives the empty text, and bytes
    /// that are not UTF-8, which libraries of before 2021 wrote, are read as Latin-1.
    ///
    /// # Errors
    /// `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`, `DECRYPTION_FAILED`.
    pub async fn decrypt_text(&self, envelope: &str) -> Result<Decrypted<Zeroizing<String>>> {
        self.0.decrypt_with_place(envelope).await?.try_map(|bytes| Ok(text_from_bytes(bytes)))
    }

    /// What a device keeps its user's memory under: 64 lower-case hexadecimal digits that tell nothing of the key. A server
    /// that names another user cannot choose it.
    pub fn memory_name(&self) -> String {
        to_hex(&hmac_sha256(self.as_bytes(), &memory_name_text()))
    }

    /// Encrypts a note of the user's own, as JSON: [`DataKey::decrypt_note`] decrypts it nowhere else.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn encrypt_note(&self, note: &impl Serialize, place: &Place<'_>) -> Result<String> {
        let note = serde_json::to_vec(note).map_err(|_| Error::internal("a note could not be serialized"))?;
        self.0.encrypt_at(&Zeroizing::new(note), place).await
    }

    /// Decrypts a note. An attacker who gets the user to encrypt a text of the attacker's (a sharer whose values are
    /// re-encrypted, for instance) cannot make it pass as a note, because only notes name this place.
    ///
    /// # Errors
    /// `MALFORMED_ENVELOPE`, `DECRYPTION_FAILED`, `MISPLACED`.
    pub async fn decrypt_note(&self, envelope: &str, place: &Place<'_>) -> Result<Zeroizing<Vec<u8>>> {
        self.0.decrypt_at(envelope, place).await
    }

    /// Decrypts a note whose place the caller does not know in full.
    ///
    /// # Errors
    /// `MALFORMED_ENVELOPE`, `DECRYPTION_FAILED`.
    pub async fn decrypt_note_with_place(&self, envelope: &str) -> Result<Decrypted<Zeroizing<Vec<u8>>>> {
        self.0.decrypt_with_place(envelope).await
    }

    /// Encrypts the verification key of a shared value, for the field `encrypted_value_verification_key`.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn wrap_verification_key(&self, key: &VerificationKey, place: &Place<'_>) -> Result<String> {
        self.0.encrypt_at(key.as_bytes(), place).await
    }

    /// Decrypts the verification key of a received value; the caller compares its place.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the content is not 64 bytes; those of a malformed envelope.
    pub async fn unwrap_verification_key(&self, envelope: &str) -> Result<Decrypted<VerificationKey>> {
        let read =
            |bytes: Zeroizing<Vec<u8>>| VerificationKey::from_bytes(&bytes).map_err(|_| Error::decryption_failed());
        self.0.decrypt_with_place(envelope).await?.try_map(read)
    }

    pub(crate) fn as_aes_key(&self) -> &AesKey {
        &self.0
    }

    pub(crate) fn from_aes_key(key: AesKey) -> Self {
        DataKey(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector is of Python's `hmac`.
    #[test]
    fn a_users_memory_has_the_name_that_the_protocol_says() {
        let dek = DataKey(AesKey::from_bytes(&[7; 32]).unwrap());
        assert_eq!(dek.memory_name(), "47f7db6cbf89f173fe117d801da688e460fc4b01cd00fb5c16282c0ac48c2aa7");
    }
}
