//! Connections between two users. `docs/protocol/http-api.md` §2.5 and §7.6–§7.8.

use serde::{Deserialize, Serialize};

use super::{invitations::ConnectionPublicKey, me::UserType};
use crate::{
    api::{Ciphertext, Id, JsonObject, PageMeta, PageQuery, RecipientName, Timestamp, reading::null_as_default},
    http::{Reply, Service},
};

/// The reading user's side of a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OwnConnectionData {
    /// The connection's id for the reading user; the other side has another.
    pub id: Id,
    /// What the reading user calls the other, under the reading user's DEK.
    #[serde(default)]
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub integration_data: Option<JsonObject>,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub delegation_token: Option<String>,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub delegation_role: Option<String>,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub organization_member_id: Option<Id>,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub connection_type: Option<String>,
    /// The reading user (since 19.3).
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_id: Option<Id>,
    /// Until 22.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_image: Option<String>,
    /// What kind of party the reading user is.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_type: UserType,
    /// The reading user's public key, PEM.
    pub user_public_key: String,
    /// The Keystore's id of the reading user's key pair.
    #[serde(default)]
    pub user_keypair_external_id: Option<String>,
    /// Since 39.6.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub did: Option<String>,
    /// Since 39.6.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub created_at: Option<Timestamp>,
}

/// The other user's side of a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OtherConnectionData {
    /// The connection's id for the other user.
    pub id: Id,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub integration_data: Option<JsonObject>,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub delegation_token: Option<String>,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub delegation_role: Option<String>,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub organization_member_id: Option<Id>,
    /// Null for plain connections.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub connection_type: Option<String>,
    /// The other user.
    pub user_id: Id,
    /// Until 22.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_image: Option<String>,
    /// What kind of party the other user is.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_type: UserType,
    /// The other user's public key, PEM: what DEKs are encrypted for.
    pub user_public_key: String,
    /// The Keystore's id of the other user's key pair.
    #[serde(default)]
    pub user_keypair_external_id: Option<String>,
    /// Since 39.6.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub did: Option<String>,
}

/// A connection, as one of its two users sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "ConnectionAsRead")]
pub struct Connection {
    /// The reading user's side.
    pub own: OwnConnectionData,
    /// The other side.
    pub the_other_user: OtherConnectionData,
    /// The same once more in the form of the first protocol, which alone has the encryption spaces.
    #[serde(flatten)]
    pub in_first_form: ConnectionInFirstForm,
}

/// The fields of a connection that a client reads.
#[derive(Deserialize)]
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

/// A connection as the first sharing protocol wrote it (`docs/protocol/encryption-spaces-and-setup.md` §1.4). Only the spaces
/// are read; the rest is for clients of that time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ConnectionInFirstForm {
    /// The reading user's id of the connection.
    pub id: Option<Id>,
    /// The other user.
    pub user_id: Option<Id>,
    /// Always null.
    pub user_name: Option<String>,
    /// Always null.
    pub user_image: Option<String>,
    /// Always null.
    pub user_email: Option<String>,
    /// Always false.
    pub user_organisation: bool,
    /// The reading user's encryption space in the Keystore; null until it is made or its key is claimed.
    pub encryption_space_id: Option<Id>,
    /// The reading user's public key, PEM.
    pub public_key: Option<String>,
    /// `Rsa4096`.
    pub public_key_encryption_strategy: Option<String>,
    /// The Keystore's id of the reading user's key pair.
    pub key_store_keypair_id: Option<String>,
    /// The same by its later name.
    pub keypair_external_id: Option<String>,
    /// The other user's public key, PEM.
    pub other_user_connection_public_key: Option<String>,
    /// `Rsa4096`.
    pub other_user_connection_public_key_encryption_strategy: Option<String>,
    /// The other user's encryption space in the Keystore.
    pub other_user_connection_encryption_space_id: Option<Id>,
    /// The Keystore's id of the other user's key pair.
    pub other_user_connection_key_store_keypair_id: Option<String>,
    /// The same by its later name.
    pub other_user_connection_keypair_external_id: Option<String>,
    /// What the reading user calls the other, under the reading user's DEK.
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// Null for plain connections.
    pub integration_data: Option<JsonObject>,
}

/// The connection part of `POST /connections`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionDetails {
    /// From the invitation.
    pub invitation_token: String,
    /// From the invitation; checked against the token where sent. An extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation_id: Option<Id>,
    /// What the invitee calls the inviter, under the invitee's DEK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
}

/// Body of `POST /connections`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewConnectionRequest {
    /// The invitee's public key for this connection.
    pub public_key: ConnectionPublicKey,
    /// The rest.
    pub connection: ConnectionDetails,
}

/// Reply of `POST /connections` and `GET /connections/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionResponse {
    /// The connection.
    pub connection: Connection,
    /// Whether the two were connected before; then that connection is given and the invitation was of no use.
    #[serde(default, deserialize_with = "null_as_default")]
    pub connection_existed_already: bool,
    /// Always empty.
    #[serde(default, skip_deserializing)]
    pub created_shares_report: Vec<JsonObject>,
}

/// A page of connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionsResponse {
    /// The connections.
    pub connections: Vec<Connection>,
    /// The cursor of the next page, null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Accepts an invitation. With an idempotency key a repeat answers with the connection that was made first.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewConnectionRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, ConnectionResponse> {
    vault.post(&["connections"]).json(request).idempotency_key(idempotency_key).send()
}

/// A page of the user's connections.
pub fn list<'a>(vault: &'a Service, page: &PageQuery) -> Reply<'a, ConnectionsResponse> {
    page.of(vault.get(&["connections"])).send()
}

/// One connection, by the reading user's id of it.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Connection> {
    vault.get(&["connections", id.as_str()]).send_for("connection")
}

/// Ends a connection for both users.
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["connections", id.as_str()]).send_void()
}
