//! Invitations: whoever holds the token of one can connect with its sender, once (http-api §7.1–§7.4).

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
    vault::invitations::{
        ConnectionPublicKey, Invitation, InvitationDetails, InvitationResponse, InvitationState, InvitationsResponse,
    },
};

use super::{Vault, encryption_spaces::public_keys, mailing};
use crate::{
    clock::{Millis, millis, to_wire},
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    paging::{Order, Page},
    request::{Body, Parameters},
    service::Service,
    sessions::Session,
    store::{Statement, new_id},
    token,
    wire::{Stored, ciphertext_text, id_text, maybe_time},
};

pub(super) fn routes() -> Router<Vault> {
    Router::new()
        .route("/invitations", get(list).post(create))
        .route("/invitations/{id_or_token}", get(show).delete(delete))
}

/// The body of `POST /invitations`: its parts side by side, or all in one as the first protocol has them.
#[derive(Deserialize)]
struct AnyNewInvitation {
    public_key: Option<ConnectionPublicKey>,
    public_key_id: Option<Id>,
    invitation: Option<InvitationDetails>,
    encrypted_recipient_name: Option<Ciphertext<RecipientName>>,
    email: Option<String>,
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

async fn create(
    State(vault): State<Vault>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<AnyNewInvitation>,
) -> Result<Response> {
    let details = request.details();
    let mut change = match repeatable.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let named = id_text(&request.public_key_id);
    let key = public_keys::named_or_brought(db, &session.user_id, named, request.public_key, vault.clock()).await?;
    let (id, token, now) = (new_id(), token::make().map_err(Error::fault)?, vault.clock().now());
    let expire_at = now + millis(vault.limits().invitation);
    let (created, sequence) = ((now, expire_at), vault.clock().sequence());
    insert(db, (&id, &token), (&session.user_id, &key), &details, created, sequence).await?;
    if let Some(email) = &details.email {
        mailing::check(db, &session.user_id, email, &vault).await?;
        mailing::queue(db, &id, email, vault.clock()).await?;
    }
    let row = find(&mut change.tx, &id, now).await?.ok_or_else(not_found)?;
    let invitation = row.wire(&session.user_id)?;
    let answer = change.answer(StatusCode::CREATED, &response(invitation)).await?;
    vault.mail_queued().notify_one();
    Ok(answer)
}

async fn list(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<InvitationsResponse>> {
    let page = Page::of(&parameters, Order::Ascending);
    let mut states = parameters.list("state");
    if states.is_empty() {
        states = ["new", "accepted", "rejected"].map(str::to_owned).to_vec();
    }
    let now = vault.clock().now();
    let select = Statement::new(INVITATIONS)
        .text(" AND user_id = ?", &session.user_id)
        .text_if(" AND token = ?", parameters.one("token"))
        .number(" AND CASE WHEN state = 'new' AND expire_at <= ? THEN 'expired' ELSE state END", now)
        .any_of(" IN (?)", &states)
        .page("sequence", &page);
    let mut db = vault.store().read_once().await?;
    let (rows, next_page_after) = page.cut(select.fetch(&mut db).await?, |row: &Row| row.sequence);
    let invitations = rows.into_iter().map(|row| row.at(now).wire(&session.user_id)).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(InvitationsResponse { invitations, next_page_after, meta }))
}

async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id_or_token): Path<String>,
) -> Result<Json<InvitationResponse>> {
    let mut db = vault.store().read_once().await?;
    let row = find(&mut db, &id_or_token, vault.clock().now()).await?.ok_or_else(not_found)?;
    // An id is no secret: only the token opens someone else's invitation.
    if row.user_id != session.user_id && row.token != id_or_token {
        return Err(not_found());
    }
    Ok(Json(response(row.wire(&session.user_id)?)))
}

async fn delete(State(vault): State<Vault>, session: Session, Path(id_or_token): Path<String>) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let delete = sqlx::query("DELETE FROM invitations WHERE (id = $1 OR token = $1) AND user_id = $2");
    if delete.bind(&id_or_token).bind(&session.user_id).execute(&mut *tx).await?.rows_affected() == 0 {
        return Err(not_found());
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn not_found() -> Error {
    Error::not_found("invitation_not_found")
}

fn response(invitation: Invitation) -> InvitationResponse {
    InvitationResponse { invitation, share_intents: vec![], recipient_public_key: None }
}

// The queries.

const INVITATIONS: &str = "SELECT id, token, user_id, public_key, keypair_external_id, encrypted_recipient_name, \
     encrypted_sender_name, public_key_id, email, mail_state, sent_at, state, created_at, expire_at, sequence \
     FROM invitations WHERE 1 = 1";

/// An invitation as the database holds it.
#[derive(Debug, FromRow)]
pub(super) struct Row {
    pub(super) id: String,
    token: String,
    pub(super) user_id: String,
    pub(super) public_key: String,
    pub(super) keypair_external_id: Option<String>,
    pub(super) encrypted_recipient_name: Option<String>,
    encrypted_sender_name: Option<String>,
    public_key_id: Option<String>,
    email: Option<String>,
    mail_state: Option<String>,
    sent_at: Option<Millis>,
    state: String,
    created_at: Millis,
    expire_at: Millis,
    sequence: i64,
}

impl Row {
    /// Whether it can still be accepted.
    pub(super) fn is_open(&self) -> bool {
        self.state == InvitationState::New.as_str()
    }

    /// The invitation as of `now`: what is too old has expired, whatever the database says.
    fn at(mut self, now: Millis) -> Self {
        if self.is_open() && self.expire_at <= now {
            self.state = InvitationState::Expired.as_str().to_owned();
        }
        self
    }

    /// The invitation as `reader` sees it: what the sender calls the other is nobody else's business.
    fn wire(self, reader: &str) -> Result<Invitation> {
        let sent = self.user_id == reader;
        Ok(Invitation {
            id: Id::maybe(Some(self.id).filter(|_| sent))?,
            token: self.token,
            created_at: Some(to_wire(self.created_at)),
            expire_at: Some(to_wire(self.expire_at)),
            state: Some(serde_json::from_value(self.state.into())?),
            outgoing: sent,
            email: self.email.filter(|_| sent),
            mail_state: self
                .mail_state
                .filter(|_| sent)
                .map(|state| serde_json::from_value(state.into()))
                .transpose()?,
            sent_at: maybe_time(self.sent_at.filter(|_| sent)),
            public_key_id: Id::maybe(self.public_key_id.filter(|_| sent))?,
            key_store_keypair_id: self.keypair_external_id.clone().filter(|_| sent),
            keypair_external_id: self.keypair_external_id.filter(|_| sent),
            encrypted_recipient_name: Ciphertext::maybe(self.encrypted_recipient_name.filter(|_| sent))?,
            encrypted_sender_name: self.encrypted_sender_name,
            sender_public_key: Some(self.public_key.clone()),
            user_public_key: Some(self.public_key),
            ..Invitation::default()
        })
    }
}

/// The invitation of this id or token.
pub(super) async fn find(db: &mut AnyConnection, id_or_token: &str, now: Millis) -> Result<Option<Row>> {
    let rows = Statement::new(INVITATIONS).text(" AND (id = ? OR token = ?)", id_or_token).fetch(db).await?;
    Ok(rows.into_iter().next().map(|row: Row| row.at(now)))
}

/// Whether the token opens this invitation (and not only its id).
pub(super) fn is_opened_by(row: &Row, token: &str) -> bool {
    row.token == token
}

/// Uses an invitation up. Of two who try at once, one does.
pub(super) async fn use_up(db: &mut AnyConnection, id: &str) -> Result<bool> {
    let update = sqlx::query("UPDATE invitations SET state = 'connected' WHERE id = $1 AND state = 'new'");
    let used = update.bind(id).execute(&mut *db).await?.rows_affected() == 1;
    mailing::forget(db, id).await?;
    Ok(used)
}

async fn insert(
    db: &mut AnyConnection,
    (id, token): (&str, &str),
    (user_id, (public_key_id, key)): (&str, &(String, ConnectionPublicKey)),
    details: &InvitationDetails,
    (created_at, expire_at): (Millis, Millis),
    sequence: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO invitations (id, token, user_id, public_key, keypair_external_id, encrypted_recipient_name, \
         public_key_id, state, created_at, expire_at, sequence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'new', $8, $9, $10)",
    )
    .bind(id)
    .bind(token)
    .bind(user_id)
    .bind(&key.public_key)
    .bind(&key.keypair_external_id)
    .bind(ciphertext_text(&details.encrypted_recipient_name))
    .bind(public_key_id)
    .bind(created_at)
    .bind(expire_at)
    .bind(sequence)
    .execute(db)
    .await?;
    Ok(())
}
