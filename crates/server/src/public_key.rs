//! Users' public keys: checked before they are stored, and stored as they were sent.

use vaultshare::{
    api::{Ciphertext, SessionToken},
    crypto::PublicKey,
};

use crate::{
    error::{Code, Error, Result},
    wire::Stored,
    work::WorkQueue,
};

/// Refuses anything but an RSA key of at least 2048 bits in PEM, so that nothing is ever encrypted for a weak one.
pub async fn check(queue: &WorkQueue, pem: &str) -> Result<()> {
    let refused = |error| {
        let message = format!("must be an RSA key of 2048 bits or more in PEM: {error}");
        Error::refused(Code::InvalidPublicKey, message).at("public_key")
    };
    let pem = pem.to_owned();
    queue.run(move || PublicKey::from_pem(&pem).map(|_| ())).await?.map_err(refused)
}

/// Encrypts a session's token for the user with this key: only the holder of the private key can log in.
pub async fn encrypt_token(queue: &WorkQueue, pem: &str, token: &str) -> Result<Ciphertext<SessionToken>> {
    let (pem, token) = (pem.to_owned(), token.to_owned());
    let encrypted = queue.run_future(async move { PublicKey::from_pem(&pem)?.encrypt(token.as_bytes()).await });
    Ciphertext::stored(encrypted.await?.map_err(Error::fault)?)
}
