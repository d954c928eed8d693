//! What a session holds for a device that wants to resume it.

use sqlx::AnyConnection;

use crate::{clock::Millis, error::Result};

/// What is held, and until when.
pub(crate) async fn find(db: &mut AnyConnection, session_id: &str, now: Millis) -> Result<Option<(String, Millis)>> {
    let half = sqlx::query_as("SELECT half, expires_at FROM session_halves WHERE session_id = $1 AND expires_at > $2");
    Ok(half.bind(session_id).bind(now).fetch_optional(db).await?)
}

/// Replaces what was held before.
pub(crate) async fn put(db: &mut AnyConnection, session_id: &str, half: &str, expires_at: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO session_halves (session_id, half, expires_at) VALUES ($1, $2, $3) \
         ON CONFLICT (session_id) DO UPDATE SET half = excluded.half, expires_at = excluded.expires_at",
    )
    .bind(session_id)
    .bind(half)
    .bind(expires_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes some of those that have expired, and returns how many.
pub(crate) async fn delete_expired(db: &mut AnyConnection, now: Millis) -> Result<u64> {
    let delete = "DELETE FROM session_halves WHERE session_id IN \
                  (SELECT session_id FROM session_halves WHERE expires_at <= $1 LIMIT 1000)";
    Ok(sqlx::query(delete).bind(now).execute(db).await?.rows_affected())
}
