//! Users' public keys: checked before they are kept, and kept as they came.

use vaultshare::{
    api::{Ciphertext, SessionToken},
    crypto::PublicKey,
};

use crate::{
    error::{Error, Result},
    wire::Stored,
};

/// Refuses what is no RSA key in PEM, of 2048 bits at least: nothing must ever be encrypted for it.
pub(super) fn check(pem: &str) -> Result<()> {
    PublicKey::from_pem(pem)
        .map(|_| ())
        .map_err(|error| Error::invalid(format!("public_key must be an RSA key of 2048 bits or more in PEM: {error}")))
}

/// Encrypts a session's token for the user whose key this is: only the holder of the private half can sign in.
pub(super) async fn encrypt_token(pem: &str, token: &str) -> Result<Ciphertext<SessionToken>> {
    let key = PublicKey::from_pem(pem).map_err(Error::fault)?;
    Ciphertext::stored(key.encrypt(token.as_bytes()).await.map_err(Error::fault)?)
}
