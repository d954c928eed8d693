//! The key that wraps a user's keys (KEK), and the keys that encrypt data (DEKs), wrapped by it
//! (docs/protocol/http-api.md §4.5–4.6).

use axum::{Json, extract::State, http::StatusCode, response::Response};
use sqlx::AnyConnection;
use vaultshare::api::{
    Ciphertext, Id,
    keystore::keys::{
        DataEncryptionKeyRecord, DataEncryptionKeyResponse, KeyEncryptionKeyRecord, KeyEncryptionKeyResponse,
        NewDataEncryptionKey, NewKeyEncryptionKey,
    },
};

use super::{Keystore, records::keys};
use crate::{
    auth::Session,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    request::{Body, Path},
    service::Service,
    store::new_id,
    wire::Stored,
};

/// The KEK.
#[utoipa::path(
    get, path = "/key_encryption_key",
    responses((status = 200, body = KeyEncryptionKeyResponse), (status = 404)),
)]
pub(super) async fn show_kek(
    State(keystore): State<Keystore>,
    session: Session,
) -> Result<Json<KeyEncryptionKeyResponse>> {
    let mut db = keystore.store().read_once().await?;
    let kek = keys::find_kek(&mut db, &session.user_id).await?;
    kek.ok_or_else(|| Error::not_found(Code::KeyEncryptionKeyNotFound)).and_then(kek_response).map(Json)
}

/// Stores the KEK. Each user has one, and it stays: whoever replaced it would destroy all that is under it.
#[utoipa::path(
    post, path = "/key_encryption_key",
    request_body = NewKeyEncryptionKey,
    params(Idempotency),
    responses((status = 201, body = KeyEncryptionKeyResponse), (status = 409)),
)]
pub(super) async fn store_kek(
    State(keystore): State<Keystore>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewKeyEncryptionKey>,
) -> Result<Response> {
    let mut change = match idempotency.begin(&keystore, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let wrapped = request.serialized_key_encryption_key.as_str();
    keys::insert_kek(&mut change.tx, &session.user_id, wrapped, keystore.clock().now()).await?;
    let kek = keys::find_kek(&mut change.tx, &session.user_id).await?;
    let kek = kek.ok_or_else(|| Error::fault("a key encryption key vanished while it was stored"))?;
    if kek.1 != wrapped {
        let message = "The user has another key encryption key";
        return Err(Error::refused(Code::KeyEncryptionKeyExists, message));
    }
    change.answer(StatusCode::CREATED, &kek_response(kek)?).await
}

/// Stores a DEK. A user has any number of them.
#[utoipa::path(
    post, path = "/data_encryption_keys",
    request_body = NewDataEncryptionKey,
    params(Idempotency),
    responses((status = 201, body = DataEncryptionKeyResponse), (status = 403)),
)]
pub(super) async fn store_dek(
    State(keystore): State<Keystore>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewDataEncryptionKey>,
) -> Result<Response> {
    let mut change = match idempotency.begin(&keystore, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    check_quota(&mut change.tx, &keystore, &session.user_id).await?;
    let id = new_id();
    let wrapped = request.serialized_data_encryption_key;
    keys::insert_dek(&mut change.tx, &id, &session.user_id, wrapped.as_str(), keystore.clock().now()).await?;
    let data_encryption_key = DataEncryptionKeyRecord { id: Id::stored(id)?, serialized_data_encryption_key: wrapped };
    change.answer(StatusCode::CREATED, &DataEncryptionKeyResponse { data_encryption_key }).await
}

/// One DEK.
#[utoipa::path(get, path = "/data_encryption_keys/{id}", responses((status = 200, body = DataEncryptionKeyResponse)))]
pub(super) async fn show_dek(
    State(keystore): State<Keystore>,
    session: Session,
    Path(id): Path,
) -> Result<Json<DataEncryptionKeyResponse>> {
    let mut db = keystore.store().read_once().await?;
    let wrapped = keys::find_dek(&mut db, &id, &session.user_id).await?.ok_or_else(dek_not_found)?;
    let data_encryption_key =
        DataEncryptionKeyRecord { id: Id::stored(id)?, serialized_data_encryption_key: Ciphertext::stored(wrapped)? };
    Ok(Json(DataEncryptionKeyResponse { data_encryption_key }))
}

/// Deletes a DEK.
#[utoipa::path(delete, path = "/data_encryption_keys/{id}", responses((status = 204)))]
pub(super) async fn delete_dek(
    State(keystore): State<Keystore>,
    session: Session,
    Path(id): Path,
) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    if !keys::delete_dek(&mut tx, &id, &session.user_id).await? {
        return Err(dek_not_found());
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn dek_not_found() -> Error {
    Error::not_found(Code::DataEncryptionKeyNotFound)
}

fn kek_response((id, wrapped): (String, String)) -> Result<KeyEncryptionKeyResponse> {
    let key_encryption_key =
        KeyEncryptionKeyRecord { id: Id::stored(id)?, serialized_key_encryption_key: Ciphertext::stored(wrapped)? };
    Ok(KeyEncryptionKeyResponse { key_encryption_key })
}

/// Refuses another key, of any kind, to who has as many as a user can have. No more are counted than that.
pub(super) async fn check_quota(db: &mut AnyConnection, keystore: &Keystore, user_id: &str) -> Result<()> {
    let most = keystore.limits().quota_keys;
    if most > 0 && keys::count(db, user_id).await? >= most {
        return Err(Error::refused(Code::QuotaExceeded, format!("A user of this server has at most {most} keys")));
    }
    Ok(())
}
