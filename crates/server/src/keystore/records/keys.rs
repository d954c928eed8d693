//! The key that wraps a user's keys (KEK), and the keys that encrypt data (DEKs), all wrapped.

use sqlx::AnyConnection;

use crate::{
    clock::Millis,
    error::Result,
    store::{Statement, new_id},
};

/// Id and wrapped key.
pub(crate) async fn find_kek(db: &mut AnyConnection, user_id: &str) -> Result<Option<(String, String)>> {
    let kek = sqlx::query_as("SELECT id, serialized FROM key_encryption_keys WHERE user_id = $1");
    Ok(kek.bind(user_id).fetch_optional(db).await?)
}

/// Inserts the KEK of a user who has none.
pub(crate) async fn insert_kek(db: &mut AnyConnection, user_id: &str, wrapped: &str, now: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO key_encryption_keys (user_id, id, serialized, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id) DO NOTHING",
    )
    .bind(user_id)
    .bind(new_id())
    .bind(wrapped)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Puts the KEK, wrapped anew, in the place of what was stored.
pub(crate) async fn replace_kek(db: &mut AnyConnection, user_id: &str, wrapped: &str, now: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO key_encryption_keys (user_id, id, serialized, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id) DO UPDATE SET serialized = excluded.serialized, updated_at = excluded.updated_at",
    )
    .bind(user_id)
    .bind(new_id())
    .bind(wrapped)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn insert_dek(
    db: &mut AnyConnection,
    id: &str,
    user_id: &str,
    wrapped: &str,
    now: Millis,
) -> Result<()> {
    sqlx::query("INSERT INTO data_encryption_keys (id, user_id, serialized, created_at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(user_id)
        .bind(wrapped)
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn find_dek(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Option<String>> {
    let dek = sqlx::query_scalar("SELECT serialized FROM data_encryption_keys WHERE id = $1 AND user_id = $2");
    Ok(dek.bind(id).bind(user_id).fetch_optional(db).await?)
}

/// False if there was none of this id.
pub(crate) async fn delete_dek(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM data_encryption_keys WHERE id = $1 AND user_id = $2");
    Ok(delete.bind(id).bind(user_id).execute(db).await?.rows_affected() == 1)
}

/// Whose these DEKs are: pairs of the ids of a DEK and of its user.
pub(crate) async fn owners_of_deks(db: &mut AnyConnection, ids: &[String]) -> Result<Vec<(String, String)>> {
    let owners = Statement::new("SELECT id, user_id FROM data_encryption_keys WHERE 1 = 1");
    owners.any_of(" AND id IN (?)", ids).fetch(db).await
}

/// How many keys of all kinds the user has.
pub(crate) async fn count(db: &mut AnyConnection, user_id: &str) -> Result<i64> {
    let count = "SELECT (SELECT COUNT(*) FROM keypairs WHERE user_id = $1) \
         + (SELECT COUNT(*) FROM data_encryption_keys WHERE user_id = $1) \
         + (SELECT COUNT(*) FROM encryption_space_keys WHERE user_id = $1) \
         + (SELECT COUNT(*) FROM shared_keys WHERE user_id = $1)";
    Ok(sqlx::query_scalar(count).bind(user_id).fetch_one(db).await?)
}
