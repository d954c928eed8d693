//! The one-time token with which a user of the Keystore becomes a user of the Vault. `docs/protocol/http-api.md` §4.4.

use serde::{Deserialize, Serialize};

use crate::http::{Reply, Service};

/// The tokens that the Keystore asked other services for on the user's behalf.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExternalAdmissionToken {
    /// For `POST /me` of the Vault, once.
    pub vault_api_admission_token: String,
    /// For a service that no longer exists; always null.
    #[serde(default)]
    pub passphrase_store_admission_token: Option<String>,
}

/// Reply of `GET /external_admission_tokens`.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExternalAdmissionTokenResponse {
    /// The tokens.
    pub external_admission_token: ExternalAdmissionToken,
}

/// Fresh tokens.
pub fn create(keystore: &Service) -> Reply<'_, ExternalAdmissionToken> {
    keystore.get(&["external_admission_tokens"]).send_for("external_admission_token")
}
