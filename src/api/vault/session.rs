//! Opening and ending a Vault session. `docs/protocol/http-api.md` §5.2 and §5.4.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Ciphertext, SessionToken},
    http::{Reply, Service},
};

/// Body of `POST /session`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SessionRequest {
    /// The user's public key, PEM: the text exactly as it was registered.
    pub public_key: String,
    /// How long the session is wanted for, in seconds; `None`: the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_for: Option<u64>,
}

/// A session that only the holder of the private key can use.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EncryptedSession {
    /// The session token, encrypted to the user's public key.
    pub encrypted_session_authentication_string: Ciphertext<SessionToken>,
}

/// Reply of `POST /session`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SessionResponse {
    /// A new session; the user's other sessions stay valid.
    pub session: EncryptedSession,
}

/// Opens a session. May be retried: a user can have several.
pub fn create<'a>(vault: &'a Service, public_key_pem: &str, valid_for: Option<u64>) -> Reply<'a, EncryptedSession> {
    let body = SessionRequest { public_key: public_key_pem.to_owned(), valid_for };
    vault.post(&["session"]).json(&body).safe_to_repeat().send_for("session")
}

/// Logs out: ends the session whose token the service carries.
pub fn delete(vault: &Service) -> Reply<'_, ()> {
    vault.delete(&["session"]).send_void()
}

/// Ends all the user's sessions but the one whose token the service carries.
pub fn delete_others(vault: &Service) -> Reply<'_, ()> {
    vault.delete(&["session", "all"]).query("except_current", "true").send_void()
}
