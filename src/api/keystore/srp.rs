//! Registering with SRP and signing in, so that the passphrase never leaves the page. `docs/protocol/http-api.md`
//! §4.1–§4.3.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Ciphertext, Id, Timestamp, WrappedKeyEncryptionKey},
    http::{Reply, Service},
};

/// Body of `POST /srp/username`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UsernameRequest {
    /// Proof of a solved captcha, where an installation wants one; this repository's server ignores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captcha_token: Option<String>,
}

/// A username that nobody has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ReservedUsername {
    /// Becomes the middle part of the user's secret, so it contains no dot.
    pub username: String,
    /// Until when nobody else can register it: ISO-8601, UTC.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// Body of `POST /srp/users`: what the Keystore needs to verify a passphrase without knowing it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewSrpUser {
    /// From [`ReservedUsername`].
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = r"^[!-\-/-~]{1,100}$")))]
    pub username: String,
    /// s: 32 bytes as 64 hexadecimal digits.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9A-Fa-f]{16,128}$")))]
    pub srp_salt: String,
    /// v: 256 bytes as 512 hexadecimal digits.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9A-Fa-f]{1,512}$")))]
    pub srp_verifier: String,
}

/// A registered user of the Keystore.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SrpUser {
    /// The Keystore's id of the user; the Vault has another.
    pub id: Id,
    /// As registered.
    pub username: String,
}

/// Reply of `POST /srp/users`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SrpUserResponse {
    /// As registered.
    pub user: SrpUser,
}

/// Body of `POST /srp/challenges`: the first step of a login.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ChallengeRequest {
    /// From the user secret. Unknown ones get a challenge too, so that it does not tell who is a user.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = r"^[!-\-/-~]{1,100}$")))]
    pub username: String,
    /// A: the client's ephemeral public value, 512 hexadecimal digits.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9A-Fa-f]{1,512}$")))]
    pub srp_a: String,
}

/// The server's part of the SRP key agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Challenge {
    /// s, as given at registration, hexadecimal.
    pub challenge_salt: String,
    /// B: the server's ephemeral public value, 512 hexadecimal digits.
    pub challenge_b: String,
}

/// Reply of `POST /srp/challenges`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ChallengeResponse {
    /// Good for one attempt.
    pub challenge: Challenge,
}

/// Body of `POST /srp/session`: the second step of a login.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SrpSessionRequest {
    /// As in the challenge.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = r"^[!-\-/-~]{1,100}$")))]
    pub username: String,
    /// As in the challenge; the server finds the challenge by it and the username.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9A-Fa-f]{1,512}$")))]
    pub srp_a: String,
    /// M1: the proof of the shared secret, 64 hexadecimal digits.
    pub srp_m: String,
    /// How long the session is wanted for, in seconds; `None`: the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_for: Option<u64>,
}

/// A Keystore session.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeystoreSession {
    /// The record's id; unlike the token no secret.
    pub id: Id,
    /// The token for the header `Authorization`. A secret.
    pub session_authentication_string: String,
    /// From when the token is valid: ISO-8601, UTC.
    #[serde(default)]
    pub valid_from: Option<Timestamp>,
    /// Until when the token is valid: ISO-8601, UTC.
    #[serde(default)]
    pub valid_till: Option<Timestamp>,
    /// Whose session it is; null in some versions.
    #[serde(default)]
    pub username: Option<String>,
    /// M2: the server's proof that it has the user's verifier, 64 hexadecimal digits; in the reply to a sign-in. An extension
    /// of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srp_m2: Option<String>,
}

/// Reply of `POST /srp/session`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeystoreSessionResponse {
    /// A new session; the user's other sessions stay valid.
    pub session: KeystoreSession,
}

/// Body of `PUT /srp/passphrase`. An extension of this repository's server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PassphraseChange {
    /// Of the passphrase until now, for a challenge, as for signing in.
    pub proof: SrpSessionRequest,
    /// What takes its place.
    pub replacement: NewPassphrase,
}

/// What a Keystore has of a passphrase.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewPassphrase {
    /// As in [`NewSrpUser`].
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9A-Fa-f]{16,128}$")))]
    pub srp_salt: String,
    /// As in [`NewSrpUser`].
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[0-9A-Fa-f]{1,512}$")))]
    pub srp_verifier: String,
    /// The user's KEK, wrapped by the key of the new passphrase.
    pub serialized_key_encryption_key: Ciphertext<WrappedKeyEncryptionKey>,
}

/// Reserves a username that nobody has.
pub fn reserve_username(keystore: &Service) -> Reply<'_, ReservedUsername> {
    keystore.post(&["srp", "username"]).json(&UsernameRequest::default()).send()
}

/// Registers a user. A 400 with the server code `username_taken` means that an earlier attempt succeeded.
pub fn register<'a>(keystore: &'a Service, user: &NewSrpUser) -> Reply<'a, SrpUser> {
    keystore.post(&["srp", "users"]).json(user).send_for("user")
}

/// Starts a login. May be retried: for the same A the new challenge replaces the old.
pub fn challenge<'a>(keystore: &'a Service, request: &ChallengeRequest) -> Reply<'a, Challenge> {
    keystore.post(&["srp", "challenges"]).json(request).safe_to_repeat().send_for("challenge")
}

/// Proves the passphrase and opens a session. 401 where the proof is wrong.
pub fn open_session<'a>(keystore: &'a Service, request: &SrpSessionRequest) -> Reply<'a, KeystoreSession> {
    keystore.post(&["srp", "session"]).json(request).send_for("session")
}

/// Changes the passphrase: verifier and wrapped KEK at once, by who proves the one until now. Ends every session of the user
/// at the Keystore, and gives a new one. 401 where the proof is wrong, also for a second attempt whose first one succeeded.
pub fn change_passphrase<'a>(keystore: &'a Service, change: &PassphraseChange) -> Reply<'a, KeystoreSession> {
    // A proof is good once: nothing would come of repeating it.
    keystore.put(&["srp", "passphrase"]).json(change).once().send_for("session")
}
