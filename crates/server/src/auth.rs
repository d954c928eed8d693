//! Authentication by bearer token, which both services use: the client has the token, the database its hash.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use utoipa::IntoParams;

use crate::{
    clock::{Millis, millis},
    error::{Code, Error, Result},
    query,
    service::Service,
    store::{Statement, new_id},
    token,
    work::Reservation,
};

/// The session that the request's token belongs to. A handler that takes one answers 401 without a valid token. A layer
/// that has looked it up leaves it with the request.
#[derive(Clone, Debug, FromRow)]
pub struct Session {
    /// The session's id.
    pub id: String,
    /// Whose session it is.
    pub user_id: String,
    /// When its user signed in.
    #[sqlx(rename = "created_at")]
    pub signed_in_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
}

impl Session {
    /// How long it remains valid.
    pub fn remaining(&self, now: Millis) -> Duration {
        Duration::from_millis(u64::try_from(self.expires_at - now).unwrap_or(0))
    }
}

/// The query parameters of `DELETE /session/all`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct EndAllParams {
    /// True keeps the caller's own session.
    #[serde(deserialize_with = "query::flag")]
    except_current: Option<bool>,
}

impl EndAllParams {
    /// Whether the caller's own session is kept.
    pub fn except_current(&self) -> bool {
        self.except_current.unwrap_or(false)
    }
}

/// A new session with its token, which is not stored and cannot be shown again.
#[derive(Debug)]
pub struct Issued {
    /// The session's id.
    pub id: String,
    /// The bearer token.
    pub token: String,
    /// When it was issued.
    pub valid_from: Millis,
    /// When it ends.
    pub valid_till: Millis,
}

impl<S: Service> FromRequestParts<S> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &S) -> Result<Self> {
        let session = match parts.extensions.get::<Self>() {
            Some(found) => found.clone(),
            None => {
                let token = token_in(&parts.headers).ok_or_else(Error::not_authorized)?;
                let mut db = service.store().read_once().await?;
                find(&mut db, token, service.clock().now()).await?.ok_or_else(Error::not_authorized)?
            }
        };
        let reservation = parts.extensions.get::<Reservation>().cloned().unwrap_or_default();
        service.work().wait_for_turn(&reservation, &session.user_id).await?;
        // Enough to see which lines are of one user, and not whose they are.
        tracing::Span::current().record("user", token::hash(&session.user_id).get(..12));
        Ok(session)
    }
}

/// The token that a request carries.
pub fn token_in(headers: &HeaderMap) -> Option<&str> {
    bearer(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()))
}

/// The token of an `Authorization` header: other people's clients send it with and without the scheme `Bearer`.
fn bearer(header: Option<&str>) -> Option<&str> {
    let value = header?.trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) => return None,
        None => value,
    };
    (!token.is_empty()).then_some(token)
}

/// The lifetime of a session for which the client asked `valid_for` seconds, if any.
pub fn lifetime(service: &impl Service, valid_for: Option<u64>) -> Result<Duration> {
    let limits = service.limits();
    match valid_for {
        None => Ok(*limits.session),
        Some(0) => Err(Error::refused(Code::InvalidLifetime, "must be a positive number of seconds").at("valid_for")),
        Some(seconds) => Ok(Duration::from_secs(seconds).min(*limits.longest_session)),
    }
}

impl Issued {
    /// Generates a session. It is valid once [`insert`]ed.
    pub fn new(now: Millis, lifetime: Duration) -> Result<Self> {
        let token = token::generate().map_err(Error::fault)?;
        Ok(Self { id: new_id(), token, valid_from: now, valid_till: now + millis(lifetime) })
    }
}

/// Generates and inserts a session.
pub async fn issue(db: &mut AnyConnection, user_id: &str, now: Millis, lifetime: Duration) -> Result<Issued> {
    let issued = Issued::new(now, lifetime)?;
    insert(db, user_id, &issued).await?;
    Ok(issued)
}

/// How many sessions a user has at most. Whoever knows the public key can open one of the Vault, although not use it.
const MAX_SESSIONS: i64 = 100;

/// Inserts a session that was generated before, and ends the user's oldest ones above `MAX_SESSIONS`.
pub async fn insert(db: &mut AnyConnection, user_id: &str, issued: &Issued) -> Result<()> {
    sqlx::query("INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&issued.id)
        .bind(user_id)
        .bind(token::hash(&issued.token))
        .bind(issued.valid_from)
        .bind(issued.valid_till)
        .execute(&mut *db)
        .await?;
    // The new one is kept, also where a hundred others are of the same millisecond.
    sqlx::query(
        "DELETE FROM sessions WHERE user_id = $1 AND id <> $2 AND id NOT IN \
         (SELECT id FROM sessions WHERE user_id = $1 AND id <> $2 ORDER BY created_at DESC LIMIT $3)",
    )
    .bind(user_id)
    .bind(&issued.id)
    .bind(MAX_SESSIONS - 1)
    .execute(db)
    .await?;
    Ok(())
}

/// The session of `token`, unless it has expired.
pub async fn find(db: &mut AnyConnection, token: &str, now: Millis) -> Result<Option<Session>> {
    Ok(find_and(db, token, now, "0").await?.map(|(session, _)| session))
}

/// [`find`] with the number that `also` is, a column in which each `?` stands for `now`: one statement asks for both.
pub(crate) async fn find_and(
    db: &mut AnyConnection,
    token: &str,
    now: Millis,
    also: &'static str,
) -> Result<Option<(Session, i64)>> {
    let select = Statement::new("SELECT id, user_id, created_at, expires_at, ")
        .number(also, now)
        .text(" AS also FROM sessions WHERE token_hash = ?", &token::hash(token))
        .number(" AND expires_at > ?", now);
    let found: Option<Found> = select.fetch(db).await?.pop();
    Ok(found.map(|found| (found.session, found.also)))
}

#[derive(FromRow)]
struct Found {
    #[sqlx(flatten)]
    session: Session,
    also: i64,
}

/// Refuses a session that was ended since the request began. Whatever makes a session or a token from another one asks in
/// its transaction: otherwise what a user or the operator ends could live on in what it made at that moment.
pub async fn require(db: &mut AnyConnection, session: &Session) -> Result<()> {
    let is_there: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM sessions WHERE id = $1").bind(&session.id).fetch_one(db).await?;
    if is_there == 0 {
        return Err(Error::not_authorized());
    }
    Ok(())
}

/// Ends one session.
pub async fn end(db: &mut AnyConnection, id: &str) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

/// Ends every session of the caller, this one included unless `except_current`.
pub async fn end_all(db: &mut AnyConnection, session: &Session, except_current: bool) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND ($2 = 0 OR id <> $3)")
        .bind(&session.user_id)
        .bind(i64::from(except_current))
        .bind(&session.id)
        .execute(db)
        .await?;
    Ok(())
}

/// Ends every session of a user.
pub async fn end_all_of(db: &mut AnyConnection, user_id: &str) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(user_id).execute(db).await?;
    Ok(())
}

/// Whether the operator has disabled a user: of either service, whose tables of users both say so.
pub async fn is_disabled(db: &mut AnyConnection, user_id: &str) -> Result<bool> {
    let disabled = "SELECT COUNT(*) FROM users WHERE id = $1 AND disabled_at IS NOT NULL";
    let disabled: i64 = sqlx::query_scalar(disabled).bind(user_id).fetch_one(db).await?;
    Ok(disabled > 0)
}

/// Refusal of a user whom the operator has disabled, to be given to whoever has shown that they are this user.
pub fn user_disabled() -> Error {
    Error::refused(Code::UserDisabled, "This account is disabled: ask those who run this server")
}

/// Deletes some of the expired sessions, and returns how many: none when there are no more.
pub async fn delete_expired(db: &mut AnyConnection, now: Millis) -> Result<u64> {
    let delete = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT 1000)";
    Ok(sqlx::query(delete).bind(now).execute(db).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn a_token_comes_bare_or_as_a_bearer_and_in_no_other_scheme() {
        assert_eq!(bearer(Some("abc")), Some("abc"));
        assert_eq!(bearer(Some("Bearer abc")), Some("abc"));
        assert_eq!(bearer(Some("bearer  abc")), Some("abc"));
        assert_eq!(bearer(Some("Basic abc")), None);
        assert_eq!(bearer(Some("  ")), None);
        assert_eq!(bearer(None), None);
    }
}
