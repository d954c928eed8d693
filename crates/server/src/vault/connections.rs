//! Connections between two users (docs/protocol/http-api.md §7.6–§7.8). Each user sees their own side as `own`. Two
//! users have at most one connection. Deleting it keeps the shares between them: a share has its own copy of the
//! recipient's public key, and either side can end it. Shares of the first protocol need the connection and are deleted
//! with it.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::Deserialize;
use vaultshare::api::{
    Ciphertext, Id, PageMeta, RecipientName,
    vault::{
        connections::{ConnectionDetails, ConnectionResponse, ConnectionsResponse},
        invitations::ConnectionPublicKey,
    },
};

use super::{
    Vault, public_keys,
    records::{
        connections::{self, Row, Side},
        invitations, mail_queue, space_shares,
    },
};
use crate::{
    auth::Session,
    bounds::{Bounded, SHORT_TEXT, WRAPPED, check_encrypted, check_length},
    config::Limits,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::{Order, PageParams},
    query::Query,
    request::{Body, Path},
    service::{Service, large_json},
    wire::{ciphertext_text, id_text},
};

/// The body of `POST /connections`: nested, or flat as in the first protocol.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewConnection")]
pub(super) struct AnyNewConnection {
    /// The invitee's public key for this connection.
    public_key: Option<ConnectionPublicKey>,
    /// First protocol: a key that was published before.
    public_key_id: Option<Id>,
    /// Which invitation is accepted.
    connection: Option<ConnectionDetails>,
    /// As in `connection`.
    invitation_token: Option<String>,
    /// As in `connection`.
    invitation_id: Option<Id>,
    /// As in `connection`.
    encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
}

vaultshare::describe!(READ: AnyNewConnection);

impl Bounded for AnyNewConnection {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        if let Some(key) = &self.public_key {
            key.check_bounds(limits).map_err(|error| error.at("public_key"))?;
        }
        if let Some(connection) = &self.connection {
            connection.check_bounds(limits).map_err(|error| error.at("connection"))?;
        }
        check_length("invitation_token", self.invitation_token.as_deref(), SHORT_TEXT)?;
        check_encrypted("encrypted_recipient_name", self.encrypted_recipient_name.as_ref(), WRAPPED)
    }
}

impl AnyNewConnection {
    fn details(&self) -> Result<ConnectionDetails> {
        let flat = || {
            Some(ConnectionDetails {
                invitation_token: self.invitation_token.clone()?,
                invitation_id: self.invitation_id.clone(),
                encrypted_recipient_name: self.encrypted_recipient_name.clone(),
                proof: None,
            })
        };
        self.connection.clone().or_else(flat).ok_or_else(|| Error::missing("connection.invitation_token"))
    }
}

/// Accepts an invitation. Users who are connected already get their existing connection.
#[utoipa::path(
    post, path = "/connections",
    request_body = AnyNewConnection,
    params(Idempotency),
    responses((status = 201, body = ConnectionResponse), (status = 404)),
)]
pub(super) async fn create(
    State(vault): State<Vault>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<AnyNewConnection>,
) -> Result<Response> {
    let details = request.details()?;
    public_keys::check_sent(&vault, request.public_key.as_ref()).await?;
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let (token, now) = (&details.invitation_token, vault.clock().now());
    let invitation = invitations::find(db, token, now).await?;
    let invitation = invitation.filter(|row| row.has_token(token)).ok_or_else(invitations::not_found)?;
    if details.invitation_id.as_ref().is_some_and(|id| id.as_str() != invitation.id) {
        return Err(invitations::not_found());
    }
    if invitation.user_id == session.user_id {
        let message = "This is your own invitation: it is for someone else to accept";
        return Err(Error::refused(Code::OwnInvitation, message));
    }
    let accepted = invitation.is_open() && invitations::accept(db, &invitation.id).await?;
    if accepted {
        mail_queue::cancel(db, &invitation.id).await?;
    }
    let existing = connections::find_between(db, &session.user_id, &invitation.user_id).await?;
    let existed = existing.is_some();
    let own_id = match existing {
        Some(id) => id,
        None if accepted => {
            let key_id = id_text(&request.public_key_id);
            let (_, key) =
                public_keys::find_or_insert(db, &session.user_id, key_id, request.public_key, vault.clock()).await?;
            let inviter = Side {
                user_id: &invitation.user_id,
                public_key: &invitation.public_key,
                keypair_external_id: invitation.keypair_external_id.as_deref(),
                encrypted_recipient_name: invitation.encrypted_recipient_name.as_deref(),
                proof: None,
            };
            let invitee = Side {
                user_id: &session.user_id,
                public_key: &key.public_key,
                keypair_external_id: key.keypair_external_id.as_deref(),
                encrypted_recipient_name: ciphertext_text(&details.encrypted_recipient_name),
                proof: details.proof.as_deref(),
            };
            connections::insert(db, &inviter, invitee.user_id, now, vault.clock().sequence()).await?;
            connections::insert(db, &invitee, inviter.user_id, now, vault.clock().sequence()).await?
        }
        None => return Err(invitations::not_found()),
    };
    let connection = connections::find(db, &own_id, &session.user_id).await?.wire()?;
    let response =
        ConnectionResponse { connection, connection_existed_already: existed, created_shares_report: vec![] };
    change.answer(StatusCode::CREATED, &response).await
}

/// The connections of the user, oldest first.
#[utoipa::path(get, path = "/connections", params(PageParams), responses((status = 200, body = ConnectionsResponse)))]
pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
) -> Result<Response> {
    let page = page.page(Order::Ascending);
    let mut db = vault.store().read_once().await?;
    let rows = connections::list(&mut db, &session.user_id, &page).await?;
    let (rows, next_page_after) = page.cut_by_weight(rows, |row: &Row| row.sequence, Row::weight);
    let connections = rows.into_iter().map(Row::wire).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    large_json(&ConnectionsResponse { connections, next_page_after, meta })
}

/// One connection.
#[utoipa::path(get, path = "/connections/{id}", responses((status = 200, body = ConnectionResponse)))]
pub(super) async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<Json<ConnectionResponse>> {
    let mut db = vault.store().read_once().await?;
    let connection = connections::find(&mut db, &id, &session.user_id).await?.wire()?;
    Ok(Json(ConnectionResponse { connection, connection_existed_already: true, created_shares_report: vec![] }))
}

/// Ends a connection for both sides. Shares stay, but for those of the first protocol.
#[utoipa::path(delete, path = "/connections/{id}", responses((status = 204)))]
pub(super) async fn delete(State(vault): State<Vault>, session: Session, Path(id): Path) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let connection = connections::find(&mut tx, &id, &session.user_id).await?;
    connections::delete(&mut tx, &connection).await?;
    space_shares::delete_between(&mut tx, &connection.user_id, &connection.other_user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
