//! What users sign in with who have forgotten their passphrase.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::keystore::recovery::NewRecoveryKey;

use crate::{clock::Millis, error::Result};

/// What whoever has signed in by one needs.
#[derive(FromRow)]
pub(crate) struct RecoveryKeyRow {
    pub(crate) serialized: String,
    pub(crate) created_at: Millis,
}

pub(crate) async fn find(db: &mut AnyConnection, user_id: &str) -> Result<Option<RecoveryKeyRow>> {
    let find = sqlx::query_as("SELECT serialized, created_at FROM recovery_keys WHERE user_id = $1");
    Ok(find.bind(user_id).fetch_optional(db).await?)
}

/// Whether somebody has this name, as a user or by a recovery key.
pub(crate) async fn is_taken(db: &mut AnyConnection, username: &str) -> Result<bool> {
    let count = "SELECT (SELECT COUNT(*) FROM users WHERE username = $1) \
                 + (SELECT COUNT(*) FROM recovery_keys WHERE username = $1)";
    let count: i64 = sqlx::query_scalar(count).bind(username).fetch_one(db).await?;
    Ok(count > 0)
}

/// Replaces what the user had before. The name is nobody's.
pub(crate) async fn put(db: &mut AnyConnection, user_id: &str, key: &NewRecoveryKey, now: Millis) -> Result<()> {
    delete(&mut *db, user_id).await?;
    sqlx::query(
        "INSERT INTO recovery_keys (user_id, username, srp_salt, srp_verifier, serialized, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(user_id)
    .bind(&key.username)
    .bind(key.srp_salt.to_ascii_lowercase())
    .bind(key.srp_verifier.to_ascii_lowercase())
    .bind(key.serialized_key_encryption_key.as_str())
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn delete(db: &mut AnyConnection, user_id: &str) -> Result<()> {
    sqlx::query("DELETE FROM recovery_keys WHERE user_id = $1").bind(user_id).execute(db).await?;
    Ok(())
}
