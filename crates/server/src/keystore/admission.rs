//! The only word between the two services: the Keystore asks the Vault to admit one new user (http-api §4.4).

use std::pin::Pin;

use axum::{Json, Router, extract::State, routing::get};
use vaultshare::api::keystore::admission::{ExternalAdmissionToken, ExternalAdmissionTokenResponse};

use super::Keystore;
use crate::{error::Result, sessions::Session};

/// A future in a box: what a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A Vault, as the Keystore knows it: in this process, or one day behind an address.
pub trait Admissions: Send + Sync {
    /// Makes a token with which one user can be made, once.
    fn make_admission_token(&self) -> BoxFuture<'_, Result<String>>;
}

pub(super) fn routes() -> Router<Keystore> {
    Router::new().route("/external_admission_tokens", get(make_token))
}

async fn make_token(State(keystore): State<Keystore>, _: Session) -> Result<Json<ExternalAdmissionTokenResponse>> {
    let vault_api_admission_token = keystore.0.vault.make_admission_token().await?;
    let external_admission_token =
        ExternalAdmissionToken { vault_api_admission_token, passphrase_store_admission_token: None };
    Ok(Json(ExternalAdmissionTokenResponse { external_admission_token }))
}
