use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest envelope that is read from the wire, in characters; longer ones are refused unparsed.
pub const MAXIMUM_CIPHERTEXT_LENGTH: usize = 4 * 1024 * 1024;

/// An envelope (`docs/protocol/envelopes.md`) that carries one particular kind of plaintext.
///
/// The parameter keeps a wrapped private key from being handed to code that expects a wrapped DEK: what a ciphertext
/// holds is decided by the field it was read from, not by whoever decrypts it. Only the outer form is checked here
/// (a strategy and at least two base64url parts, joined by dots); `crypto` parses the rest.
pub struct Ciphertext<Of> {
    text: String,
    of: PhantomData<fn() -> Of>,
}

/// The KEK, wrapped by the passphrase key.
pub enum WrappedKeyEncryptionKey {}
/// A DEK, wrapped by the KEK.
pub enum WrappedDataKey {}
/// A private key (PKCS#1 PEM), wrapped by the KEK.
pub enum WrappedPrivateKey {}
/// A share's DEK, wrapped by the recipient's public key (RSA-OAEP).
pub enum DataKeyForRecipient {}
/// A Vault session token, encrypted to the user's public key (RSA-OAEP).
pub enum SessionToken {}
/// A slot's value, encrypted under the user's private DEK or the share's DEK.
pub enum SlotValue {}
/// The 64-byte HMAC key that shows a shared value to be its owner's, encrypted under the same DEK as the value.
pub enum ValueVerificationKey {}
/// The name that a user gives to the other side of a connection, encrypted under the user's private DEK.
pub enum RecipientName {}

impl<Of> Ciphertext<Of> {
    /// The ciphertext in a text, or `None` where the text does not have an envelope's outer form.
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        has_the_form_of_an_envelope(&text).then_some(Ciphertext { text, of: PhantomData })
    }

    /// The envelope as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// One pass over the text: a refresh of many shares brings thousands.
fn has_the_form_of_an_envelope(text: &str) -> bool {
    let Some((strategy, parts)) = text.split_once('.') else { return false };
    text.len() <= MAXIMUM_CIPHERTEXT_LENGTH
        && !strategy.is_empty()
        && strategy.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && parts.contains('.')
        && vaultshare_primitives::are_letters(parts)
}

impl<Of> Clone for Ciphertext<Of> {
    fn clone(&self) -> Self {
        Ciphertext { text: self.text.clone(), of: PhantomData }
    }
}

impl<Of> PartialEq for Ciphertext<Of> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<Of> Eq for Ciphertext<Of> {}

impl<Of> fmt::Debug for Ciphertext<Of> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strategy = self.text.split('.').next().unwrap_or_default();
        write!(formatter, "Ciphertext({strategy}, {} characters)", self.text.len())
    }
}

impl<Of> Serialize for Ciphertext<Of> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, Of> Deserialize<'de> for Ciphertext<Of> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ciphertext::parse(text).ok_or_else(|| de::Error::custom("not a ciphertext"))
    }
}

#[cfg(feature = "openapi")]
impl<Of> schemars::JsonSchema for Ciphertext<Of> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ciphertext".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An envelope: a strategy and at least two parts in base64url, joined by dots.",
            "type": "string",
            "pattern": r"^[A-Za-z0-9]+\.[A-Za-z0-9_=-]*(\.[A-Za-z0-9_=-]*)+$",
            "maxLength": MAXIMUM_CIPHERTEXT_LENGTH,
            "examples": ["Aes256Gcm.c2VhbGVk.QUFBQQ=="],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Ciphertext, SlotValue};

    #[test]
    fn plaintext_is_not_taken_for_a_ciphertext() {
        for text in
            ["", "hello", "hello.world", "hello. wor.ld", "Aes256Gcm", "Aes256Gcm.QUJD", ".a.b", "Aes256Gcm.a.b\n"]
        {
            assert_eq!(Ciphertext::<SlotValue>::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn old_and_current_envelopes_are() {
        for text in [
            "Aes256Gcm.RZue.QUAAAAA=",
            "Aes256Gcm..LS0tCnt9Cg==",
            "Rsa4096.AAAA.QQUAAAAA",
            "Aes256Gcm.a.b.Pbkdf2Hmac.c",
        ] {
            assert!(Ciphertext::<SlotValue>::parse(text).is_some(), "{text:?}");
        }
    }
}
