//! The keys that wrap a user's other keys. With [`DataKey`] they are three types, so that a wrapped private key cannot be
//! decrypted as a data key, nor anything be encrypted under the wrong level of the hierarchy. What they encrypt names its
//! [`Place`].

use zeroize::Zeroizing;

use crate::{
    Error, Result,
    crypto::{
        aes_key::{AesKey, Decrypted},
        data_key::DataKey,
        kdf,
        key_pair::KeyPair,
        places::{KeyRule, Place, misplaced},
        public_key::PublicKey,
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

    /// Encrypts the KEK for the Keystore. That of a legacy account names no place, as before: it would else say of every other
    /// key that it does.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn wrap_kek(&self, kek: &KeyEncryptionKey) -> Result<String> {
        match kek.strict {
            true => self.0.encrypt_at(kek.key.as_bytes(), &Place::Kek).await,
            false => self.0.encrypt(kek.key.as_bytes()).await,
        }
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
        self.key.encrypt_at(dek.as_bytes(), &Place::PrivateDek).await
    }

    /// Decrypts the private DEK from the Keystore.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` also where the content is not exactly 32 bytes; those of a malformed envelope; `MISPLACED` for any
    /// other key of this user.
    pub async fn unwrap_private_dek(&self, envelope: &str) -> Result<DataKey> {
        let dek = unwrap(&self.key, envelope).await?;
        self.accept(dek.is_at(&Place::PrivateDek)?)?;
        Ok(DataKey::from_aes_key(dek.content))
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
        self.key.encrypt_at(key.as_bytes(), &place).await
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
        Ok((DataKey::from_aes_key(key.content), origin))
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

/// Decrypts a key. Content of another length is no key: perhaps another ciphertext of this user that a server has put in
/// its place.
async fn unwrap(wrapping: &AesKey, envelope: &str) -> Result<Decrypted<AesKey>> {
    let read = |bytes: Zeroizing<Vec<u8>>| AesKey::from_bytes(&bytes).map_err(|_| Error::decryption_failed());
    wrapping.decrypt_with_place(envelope).await?.try_map(read)
}
