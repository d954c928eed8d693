//! Someone's public key: to encrypt for them, and to check what they signed.
//!
//! The server hands these out, so a key is checked before anything is encrypted for it: a short modulus, an even one
//! or an unusual exponent would let the server read the plaintext. Its text is kept byte for byte, because clients
//! find their own keys by comparing texts; two keys are compared by their DER.

use sha2::{Digest, Sha256};

use crate::{
    Error, ErrorCode, Result,
    crypto::{
        AesKey, backend,
        data_key::DataKey,
        encoding::{from_base64url, to_hex},
        envelope::Envelope,
        pem,
        rsa_der::{PublicNumbers, Spki, read_spki},
    },
};

/// The smallest key that anything is encrypted for.
const MIN_BITS: u32 = 2048;
/// The largest key that is worked with.
const MAX_BITS: u32 = 8192;
const EXPONENT: &[u8] = &[1, 0, 1];

const SPKI_LABEL: &str = "PUBLIC KEY";
const PKCS1_LABEL: &str = "RSA PUBLIC KEY";

/// An RSA public key that is strong enough to encrypt for.
#[derive(Clone, Debug)]
pub struct PublicKey {
    pem: String,
    spki_der: Vec<u8>,
    bits: u32,
}

impl PublicKey {
    /// Reads the first key in a text, PEM as SPKI (`BEGIN PUBLIC KEY`) or PKCS#1 (`BEGIN RSA PUBLIC KEY`).
    ///
    /// # Errors
    /// `WEAK_KEY` below 2048 bits, for an even modulus, or an exponent other than 65537; `UNSUPPORTED_ALGORITHM` for
    /// a key that is not RSA; `INVALID_ARGUMENT` for anything else that is not canonical DER in a PEM block, and for a text
    /// that has a private key in it as well: it would go to others with the text.
    pub fn from_pem(text: &str) -> Result<Self> {
        if text.contains("PRIVATE KEY-----") {
            return Err(Error::invalid_argument("this is or contains a private key, where a public key belongs"));
        }
        let (label, der) = pem::decode(text, &[SPKI_LABEL, PKCS1_LABEL]).ok_or_else(not_a_key)?;
        let is_spki = label == SPKI_LABEL;
        let pkcs1_der = match is_spki.then(|| read_spki(&der).ok_or_else(not_a_key)).transpose()? {
            Some(Spki::Rsa(pkcs1_der)) => pkcs1_der,
            Some(Spki::Foreign) => {
                return Err(Error::new(ErrorCode::UnsupportedAlgorithm, "only RSA public keys are supported"));
            }
            None => der.as_slice(),
        };
        let numbers = PublicNumbers::of_public_key(pkcs1_der).ok_or_else(not_a_key)?;
        let public_key = PublicKey::from_numbers(numbers, Some(text))?;
        // One key, one DER: what was given must be what we would write.
        let canonical = match is_spki {
            true => public_key.spki_der == der.as_slice(),
            false => numbers.to_pkcs1().is_some_and(|canonical| canonical == der.as_slice()),
        };
        if canonical { Ok(public_key) } else { Err(not_a_key()) }
    }

    /// The key of a modulus and an exponent. Without a text it gets an SPKI PEM.
    pub(crate) fn from_numbers(numbers: PublicNumbers<'_>, text: Option<&str>) -> Result<Self> {
        let PublicNumbers { modulus, exponent } = numbers;
        let bits = match modulus.first() {
            Some(first) => u32::try_from(modulus.len()).unwrap_or(u32::MAX).saturating_mul(8) - first.leading_zeros(),
            None => 0,
        };
        let odd = modulus.last().is_some_and(|last| last & 1 == 1);
        if bits < MIN_BITS || !odd || exponent != EXPONENT {
            return Err(Error::new(ErrorCode::WeakKey, "the public key is too weak to encrypt for"));
        }
        if bits > MAX_BITS {
            return Err(Error::new(ErrorCode::UnsupportedAlgorithm, "the public key is larger than 8192 bits"));
        }
        let spki_der = numbers.to_spki().ok_or_else(not_a_key)?;
        let pem = match text {
            Some(text) => text.to_owned(),
            None => pem::encode(SPKI_LABEL, &spki_der).ok_or_else(not_a_key)?,
        };
        Ok(PublicKey { pem, spki_der, bits })
    }

    /// The text that the key was read from, byte for byte.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The size of the modulus in bits.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// SHA-256 of the SPKI DER in lower-case hexadecimal: the same for every spelling of one key.
    pub fn fingerprint(&self) -> String {
        to_hex(&self.fingerprint_bytes())
    }

    /// Encrypts a few bytes: with 4096 bits at most 470.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for more than fit into one block.
    pub async fn encrypt(&self, plaintext: &[u8]) -> Result<String> {
        // OAEP with SHA-1 takes two hashes and two bytes of the block.
        if plaintext.len() > (self.bits.div_ceil(8) as usize).saturating_sub(2 * 20 + 2) {
            return Err(Error::invalid_argument("that is more than one RSA block can hold"));
        }
        let ciphertext = backend::rsa_encrypt(&self.spki_der, plaintext).await?;
        Ok(Envelope::Rsa { bits: self.bits, ciphertext }.print())
    }

    /// Encrypts a share's DEK for its recipient.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn wrap_data_key(&self, key: &DataKey) -> Result<String> {
        self.wrap_aes_key(key.as_aes_key()).await
    }

    /// Encrypts a symmetric key: its 32 bytes.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn wrap_aes_key(&self, key: &AesKey) -> Result<String> {
        self.encrypt(key.as_bytes()).await
    }

    /// The data of a signature envelope, if this key's owner signed it.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` where the signature is not this key's; those of a malformed envelope.
    pub async fn verify(&self, signature: &str) -> Result<Vec<u8>> {
        match Envelope::parse(signature).await? {
            Envelope::Signed { bits, signature, data } => {
                if bits != self.bits {
                    return Err(Error::decryption_failed());
                }
                backend::rsa_verify(&self.spki_der, &signature, &data).await?;
                Ok(data)
            }
            _ => Err(Error::malformed_envelope("it is not a signature")),
        }
    }

    /// Whether this key's owner signed the data; the signature alone, base64url.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED` where not.
    pub async fn verify_detached(&self, data: &[u8], signature: &str) -> Result<()> {
        let signature = from_base64url(signature).ok_or_else(Error::decryption_failed)?;
        backend::rsa_verify(&self.spki_der, &signature, data).await
    }

    /// [`PublicKey::fingerprint`] as bytes.
    pub fn fingerprint_bytes(&self) -> [u8; 32] {
        Sha256::digest(&self.spki_der).into()
    }
}

/// Compares the keys, not their texts.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki_der == other.spki_der
    }
}

impl Eq for PublicKey {}

fn not_a_key() -> Error {
    Error::invalid_argument("this is not an RSA public key in PEM form")
}
