//! Connections between two users. `docs/protocol/http-api.md` §2.5 and §7.6–§7.8.

use serde::{Deserialize, Serialize};

use super::{invitations::ConnectionPublicKey, me::UserType};
use crate::{
    api::{
        Ciphertext, Id, JsonObject, PageMeta, PageQuery, RecipientName, Timestamp,
        reading::{bounded_list, null_as_default},
    },
    http::{Reply, Service},
};

/// The reading user's side of a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct OwnConnectionData {
    /// The connection's id for the reading user; the other user has another.
    pub id: Id,
    /// The reading user's name for the other, encrypted under the reading user's private DEK.
    #[serde(default)]
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// For delegations and services of the platform: null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub integration_data: Option<JsonObject>,
    /// Vault API ≥ 37, for delegations: null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub delegation_token: Option<String>,
    /// Vault API ≥ 37, for delegations: null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub delegation_role: Option<String>,
    /// Vault API ≥ 37.6: null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub organization_member_id: Option<Id>,
    /// `member`, `service`, `delegate`, or null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub connection_type: Option<String>,
    /// The Vault's id of the reading user. Vault API ≥ 19.3.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_id: Option<Id>,
    /// Vault API ≤ 22: URL of a picture; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_image: Option<String>,
    /// Person, or agent of an organization or service; a person where absent.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_type: UserType,
    /// The reading user's public key of this connection, PEM.
    pub user_public_key: String,
    /// The Keystore's id of that user's key pair for this connection; null for parties that keep keys elsewhere.
    #[serde(default)]
    pub user_keypair_external_id: Option<String>,
    /// Decentralized identifier. Vault API ≥ 39.6; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub did: Option<String>,
    /// ISO-8601, UTC. Vault API ≥ 39.6.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub created_at: Option<Timestamp>,
}

/// The other user's side of a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct OtherConnectionData {
    /// The connection's id for the other user.
    pub id: Id,
    /// For delegations and services of the platform: null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub integration_data: Option<JsonObject>,
    /// Vault API ≥ 37, for delegations: null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub delegation_token: Option<String>,
    /// Vault API ≥ 37, for delegations: null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub delegation_role: Option<String>,
    /// Vault API ≥ 37.6: null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub organization_member_id: Option<Id>,
    /// `member`, `service`, `delegate`, or null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub connection_type: Option<String>,
    /// The Vault's id of the other user, as [`super::shares::NewShare::recipient_id`] wants it.
    pub user_id: Id,
    /// Vault API ≤ 22: URL of a picture; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_image: Option<String>,
    /// Person, or agent of an organization or service; a person where absent.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_type: UserType,
    /// The other user's public key of this connection, PEM: share DEKs are wrapped by it.
    pub user_public_key: String,
    /// The Keystore's id of that user's key pair for this connection; null for parties that keep keys elsewhere.
    #[serde(default)]
    pub user_keypair_external_id: Option<String>,
    /// Decentralized identifier. Vault API ≥ 39.6; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub did: Option<String>,
    /// What the other user proved to know, where they accepted an invitation by its code; null otherwise. An extension of this
    /// repository's server.
    #[serde(default)]
    pub proof: Option<String>,
}

/// A connection, as one of its two users sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(from = "ConnectionAsRead")]
pub struct Connection {
    /// The reading user's side.
    pub own: OwnConnectionData,
    /// The other side; its `own` is this.
    pub the_other_user: OtherConnectionData,
    /// The same as fields of the first protocol, beside the two. Only these have the encryption spaces.
    #[serde(flatten)]
    pub in_first_form: ConnectionInFirstForm,
}

/// The fields of a connection that a client reads.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct ConnectionAsRead {
    own: OwnConnectionData,
    the_other_user: OtherConnectionData,
    #[serde(default)]
    encryption_space_id: Option<Id>,
    #[serde(default)]
    other_user_connection_encryption_space_id: Option<Id>,
}

impl From<ConnectionAsRead> for Connection {
    fn from(read: ConnectionAsRead) -> Self {
        let in_first_form = ConnectionInFirstForm {
            encryption_space_id: read.encryption_space_id,
            other_user_connection_encryption_space_id: read.other_user_connection_encryption_space_id,
            ..ConnectionInFirstForm::default()
        };
        Connection { own: read.own, the_other_user: read.the_other_user, in_first_form }
    }
}

/// A connection in the fields of the first sharing protocol (`docs/protocol/encryption-spaces-and-setup.md` §1.4). Our
/// client reads only the two spaces; the rest is for clients of that time.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ConnectionInFirstForm {
    /// The connection's id for the reading user: `own.id`.
    pub id: Option<Id>,
    /// The **other** user: `the_other_user.user_id`.
    pub user_id: Option<Id>,
    /// About the other user; our server knows no names and sends null.
    pub user_name: Option<String>,
    /// About the other user; null.
    pub user_image: Option<String>,
    /// About the other user; null, so that connections do not disclose addresses.
    pub user_email: Option<String>,
    /// Whether the other user is an organization; our server knows none and sends false.
    pub user_organisation: bool,
    /// The reading user's encryption space in the Keystore; null before it is made or its DEK is claimed.
    pub encryption_space_id: Option<Id>,
    /// The reading user's public key, PEM.
    pub public_key: Option<String>,
    /// The algorithm of `public_key`: `Rsa4096`.
    pub public_key_encryption_strategy: Option<String>,
    /// The Keystore's id of the reading user's key pair.
    pub key_store_keypair_id: Option<String>,
    /// `key_store_keypair_id`, by its name in Vault API ≥ 0.18.
    pub keypair_external_id: Option<String>,
    /// The other user's public key, PEM.
    pub other_user_connection_public_key: Option<String>,
    /// The algorithm of the other user's public key: `Rsa4096`.
    pub other_user_connection_public_key_encryption_strategy: Option<String>,
    /// The other user's encryption space in the Keystore; null before it is made or its DEK is claimed.
    pub other_user_connection_encryption_space_id: Option<Id>,
    /// The Keystore's id of the other user's key pair.
    pub other_user_connection_key_store_keypair_id: Option<String>,
    /// `other_user_connection_key_store_keypair_id`, by its name in Vault API ≥ 0.18.
    pub other_user_connection_keypair_external_id: Option<String>,
    /// The reading user's name for the other, encrypted under the reading user's private DEK.
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// Null for plain connections.
    pub integration_data: Option<JsonObject>,
}

/// The connection part of `POST /connections`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ConnectionDetails {
    /// From the invitation, which it uses up. A secret until then.
    pub invitation_token: String,
    /// From the invitation; the server compares it with the token. An extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation_id: Option<Id>,
    /// The invitee's name for the inviter, encrypted under the invitee's private DEK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// Proves to the inviter that the invitee has the invitation's code: [`crate::crypto::InvitationCode::prove`]. An
    /// extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// Body of `POST /connections`.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewConnectionRequest {
    /// The invitee's key pair for this connection, public half.
    pub public_key: ConnectionPublicKey,
    /// Which invitation is accepted.
    pub connection: ConnectionDetails,
}

/// Reply of `POST /connections` and `GET /connections/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ConnectionResponse {
    /// As the reading user sees it.
    pub connection: Connection,
    /// True where the two were connected before: then this is that connection, and the invitation is used up. Vault API
    /// ≥ 37.
    #[serde(default, deserialize_with = "null_as_default")]
    pub connection_existed_already: bool,
    /// Vault API ≥ 37, for invitations that bring shares; our server has none of these and sends an empty list.
    #[serde(default, skip_deserializing)]
    pub created_shares_report: Vec<JsonObject>,
}

/// A page of connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ConnectionsResponse {
    /// Oldest first.
    #[serde(deserialize_with = "bounded_list")]
    pub connections: Vec<Connection>,
    /// The pagination cursor of the next page; null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Accepts an invitation. With an idempotency key a retry returns the connection that the first request made.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewConnectionRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, ConnectionResponse> {
    vault.post(&["connections"]).json(request).idempotency_key(idempotency_key).send()
}

/// A page of the user's connections, oldest first.
pub fn list<'a>(vault: &'a Service, page: &PageQuery) -> Reply<'a, ConnectionsResponse> {
    page.of(vault.get(&["connections"])).send()
}

/// One connection, by the reading user's id of it. 404 by the other side's id.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Connection> {
    vault.get(&["connections", id.as_str()]).send_for("connection")
}

/// Ends a connection for both users. Shares of the current protocol stay, those of the first end with it
/// (`docs/protocol/http-api.md` §7.8).
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["connections", id.as_str()]).send_void()
}
