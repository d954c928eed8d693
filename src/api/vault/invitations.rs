//! Invitations to connect. `docs/protocol/http-api.md` §2.6 and §7.1–§7.5.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Ciphertext, Id, JsonObject, PageMeta, PageQuery, RecipientName, Timestamp, reading::null_as_default},
    http::{Reply, Service},
};

/// A public key as invitations and connections carry it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionPublicKey {
    /// The Keystore's id of the key pair; free text for parties that keep their keys elsewhere.
    #[serde(default, alias = "key_store_id")]
    pub keypair_external_id: Option<String>,
    /// PEM, kept byte for byte.
    pub public_key: String,
}

/// The invitation part of `POST /invitations`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InvitationDetails {
    /// What the inviter calls the invitee, under the inviter's DEK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// Where the Vault is to send id and token. An extension of this repository's server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Body of `POST /invitations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewInvitationRequest {
    /// The inviter's public key for this connection.
    pub public_key: ConnectionPublicKey,
    /// The rest.
    #[serde(default, deserialize_with = "null_as_default")]
    pub invitation: InvitationDetails,
}

/// What became of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// Open.
    New,
    /// Used.
    Connected,
    /// Refused by the invitee.
    Rejected,
    /// Accepted, not yet confirmed (multi-step invitations).
    Accepted,
    /// Taken back by the inviter.
    Cancelled,
    /// Too old.
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

/// What became of the message that carries an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// It waits to be sent, or to be tried again.
    Waiting,
    /// A mail server took it.
    Sent,
    /// It was given up.
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

/// One invitation. Whoever holds its token may accept it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Invitation {
    /// Null when the reader is not the sender.
    pub id: Option<Id>,
    /// Opaque and unique; whoever has it can connect.
    #[serde(deserialize_with = "null_as_default")]
    pub token: String,
    /// Always null.
    #[serde(skip_deserializing)]
    pub message: Option<String>,
    /// The Vault's record of the sender's public key (until 0.14); null when the reader is not the sender.
    #[serde(skip_deserializing)]
    pub public_key_id: Option<Id>,
    /// The older name of `keypair_external_id`.
    #[serde(skip_deserializing)]
    pub key_store_keypair_id: Option<String>,
    /// Until 0.14; always false.
    #[serde(skip_deserializing)]
    pub organisation: bool,
    /// Until 0.14; always null.
    #[serde(skip_deserializing)]
    pub user_email: Option<String>,
    /// Where it was mailed to (an extension of this repository's server).
    pub email: Option<String>,
    /// What became of the message to that address (an extension of this repository's server).
    pub mail_state: Option<MailState>,
    /// When it was mailed.
    #[serde(skip_deserializing)]
    pub sent_at: Option<Timestamp>,
    /// Instant.
    pub created_at: Option<Timestamp>,
    /// Until when it can be accepted.
    #[serde(skip_deserializing)]
    pub expire_at: Option<Timestamp>,
    /// What became of it.
    pub state: Option<InvitationState>,
    /// Always null.
    #[serde(skip_deserializing)]
    pub invited_user_id: Option<Id>,
    /// Whether the reader sent it.
    #[serde(skip_deserializing)]
    pub outgoing: bool,
    /// Always empty.
    #[serde(skip_deserializing)]
    pub user_name: String,
    /// Until 22.
    #[serde(skip_deserializing)]
    pub user_image: Option<String>,
    /// Null when the reader is not the sender.
    #[serde(skip_deserializing)]
    pub keypair_external_id: Option<String>,
    /// What the inviter calls the invitee, under the inviter's DEK.
    #[serde(skip_deserializing)]
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// Since 37.
    #[serde(skip_deserializing)]
    pub encrypted_sender_name: Option<String>,
    /// Null for plain invitations.
    #[serde(skip_deserializing)]
    pub integration_data: Option<JsonObject>,
    /// Null for plain invitations.
    #[serde(skip_deserializing)]
    pub connection_type: Option<String>,
    /// Null for plain invitations.
    #[serde(skip_deserializing)]
    pub delegation_role: Option<String>,
    /// Null for plain invitations.
    #[serde(skip_deserializing)]
    pub delegation_token: Option<String>,
    /// Null for plain invitations.
    #[serde(skip_deserializing)]
    pub organization_id: Option<Id>,
    /// Null for plain invitations.
    #[serde(skip_deserializing)]
    pub organization_member_role: Option<String>,
    /// Null for plain invitations.
    #[serde(skip_deserializing)]
    pub service_id: Option<Id>,
    /// Always false.
    #[serde(skip_deserializing)]
    pub multistep_workflow: bool,
    /// Always 0.
    #[serde(skip_deserializing)]
    pub shares_to_be_created: i64,
    /// The inviter's public key, PEM (since 37).
    #[serde(skip_deserializing)]
    pub sender_public_key: Option<String>,
    /// The inviter's public key, PEM.
    #[serde(skip_deserializing)]
    pub user_public_key: Option<String>,
    /// Always empty.
    #[serde(skip_deserializing)]
    pub recipient_to_sender_data: JsonObject,
    /// Always empty.
    #[serde(skip_deserializing)]
    pub sender_to_recipient_data: JsonObject,
    /// Since 39.6.
    #[serde(skip_deserializing)]
    pub sender_did: Option<String>,
    /// Since 39.6.
    #[serde(skip_deserializing)]
    pub recipient_did: Option<String>,
}

/// Reply of `POST /invitations` and `GET /invitations/{id-or-token}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InvitationResponse {
    /// The invitation.
    pub invitation: Invitation,
    /// Always empty (since 39).
    #[serde(default, skip_deserializing)]
    pub share_intents: Vec<JsonObject>,
    /// Always null (since 39).
    #[serde(default, skip_deserializing)]
    pub recipient_public_key: Option<String>,
}

/// A page of invitations.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InvitationsResponse {
    /// The invitations.
    pub invitations: Vec<Invitation>,
    /// The cursor of the next page, null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Makes an invitation. With an idempotency key a repeat answers with the one that was made first.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewInvitationRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, Invitation> {
    vault.post(&["invitations"]).json(request).idempotency_key(idempotency_key).send_for("invitation")
}

/// A page of the invitations that the user made.
pub fn list<'a>(vault: &'a Service, page: &PageQuery) -> Reply<'a, InvitationsResponse> {
    page.of(vault.get(&["invitations"])).send()
}

/// Takes an invitation back.
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["invitations", id.as_str()]).send_void()
}
