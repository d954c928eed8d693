//! Signing in: `docs/protocol/encryption-spaces-and-setup.md` §3.3, `docs/protocol/http-api.md` §3 and §4.

use std::pin::Pin;

use futures_util::try_join;

use super::{ProgressListener, Session, memory::ServerProof, services::Services, session::UserKeys};
use crate::{
    api::{
        Ciphertext, SessionToken,
        keystore::{
            self,
            keypairs::{AUTHENTICATION_KEY_PAIR, Keypair},
            srp::{ChallengeRequest, KeystoreSession, SrpSessionRequest},
        },
        vault::{self, me::private_dek_id},
    },
    crypto::{KeyEncryptionKey, KeyPair, PassphraseKey, Spelling, SrpClient, SrpPassword, SrpProof, UserSecret},
    error::{Error, ErrorCode, Result},
    http::Service,
};

/// The external id that the first version of the guide used in the place of `auth`.
const OLD_AUTHENTICATION_KEY_PAIR: &str = "vault";

/// The server's code for an account that the operator has disabled.
const USER_DISABLED: &str = "user_disabled";

const STEPS: u64 = 5;

pub(super) async fn sign_in(
    services: Services,
    secret: UserSecret,
    passphrase: &str,
    progress: &ProgressListener,
) -> Result<Session> {
    let Services { vault, keystore, valid_for, .. } = &services;

    progress.report("deriving keys from the passphrase", 0, STEPS);
    let SignedIn { passphrase_key, spelling, server } = sign_in_to_keystore(&services, &secret, passphrase).await?;

    progress.report("fetching wrapped keys", 1, STEPS);
    let (wrapped_kek, key_pair_record) =
        try_join!(keystore::keys::key_encryption_key(keystore), authentication_key_pair(keystore))
            .map_err(incomplete_registration)?;

    progress.report("opening the Vault", 2, STEPS);
    let unwrapping = async {
        let kek = passphrase_key.unwrap_kek(wrapped_kek.serialized_key_encryption_key.as_str()).await?;
        let key_pair = unwrap(&kek, &key_pair_record).await?;
        Ok((kek, key_pair))
    };
    let session = vault::session::create(vault, &key_pair_record.public_key, *valid_for);
    let ((kek, key_pair), session) = try_join!(unwrapping, session).map_err(incomplete_registration)?;
    use_vault_session(vault, &key_pair, &session.encrypted_session_authentication_string).await?;

    progress.report("fetching the user", 3, STEPS);
    let user = vault::me::get(vault).await?;
    let private_dek = private_dek_id(&user).ok_or_else(|| incomplete_registration(not_there()))?;

    progress.report("unwrapping the data encryption key", 4, STEPS);
    let wrapped_dek = keystore::keys::data_encryption_key(keystore, private_dek).await?;
    let dek = kek.unwrap_private_dek(wrapped_dek.serialized_data_encryption_key.as_str()).await?;

    progress.report("signed in", STEPS, STEPS);
    let login_key = key_pair.fingerprint();
    let (secret, server) = (Some(secret), Some(server));
    Ok(Session::new(services, user.id, UserKeys { secret, kek, dek, login_key, spelling, server }))
}

/// What signing in to the Keystore gives.
pub(super) struct SignedIn {
    pub(super) passphrase_key: PassphraseKey,
    pub(super) spelling: Spelling,
    pub(super) server: ServerProof,
}

/// Signs in to the Keystore and derives the passphrase key, with the passphrase as it was typed, or else in another spelling.
/// A server counts each as an attempt.
pub(super) async fn sign_in_to_keystore(
    services: &Services,
    secret: &UserSecret,
    passphrase: &str,
) -> Result<SignedIn> {
    let mut refusal = login_failed();
    for (spelling, passphrase) in Spelling::all_of(passphrase) {
        match sign_in_as_spelled(services, secret, &passphrase).await {
            Err(error) if error.code() == ErrorCode::LoginFailed => refusal = error,
            result => return result.map(|(passphrase_key, server)| SignedIn { passphrase_key, spelling, server }),
        }
    }
    Err(refusal)
}

/// Both key derivations and the first request run concurrently.
async fn sign_in_as_spelled(
    services: &Services,
    secret: &UserSecret,
    passphrase: &str,
) -> Result<(PassphraseKey, ServerProof)> {
    let password = Box::pin(secret.derive_srp_password(passphrase));
    let session = create_keystore_session(services, secret, password, None);
    try_join!(secret.derive_passphrase_key(passphrase), session)
}

/// SRP-6a, `docs/protocol/http-api.md` §4.3: proves the password to the Keystore without sending it, and keeps the
/// session token. `SERVER_NOT_PROVEN` where the Keystore's own proof is wrong. The password is a future, because it is not
/// needed before the challenge has arrived. An attempt that is not given is started while the password is being derived.
pub(super) async fn create_keystore_session(
    Services { keystore, valid_for, .. }: &Services,
    secret: &UserSecret,
    password: Pin<Box<dyn Future<Output = Result<SrpPassword>> + '_>>,
    attempt: Option<SrpClient>,
) -> Result<ServerProof> {
    let proven = prove(keystore, secret.username(), password, attempt, *valid_for).await?;
    let session = keystore::srp::open_session(keystore, &proven.request).await.map_err(refused_proof)?;
    proven.accept(keystore, *session)
}

/// A proof of the password, ready to be sent.
pub(super) struct Proven {
    pub(super) request: SrpSessionRequest,
    proof: SrpProof,
}

impl Proven {
    /// Keeps the token of the session that the proof opened, where the Keystore proves itself.
    pub(super) fn accept(self, keystore: &Service, session: KeystoreSession) -> Result<ServerProof> {
        let server = match &session.srp_m2 {
            Some(of_server) => {
                self.proof.check_server(of_server)?;
                ServerProof::Given
            }
            None => ServerProof::Absent,
        };
        keystore.set_token(session.session_authentication_string.into());
        Ok(server)
    }
}

/// Answers a challenge.
pub(super) async fn prove(
    keystore: &Service,
    username: &str,
    password: Pin<Box<dyn Future<Output = Result<SrpPassword>> + '_>>,
    attempt: Option<SrpClient>,
    valid_for: Option<u64>,
) -> Result<Proven> {
    let challenge = async {
        let srp = attempt.map_or_else(SrpClient::start, Ok)?;
        let request = ChallengeRequest { username: username.to_owned(), srp_a: srp.public_a().to_owned() };
        let challenge = keystore::srp::challenge(keystore, &request)
            .await
            .map_err(|error| refused_login(refused_anybody(error)))?;
        Ok((srp, challenge))
    };
    let (password, (srp, challenge)) = try_join!(password, challenge)?;
    let proof = srp.prove(username, &password, &challenge.challenge_salt, &challenge.challenge_b)?;
    let request = SrpSessionRequest {
        username: username.to_owned(),
        srp_a: srp.public_a().to_owned(),
        srp_m: proof.of_client().to_owned(),
        valid_for,
    };
    Ok(Proven { request, proof })
}

/// Decrypts the token of a Vault session, which only the user can, and keeps it.
pub(super) async fn use_vault_session(
    vault: &Service,
    key_pair: &KeyPair,
    token: &Ciphertext<SessionToken>,
) -> Result<()> {
    vault.set_token(key_pair.decrypt_token(token.as_str()).await?);
    Ok(())
}

/// The key pair for Vault sessions, by its present external id or its old one.
pub(super) async fn authentication_key_pair(keystore: &Service) -> Result<Box<Keypair>> {
    match keystore::keypairs::get_by_external_id(keystore, AUTHENTICATION_KEY_PAIR).await {
        Err(error) if error.code() == ErrorCode::NotFound => {
            keystore::keypairs::get_by_external_id(keystore, OLD_AUTHENTICATION_KEY_PAIR).await
        }
        other => other,
    }
}

pub(super) async fn unwrap(kek: &KeyEncryptionKey, record: &Keypair) -> Result<KeyPair> {
    kek.unwrap_login_key(record.encrypted_serialized_key.as_str(), &record.public_key).await
}

pub(super) fn login_failed() -> Error {
    Error::new(ErrorCode::LoginFailed, "wrong secret or passphrase")
}

pub(super) fn server_not_proven() -> Error {
    let message = "the Keystore proved before that it knows the user, and does not any more";
    Error::new(ErrorCode::ServerNotProven, message)
}

/// What refuses, by no code of the protocol's, a request that proves nothing and names no session, is no Keystore: another
/// API, or a gateway that wants a subscription key.
pub(super) fn refused_anybody(error: Error) -> Error {
    match (error.code(), error.status(), error.server_code()) {
        (ErrorCode::Unauthorized | ErrorCode::Forbidden, Some(status), None) => {
            let message =
                "what answered refuses everybody: is the base URL right, and does it want a subscription key?";
            Error::new(ErrorCode::BadResponse, message).with_status(status)
        }
        _ => error,
    }
}

/// One error for an unknown user and for a wrong proof, whether a server says so by 401, 403 or 404, so that callers do
/// not show which usernames exist.
fn refused_login(error: Error) -> Error {
    match error.code() {
        ErrorCode::Unauthorized | ErrorCode::NotFound | ErrorCode::Forbidden => {
            error.status().map_or(login_failed(), |status| login_failed().with_status(status))
        }
        _ => error,
    }
}

/// That an account is disabled is told after a right proof only.
pub(super) fn refused_proof(error: Error) -> Error {
    if error.server_code() == Some(USER_DISABLED) { error } else { refused_login(error) }
}

/// Whether this is a Keystore of another make, which has no such request, and says so by no code of the protocol's.
pub(super) fn is_unknown_request(error: &Error) -> bool {
    error.code() == ErrorCode::BadResponse && matches!(error.status(), Some(404 | 405))
}

fn not_there() -> Error {
    Error::new(ErrorCode::NotFound, "a key of this user is not there")
}

/// Right after a login a key of the user's is missing only if the registration was interrupted, or if the server withholds
/// it. Which of the two cannot be told, so this advises nothing that would make keys anew in the place of others.
fn incomplete_registration(error: Error) -> Error {
    match error.code() {
        ErrorCode::NotFound | ErrorCode::Unauthorized => {
            let message = "the server does not have all keys of this user: the registration was interrupted, or the server \
                           withholds them";
            Error::new(ErrorCode::NotFound, message)
        }
        _ => error,
    }
}
