//! Objects that are still to be deleted: noted with the rows that had them, so that none is forgotten, and counted in their user's
//! quota as long as they are.

use sqlx::AnyConnection;

use crate::{clock::Millis, error::Result, store::Statement};

/// Notes an object that was replaced, with what it counts of a user's quota while it is there.
pub(crate) async fn insert(
    db: &mut AnyConnection,
    object: &str,
    (user_id, bytes): (&str, i64),
    now: Millis,
) -> Result<()> {
    let insert = "INSERT INTO deleted_objects (object, deleted_at, user_id, bytes) VALUES ($1, $2, $3, $4)";
    sqlx::query(insert).bind(object).bind(now).bind(user_id).bind(bytes).execute(db).await?;
    Ok(())
}

/// Some of those that were noted up to a time.
pub(crate) async fn find_before(db: &mut AnyConnection, time: Millis) -> Result<Vec<String>> {
    let due = "SELECT object FROM deleted_objects WHERE deleted_at <= $1 ORDER BY deleted_at LIMIT 200";
    Ok(sqlx::query_scalar(due).bind(time).fetch_all(db).await?)
}

/// Has those that cannot be deleted come again as if they were noted now.
pub(crate) async fn put_off(db: &mut AnyConnection, objects: &[String], now: Millis) -> Result<()> {
    Statement::new("UPDATE deleted_objects SET deleted_at =")
        .number(" ? WHERE 1 = 1", now)
        .any_of(" AND object IN (?)", objects)
        .execute(db)
        .await
}

/// Forgets those that are deleted.
pub(crate) async fn forget(db: &mut AnyConnection, objects: &[String]) -> Result<()> {
    Statement::new("DELETE FROM deleted_objects WHERE 1 = 1").any_of(" AND object IN (?)", objects).execute(db).await
}
