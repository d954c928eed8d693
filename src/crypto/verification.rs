//! Proof that a received value is the one its owner wrote.
//!
//! A recipient who may share a value on has the key it is encrypted with, and so could alter it. Therefore the owner
//! generates a random key per shared value and publishes the value's HMAC under it. The key is sent with the value,
//! encrypted; the hash is stored by the server, which lets only the owner set it.
//!
//! The peers' library packs a text into bytes before it hashes it, and packs some texts beyond Latin-1 alike. So the key of
//! this client commits to the text: whoever shares on needs this key, or the hash would not be the owner's, and it fits one
//! text only.
//! Source: `docs/protocol/http-api.md` §1.7, `docs/protocol/envelopes.md`.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    Error, ErrorCode, Result,
    crypto::{
        encoding::{peer_string_bytes, to_hex},
        places::text_commitment,
    },
};

const KEY_BYTES: usize = 64;
const NONCE_BYTES: usize = 24;
/// What a key begins with that commits to its text. One made at random does so once in 2⁶⁴.
const MARKER: [u8; 8] = *b"vs-text1";

/// How a received value is known to be the one that its owner wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its key commits to the text and to the slot.
    Text,
    /// The key is another client's: whoever shared the value on may have put another text of the same hash in its place.
    Weak,
}

/// 64 secret bytes, one key per shared value. Zeroized on drop, redacted in `Debug`.
pub struct VerificationKey {
    bytes: Box<[u8; KEY_BYTES]>,
}

impl VerificationKey {
    /// A key that commits to a text in this slot, by its owner's id: `vs-text1`, a nonce, and a hash of nonce, slot and text.
    ///
    /// # Errors
    /// `INTERNAL` where the system has no source of randomness.
    pub fn commit(slot: &str, text: &str) -> Result<Self> {
        let mut nonce = Zeroizing::new([0; NONCE_BYTES]);
        getrandom::fill(nonce.as_mut_slice())?;
        Ok(Self::committed(&nonce, slot, text))
    }

    fn committed(nonce: &[u8; NONCE_BYTES], slot: &str, text: &str) -> Self {
        let mut bytes = Box::new([0; KEY_BYTES]);
        let commitment = Zeroizing::new(text_commitment(nonce, slot, text));
        let parts = MARKER.iter().chain(nonce).chain(commitment.iter()).copied();
        bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        VerificationKey { bytes }
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

    /// How the value is known to be its owner's, in the slot with this id of theirs. In constant time.
    ///
    /// # Errors
    /// `VALUE_NOT_AUTHENTIC` where the hash or the commitment is another value's.
    pub fn verify(&self, slot: &str, value: &str, hash: &str) -> Result<Proof> {
        let fits = self.hash(value).as_bytes().ct_eq(hash.as_bytes());
        let nonce = self.bytes.strip_prefix(&MARKER).and_then(<[u8]>::first_chunk);
        let (proof, is_committed) = match nonce {
            Some(nonce) => {
                let committed = Self::committed(nonce, slot, value);
                (Proof::Text, committed.bytes.as_slice().ct_eq(self.bytes.as_slice()))
            }
            None => (Proof::Weak, 1.into()),
        };
        match (fits & is_committed).into() {
            true => Ok(proof),
            false => Err(Error::new(ErrorCode::ValueNotAuthentic, "the value is not the one that its owner wrote")),
        }
    }

    /// Whether the hash is of one text alone. That the key commits to this one, [`VerificationKey::verify`] has checked.
    pub fn commits_to_text(&self) -> bool {
        self.bytes.starts_with(&MARKER)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's hashlib.
    #[test]
    fn a_key_commits_to_a_text_and_a_slot() {
        let key = VerificationKey::committed(&[0xA5; NONCE_BYTES], "slot", "Größe 北京");
        let commitment = "bf39183bb60cbd201d39a098fe54a690cd8643465d9219d5edddd0821899cf4c";
        assert_eq!(to_hex(&key.bytes[..32]), format!("{}{}", to_hex(b"vs-text1"), "a5".repeat(NONCE_BYTES)));
        assert_eq!(to_hex(&key.bytes[32..]), commitment);
    }

    #[test]
    fn a_text_of_the_same_hash_is_another_and_so_is_one_of_another_slot() {
        let (text, packed_alike) = ("Not", "O\u{16f}t");
        let key = VerificationKey::commit("slot", text).unwrap();
        assert_eq!(key.hash(text), key.hash(packed_alike));
        assert_eq!(key.verify("slot", text, &key.hash(text)).unwrap(), Proof::Text);
        for (slot, text) in [("slot", packed_alike), ("slo", text), ("slott", text)] {
            let refused = key.verify(slot, text, &key.hash(text)).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::ValueNotAuthentic);
        }
        let of_a_peer = VerificationKey::from_bytes(&[7; KEY_BYTES]).unwrap();
        assert_eq!(of_a_peer.verify("slot", packed_alike, &of_a_peer.hash(text)).unwrap(), Proof::Weak);
    }
}
