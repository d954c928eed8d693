//! Idempotency keys. A client that got no reply retries its request with the same `Idempotency-Key`: it gets the first
//! reply, and nothing happens twice.
//!
//! The reply is stored in the same transaction as the change it reports, so that there is no moment at which one exists
//! without the other.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sqlx::AnyConnection;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Type,
        path::{Parameter, ParameterIn},
    },
};

use crate::{
    clock::{Millis, millis},
    error::{Code, Error, Result},
    openapi,
    service::Service,
    store::Tx,
    work::to_json,
};

const HEADER: &str = "idempotency-key";
const MAX_KEY_LENGTH: usize = 255;

/// What identifies a retry among the requests of one user: method, path and key.
#[derive(Clone, Debug)]
pub struct Idempotency {
    request: String,
    key: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Idempotency {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let request = format!("{} {}", parts.method, parts.uri.path());
        let key = parts.headers.get(HEADER).map(|value| read_key(value.as_bytes())).transpose()?;
        Ok(Self { request, key })
    }
}

impl IntoParams for Idempotency {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[!-~]+$"));
        let key = key.min_length(Some(1)).max_length(Some(MAX_KEY_LENGTH));
        let description = "Names what the request does: sent again within a day, the request gets the first reply, and \
            nothing is done twice.";
        vec![openapi::header("Idempotency-Key", description, key)]
    }
}

fn read_key(bytes: &[u8]) -> Result<String> {
    let fits = (1..=MAX_KEY_LENGTH).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    let text = String::from_utf8(bytes.to_vec()).ok().filter(|_| fits);
    let message = "An Idempotency-Key is 1 to 255 visible ASCII characters";
    text.ok_or_else(|| Error::refused(Code::InvalidIdempotencyKey, message))
}

/// The outcome of [`Idempotency::begin`].
pub enum Begun {
    /// A new request: make the change in its transaction, then [`Change::answer`].
    New(Change),
    /// A retry of a request that succeeded: its stored reply.
    Replayed(Response),
}

/// A change in progress, whose reply will be stored with it.
pub struct Change {
    /// The transaction of change and reply.
    pub tx: Tx,
    user_id: String,
    request: String,
    key: Option<String>,
    now: Millis,
}

impl Idempotency {
    /// Begins a transaction, unless the request is a retry.
    pub async fn begin(self, service: &impl Service, user_id: &str) -> Result<Begun> {
        let mut tx = service.store().write().await?;
        let now = service.clock().now();
        let oldest = now - millis(service.limits().idempotency);
        if let Some(key) = &self.key
            && let Some((status, body)) = find(&mut tx, user_id, &self.request, key, oldest).await?
        {
            return Ok(Begun::Replayed(reply(status, body)));
        }
        Ok(Begun::New(Change { tx, user_id: user_id.to_owned(), request: self.request, key: self.key, now }))
    }
}

impl Change {
    /// Commits the change together with its reply, and returns the reply.
    pub async fn answer(mut self, status: StatusCode, value: &impl Serialize) -> Result<Response> {
        let status = i64::from(status.as_u16());
        // A share of many values is megabytes.
        let body = String::from_utf8(to_json(value)?).map_err(Error::fault)?;
        if let Some(key) = &self.key {
            upsert(&mut self.tx, (&self.user_id, &self.request, key), (status, &body), self.now).await?;
        }
        self.tx.commit().await?;
        Ok(reply(status, body))
    }
}

fn reply(status: i64, body: String) -> Response {
    let status = u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::OK);
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn find(
    db: &mut AnyConnection,
    user_id: &str,
    request: &str,
    key: &str,
    oldest: Millis,
) -> Result<Option<(i64, String)>> {
    let reply = sqlx::query_as(
        "SELECT status, body FROM idempotent_replies \
         WHERE user_id = $1 AND request = $2 AND key = $3 AND created_at > $4",
    );
    Ok(reply.bind(user_id).bind(request).bind(key).bind(oldest).fetch_optional(db).await?)
}

async fn upsert(
    db: &mut AnyConnection,
    (user_id, request, key): (&str, &str, &str),
    (status, body): (i64, &str),
    now: Millis,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO idempotent_replies (user_id, request, key, status, body, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (user_id, request, key) DO UPDATE \
         SET status = excluded.status, body = excluded.body, created_at = excluded.created_at",
    )
    .bind(user_id)
    .bind(request)
    .bind(key)
    .bind(status)
    .bind(body)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes some of the replies older than `retention`, and returns how many: none when there are no more.
pub async fn delete_expired(db: &mut AnyConnection, now: Millis, retention: Duration) -> Result<u64> {
    let delete = "DELETE FROM idempotent_replies WHERE (user_id, request, key) IN \
         (SELECT user_id, request, key FROM idempotent_replies WHERE created_at <= $1 LIMIT 100)";
    Ok(sqlx::query(delete).bind(now - millis(retention)).execute(db).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::read_key;

    #[test]
    fn keys_are_short_and_visible() {
        assert!(read_key(b"0f894916-852a").is_ok());
        assert!(read_key(&[b'a'; 255]).is_ok());
        assert!(read_key(&[b'a'; 256]).is_err());
        assert!(read_key(b"").is_err());
        assert!(read_key(b"two words").is_err());
        assert!(read_key("schl\u{fc}ssel".as_bytes()).is_err());
    }
}
