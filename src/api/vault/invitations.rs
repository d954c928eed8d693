//! Invitations to connect. `docs/protocol/http-api.md` §2.6 and §7.1–§7.5.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Ciphertext, Id, JsonObject, PageMeta, PageQuery, RecipientName, Timestamp,
        reading::{bounded_list, null_as_default},
    },
    http::{Reply, Service},
};

/// A public key in the body of an invitation or connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ConnectionPublicKey {
    /// The Keystore's id of the key pair; free text for parties that keep keys elsewhere. Vault API < 0.18 calls it
    /// `key_store_id`.
    #[serde(default, alias = "key_store_id")]
    pub keypair_external_id: Option<String>,
    /// PEM, kept byte for byte.
    pub public_key: String,
}

/// What `POST /invitations` says beside the key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct InvitationDetails {
    /// The inviter's name for the invitee, encrypted under the inviter's private DEK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// Address that the server mails id and token to; `None`: the app delivers them. An extension of this repository's
    /// server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Body of `POST /invitations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewInvitationRequest {
    /// The inviter's public key for this connection.
    pub public_key: ConnectionPublicKey,
    /// The rest; absent and null mean no name and no mail.
    #[serde(default, deserialize_with = "null_as_default")]
    pub invitation: InvitationDetails,
}

/// State of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// Can be accepted.
    New,
    /// Accepted, and used up.
    Connected,
    /// Refused by the invitee (invitations in several steps; not in our server).
    Rejected,
    /// Accepted and not yet confirmed (invitations in several steps; not in our server).
    Accepted,
    /// Withdrawn by the inviter (invitations in several steps; our server deletes them).
    Cancelled,
    /// Past `expire_at`.
    Expired,
}

impl InvitationState {
    /// As the wire spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            InvitationState::New => "new",
            InvitationState::Connected => "connected",
            InvitationState::Rejected => "rejected",
            InvitationState::Accepted => "accepted",
            InvitationState::Cancelled => "cancelled",
            InvitationState::Expired => "expired",
        }
    }
}

/// Delivery of an invitation's mail. An extension of this repository's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Queued, for the first or another attempt.
    Waiting,
    /// Accepted by a mail server.
    Sent,
    /// Given up after repeated attempts.
    Failed,
}

impl MailState {
    /// As the wire spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            MailState::Waiting => "waiting",
            MailState::Sent => "sent",
            MailState::Failed => "failed",
        }
    }
}

/// An invitation. Whoever has its token can accept it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Invitation {
    /// Null unless the reader is the sender.
    pub id: Option<Id>,
    /// Opaque and unique. A secret between sender and invitee. This repository's server keeps its hash alone: where the
    /// request does not create the invitation or name the token, it is empty.
    #[serde(deserialize_with = "null_as_default")]
    pub token: String,
    /// Null in all known versions.
    #[serde(skip_deserializing)]
    pub message: Option<String>,
    /// The Vault's record of the sender's public key. Vault API ≤ 0.14; null unless the reader is the sender.
    #[serde(skip_deserializing)]
    pub public_key_id: Option<Id>,
    /// First protocol; superseded by `keypair_external_id`.
    #[serde(skip_deserializing)]
    pub key_store_keypair_id: Option<String>,
    /// Vault API ≤ 0.14; our server sends false.
    #[serde(skip_deserializing)]
    pub organisation: bool,
    /// Vault API ≤ 0.14; our server sends null.
    #[serde(skip_deserializing)]
    pub user_email: Option<String>,
    /// Address that it was mailed to; null without one, and unless the reader is the sender. An extension of this
    /// repository's server.
    pub email: Option<String>,
    /// Delivery of that mail; null without one. An extension of this repository's server.
    pub mail_state: Option<MailState>,
    /// When a mail server accepted the mail: ISO-8601, UTC; null before. Vault API ≤ 31.
    #[serde(skip_deserializing)]
    pub sent_at: Option<Timestamp>,
    /// ISO-8601, UTC. Vault API ≥ 37.
    pub created_at: Option<Timestamp>,
    /// Until when it can be accepted: ISO-8601, UTC. Vault API ≥ 22.
    #[serde(skip_deserializing)]
    pub expire_at: Option<Timestamp>,
    /// Vault API ≥ 37; null in older responses.
    pub state: Option<InvitationState>,
    /// Null in all known versions.
    #[serde(skip_deserializing)]
    pub invited_user_id: Option<Id>,
    /// Whether the reader is the sender.
    #[serde(skip_deserializing)]
    pub outgoing: bool,
    /// The sender's name; our server knows no names and sends an empty string.
    #[serde(skip_deserializing)]
    pub user_name: String,
    /// Vault API ≤ 22; our server sends null.
    #[serde(skip_deserializing)]
    pub user_image: Option<String>,
    /// The Keystore's id of the sender's key pair; null unless the reader is the sender.
    #[serde(skip_deserializing)]
    pub keypair_external_id: Option<String>,
    /// The inviter's name for the invitee, encrypted under the inviter's private DEK; null unless the reader is the
    /// sender.
    #[serde(skip_deserializing)]
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// Vault API ≥ 37; our server sends null.
    #[serde(skip_deserializing)]
    pub encrypted_sender_name: Option<String>,
    /// For delegations and services of the platform: null for plain invitations.
    #[serde(skip_deserializing)]
    pub integration_data: Option<JsonObject>,
    /// For delegations. Vault API ≥ 37; our server sends null.
    #[serde(skip_deserializing)]
    pub connection_type: Option<String>,
    /// For delegations. Vault API ≥ 37; our server sends null.
    #[serde(skip_deserializing)]
    pub delegation_role: Option<String>,
    /// For delegations. Vault API ≥ 37; our server sends null.
    #[serde(skip_deserializing)]
    pub delegation_token: Option<String>,
    /// For organizations and services. Vault API ≥ 37.6; our server sends null.
    #[serde(skip_deserializing)]
    pub organization_id: Option<Id>,
    /// For organizations and services. Vault API ≥ 37.6; our server sends null.
    #[serde(skip_deserializing)]
    pub organization_member_role: Option<String>,
    /// For organizations and services. Vault API ≥ 37.6; our server sends null.
    #[serde(skip_deserializing)]
    pub service_id: Option<Id>,
    /// Whether accepting takes several steps. Vault API ≥ 37.6; our server sends false.
    #[serde(skip_deserializing)]
    pub multistep_workflow: bool,
    /// Shares that accepting would create. Vault API ≥ 37; our server sends 0.
    #[serde(skip_deserializing)]
    pub shares_to_be_created: i64,
    /// The inviter's public key, PEM. Vault API ≥ 37.
    pub sender_public_key: Option<String>,
    /// The inviter's public key once more. Vault API ≥ 37.
    pub user_public_key: Option<String>,
    /// Vault API ≥ 37; our server sends an empty object.
    #[serde(skip_deserializing)]
    pub recipient_to_sender_data: JsonObject,
    /// Vault API ≥ 37; our server sends an empty object.
    #[serde(skip_deserializing)]
    pub sender_to_recipient_data: JsonObject,
    /// Decentralized identifier. Vault API ≥ 39.6; our server sends null.
    #[serde(skip_deserializing)]
    pub sender_did: Option<String>,
    /// Decentralized identifier. Vault API ≥ 39.6; our server sends null.
    #[serde(skip_deserializing)]
    pub recipient_did: Option<String>,
}

/// Without the token.
impl fmt::Debug for Invitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Invitation").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reply of `POST /invitations` and `GET /invitations/{id-or-token}`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct InvitationResponse {
    /// As the reader may see it: to others than the sender without id, name and address.
    pub invitation: Invitation,
    /// Vault API 39, for invitations in several steps; our server sends an empty list.
    #[serde(default, skip_deserializing)]
    pub share_intents: Vec<JsonObject>,
    /// Vault API 39, for invitations in several steps; our server sends null.
    #[serde(default, skip_deserializing)]
    pub recipient_public_key: Option<String>,
}

/// A page of invitations.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct InvitationsResponse {
    /// The reading user's own, oldest first.
    #[serde(deserialize_with = "bounded_list")]
    pub invitations: Vec<Invitation>,
    /// The pagination cursor of the next page; null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Creates an invitation. With an idempotency key a retry returns the invitation that the first request made.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewInvitationRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, Invitation> {
    vault.post(&["invitations"]).json(request).idempotency_key(idempotency_key).send_for("invitation")
}

/// Body of `POST /invitations/lookup`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct InvitationLookup {
    /// The invitation's token.
    pub invitation_token: String,
}

/// An invitation, by its token. An extension of this repository's server: others have `GET /invitations/{token}` alone, and
/// a URL ends up in logs.
pub fn look_up<'a>(vault: &'a Service, token: &str) -> Reply<'a, Invitation> {
    let request = InvitationLookup { invitation_token: token.to_owned() };
    vault.post(&["invitations", "lookup"]).json(&request).safe_to_repeat().send_for("invitation")
}

/// A page of the invitations that the user sent, oldest first; by default servers leave out those that were used or
/// have expired.
pub fn list<'a>(vault: &'a Service, page: &PageQuery) -> Reply<'a, InvitationsResponse> {
    page.of(vault.get(&["invitations"])).send()
}

/// Withdraws an invitation: its token is no longer accepted.
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["invitations", id.as_str()]).send_void()
}
