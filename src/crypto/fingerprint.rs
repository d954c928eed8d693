//! What two people compare to detect a server that has substituted keys of its own.

use sha2::{Digest, Sha256};

use crate::crypto::public_key::PublicKey;

/// Domain separation from every other use of SHA-256.
const CONTEXT: &[u8] = b"vaultshare safety number 1";

/// Of five digits, to be read aloud.
const GROUPS: usize = 12;

/// Whether a text can be [`PublicKey::fingerprint`]: 64 lower-case hexadecimal digits.
pub fn is_fingerprint(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// 60 decimal digits in groups of 5 that both sides of a connection see alike, whoever asks.
///
/// Each group takes 5 bytes of SHA-256 over both fingerprints, lesser first, modulo 100,000: 199 bits in all. One hash is
/// too short for that, so there are two, counted as in the one-step key derivation of NIST SP 800-56C: the module has
/// SHA-256 anyway, and a longer hash would be code for this alone.
pub fn safety_number(a: &PublicKey, b: &PublicKey) -> String {
    let (a, b) = (a.fingerprint_bytes(), b.fingerprint_bytes());
    let (lesser, greater) = if a <= b { (a, b) } else { (b, a) };
    let hash = |count: u32| {
        let counted = Sha256::new().chain_update(count.to_be_bytes()).chain_update(CONTEXT);
        counted.chain_update(lesser).chain_update(greater).finalize()
    };
    let bytes = [hash(1), hash(2)].concat();
    let groups = bytes.chunks_exact(5).take(GROUPS).map(|group| {
        let number = group.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        format!("{:05}", number % 100_000)
    });
    groups.collect::<Vec<_>>().join(" ")
}
