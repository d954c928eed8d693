//! Proof that a received value is the one its owner wrote.
//!
//! A recipient who may share a value on has the key it is encrypted with, and so could alter it. Therefore the owner
//! generates a random key per shared value and publishes the value's HMAC under it. The key is sent with the value,
//! encrypted; the hash is stored by the server, which lets only the owner set it.
//! Source: `docs/protocol/http-api.md` §1.7.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::crypto::encoding::{peer_string_bytes, to_hex};
use crate::{Error, ErrorCode, Result};

const KEY_BYTES: usize = 64;

/// 64 secret bytes, one key per shared value. Zeroized on drop, redacted in `Debug`.
pub struct VerificationKey {
    bytes: Box<[u8; KEY_BYTES]>,
}

impl VerificationKey {
    /// A random key.
    ///
    /// # Errors
    /// `INTERNAL` where the system has no source of randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = Box::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut_slice())?;
        Ok(VerificationKey { bytes })
    }

    /// The key of exactly 64 bytes.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.len() != KEY_BYTES {
            return Err(Error::invalid_argument("a verification key is 64 bytes"));
        }
        let mut key = VerificationKey { bytes: Box::new([0; KEY_BYTES]) };
        key.bytes.copy_from_slice(bytes);
        Ok(key)
    }

    /// `value_verification_hash`: HMAC-SHA256 in lower-case hexadecimal.
    pub fn hash(&self, value: &str) -> String {
        to_hex(&self.mac(value))
    }

    /// Whether the hash is this value's, in constant time.
    ///
    /// # Errors
    /// `VALUE_NOT_AUTHENTIC`.
    pub fn verify(&self, value: &str, hash: &str) -> Result<()> {
        if self.hash(value).as_bytes().ct_eq(hash.as_bytes()).into() {
            Ok(())
        } else {
            Err(Error::new(ErrorCode::ValueNotAuthentic, "the value is not the one that its owner wrote"))
        }
    }

    /// The 64 bytes, for a command line that prints what the guides print.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    fn mac(&self, value: &str) -> [u8; 32] {
        // The key is exactly one block of SHA-256, so HMAC takes it as it is and cannot refuse it.
        let mut mac = Hmac::<Sha256>::new(self.bytes.as_ref().into());
        mac.update(&peer_string_bytes(value));
        mac.finalize().into_bytes().into()
    }
}

impl Drop for VerificationKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl ZeroizeOnDrop for VerificationKey {}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerificationKey(secret)")
    }
}
