//! RSA key pairs, the private half wrapped by the user's KEK (http-api §4.7). The Vault calls their ids
//! `keypair_external_id`.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id, JsonObject,
    keystore::keypairs::{Keypair, KeypairResponse, NewKeypair},
};

use super::Keystore;
use crate::{
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    request::Body,
    service::Service,
    sessions::Session,
    store::new_id,
    wire::Stored,
};

pub(super) fn routes() -> Router<Keystore> {
    Router::new()
        .route("/keypairs", post(store))
        .route("/keypairs/{id}", get(show).patch(change).delete(delete))
        .route("/keypairs/external_id/{external_id}", get(show_by_identifier))
}

async fn store(
    State(keystore): State<Keystore>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<NewKeypair>,
) -> Result<Response> {
    check_identifiers(&request.external_identifiers)?;
    let mut change = match repeatable.begin(&keystore, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let id = new_id();
    insert(&mut change.tx, &id, &session.user_id, &request, keystore.clock().sequence()).await?;
    insert_identifiers(&mut change.tx, &id, &session.user_id, &request.external_identifiers).await?;
    let response = response(&mut change.tx, &id, &session.user_id).await?;
    change.answer(StatusCode::CREATED, &response).await
}

async fn show(
    State(keystore): State<Keystore>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<KeypairResponse>> {
    let mut db = keystore.store().read().await?;
    response(&mut db, &id, &session.user_id).await.map(Json)
}

async fn show_by_identifier(
    State(keystore): State<Keystore>,
    session: Session,
    Path(identifier): Path<String>,
) -> Result<Json<KeypairResponse>> {
    let mut db = keystore.store().read().await?;
    let id = find_newest(&mut db, &session.user_id, &identifier).await?.ok_or_else(no_keypair)?;
    response(&mut db, &id, &session.user_id).await.map(Json)
}

/// What of a key pair can be changed. Absent and null mean "as it was".
#[derive(Deserialize)]
struct KeypairChange {
    public_key: Option<String>,
    metadata: Option<JsonObject>,
    external_identifiers: Option<Vec<String>>,
}

async fn change(
    State(keystore): State<Keystore>,
    session: Session,
    Path(id): Path<String>,
    Body(request): Body<KeypairChange>,
) -> Result<Json<KeypairResponse>> {
    let mut tx = keystore.store().write().await?;
    find(&mut tx, &id, &session.user_id).await?.ok_or_else(no_keypair)?;
    update(&mut tx, &id, &request).await?;
    if let Some(identifiers) = &request.external_identifiers {
        check_identifiers(identifiers)?;
        sqlx::query("DELETE FROM keypair_identifiers WHERE keypair_id = $1").bind(&id).execute(&mut *tx).await?;
        insert_identifiers(&mut tx, &id, &session.user_id, identifiers).await?;
    }
    let response = response(&mut tx, &id, &session.user_id).await?;
    tx.commit().await?;
    Ok(Json(response))
}

async fn delete(State(keystore): State<Keystore>, session: Session, Path(id): Path<String>) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    find(&mut tx, &id, &session.user_id).await?.ok_or_else(no_keypair)?;
    sqlx::query("DELETE FROM keypairs WHERE id = $1").bind(&id).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

// The rules.

fn check_identifiers(identifiers: &[String]) -> Result<()> {
    let fits = |identifier: &String| (1..=255).contains(&identifier.len());
    if identifiers.len() > 20 || !identifiers.iter().all(fits) {
        return Err(Error::invalid("external_identifiers are at most 20, of 1 to 255 characters"));
    }
    Ok(())
}

fn no_keypair() -> Error {
    Error::not_found("keypair_not_found")
}

// The queries.

#[derive(FromRow)]
struct Row {
    id: String,
    public_key: String,
    encrypted_serialized_key: String,
    metadata: String,
}

async fn response(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<KeypairResponse> {
    let row = find(db, id, user_id).await?.ok_or_else(no_keypair)?;
    let identifiers =
        sqlx::query_scalar("SELECT identifier FROM keypair_identifiers WHERE keypair_id = $1 ORDER BY position");
    let keypair = Keypair {
        id: Id::stored(row.id)?,
        public_key: row.public_key,
        encrypted_serialized_key: Ciphertext::stored(row.encrypted_serialized_key)?,
        metadata: serde_json::from_str(&row.metadata)?,
        external_identifiers: identifiers.bind(id).fetch_all(db).await?,
    };
    Ok(KeypairResponse { keypair })
}

async fn find(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Option<Row>> {
    let row = sqlx::query_as(
        "SELECT id, public_key, encrypted_serialized_key, metadata FROM keypairs WHERE id = $1 AND user_id = $2",
    );
    Ok(row.bind(id).bind(user_id).fetch_optional(db).await?)
}

async fn find_newest(db: &mut AnyConnection, user_id: &str, identifier: &str) -> Result<Option<String>> {
    let id = sqlx::query_scalar(
        "SELECT keypairs.id FROM keypairs \
         JOIN keypair_identifiers ON keypair_identifiers.keypair_id = keypairs.id \
         WHERE keypair_identifiers.user_id = $1 AND keypair_identifiers.identifier = $2 \
         ORDER BY keypairs.sequence DESC LIMIT 1",
    );
    Ok(id.bind(user_id).bind(identifier).fetch_optional(db).await?)
}

async fn insert(db: &mut AnyConnection, id: &str, user_id: &str, keypair: &NewKeypair, sequence: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO keypairs (id, user_id, public_key, encrypted_serialized_key, metadata, sequence) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(user_id)
    .bind(&keypair.public_key)
    .bind(keypair.encrypted_serialized_key.as_str())
    .bind(serde_json::to_string(&keypair.metadata)?)
    .bind(sequence)
    .execute(db)
    .await?;
    Ok(())
}

async fn insert_identifiers(db: &mut AnyConnection, id: &str, user_id: &str, identifiers: &[String]) -> Result<()> {
    for (position, identifier) in (0_i64..).zip(identifiers) {
        sqlx::query(
            "INSERT INTO keypair_identifiers (keypair_id, user_id, identifier, position) VALUES ($1, $2, $3, $4)",
        )
        .bind(id)
        .bind(user_id)
        .bind(identifier)
        .bind(position)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn update(db: &mut AnyConnection, id: &str, change: &KeypairChange) -> Result<()> {
    let metadata = change.metadata.as_ref().map(serde_json::to_string).transpose()?;
    sqlx::query(
        "UPDATE keypairs SET public_key = COALESCE($1, public_key), metadata = COALESCE($2, metadata) WHERE id = $3",
    )
    .bind(&change.public_key)
    .bind(metadata)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}
