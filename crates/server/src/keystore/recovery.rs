//! Recovery keys, for users who forget their passphrase (docs/protocol/http-api.md §4.9). One is made by who proves the
//! passphrase ([`super::login`]), and signs in like it.

use axum::{Json, extract::State, http::StatusCode};
use vaultshare::api::{
    Ciphertext,
    keystore::recovery::{RecoveryKeyRecord, RecoveryKeyResponse},
};

use super::{Keystore, records::recovery_keys};
use crate::{
    auth::Session,
    clock::to_wire,
    error::{Code, Error, Result},
    service::Service,
};

/// The user's recovery key, as far as the server knows it.
#[utoipa::path(
    get, path = "/recovery_key",
    responses((status = 200, body = RecoveryKeyResponse), (status = 404)),
)]
pub(super) async fn show(State(keystore): State<Keystore>, session: Session) -> Result<Json<RecoveryKeyResponse>> {
    let mut db = keystore.store().read_once().await?;
    let found = recovery_keys::find(&mut db, &session.user_id).await?;
    let found = found.ok_or_else(|| Error::not_found(Code::RecoveryKeyNotFound))?;
    let recovery_key = RecoveryKeyRecord {
        serialized_key_encryption_key: Ciphertext::parse(found.serialized)
            .ok_or_else(|| Error::fault("a stored key is unreadable"))?,
        created_at: to_wire(found.created_at),
    };
    Ok(Json(RecoveryKeyResponse { recovery_key }))
}

/// Revokes the user's recovery key, where there is one.
#[utoipa::path(delete, path = "/recovery_key", responses((status = 204)))]
pub(super) async fn delete(State(keystore): State<Keystore>, session: Session) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    recovery_keys::delete(&mut tx, &session.user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
