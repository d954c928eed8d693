//! Login with SRP: a challenge, then a proof of the passphrase that does not reveal it (docs/protocol/http-api.md
//! §4.3).
//!
//! An unknown username gets a decoy challenge, always with the same salt, and fails at the proof, so that usernames
//! cannot be enumerated.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use base16ct::lower::encode_string as to_hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::AnyConnection;
use vaultshare::api::{
    Id,
    keystore::{
        recovery::{NewRecoveryKey, RecoveryKeyChange},
        srp::{
            Challenge, ChallengeRequest, ChallengeResponse, KeystoreSession, KeystoreSessionResponse, NewPassphrase,
            PassphraseChange, SrpSessionRequest,
        },
    },
};

use super::{
    Keystore, deletion,
    records::{
        challenges::{self, Challenge as PendingChallenge},
        keys, known_networks, recovery_keys, retired_usernames,
        users::{self, SrpUser},
    },
    registration::{check_username, check_verifier},
    srp::{self, Number, number_from_hex},
};
use crate::{
    auth::{self, Issued},
    client_address::ClientAddress,
    clock::{Millis, millis, to_wire},
    error::{Code, Error, Result},
    metrics,
    rate_limit::Limit,
    request::Body,
    service::Service,
    token,
    wire::Stored,
};

/// Begins to sign in. An unknown name gets a challenge too.
#[utoipa::path(
    post, path = "/srp/challenges",
    request_body = ChallengeRequest,
    responses((status = 200, body = ChallengeResponse), (status = 429)),
    security(()),
)]
pub(super) async fn challenge(
    State(keystore): State<Keystore>,
    address: ClientAddress,
    Body(request): Body<ChallengeRequest>,
) -> Result<Json<ChallengeResponse>> {
    let a = client_number(&request.srp_a)?;
    // Needs no session, so what is stored must be small, and the arithmetic must not block other requests.
    check_username(&request.username)?;
    let network = address.network();
    let limit = keystore.rate_limits().challenges(&network);
    let mut db = keystore.store().read().await?;
    let is_too_many = limit.wait(&mut db, keystore.clock().now()).await?.is_some();
    let found = users::find_by_username(&mut db, &request.username).await?;
    drop(db);
    let _place = match is_too_many {
        true => Some(keystore.rate_limits().slow_down(&network).await?),
        false => None,
    };
    let user = found.unwrap_or_else(|| decoy(&keystore.0.decoy_key, &request.username));
    let verifier =
        number_from_hex(&user.srp_verifier).ok_or_else(|| Error::fault("a stored verifier is unreadable"))?;
    let secret_b = token::random::<32>().map_err(Error::fault)?;
    let work = keystore.work().sign_ins.run(move || srp::public_b(&secret_b, &verifier));
    let challenge_b = to_hex(&work.await?);
    let (secret_b, public_b) = (to_hex(&secret_b), challenge_b.clone());
    let pending = PendingChallenge { user_id: user.id, verifier: user.srp_verifier, secret_b, public_b };
    let now = keystore.clock().now();
    let expires_at = now + millis(keystore.limits().challenge);
    let mut tx = keystore.store().write().await?;
    limit.take(&mut tx, now).await?;
    challenges::upsert(&mut tx, &request.username, &to_hex(&a), &pending, expires_at).await?;
    tx.commit().await?;
    Ok(Json(ChallengeResponse { challenge: Challenge { challenge_salt: user.srp_salt, challenge_b } }))
}

/// Proves the passphrase, and opens a session.
#[utoipa::path(
    post, path = "/srp/session",
    request_body = SrpSessionRequest,
    responses((status = 201, body = KeystoreSessionResponse), (status = 401), (status = 403), (status = 429)),
    security(()),
)]
pub(super) async fn open_session(
    State(keystore): State<Keystore>,
    address: ClientAddress,
    Body(request): Body<SrpSessionRequest>,
) -> Result<(StatusCode, Json<KeystoreSessionResponse>)> {
    Ok((StatusCode::CREATED, Json(sign_in(&keystore, &address, request, None).await?)))
}

/// Proves the passphrase, puts another in its place, with the KEK wrapped anew, and ends all sessions but the one that it
/// opens.
#[utoipa::path(
    put, path = "/srp/passphrase",
    request_body = PassphraseChange,
    responses((status = 200, body = KeystoreSessionResponse), (status = 401), (status = 403), (status = 429)),
    security(()),
)]
pub(super) async fn change_passphrase(
    State(keystore): State<Keystore>,
    address: ClientAddress,
    Body(PassphraseChange { proof, replacement }): Body<PassphraseChange>,
) -> Result<Json<KeystoreSessionResponse>> {
    check_verifier(&replacement.srp_salt, &replacement.srp_verifier)?;
    Ok(Json(sign_in(&keystore, &address, proof, Some(Change::Passphrase(&replacement))).await?))
}

/// Proves the passphrase, and makes a recovery key, which takes the place of one that the user had.
#[utoipa::path(
    put, path = "/recovery_key",
    request_body = RecoveryKeyChange,
    responses((status = 200, body = KeystoreSessionResponse), (status = 400), (status = 401), (status = 403), (status = 429)),
    security(()),
)]
pub(super) async fn replace_recovery_key(
    State(keystore): State<Keystore>,
    address: ClientAddress,
    Body(RecoveryKeyChange { proof, recovery_key }): Body<RecoveryKeyChange>,
) -> Result<Json<KeystoreSessionResponse>> {
    check_username(&recovery_key.username)?;
    check_verifier(&recovery_key.srp_salt, &recovery_key.srp_verifier)?;
    Ok(Json(sign_in(&keystore, &address, proof, Some(Change::RecoveryKey(&recovery_key))).await?))
}

/// What is changed by who proves the passphrase or the recovery key.
#[derive(Clone, Copy)]
enum Change<'a> {
    Passphrase(&'a NewPassphrase),
    RecoveryKey(&'a NewRecoveryKey),
}

async fn sign_in(
    keystore: &Keystore,
    address: &ClientAddress,
    request: SrpSessionRequest,
    change: Option<Change<'_>>,
) -> Result<KeystoreSessionResponse> {
    let lifetime = auth::lifetime(keystore, request.valid_for)?;
    check_username(&request.username)?;
    let (session, proof) = prove(keystore, address, &request, lifetime, change).await.inspect_err(|error| {
        if matches!(error, Error::Refused { code: Code::LoginFailed, .. }) {
            // In a form that programs read which block addresses.
            tracing::warn!(client = %address, "sign-in failed");
            metrics::sign_in_failed();
        }
    })?;
    let session = KeystoreSession {
        id: Id::stored(session.id)?,
        session_authentication_string: session.token,
        valid_from: Some(to_wire(session.valid_from)),
        valid_till: Some(to_wire(session.valid_till)),
        username: Some(request.username),
        srp_m2: Some(to_hex(&proof)),
    };
    Ok(KeystoreSessionResponse { session })
}

/// Checks the proof and issues a session, with the server's own proof. The challenge is consumed in the same transaction,
/// whether the proof is right or wrong: of several concurrent proofs for one challenge, only the first to consume it counts.
/// A failure is counted there too, and one that comes too often is no answer to its guess, not even where many come at once.
async fn prove(
    keystore: &Keystore,
    address: &ClientAddress,
    request: &SrpSessionRequest,
    lifetime: Duration,
    change: Option<Change<'_>>,
) -> Result<(Issued, [u8; 32])> {
    let a = client_number(&request.srp_a)?;
    let given = base16ct::mixed::decode_vec(&request.srp_m).unwrap_or_default();
    let mut attempt = Attempt::new(keystore, address, &request.username);
    let mut db = keystore.store().read().await?;
    let now = keystore.clock().now();
    let pending = challenges::find(&mut db, &request.username, &to_hex(&a), now).await?;
    let user_id = pending.as_ref().and_then(|pending| pending.user_id.as_deref());
    attempt.is_known = attempt.is_known(&mut db, keystore, user_id).await?;
    attempt.check(&mut db, now).await?;
    let is_slowed = !attempt.is_known && attempt.of_address.wait(&mut db, now).await?.is_some();
    drop(db);
    let _place = match is_slowed {
        true => Some(keystore.rate_limits().slow_down(&attempt.network).await?),
        false => None,
    };

    let proven = match &pending {
        Some(pending) => answer(keystore, pending, a, given).await?,
        None => None,
    };
    let mut tx = keystore.store().write().await?;
    let is_first = match &pending {
        Some(pending) => challenges::consume(&mut tx, &request.username, &to_hex(&a), &pending.secret_b).await?,
        None => false,
    };
    let proven = pending.filter(|_| is_first).and_then(|pending| Some((pending.user_id?, pending.verifier, proven?)));
    // A challenge may have been made before the passphrase was changed, and stored after it.
    let proven = match proven {
        Some((user_id, verifier, proof)) => {
            let is_still = match change {
                // Who found a recovery key makes no other one.
                Some(Change::RecoveryKey(_)) => users::is_of_passphrase(&mut tx, &user_id, &verifier).await?,
                _ => users::has_verifier(&mut tx, &user_id, &verifier).await?,
            };
            is_still.then_some((user_id, proof))
        }
        None => None,
    };
    let outcome = match (attempt.check(&mut tx, now).await, proven) {
        (Err(too_many @ Error::TooMany { .. }), _) => Err(too_many),
        (Err(error), _) => return Err(error),
        (Ok(()), None) => {
            attempt.count(&mut tx, now).await?;
            Err(login_failed())
        }
        (Ok(()), Some((user_id, _))) if auth::is_disabled(&mut tx, &user_id).await? => Err(auth::user_disabled()),
        (Ok(()), Some(_)) if is_name_taken(&mut tx, keystore, change).await? => {
            // What was proven is used up, and each name that is tried counts.
            attempt.count(&mut tx, now).await?;
            Err(Error::refused(Code::UsernameTaken, "Username has already been taken"))
        }
        (Ok(()), Some((user_id, proof))) => {
            match change {
                None => {}
                Some(Change::Passphrase(to)) => replace(&mut tx, &user_id, &request.username, to, now).await?,
                Some(Change::RecoveryKey(to)) => recovery_keys::put(&mut tx, &user_id, to, now).await?,
            }
            attempt.of_user.reset(&mut tx).await?;
            known_networks::upsert(&mut tx, &user_id, &attempt.network_hash, now).await?;
            Ok((auth::issue(&mut tx, &user_id, now, lifetime).await?, proof))
        }
    };
    tx.commit().await?;
    outcome
}

/// Whether a new recovery key has a name of somebody's, or of a user who was deleted.
async fn is_name_taken(db: &mut AnyConnection, keystore: &Keystore, change: Option<Change<'_>>) -> Result<bool> {
    let Some(Change::RecoveryKey(NewRecoveryKey { username, .. })) = change else { return Ok(false) };
    let retired = deletion::retired(keystore.rate_limits(), username);
    Ok(recovery_keys::is_taken(&mut *db, username).await? || retired_usernames::contain(db, &retired).await?)
}

/// Puts a passphrase in the place of the one that was proven in this transaction. Whoever proves that one at the same moment,
/// also for a challenge of before, is too late.
async fn replace(
    db: &mut AnyConnection,
    user_id: &str,
    username: &str,
    replacement: &NewPassphrase,
    now: Millis,
) -> Result<()> {
    let NewPassphrase { srp_salt, srp_verifier, serialized_key_encryption_key: wrapped } = replacement;
    users::set_verifier(db, user_id, srp_salt, srp_verifier).await?;
    keys::replace_kek(db, user_id, wrapped.as_str(), now).await?;
    challenges::delete_of(db, username).await?;
    auth::end_all_of(db, user_id).await
}

/// The server's proof, where the client's is right.
async fn answer(
    keystore: &Keystore,
    pending: &PendingChallenge,
    a: Number,
    given: Vec<u8>,
) -> Result<Option<[u8; 32]>> {
    let verifier = number_from_hex(&pending.verifier).ok_or_else(|| Error::fault("a stored verifier is unreadable"))?;
    let secret_b = base16ct::lower::decode_vec(&pending.secret_b).map_err(Error::fault)?;
    let public_b =
        number_from_hex(&pending.public_b).ok_or_else(|| Error::fault("a stored challenge is unreadable"))?;
    let work = keystore.work().sign_ins.run(move || srp::proofs(&a, &public_b, &secret_b, &verifier));
    let proofs = work.await?;
    Ok(srp::is_equal(&proofs.of_client, &given).then_some(proofs.of_server))
}

/// What one attempt to sign in counts for (docs/decisions/0014-attempts.md).
struct Attempt {
    network: String,
    network_hash: String,
    /// Whether the user has signed in from this address before: then failures of others do not concern it.
    is_known: bool,
    of_user: Limit,
    anywhere: Limit,
    of_address: Limit,
}

impl Attempt {
    fn new(keystore: &Keystore, address: &ClientAddress, username: &str) -> Self {
        let (limits, network) = (keystore.rate_limits(), address.network());
        Self {
            network_hash: limits.hash("known", &network),
            is_known: false,
            of_user: limits.attempts_of_user(username, &network),
            anywhere: limits.attempts_anywhere(username),
            of_address: limits.attempts_of_address(&network),
            network,
        }
    }

    async fn is_known(&self, db: &mut AnyConnection, keystore: &Keystore, user_id: Option<&str>) -> Result<bool> {
        let since = keystore.clock().now() - millis(keystore.limits().known_address);
        match user_id {
            Some(user_id) => known_networks::is_known(db, user_id, &self.network_hash, since).await,
            None => Ok(false),
        }
    }

    /// Refuses what would be a guess too many. An address at its limit is no reason: that slows down.
    async fn check(&self, db: &mut AnyConnection, now: Millis) -> Result<()> {
        let mut wait = self.of_user.wait(db, now).await?;
        if !self.is_known {
            wait = wait.max(self.anywhere.wait(db, now).await?);
        }
        match wait {
            None => Ok(()),
            Some(retry_after) => {
                let message = "Too many failed attempts";
                Err(Error::TooMany { code: Code::TooManyAttempts, message, retry_after })
            }
        }
    }

    /// Counts a failure.
    async fn count(&self, db: &mut AnyConnection, now: Millis) -> Result<()> {
        self.of_user.take(db, now).await?;
        if !self.is_known {
            self.anywhere.take(db, now).await?;
        }
        self.of_address.take(db, now).await?;
        Ok(())
    }
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
