//! Keys of encryption spaces that wait to be claimed, each encrypted for the holder of a public key.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::keystore::encryption_spaces::NewSharedKey;

use crate::{clock::Millis, error::Result, store::new_id, token};

#[derive(FromRow)]
pub(crate) struct SharedKeyRow {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) public_key: String,
    pub(crate) encrypted_key: String,
    pub(crate) signature: Option<String>,
}

pub(crate) async fn find(db: &mut AnyConnection, space_id: &str, public_key: &str) -> Result<Option<SharedKeyRow>> {
    let row = sqlx::query_as(
        "SELECT id, user_id, public_key, encrypted_key, signature FROM shared_keys \
         WHERE space_id = $1 AND public_key_hash = $2 AND public_key = $3",
    );
    Ok(row.bind(space_id).bind(token::hash(public_key)).bind(public_key).fetch_optional(db).await?)
}

/// Whether the user has claimed a key of this space.
pub(crate) async fn was_claimed_by(db: &mut AnyConnection, space_id: &str, user_id: &str) -> Result<bool> {
    let claims = sqlx::query_scalar("SELECT COUNT(*) FROM shared_keys WHERE space_id = $1 AND claimed_by = $2");
    let claims: i64 = claims.bind(space_id).bind(user_id).fetch_one(db).await?;
    Ok(claims > 0)
}

/// Claims a key. False if another user has claimed it; repeating one's own claim succeeds.
pub(crate) async fn claim(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<bool> {
    let claim = "UPDATE shared_keys SET claimed_by = $1 WHERE id = $2 AND (claimed_by IS NULL OR claimed_by = $1)";
    Ok(sqlx::query(claim).bind(user_id).bind(id).execute(db).await?.rows_affected() > 0)
}

/// Inserts a key, or replaces the same user's earlier one for the same public key as long as nobody has claimed it.
pub(crate) async fn upsert(db: &mut AnyConnection, user_id: &str, key: &NewSharedKey, now: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO shared_keys (id, space_id, user_id, public_key, public_key_hash, encrypted_key, key_type, \
         signature, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (space_id, public_key_hash) \
         DO UPDATE SET encrypted_key = excluded.encrypted_key, signature = excluded.signature \
         WHERE shared_keys.claimed_by IS NULL AND shared_keys.user_id = excluded.user_id",
    )
    .bind(new_id())
    .bind(key.external_id.as_str())
    .bind(user_id)
    .bind(&key.public_key)
    .bind(token::hash(&key.public_key))
    .bind(key.encrypted_key.as_str())
    .bind(&key.key_metadata.key_type)
    .bind(&key.signature)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}
