//! RSA key pairs, the private key wrapped by the user's KEK (docs/protocol/http-api.md §4.7). The Vault calls their ids
//! `keypair_external_id`.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use vaultshare::api::keystore::keypairs::{KeypairResponse, NewKeypair};

use super::{
    Keystore,
    keys::check_quota,
    records::keypairs::{self, KeypairChange, not_found},
};
use crate::{
    auth::Session,
    bounds::{Bounded, KEY, LONG_TEXT, check_identifiers, check_json, check_length},
    config::Limits,
    error::{Code, Result},
    idempotency::{Begun, Idempotency},
    request::{Body, Path, check_unchanged},
    service::Service,
    store::new_id,
};

/// Stores a key pair.
#[utoipa::path(
    post, path = "/keypairs",
    request_body = NewKeypair,
    params(Idempotency),
    responses((status = 201, body = KeypairResponse), (status = 403)),
)]
pub(super) async fn store(
    State(keystore): State<Keystore>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewKeypair>,
) -> Result<Response> {
    let mut change = match idempotency.begin(&keystore, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    check_quota(&mut change.tx, &keystore, &session.user_id).await?;
    let id = new_id();
    keypairs::insert(&mut change.tx, &id, &session.user_id, &request, keystore.clock()).await?;
    keypairs::insert_identifiers(&mut change.tx, &id, &session.user_id, &request.external_identifiers).await?;
    let response = keypairs::response(&mut change.tx, &id, &session.user_id).await?;
    change.answer(StatusCode::CREATED, &response).await
}

/// One key pair.
#[utoipa::path(get, path = "/keypairs/{id}", responses((status = 200, body = KeypairResponse)))]
pub(super) async fn show(
    State(keystore): State<Keystore>,
    session: Session,
    Path(id): Path,
) -> Result<Json<KeypairResponse>> {
    let mut db = keystore.store().read().await?;
    keypairs::response(&mut db, &id, &session.user_id).await.map(Json)
}

/// The newest key pair of this name.
#[utoipa::path(get, path = "/keypairs/external_id/{external_id}", responses((status = 200, body = KeypairResponse)))]
pub(super) async fn show_by_identifier(
    State(keystore): State<Keystore>,
    session: Session,
    Path(identifier): Path,
) -> Result<Json<KeypairResponse>> {
    let mut db = keystore.store().read().await?;
    let id = keypairs::find_newest(&mut db, &session.user_id, &identifier).await?.ok_or_else(not_found)?;
    keypairs::response(&mut db, &id, &session.user_id).await.map(Json)
}

/// Changes a key pair.
#[utoipa::path(
    patch, path = "/keypairs/{id}",
    request_body = KeypairChange,
    responses((status = 200, body = KeypairResponse), (status = 409)),
)]
pub(super) async fn change(
    State(keystore): State<Keystore>,
    session: Session,
    Path(id): Path,
    Body(request): Body<KeypairChange>,
) -> Result<Json<KeypairResponse>> {
    let mut tx = keystore.store().write().await?;
    let keypair = keypairs::find(&mut tx, &id, &session.user_id).await?.ok_or_else(not_found)?;
    check_unchanged(Code::KeypairChanged, request.unchanged_since.as_deref(), keypair.updated_at)?;
    keypairs::update(&mut tx, &id, &request, keystore.clock().now()).await?;
    if let Some(identifiers) = &request.external_identifiers {
        keypairs::delete_identifiers(&mut tx, &id).await?;
        keypairs::insert_identifiers(&mut tx, &id, &session.user_id, identifiers).await?;
    }
    let response = keypairs::response(&mut tx, &id, &session.user_id).await?;
    tx.commit().await?;
    Ok(Json(response))
}

/// Deletes a key pair.
#[utoipa::path(delete, path = "/keypairs/{id}", responses((status = 204)))]
pub(super) async fn delete(State(keystore): State<Keystore>, session: Session, Path(id): Path) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    keypairs::find(&mut tx, &id, &session.user_id).await?.ok_or_else(not_found)?;
    keypairs::delete(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Bounded for KeypairChange {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("public_key", self.public_key.as_deref(), KEY)?;
        check_json("metadata", self.metadata.as_ref(), LONG_TEXT)?;
        check_identifiers(self.external_identifiers.as_deref().unwrap_or_default())
    }
}
