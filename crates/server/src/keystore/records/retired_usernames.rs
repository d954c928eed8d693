//! The names of users who were deleted, hashed.

use sqlx::AnyConnection;

use crate::error::Result;

pub(crate) async fn insert(db: &mut AnyConnection, username_hash: &str) -> Result<()> {
    sqlx::query("INSERT INTO retired_usernames (username_hash) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(username_hash)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn contain(db: &mut AnyConnection, username_hash: &str) -> Result<bool> {
    let count = "SELECT COUNT(*) FROM retired_usernames WHERE username_hash = $1";
    let count: i64 = sqlx::query_scalar(count).bind(username_hash).fetch_one(db).await?;
    Ok(count > 0)
}
