//! Encryption spaces: the DEK that two connected users share by the first protocol, and the way it passes from one to the
//! other. `docs/protocol/encryption-spaces-and-setup.md` §1.4.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Ciphertext, DataKeyForRecipient, Id, WrappedDataKey, reading::null_as_default},
    http::{Reply, Service},
};

/// Body of `POST /encryption_spaces`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewEncryptionSpace {
    /// The DEK, sealed with the user's KEK.
    pub encrypted_serialized_key: Ciphertext<WrappedDataKey>,
    /// The space to join, whose DEK the user has claimed; a new one where absent. An extension of this repository's
    /// server: others make a new space each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_space_id: Option<Id>,
}

/// One user's copy of a space's DEK.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EncryptionSpaceKey {
    /// The copy's own id.
    pub id: Id,
    /// The space, by the id that the Vault knows it under too.
    pub encryption_space_id: Id,
    /// The DEK, sealed with the user's KEK.
    pub serialized_data_encryption_key: Ciphertext<WrappedDataKey>,
}

/// Reply of `POST /encryption_spaces` and `GET /encryption_spaces/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EncryptionSpaceResponse {
    /// The user's copy.
    pub encryption_space_data_encryption_key: EncryptionSpaceKey,
}

/// What kind of key waits to be claimed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyMetadata {
    /// `AES-GCM`.
    pub key_type: String,
}

impl Default for KeyMetadata {
    fn default() -> Self {
        KeyMetadata { key_type: "AES-GCM".to_owned() }
    }
}

/// Body of `POST /shared_keys`: the copy of a space's DEK that waits for the other user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSharedKey {
    /// The DEK, encrypted for the other user.
    pub encrypted_key: Ciphertext<DataKeyForRecipient>,
    /// The space, by the id of its maker.
    pub external_id: Id,
    /// The other user's public key of the connection, PEM, byte for byte.
    pub public_key: String,
    /// What kind of key it is.
    #[serde(default, deserialize_with = "null_as_default")]
    pub key_metadata: KeyMetadata,
}

/// A key that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SharedKey {
    /// The record's id.
    pub id: Id,
    /// The DEK, encrypted for the other user.
    pub serialized_shared_key: Ciphertext<DataKeyForRecipient>,
}

/// Reply of `POST /shared_keys`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SharedKeyResponse {
    /// The record.
    pub shared_key: SharedKey,
}

/// Body of `POST /shared_keys/{external_id}/claim_key`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyClaim {
    /// The claiming user's public key of the connection, PEM, byte for byte.
    pub public_key: String,
    /// This request's address and the time, signed with that key's private half.
    pub request_signature: String,
}

/// A key that was claimed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimedKey {
    /// The space, by the id of its maker.
    pub external_id: Id,
    /// The DEK, encrypted for the claiming user.
    pub serialized_shared_key: Ciphertext<DataKeyForRecipient>,
}

/// Reply of `POST /shared_keys/{external_id}/claim_key`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimedKeyResponse {
    /// The key.
    pub shared_key_claimed: ClaimedKey,
}

/// What stands between a claim's address and its time in the text that is signed.
pub const CLAIM_TIMESTAMP: &str = "--request-timestamp=";

/// Keeps the user's copy of a DEK in a new space, or in the one whose DEK was claimed.
pub fn create<'a>(keystore: &'a Service, space: &NewEncryptionSpace) -> Reply<'a, EncryptionSpaceKey> {
    keystore.post(&["encryption_spaces"]).json(space).send_for("encryption_space_data_encryption_key")
}

/// The user's copy of a space's DEK.
pub fn get<'a>(keystore: &'a Service, id: &Id) -> Reply<'a, EncryptionSpaceKey> {
    keystore.get(&["encryption_spaces", id.as_str()]).send_for("encryption_space_data_encryption_key")
}

/// Removes the user's copy of a space's DEK, and what of it waits to be claimed.
pub fn delete<'a>(keystore: &'a Service, id: &Id) -> Reply<'a, ()> {
    keystore.delete(&["encryption_spaces", id.as_str()]).send_void()
}

/// Leaves a space's DEK to be claimed by the other user. Repeating it does no harm.
pub fn share_key<'a>(keystore: &'a Service, key: &NewSharedKey) -> Reply<'a, SharedKey> {
    keystore.post(&["shared_keys"]).json(key).safe_to_repeat().send_for("shared_key")
}

/// The text that a claim signs: the address it goes to, and the time.
pub fn text_of_claim(keystore: &Service, space_id: &Id, now: &str) -> String {
    [keystore.post(&["shared_keys", space_id.as_str(), "claim_key"]).url(), CLAIM_TIMESTAMP, now].concat()
}

/// Claims a space's DEK. Repeating it does no harm.
pub fn claim_key<'a>(keystore: &'a Service, space_id: &Id, claim: &KeyClaim) -> Reply<'a, ClaimedKey> {
    let request = keystore.post(&["shared_keys", space_id.as_str(), "claim_key"]).json(claim);
    request.safe_to_repeat().send_for("shared_key_claimed")
}
