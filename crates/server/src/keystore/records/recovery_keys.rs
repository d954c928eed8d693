//! What users sign in with who have forgotten their passphrase.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::keystore::recovery::NewRecoveryKey;

use crate::{clock::Millis, error::Result};

/// One, with its user's own name.
#[derive(FromRow)]
pub(crate) struct RecoveryKeyRow {
    pub(crate) username: String,
    pub(crate) serialized: String,
    pub(crate) created_at: Millis,
}

pub(crate) async fn find(db: &mut AnyConnection, user_id: &str) -> Result<Option<RecoveryKeyRow>> {
    let find = sqlx::query_as(
        "SELECT users.username, recovery_keys.serialized, recovery_keys.created_at FROM recovery_keys \
         JOIN users ON users.id = recovery_keys.user_id WHERE recovery_keys.user_id = $1",
    );
    Ok(find.bind(user_id).fetch_optional(db).await?)
}

/// Replaces what the user had before. False if the name is taken.
pub(crate) async fn put(db: &mut AnyConnection, user_id: &str, key: &NewRecoveryKey, now: Millis) -> Result<bool> {
    delete(&mut *db, user_id).await?;
    let inserted = sqlx::query(
        "INSERT INTO recovery_keys (user_id, username, srp_salt, srp_verifier, serialized, created_at) \
         SELECT $1, $2, $3, $4, $5, CAST($6 AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM users WHERE username = $2) \
         ON CONFLICT (username) DO NOTHING",
    )
    .bind(user_id)
    .bind(&key.username)
    .bind(key.srp_salt.to_ascii_lowercase())
    .bind(key.srp_verifier.to_ascii_lowercase())
    .bind(key.serialized_key_encryption_key.as_str())
    .bind(now)
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(crate) async fn delete(db: &mut AnyConnection, user_id: &str) -> Result<()> {
    sqlx::query("DELETE FROM recovery_keys WHERE user_id = $1").bind(user_id).execute(db).await?;
    Ok(())
}
