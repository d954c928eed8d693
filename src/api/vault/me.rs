//! The user's own record in the Vault. `docs/protocol/http-api.md` §2.1, §5.1 and §5.3.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Ciphertext, Id, JsonObject, SessionToken, Timestamp, deletion_queue::DeletionQueueItem,
        reading::null_as_default,
    },
    http::{Reply, Service},
};

/// What kind of party a user is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// A person.
    #[default]
    Human,
    /// Acts for an organization of the platform.
    OrganizationAgent,
    /// Acts for a service of the platform.
    ServiceAgent,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A user of the Vault. Our client stores nothing here but the id of the private DEK; the rest is for other clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct User {
    /// The Vault's id of the user, which shares and connections refer to. The Keystore has another.
    pub id: Id,
    /// Free text; not encrypted.
    #[serde(skip_deserializing)]
    pub full_name: Option<String>,
    /// Free text; not encrypted. An empty string for none, because generated clients refuse null.
    #[serde(skip_deserializing)]
    pub email: Option<String>,
    /// Free text; not encrypted.
    #[serde(skip_deserializing)]
    pub country: Option<String>,
    /// When the user was created: ISO-8601, UTC.
    #[serde(skip_deserializing)]
    pub joined_at: Option<Timestamp>,
    /// ISO-8601, UTC; our server sends null.
    #[serde(skip_deserializing)]
    pub onboarded_at: Option<Timestamp>,
    /// Our server sends null.
    #[serde(skip_deserializing)]
    pub timezone: Option<String>,
    /// The Keystore's id of the private DEK; null until it is stored. Signing in needs it.
    #[serde(default)]
    pub private_dek_external_id: Option<Id>,
    /// The same id by its name in Vault API < 0.19.
    #[serde(skip_deserializing)]
    pub private_encryption_space_id: Option<Id>,
    /// When the user will be deleted, ISO-8601, UTC; null unless they asked for it.
    #[serde(default)]
    pub queued_for_deletion_after: Option<Timestamp>,
    /// Whether the platform's terms were accepted; our server has none and sends true.
    #[serde(skip_deserializing)]
    pub accepted_terms: bool,
    /// A person where absent.
    #[serde(default, deserialize_with = "null_as_default")]
    pub user_type: UserType,
    /// Decentralized identifier; null for none. Vault API ≥ 37.6.
    #[serde(skip_deserializing)]
    pub did: Option<String>,
    /// Vault API ≥ 37.6; our server sends false.
    #[serde(skip_deserializing)]
    pub broken_attachments_present: bool,
    /// Vault API ≤ 22; our server sends false.
    #[serde(skip_deserializing)]
    pub is_app_logging_enabled: Option<bool>,
    /// URL of a picture; not encrypted. Vault API ≤ 22.
    #[serde(skip_deserializing)]
    pub image: Option<String>,
    /// Vault API ≤ 22; our server sends null.
    #[serde(skip_deserializing)]
    pub unconfirmed_email: Option<String>,
    /// Vault API ≤ 22; our server sends null.
    #[serde(skip_deserializing)]
    pub share_terms: Option<String>,
    /// Vault API ≤ 22; empty.
    #[serde(skip_deserializing)]
    pub association_ids: Vec<Id>,
    /// Vault API ≤ 31; our server tracks nothing and sends false.
    #[serde(skip_deserializing)]
    pub track_events: bool,
    /// Vault API ≤ 31; our server sends false.
    #[serde(skip_deserializing)]
    pub track_usage: Option<bool>,
    /// Vault API ≤ 31; our server sends null.
    #[serde(skip_deserializing)]
    pub verified_at: Option<Timestamp>,
    /// Vault API ≤ 19.3; our server sends null.
    #[serde(skip_deserializing)]
    pub cloudname: Option<String>,
    /// Vault API ≤ 19.3; our server sends null.
    #[serde(skip_deserializing)]
    pub key_store_admission_token: Option<String>,
    /// Vault API ≤ 19.3; our server sends null.
    #[serde(skip_deserializing)]
    pub key_store_id: Option<String>,
    /// Vault API ≤ 19.3; our server sends null.
    #[serde(skip_deserializing)]
    pub key_store_url: Option<String>,
    /// Vault API ≤ 19.3; our server sends null.
    #[serde(skip_deserializing)]
    pub key_store_username: Option<String>,
}

/// The Keystore's id of the user's private DEK, under whichever of its two names; `None` before it was stored.
pub fn private_dek_id(user: &User) -> Option<&Id> {
    user.private_dek_external_id.as_ref().or(user.private_encryption_space_id.as_ref())
}

/// Body of `POST /me`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewUser {
    /// The public key that session tokens are encrypted to, PEM. The server finds the user by this text.
    pub public_key: String,
    /// From the Keystore; the request uses it up. A secret until then.
    pub admission_token: String,
}

/// Reply of `POST /me`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewUserResponse {
    /// The first session's token, encrypted to the user's public key.
    pub encrypted_session_authentication_string: Ciphertext<SessionToken>,
    /// Without a private DEK so far.
    pub user: User,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub organisations: Vec<JsonObject>,
}

/// Reply of `GET /me` and `PUT /me`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UserResponse {
    /// As stored.
    pub user: User,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
}

/// What `PUT /me` changes; what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct UserChange {
    /// The Keystore's id of the private DEK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_dek_external_id: Option<Id>,
    /// The same id by its name in Vault API < 0.19.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_encryption_space_id: Option<Id>,
    /// Free text; not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Free text; not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Free text; not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// URL of a picture; not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Decentralized identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did: Option<String>,
}

/// Body of `PUT /me`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UserChangeRequest {
    /// What to change.
    pub user: UserChange,
}

/// Makes a user of the Vault of a user of the Keystore. No session is needed; the response has the first one.
pub fn create<'a>(vault: &'a Service, user: &NewUser) -> Reply<'a, NewUserResponse> {
    vault.post(&["me"]).json(user).send()
}

/// The signed-in user's record.
pub fn get(vault: &Service) -> Reply<'_, User> {
    vault.get(&["me"]).send_for("user")
}

/// Stores the id that the private DEK has in the Keystore, without which no later sign-in finds it.
pub fn set_private_dek<'a>(vault: &'a Service, data_encryption_key: &Id) -> Reply<'a, User> {
    let user = UserChange { private_dek_external_id: Some(data_encryption_key.clone()), ..UserChange::default() };
    vault.put(&["me"]).json(&UserChangeRequest { user }).send_for("user")
}

/// Has the user deleted after some days. Who is queued already keeps their time.
pub fn queue_deletion(vault: &Service) -> Reply<'_, DeletionQueueItem> {
    vault.post(&["me", "deletion_queue"]).safe_to_repeat().send_for("deletion_queue_item")
}

/// Takes that back.
pub fn cancel_deletion(vault: &Service) -> Reply<'_, ()> {
    vault.delete(&["me", "deletion_queue"]).send_void()
}
