//! Users' public keys: checked before they are stored, and stored as they were sent.

use vaultshare::{
    api::{Ciphertext, SessionToken},
    crypto::PublicKey,
};

use crate::{
    error::{Code, Error, Result},
    wire::Stored,
};

/// Refuses anything but an RSA key of at least 2048 bits in PEM, so that nothing is ever encrypted for a weak one.
pub fn check(pem: &str) -> Result<()> {
    let refused = |error| {
        let message = format!("must be an RSA key of 2048 bits or more in PEM: {error}");
        Error::refused(Code::InvalidPublicKey, message).at("public_key")
    };
    PublicKey::from_pem(pem).map(|_| ()).map_err(refused)
}

/// Encrypts a session's token for the user with this key: only the holder of the private key can log in.
pub async fn encrypt_token(pem: &str, token: &str) -> Result<Ciphertext<SessionToken>> {
    let key = PublicKey::from_pem(pem).map_err(Error::fault)?;
    Ciphertext::stored(key.encrypt(token.as_bytes()).await.map_err(Error::fault)?)
}
