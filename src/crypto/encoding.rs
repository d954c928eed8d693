//! The two text forms of bytes: URL-safe base64 with padding, and lower-case hexadecimal.
//!
//! Both decoders take exactly one spelling per byte string: a second spelling of the same ciphertext would let a
//! server change what was signed or compared without changing what is decrypted. They run in constant time, because
//! keys pass through them too.

use base64ct::{Base64Url, Encoding};
use zeroize::Zeroizing;

/// Bytes as base64 with the URL-safe alphabet and `=` padding.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    Base64Url::encode_string(bytes)
}

/// The bytes of a base64 text, or `None` for any text that [`to_base64url`] would not have written.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    Base64Url::decode_vec(text).ok()
}

/// As [`from_base64url`], for bytes that are a key.
pub(crate) fn secret_from_base64url(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    from_base64url(text).map(Zeroizing::new)
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// The bytes of a hexadecimal text in either case, or `None`.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    base16ct::mixed::decode_vec(text).ok()
}
