//! The bounds of the Keystore's bodies.

use vaultshare::api::keystore::{
    encryption_spaces::{KeyClaim, NewEncryptionSpace, NewSharedKey},
    keypairs::NewKeypair,
    keys::{NewDataEncryptionKey, NewKeyEncryptionKey},
    recovery::RecoveryKeyChange,
    session::NewSessionHalf,
    srp::{ChallengeRequest, NewSrpUser, PassphraseChange, SrpSessionRequest, UsernameRequest},
};

use super::{
    Bounded, EXTERNAL_IDENTIFIERS, KEY, LONG_TEXT, SHORT_TEXT, STATEMENT, WRAPPED, check_encrypted, check_json,
    check_length,
};
use crate::{
    config::Limits,
    error::{Code, Error, Result},
};

/// Their texts have forms of their own, which the rules check; and their bodies are small.
macro_rules! bounded_by_their_form {
    ($($body:ty),*) => {$(
        impl Bounded for $body {
            fn check_bounds(&self, _: &Limits) -> Result<()> {
                Ok(())
            }
        }
    )*};
}
bounded_by_their_form!(UsernameRequest, NewSrpUser, ChallengeRequest, SrpSessionRequest, NewSessionHalf);

impl Bounded for PassphraseChange {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        let wrapped = &self.replacement.serialized_key_encryption_key;
        check_encrypted("replacement.serialized_key_encryption_key", Some(wrapped), WRAPPED)
    }
}

impl Bounded for RecoveryKeyChange {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        let wrapped = &self.recovery_key.serialized_key_encryption_key;
        check_encrypted("recovery_key.serialized_key_encryption_key", Some(wrapped), WRAPPED)
    }
}

impl Bounded for NewKeypair {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("public_key", Some(&self.public_key), KEY)?;
        check_encrypted("encrypted_serialized_key", Some(&self.encrypted_serialized_key), WRAPPED)?;
        check_json("metadata", Some(&self.metadata), LONG_TEXT)?;
        check_identifiers(&self.external_identifiers)
    }
}

/// The names of a key pair.
pub(crate) fn check_identifiers(identifiers: &[String]) -> Result<()> {
    let fits = |identifier: &String| (1..=SHORT_TEXT).contains(&identifier.len());
    if identifiers.len() > EXTERNAL_IDENTIFIERS || !identifiers.iter().all(fits) {
        let message = format!("are at most {EXTERNAL_IDENTIFIERS}, of 1 to {SHORT_TEXT} bytes");
        return Err(Error::refused(Code::InvalidExternalIdentifiers, message).at("external_identifiers"));
    }
    Ok(())
}

impl Bounded for NewKeyEncryptionKey {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_encrypted("serialized_key_encryption_key", Some(&self.serialized_key_encryption_key), WRAPPED)
    }
}

impl Bounded for NewDataEncryptionKey {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_encrypted("serialized_data_encryption_key", Some(&self.serialized_data_encryption_key), WRAPPED)
    }
}

impl Bounded for NewEncryptionSpace {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_encrypted("encrypted_serialized_key", Some(&self.encrypted_serialized_key), WRAPPED)
    }
}

impl Bounded for NewSharedKey {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_encrypted("encrypted_key", Some(&self.encrypted_key), KEY)?;
        check_length("public_key", Some(&self.public_key), KEY)?;
        check_length("key_metadata.key_type", Some(&self.key_metadata.key_type), SHORT_TEXT)?;
        check_length("signature", self.signature.as_deref(), STATEMENT)
    }
}

impl Bounded for KeyClaim {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("public_key", Some(&self.public_key), KEY)?;
        check_length("request_signature", Some(&self.request_signature), KEY)
    }
}
