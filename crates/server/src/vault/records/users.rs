//! Users of the Vault, and the admission tokens with which they are created.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Id,
    vault::me::{User, UserChange, UserType},
};

use crate::{
    clock::{Millis, to_wire},
    error::Result,
    token,
    wire::{Stored, id_text, maybe_time},
};

pub(crate) async fn insert_admission_token(db: &mut AnyConnection, token: &str, expires_at: Millis) -> Result<()> {
    sqlx::query("INSERT INTO admission_tokens (token_hash, expires_at) VALUES ($1, $2)")
        .bind(token::hash(token))
        .bind(expires_at)
        .execute(db)
        .await?;
    Ok(())
}

/// Deletes an admission token. False if it is unknown, used or expired.
pub(crate) async fn consume_admission_token(db: &mut AnyConnection, token: &str, now: Millis) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM admission_tokens WHERE token_hash = $1 AND expires_at > $2");
    Ok(delete.bind(token::hash(token)).bind(now).execute(db).await?.rows_affected() == 1)
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
pub(crate) async fn find_due_for_deletion(db: &mut AnyConnection, now: Millis) -> Result<Option<String>> {
    let due = sqlx::query_scalar("SELECT id FROM users WHERE queued_for_deletion_after <= $1 LIMIT 1");
    Ok(due.bind(now).fetch_optional(db).await?)
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
pub(crate) async fn insert(db: &mut AnyConnection, id: &str, public_key: &str, now: Millis) -> Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, public_key, public_key_hash, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (public_key_hash) DO NOTHING",
    )
    .bind(id)
    .bind(public_key)
    .bind(token::hash(public_key))
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
