//! Encryption spaces: a DEK shared by two connected users, each with a copy of it wrapped by their own KEK
//! (docs/protocol/encryption-spaces-and-setup.md §1.4 and §1.5). Whoever claimed the key of a space may join it; to
//! everyone else it does not exist.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use vaultshare::api::keystore::encryption_spaces::{EncryptionSpaceResponse, NewEncryptionSpace};

use super::{
    Keystore,
    keys::check_quota,
    records::{encryption_spaces, shared_keys},
};
use crate::{
    auth::Session,
    error::Result,
    idempotency::{Begun, Idempotency},
    request::{Body, Path},
    service::Service,
    store::new_id,
    wire::id_text,
};

/// Creates a space, or joins the one whose key the caller claimed.
#[utoipa::path(
    post, path = "/encryption_spaces",
    request_body = NewEncryptionSpace,
    params(Idempotency),
    responses((status = 201, body = EncryptionSpaceResponse), (status = 403), (status = 404)),
)]
pub(super) async fn create(
    State(keystore): State<Keystore>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewEncryptionSpace>,
) -> Result<Response> {
    let mut change = match idempotency.begin(&keystore, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    check_quota(db, &keystore, &session.user_id).await?;
    let space_id = match id_text(&request.encryption_space_id) {
        Some(joined) if shared_keys::was_claimed_by(db, joined, &session.user_id).await? => joined.to_owned(),
        Some(_) => return Err(encryption_spaces::not_found()),
        None => new_id(),
    };
    let wrapped_key = request.encrypted_serialized_key.as_str();
    encryption_spaces::add_member(db, &space_id, &session.user_id, wrapped_key, keystore.clock().now()).await?;
    let response = encryption_spaces::response(db, &space_id, &session.user_id).await?;
    change.answer(StatusCode::CREATED, &response).await
}

/// The caller's copy of a space's DEK.
#[utoipa::path(get, path = "/encryption_spaces/{id}", responses((status = 200, body = EncryptionSpaceResponse)))]
pub(super) async fn show(
    State(keystore): State<Keystore>,
    session: Session,
    Path(id): Path,
) -> Result<Json<EncryptionSpaceResponse>> {
    let mut db = keystore.store().read_once().await?;
    encryption_spaces::response(&mut db, &id, &session.user_id).await.map(Json)
}

/// Deletes the caller's copy of a space's DEK.
#[utoipa::path(delete, path = "/encryption_spaces/{id}", responses((status = 204)))]
pub(super) async fn leave(State(keystore): State<Keystore>, session: Session, Path(id): Path) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    encryption_spaces::require_member(&mut tx, &id, &session.user_id).await?;
    encryption_spaces::remove_member(&mut tx, &id, &session.user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
