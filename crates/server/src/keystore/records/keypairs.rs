//! RSA key pairs and the identifiers that clients give them.

use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id, JsonObject,
    keystore::keypairs::{Keypair, KeypairResponse, NewKeypair},
};

use crate::{
    clock::{Clock, Millis, to_wire},
    error::{Code, Error, Result},
    store::write_rows,
    wire::Stored,
};

/// The body of `PATCH /keypairs/{id}`. Fields that are absent or null stay unchanged.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct KeypairChange {
    /// PEM (SPKI), kept byte for byte.
    pub(crate) public_key: Option<String>,
    /// Free-form.
    pub(crate) metadata: Option<JsonObject>,
    /// The names under which the key pair can be found again.
    pub(crate) external_identifiers: Option<Vec<String>>,
    /// `updated_at` as last seen: 409 where it is another by now.
    pub(crate) unchanged_since: Option<String>,
}

vaultshare::describe!(READ: KeypairChange);

#[derive(FromRow)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) public_key: String,
    pub(crate) encrypted_serialized_key: String,
    pub(crate) metadata: String,
    pub(crate) updated_at: Millis,
}

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::KeypairNotFound)
}

pub(crate) async fn response(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<KeypairResponse> {
    let row = find(db, id, user_id).await?.ok_or_else(not_found)?;
    let identifiers =
        sqlx::query_scalar("SELECT identifier FROM keypair_identifiers WHERE keypair_id = $1 ORDER BY position");
    let keypair = Keypair {
        id: Id::stored(row.id)?,
        public_key: row.public_key,
        encrypted_serialized_key: Ciphertext::stored(row.encrypted_serialized_key)?,
        metadata: serde_json::from_str(&row.metadata)?,
        external_identifiers: identifiers.bind(id).fetch_all(db).await?,
        updated_at: Some(to_wire(row.updated_at)),
    };
    Ok(KeypairResponse { keypair })
}

pub(crate) async fn find(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Option<Row>> {
    let row = sqlx::query_as(
        "SELECT id, public_key, encrypted_serialized_key, metadata, updated_at FROM keypairs \
         WHERE id = $1 AND user_id = $2",
    );
    Ok(row.bind(id).bind(user_id).fetch_optional(db).await?)
}

pub(crate) async fn find_newest(db: &mut AnyConnection, user_id: &str, identifier: &str) -> Result<Option<String>> {
    let id = sqlx::query_scalar(
        "SELECT keypairs.id FROM keypairs \
         JOIN keypair_identifiers ON keypair_identifiers.keypair_id = keypairs.id \
         WHERE keypair_identifiers.user_id = $1 AND keypair_identifiers.identifier = $2 \
         ORDER BY keypairs.sequence DESC LIMIT 1",
    );
    Ok(id.bind(user_id).bind(identifier).fetch_optional(db).await?)
}

pub(crate) async fn insert(
    db: &mut AnyConnection,
    id: &str,
    user_id: &str,
    keypair: &NewKeypair,
    clock: &Clock,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO keypairs (id, user_id, public_key, encrypted_serialized_key, metadata, updated_at, sequence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(user_id)
    .bind(&keypair.public_key)
    .bind(keypair.encrypted_serialized_key.as_str())
    .bind(serde_json::to_string(&keypair.metadata)?)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn insert_identifiers(
    db: &mut AnyConnection,
    id: &str,
    user_id: &str,
    identifiers: &[String],
) -> Result<()> {
    let row = |(position, identifier): (i64, &String)| {
        [id.into(), user_id.into(), identifier.as_str().into(), position.into()]
    };
    let insert = "INSERT INTO keypair_identifiers (keypair_id, user_id, identifier, position) VALUES";
    write_rows(db, insert, (0..).zip(identifiers).map(row).collect(), "").await
}

/// No two changes leave the same `updated_at`, so that clients can tell by it whether something changed.
pub(crate) async fn update(db: &mut AnyConnection, id: &str, change: &KeypairChange, now: Millis) -> Result<()> {
    let metadata = change.metadata.as_ref().map(serde_json::to_string).transpose()?;
    sqlx::query(
        "UPDATE keypairs SET public_key = COALESCE($1, public_key), metadata = COALESCE($2, metadata), \
         updated_at = CASE WHEN updated_at < $3 THEN $3 ELSE updated_at + 1 END WHERE id = $4",
    )
    .bind(&change.public_key)
    .bind(metadata)
    .bind(now)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn delete(db: &mut AnyConnection, id: &str) -> Result<()> {
    sqlx::query("DELETE FROM keypairs WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

pub(crate) async fn delete_identifiers(db: &mut AnyConnection, id: &str) -> Result<()> {
    sqlx::query("DELETE FROM keypair_identifiers WHERE keypair_id = $1").bind(id).execute(db).await?;
    Ok(())
}
