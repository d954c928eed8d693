//! Users of the Keystore: a username, and the SRP verifier of their passphrase.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::keystore::srp::NewSrpUser;

use crate::{clock::Millis, error::Result, store::Statement};

/// What a challenge is made from, numbers in hexadecimal.
#[derive(FromRow)]
pub(crate) struct SrpUser {
    /// None for a decoy.
    pub(crate) id: Option<String>,
    pub(crate) srp_salt: String,
    pub(crate) srp_verifier: String,
}

/// Inserts a user. False if the username is taken, also by a recovery key.
pub(crate) async fn insert(db: &mut AnyConnection, id: &str, user: &NewSrpUser, now: Millis) -> Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, username, srp_salt, srp_verifier, created_at) \
         SELECT $1, $2, $3, $4, CAST($5 AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM recovery_keys WHERE username = $2) \
         ON CONFLICT (username) DO NOTHING",
    )
    .bind(id)
    .bind(&user.username)
    .bind(user.srp_salt.to_ascii_lowercase())
    .bind(user.srp_verifier.to_ascii_lowercase())
    .bind(now)
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Who signs in by this name: the user's own, or that of their recovery key.
pub(crate) async fn find_by_username(db: &mut AnyConnection, username: &str) -> Result<Option<SrpUser>> {
    let user = sqlx::query_as(
        "SELECT id, srp_salt, srp_verifier FROM users WHERE username = $1 \
         UNION ALL SELECT user_id, srp_salt, srp_verifier FROM recovery_keys WHERE username = $1",
    );
    Ok(user.bind(username).fetch_optional(db).await?)
}

/// Whether there is a user of this id who has this verifier, of passphrase or recovery key, and no other by now.
pub(crate) async fn has_verifier(db: &mut AnyConnection, id: &str, verifier: &str) -> Result<bool> {
    let count = "SELECT (SELECT COUNT(*) FROM users WHERE id = $1 AND srp_verifier = $2) \
                 + (SELECT COUNT(*) FROM recovery_keys WHERE user_id = $1 AND srp_verifier = $2)";
    let count: i64 = sqlx::query_scalar(count).bind(id).bind(verifier).fetch_one(db).await?;
    Ok(count > 0)
}

/// Whether this is the verifier of the user's passphrase, and not of their recovery key.
pub(crate) async fn is_of_passphrase(db: &mut AnyConnection, id: &str, verifier: &str) -> Result<bool> {
    let count = "SELECT COUNT(*) FROM users WHERE id = $1 AND srp_verifier = $2";
    let count: i64 = sqlx::query_scalar(count).bind(id).bind(verifier).fetch_one(db).await?;
    Ok(count > 0)
}

/// The user whose own name this is.
pub(crate) async fn id_of(db: &mut AnyConnection, username: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM users WHERE username = $1").bind(username).fetch_optional(db).await?)
}

pub(crate) async fn set_verifier(db: &mut AnyConnection, id: &str, salt: &str, verifier: &str) -> Result<()> {
    sqlx::query("UPDATE users SET srp_salt = $1, srp_verifier = $2 WHERE id = $3")
        .bind(salt.to_ascii_lowercase())
        .bind(verifier.to_ascii_lowercase())
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Whether there is a user of this id whom the operator has not disabled.
pub(crate) async fn may_sign_in(db: &mut AnyConnection, id: &str) -> Result<bool> {
    let count = "SELECT COUNT(*) FROM users WHERE id = $1 AND disabled_at IS NULL";
    let count: i64 = sqlx::query_scalar(count).bind(id).fetch_one(db).await?;
    Ok(count > 0)
}

pub(crate) async fn username_of(db: &mut AnyConnection, id: &str) -> Result<String> {
    Ok(sqlx::query_scalar("SELECT username FROM users WHERE id = $1").bind(id).fetch_one(db).await?)
}

/// A user without what they sign in with.
#[derive(Debug, FromRow)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) created_at: Millis,
    pub(crate) disabled_at: Option<Millis>,
}

/// Some users behind a name, in the order of names.
pub(crate) async fn accounts_after(db: &mut AnyConnection, username: &str) -> Result<Vec<Account>> {
    let accounts = sqlx::query_as(
        "SELECT id, username, created_at, disabled_at FROM users WHERE username > $1 ORDER BY username LIMIT 500",
    );
    Ok(accounts.bind(username).fetch_all(db).await?)
}

/// Disables a user, or enables one. Who is disabled already keeps their time.
pub(crate) async fn set_disabled(db: &mut AnyConnection, id: &str, since: Option<Millis>) -> Result<()> {
    sqlx::query(
        "UPDATE users SET disabled_at = CASE WHEN CAST($1 AS BIGINT) IS NULL THEN NULL \
         ELSE COALESCE(disabled_at, $1) END WHERE id = $2",
    )
    .bind(since)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

/// Queues a user for deletion and returns when it is due. A user who is queued already keeps their time.
pub(crate) async fn enqueue_deletion(db: &mut AnyConnection, id: &str, after: Millis) -> Result<Millis> {
    sqlx::query("UPDATE users SET queued_for_deletion_after = COALESCE(queued_for_deletion_after, $1) WHERE id = $2")
        .bind(after)
        .bind(id)
        .execute(&mut *db)
        .await?;
    let queued = sqlx::query_scalar("SELECT queued_for_deletion_after FROM users WHERE id = $1");
    Ok(queued.bind(id).fetch_one(db).await?)
}

pub(crate) async fn cancel_deletion(db: &mut AnyConnection, id: &str) -> Result<()> {
    let update = sqlx::query("UPDATE users SET queued_for_deletion_after = NULL WHERE id = $1");
    update.bind(id).execute(db).await?;
    Ok(())
}

/// Some users behind an id whose time has come, in the order of ids.
pub(crate) async fn due_for_deletion(db: &mut AnyConnection, now: Millis, behind: &str) -> Result<Vec<String>> {
    let due = "SELECT id FROM users WHERE queued_for_deletion_after <= $1 AND id > $2 ORDER BY id LIMIT 500";
    Ok(sqlx::query_scalar(due).bind(now).bind(behind).fetch_all(db).await?)
}

/// Which of these users are still to be deleted.
pub(crate) async fn still_due(db: &mut AnyConnection, ids: &[String], now: Millis) -> Result<Vec<String>> {
    let due = Statement::new("SELECT id FROM users WHERE 1 = 1").number(" AND queued_for_deletion_after <= ?", now);
    Ok(due.any_of(" AND id IN (?)", ids).fetch(db).await?.into_iter().map(|(id,)| id).collect())
}

pub(crate) async fn usernames_of(db: &mut AnyConnection, ids: &[String]) -> Result<Vec<String>> {
    let names = Statement::new("SELECT username FROM users WHERE 1 = 1").any_of(" AND id IN (?)", ids);
    Ok(names.fetch(db).await?.into_iter().map(|(name,)| name).collect())
}

/// Deletes users. Foreign keys delete what is theirs.
pub(crate) async fn delete(db: &mut AnyConnection, ids: &[String]) -> Result<()> {
    Statement::new("DELETE FROM users WHERE 1 = 1").any_of(" AND id IN (?)", ids).execute(db).await
}
