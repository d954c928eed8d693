//! Signing in to the Vault: whoever holds the private key can read the token (http-api §5.2, §5.4).

use super::{Vault, me, public_key};
use crate::clock::to_wire;
use crate::error::{Error, Result};
use crate::request::{Body, Parameters};
use crate::service::Service;
use crate::sessions::{self, Session};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use vaultshare::api::vault::session::{EncryptedSession, SessionRequest, SessionResponse};

pub(super) fn routes() -> Router<Vault> {
    Router::new()
        .route("/session", get(show).post(create).delete(end))
        .route("/session/all", delete(end_all))
        .route("/session/limited_in_time", post(limited_in_time))
}

async fn create(
    State(vault): State<Vault>,
    Body(request): Body<SessionRequest>,
) -> Result<(StatusCode, Json<SessionResponse>)> {
    let lifetime = sessions::lifetime(&vault, request.valid_for)?;
    let mut tx = vault.store().write().await?;
    let user_id = me::find_by_public_key(&mut tx, &request.public_key).await?.ok_or_else(Error::not_authorized)?;
    let session = sessions::issue(&mut tx, &user_id, vault.clock().now(), lifetime).await?;
    let encrypted_session_authentication_string =
        public_key::encrypt_token(&request.public_key, &session.token).await?;
    tx.commit().await?;
    let session = EncryptedSession { encrypted_session_authentication_string };
    Ok((StatusCode::CREATED, Json(SessionResponse { session })))
}

/// Shows when the session ends. It does not show the token: the server no longer knows it.
async fn show(session: Session) -> Json<Value> {
    let user_access_token = json!({
        "id": session.id,
        "token": null,
        "client_identifier": null,
        "timezone": null,
        "expire_at": to_wire(session.expires_at),
    });
    Json(json!({ "session_type": "token", "user_access_token": user_access_token }))
}

async fn end(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    sessions::end(&mut tx, &session.id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_all(State(vault): State<Vault>, session: Session, parameters: Parameters) -> Result<StatusCode> {
    let except_current = parameters.flag("except_current").unwrap_or(false);
    let mut tx = vault.store().write().await?;
    sessions::end_all(&mut tx, &session, except_current).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct LimitedSession {
    valid_for_seconds: Option<u64>,
}

/// Another session for the same user, never a longer one than the one that asks: a token cannot prolong itself.
async fn limited_in_time(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<LimitedSession>,
) -> Result<(StatusCode, Json<Value>)> {
    let now = vault.clock().now();
    let lifetime = sessions::lifetime(&vault, request.valid_for_seconds)?.min(session.remaining(now));
    let mut tx = vault.store().write().await?;
    let issued = sessions::issue(&mut tx, &session.user_id, now, lifetime).await?;
    tx.commit().await?;
    let user_access_token = json!({
        "id": issued.id,
        "token": issued.token,
        "client_identifier": null,
        "timezone": null,
        "expire_at": to_wire(issued.valid_till),
    });
    let body = json!({ "session_type": "token", "user_access_token": user_access_token });
    Ok((StatusCode::CREATED, Json(body)))
}
