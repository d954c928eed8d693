//! Registering with SRP and signing in, so that the passphrase never leaves the page. `docs/protocol/http-api.md` §4.1–§4.3.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Id, Timestamp},
    http::{Reply, Service},
};

/// Body of `POST /srp/username`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UsernameRequest {
    /// Proof of a solved captcha, where an installation wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captcha_token: Option<String>,
}

/// A username reserved for a while.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReservedUsername {
    /// Becomes the middle part of the user's secret, so it holds no dot.
    pub username: String,
    /// Until when nobody else can register it.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// Body of `POST /srp/users`: what the Keystore needs to check a passphrase without knowing it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSrpUser {
    /// The reserved username.
    pub username: String,
    /// 32 bytes as 64 hexadecimal digits.
    pub srp_salt: String,
    /// 256 bytes as 512 hexadecimal digits.
    pub srp_verifier: String,
}

/// A registered user of the Keystore.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SrpUser {
    /// The Keystore's id of the user; the Vault has another.
    pub id: Id,
    /// As registered.
    pub username: String,
}

/// Reply of `POST /srp/users`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SrpUserResponse {
    /// The new user.
    pub user: SrpUser,
}

/// Body of `POST /srp/challenges`: the first half of a login.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChallengeRequest {
    /// Who wants to sign in.
    pub username: String,
    /// The client's ephemeral public value A, 512 hexadecimal digits.
    pub srp_a: String,
}

/// The server's half of the key agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Challenge {
    /// The salt given at registration, hexadecimal.
    pub challenge_salt: String,
    /// The server's ephemeral public value B, 512 hexadecimal digits.
    pub challenge_b: String,
}

/// Reply of `POST /srp/challenges`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChallengeResponse {
    /// The challenge.
    pub challenge: Challenge,
}

/// Body of `POST /srp/session`: the second half of a login.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SrpSessionRequest {
    /// As in the challenge.
    pub username: String,
    /// As in the challenge, by which the server finds it again.
    pub srp_a: String,
    /// The proof M1, 64 hexadecimal digits.
    pub srp_m: String,
    /// How many seconds the session is wanted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_for: Option<u64>,
}

/// A Keystore session.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeystoreSession {
    /// The session's id.
    pub id: Id,
    /// The token for `Authorization`. A secret.
    pub session_authentication_string: String,
    /// From when the token is valid.
    #[serde(default)]
    pub valid_from: Option<Timestamp>,
    /// Until when it is.
    #[serde(default)]
    pub valid_till: Option<Timestamp>,
    /// Whose session it is.
    #[serde(default)]
    pub username: Option<String>,
}

/// Reply of `POST /srp/session`.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeystoreSessionResponse {
    /// The new session.
    pub session: KeystoreSession,
}

/// Reserves a username that nobody has.
pub fn reserve_username(keystore: &Service) -> Reply<'_, ReservedUsername> {
    keystore.post(&["srp", "username"]).json(&UsernameRequest::default()).send()
}

/// Registers a user. A 400 with the server code `username_taken` means that it was done before.
pub fn register<'a>(keystore: &'a Service, user: &NewSrpUser) -> Reply<'a, SrpUser> {
    keystore.post(&["srp", "users"]).json(user).send_for("user")
}

/// Asks for the server's half of the key agreement. Making another one harms nobody, so it may be repeated.
pub fn challenge<'a>(keystore: &'a Service, request: &ChallengeRequest) -> Reply<'a, Challenge> {
    keystore.post(&["srp", "challenges"]).json(request).safe_to_repeat().send_for("challenge")
}

/// Proves the passphrase and opens a session. 401 where the proof is wrong.
pub fn open_session<'a>(keystore: &'a Service, request: &SrpSessionRequest) -> Reply<'a, KeystoreSession> {
    keystore.post(&["srp", "session"]).json(request).send_for("session")
}
