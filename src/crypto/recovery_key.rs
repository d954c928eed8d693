//! The recovery key: what a user prints, and signs in with who has forgotten the passphrase or lost the secret.
//!
//! `recovery.username.name.groups`: the user's own name, so that no server says whose key it is, and behind it a user secret in all
//! but its beginning, with a random name of its own and no passphrase to remember, since 32 random bytes need none.
//! `docs/protocol/envelopes.md`, secret.

use zeroize::Zeroizing;

use crate::{
    Error, ErrorCode, Result,
    crypto::{keys::PassphraseKey, secret::UserSecret, srp::SrpPassword},
};

const PREFIX: &str = "recovery.";

/// Stands where other secrets have the passphrase.
const PASSPHRASE: &str = "recovery";

/// Random bytes of the username: nobody finds one by guessing, and no two are alike.
const USERNAME_BYTES: usize = 12;

/// A parsed recovery key. Zeroized on drop, redacted in `Debug`.
#[derive(Debug)]
pub struct RecoveryKey {
    user: String,
    secret: UserSecret,
}

impl RecoveryKey {
    /// A random one for the user of this secret.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub fn generate(of: &UserSecret) -> Result<Self> {
        let mut name = [0; USERNAME_BYTES];
        getrandom::fill(&mut name)?;
        let secret = UserSecret::generate(&bs58::encode(name).into_string())?;
        Ok(RecoveryKey { user: of.username().to_owned(), secret })
    }

    /// Reads what a user has typed, in several lines or with white space around it.
    ///
    /// # Errors
    /// `INVALID_SECRET`, which says what is wrong with its form.
    pub fn parse(typed: &str) -> Result<Self> {
        let mut text = Zeroizing::new(String::with_capacity(typed.len()));
        text.extend(typed.split_whitespace());
        let (user, rest) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.')).ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidSecret,
                "this is not a recovery key: its form is recovery.username.name.groups",
            )
        })?;
        let secret = Zeroizing::new(["1.", rest].concat());
        let secret = UserSecret::parse(&secret)?;
        // As of any secret of this user.
        UserSecret::generate(user)?;
        Ok(RecoveryKey { user: user.to_owned(), secret })
    }

    /// The whole key, for the user to print.
    pub fn to_text(&self) -> Zeroizing<String> {
        let rest = self.secret.as_str().strip_prefix("1.").unwrap_or_default();
        Zeroizing::new([PREFIX, &self.user, ".", rest].concat())
    }

    /// The user's own name, which their secret has.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The name that signs in by this key.
    pub fn username(&self) -> &str {
        self.secret.username()
    }

    /// The key that wraps the user's KEK.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn derive_wrapping_key(&self) -> Result<PassphraseKey> {
        self.secret.derive_passphrase_key(PASSPHRASE).await
    }

    /// The password for the login protocol.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn derive_srp_password(&self) -> Result<SrpPassword> {
        self.secret.derive_srp_password(PASSPHRASE).await
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;

    #[test]
    fn a_recovery_key_is_read_as_it_was_printed_and_is_no_secret() {
        let secret = UserSecret::generate("alice").unwrap();
        let key = RecoveryKey::generate(&secret).unwrap();
        let text = key.to_text();
        let read = RecoveryKey::parse(&format!("  {}\n", text.replace('.', ".\n"))).unwrap();
        assert_eq!((read.to_text(), read.username(), read.user()), (text.clone(), key.username(), "alice"));
        assert!(UserSecret::parse(&text).is_err());
        assert!(!format!("{key:?}").contains(text.rsplit('.').next().unwrap()));
        let other = RecoveryKey::generate(&secret).unwrap();
        assert_ne!((key.to_text(), key.username()), (other.to_text(), other.username()));
        let wrapping = |key: &RecoveryKey| block_on(key.derive_wrapping_key()).unwrap().to_base64url();
        assert_eq!(wrapping(&key), wrapping(&read));
        assert_ne!(wrapping(&key), wrapping(&other));
    }

    #[test]
    fn what_is_no_recovery_key_is_refused_without_being_quoted() {
        let secret = UserSecret::generate("alice").unwrap();
        for typed in
            ["", "recovery.", "recovery.a", "recovery.a.b", "recovery.a.b.c", secret.as_str(), "RECOVERY.a.b.c"]
        {
            let error = RecoveryKey::parse(typed).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidSecret, "{typed}");
            assert!(typed.len() < 20 || !error.to_string().contains(typed));
        }
    }
}
