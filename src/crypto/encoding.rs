//! The text forms of bytes (base64url with padding, lower-case hexadecimal), and the bytes that the peers hash for a text.
//!
//! The decoder of base64 takes exactly one spelling per byte string: a second spelling of the same ciphertext would let a
//! server change what was signed or compared without changing what is decrypted. Both decoders run in constant time,
//! because keys pass through them too.

use zeroize::Zeroizing;

pub(crate) use vaultshare_primitives::{decode as from_base64url, encode as to_base64url};

/// As [`from_base64url`], for bytes that are a key.
pub(crate) fn secret_from_base64url(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    from_base64url(text).map(Zeroizing::new)
}

/// Lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// The bytes of a hexadecimal text in either case.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    base16ct::mixed::decode_vec(text).ok()
}

/// The bytes that the peers' library hashes for a JavaScript string that was not encoded first
/// (`docs/protocol/http-api.md` §1.7).
///
/// It packs four UTF-16 units into a 32-bit word as if each were a byte. For units up to U+00FF that is
/// one byte per unit (and for ASCII the same as UTF-8); a larger unit spills into the bytes before it, modulo 2³².
/// A last group of fewer than four contributes as many bytes as it has units.
pub(crate) fn peer_string_bytes(text: &str) -> Zeroizing<Vec<u8>> {
    if text.is_ascii() {
        return Zeroizing::new(text.as_bytes().to_vec());
    }
    let units = Zeroizing::new(text.encode_utf16().collect::<Vec<u16>>());
    let mut bytes = Zeroizing::new(Vec::with_capacity(units.len()));
    for group in units.chunks(4) {
        let word =
            group.iter().zip([24_u32, 16, 8, 0]).fold(0_u32, |word, (&unit, shift)| word ^ (u32::from(unit) << shift));
        bytes.extend(word.to_be_bytes().into_iter().take(group.len()));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_hashed_as_it_is() {
        assert_eq!(peer_string_bytes("hello").as_slice(), b"hello");
    }

    #[test]
    fn units_up_to_ff_are_one_byte_each() {
        assert_eq!(peer_string_bytes("Zoë").as_slice(), [b'Z', b'o', 0xeb]);
    }

    #[test]
    fn larger_units_spill_into_the_byte_before_them() {
        // U+20AC is 0x20AC: 0xAC in its own place, 0x20 on top of the `a` before it.
        assert_eq!(peer_string_bytes("a€bc").as_slice(), [b'a' ^ 0x20, 0xac, b'b', b'c']);
        // The first unit of a group has nothing before it: its high byte is lost.
        assert_eq!(peer_string_bytes("€").as_slice(), [0xac]);
        assert_eq!(peer_string_bytes("abcd€").as_slice(), [b'a', b'b', b'c', b'd', 0xac]);
    }
}
