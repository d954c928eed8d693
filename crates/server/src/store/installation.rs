//! What is known of the database itself: which other one it belongs to, when it was last written, and how far its
//! sequence numbers have come.
//!
//! Each of the two has the id of the installation that it is of. A Vault beside another installation's Keystore would
//! show its users as if they had no keys, and the next sign-up would be theirs.

use sqlx::AnyConnection;

use super::{Store, new_id};
use crate::error::{Error, Result};

/// When the server last tried whether it can write.
pub(super) const WRITTEN: &str = "written";
/// The last sequence number of a row.
pub(super) const SEQUENCE: &str = "sequence";

/// Refuses two databases of different installations, such as halves of two backups, or one whose other half is missing.
/// New ones, and those of servers that knew no such id, get one.
pub(crate) async fn check(vault: &Store, keystore: &Store) -> Result<()> {
    let (mut vault, mut keystore) = (vault.write().await?, keystore.write().await?);
    let id = match (id_of(&mut vault).await?, id_of(&mut keystore).await?) {
        (Some(one), Some(other)) if one == other => return Ok(()),
        (None, None) => new_id(),
        // The first start was cut off.
        (Some(id), None) | (None, Some(id)) if is_empty(&mut vault).await? && is_empty(&mut keystore).await? => id,
        _ => {
            let message =
                "the databases of Vault and Keystore are not of one installation: restore both from one backup";
            return Err(Error::fault(message));
        }
    };
    for tx in [&mut vault, &mut keystore] {
        sqlx::query("INSERT INTO installation (name, value) VALUES ('id', $1) ON CONFLICT (name) DO NOTHING")
            .bind(&id)
            .execute(&mut **tx)
            .await?;
    }
    keystore.commit().await?;
    Ok(vault.commit().await?)
}

async fn id_of(db: &mut AnyConnection) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("SELECT value FROM installation WHERE name = 'id'").fetch_optional(db).await?)
}

async fn is_empty(db: &mut AnyConnection) -> Result<bool> {
    let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(db).await?;
    Ok(users == 0)
}

/// Sets one of the numbers.
pub(super) async fn set(db: &mut AnyConnection, name: &str, value: i64) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value.to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// The last sequence number of a row; 0 where it is not known.
pub(super) async fn sequence(db: &mut AnyConnection) -> Result<i64> {
    let value = sqlx::query_scalar("SELECT value FROM installation WHERE name = $1").bind(SEQUENCE);
    let value: Option<String> = value.fetch_optional(db).await?;
    value.map_or(Ok(0), |value| value.parse().map_err(Error::fault))
}
