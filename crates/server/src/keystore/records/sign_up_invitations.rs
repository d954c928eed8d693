//! Invitations to sign up, which the operator makes. Of a token the hash alone is kept.

use sqlx::AnyConnection;

use crate::{clock::Millis, error::Result, token};

pub(crate) async fn insert(db: &mut AnyConnection, token: &str, now: Millis, expires_at: Millis) -> Result<()> {
    sqlx::query("INSERT INTO sign_up_invitations (token_hash, created_at, expires_at) VALUES ($1, $2, $3)")
        .bind(token::hash(token))
        .bind(now)
        .bind(expires_at)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn is_open(db: &mut AnyConnection, token: &str, now: Millis) -> Result<bool> {
    let open = "SELECT COUNT(*) FROM sign_up_invitations WHERE token_hash = $1 AND expires_at > $2";
    let open: i64 = sqlx::query_scalar(open).bind(token::hash(token)).bind(now).fetch_one(db).await?;
    Ok(open > 0)
}

/// Deletes an invitation. False if it is unknown, used or expired.
pub(crate) async fn consume(db: &mut AnyConnection, token: &str, now: Millis) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM sign_up_invitations WHERE token_hash = $1 AND expires_at > $2");
    Ok(delete.bind(token::hash(token)).bind(now).execute(db).await?.rows_affected() == 1)
}

pub(crate) async fn delete_expired(db: &mut AnyConnection, now: Millis) -> Result<u64> {
    let delete = "DELETE FROM sign_up_invitations WHERE token_hash IN \
         (SELECT token_hash FROM sign_up_invitations WHERE expires_at <= $1 LIMIT 1000)";
    Ok(sqlx::query(delete).bind(now).execute(db).await?.rows_affected())
}
