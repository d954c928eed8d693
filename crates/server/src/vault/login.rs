//! Login to the Vault: the session token is encrypted for the user's public key, so that only the holder of the private
//! key can use it (docs/protocol/http-api.md §5.2, §5.4). And sessions after login.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::AnyConnection;
use vaultshare::api::vault::session::{EncryptedSession, SessionRequest, SessionResponse};

use super::{Vault, records::users};
use crate::{
    auth::{self, EndAllParams, Issued, Session},
    bounds::Bounded,
    client_address::ClientAddress,
    clock::{Millis, to_wire},
    config::Limits,
    error::{Error, Result},
    public_key,
    query::Query,
    request::Body,
    service::Service,
};

pub(super) async fn create(
    State(vault): State<Vault>,
    address: ClientAddress,
    Body(request): Body<SessionRequest>,
) -> Result<(StatusCode, Json<SessionResponse>)> {
    let lifetime = auth::lifetime(&vault, request.valid_for)?;
    let network = address.network();
    let limit = vault.rate_limits().sessions(&network);
    let mut db = vault.store().read().await?;
    let is_too_many = limit.wait(&mut db, vault.clock().now()).await?.is_some();
    let user_id = users::find_by_public_key(&mut db, &request.public_key).await?.ok_or_else(Error::not_authorized)?;
    check_enabled(&mut db, &user_id).await?;
    drop(db);
    let _place = match is_too_many {
        true => Some(vault.rate_limits().slow_down(&network).await?),
        false => None,
    };
    // Outside of the transaction: encrypting takes time, and there is one writer.
    let session = Issued::new(vault.clock().now(), lifetime)?;
    let encrypted_session_authentication_string =
        public_key::encrypt_token(&vault.work().sign_ins, &request.public_key, &session.token).await?;
    let mut tx = vault.store().write().await?;
    limit.take(&mut tx, session.valid_from).await?;
    let user_id = users::find_by_public_key(&mut tx, &request.public_key).await?.ok_or_else(Error::not_authorized)?;
    check_enabled(&mut tx, &user_id).await?;
    auth::insert(&mut tx, &user_id, &session).await?;
    tx.commit().await?;
    let session = EncryptedSession { encrypted_session_authentication_string };
    Ok((StatusCode::CREATED, Json(SessionResponse { session })))
}

async fn check_enabled(db: &mut AnyConnection, user_id: &str) -> Result<()> {
    if auth::is_disabled(db, user_id).await? {
        return Err(auth::user_disabled());
    }
    Ok(())
}

pub(super) async fn show(session: Session, headers: HeaderMap) -> Json<Value> {
    Json(json!({ "session_type": "token", "user_access_token": shown(&session, &headers) }))
}

/// The session with its user. Its expiry stays what it was: a token cannot extend itself.
pub(super) async fn resume(State(vault): State<Vault>, session: Session, headers: HeaderMap) -> Result<Json<Value>> {
    let mut db = vault.store().read_once().await?;
    let user = users::find(&mut db, &session.user_id).await?;
    Ok(Json(json!({ "token_type": "bearer", "user_access_token": shown(&session, &headers), "user": user })))
}

/// The token as the request has it: the server itself knows only its hash.
fn shown(session: &Session, headers: &HeaderMap) -> Value {
    access_token(&session.id, auth::token_in(headers).unwrap_or_default(), session.expires_at)
}

fn access_token(id: &str, token: &str, expires_at: Millis) -> Value {
    json!({
        "id": id,
        "token": token,
        "client_identifier": null,
        "timezone": null,
        "expire_at": to_wire(expires_at),
        // Other people's generated clients of up to 2022 expect these strings.
        "name": "",
        "device_push_token": "",
        "push_token_platform": "",
    })
}

pub(super) async fn end(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    auth::end(&mut tx, &session.id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn end_all(
    State(vault): State<Vault>,
    session: Session,
    Query(params): Query<EndAllParams>,
) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    auth::end_all(&mut tx, &session, params.except_current()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct LimitedSession {
    valid_for_seconds: Option<u64>,
}

impl Bounded for LimitedSession {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        Ok(())
    }
}

/// Another session for the same user. It ends no later than the caller's own: a token cannot extend itself.
pub(super) async fn limited_in_time(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<LimitedSession>,
) -> Result<(StatusCode, Json<Value>)> {
    let now = vault.clock().now();
    let lifetime = auth::lifetime(&vault, request.valid_for_seconds)?.min(session.remaining(now));
    let issued = Issued::new(now, lifetime)?;
    let public_key = users::public_key_of(&mut *vault.store().read_once().await?, &session.user_id).await?;
    let encrypted_session_authentication_string =
        public_key::encrypt_token(&vault.work().requests, &public_key, &issued.token).await?;
    let mut tx = vault.store().write().await?;
    auth::require(&mut tx, &session).await?;
    auth::insert(&mut tx, &session.user_id, &issued).await?;
    tx.commit().await?;
    // Encrypted, as clients expect it, and plain, as the protocol documents it: the caller is signed in as the user.
    let body = json!({
        "session": EncryptedSession { encrypted_session_authentication_string },
        "session_type": "token",
        "user_access_token": access_token(&issued.id, &issued.token, issued.valid_till),
    });
    Ok((StatusCode::CREATED, Json(body)))
}
