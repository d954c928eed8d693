//! Opening and ending a Vault session. `protocol/http-api.md` §5.2 and §5.4.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Ciphertext, SessionToken},
    error::Result,
    http::Service,
};

/// Body of `POST /session`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionRequest {
    /// The user's public key, the PEM exactly as registered.
    pub public_key: String,
    /// How many seconds the session is wanted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_for: Option<u64>,
}

/// A session that only the private key's holder can use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EncryptedSession {
    /// The token, encrypted to the user's public key.
    pub encrypted_session_authentication_string: Ciphertext<SessionToken>,
}

/// Reply of `POST /session`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionResponse {
    /// The session.
    pub session: EncryptedSession,
}

/// Opens a session; there may be any number. Making another one harms nobody, so it may be repeated.
pub async fn create(vault: &Service, public_key_pem: &str) -> Result<EncryptedSession> {
    let body = SessionRequest { public_key: public_key_pem.to_owned(), valid_for: None };
    let response: SessionResponse = vault.post(&["session"]).json(&body)?.safe_to_repeat().send().await?;
    Ok(response.session)
}

/// Ends the session whose token the service carries.
pub async fn delete(vault: &Service) -> Result<()> {
    vault.delete(&["session"]).send_void().await
}

/// Ends all the user's sessions but the one whose token the service carries.
pub async fn delete_others(vault: &Service) -> Result<()> {
    vault.delete(&["session", "all"]).query([("except_current", "true".to_owned())]).send_void().await
}
