//! Users of the Vault, and the admission tokens with which they are created.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Id,
    vault::me::{User, UserChange, UserType},
};

use crate::{
    clock::{Millis, to_wire},
    error::Result,
    store::Statement,
    token,
    wire::{Stored, id_text, maybe_time},
};

pub(crate) async fn insert_admission_token(
    db: &mut AnyConnection,
    token: &str,
    keystore_user_id: &str,
    expires_at: Millis,
) -> Result<()> {
    sqlx::query("INSERT INTO admission_tokens (token_hash, keystore_user_id, expires_at) VALUES ($1, $2, $3)")
        .bind(token::hash(token))
        .bind(keystore_user_id)
        .bind(expires_at)
        .execute(db)
        .await?;
    Ok(())
}

/// How many users of the Vault a user of the Keystore is. One who is being deleted is as many as there can be.
pub(crate) async fn count_of(db: &mut AnyConnection, keystore_user_id: &str) -> Result<i64> {
    let count = "SELECT (SELECT COUNT(*) FROM users WHERE keystore_user_id = $1) \
                 + 1000 * (SELECT COUNT(*) FROM departed_users WHERE keystore_user_id = $1)";
    Ok(sqlx::query_scalar(count).bind(keystore_user_id).fetch_one(db).await?)
}

/// Whom a token admits: none for one that a server of before issued.
#[derive(FromRow)]
pub(crate) struct Admission {
    pub(crate) keystore_user_id: Option<String>,
}

/// Deletes an admission token. None if it is unknown, used or expired.
pub(crate) async fn consume_admission_token(
    db: &mut AnyConnection,
    token: &str,
    now: Millis,
) -> Result<Option<Admission>> {
    let delete = "DELETE FROM admission_tokens WHERE token_hash = $1 AND expires_at > $2 RETURNING keystore_user_id";
    Ok(sqlx::query_as(delete).bind(token::hash(token)).bind(now).fetch_optional(db).await?)
}

/// Deletes some of the expired tokens, and returns how many: none when there are no more.
pub(crate) async fn delete_expired_admission_tokens(db: &mut AnyConnection, now: Millis) -> Result<u64> {
    let delete = "DELETE FROM admission_tokens WHERE token_hash IN \
         (SELECT token_hash FROM admission_tokens WHERE expires_at <= $1 LIMIT 1000)";
    Ok(sqlx::query(delete).bind(now).execute(db).await?.rows_affected())
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

/// The id of a user whose deletion is due.
pub(crate) async fn find_due_for_deletion(db: &mut AnyConnection, now: Millis, behind: &str) -> Result<Option<String>> {
    let due = "SELECT id FROM users WHERE queued_for_deletion_after <= $1 AND id > $2 ORDER BY id LIMIT 1";
    Ok(sqlx::query_scalar(due).bind(now).bind(behind).fetch_optional(db).await?)
}

/// Whether the time of a user's deletion has come.
pub(crate) async fn is_due_for_deletion(db: &mut AnyConnection, id: &str, now: Millis) -> Result<bool> {
    let due = "SELECT COUNT(*) FROM users WHERE id = $1 AND queued_for_deletion_after <= $2";
    let due: i64 = sqlx::query_scalar(due).bind(id).bind(now).fetch_one(db).await?;
    Ok(due > 0)
}

/// Has a user be deleted from now on.
pub(crate) async fn set_due_for_deletion(db: &mut AnyConnection, id: &str, now: Millis) -> Result<()> {
    let update = sqlx::query("UPDATE users SET queued_for_deletion_after = $1 WHERE id = $2");
    update.bind(now).bind(id).execute(db).await?;
    Ok(())
}

/// Deletes a user. Foreign keys delete what is theirs.
pub(crate) async fn delete(db: &mut AnyConnection, id: &str) -> Result<()> {
    sqlx::query("DELETE FROM users WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

#[derive(FromRow)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) full_name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) did: Option<String>,
    pub(crate) private_dek_external_id: Option<String>,
    pub(crate) created_at: Millis,
    pub(crate) queued_for_deletion_after: Option<Millis>,
}

pub(crate) async fn find(db: &mut AnyConnection, id: &str) -> Result<User> {
    let row: Row = sqlx::query_as(
        "SELECT id, full_name, email, country, image, did, private_dek_external_id, created_at, \
         queued_for_deletion_after FROM users WHERE id = $1",
    )
    .bind(id)
    .fetch_one(db)
    .await?;
    Ok(User {
        id: Id::stored(row.id)?,
        full_name: row.full_name,
        // Other people's generated clients expect a string.
        email: Some(row.email.unwrap_or_default()),
        country: row.country,
        joined_at: Some(to_wire(row.created_at)),
        onboarded_at: None,
        timezone: None,
        private_dek_external_id: Id::maybe(row.private_dek_external_id)?,
        private_encryption_space_id: None,
        queued_for_deletion_after: maybe_time(row.queued_for_deletion_after),
        accepted_terms: true,
        user_type: UserType::Human,
        did: row.did,
        broken_attachments_present: false,
        is_app_logging_enabled: Some(false),
        image: row.image,
        unconfirmed_email: None,
        share_terms: None,
        association_ids: vec![],
        track_events: false,
        track_usage: Some(false),
        verified_at: None,
        cloudname: None,
        key_store_admission_token: None,
        key_store_id: None,
        key_store_url: None,
        key_store_username: None,
    })
}

/// Inserts a user. False if the public key is taken.
pub(crate) async fn insert(
    db: &mut AnyConnection,
    id: &str,
    public_key: &str,
    keystore_user_id: Option<&str>,
    now: Millis,
) -> Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, public_key, public_key_hash, keystore_user_id, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (public_key_hash) DO NOTHING",
    )
    .bind(id)
    .bind(public_key)
    .bind(token::hash(public_key))
    .bind(keystore_user_id)
    .bind(now)
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The user's public key, as it was sent.
pub(crate) async fn public_key_of(db: &mut AnyConnection, id: &str) -> Result<String> {
    Ok(sqlx::query_scalar("SELECT public_key FROM users WHERE id = $1").bind(id).fetch_one(db).await?)
}

/// The id of the user with this public key, compared as text.
pub(crate) async fn find_by_public_key(db: &mut AnyConnection, public_key: &str) -> Result<Option<String>> {
    let id = sqlx::query_scalar("SELECT id FROM users WHERE public_key_hash = $1 AND public_key = $2");
    Ok(id.bind(token::hash(public_key)).bind(public_key).fetch_optional(db).await?)
}

pub(crate) async fn update(db: &mut AnyConnection, id: &str, change: &UserChange) -> Result<()> {
    sqlx::query(
        "UPDATE users SET full_name = COALESCE($1, full_name), email = COALESCE($2, email), \
         country = COALESCE($3, country), image = COALESCE($4, image), did = COALESCE($5, did), \
         private_dek_external_id = COALESCE($6, private_dek_external_id) WHERE id = $7",
    )
    .bind(&change.full_name)
    .bind(&change.email)
    .bind(&change.country)
    .bind(&change.image)
    .bind(&change.did)
    .bind(id_text(&change.private_dek_external_id))
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

/// A user with who they are in the Keystore.
#[derive(Debug, FromRow)]
pub(crate) struct VaultAccount {
    pub(crate) id: String,
    pub(crate) keystore_user_id: Option<String>,
    pub(crate) private_dek_external_id: Option<String>,
    pub(crate) created_at: Millis,
}

const ACCOUNTS: &str = "SELECT id, keystore_user_id, private_dek_external_id, created_at FROM users WHERE 1 = 1";

pub(crate) async fn accounts_of(db: &mut AnyConnection, keystore_user_ids: &[String]) -> Result<Vec<VaultAccount>> {
    Statement::new(ACCOUNTS).any_of(" AND keystore_user_id IN (?)", keystore_user_ids).fetch(db).await
}

pub(crate) async fn accounts_without_keystore(db: &mut AnyConnection) -> Result<Vec<VaultAccount>> {
    Statement::new(ACCOUNTS).sql(" AND keystore_user_id IS NULL ORDER BY created_at, id").fetch(db).await
}

pub(crate) async fn ids_of(db: &mut AnyConnection, keystore_user_id: &str) -> Result<Vec<String>> {
    let ids = sqlx::query_scalar("SELECT id FROM users WHERE keystore_user_id = $1");
    Ok(ids.bind(keystore_user_id).fetch_all(db).await?)
}

/// Notes who the users with this DEK are in the Keystore, where that is not known.
pub(crate) async fn link(db: &mut AnyConnection, private_dek_external_id: &str, keystore_user_id: &str) -> Result<()> {
    sqlx::query(
        "UPDATE users SET keystore_user_id = $1 WHERE keystore_user_id IS NULL AND private_dek_external_id = $2",
    )
    .bind(keystore_user_id)
    .bind(private_dek_external_id)
    .execute(db)
    .await?;
    Ok(())
}

/// Disables the users of a user of the Keystore, or enables them. Tokens that would admit another one are deleted.
pub(crate) async fn set_disabled(db: &mut AnyConnection, keystore_user_id: &str, since: Option<Millis>) -> Result<()> {
    sqlx::query(
        "UPDATE users SET disabled_at = CASE WHEN CAST($1 AS BIGINT) IS NULL THEN NULL \
         ELSE COALESCE(disabled_at, $1) END WHERE keystore_user_id = $2",
    )
    .bind(since)
    .bind(keystore_user_id)
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM admission_tokens WHERE keystore_user_id = $1").bind(keystore_user_id).execute(db).await?;
    Ok(())
}

/// Notes, before a user is deleted, that their user of the Keystore is to be, unless that has another one here. Tokens that
/// would admit it once more are deleted.
pub(crate) async fn depart_if_last(db: &mut AnyConnection, id: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO departed_users (keystore_user_id) SELECT users.keystore_user_id FROM users \
         WHERE users.id = $1 AND users.keystore_user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users AS others \
         WHERE others.keystore_user_id = users.keystore_user_id AND others.id <> users.id) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .execute(&mut *db)
    .await?;
    let of_departed =
        "DELETE FROM admission_tokens WHERE keystore_user_id IN (SELECT keystore_user_id FROM departed_users)";
    sqlx::query(of_departed).execute(db).await?;
    Ok(())
}

/// Notes that a user of the Keystore is to be deleted.
pub(crate) async fn depart(db: &mut AnyConnection, keystore_user_id: &str) -> Result<()> {
    sqlx::query("DELETE FROM admission_tokens WHERE keystore_user_id = $1")
        .bind(keystore_user_id)
        .execute(&mut *db)
        .await?;
    sqlx::query("INSERT INTO departed_users (keystore_user_id) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(keystore_user_id)
        .execute(db)
        .await?;
    Ok(())
}

/// The users of the Keystore that are to be deleted.
pub(crate) async fn departed(db: &mut AnyConnection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT keystore_user_id FROM departed_users").fetch_all(db).await?)
}

pub(crate) async fn forget_departed(db: &mut AnyConnection, ids: &[String]) -> Result<()> {
    let delete = Statement::new("DELETE FROM departed_users WHERE 1 = 1");
    delete.any_of(" AND keystore_user_id IN (?)", ids).execute(db).await
}
