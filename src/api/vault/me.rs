//! The user's own record in the Vault. `docs/protocol/http-api.md` §2.1, §5.1 and §5.3.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Ciphertext, Id, JsonObject, SessionToken, Timestamp, reading::null_as_default},
    http::{Reply, Service},
};

/// What kind of party a user is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// A person.
    #[default]
    Human,
    /// Acts for an organization.
    OrganizationAgent,
    /// Acts for a service.
    ServiceAgent,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A user of the Vault.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// The Vault's id of the user, as shares and connections name it.
    pub id: Id,
    /// Free text about the person; this client stores none.
    #[serde(skip_deserializing)]
    pub full_name: Option<String>,
    /// Free text; this client stores none.
    #[serde(skip_deserializing)]
    pub email: Option<String>,
    /// Free text; this client stores none.
    #[serde(skip_deserializing)]
    pub country: Option<String>,
    /// Instant.
    #[serde(skip_deserializing)]
    pub joined_at: Option<Timestamp>,
    /// Instant.
    #[serde(skip_deserializing)]
    pub onboarded_at: Option<Timestamp>,
    /// Free text.
    #[serde(skip_deserializing)]
    pub timezone: Option<String>,
    /// The Keystore's id of the private DEK; a login needs it.
    #[serde(default)]
    pub private_dek_external_id: Option<Id>,
    /// The older name of the same pointer.
    #[serde(skip_deserializing)]
    pub private_encryption_space_id: Option<Id>,
    /// Instant.
    #[serde(skip_deserializing)]
    pub queued_for_deletion_after: Option<Timestamp>,
    /// Whether the platform's terms were accepted.
    #[serde(skip_deserializing)]
    pub accepted_terms: bool,
    /// What kind of party this is.
    #[serde(default, deserialize_with = "null_as_default")]
    pub user_type: UserType,
    /// Decentralised identifier (since 37.6).
    #[serde(skip_deserializing)]
    pub did: Option<String>,
    /// Since 37.6.
    #[serde(skip_deserializing)]
    pub broken_attachments_present: bool,
    /// Until 22.
    #[serde(skip_deserializing)]
    pub is_app_logging_enabled: Option<bool>,
    /// Until 22.
    #[serde(skip_deserializing)]
    pub image: Option<String>,
    /// Until 22.
    #[serde(skip_deserializing)]
    pub unconfirmed_email: Option<String>,
    /// Until 22.
    #[serde(skip_deserializing)]
    pub share_terms: Option<String>,
    /// Until 22; always empty.
    #[serde(skip_deserializing)]
    pub association_ids: Vec<Id>,
    /// Until 31.
    #[serde(skip_deserializing)]
    pub track_events: bool,
    /// Until 31.
    #[serde(skip_deserializing)]
    pub track_usage: Option<bool>,
    /// Until 31.
    #[serde(skip_deserializing)]
    pub verified_at: Option<Timestamp>,
    /// Until 19.3.
    #[serde(skip_deserializing)]
    pub cloudname: Option<String>,
    /// Until 19.3.
    #[serde(skip_deserializing)]
    pub key_store_admission_token: Option<String>,
    /// Until 19.3.
    #[serde(skip_deserializing)]
    pub key_store_id: Option<String>,
    /// Until 19.3.
    #[serde(skip_deserializing)]
    pub key_store_url: Option<String>,
    /// Until 19.3.
    #[serde(skip_deserializing)]
    pub key_store_username: Option<String>,
}

/// Where in the Keystore the user's private DEK is, under whichever of its two names; `None` before it was noted.
pub fn private_dek_id(user: &User) -> Option<&Id> {
    user.private_dek_external_id.as_ref().or(user.private_encryption_space_id.as_ref())
}

/// Body of `POST /me`.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewUser {
    /// The public key that sessions are encrypted to, PEM.
    pub public_key: String,
    /// From the Keystore, good once.
    pub admission_token: String,
}

/// Reply of `POST /me`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewUserResponse {
    /// The first session's token, encrypted to the user's public key.
    pub encrypted_session_authentication_string: Ciphertext<SessionToken>,
    /// The new user.
    pub user: User,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub organisations: Vec<JsonObject>,
}

/// Reply of `GET /me` and `PUT /me`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserResponse {
    /// The user.
    pub user: User,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
}

/// What `PUT /me` may change; what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UserChange {
    /// The Keystore's id of the private DEK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_dek_external_id: Option<Id>,
    /// The older name of the same pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_encryption_space_id: Option<Id>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Decentralised identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did: Option<String>,
}

/// Body of `PUT /me`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserChangeRequest {
    /// The change.
    pub user: UserChange,
}

/// Makes the Keystore user a user of the Vault.
pub fn create<'a>(vault: &'a Service, user: &NewUser) -> Reply<'a, NewUserResponse> {
    vault.post(&["me"]).json(user).send()
}

/// The signed-in user's record.
pub fn get(vault: &Service) -> Reply<'_, User> {
    vault.get(&["me"]).send_for("user")
}

/// Notes where in the Keystore the private DEK is, without which no later login finds it.
pub fn set_private_dek<'a>(vault: &'a Service, data_encryption_key: &Id) -> Reply<'a, User> {
    let user = UserChange { private_dek_external_id: Some(data_encryption_key.clone()), ..UserChange::default() };
    vault.put(&["me"]).json(&UserChangeRequest { user }).send_for("user")
}
