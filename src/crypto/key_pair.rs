//! RSA key pairs: one per purpose, so that no server can get a ciphertext made for one purpose decrypted for another.

use std::fmt;

use zeroize::Zeroizing;

use crate::{
    Error, Result,
    crypto::{
        AesKey,
        aes_key::Decrypted,
        backend::{self, PrivateKey},
        data_key::DataKey,
        encoding::to_base64url,
        envelope::Envelope,
        pem,
        places::Place,
        public_key::PublicKey,
        rsa_der::{PublicNumbers, pkcs1_from_pkcs8},
    },
};

const PKCS1_LABEL: &str = "RSA PRIVATE KEY";
const PKCS8_LABEL: &str = "PRIVATE KEY";

/// A private key with its public half.
///
/// The private key is held by the [`backend`]; under WebCrypto it cannot be exported. A pair that was generated or imported
/// also keeps the bytes that have to be wrapped for the Keystore; one that came from the Keystore does not.
pub struct KeyPair {
    public: PublicKey,
    private: PrivateKey,
    pkcs1_der: Option<Zeroizing<Vec<u8>>>,
}

impl KeyPair {
    /// A random key pair of 2048, 3072 or 4096 bits, with exponent 65537. The protocol's size is 4096.
    ///
    /// Takes about a second; without WebCrypto several, on a page in a worker of its own, which ends when the future is
    /// dropped.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for another size.
    pub async fn generate(bits: u32) -> Result<Self> {
        if ![2048, 3072, 4096].contains(&bits) {
            return Err(Error::invalid_argument("a key pair has 2048, 3072 or 4096 bits"));
        }
        let pkcs1_der = backend::rsa_generate(bits).await?;
        let public = public_half(&pkcs1_der).ok_or_else(|| Error::internal("the new key pair cannot be read"))?;
        let private = PrivateKey::import(&pkcs1_der).await?;
        Ok(KeyPair { public, private, pkcs1_der: Some(pkcs1_der) })
    }

    /// Reads a private key from PEM, PKCS#1 or PKCS#8.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for what is no RSA private key in PEM form, or one that the format cannot name (below 2048
    /// bits, an exponent other than 65537).
    pub async fn from_pem(text: &str) -> Result<Self> {
        let not_a_key = || Error::invalid_argument("this is not an RSA private key in PEM form");
        let pkcs1_der = decode_private_key(text).ok_or_else(not_a_key)?;
        let public = public_half(&pkcs1_der).ok_or_else(not_a_key)?;
        let private = PrivateKey::import(&pkcs1_der).await.map_err(|_| not_a_key())?;
        Ok(KeyPair { public, private, pkcs1_der: Some(pkcs1_der) })
    }

    /// Encrypts the private key, PKCS#1 PEM with CRLF line ends, for callers with workflows of their own.
    ///
    /// # Errors
    /// As [`KeyPair::private_key_pem`].
    pub async fn wrap(&self, key: &AesKey) -> Result<String> {
        key.encrypt(self.private_key_pem().await?.as_bytes()).await
    }

    pub(crate) async fn wrap_at(&self, key: &AesKey, place: &Place<'_>) -> Result<String> {
        key.encrypt_at(self.private_key_pem().await?.as_bytes(), place).await
    }

    /// Decrypts a key pair that was wrapped; the caller compares its place.
    pub(crate) async fn unwrap(key: &AesKey, envelope: &str, public: PublicKey) -> Result<Decrypted<Self>> {
        let Decrypted { content: pem, tag, additional_data } = key.decrypt_with_place(envelope).await?;
        let pem = std::str::from_utf8(&pem).map_err(|_| Error::decryption_failed())?;
        Ok(Decrypted { content: KeyPair::from_stored(pem, public).await?, tag, additional_data })
    }

    /// A pair from the Keystore. The decrypted private key must belong to the public key stored beside it.
    async fn from_stored(text: &str, public: PublicKey) -> Result<Self> {
        let pkcs1_der = decode_private_key(text).ok_or_else(Error::decryption_failed)?;
        if public_half(&pkcs1_der).as_ref() != Some(&public) {
            return Err(Error::decryption_failed());
        }
        let private = PrivateKey::import(&pkcs1_der).await.map_err(|_| Error::decryption_failed())?;
        Ok(KeyPair { public, private, pkcs1_der: None })
    }

    /// The public half, for others to encrypt with.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The public half as PEM: as it was stored, or SPKI with CRLF line ends.
    pub fn public_key_pem(&self) -> &str {
        self.public.pem()
    }

    /// [`PublicKey::fingerprint`] of the public half.
    pub fn fingerprint(&self) -> String {
        self.public.fingerprint()
    }

    /// Decrypts an envelope that was encrypted with the public half.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED`, whatever the reason; those of a malformed envelope.
    pub async fn decrypt(&self, envelope: &str) -> Result<Zeroizing<Vec<u8>>> {
        match Envelope::parse(envelope).await? {
            Envelope::Rsa { bits, ciphertext } if bits == self.public.bits() => self.private.decrypt(&ciphertext).await,
            Envelope::Rsa { .. } => Err(Error::decryption_failed()),
            _ => Err(Error::malformed_envelope("it is not for a key pair")),
        }
    }

    /// Decrypts the DEK of a share.
    ///
    /// # Errors
    /// As [`KeyPair::decrypt`]; `DECRYPTION_FAILED` also where the content is not exactly 32 bytes.
    pub async fn unwrap_data_key(&self, envelope: &str) -> Result<DataKey> {
        self.unwrap_aes_key(envelope).await.map(DataKey::from_aes_key)
    }

    /// Decrypts a symmetric key of no particular purpose.
    ///
    /// # Errors
    /// As [`KeyPair::decrypt`]; `DECRYPTION_FAILED` also where the content is not exactly 32 bytes.
    pub async fn unwrap_aes_key(&self, envelope: &str) -> Result<AesKey> {
        let bytes = self.decrypt(envelope).await?;
        AesKey::from_bytes(&bytes).map_err(|_| Error::decryption_failed())
    }

    /// Decrypts a session token, which the caller then sends to the server in the clear.
    ///
    /// A server that puts someone's encrypted DEK in the token's place would be sent the DEK. So what was decrypted
    /// must read as a token, and may not have the length of a key.
    ///
    /// # Errors
    /// As [`KeyPair::decrypt`]; `DECRYPTION_FAILED`, without telling, also where the content is no token.
    pub async fn decrypt_token(&self, envelope: &str) -> Result<Zeroizing<String>> {
        let bytes = self.decrypt(envelope).await?;
        match std::str::from_utf8(&bytes) {
            Ok(token) if is_token(token) => Ok(Zeroizing::new(token.to_owned())),
            _ => Err(Error::decryption_failed()),
        }
    }

    /// Signs data. The envelope (`Sign.Rsa4096.…`) holds signature and data.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn sign(&self, data: &[u8]) -> Result<String> {
        let signature = self.private.sign(data).await?;
        Ok(Envelope::Signed { bits: self.public.bits(), signature, data: data.to_vec() }.print())
    }

    /// Signs data that the verifier has too: the signature alone, base64url.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn sign_detached(&self, data: &[u8]) -> Result<String> {
        self.private.sign(data).await.map(|signature| to_base64url(&signature))
    }

    /// The private key as the protocol writes it: PKCS#1 PEM, CRLF line ends.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a pair that came from the Keystore: its private key cannot be read out again.
    pub async fn private_key_pem(&self) -> Result<Zeroizing<String>> {
        let der = self
            .pkcs1_der
            .as_ref()
            .ok_or_else(|| Error::invalid_argument("this private key cannot be read out of the session"))?;
        let pem = pem::encode(PKCS1_LABEL, der).ok_or_else(|| Error::internal("the private key cannot be written"))?;
        Ok(Zeroizing::new(pem))
    }

    /// Drops the bytes to wrap. Once the Keystore has them, the session has no use for them.
    pub fn without_export(self) -> Self {
        KeyPair { pkcs1_der: None, ..self }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyPair(secret of {})", self.fingerprint())
    }
}

/// The alphabet of bearer tokens (RFC 6750), and a length that no key has.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() != 32
        && text.len() != 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

/// The PKCS#1 DER of a private key PEM of either form.
pub(super) fn decode_private_key(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (label, der) = pem::decode(text, &[PKCS1_LABEL, PKCS8_LABEL])?;
    if label == PKCS1_LABEL { Some(der) } else { pkcs1_from_pkcs8(&der) }
}

/// The public half that a private key states. That its other numbers belong to it is checked on import.
fn public_half(pkcs1_der: &[u8]) -> Option<PublicKey> {
    PublicKey::from_numbers(PublicNumbers::of_private_key(pkcs1_der)?, None).ok()
}
