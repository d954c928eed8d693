use base64ct::{Base64Url, Base64UrlUnpadded, Encoding};

/// Bytes as base64 with the URL-safe alphabet and `=` padding.
pub fn encode(bytes: &[u8]) -> String {
    Base64Url::encode_string(bytes)
}

/// The bytes of a base64 text, or `None` for any text that [`encode`] would not have written. In constant time.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    Base64Url::decode_vec(text).ok()
}

/// Whether a text has only characters of base64url, its padding, and dots.
pub fn are_letters(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'.'))
}

/// The same without `=` padding, as in additional data.
pub mod unpadded {
    use super::{Base64UrlUnpadded, Encoding};

    /// As [`super::encode`].
    pub fn encode(bytes: &[u8]) -> String {
        Base64UrlUnpadded::encode_string(bytes)
    }

    /// As [`super::decode`], into a buffer that is large enough. Gives the part that was filled.
    pub fn decode_into<'buffer>(text: &str, buffer: &'buffer mut [u8]) -> Option<&'buffer [u8]> {
        Base64UrlUnpadded::decode(text, buffer).ok()
    }
}
