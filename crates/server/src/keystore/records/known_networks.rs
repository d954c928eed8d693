//! The addresses that users have signed in from.

use sqlx::AnyConnection;

use crate::{clock::Millis, error::Result};

/// How many are remembered of one user.
const MAX_NETWORKS: i64 = 50;

/// Whether the user has signed in from this address since `since`.
pub(crate) async fn is_known(db: &mut AnyConnection, user_id: &str, network: &str, since: Millis) -> Result<bool> {
    let seen = "SELECT COUNT(*) FROM known_networks WHERE user_id = $1 AND network = $2 AND seen_at > $3";
    let seen: i64 = sqlx::query_scalar(seen).bind(user_id).bind(network).bind(since).fetch_one(db).await?;
    Ok(seen > 0)
}

/// Remembers an address, in the place of the one that was seen last of too many.
pub(crate) async fn upsert(db: &mut AnyConnection, user_id: &str, network: &str, now: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO known_networks (user_id, network, seen_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id, network) DO UPDATE SET seen_at = excluded.seen_at",
    )
    .bind(user_id)
    .bind(network)
    .bind(now)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM known_networks WHERE user_id = $1 AND network <> $2 AND network NOT IN \
         (SELECT network FROM known_networks WHERE user_id = $1 AND network <> $2 ORDER BY seen_at DESC LIMIT $3)",
    )
    .bind(user_id)
    .bind(network)
    .bind(MAX_NETWORKS - 1)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn delete_older(db: &mut AnyConnection, than: Millis) -> Result<u64> {
    let delete = "DELETE FROM known_networks WHERE (user_id, network) IN \
         (SELECT user_id, network FROM known_networks WHERE seen_at <= $1 LIMIT 1000)";
    Ok(sqlx::query(delete).bind(than).execute(db).await?.rows_affected())
}
