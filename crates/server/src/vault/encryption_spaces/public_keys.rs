//! Public keys that users publish for their connections. The first protocol stores one and names it in an invitation or
//! a connection; later ones send it along, and then the record is made of what was sent.

use axum::{Json, Router, extract::State, http::StatusCode, response::Response, routing::get};
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{PageMeta, vault::invitations::ConnectionPublicKey};

use crate::{
    clock::{Clock, Millis, to_wire},
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    paging::{Order, Page},
    request::{Body, Parameters},
    service::Service,
    sessions::Session,
    store::{Statement, new_id},
    vault::{Vault, public_key},
};

/// What the keys of this platform are for.
pub(in crate::vault) const STRATEGY: &str = "Rsa4096";

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/key_store/public_keys", get(list).post(create))
}

#[derive(Deserialize)]
struct NewPublicKey {
    key_store_id: String,
    encryption_strategy: Option<String>,
    public_key: String,
}

#[derive(Serialize)]
struct PublicKeyResponse {
    public_key: PublicKeyRecord,
}

#[derive(Serialize)]
struct PublicKeysResponse {
    public_keys: Vec<PublicKeyRecord>,
    next_page_after: Option<String>,
    meta: Vec<PageMeta>,
}

#[derive(Serialize)]
struct PublicKeyRecord {
    id: String,
    user_id: String,
    key_store_id: Option<String>,
    encryption_strategy: String,
    public_key: String,
    created_at: String,
    updated_at: String,
}

async fn create(
    State(vault): State<Vault>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<NewPublicKey>,
) -> Result<Response> {
    if request.encryption_strategy.as_deref().is_some_and(|strategy| strategy != STRATEGY) {
        return Err(Error::invalid("encryption_strategy is Rsa4096"));
    }
    public_key::check(&request.public_key)?;
    let mut change = match repeatable.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let key = ConnectionPublicKey { keypair_external_id: Some(request.key_store_id), public_key: request.public_key };
    let id = insert(&mut change.tx, &session.user_id, &key, vault.clock()).await?;
    let row = find(&mut change.tx, &session.user_id, &id).await?.ok_or_else(not_found)?;
    change.answer(StatusCode::CREATED, &PublicKeyResponse { public_key: row.wire() }).await
}

async fn list(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<PublicKeysResponse>> {
    let page = Page::of(&parameters, Order::Ascending);
    let select = Statement::new(PUBLIC_KEYS).text(" AND user_id = ?", &session.user_id).page("sequence", &page);
    let mut db = vault.store().read_once().await?;
    let (rows, next_page_after) = page.cut(select.fetch(&mut db).await?, |row: &Row| row.sequence);
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(PublicKeysResponse { public_keys: rows.into_iter().map(Row::wire).collect(), next_page_after, meta }))
}

/// The key that a request names by the id of its record, or brings along.
pub(in crate::vault) async fn named_or_brought(
    db: &mut AnyConnection,
    user_id: &str,
    named: Option<&str>,
    brought: Option<ConnectionPublicKey>,
    clock: &Clock,
) -> Result<(String, ConnectionPublicKey)> {
    match (named, brought) {
        (Some(id), None) => {
            let row = find(db, user_id, id).await?.ok_or_else(not_found)?;
            let Row { id, keypair_external_id, public_key, .. } = row;
            Ok((id, ConnectionPublicKey { keypair_external_id, public_key }))
        }
        (None, Some(key)) => {
            public_key::check(&key.public_key)?;
            let id = insert(db, user_id, &key, clock).await?;
            Ok((id, key))
        }
        _ => Err(Error::invalid("A connection needs either public_key or public_key_id")),
    }
}

fn not_found() -> Error {
    Error::not_found("public_key_not_found")
}

// The queries.

const PUBLIC_KEYS: &str = "SELECT id, user_id, keypair_external_id, encryption_strategy, public_key, created_at, \
     sequence FROM public_keys WHERE 1 = 1";

#[derive(FromRow)]
struct Row {
    id: String,
    user_id: String,
    keypair_external_id: Option<String>,
    encryption_strategy: String,
    public_key: String,
    created_at: Millis,
    sequence: i64,
}

impl Row {
    fn wire(self) -> PublicKeyRecord {
        PublicKeyRecord {
            id: self.id,
            user_id: self.user_id,
            key_store_id: self.keypair_external_id,
            encryption_strategy: self.encryption_strategy,
            public_key: self.public_key,
            created_at: to_wire(self.created_at),
            updated_at: to_wire(self.created_at),
        }
    }
}

async fn find(db: &mut AnyConnection, user_id: &str, id: &str) -> Result<Option<Row>> {
    let select = Statement::new(PUBLIC_KEYS).text(" AND id = ?", id).text(" AND user_id = ?", user_id);
    Ok(select.fetch(db).await?.pop())
}

async fn insert(db: &mut AnyConnection, user_id: &str, key: &ConnectionPublicKey, clock: &Clock) -> Result<String> {
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
