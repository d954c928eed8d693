//! The user's own record (http-api §5.1, §5.3). A user is made with an admission token of the Keystore.

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Id,
    vault::me::{NewUser, NewUserResponse, User, UserChange, UserChangeRequest, UserResponse, UserType},
};

use super::{Vault, public_key};
use crate::{
    clock::{Millis, millis, to_wire},
    error::{Error, Result},
    request::Body,
    service::Service,
    sessions::{self, Issued, Session},
    store::new_id,
    token,
    wire::{Stored, id_text, maybe_time},
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/me", get(show).post(create).put(change))
}

async fn create(
    State(vault): State<Vault>,
    Body(request): Body<NewUser>,
) -> Result<(StatusCode, Json<NewUserResponse>)> {
    public_key::check(&request.public_key)?;
    let now = vault.clock().now();
    let id = new_id();
    // Outside of the transaction: encrypting takes its time, and whoever writes holds up everybody else who does.
    let session = Issued::new(now, vault.limits().session)?;
    let encrypted_session_authentication_string =
        public_key::encrypt_token(&request.public_key, &session.token).await?;
    let mut tx = vault.store().write().await?;
    if !use_admission_token(&mut tx, &request.admission_token, now).await? {
        let message = "The admission token is unknown, used or too old";
        return Err(Error::refused(StatusCode::BAD_REQUEST, "admission_token_invalid", message));
    }
    if !insert(&mut tx, &id, &request.public_key, now).await? {
        let message = "There is a user with this public key: sign in";
        return Err(Error::refused(StatusCode::BAD_REQUEST, "public_key_taken", message));
    }
    sessions::keep(&mut tx, &id, &session).await?;
    let user = find(&mut tx, &id).await?;
    tx.commit().await?;
    let response =
        NewUserResponse { encrypted_session_authentication_string, user, associations: vec![], organisations: vec![] };
    Ok((StatusCode::CREATED, Json(response)))
}

async fn show(State(vault): State<Vault>, session: Session) -> Result<Json<UserResponse>> {
    let mut db = vault.store().read_once().await?;
    let user = find(&mut db, &session.user_id).await?;
    Ok(Json(UserResponse { user, associations: vec![] }))
}

async fn change(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<UserChangeRequest>,
) -> Result<Json<UserResponse>> {
    let mut tx = vault.store().write().await?;
    update(&mut tx, &session.user_id, &request.user).await?;
    let user = find(&mut tx, &session.user_id).await?;
    tx.commit().await?;
    Ok(Json(UserResponse { user, associations: vec![] }))
}

// Admission tokens.

/// Makes a token that admits one user.
pub(super) async fn make_admission_token(vault: &Vault) -> Result<String> {
    let token = token::make().map_err(Error::fault)?;
    let expires_at = vault.clock().now() + millis(vault.limits().admission);
    let mut tx = vault.store().write().await?;
    sqlx::query("INSERT INTO admission_tokens (token_hash, expires_at) VALUES ($1, $2)")
        .bind(token::hash(&token))
        .bind(expires_at)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(token)
}

async fn use_admission_token(db: &mut AnyConnection, token: &str, now: Millis) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM admission_tokens WHERE token_hash = $1 AND expires_at > $2");
    Ok(delete.bind(token::hash(token)).bind(now).execute(db).await?.rows_affected() == 1)
}

/// Clears away admission tokens that nobody used in time.
pub(super) async fn clear_expired(db: &mut AnyConnection, now: Millis) -> Result<()> {
    sqlx::query("DELETE FROM admission_tokens WHERE expires_at <= $1").bind(now).execute(db).await?;
    Ok(())
}

// The queries.

#[derive(FromRow)]
struct Row {
    id: String,
    full_name: Option<String>,
    email: Option<String>,
    country: Option<String>,
    image: Option<String>,
    did: Option<String>,
    private_dek_external_id: Option<String>,
    created_at: Millis,
    queued_for_deletion_after: Option<Millis>,
}

pub(super) async fn find(db: &mut AnyConnection, id: &str) -> Result<User> {
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
        // Generated clients type it as a text that is always there.
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

async fn insert(db: &mut AnyConnection, id: &str, public_key: &str, now: Millis) -> Result<bool> {
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

/// The user's public key, as they gave it.
pub(super) async fn public_key_of(db: &mut AnyConnection, id: &str) -> Result<String> {
    Ok(sqlx::query_scalar("SELECT public_key FROM users WHERE id = $1").bind(id).fetch_one(db).await?)
}

/// The id of the user with exactly this text as public key.
pub(super) async fn find_by_public_key(db: &mut AnyConnection, public_key: &str) -> Result<Option<String>> {
    let id = sqlx::query_scalar("SELECT id FROM users WHERE public_key_hash = $1 AND public_key = $2");
    Ok(id.bind(token::hash(public_key)).bind(public_key).fetch_optional(db).await?)
}

async fn update(db: &mut AnyConnection, id: &str, change: &UserChange) -> Result<()> {
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
