//! The KEK and the DEKs, wrapped. `docs/protocol/http-api.md` §4.5 and §4.6.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Ciphertext, Id, WrappedDataKey, WrappedKeyEncryptionKey},
    http::{Reply, Service},
};

/// Body of `POST /key_encryption_key`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewKeyEncryptionKey {
    /// The KEK, wrapped by the passphrase key.
    pub serialized_key_encryption_key: Ciphertext<WrappedKeyEncryptionKey>,
}

/// The user's KEK as the Keystore holds it; there is one per user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeyEncryptionKeyRecord {
    /// Not needed to read it again: there is one per user.
    pub id: Id,
    /// The KEK, wrapped by the passphrase key.
    pub serialized_key_encryption_key: Ciphertext<WrappedKeyEncryptionKey>,
}

/// Reply of `GET` and `POST /key_encryption_key`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeyEncryptionKeyResponse {
    /// As stored.
    pub key_encryption_key: KeyEncryptionKeyRecord,
}

/// Body of `POST /data_encryption_keys`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewDataEncryptionKey {
    /// The DEK, wrapped by the KEK.
    pub serialized_data_encryption_key: Ciphertext<WrappedDataKey>,
}

/// A DEK as the Keystore holds it; a user may have many.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DataEncryptionKeyRecord {
    /// Where to read it again; the private DEK's is stored in the Vault as `private_dek_external_id`.
    pub id: Id,
    /// The DEK, wrapped by the KEK.
    pub serialized_data_encryption_key: Ciphertext<WrappedDataKey>,
}

/// Reply of `POST /data_encryption_keys` and `GET /data_encryption_keys/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DataEncryptionKeyResponse {
    /// As stored.
    pub data_encryption_key: DataEncryptionKeyRecord,
}

/// The user's wrapped KEK. 404 where none has been stored yet.
pub fn key_encryption_key(keystore: &Service) -> Reply<'_, KeyEncryptionKeyRecord> {
    keystore.get(&["key_encryption_key"]).send_for("key_encryption_key")
}

/// Stores the user's wrapped KEK. This repository's server answers 409 where there is another one; others replace it,
/// without which nothing of the user's can be decrypted: look first. With an idempotency key a retry returns what was
/// stored first.
pub fn store_key_encryption_key<'a>(
    keystore: &'a Service,
    wrapped: Ciphertext<WrappedKeyEncryptionKey>,
    idempotency_key: Option<&str>,
) -> Reply<'a, KeyEncryptionKeyRecord> {
    let body = NewKeyEncryptionKey { serialized_key_encryption_key: wrapped };
    keystore.post(&["key_encryption_key"]).json(&body).idempotency_key(idempotency_key).send_for("key_encryption_key")
}

/// One wrapped DEK. 404 for somebody else's.
pub fn data_encryption_key<'a>(keystore: &'a Service, id: &Id) -> Reply<'a, DataEncryptionKeyRecord> {
    keystore.get(&["data_encryption_keys", id.as_str()]).send_for("data_encryption_key")
}

/// Stores a wrapped DEK. With an idempotency key a retry returns what was stored first.
pub fn store_data_encryption_key<'a>(
    keystore: &'a Service,
    wrapped: Ciphertext<WrappedDataKey>,
    idempotency_key: Option<&str>,
) -> Reply<'a, DataEncryptionKeyRecord> {
    let body = NewDataEncryptionKey { serialized_data_encryption_key: wrapped };
    keystore
        .post(&["data_encryption_keys"])
        .json(&body)
        .idempotency_key(idempotency_key)
        .send_for("data_encryption_key")
}
