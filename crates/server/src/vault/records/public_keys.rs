//! Public keys that users published for their connections.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::vault::invitations::ConnectionPublicKey;

use crate::{
    clock::{Clock, Millis},
    error::{Code, Error, Result},
    pagination::Page,
    store::{Statement, new_id},
};

/// The encryption strategy of all keys.
pub(crate) const STRATEGY: &str = "Rsa4096";

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::PublicKeyNotFound)
}

/// A page of the user's keys.
pub(crate) async fn list(db: &mut AnyConnection, user_id: &str, page: &Page) -> Result<Vec<Row>> {
    Statement::new(PUBLIC_KEYS).text(" AND user_id = ?", user_id).page("sequence", page).fetch(db).await
}

const PUBLIC_KEYS: &str = "SELECT id, user_id, keypair_external_id, encryption_strategy, public_key, created_at, \
     sequence FROM public_keys WHERE 1 = 1";

#[derive(FromRow)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) keypair_external_id: Option<String>,
    pub(crate) encryption_strategy: String,
    pub(crate) public_key: String,
    pub(crate) created_at: Millis,
    pub(crate) sequence: i64,
}

pub(crate) async fn find(db: &mut AnyConnection, user_id: &str, id: &str) -> Result<Option<Row>> {
    let select = Statement::new(PUBLIC_KEYS).text(" AND id = ?", id).text(" AND user_id = ?", user_id);
    Ok(select.fetch(db).await?.pop())
}

pub(crate) async fn insert(
    db: &mut AnyConnection,
    user_id: &str,
    key: &ConnectionPublicKey,
    clock: &Clock,
) -> Result<String> {
    let id = new_id();
    sqlx::query(
        "INSERT INTO public_keys (id, user_id, keypair_external_id, encryption_strategy, public_key, created_at, \
         sequence) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(user_id)
    .bind(&key.keypair_external_id)
    .bind(STRATEGY)
    .bind(&key.public_key)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(id)
}
