//! Sessions after login: expiry, logout, and shorter sessions for other processes (docs/protocol/http-api.md §4.8).

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vaultshare::api::{
    Id, Timestamp,
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

/// When a session ends.
#[derive(Serialize, JsonSchema)]
pub(super) struct SessionEnd {
    /// ISO-8601, UTC.
    valid_till: Timestamp,
}

/// Says when the session ends.
#[utoipa::path(get, path = "/session", responses((status = 200, body = SessionEnd)))]
pub(super) async fn show(session: Session) -> Json<SessionEnd> {
    Json(SessionEnd { valid_till: to_wire(session.expires_at) })
}

/// Signs out.
#[utoipa::path(delete, path = "/session", responses((status = 204)))]
pub(super) async fn end(State(keystore): State<Keystore>, session: Session) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    auth::end(&mut tx, &session.id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of the user.
#[utoipa::path(delete, path = "/session/all", params(EndAllParams), responses((status = 204)))]
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

/// What is asked of another session.
#[derive(Deserialize, JsonSchema)]
pub(super) struct LimitedSession {
    /// How long it is wanted for, in seconds; it ends with the caller's own at the latest.
    valid_for: Option<u64>,
}

vaultshare::describe!(READ: LimitedSession);
vaultshare::describe!(SENT: SessionEnd);

impl Bounded for LimitedSession {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        Ok(())
    }
}

/// Another session for the same user. It ends no later than the caller's own: a token cannot extend itself.
#[utoipa::path(
    post, path = "/session/limited_in_time",
    request_body = LimitedSession,
    responses((status = 201, body = KeystoreSessionResponse)),
)]
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
        srp_m2: None,
    };
    Ok((StatusCode::CREATED, Json(KeystoreSessionResponse { session })))
}
