//! Login with SRP: a challenge, then a proof of the passphrase that does not reveal it (docs/protocol/http-api.md
//! §4.3).
//!
//! An unknown username gets a decoy challenge, always with the same salt, and fails at the proof, so that usernames
//! cannot be enumerated.

use std::time::{Duration, Instant};

use axum::{Json, extract::State, http::StatusCode};
use base16ct::lower::encode_string as to_hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use vaultshare::api::{
    Id,
    keystore::srp::{
        Challenge, ChallengeRequest, ChallengeResponse, KeystoreSession, KeystoreSessionResponse, SrpSessionRequest,
    },
};

use super::{
    Keystore,
    records::{
        challenges::{self, Challenge as PendingChallenge},
        users::{self, SrpUser},
    },
    registration::check_username,
    srp::{self, Number, number_from_hex},
};
use crate::{
    auth::{self, Issued},
    client_address::ClientAddress,
    clock::{millis, to_wire},
    error::{Code, Error, Result},
    metrics,
    request::Body,
    service::Service,
    token,
    wire::Stored,
};

pub(super) async fn challenge(
    State(keystore): State<Keystore>,
    Body(request): Body<ChallengeRequest>,
) -> Result<Json<ChallengeResponse>> {
    let a = client_number(&request.srp_a)?;
    // Needs no session, so what is stored must be small, and the arithmetic must not block other requests.
    check_username(&request.username)?;
    let found = users::find_by_username(&mut *keystore.store().read_once().await?, &request.username).await?;
    let user = found.unwrap_or_else(|| decoy(&keystore.0.decoy_key, &request.username));
    let verifier =
        number_from_hex(&user.srp_verifier).ok_or_else(|| Error::fault("a stored verifier is unreadable"))?;
    let secret_b = token::random::<32>().map_err(Error::fault)?;
    let work = keystore.work().sign_ins.run(move || srp::public_b(&secret_b, &verifier));
    let challenge_b = to_hex(&work.await?);
    let (secret_b, public_b) = (to_hex(&secret_b), challenge_b.clone());
    let pending = PendingChallenge { user_id: user.id, verifier: user.srp_verifier, secret_b, public_b };
    let expires_at = keystore.clock().now() + millis(keystore.limits().challenge);
    let mut tx = keystore.store().write().await?;
    challenges::upsert(&mut tx, &request.username, &to_hex(&a), &pending, expires_at).await?;
    tx.commit().await?;
    Ok(Json(ChallengeResponse { challenge: Challenge { challenge_salt: user.srp_salt, challenge_b } }))
}

pub(super) async fn open_session(
    State(keystore): State<Keystore>,
    address: ClientAddress,
    Body(request): Body<SrpSessionRequest>,
) -> Result<(StatusCode, Json<KeystoreSessionResponse>)> {
    let lifetime = auth::lifetime(&keystore, request.valid_for)?;
    check_username(&request.username)?;
    let network = address.network();
    let user_and_network = format!("{network} {}", request.username);
    keystore.0.limit_per_address.acquire(&network, Instant::now())?;
    keystore.0.limit_per_user.acquire(&user_and_network, Instant::now())?;

    let session = prove(&keystore, &request, lifetime).await.inspect_err(|error| {
        if matches!(error, Error::Refused { .. }) {
            // In a form that programs read which block addresses.
            tracing::warn!(client = %address, "sign-in failed");
            metrics::sign_in_failed();
        }
    })?;

    keystore.0.limit_per_user.reset(&user_and_network);
    keystore.0.limit_per_address.refund(&network);
    let session = KeystoreSession {
        id: Id::stored(session.id)?,
        session_authentication_string: session.token,
        valid_from: Some(to_wire(session.valid_from)),
        valid_till: Some(to_wire(session.valid_till)),
        username: Some(request.username),
    };
    Ok((StatusCode::CREATED, Json(KeystoreSessionResponse { session })))
}

/// Checks the proof and issues a session. The challenge is consumed in the same transaction, whether the proof is right
/// or wrong: of several concurrent proofs for one challenge, only the first to consume it counts.
async fn prove(keystore: &Keystore, request: &SrpSessionRequest, lifetime: Duration) -> Result<Issued> {
    let a = client_number(&request.srp_a)?;
    let given = base16ct::mixed::decode_vec(&request.srp_m).map_err(|_| login_failed())?;
    let now = keystore.clock().now();
    let pending =
        challenges::find(&mut *keystore.store().read_once().await?, &request.username, &to_hex(&a), now).await?;
    let pending = pending.ok_or_else(login_failed)?;
    let verifier = number_from_hex(&pending.verifier).ok_or_else(|| Error::fault("a stored verifier is unreadable"))?;
    let secret_b = base16ct::lower::decode_vec(&pending.secret_b).map_err(Error::fault)?;
    let public_b =
        number_from_hex(&pending.public_b).ok_or_else(|| Error::fault("a stored challenge is unreadable"))?;
    let work = keystore.work().sign_ins.run(move || srp::proof(&a, &public_b, &secret_b, &verifier));
    let expected = work.await?;
    let user_id = pending.user_id.filter(|_| srp::is_equal(&expected, &given));
    let mut tx = keystore.store().write().await?;
    let is_first = challenges::consume(&mut tx, &request.username, &to_hex(&a), &pending.secret_b).await?;
    let session = match user_id.filter(|_| is_first) {
        Some(user_id) => Some(auth::issue(&mut tx, &user_id, now, lifetime).await?),
        None => None,
    };
    tx.commit().await?;
    session.ok_or_else(login_failed)
}

// Rules.

fn client_number(hex: &str) -> Result<Number> {
    number_from_hex(hex).filter(|a| !srp::is_zero(a)).ok_or_else(|| {
        let message = "must be a number of the group in hexadecimal, other than 0";
        Error::refused(Code::InvalidSrpNumber, message).at("srp_a")
    })
}

/// The same for a wrong passphrase, an unknown user, and a used or expired challenge.
fn login_failed() -> Error {
    Error::refused(Code::LoginFailed, "Login failed: please check username and passphrase")
}

/// The user that an unknown username gets a challenge of. Derived, so that it is the same every time.
fn decoy(key: &[u8; 32], username: &str) -> SrpUser {
    let derive = |purpose: u8| {
        // HMAC takes a key of any length: this cannot fail.
        Hmac::<Sha256>::new_from_slice(key)
            .map(|mac| mac.chain_update([purpose]).chain_update(username.as_bytes()).finalize().into_bytes().to_vec())
    };
    let hex = |purpose| derive(purpose).map(|bytes| to_hex(&bytes)).unwrap_or_default();
    SrpUser { id: None, srp_salt: hex(0), srp_verifier: (1..=8).map(hex).collect() }
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
