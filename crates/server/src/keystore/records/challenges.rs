//! SRP challenges that were sent and not yet answered.

use sqlx::{AnyConnection, FromRow};

use crate::{clock::Millis, error::Result};

/// What the server has to remember of a challenge to check its proof, numbers in hexadecimal.
#[derive(FromRow)]
pub(crate) struct Challenge {
    /// None for a decoy: its proof is always wrong.
    pub(crate) user_id: Option<String>,
    pub(crate) verifier: String,
    pub(crate) secret_b: String,
    pub(crate) public_b: String,
}

/// Inserts a challenge; a second one for the same username and A replaces the first.
pub(crate) async fn upsert(
    db: &mut AnyConnection,
    username: &str,
    a: &str,
    challenge: &Challenge,
    expires_at: Millis,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO srp_challenges (username, srp_a, user_id, verifier, secret_b, public_b, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (username, srp_a) DO UPDATE \
         SET user_id = excluded.user_id, verifier = excluded.verifier, secret_b = excluded.secret_b, \
         public_b = excluded.public_b, expires_at = excluded.expires_at",
    )
    .bind(username)
    .bind(a)
    .bind(&challenge.user_id)
    .bind(&challenge.verifier)
    .bind(&challenge.secret_b)
    .bind(&challenge.public_b)
    .bind(expires_at)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn find(db: &mut AnyConnection, username: &str, a: &str, now: Millis) -> Result<Option<Challenge>> {
    let challenge = sqlx::query_as(
        "SELECT user_id, verifier, secret_b, public_b FROM srp_challenges \
         WHERE username = $1 AND srp_a = $2 AND expires_at > $3",
    );
    Ok(challenge.bind(username).bind(a).bind(now).fetch_optional(db).await?)
}

/// Deletes a challenge if it still has this secret. Of two concurrent requests that read it, one gets `true`.
pub(crate) async fn consume(db: &mut AnyConnection, username: &str, a: &str, secret_b: &str) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM srp_challenges WHERE username = $1 AND srp_a = $2 AND secret_b = $3");
    Ok(delete.bind(username).bind(a).bind(secret_b).execute(db).await?.rows_affected() == 1)
}

/// Deletes every challenge for a username: each has the verifier of its time.
pub(crate) async fn delete_of(db: &mut AnyConnection, username: &str) -> Result<()> {
    sqlx::query("DELETE FROM srp_challenges WHERE username = $1").bind(username).execute(db).await?;
    Ok(())
}

/// Deletes some of the expired challenges, and returns how many: none when there are no more.
pub(crate) async fn delete_expired(db: &mut AnyConnection, now: Millis) -> Result<u64> {
    let delete = "DELETE FROM srp_challenges WHERE (username, srp_a) IN \
         (SELECT username, srp_a FROM srp_challenges WHERE expires_at <= $1 LIMIT 1000)";
    Ok(sqlx::query(delete).bind(now).execute(db).await?.rows_affected())
}
