//! Login to the Vault: the session token is encrypted for the user's public key, so that only the holder of the private
//! key can use it (docs/protocol/http-api.md §5.2, §5.4). And sessions after login.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use vaultshare::api::{
    Timestamp,
    vault::{
        me::User,
        session::{EncryptedSession, SessionRequest, SessionResponse},
    },
};

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

/// Opens a session. Its token is encrypted for the public key of the user.
#[utoipa::path(
    post, path = "/session",
    request_body = SessionRequest,
    responses((status = 201, body = SessionResponse), (status = 401), (status = 403), (status = 429)),
    security(()),
)]
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
    check_may_sign_in(&mut db, &user_id, vault.clock().now()).await?;
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
    check_may_sign_in(&mut tx, &user_id, session.valid_from).await?;
    auth::insert(&mut tx, &user_id, &session).await?;
    tx.commit().await?;
    let session = EncryptedSession { encrypted_session_authentication_string };
    Ok((StatusCode::CREATED, Json(SessionResponse { session })))
}

/// Who is being deleted is as good as gone.
async fn check_may_sign_in(db: &mut AnyConnection, user_id: &str, now: Millis) -> Result<()> {
    if users::is_due_for_deletion(db, user_id, now).await? {
        return Err(Error::not_authorized());
    }
    if auth::is_disabled(db, user_id).await? {
        return Err(auth::user_disabled());
    }
    Ok(())
}

/// The session that the token is of.
#[utoipa::path(get, path = "/session", responses((status = 200, body = ShownSession)))]
pub(super) async fn show(session: Session, headers: HeaderMap) -> Json<ShownSession> {
    Json(ShownSession { session_type: "token", user_access_token: shown(&session, &headers) })
}

/// The session with its user. Its expiry stays what it was: a token cannot extend itself.
#[utoipa::path(patch, path = "/session/resume", responses((status = 200, body = ResumedSession)))]
pub(super) async fn resume(
    State(vault): State<Vault>,
    session: Session,
    headers: HeaderMap,
) -> Result<Json<ResumedSession>> {
    let mut db = vault.store().read_once().await?;
    let user = users::find(&mut db, &session.user_id).await?;
    Ok(Json(ResumedSession { token_type: "bearer", user_access_token: shown(&session, &headers), user }))
}

/// The token as the request has it: the server itself knows only its hash.
fn shown(session: &Session, headers: &HeaderMap) -> AccessToken {
    AccessToken::new(&session.id, auth::token_in(headers).unwrap_or_default(), session.expires_at)
}

/// A session's token.
#[derive(Serialize, JsonSchema)]
struct AccessToken {
    /// The session's id.
    id: String,
    /// A secret.
    token: String,
    /// Null.
    client_identifier: Option<String>,
    /// Null.
    timezone: Option<String>,
    /// When the session ends: ISO-8601, UTC.
    expire_at: Timestamp,
    /// Empty. Other people's generated clients of up to 2022 expect this and the next two strings.
    name: &'static str,
    /// Empty.
    device_push_token: &'static str,
    /// Empty.
    push_token_platform: &'static str,
}

impl AccessToken {
    fn new(id: &str, token: &str, expires_at: Millis) -> Self {
        Self {
            id: id.to_owned(),
            token: token.to_owned(),
            client_identifier: None,
            timezone: None,
            expire_at: to_wire(expires_at),
            name: "",
            device_push_token: "",
            push_token_platform: "",
        }
    }
}

/// Reply of `GET /session`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ShownSession {
    /// `token`.
    session_type: &'static str,
    /// As the request has it.
    user_access_token: AccessToken,
}

/// Reply of `PATCH /session/resume`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ResumedSession {
    /// `bearer`.
    token_type: &'static str,
    /// As the request has it.
    user_access_token: AccessToken,
    /// Whose session it is.
    user: User,
}

/// Reply of `POST /session/limited_in_time`: the token encrypted, as clients expect it, and plain, as the protocol documents it:
/// the caller is signed in as the user.
#[derive(Serialize, JsonSchema)]
pub(super) struct NewLimitedSession {
    /// For the user's public key.
    session: EncryptedSession,
    /// `token`.
    session_type: &'static str,
    /// The same token, not encrypted.
    user_access_token: AccessToken,
}

/// Signs out.
#[utoipa::path(delete, path = "/session", responses((status = 204)))]
pub(super) async fn end(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    auth::end(&mut tx, &session.id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of the user.
#[utoipa::path(delete, path = "/session/all", params(EndAllParams), responses((status = 204)))]
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

/// What is asked of another session.
#[derive(Deserialize, JsonSchema)]
pub(super) struct LimitedSession {
    /// How long it is wanted for; it ends with the caller's own at the latest.
    valid_for_seconds: Option<u64>,
}

vaultshare::describe!(READ: LimitedSession);
vaultshare::describe!(SENT: ShownSession, ResumedSession, NewLimitedSession);

impl Bounded for LimitedSession {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        Ok(())
    }
}

/// Another session for the same user. It ends no later than the caller's own: a token cannot extend itself.
#[utoipa::path(
    post, path = "/session/limited_in_time",
    request_body = LimitedSession,
    responses((status = 201, body = NewLimitedSession)),
)]
pub(super) async fn limited_in_time(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<LimitedSession>,
) -> Result<(StatusCode, Json<NewLimitedSession>)> {
    let now = vault.clock().now();
    let lifetime = auth::lifetime(&vault, request.valid_for_seconds)?.min(session.remaining(now));
    // As old as the caller's: nobody has signed in anew.
    let issued = Issued { valid_from: session.signed_in_at, ..Issued::new(now, lifetime)? };
    let public_key = users::public_key_of(&mut *vault.store().read_once().await?, &session.user_id).await?;
    let encrypted_session_authentication_string =
        public_key::encrypt_token(&vault.work().requests, &public_key, &issued.token).await?;
    let mut tx = vault.store().write().await?;
    auth::require(&mut tx, &session).await?;
    auth::insert(&mut tx, &session.user_id, &issued).await?;
    tx.commit().await?;
    let body = NewLimitedSession {
        session: EncryptedSession { encrypted_session_authentication_string },
        session_type: "token",
        user_access_token: AccessToken::new(&issued.id, &issued.token, issued.valid_till),
    };
    Ok((StatusCode::CREATED, Json(body)))
}
