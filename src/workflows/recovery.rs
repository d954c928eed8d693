//! A forgotten passphrase. `docs/protocol/http-api.md` §4.9, `docs/threat-model.md`, recovery.
//!
//! A recovery key is a second way in, which the user chose beforehand: a name of its own at the Keystore, and the KEK wrapped
//! once more. For who has chosen none there is none: nobody else has the KEK.

use futures_util::try_join;

use super::{
    Client, ProgressListener, Session, client::refuse_empty, login, passphrase::new_passphrase, refusals::ciphertext,
    services::Services,
};
use crate::{
    api::{
        Timestamp,
        keystore::{
            self,
            recovery::{NewRecoveryKey, RecoveryKeyChange},
            srp::PassphraseChange,
        },
        vault,
    },
    crypto::{RecoveryKey, UserSecret, generate_srp_registration},
    error::{Error, ErrorCode, Result},
};

const STEPS: u64 = 3;

impl Session {
    /// Makes a recovery key, which the user is to print and to keep apart from the passphrase. One that was made before ends.
    /// Who asks for it proves the passphrase: a session that was left open makes none.
    ///
    /// A session that was resumed does not have the user's secret, which is `given` then. `LOGIN_FAILED` for a wrong passphrase;
    /// `NOT_FOUND` without a secret, and for a Keystore of others, which has no such request.
    pub async fn create_recovery_key(
        &self,
        given: Option<UserSecret>,
        passphrase: &str,
        progress: &ProgressListener,
    ) -> Result<RecoveryKey> {
        let keys = self.keys()?;
        let secret = self.secret_or(given)?;
        let passphrase = self.check_passphrase(&secret, passphrase).await?;
        let key = RecoveryKey::generate(&secret)?;
        progress.report("deriving keys from the recovery key", 0, STEPS);
        let (wrapping, password) = try_join!(key.derive_wrapping_key(), key.derive_srp_password())?;
        let registration = generate_srp_registration(key.username(), &password)?;
        let recovery_key = NewRecoveryKey {
            username: key.username().to_owned(),
            srp_salt: registration.salt,
            srp_verifier: registration.verifier,
            serialized_key_encryption_key: ciphertext(wrapping.wrap_kek(&keys.kek).await?)?,
        };

        progress.report("storing what recovers", 1, STEPS);
        let password = Box::pin(secret.derive_srp_password(&passphrase));
        let proven = login::prove(self.keystore(), secret.username(), password, None, None).await?;
        let change = RecoveryKeyChange { proof: proven.request.clone(), recovery_key };
        let session = keystore::recovery::replace(self.keystore(), &change).await.map_err(refused)?;
        self.accept(self.keystore(), proven, *session)?;
        progress.report("made", STEPS, STEPS);
        Ok(key)
    }

    /// When the user's recovery key was made; `None` for who has none.
    pub async fn recovery_key_since(&self) -> Result<Option<Timestamp>> {
        self.keys()?;
        match keystore::recovery::get(self.keystore()).await {
            Ok(record) => Ok(Some(record.created_at)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(of_others(error)),
        }
    }

    /// Revokes the user's recovery key, where there is one, and ends the user's other sessions: it may have opened some.
    pub async fn revoke_recovery_key(&self) -> Result<()> {
        self.keys()?;
        keystore::recovery::delete(self.keystore()).await.map_err(of_others)?;
        self.end_other_sessions().await
    }
}

impl Client {
    /// Gives a user who has forgotten the passphrase another one, and signs in with it. With it they get a new secret, unless
    /// they still have theirs and give it: then it stays. All sessions of before end; the recovery key stays.
    ///
    /// Made again after it was cut off, the call begins anew: the recovery key is good until it is revoked.
    ///
    /// `LOGIN_FAILED` for a recovery key that was revoked or never was; `INVALID_SECRET` for the secret of somebody else.
    pub async fn recover(
        &self,
        key: &RecoveryKey,
        passphrase: &str,
        given: Option<UserSecret>,
        progress: &ProgressListener,
    ) -> Result<Session> {
        refuse_empty(passphrase)?;
        let services = self.for_one_user();
        let Services { keystore, .. } = &services;
        progress.report("signing in by the recovery key", 0, STEPS);
        let password = Box::pin(key.derive_srp_password());
        let proven = login::prove(keystore, key.username(), password, None, None).await?;
        let session = keystore::srp::open_session(keystore, &proven.request).await.map_err(login::refused_proof)?;
        proven.accept(keystore, *session)?;
        let record = keystore::recovery::get(keystore).await.map_err(of_others)?;
        let kek = key.derive_wrapping_key().await?.unwrap_kek(record.serialized_key_encryption_key.as_str()).await?;
        let secret = match given {
            Some(secret) if secret.username() != key.user() => {
                return Err(Error::new(
                    ErrorCode::InvalidSecret,
                    "this secret is another user's than the recovery key",
                ));
            }
            Some(secret) => secret,
            None => UserSecret::generate(key.user())?,
        };

        progress.report("changing the passphrase", 1, STEPS);
        let replacement = new_passphrase(&secret, passphrase, &kek).await?;
        let password = Box::pin(key.derive_srp_password());
        let proven = login::prove(keystore, key.username(), password, None, None).await?;
        let change = PassphraseChange { proof: proven.request.clone(), replacement };
        let session = keystore::srp::change_passphrase(keystore, &change).await.map_err(login::refused_proof)?;
        proven.accept(keystore, *session)?;

        progress.report("signing in", 2, STEPS);
        let session = login::sign_in(services, secret, passphrase, &ProgressListener::none()).await?;
        // At the Keystore the change has ended them.
        vault::session::delete_others(session.vault()).await?;
        progress.report("recovered", STEPS, STEPS);
        Ok(session)
    }
}

/// Also from one that refuses the proof.
fn refused(error: Error) -> Error {
    let error = of_others(error);
    if error.code() == ErrorCode::NotFound { error } else { login::refused_proof(error) }
}

/// A Keystore that has no such request is told from one that refuses it.
fn of_others(error: Error) -> Error {
    if login::is_unknown_request(&error) {
        return Error::new(ErrorCode::NotFound, "this Keystore has no recovery keys");
    }
    error
}
