//! Sessions after login: expiry, logout, and shorter sessions for other processes (docs/protocol/http-api.md §4.8).

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use vaultshare::api::{
    Id,
    keystore::srp::{KeystoreSession, KeystoreSessionResponse},
};

use super::{Keystore, records::users};
use crate::{
    auth::{self, EndAllParams, Session},
    bounds::Bounded,
    clock::to_wire,
    config::Limits,
    error::Result,
    query::Query,
    request::Body,
    service::Service,
    wire::Stored,
};

pub(super) async fn show(session: Session) -> Json<Value> {
    Json(json!({ "valid_till": to_wire(session.expires_at) }))
}

pub(super) async fn end(State(keystore): State<Keystore>, session: Session) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    auth::end(&mut tx, &session.id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn end_all(
    State(keystore): State<Keystore>,
    session: Session,
    Query(params): Query<EndAllParams>,
) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    auth::end_all(&mut tx, &session, params.except_current()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct LimitedSession {
    valid_for: Option<u64>,
}

impl Bounded for LimitedSession {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        Ok(())
    }
}

/// Another session for the same user. It ends no later than the caller's own: a token cannot extend itself.
pub(super) async fn limited_in_time(
    State(keystore): State<Keystore>,
    session: Session,
    Body(request): Body<LimitedSession>,
) -> Result<(StatusCode, Json<KeystoreSessionResponse>)> {
    let now = keystore.clock().now();
    let lifetime = auth::lifetime(&keystore, request.valid_for)?.min(session.remaining(now));
    let mut tx = keystore.store().write().await?;
    auth::require(&mut tx, &session).await?;
    let username = users::username_of(&mut tx, &session.user_id).await?;
    let issued = auth::issue(&mut tx, &session.user_id, now, lifetime).await?;
    tx.commit().await?;
    let session = KeystoreSession {
        id: Id::stored(issued.id)?,
        session_authentication_string: issued.token,
        valid_from: Some(to_wire(issued.valid_from)),
        valid_till: Some(to_wire(issued.valid_till)),
        username: Some(username),
    };
    Ok((StatusCode::CREATED, Json(KeystoreSessionResponse { session })))
}
