//! Invitations: whoever holds the token of one can connect with its sender, once (docs/protocol/http-api.md §7.1–§7.4).

use axum::{Json, extract::State, http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::Deserialize;
use vaultshare::api::{
    Ciphertext, Id, PageMeta, RecipientName,
    vault::invitations::{
        ConnectionPublicKey, Invitation, InvitationDetails, InvitationLookup, InvitationResponse, InvitationsResponse,
    },
};

use super::{
    Vault, mail_queue, public_keys,
    records::{
        self,
        invitations::{self, InvitationFilter, Row, not_found},
    },
};
use crate::{
    auth::Session,
    bounds::{Bounded, NAME, WRAPPED, check_encrypted, check_length},
    clock::millis,
    config::Limits,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::{Order, PageParams},
    query::Query,
    request::{Body, Path},
    service::{Service, large_json},
    store::new_id,
    token,
    wire::id_text,
};

/// The body of `POST /invitations`: nested, or flat as in the first protocol.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewInvitation")]
pub(super) struct AnyNewInvitation {
    /// The inviter's public key for this connection.
    public_key: Option<ConnectionPublicKey>,
    /// First protocol: a key that was published before.
    public_key_id: Option<Id>,
    /// The rest.
    invitation: Option<InvitationDetails>,
    /// As in `invitation`.
    encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    /// As in `invitation`.
    email: Option<String>,
}

vaultshare::describe!(READ: AnyNewInvitation);

impl Bounded for AnyNewInvitation {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        if let Some(key) = &self.public_key {
            key.check_bounds(limits).map_err(|error| error.at("public_key"))?;
        }
        if let Some(invitation) = &self.invitation {
            invitation.check_bounds(limits).map_err(|error| error.at("invitation"))?;
        }
        check_length("email", self.email.as_deref(), NAME)?;
        check_encrypted("encrypted_recipient_name", self.encrypted_recipient_name.as_ref(), WRAPPED)
    }
}

impl AnyNewInvitation {
    fn details(&self) -> InvitationDetails {
        let nested = self.invitation.clone().unwrap_or_default();
        InvitationDetails {
            encrypted_recipient_name: nested.encrypted_recipient_name.or(self.encrypted_recipient_name.clone()),
            email: nested.email.or(self.email.clone()),
        }
    }
}

/// Makes an invitation to connect.
#[utoipa::path(
    post, path = "/invitations",
    request_body = AnyNewInvitation,
    params(Idempotency),
    responses((status = 201, body = InvitationResponse), (status = 404), (status = 429)),
)]
pub(super) async fn create(
    State(vault): State<Vault>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<AnyNewInvitation>,
) -> Result<Response> {
    let mut details = request.details();
    public_keys::check_sent(&vault, request.public_key.as_ref()).await?;
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let limit = vault.rate_limits().invitations(&session.user_id);
    let message = "Too many invitations within a day";
    limit.require(db, vault.clock().now(), Code::TooManyInvitations, message).await?;
    if let Some(email) = &mut details.email {
        *email = mail_queue::check(db, &session.user_id, email, &vault).await?;
    }
    let key_id = id_text(&request.public_key_id);
    let key = public_keys::find_or_insert(db, &session.user_id, key_id, request.public_key, vault.clock()).await?;
    let (id, token, now) = (new_id(), token::generate().map_err(Error::fault)?, vault.clock().now());
    let expire_at = now + millis(vault.limits().invitation);
    let (created, sequence) = ((now, expire_at), vault.clock().sequence());
    invitations::insert(db, (&id, &token), (&session.user_id, &key), &details, created, sequence).await?;
    if let Some(email) = &details.email {
        records::mail_queue::enqueue(db, (&id, &token), email, vault.clock()).await?;
    }
    let row = invitations::find(&mut change.tx, &id, now).await?.ok_or_else(not_found)?;
    let invitation = row.wire(&session.user_id, Some(&token))?;
    let answer = change.answer(StatusCode::CREATED, &response(invitation)).await?;
    vault.mail_queued().notify_one();
    Ok(answer)
}

/// The invitations that the user sent, oldest first.
#[utoipa::path(
    get, path = "/invitations",
    params(PageParams, InvitationFilter),
    responses((status = 200, body = InvitationsResponse)),
)]
pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(filter): Query<InvitationFilter>,
) -> Result<Response> {
    let page = page.page(Order::Ascending);
    let now = vault.clock().now();
    let mut db = vault.store().read_once().await?;
    let rows = invitations::list(&mut db, &session.user_id, &filter, now, &page).await?;
    let (rows, next_page_after) = page.cut_by_weight(rows, |row: &Row| row.sequence, Row::weight);
    let wire = |row: Row| row.at(now).wire(&session.user_id, filter.token.as_deref());
    let invitations = rows.into_iter().map(wire).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    large_json(&InvitationsResponse { invitations, next_page_after, meta })
}

/// One invitation: for its sender by id or token, for others by its token.
#[utoipa::path(get, path = "/invitations/{id_or_token}", responses((status = 200, body = InvitationResponse)))]
pub(super) async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id_or_token): Path,
) -> Result<Json<InvitationResponse>> {
    let mut db = vault.store().read_once().await?;
    let row = invitations::find(&mut db, &id_or_token, vault.clock().now()).await?.ok_or_else(not_found)?;
    // An id is no secret: other users need the token.
    if row.user_id != session.user_id && !row.has_token(&id_or_token) {
        return Err(not_found());
    }
    Ok(Json(response(row.wire(&session.user_id, Some(&id_or_token))?)))
}

/// As [`show`], with the token in the body: a URL ends up in logs.
#[utoipa::path(
    post, path = "/invitations/lookup",
    request_body = InvitationLookup,
    responses((status = 200, body = InvitationResponse), (status = 404)),
)]
pub(super) async fn look_up(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<InvitationLookup>,
) -> Result<Json<InvitationResponse>> {
    let token = request.invitation_token;
    let mut db = vault.store().read_once().await?;
    let row = invitations::find(&mut db, &token, vault.clock().now()).await?;
    let row = row.filter(|row| row.has_token(&token)).ok_or_else(not_found)?;
    Ok(Json(response(row.wire(&session.user_id, Some(&token))?)))
}

/// Withdraws an invitation.
#[utoipa::path(delete, path = "/invitations/{id_or_token}", responses((status = 204)))]
pub(super) async fn delete(
    State(vault): State<Vault>,
    session: Session,
    Path(id_or_token): Path,
) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    if !invitations::delete(&mut tx, &id_or_token, &session.user_id).await? {
        return Err(not_found());
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn response(invitation: Invitation) -> InvitationResponse {
    InvitationResponse { invitation, share_intents: vec![], recipient_public_key: None }
}
