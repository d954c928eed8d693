//! Members of encryption spaces: each has a copy of the space's DEK, wrapped by their own KEK.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id,
    keystore::encryption_spaces::{EncryptionSpaceKey, EncryptionSpaceResponse},
};

use crate::{
    clock::Millis,
    error::{Code, Error, Result},
    store::new_id,
    wire::Stored,
};

#[derive(FromRow)]
struct Row {
    id: String,
    space_id: String,
    serialized: String,
}

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::EncryptionSpaceNotFound)
}

/// The space as one of its members sees it.
pub(crate) async fn response(db: &mut AnyConnection, space_id: &str, user_id: &str) -> Result<EncryptionSpaceResponse> {
    let row = sqlx::query_as(
        "SELECT id, space_id, serialized FROM encryption_space_keys WHERE space_id = $1 AND user_id = $2",
    );
    let row: Option<Row> = row.bind(space_id).bind(user_id).fetch_optional(db).await?;
    let row = row.ok_or_else(not_found)?;
    let encryption_space_data_encryption_key = EncryptionSpaceKey {
        id: Id::stored(row.id)?,
        encryption_space_id: Id::stored(row.space_id)?,
        serialized_data_encryption_key: Ciphertext::stored(row.serialized)?,
    };
    Ok(EncryptionSpaceResponse { encryption_space_data_encryption_key })
}

/// Refuses whoever has no copy of the space's key: to them the space does not exist.
pub(crate) async fn require_member(db: &mut AnyConnection, space_id: &str, user_id: &str) -> Result<()> {
    let copies = sqlx::query_scalar("SELECT COUNT(*) FROM encryption_space_keys WHERE space_id = $1 AND user_id = $2");
    let copies: i64 = copies.bind(space_id).bind(user_id).fetch_one(db).await?;
    if copies > 0 { Ok(()) } else { Err(not_found()) }
}

/// Adds a member with their copy of the key. A member keeps the copy they have: both are of one key.
pub(crate) async fn add_member(
    db: &mut AnyConnection,
    space_id: &str,
    user_id: &str,
    wrapped_key: &str,
    now: Millis,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO encryption_space_keys (id, space_id, user_id, serialized, created_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (space_id, user_id) DO NOTHING",
    )
    .bind(new_id())
    .bind(space_id)
    .bind(user_id)
    .bind(wrapped_key)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes the member's copy, and the keys they left in the space to be claimed.
pub(crate) async fn remove_member(db: &mut AnyConnection, space_id: &str, user_id: &str) -> Result<()> {
    for statement in [
        "DELETE FROM encryption_space_keys WHERE space_id = $1 AND user_id = $2",
        "DELETE FROM shared_keys WHERE space_id = $1 AND user_id = $2",
    ] {
        sqlx::query(statement).bind(space_id).bind(user_id).execute(&mut *db).await?;
    }
    Ok(())
}
