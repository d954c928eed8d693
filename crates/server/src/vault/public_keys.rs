//! Public keys that users publish for their connections. The first protocol publishes a key and refers to its record in
//! an invitation or a connection; later ones send the key itself, of which a record is then made.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use vaultshare::api::{PageMeta, Timestamp, vault::invitations::ConnectionPublicKey};

use super::{
    Vault,
    records::public_keys::{self, Row, STRATEGY, not_found},
};
use crate::{
    auth::Session,
    bounds::{Bounded, KEY, SHORT_TEXT, check_length},
    clock::{Clock, to_wire},
    config::Limits,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::{Order, PageParams},
    public_key,
    query::Query,
    request::Body,
    service::Service,
};

/// A key to be published.
#[derive(Deserialize, JsonSchema)]
pub(super) struct NewPublicKey {
    /// The Keystore's id of the key pair.
    key_store_id: String,
    /// `Rsa4096`, the only one; so where absent.
    encryption_strategy: Option<String>,
    /// PEM, kept byte for byte.
    public_key: String,
}

impl Bounded for NewPublicKey {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("key_store_id", Some(&self.key_store_id), SHORT_TEXT)?;
        check_length("public_key", Some(&self.public_key), KEY)
    }
}

/// One published key.
#[derive(Serialize, JsonSchema)]
pub(super) struct PublicKeyResponse {
    /// As stored.
    public_key: PublicKeyRecord,
}

/// A page of published keys.
#[derive(Serialize, JsonSchema)]
pub(super) struct PublicKeysResponse {
    /// Oldest first.
    public_keys: Vec<PublicKeyRecord>,
    /// The pagination cursor of the next page; null on the last.
    next_page_after: Option<String>,
    /// See [`PageMeta`].
    meta: Vec<PageMeta>,
}

/// A published key.
#[derive(Serialize, JsonSchema)]
pub(super) struct PublicKeyRecord {
    /// For `public_key_id` of an invitation or connection.
    id: String,
    /// Who published it.
    user_id: String,
    /// The Keystore's id of the key pair.
    key_store_id: Option<String>,
    /// `Rsa4096`.
    encryption_strategy: String,
    /// PEM, byte for byte as it was stored.
    public_key: String,
    /// ISO-8601, UTC.
    created_at: Timestamp,
    /// The same: a published key does not change.
    updated_at: Timestamp,
}

vaultshare::describe!(READ: NewPublicKey);
vaultshare::describe!(SENT: PublicKeyResponse, PublicKeysResponse);

impl From<Row> for PublicKeyRecord {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            key_store_id: row.keypair_external_id,
            encryption_strategy: row.encryption_strategy,
            public_key: row.public_key,
            created_at: to_wire(row.created_at),
            updated_at: to_wire(row.created_at),
        }
    }
}

/// Publishes a key for connections.
#[utoipa::path(
    post, path = "/key_store/public_keys",
    request_body = NewPublicKey,
    params(Idempotency),
    responses((status = 201, body = PublicKeyResponse)),
)]
pub(super) async fn create(
    State(vault): State<Vault>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewPublicKey>,
) -> Result<Response> {
    if request.encryption_strategy.as_deref().is_some_and(|strategy| strategy != STRATEGY) {
        return Err(Error::refused(Code::UnsupportedEncryptionStrategy, "must be Rsa4096").at("encryption_strategy"));
    }
    public_key::check(&vault.work().requests, &request.public_key).await?;
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let key = ConnectionPublicKey { keypair_external_id: Some(request.key_store_id), public_key: request.public_key };
    let id = public_keys::insert(&mut change.tx, &session.user_id, &key, vault.clock()).await?;
    let row = public_keys::find(&mut change.tx, &session.user_id, &id).await?.ok_or_else(not_found)?;
    change.answer(StatusCode::CREATED, &PublicKeyResponse { public_key: row.into() }).await
}

/// The keys that the user published, oldest first.
#[utoipa::path(
    get, path = "/key_store/public_keys",
    params(PageParams),
    responses((status = 200, body = PublicKeysResponse)),
)]
pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
) -> Result<Json<PublicKeysResponse>> {
    let page = page.page(Order::Ascending);
    let mut db = vault.store().read_once().await?;
    let rows = public_keys::list(&mut db, &session.user_id, &page).await?;
    let (rows, next_page_after) = page.cut(rows, |row: &Row| row.sequence);
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(PublicKeysResponse {
        public_keys: rows.into_iter().map(PublicKeyRecord::from).collect(),
        next_page_after,
        meta,
    }))
}

/// Checks the key that a request has, before it is stored.
pub(in crate::vault) async fn check_sent(vault: &Vault, sent: Option<&ConnectionPublicKey>) -> Result<()> {
    let Some(key) = sent else { return Ok(()) };
    public_key::check(&vault.work().requests, &key.public_key).await.map_err(|error| error.at("public_key"))
}

/// The key of a request, with the id of its record: the request refers to a record, or has the key itself.
pub(in crate::vault) async fn find_or_insert(
    db: &mut AnyConnection,
    user_id: &str,
    id: Option<&str>,
    sent: Option<ConnectionPublicKey>,
    clock: &Clock,
) -> Result<(String, ConnectionPublicKey)> {
    match (id, sent) {
        (Some(id), None) => {
            let row = public_keys::find(db, user_id, id).await?.ok_or_else(not_found)?;
            let Row { id, keypair_external_id, public_key, .. } = row;
            Ok((id, ConnectionPublicKey { keypair_external_id, public_key }))
        }
        (None, Some(key)) => {
            let id = public_keys::insert(db, user_id, &key, clock).await?;
            Ok((id, key))
        }
        (None, None) => Err(Error::missing("public_key")),
        (Some(_), Some(_)) => {
            let message = "A connection has either public_key or public_key_id";
            Err(Error::refused(Code::InvalidPublicKey, message).at("public_key_id"))
        }
    }
}
