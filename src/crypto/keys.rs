//! The three symmetric keys of a user, as three types, so that a wrapped private key cannot be decrypted as a data key, nor
//! anything be encrypted under the wrong level of the hierarchy. What they encrypt names its [`Place`].

use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    crypto::{
        aes_key::{AesKey, Decrypted, text_from_bytes},
        backend::hmac_sha256,
        encoding::to_hex,
        envelope::TAG_BYTES,
        kdf,
        key_pair::KeyPair,
        places::{KeyRule, Place, memory_name_text, misplaced},
        public_key::PublicKey,
        verification::VerificationKey,
    },
};

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
        self.0.encrypt_at(kek.key.as_bytes(), &Place::Kek).await
    }

    /// Decrypts the KEK from the Keystore.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the passphrase is wrong or the content is not 32 bytes; those of a malformed envelope;
    /// `MISPLACED`.
    pub async fn unwrap_kek(&self, envelope: &str) -> Result<KeyEncryptionKey> {
        let kek = unwrap(&self.0, envelope).await?;
        let strict = kek.is_at(&Place::Kek)?;
        Ok(KeyEncryptionKey { key: kek.content, strict })
    }

    /// Base64url with padding, as the command line prints it.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        self.0.to_base64url()
    }
}

/// KEK: one per user, random, so that changing the passphrase re-wraps one key. Wraps data keys and private keys.
///
/// The KEK of an account that this client made says its purpose, and then so did every other key of the account from the
/// first record on: such an account is *strict*, and its private DEK and login key are refused without their purpose. A
/// server has nothing from before to put in their place. An account of another client is *legacy*: its keys may name none.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyEncryptionKey {
    key: AesKey,
    strict: bool,
}

/// Whom the key of an encryption space comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpaceKeyOrigin {
    /// Made by this user.
    Made {
        /// Fingerprint of the key that it was made for.
        peer: String,
    },
    /// Left by whoever knew the user's public key.
    Claimed {
        /// Fingerprint of the key that the server said to be the maker's.
        peer: String,
    },
    /// Not known: a copy of another client.
    Unknown,
}

impl KeyEncryptionKey {
    /// A random key, of a strict account.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub fn generate() -> Result<Self> {
        Ok(KeyEncryptionKey { key: AesKey::generate()?, strict: true })
    }

    /// Base64url with padding.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        self.key.to_base64url()
    }

    /// The key of a base64url text, and whether it is that of a strict account.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn from_base64url(text: &str, strict: bool) -> Result<Self> {
        Ok(KeyEncryptionKey { key: AesKey::from_base64url(text)?, strict })
    }

    /// Whether every key of this account names its purpose.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Encrypts the private DEK for the Keystore.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn wrap_private_dek(&self, dek: &DataKey) -> Result<String> {
        self.key.encrypt_at(dek.0.as_bytes(), &Place::PrivateDek).await
    }

    /// Decrypts the private DEK from the Keystore.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the content is not exactly 32 bytes; those of a malformed envelope; `MISPLACED` for any
    /// other key of this user.
    pub async fn unwrap_private_dek(&self, envelope: &str) -> Result<DataKey> {
        let dek = unwrap(&self.key, envelope).await?;
        self.accept(dek.is_at(&Place::PrivateDek)?)?;
        Ok(DataKey(dek.content))
    }

    /// Encrypts the key of an encryption space that this user made for a peer, or claimed from one.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn wrap_space_key(&self, key: &DataKey, own: &str, origin: &SpaceKeyOrigin) -> Result<String> {
        let place = match origin {
            SpaceKeyOrigin::Made { peer } => Place::SpaceKeyMade { own, peer },
            SpaceKeyOrigin::Claimed { peer } => Place::SpaceKeyClaimed { own, peer },
            SpaceKeyOrigin::Unknown => return Err(Error::internal("a space's key comes from somewhere")),
        };
        self.key.encrypt_at(key.0.as_bytes(), &place).await
    }

    /// Decrypts the key of an encryption space of the own key pair of this fingerprint.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the content is not exactly 32 bytes; those of a malformed envelope; `MISPLACED` for the
    /// private DEK, and for a space of another key pair.
    pub async fn unwrap_space_key(&self, envelope: &str, own: &str) -> Result<(DataKey, SpaceKeyOrigin)> {
        let key = unwrap(&self.key, envelope).await?;
        let origin = match key.place()? {
            None => SpaceKeyOrigin::Unknown,
            Some(Place::SpaceKeyMade { own: named, peer }) if named == own => {
                SpaceKeyOrigin::Made { peer: peer.to_owned() }
            }
            Some(Place::SpaceKeyClaimed { own: named, peer }) if named == own => {
                SpaceKeyOrigin::Claimed { peer: peer.to_owned() }
            }
            Some(_) => return Err(misplaced()),
        };
        Ok((DataKey(key.content), origin))
    }

    /// Encrypts the private key that signs the user in to the Vault: its PKCS#1 PEM with CRLF line ends, as text.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a key pair that was itself unwrapped: its private key cannot be read out again.
    pub async fn wrap_login_key(&self, key_pair: &KeyPair) -> Result<String> {
        key_pair.wrap_at(&self.key, &Place::LoginKey { own: &key_pair.fingerprint() }).await
    }

    /// Decrypts the key pair that signs the user in. Its public half must be the key stored beside it, whose text is kept
    /// byte for byte because clients find their keys by comparing it.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the content is no private key or belongs to another public key; those of a
    /// malformed envelope and of [`PublicKey::from_pem`]; `MISPLACED` for another key pair of this user.
    pub async fn unwrap_login_key(&self, envelope: &str, public_key_pem: &str) -> Result<KeyPair> {
        let pair = KeyPair::unwrap(&self.key, envelope, PublicKey::from_pem(public_key_pem)?).await?;
        self.accept(pair.is_at(&Place::LoginKey { own: &pair.content.fingerprint() })?)?;
        Ok(pair.content)
    }

    /// Encrypts the private key that signs what the user shares.
    ///
    /// # Errors
    /// As [`KeyEncryptionKey::wrap_login_key`].
    pub async fn wrap_author_key(&self, key_pair: &KeyPair) -> Result<String> {
        key_pair.wrap_at(&self.key, &Place::AuthorKey { own: &key_pair.fingerprint() }).await
    }

    /// Decrypts the key pair that signs what the user shares. No client has ever stored one that does not say so.
    ///
    /// # Errors
    /// As [`KeyEncryptionKey::unwrap_login_key`].
    pub async fn unwrap_author_key(&self, envelope: &str, public_key_pem: &str) -> Result<KeyPair> {
        let pair = KeyPair::unwrap(&self.key, envelope, PublicKey::from_pem(public_key_pem)?).await?;
        let is_author = pair.is_at(&Place::AuthorKey { own: &pair.content.fingerprint() })?;
        if is_author { Ok(pair.content) } else { Err(misplaced()) }
    }

    /// Encrypts the private key of a connection, together with the rule for the key at its other end.
    ///
    /// # Errors
    /// As [`KeyEncryptionKey::wrap_login_key`].
    pub async fn wrap_connection_key(&self, key_pair: &KeyPair, rule: &KeyRule) -> Result<String> {
        let place = Place::ConnectionKey { own: &key_pair.fingerprint(), rule: rule.clone() };
        key_pair.wrap_at(&self.key, &place).await
    }

    /// Decrypts a connection's key pair and its rule: [`KeyRule::Open`] for one that another client stored.
    ///
    /// # Errors
    /// As [`KeyEncryptionKey::unwrap_login_key`].
    pub async fn unwrap_connection_key(&self, envelope: &str, public_key_pem: &str) -> Result<(KeyPair, KeyRule)> {
        let pair = KeyPair::unwrap(&self.key, envelope, PublicKey::from_pem(public_key_pem)?).await?;
        let rule = match pair.place()? {
            None => KeyRule::Open,
            Some(Place::ConnectionKey { own, rule }) if own == pair.content.fingerprint() => rule,
            Some(_) => return Err(misplaced()),
        };
        Ok((pair.content, rule))
    }

    /// A key that names no purpose is one of a legacy account.
    fn accept(&self, names_its_purpose: bool) -> Result<()> {
        if names_its_purpose || !self.strict { Ok(()) } else { Err(misplaced()) }
    }
}

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

/// Decrypts a key. Content of another length is no key: perhaps another ciphertext of this user that a server has put in
/// its place.
async fn unwrap(wrapping: &AesKey, envelope: &str) -> Result<Decrypted<AesKey>> {
    let read = |bytes: Zeroizing<Vec<u8>>| AesKey::from_bytes(&bytes).map_err(|_| Error::decryption_failed());
    wrapping.decrypt_with_place(envelope).await?.try_map(read)
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
