//! Encryption spaces: the DEK that two connected users share by the first protocol, and the way it passes from one to
//! the other. `docs/protocol/encryption-spaces-and-setup.md` §1.4.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Ciphertext, DataKeyForRecipient, Id, WrappedDataKey, reading::null_as_default},
    http::{Reply, Service},
};

/// Body of `POST /encryption_spaces`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewEncryptionSpace {
    /// The space's DEK, wrapped by the user's KEK.
    pub encrypted_serialized_key: Ciphertext<WrappedDataKey>,
    /// The space to join, whose DEK the user has claimed; `None` makes a new one. An extension of this repository's
    /// server: others make a new space each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_space_id: Option<Id>,
}

/// One user's copy of a space's DEK.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EncryptionSpaceKey {
    /// The id of this user's copy; each of the two users has another.
    pub id: Id,
    /// The space, by the id that the connection in the Vault names.
    pub encryption_space_id: Id,
    /// The space's DEK, wrapped by the user's KEK.
    pub serialized_data_encryption_key: Ciphertext<WrappedDataKey>,
}

/// Reply of `POST /encryption_spaces` and `GET /encryption_spaces/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EncryptionSpaceResponse {
    /// The reading user's copy, not the other user's.
    pub encryption_space_data_encryption_key: EncryptionSpaceKey,
}

/// The algorithm of a key that waits to be claimed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeyMetadata {
    /// `AES-GCM`, the only one that clients send.
    pub key_type: String,
}

impl Default for KeyMetadata {
    fn default() -> Self {
        KeyMetadata { key_type: "AES-GCM".to_owned() }
    }
}

/// Body of `POST /shared_keys`: the copy of a space's DEK that waits for the other user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewSharedKey {
    /// The DEK, wrapped by `public_key`.
    pub encrypted_key: Ciphertext<DataKeyForRecipient>,
    /// The space, by the id that its creator has for it.
    pub external_id: Id,
    /// The other user's public key of the connection, PEM, byte for byte: the claim is verified with it.
    pub public_key: String,
    /// `AES-GCM` where absent or null.
    #[serde(default, deserialize_with = "null_as_default")]
    pub key_metadata: KeyMetadata,
    /// What the maker of the space says to the other user about the key, opaque to the server: at most 2,048 bytes. An
    /// extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A DEK that waits to be claimed by the other user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SharedKey {
    /// The record's id; a claim names the space instead.
    pub id: Id,
    /// The DEK, wrapped by the other user's public key.
    pub serialized_shared_key: Ciphertext<DataKeyForRecipient>,
}

/// Reply of `POST /shared_keys`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SharedKeyResponse {
    /// As stored.
    pub shared_key: SharedKey,
}

/// Body of `POST /shared_keys/{external_id}/claim_key`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeyClaim {
    /// The claiming user's public key of the connection, PEM, byte for byte as in [`NewSharedKey::public_key`].
    pub public_key: String,
    /// Signature of [`text_of_claim`], made with that key's private half: an envelope `Sign.Rsa4096.…`.
    pub request_signature: String,
}

/// A DEK after its claim.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ClaimedKey {
    /// The space, by the id that its creator has for it.
    pub external_id: Id,
    /// The DEK, wrapped by the claiming user's public key.
    pub serialized_shared_key: Ciphertext<DataKeyForRecipient>,
    /// As in [`NewSharedKey`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Reply of `POST /shared_keys/{external_id}/claim_key`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ClaimedKeyResponse {
    /// The same for each claim of the same key.
    pub shared_key_claimed: ClaimedKey,
}

/// Separates URL and time in the text that a claim signs.
pub const CLAIM_TIMESTAMP: &str = "--request-timestamp=";

/// Stores the user's copy of a DEK, in a new space or in the one whose DEK was claimed.
pub fn create<'a>(keystore: &'a Service, space: &NewEncryptionSpace) -> Reply<'a, EncryptionSpaceKey> {
    keystore.post(&["encryption_spaces"]).json(space).send_for("encryption_space_data_encryption_key")
}

/// The user's copy of a space's DEK.
pub fn get<'a>(keystore: &'a Service, id: &Id) -> Reply<'a, EncryptionSpaceKey> {
    keystore.get(&["encryption_spaces", id.as_str()]).send_for("encryption_space_data_encryption_key")
}

/// Deletes the user's copy of a space's DEK, and the shared keys of it that wait to be claimed.
pub fn delete<'a>(keystore: &'a Service, id: &Id) -> Reply<'a, ()> {
    keystore.delete(&["encryption_spaces", id.as_str()]).send_void()
}

/// Leaves a space's DEK for the other user to claim. May be retried: until it is claimed, the new request replaces the
/// old.
pub fn share_key<'a>(keystore: &'a Service, key: &NewSharedKey) -> Reply<'a, SharedKey> {
    keystore.post(&["shared_keys"]).json(key).safe_to_repeat().send_for("shared_key")
}

/// The text that a claim signs: the URL of its endpoint, [`CLAIM_TIMESTAMP`], and `now` in ISO-8601.
pub fn text_of_claim(keystore: &Service, space_id: &Id, now: &str) -> String {
    [keystore.post(&["shared_keys", space_id.as_str(), "claim_key"]).url(), CLAIM_TIMESTAMP, now].concat()
}

/// Claims a space's DEK, proving who asks by a signature. May be retried.
pub fn claim_key<'a>(keystore: &'a Service, space_id: &Id, claim: &KeyClaim) -> Reply<'a, ClaimedKey> {
    let request = keystore.post(&["shared_keys", space_id.as_str(), "claim_key"]).json(claim);
    request.safe_to_repeat().send_for("shared_key_claimed")
}
