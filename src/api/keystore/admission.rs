//! The one-time token with which a user of the Keystore becomes a user of the Vault. `docs/protocol/http-api.md` §4.4.

use serde::{Deserialize, Serialize};

use crate::http::{Reply, Service};

/// One-time tokens that the Keystore asked other services for on the user's behalf.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ExternalAdmissionToken {
    /// For `POST /me` of the Vault, which uses it up. A secret.
    pub vault_api_admission_token: String,
    /// For a service of the platform that no longer exists: null.
    #[serde(default)]
    pub passphrase_store_admission_token: Option<String>,
}

/// Reply of `GET /external_admission_tokens`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ExternalAdmissionTokenResponse {
    /// A new pair of tokens with each request.
    pub external_admission_token: ExternalAdmissionToken,
}

/// Asks for tokens. Each request makes new ones, although it is a `GET`.
pub fn create(keystore: &Service) -> Reply<'_, ExternalAdmissionToken> {
    keystore.get(&["external_admission_tokens"]).send_for("external_admission_token")
}
