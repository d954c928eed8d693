//! Connections between two users (http-api §7.6–§7.8): two rows, each user seeing their own as `own`. Two users have
//! one connection at most. Ending it keeps what is shared between them: a share holds its own copy of the key it is
//! encrypted for, and either side can end it by itself. What the first protocol shares needs the connection and ends too.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id, PageMeta, RecipientName,
    vault::{
        connections::{
            Connection, ConnectionDetails, ConnectionInFirstForm, ConnectionResponse, ConnectionsResponse,
            OtherConnectionData, OwnConnectionData,
        },
        invitations::ConnectionPublicKey,
        me::UserType,
    },
};

use super::{
    Vault,
    encryption_spaces::{self, public_keys},
    invitations, public_key,
};
use crate::{
    clock::{Millis, to_wire},
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    paging::{Order, Page},
    request::{Body, Parameters},
    service::Service,
    sessions::Session,
    store::{Statement, new_id},
    wire::{Stored, ciphertext_text, id_text},
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/connections", get(list).post(create)).route("/connections/{id}", get(show).delete(delete))
}

/// The body of `POST /connections`: its parts side by side, or all in one as the first protocol has them.
#[derive(Deserialize)]
struct AnyNewConnection {
    public_key: Option<ConnectionPublicKey>,
    public_key_id: Option<Id>,
    connection: Option<ConnectionDetails>,
    invitation_token: Option<String>,
    invitation_id: Option<Id>,
    encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
}

impl AnyNewConnection {
    fn details(&self) -> Result<ConnectionDetails> {
        let flat = || {
            Some(ConnectionDetails {
                invitation_token: self.invitation_token.clone()?,
                invitation_id: self.invitation_id.clone(),
                encrypted_recipient_name: self.encrypted_recipient_name.clone(),
            })
        };
        self.connection.clone().or_else(flat).ok_or_else(|| Error::invalid("A connection needs an invitation_token"))
    }
}

/// Accepts an invitation. Users who are connected already get the connection they have.
async fn create(
    State(vault): State<Vault>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<AnyNewConnection>,
) -> Result<Response> {
    let details = request.details()?;
    request.public_key.as_ref().map(|key| public_key::check(&key.public_key)).transpose()?;
    let mut change = match repeatable.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let (token, now) = (&details.invitation_token, vault.clock().now());
    let invitation = invitations::find(db, token, now).await?;
    let invitation =
        invitation.filter(|row| invitations::is_opened_by(row, token)).ok_or_else(invitations::not_found)?;
    if details.invitation_id.as_ref().is_some_and(|id| id.as_str() != invitation.id) {
        return Err(invitations::not_found());
    }
    if invitation.user_id == session.user_id {
        return Err(Error::invalid("This is your own invitation: it is for someone else to accept"));
    }
    let used = invitation.is_open() && invitations::use_up(db, &invitation.id).await?;
    let existing = find_between(db, &session.user_id, &invitation.user_id).await?;
    let existed = existing.is_some();
    let own_id = match existing {
        Some(id) => id,
        None if used => {
            let named = id_text(&request.public_key_id);
            let (_, key) =
                public_keys::named_or_brought(db, &session.user_id, named, request.public_key, vault.clock()).await?;
            let inviter = Side {
                user_id: &invitation.user_id,
                public_key: &invitation.public_key,
                keypair_external_id: invitation.keypair_external_id.as_deref(),
                encrypted_recipient_name: invitation.encrypted_recipient_name.as_deref(),
            };
            let invitee = Side {
                user_id: &session.user_id,
                public_key: &key.public_key,
                keypair_external_id: key.keypair_external_id.as_deref(),
                encrypted_recipient_name: ciphertext_text(&details.encrypted_recipient_name),
            };
            insert(db, &inviter, invitee.user_id, now, vault.clock().sequence()).await?;
            insert(db, &invitee, inviter.user_id, now, vault.clock().sequence()).await?
        }
        None => return Err(invitations::not_found()),
    };
    let connection = find(db, &own_id, &session.user_id).await?.wire()?;
    let response =
        ConnectionResponse { connection, connection_existed_already: existed, created_shares_report: vec![] };
    change.answer(StatusCode::CREATED, &response).await
}

pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<ConnectionsResponse>> {
    let page = Page::of(&parameters, Order::Ascending);
    let select = Statement::new(CONNECTIONS).text(" AND own.user_id = ?", &session.user_id).page("own.sequence", &page);
    let mut db = vault.store().read_once().await?;
    let (rows, next_page_after) = page.cut(select.fetch(&mut db).await?, |row: &Row| row.sequence);
    let connections = rows.into_iter().map(Row::wire).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(ConnectionsResponse { connections, next_page_after, meta }))
}

async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<ConnectionResponse>> {
    let mut db = vault.store().read_once().await?;
    let connection = find(&mut db, &id, &session.user_id).await?.wire()?;
    Ok(Json(ConnectionResponse { connection, connection_existed_already: true, created_shares_report: vec![] }))
}

async fn delete(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let connection = find(&mut tx, &id, &session.user_id).await?;
    sqlx::query("DELETE FROM connections WHERE id = $1 OR id = $2")
        .bind(connection.id)
        .bind(connection.other_id)
        .execute(&mut *tx)
        .await?;
    encryption_spaces::records::delete_between(&mut tx, &connection.user_id, &connection.other_user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

// The queries.

const CONNECTIONS: &str = "SELECT own.id, own.user_id, own.public_key, own.keypair_external_id, \
     own.encrypted_recipient_name, own.created_at, own.sequence, other.id AS other_id, other.user_id AS other_user_id, \
     other.public_key AS other_public_key, other.keypair_external_id AS other_keypair_external_id, \
     own.encryption_space_id, other.encryption_space_id AS other_encryption_space_id \
     FROM connections AS own JOIN connections AS other \
     ON other.user_id = own.other_user_id AND other.other_user_id = own.user_id WHERE 1 = 1";

#[derive(FromRow)]
struct Row {
    id: String,
    user_id: String,
    public_key: String,
    keypair_external_id: Option<String>,
    encrypted_recipient_name: Option<String>,
    created_at: Millis,
    sequence: i64,
    other_id: String,
    other_user_id: String,
    other_public_key: String,
    other_keypair_external_id: Option<String>,
    encryption_space_id: Option<String>,
    other_encryption_space_id: Option<String>,
}

impl Row {
    fn in_first_form(&self) -> Result<ConnectionInFirstForm> {
        let strategy = Some(public_keys::STRATEGY.to_owned());
        Ok(ConnectionInFirstForm {
            id: Some(Id::stored(self.id.clone())?),
            user_id: Some(Id::stored(self.other_user_id.clone())?),
            encryption_space_id: Id::maybe(self.encryption_space_id.clone())?,
            public_key: Some(self.public_key.clone()),
            public_key_encryption_strategy: strategy.clone(),
            key_store_keypair_id: self.keypair_external_id.clone(),
            keypair_external_id: self.keypair_external_id.clone(),
            other_user_connection_public_key: Some(self.other_public_key.clone()),
            other_user_connection_public_key_encryption_strategy: strategy,
            other_user_connection_encryption_space_id: Id::maybe(self.other_encryption_space_id.clone())?,
            other_user_connection_key_store_keypair_id: self.other_keypair_external_id.clone(),
            other_user_connection_keypair_external_id: self.other_keypair_external_id.clone(),
            encrypted_recipient_name: Ciphertext::maybe(self.encrypted_recipient_name.clone())?,
            ..ConnectionInFirstForm::default()
        })
    }

    fn wire(self) -> Result<Connection> {
        let in_first_form = self.in_first_form()?;
        let own = OwnConnectionData {
            id: Id::stored(self.id)?,
            encrypted_recipient_name: Ciphertext::maybe(self.encrypted_recipient_name)?,
            integration_data: None,
            delegation_token: None,
            delegation_role: None,
            organization_member_id: None,
            connection_type: None,
            user_id: Some(Id::stored(self.user_id)?),
            user_image: None,
            user_type: UserType::Human,
            user_public_key: self.public_key,
            user_keypair_external_id: self.keypair_external_id,
            did: None,
            created_at: Some(to_wire(self.created_at)),
        };
        let the_other_user = OtherConnectionData {
            id: Id::stored(self.other_id)?,
            integration_data: None,
            delegation_token: None,
            delegation_role: None,
            organization_member_id: None,
            connection_type: None,
            user_id: Id::stored(self.other_user_id)?,
            user_image: None,
            user_type: UserType::Human,
            user_public_key: self.other_public_key,
            user_keypair_external_id: self.other_keypair_external_id,
            did: None,
        };
        Ok(Connection { own, the_other_user, in_first_form })
    }
}

async fn find(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Row> {
    let select = Statement::new(CONNECTIONS).text(" AND own.id = ?", id).text(" AND own.user_id = ?", user_id);
    select.fetch(db).await?.pop().ok_or_else(|| Error::not_found("connection_not_found"))
}

async fn find_between(db: &mut AnyConnection, user_id: &str, other_user_id: &str) -> Result<Option<String>> {
    let id = sqlx::query_scalar("SELECT id FROM connections WHERE user_id = $1 AND other_user_id = $2");
    Ok(id.bind(user_id).bind(other_user_id).fetch_optional(db).await?)
}

/// The key that a user gave for a connection, and its id in the Keystore.
#[derive(FromRow)]
pub(super) struct GivenKey {
    user_id: String,
    pub(super) public_key: String,
    pub(super) keypair_external_id: Option<String>,
}

/// The keys that those of `user_ids` gave who are connected with `other_user_id`, by their ids.
pub(super) async fn find_public_keys(
    db: &mut AnyConnection,
    user_ids: &[&str],
    other_user_id: &str,
) -> Result<HashMap<String, GivenKey>> {
    let select = Statement::new("SELECT user_id, public_key, keypair_external_id FROM connections WHERE 1 = 1")
        .any_of(" AND user_id IN (?)", user_ids)
        .text(" AND other_user_id = ?", other_user_id);
    let keys: Vec<GivenKey> = select.fetch(db).await?;
    Ok(keys.into_iter().map(|key| (key.user_id.clone(), key)).collect())
}

/// The encryption spaces of a connection's two sides.
pub(super) struct Spaces {
    pub(super) own: Option<String>,
    pub(super) others: Option<String>,
}

/// The encryption spaces of the connection that this user knows by this id.
pub(super) async fn find_spaces(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Spaces> {
    find(db, id, user_id)
        .await
        .map(|row| Spaces { own: row.encryption_space_id, others: row.other_encryption_space_id })
}

/// Whether `user_id` has an encryption space for the connection with `other_user_id`.
pub(super) async fn has_space(db: &mut AnyConnection, user_id: &str, other_user_id: &str) -> Result<bool> {
    let spaces = sqlx::query_scalar(
        "SELECT COUNT(encryption_space_id) FROM connections WHERE user_id = $1 AND other_user_id = $2",
    );
    let spaces: i64 = spaces.bind(user_id).bind(other_user_id).fetch_one(db).await?;
    Ok(spaces > 0)
}

/// What one user brings into a connection.
struct Side<'a> {
    user_id: &'a str,
    public_key: &'a str,
    keypair_external_id: Option<&'a str>,
    encrypted_recipient_name: Option<&'a str>,
}

async fn insert(
    db: &mut AnyConnection,
    side: &Side<'_>,
    other_user_id: &str,
    now: Millis,
    sequence: i64,
) -> Result<String> {
    let id = new_id();
    sqlx::query(
        "INSERT INTO connections (id, user_id, other_user_id, public_key, keypair_external_id, \
         encrypted_recipient_name, created_at, sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&id)
    .bind(side.user_id)
    .bind(other_user_id)
    .bind(side.public_key)
    .bind(side.keypair_external_id)
    .bind(side.encrypted_recipient_name)
    .bind(now)
    .bind(sequence)
    .execute(db)
    .await?;
    Ok(id)
}
