//! Recovery keys, for users who forget their passphrase. `docs/protocol/http-api.md` §4.9. An extension of this repository's
//! server.

use serde::{Deserialize, Serialize};

use super::srp::{KeystoreSession, SrpSessionRequest};
use crate::{
    api::{Ciphertext, Timestamp, WrappedKeyEncryptionKey},
    http::{Reply, Service},
};

/// Body of `PUT /recovery_key`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RecoveryKeyChange {
    /// Of the passphrase, for a challenge, as for signing in.
    pub proof: SrpSessionRequest,
    /// What the user has from now on, and nothing of before.
    pub recovery_key: NewRecoveryKey,
}

/// What a Keystore has of a recovery key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewRecoveryKey {
    /// A second name of the user, random, which signs in by the recovery key.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = r"^[!-\-/-~]{1,100}$")))]
    pub username: String,
    /// As in [`super::srp::NewSrpUser`].
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9A-Fa-f]{16,128}$")))]
    pub srp_salt: String,
    /// As in [`super::srp::NewSrpUser`].
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9A-Fa-f]{1,512}$")))]
    pub srp_verifier: String,
    /// The user's KEK, wrapped by the recovery key.
    pub serialized_key_encryption_key: Ciphertext<WrappedKeyEncryptionKey>,
}

/// A user's recovery key as the Keystore holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RecoveryKeyRecord {
    /// The user's KEK, wrapped by the recovery key.
    pub serialized_key_encryption_key: Ciphertext<WrappedKeyEncryptionKey>,
    /// ISO-8601, UTC.
    pub created_at: Timestamp,
}

/// Reply of `GET /recovery_key`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RecoveryKeyResponse {
    /// As it was made.
    pub recovery_key: RecoveryKeyRecord,
}

/// Makes a recovery key, by who proves the passphrase; one that the user had is revoked. 401 where the proof is wrong.
pub fn replace<'a>(keystore: &'a Service, change: &RecoveryKeyChange) -> Reply<'a, KeystoreSession> {
    // A proof is good once: nothing would come of repeating it.
    keystore.put(&["recovery_key"]).json(change).once().send_for("session")
}

/// The user's recovery key. 404 for who has none.
pub fn get(keystore: &Service) -> Reply<'_, RecoveryKeyRecord> {
    keystore.get(&["recovery_key"]).send_for("recovery_key")
}

/// Revokes it, where there is one.
pub fn delete(keystore: &Service) -> Reply<'_, ()> {
    keystore.delete(&["recovery_key"]).send_void()
}
