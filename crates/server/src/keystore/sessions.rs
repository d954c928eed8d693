//! Looking after sessions: when they end, and ending them sooner (http-api §4.8).

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{delete, get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use vaultshare::api::{
    Id,
    keystore::srp::{KeystoreSession, KeystoreSessionResponse},
};

use super::Keystore;
use crate::{
    clock::to_wire,
    error::Result,
    request::{Body, Parameters},
    service::Service,
    sessions::{self, Session},
    wire::Stored,
};

pub(super) fn routes() -> Router<Keystore> {
    Router::new()
        .route("/session", get(show).delete(end))
        .route("/session/all", delete(end_all))
        .route("/session/limited_in_time", post(limited_in_time))
}

async fn show(session: Session) -> Json<Value> {
    Json(json!({ "valid_till": to_wire(session.expires_at) }))
}

async fn end(State(keystore): State<Keystore>, session: Session) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    sessions::end(&mut tx, &session.id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_all(State(keystore): State<Keystore>, session: Session, parameters: Parameters) -> Result<StatusCode> {
    let except_current = parameters.flag("except_current").unwrap_or(false);
    let mut tx = keystore.store().write().await?;
    sessions::end_all(&mut tx, &session, except_current).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct LimitedSession {
    valid_for: Option<u64>,
}

/// Another session for the same user, never a longer one than the one that asks: a token cannot prolong itself.
async fn limited_in_time(
    State(keystore): State<Keystore>,
    session: Session,
    Body(request): Body<LimitedSession>,
) -> Result<(StatusCode, Json<KeystoreSessionResponse>)> {
    let now = keystore.clock().now();
    let lifetime = sessions::lifetime(&keystore, request.valid_for)?.min(session.remaining(now));
    let mut tx = keystore.store().write().await?;
    let username: String = sqlx::query_scalar("SELECT username FROM users WHERE id = $1")
        .bind(&session.user_id)
        .fetch_one(&mut *tx)
        .await?;
    let issued = sessions::issue(&mut tx, &session.user_id, now, lifetime).await?;
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
