//! Admission tokens: with one, a user of the Keystore becomes a user of the Vault (docs/protocol/http-api.md §4.4).

use axum::{Json, extract::State};
use vaultshare::api::keystore::admission::{ExternalAdmissionToken, ExternalAdmissionTokenResponse};

use super::Keystore;
use crate::{
    auth::{self, Session},
    error::Result,
    service::Service,
};

/// Issues a token that admits one user to the Vault.
#[utoipa::path(
    get, path = "/external_admission_tokens",
    responses((status = 200, body = ExternalAdmissionTokenResponse)),
)]
pub(super) async fn issue(
    State(keystore): State<Keystore>,
    session: Session,
) -> Result<Json<ExternalAdmissionTokenResponse>> {
    let vault_api_admission_token = keystore.0.admissions.issue_admission_token(&session.user_id).await?;
    // It may have waited, and the session may have been ended meanwhile: then nobody learns the token.
    auth::require(&mut *keystore.store().read_once().await?, &session).await?;
    let external_admission_token =
        ExternalAdmissionToken { vault_api_admission_token, passphrase_store_admission_token: None };
    Ok(Json(ExternalAdmissionTokenResponse { external_admission_token }))
}
