//! Signing in with SRP: a challenge, then a proof of the passphrase that never shows it (http-api §4.3).
//!
//! An unknown username gets a challenge like a known one, always with the same salt, and fails at the proof: the
//! server does not tell who its users are.

use std::time::{Duration, Instant};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use base16ct::lower::encode_string as to_hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Id,
    keystore::srp::{
        Challenge, ChallengeRequest, ChallengeResponse, KeystoreSession, KeystoreSessionResponse, SrpSessionRequest,
    },
};

use super::{
    Keystore,
    registration::{USERNAME_RULE, username_fits},
    srp::{self, Number, number_from_hex},
};
use crate::{
    clock::{Millis, millis, to_wire},
    error::{Error, Result},
    request::{Body, ClientAddress},
    service::Service,
    sessions::{self, Issued},
    token,
    wire::Stored,
};

pub(super) fn routes() -> Router<Keystore> {
    Router::new().route("/srp/challenges", post(challenge)).route("/srp/session", post(open_session))
}

async fn challenge(
    State(keystore): State<Keystore>,
    Body(request): Body<ChallengeRequest>,
) -> Result<Json<ChallengeResponse>> {
    let a = client_number(&request.srp_a)?;
    // Nobody has to be signed in for this, so what is kept of it is small, and nothing waits while it is computed.
    if !username_fits(&request.username) {
        return Err(Error::invalid(USERNAME_RULE));
    }
    let found = find_user(&mut *keystore.store().read_once().await?, &request.username).await?;
    let user = found.unwrap_or_else(|| decoy(&keystore.0.decoy_key, &request.username));
    let verifier =
        number_from_hex(&user.srp_verifier).ok_or_else(|| Error::fault("a stored verifier is unreadable"))?;
    let secret_b = token::random::<32>().map_err(Error::fault)?;
    let challenge_b = to_hex(&computed(move || srp::public_b(&secret_b, &verifier)).await?);
    let (secret_b, public_b) = (to_hex(&secret_b), challenge_b.clone());
    let begun = Begun { user_id: user.id, verifier: user.srp_verifier, secret_b, public_b };
    let expires_at = keystore.clock().now() + millis(keystore.limits().challenge);
    let mut tx = keystore.store().write().await?;
    keep(&mut tx, &request.username, &to_hex(&a), &begun, expires_at).await?;
    tx.commit().await?;
    Ok(Json(ChallengeResponse { challenge: Challenge { challenge_salt: user.srp_salt, challenge_b } }))
}

async fn open_session(
    State(keystore): State<Keystore>,
    ClientAddress(address): ClientAddress,
    Body(request): Body<SrpSessionRequest>,
) -> Result<(StatusCode, Json<KeystoreSessionResponse>)> {
    let lifetime = sessions::lifetime(&keystore, request.valid_for)?;
    let user_and_address = format!("{address} {}", request.username);
    keystore.0.attempts_per_address.take(&address, Instant::now())?;
    keystore.0.attempts_per_user.take(&user_and_address, Instant::now())?;

    let session = prove(&keystore, &request, lifetime).await?;

    keystore.0.attempts_per_user.give_back(&user_and_address);
    keystore.0.attempts_per_address.give_back(&address);
    let session = KeystoreSession {
        id: Id::stored(session.id)?,
        session_authentication_string: session.token,
        valid_from: Some(to_wire(session.valid_from)),
        valid_till: Some(to_wire(session.valid_till)),
        username: Some(request.username),
    };
    Ok((StatusCode::CREATED, Json(KeystoreSessionResponse { session })))
}

/// Checks the proof and begins a session. The challenge is used up, whether the proof is right or not, and in the same
/// transaction: of several proofs for one challenge one is heard, the first to use it up.
async fn prove(keystore: &Keystore, request: &SrpSessionRequest, lifetime: Duration) -> Result<Issued> {
    let a = client_number(&request.srp_a)?;
    let given = base16ct::mixed::decode_vec(&request.srp_m).map_err(|_| login_failed())?;
    let now = keystore.clock().now();
    let begun = find(&mut *keystore.store().read_once().await?, &request.username, &to_hex(&a), now).await?;
    let begun = begun.ok_or_else(login_failed)?;
    let verifier = number_from_hex(&begun.verifier).ok_or_else(|| Error::fault("a stored verifier is unreadable"))?;
    let secret_b = base16ct::lower::decode_vec(&begun.secret_b).map_err(Error::fault)?;
    let public_b = number_from_hex(&begun.public_b).ok_or_else(|| Error::fault("a stored challenge is unreadable"))?;
    let expected = computed(move || srp::proof(&a, &public_b, &secret_b, &verifier)).await?;
    let user_id = begun.user_id.filter(|_| srp::is_equal(&expected, &given));
    let mut tx = keystore.store().write().await?;
    let is_first = use_up(&mut tx, &request.username, &to_hex(&a), &begun.secret_b).await?;
    let session = match user_id.filter(|_| is_first) {
        Some(user_id) => Some(sessions::issue(&mut tx, &user_id, now, lifetime).await?),
        None => None,
    };
    tx.commit().await?;
    session.ok_or_else(login_failed)
}

// The rules.

fn client_number(hex: &str) -> Result<Number> {
    number_from_hex(hex)
        .filter(|a| !srp::is_zero(a))
        .ok_or_else(|| Error::invalid("srp_a must be a number of the group in hexadecimal, other than 0"))
}

/// Wrong passphrase, unknown user, used or late challenge: one answer for all.
fn login_failed() -> Error {
    Error::refused(StatusCode::UNAUTHORIZED, "login_failed", "Login failed: please check username and passphrase")
}

/// The user that an unknown username is answered as: the same every time, and nobody's.
fn decoy(key: &[u8; 32], username: &str) -> User {
    let derive = |purpose: u8| {
        // A key of any length is allowed: this cannot fail.
        Hmac::<Sha256>::new_from_slice(key)
            .map(|mac| mac.chain_update([purpose]).chain_update(username.as_bytes()).finalize().into_bytes().to_vec())
    };
    let hex = |purpose| derive(purpose).map(|bytes| to_hex(&bytes)).unwrap_or_default();
    User { id: None, srp_salt: hex(0), srp_verifier: (1..=8).map(hex).collect() }
}

/// Runs arithmetic that takes milliseconds where it holds up no other request.
async fn computed<T: Send + 'static>(arithmetic: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(arithmetic).await.map_err(Error::fault)
}

// The queries.

#[derive(FromRow)]
struct User {
    id: Option<String>,
    srp_salt: String,
    srp_verifier: String,
}

#[derive(FromRow)]
struct Begun {
    user_id: Option<String>,
    verifier: String,
    secret_b: String,
    public_b: String,
}

async fn find_user(db: &mut AnyConnection, username: &str) -> Result<Option<User>> {
    let user = sqlx::query_as("SELECT id, srp_salt, srp_verifier FROM users WHERE username = $1");
    Ok(user.bind(username).fetch_optional(db).await?)
}

async fn keep(db: &mut AnyConnection, username: &str, a: &str, begun: &Begun, expires_at: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO srp_challenges (username, srp_a, user_id, verifier, secret_b, public_b, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (username, srp_a) DO UPDATE \
         SET user_id = excluded.user_id, verifier = excluded.verifier, secret_b = excluded.secret_b, \
         public_b = excluded.public_b, expires_at = excluded.expires_at",
    )
    .bind(username)
    .bind(a)
    .bind(&begun.user_id)
    .bind(&begun.verifier)
    .bind(&begun.secret_b)
    .bind(&begun.public_b)
    .bind(expires_at)
    .execute(db)
    .await?;
    Ok(())
}

async fn find(db: &mut AnyConnection, username: &str, a: &str, now: Millis) -> Result<Option<Begun>> {
    let begun = sqlx::query_as(
        "SELECT user_id, verifier, secret_b, public_b FROM srp_challenges \
         WHERE username = $1 AND srp_a = $2 AND expires_at > $3",
    );
    Ok(begun.bind(username).bind(a).bind(now).fetch_optional(db).await?)
}

/// Uses a challenge up, if it is still the one with this secret. Of two requests that read it at once, one does.
async fn use_up(db: &mut AnyConnection, username: &str, a: &str, secret_b: &str) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM srp_challenges WHERE username = $1 AND srp_a = $2 AND secret_b = $3");
    Ok(delete.bind(username).bind(a).bind(secret_b).execute(db).await?.rows_affected() == 1)
}

/// Clears away sign-ins that were begun and never finished.
pub(super) async fn clear_expired(db: &mut AnyConnection, now: Millis) -> Result<()> {
    sqlx::query("DELETE FROM srp_challenges WHERE expires_at <= $1").bind(now).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_looks_like_a_user_and_always_the_same() {
        let key = [7; 32];
        let (once, again) = (decoy(&key, "nobody"), decoy(&key, "nobody"));
        assert_eq!(once.srp_salt, again.srp_salt);
        assert_eq!(once.srp_salt.len(), 64);
        assert_eq!(once.srp_verifier.len(), 512);
        assert_ne!(once.srp_salt, decoy(&key, "nobody else").srp_salt);
        assert_ne!(once.srp_salt, decoy(&[8; 32], "nobody").srp_salt);
    }

    #[test]
    fn zero_is_no_public_number() {
        assert!(client_number("0").is_err());
        assert!(client_number("nonsense").is_err());
        assert!(client_number("2").is_ok());
    }
}
