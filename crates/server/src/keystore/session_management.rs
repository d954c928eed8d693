//! Sessions after login: expiry, logout, shorter sessions for other processes, and what a device needs to resume one
//! (docs/protocol/http-api.md §4.8).

use axum::{Json, extract::State, http::StatusCode};
use base64ct::{Base64UrlUnpadded, Encoding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vaultshare::api::{
    Id, Timestamp,
    keystore::{
        session::{NewSessionHalf, SessionHalf},
        srp::{KeystoreSession, KeystoreSessionResponse},
    },
};

use super::{
    Keystore,
    records::{session_halves, users},
};
use crate::{
    auth::{self, EndAllParams, Session},
    bounds::Bounded,
    clock::to_wire,
    config::Limits,
    error::{Code, Error, Result},
    query::Query,
    request::{Body, read_expiry},
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

const HALF_BYTES: usize = 32;

/// What was stored with this session.
#[utoipa::path(get, path = "/session/half", responses((status = 200, body = SessionHalf), (status = 404)))]
pub(super) async fn show_half(State(keystore): State<Keystore>, session: Session) -> Result<Json<SessionHalf>> {
    let mut db = keystore.store().read_once().await?;
    let half = session_halves::find(&mut db, &session.id, keystore.clock().now()).await?;
    let (half, expires_at) = half.ok_or_else(|| Error::not_found(Code::SessionHalfNotFound))?;
    Ok(Json(SessionHalf { half, expires_at: to_wire(expires_at) }))
}

/// Stores half of what a device needs to resume this session. It goes with the session, or before. The first that is stored
/// stays, and only its end changes: a device that asks again keeps what it has.
#[utoipa::path(
    put, path = "/session/half",
    request_body = NewSessionHalf,
    responses((status = 200, body = SessionHalf)),
)]
pub(super) async fn store_half(
    State(keystore): State<Keystore>,
    session: Session,
    Body(request): Body<NewSessionHalf>,
) -> Result<Json<SessionHalf>> {
    let read = Base64UrlUnpadded::decode(&request.half, &mut [0; HALF_BYTES]).map(<[u8]>::len);
    if read != Ok(HALF_BYTES) {
        return Err(Error::refused(Code::InvalidHalf, "must be 32 bytes in base64url without padding").at("half"));
    }
    let now = keystore.clock().now();
    let wanted = request.expires_at.map(|end| read_expiry(&end, now)).transpose()?;
    let expires_at = wanted.map_or(session.expires_at, |end| end.min(session.expires_at));
    let mut tx = keystore.store().write().await?;
    auth::require(&mut tx, &session).await?;
    let held = session_halves::find(&mut tx, &session.id, now).await?;
    let half = held.map_or(request.half, |(half, _)| half);
    session_halves::put(&mut tx, &session.id, &half, expires_at).await?;
    tx.commit().await?;
    Ok(Json(SessionHalf { half, expires_at: to_wire(expires_at) }))
}
