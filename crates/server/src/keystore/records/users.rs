//! Users of the Keystore: a username, and the SRP verifier of their passphrase.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::keystore::srp::NewSrpUser;

use crate::{clock::Millis, error::Result};

/// What a challenge is made from, numbers in hexadecimal.
#[derive(FromRow)]
pub(crate) struct SrpUser {
    /// None for a decoy.
    pub(crate) id: Option<String>,
    pub(crate) srp_salt: String,
    pub(crate) srp_verifier: String,
}

/// Inserts a user. False if the username is taken.
pub(crate) async fn insert(db: &mut AnyConnection, id: &str, user: &NewSrpUser, now: Millis) -> Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, username, srp_salt, srp_verifier, created_at) VALUES ($1, $2, $3, $4, $5) \
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

pub(crate) async fn find_by_username(db: &mut AnyConnection, username: &str) -> Result<Option<SrpUser>> {
    let user = sqlx::query_as("SELECT id, srp_salt, srp_verifier FROM users WHERE username = $1");
    Ok(user.bind(username).fetch_optional(db).await?)
}

pub(crate) async fn username_of(db: &mut AnyConnection, id: &str) -> Result<String> {
    Ok(sqlx::query_scalar("SELECT username FROM users WHERE id = $1").bind(id).fetch_one(db).await?)
}
