//! Which databases belong together: each has the id of the installation that it is of. A Vault beside another
//! installation's Keystore would show its users as if they had no keys, and the next sign-up would be theirs.

use sqlx::AnyConnection;

use super::{Store, new_id};
use crate::error::{Error, Result};

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
            let message = "vault.db and keystore.db are not of one installation: restore both from one backup";
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
