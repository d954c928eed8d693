//! Proof that a received value is the one its owner wrote.
//!
//! Someone who was given a value may share it on, and could alter it on the way: he has the key it is encrypted with.
//! So the owner makes a random key per shared value and publishes the value's HMAC under it. The key travels with the
//! value, encrypted; the hash travels through the server, which lets only the owner set it.
//! Source: `protocol/http-api.md` §1.7.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::encoding::to_hex;
use crate::{Error, ErrorCode, Result};

const KEY_BYTES: usize = 64;

/// 64 secret bytes, one key per shared value.
pub struct VerificationKey {
    bytes: Box<[u8; KEY_BYTES]>,
}

impl VerificationKey {
    /// A new random key.
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

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    fn mac(&self, value: &str) -> [u8; 32] {
        // The key is exactly one block of SHA-256, so HMAC takes it as it is and cannot refuse it.
        let mut mac = Hmac::<Sha256>::new(self.bytes.as_ref().into());
        mac.update(&hashed_bytes(value));
        mac.finalize().into_bytes().into()
    }
}

/// The bytes that the peers hash for a JavaScript string.
///
/// Their library packs four UTF-16 units into a 32-bit word as if each were a byte. For units up to U+00FF that is
/// one byte per unit (and for ASCII the same as UTF-8); a larger unit spills into the bytes before it, modulo 2³².
/// A last group of fewer than four contributes as many bytes as it has units.
fn hashed_bytes(value: &str) -> Zeroizing<Vec<u8>> {
    let units = Zeroizing::new(value.encode_utf16().collect::<Vec<u16>>());
    let mut bytes = Zeroizing::new(Vec::with_capacity(units.len()));
    for group in units.chunks(4) {
        let word =
            group.iter().zip([24_u32, 16, 8, 0]).fold(0_u32, |word, (&unit, shift)| word ^ (u32::from(unit) << shift));
        bytes.extend(word.to_be_bytes().into_iter().take(group.len()));
    }
    bytes
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_hashed_as_it_is() {
        assert_eq!(hashed_bytes("hello").as_slice(), b"hello");
    }

    #[test]
    fn units_up_to_ff_are_one_byte_each() {
        assert_eq!(hashed_bytes("Zoë").as_slice(), [b'Z', b'o', 0xeb]);
    }

    #[test]
    fn larger_units_spill_into_the_byte_before_them() {
        // U+20AC is 0x20AC: 0xAC in its own place, 0x20 on top of the `a` before it.
        assert_eq!(hashed_bytes("a€bc").as_slice(), [b'a' ^ 0x20, 0xac, b'b', b'c']);
        // The first unit of a group has nothing before it: its high byte is lost.
        assert_eq!(hashed_bytes("€").as_slice(), [0xac]);
        assert_eq!(hashed_bytes("abcd€").as_slice(), [b'a', b'b', b'c', b'd', 0xac]);
    }
}
