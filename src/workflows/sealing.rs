//! From keys and values to the wire's ciphertexts.

use crate::{
    api::{
        Ciphertext, Id, JsonObject,
        keystore::{self, keypairs::NewKeypair},
    },
    crypto::{KeyEncryptionKey, KeyPair},
    error::{Error, Result},
    http::Service,
};

/// Marks an envelope that was just made as what it holds.
pub(super) fn ciphertext<Of>(envelope: String) -> Result<Ciphertext<Of>> {
    Ciphertext::parse(envelope).ok_or_else(|| Error::invalid_argument("the value is too long to be stored"))
}

/// Stores a key pair with its private half wrapped, and gives its Keystore id.
///
/// A repeated wish is answered with the pair that was stored first; that one is then given back in place of `made`.
pub(super) async fn store_key_pair(
    keystore: &Service,
    kek: &KeyEncryptionKey,
    made: KeyPair,
    external_identifier: Option<&str>,
    idempotency_key: Option<&str>,
) -> Result<(Id, KeyPair)> {
    let request = NewKeypair {
        public_key: made.public_key_pem().to_owned(),
        encrypted_serialized_key: ciphertext(kek.wrap_key_pair(&made).await?)?,
        metadata: JsonObject::new(),
        external_identifiers: external_identifier.map(str::to_owned).into_iter().collect(),
    };
    let record = keystore::keypairs::store(keystore, &request, idempotency_key).await?;
    if record.public_key == made.public_key_pem() {
        return Ok((record.id, made.without_export()));
    }
    let first = kek.unwrap_key_pair(record.encrypted_serialized_key.as_str(), &record.public_key).await?;
    Ok((record.id, first))
}
