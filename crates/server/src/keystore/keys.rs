//! The key that wraps a user's keys (KEK), and the keys that encrypt data (DEKs), wrapped by it (http-api §4.5–4.6).

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use sqlx::AnyConnection;
use vaultshare::api::{
    Ciphertext, Id,
    keystore::keys::{
        DataEncryptionKeyRecord, DataEncryptionKeyResponse, KeyEncryptionKeyRecord, KeyEncryptionKeyResponse,
        NewDataEncryptionKey, NewKeyEncryptionKey,
    },
};

use super::Keystore;
use crate::{
    clock::Millis,
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    request::Body,
    service::Service,
    sessions::Session,
    store::new_id,
    wire::Stored,
};

pub(super) fn routes() -> Router<Keystore> {
    Router::new()
        .route("/key_encryption_key", get(show_kek).post(store_kek))
        .route("/data_encryption_keys", post(store_dek))
        .route("/data_encryption_keys/{id}", get(show_dek).delete(delete_dek))
}

async fn show_kek(State(keystore): State<Keystore>, session: Session) -> Result<Json<KeyEncryptionKeyResponse>> {
    let mut db = keystore.store().read_once().await?;
    let kek = find_kek(&mut db, &session.user_id).await?;
    kek.ok_or_else(|| Error::not_found("key_encryption_key_not_found")).and_then(kek_response).map(Json)
}

/// Stores the KEK; there is one per user, and the newest wins.
async fn store_kek(
    State(keystore): State<Keystore>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<NewKeyEncryptionKey>,
) -> Result<Response> {
    let mut change = match repeatable.begin(&keystore, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let wrapped = request.serialized_key_encryption_key.as_str();
    upsert_kek(&mut change.tx, &session.user_id, wrapped, keystore.clock().now()).await?;
    let kek = find_kek(&mut change.tx, &session.user_id).await?;
    let kek = kek.ok_or_else(|| Error::fault("a key encryption key vanished while it was stored"))?;
    change.answer(StatusCode::CREATED, &kek_response(kek)?).await
}

async fn store_dek(
    State(keystore): State<Keystore>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<NewDataEncryptionKey>,
) -> Result<Response> {
    let mut change = match repeatable.begin(&keystore, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let id = new_id();
    let wrapped = request.serialized_data_encryption_key;
    insert_dek(&mut change.tx, &id, &session.user_id, wrapped.as_str(), keystore.clock().now()).await?;
    let data_encryption_key = DataEncryptionKeyRecord { id: Id::stored(id)?, serialized_data_encryption_key: wrapped };
    change.answer(StatusCode::CREATED, &DataEncryptionKeyResponse { data_encryption_key }).await
}

async fn show_dek(
    State(keystore): State<Keystore>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<DataEncryptionKeyResponse>> {
    let mut db = keystore.store().read_once().await?;
    let wrapped = find_dek(&mut db, &id, &session.user_id).await?.ok_or_else(no_dek)?;
    let data_encryption_key =
        DataEncryptionKeyRecord { id: Id::stored(id)?, serialized_data_encryption_key: Ciphertext::stored(wrapped)? };
    Ok(Json(DataEncryptionKeyResponse { data_encryption_key }))
}

async fn delete_dek(State(keystore): State<Keystore>, session: Session, Path(id): Path<String>) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    if !remove_dek(&mut tx, &id, &session.user_id).await? {
        return Err(no_dek());
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_dek() -> Error {
    Error::not_found("data_encryption_key_not_found")
}

fn kek_response((id, wrapped): (String, String)) -> Result<KeyEncryptionKeyResponse> {
    let key_encryption_key =
        KeyEncryptionKeyRecord { id: Id::stored(id)?, serialized_key_encryption_key: Ciphertext::stored(wrapped)? };
    Ok(KeyEncryptionKeyResponse { key_encryption_key })
}

// The queries.

async fn find_kek(db: &mut AnyConnection, user_id: &str) -> Result<Option<(String, String)>> {
    let kek = sqlx::query_as("SELECT id, serialized FROM key_encryption_keys WHERE user_id = $1");
    Ok(kek.bind(user_id).fetch_optional(db).await?)
}

async fn upsert_kek(db: &mut AnyConnection, user_id: &str, wrapped: &str, now: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO key_encryption_keys (user_id, id, serialized, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id) DO UPDATE SET serialized = excluded.serialized, updated_at = excluded.updated_at",
    )
    .bind(user_id)
    .bind(new_id())
    .bind(wrapped)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

async fn insert_dek(db: &mut AnyConnection, id: &str, user_id: &str, wrapped: &str, now: Millis) -> Result<()> {
    sqlx::query("INSERT INTO data_encryption_keys (id, user_id, serialized, created_at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(user_id)
        .bind(wrapped)
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

async fn find_dek(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Option<String>> {
    let dek = sqlx::query_scalar("SELECT serialized FROM data_encryption_keys WHERE id = $1 AND user_id = $2");
    Ok(dek.bind(id).bind(user_id).fetch_optional(db).await?)
}

async fn remove_dek(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM data_encryption_keys WHERE id = $1 AND user_id = $2");
    Ok(delete.bind(id).bind(user_id).execute(db).await?.rows_affected() == 1)
}
