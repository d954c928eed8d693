//! The user's own record (docs/protocol/http-api.md §5.1, §5.3). A user is created with an admission token of the
//! Keystore.

use axum::{Json, extract::State, http::StatusCode};
use vaultshare::api::vault::me::{NewUser, NewUserResponse, UserChangeRequest, UserResponse};

use super::{Vault, records::users};
use crate::{
    auth::{self, Issued, Session},
    clock::millis,
    error::{Code, Error, Result},
    public_key,
    request::Body,
    service::Service,
    store::new_id,
    token,
};

/// How many users of the Vault a user of the Keystore can be: one, and some whose registration was cut off.
const USERS_OF_ONE: i64 = 5;

/// Makes a user of the Vault of a user of the Keystore, who has an admission token.
#[utoipa::path(
    post, path = "/me",
    request_body = NewUser,
    responses((status = 201, body = NewUserResponse), (status = 403), (status = 429)),
    security(()),
)]
pub(super) async fn create(
    State(vault): State<Vault>,
    Body(request): Body<NewUser>,
) -> Result<(StatusCode, Json<NewUserResponse>)> {
    public_key::check(&vault.work().sign_ins, &request.public_key).await?;
    let now = vault.clock().now();
    let id = new_id();
    // Outside of the transaction: encrypting takes time, and there is one writer.
    let session = Issued::new(now, *vault.limits().session)?;
    let encrypted_session_authentication_string =
        public_key::encrypt_token(&vault.work().sign_ins, &request.public_key, &session.token).await?;
    let mut tx = vault.store().write().await?;
    let Some(admission) = users::consume_admission_token(&mut tx, &request.admission_token, now).await? else {
        let message = "The admission token is unknown, used or too old";
        return Err(Error::refused(Code::AdmissionTokenInvalid, message));
    };
    let keystore_user_id = admission.keystore_user_id.as_deref();
    // In the transaction: who is disabled in the Keystore is so here after it, and then with this user.
    if let Some(id) = keystore_user_id
        && !vault.keystore_accounts().may_sign_in(id).await?
    {
        return Err(auth::user_disabled());
    }
    // Each of them has the quotas of a user.
    if let Some(id) = keystore_user_id
        && users::count_of(&mut tx, id).await? >= USERS_OF_ONE
    {
        let message = format!("A user of the Keystore is at most {USERS_OF_ONE} users of this Vault");
        return Err(Error::refused(Code::QuotaExceeded, message));
    }
    if !users::insert(&mut tx, &id, &request.public_key, keystore_user_id, now).await? {
        let message = "There is a user with this public key: sign in";
        return Err(Error::refused(Code::PublicKeyTaken, message));
    }
    auth::insert(&mut tx, &id, &session).await?;
    let user = users::find(&mut tx, &id).await?;
    tx.commit().await?;
    let response =
        NewUserResponse { encrypted_session_authentication_string, user, associations: vec![], organisations: vec![] };
    Ok((StatusCode::CREATED, Json(response)))
}

/// The user's own record.
#[utoipa::path(get, path = "/me", responses((status = 200, body = UserResponse)))]
pub(super) async fn show(State(vault): State<Vault>, session: Session) -> Result<Json<UserResponse>> {
    let mut db = vault.store().read_once().await?;
    let user = users::find(&mut db, &session.user_id).await?;
    Ok(Json(UserResponse { user, associations: vec![] }))
}

/// Changes the user's own record. What is absent stays.
#[utoipa::path(put, path = "/me", request_body = UserChangeRequest, responses((status = 200, body = UserResponse)))]
pub(super) async fn change(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<UserChangeRequest>,
) -> Result<Json<UserResponse>> {
    let mut tx = vault.store().write().await?;
    users::update(&mut tx, &session.user_id, &request.user).await?;
    let user = users::find(&mut tx, &session.user_id).await?;
    tx.commit().await?;
    Ok(Json(UserResponse { user, associations: vec![] }))
}

/// Issues a token that admits one user of the Keystore.
pub(super) async fn issue_admission_token(vault: &Vault, keystore_user_id: &str) -> Result<String> {
    let token = token::generate().map_err(Error::fault)?;
    let expires_at = vault.clock().now() + millis(vault.limits().admission);
    let mut tx = vault.store().write().await?;
    users::insert_admission_token(&mut tx, &token, keystore_user_id, expires_at).await?;
    tx.commit().await?;
    Ok(token)
}
