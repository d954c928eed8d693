//! Encryption spaces: the DEK that two connected users share, each with a copy of it under their own KEK
//! (encryption-spaces §1.4 and §1.5). Whoever claimed the key of a space may join it; to everyone else it is not there.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id,
    keystore::encryption_spaces::{EncryptionSpaceKey, EncryptionSpaceResponse, NewEncryptionSpace},
};

use super::{Keystore, shared_keys};
use crate::{
    clock::Millis,
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    request::Body,
    service::Service,
    sessions::Session,
    store::new_id,
    wire::{Stored, id_text},
};

pub(super) fn routes() -> Router<Keystore> {
    Router::new().route("/encryption_spaces", post(create)).route("/encryption_spaces/{id}", get(show).delete(leave))
}

/// Makes a space, or joins the one whose key the caller claimed. Who has joined already gets the copy they have: both
/// are copies of one key.
async fn create(
    State(keystore): State<Keystore>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<NewEncryptionSpace>,
) -> Result<Response> {
    let mut change = match repeatable.begin(&keystore, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let space_id = match id_text(&request.encryption_space_id) {
        Some(joined) if shared_keys::was_claimed_by(db, joined, &session.user_id).await? => joined.to_owned(),
        Some(_) => return Err(not_found()),
        None => new_id(),
    };
    let copy = request.encrypted_serialized_key.as_str();
    insert(db, &space_id, &session.user_id, copy, keystore.clock().now()).await?;
    let response = response(db, &space_id, &session.user_id).await?;
    change.answer(StatusCode::CREATED, &response).await
}

async fn show(
    State(keystore): State<Keystore>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<EncryptionSpaceResponse>> {
    let mut db = keystore.store().read_once().await?;
    response(&mut db, &id, &session.user_id).await.map(Json)
}

/// Removes the caller's copy, and what the caller left there to be claimed.
async fn leave(State(keystore): State<Keystore>, session: Session, Path(id): Path<String>) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    if !is_member(&mut tx, &id, &session.user_id).await? {
        return Err(not_found());
    }
    for statement in [
        "DELETE FROM encryption_space_keys WHERE space_id = $1 AND user_id = $2",
        "DELETE FROM shared_keys WHERE space_id = $1 AND user_id = $2",
    ] {
        sqlx::query(statement).bind(&id).bind(&session.user_id).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn not_found() -> Error {
    Error::not_found("encryption_space_not_found")
}

// The queries.

#[derive(FromRow)]
struct Row {
    id: String,
    space_id: String,
    serialized: String,
}

async fn response(db: &mut AnyConnection, space_id: &str, user_id: &str) -> Result<EncryptionSpaceResponse> {
    let row = sqlx::query_as(
        "SELECT id, space_id, serialized FROM encryption_space_keys WHERE space_id = $1 AND user_id = $2",
    );
    let row: Option<Row> = row.bind(space_id).bind(user_id).fetch_optional(db).await?;
    let row = row.ok_or_else(not_found)?;
    let encryption_space_data_encryption_key = EncryptionSpaceKey {
        id: Id::stored(row.id)?,
        encryption_space_id: Id::stored(row.space_id)?,
        serialized_data_encryption_key: Ciphertext::stored(row.serialized)?,
    };
    Ok(EncryptionSpaceResponse { encryption_space_data_encryption_key })
}

/// Whether the user has a copy of the space's key.
pub(super) async fn is_member(db: &mut AnyConnection, space_id: &str, user_id: &str) -> Result<bool> {
    let copies = sqlx::query_scalar("SELECT COUNT(*) FROM encryption_space_keys WHERE space_id = $1 AND user_id = $2");
    let copies: i64 = copies.bind(space_id).bind(user_id).fetch_one(db).await?;
    Ok(copies > 0)
}

async fn insert(db: &mut AnyConnection, space_id: &str, user_id: &str, copy: &str, now: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO encryption_space_keys (id, space_id, user_id, serialized, created_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (space_id, user_id) DO NOTHING",
    )
    .bind(new_id())
    .bind(space_id)
    .bind(user_id)
    .bind(copy)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}
