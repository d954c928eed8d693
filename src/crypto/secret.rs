//! The user secret: what a user writes down once, and needs together with the passphrase to sign in.
//!
//! `1.username.groups`, where the groups are base58 (Bitcoin alphabet) of 32 random bytes with a hyphen after every 6
//! characters. Without hyphens they are the salt of two derivations, forwards for the key and reversed for the login, so that
//! the server, which gets a verifier of the login's password, learns nothing about the key. Source: `docs/protocol/envelopes.md`.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::{
    Error, ErrorCode, Result,
    crypto::{kdf, keys::PassphraseKey, srp::SrpPassword},
};

/// Fixed by the protocol.
const ITERATIONS: u32 = 100_000;
const ENTROPY_BYTES: usize = 32;
const GROUP_CHARACTERS: usize = 6;
const MAX_USERNAME_CHARACTERS: usize = 128;

/// A parsed user secret. Zeroized on drop, redacted in `Debug`.
pub struct UserSecret {
    text: Zeroizing<String>,
    username: String,
    /// The groups without hyphens.
    key: Zeroizing<String>,
}

impl UserSecret {
    /// A random secret for a username that the Keystore has assigned.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a username that the secret cannot carry.
    pub fn generate(username: &str) -> Result<Self> {
        if !is_username(username) {
            return Err(Error::invalid_argument("the username has characters that a secret cannot carry"));
        }
        let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
        getrandom::fill(entropy.as_mut_slice())?;
        let key = Zeroizing::new(bs58::encode(entropy.as_slice()).into_string());
        Ok(UserSecret::assemble(username, key))
    }

    /// Reads a secret that a user has typed or pasted, in several lines or with white space around it.
    ///
    /// # Errors
    /// `INVALID_SECRET`, which says what is wrong with its form. There is no checksum
    /// (`docs/decisions/0012-no-checksum-in-secrets.md`): a wrong character of the alphabet is not noticed.
    pub fn parse(typed: &str) -> Result<Self> {
        let mut text = Zeroizing::new(String::with_capacity(typed.len()));
        text.extend(typed.split_whitespace());
        let mut parts = text.split('.');
        let (Some("1"), Some(username), Some(groups), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid("its form is 1.username.groups"));
        };
        if !is_username(username) {
            return Err(invalid("the username in it is none"));
        }
        // Ample for 32 bytes (at most 44 characters), and base58 takes quadratic time.
        if groups.len() > 64 {
            return Err(invalid("it is too long"));
        }
        let mut key = Zeroizing::new(String::with_capacity(groups.len()));
        key.extend(groups.chars().filter(|&character| character != '-'));
        let mut entropy = Zeroizing::new([0; 64]);
        let decoded = bs58::decode(key.as_bytes()).onto(entropy.as_mut_slice());
        if matches!(
            decoded,
            Err(bs58::decode::Error::InvalidCharacter { .. } | bs58::decode::Error::NonAsciiCharacter { .. })
        ) {
            return Err(invalid(
                "it has a character that no secret has: of letters and digits, 0, O, I and l are not used",
            ));
        }
        let secret = UserSecret::assemble(username, key);
        let wrong_group = groups.split('-').zip(secret.groups().split('-')).position(|(typed, right)| typed != right);
        match wrong_group {
            Some(index) => Err(invalid(&format!("group {} does not have {GROUP_CHARACTERS} characters", index + 1))),
            None if decoded != Ok(ENTROPY_BYTES) || secret.as_str() != text.as_str() => {
                Err(invalid("it is too short or too long, or a hyphen is missing or too many"))
            }
            None => Ok(secret),
        }
    }

    fn assemble(username: &str, key: Zeroizing<String>) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(username.len() + 64));
        text.push_str("1.");
        text.push_str(username);
        text.push('.');
        for (index, character) in key.chars().enumerate() {
            if index > 0 && index % GROUP_CHARACTERS == 0 {
                text.push('-');
            }
            text.push(character);
        }
        UserSecret { text, username: username.to_owned(), key }
    }

    /// The whole secret, for the user to keep.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn groups(&self) -> &str {
        self.text.rsplit('.').next().unwrap_or_default()
    }

    /// The username inside the secret.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The key that wraps the user's KEK.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn derive_passphrase_key(&self, passphrase: &str) -> Result<PassphraseKey> {
        PassphraseKey::derive(passphrase, self.key.as_bytes(), ITERATIONS).await
    }

    /// The password for the login protocol.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn derive_srp_password(&self, passphrase: &str) -> Result<SrpPassword> {
        let mut salt = Zeroizing::new(self.key.as_bytes().to_vec());
        salt.reverse();
        let derived = kdf::derive_key(passphrase.as_bytes(), &salt, ITERATIONS).await?;
        Ok(SrpPassword::from_derived(derived.as_bytes()))
    }
}

/// Printable ASCII without the dot that separates the parts.
fn is_username(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_USERNAME_CHARACTERS
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

/// `why` names the flaw and must not quote the text.
fn invalid(why: &str) -> Error {
    Error::new(ErrorCode::InvalidSecret, ["this is not a user secret: ", why].concat())
}

impl Drop for UserSecret {
    fn drop(&mut self) {
        self.username.zeroize();
    }
}

impl fmt::Debug for UserSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UserSecret(secret of {:?})", self.username)
    }
}
