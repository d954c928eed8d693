//! Signing in to the Vault: whoever holds the private key can read the token (http-api §5.2, §5.4).

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{delete, get, patch, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use vaultshare::api::vault::session::{EncryptedSession, SessionRequest, SessionResponse};

use super::{Vault, me, public_key};
use crate::{
    clock::{Millis, to_wire},
    error::{Error, Result},
    request::{Body, Parameters},
    service::Service,
    sessions::{self, Issued, Session},
};

pub(super) fn routes() -> Router<Vault> {
    Router::new()
        .route("/session", get(show).post(create).delete(end))
        .route("/session/all", delete(end_all))
        .route("/session/resume", patch(resume))
        .route("/session/limited_in_time", post(limited_in_time))
}

async fn create(
    State(vault): State<Vault>,
    Body(request): Body<SessionRequest>,
) -> Result<(StatusCode, Json<SessionResponse>)> {
    let lifetime = sessions::lifetime(&vault, request.valid_for)?;
    let mut db = vault.store().read_once().await?;
    me::find_by_public_key(&mut db, &request.public_key).await?.ok_or_else(Error::not_authorized)?;
    drop(db);
    // Outside of the transaction: encrypting takes its time, and whoever writes holds up everybody else who does.
    let session = Issued::new(vault.clock().now(), lifetime)?;
    let encrypted_session_authentication_string =
        public_key::encrypt_token(&request.public_key, &session.token).await?;
    let mut tx = vault.store().write().await?;
    let user_id = me::find_by_public_key(&mut tx, &request.public_key).await?.ok_or_else(Error::not_authorized)?;
    sessions::keep(&mut tx, &user_id, &session).await?;
    tx.commit().await?;
    let session = EncryptedSession { encrypted_session_authentication_string };
    Ok((StatusCode::CREATED, Json(SessionResponse { session })))
}

/// Shows when the session ends.
async fn show(session: Session, headers: HeaderMap) -> Json<Value> {
    Json(json!({ "session_type": "token", "user_access_token": shown(&session, &headers) }))
}

/// Shows the session with its user. It ends when it would have: a token cannot prolong itself.
async fn resume(State(vault): State<Vault>, session: Session, headers: HeaderMap) -> Result<Json<Value>> {
    let mut db = vault.store().read_once().await?;
    let user = me::find(&mut db, &session.user_id).await?;
    Ok(Json(json!({ "token_type": "bearer", "user_access_token": shown(&session, &headers), "user": user })))
}

/// The token as the request brought it: the server itself knows only its hash.
fn shown(session: &Session, headers: &HeaderMap) -> Value {
    access_token(&session.id, sessions::token_in(headers).unwrap_or_default(), session.expires_at)
}

fn access_token(id: &str, token: &str, expires_at: Millis) -> Value {
    json!({
        "id": id,
        "token": token,
        "client_identifier": null,
        "timezone": null,
        "expire_at": to_wire(expires_at),
        // Generated clients until 2022 have these, all of them texts.
        "name": "",
        "device_push_token": "",
        "push_token_platform": "",
    })
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
    let public_key = me::public_key_of(&mut tx, &session.user_id).await?;
    tx.commit().await?;
    let encrypted_session_authentication_string = public_key::encrypt_token(&public_key, &issued.token).await?;
    // Encrypted as the clients declare it, and in the open as the documents have it: the caller is the user either way.
    let body = json!({
        "session": EncryptedSession { encrypted_session_authentication_string },
        "session_type": "token",
        "user_access_token": access_token(&issued.id, &issued.token, issued.valid_till),
    });
    Ok((StatusCode::CREATED, Json(body)))
}
