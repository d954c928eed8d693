//! Changing the passphrase. `docs/protocol/http-api.md` §4.3.
//!
//! The KEK stays, and with it everything that it wraps: what changes is what proves the user to the Keystore, and what wraps
//! the KEK. The Keystore puts both in their place at once, so that there is no moment at which one fits and the other does not.

use futures_util::try_join;
use zeroize::Zeroizing;

use super::{
    ProgressListener, Session,
    login::{self, Proven},
    memory::ServerProof,
    refusals::ciphertext,
};
use crate::{
    api::{
        keystore::{
            self,
            srp::{KeystoreSession, NewPassphrase, PassphraseChange},
        },
        vault,
    },
    crypto::{KeyEncryptionKey, Spelling, UserSecret, generate_srp_registration},
    error::{Error, ErrorCode, Result},
    http::Service,
};

const STEPS: u64 = 3;

impl Session {
    /// Changes the passphrase and ends the user's other sessions. A session that was resumed does not have the user's secret,
    /// which is `given` then.
    ///
    /// Made again after it was cut off, the call finds that the new passphrase is the user's already, and ends what is left.
    ///
    /// `LOGIN_FAILED` where neither the old passphrase nor the new one is the user's; `NOT_FOUND` without a secret, and for a
    /// Keystore of others, which has no such request.
    pub async fn change_passphrase(
        &self,
        given: Option<UserSecret>,
        old: &str,
        new: &str,
        progress: &ProgressListener,
    ) -> Result<()> {
        let keys = self.keys()?;
        let secret = self.secret_or(given)?;
        progress.report("deriving keys from the passphrase", 0, STEPS);
        let replacement = new_passphrase(&secret, new, &keys.kek).await?;

        progress.report("changing the passphrase", 1, STEPS);
        match self.prove_passphrase(&secret, old).await {
            Ok((old, _)) => self.replace_passphrase(&secret, &old, &replacement).await?,
            // Of an attempt whose answer was lost, which ended this session at the Keystore, too.
            Err(error) if error.code() == ErrorCode::LoginFailed => {
                let (_, keystore) = self.prove_passphrase(&secret, new).await?;
                keystore.token().into_iter().for_each(|token| self.keystore().set_token(token));
            }
            Err(error) => return Err(error),
        }
        keys.spelling.set(Spelling::Composed);

        progress.report("ending other sessions", 2, STEPS);
        // At the Keystore the change has ended them, and this one is new.
        vault::session::delete_others(self.vault()).await?;
        keystore::session::delete_others(self.keystore()).await?;
        progress.report("changed", STEPS, STEPS);
        Ok(())
    }

    /// The passphrase in the spelling that, with this secret, opens the KEK of this session; `LOGIN_FAILED` where none does. The
    /// servers do not judge it: those of somebody else would be right at the Keystore, and this user's KEK would go to them.
    pub(super) async fn check_passphrase(&self, secret: &UserSecret, passphrase: &str) -> Result<Zeroizing<String>> {
        let keys = self.keys()?;
        let wrapped = keystore::keys::key_encryption_key(self.keystore()).await?;
        for (_, passphrase) in Spelling::all_of(passphrase) {
            let key = secret.derive_passphrase_key(&passphrase).await?;
            match key.unwrap_kek(wrapped.serialized_key_encryption_key.as_str()).await {
                Ok(kek) if kek == keys.kek => return Ok(passphrase),
                Err(error) if error.code() != ErrorCode::DecryptionFailed => return Err(error),
                _ => {}
            }
        }
        Err(login::login_failed())
    }

    async fn replace_passphrase(&self, secret: &UserSecret, old: &str, replacement: &NewPassphrase) -> Result<()> {
        let password = Box::pin(secret.derive_srp_password(old));
        let proven = login::prove(self.keystore(), secret.username(), password, None, None).await?;
        let change = PassphraseChange { proof: proven.request.clone(), replacement: replacement.clone() };
        let session = keystore::srp::change_passphrase(self.keystore(), &change).await.map_err(refused)?;
        self.accept(self.keystore(), proven, *session)
    }

    /// Keeps the token of a session that this proof opened. A Keystore that has proven itself before does so again.
    pub(super) fn accept(&self, keystore: &Service, proven: Proven, session: KeystoreSession) -> Result<()> {
        let keys = self.keys()?;
        let has_proven = keys.server == Some(ServerProof::Given) || keys.memory.borrow().knows_proven_server();
        if session.srp_m2.is_none() && has_proven {
            return Err(login::server_not_proven());
        }
        proven.accept(keystore, session).map(drop)
    }

    /// Signs in to the Keystore beside this session, which may have ended there, by a passphrase that opens this session's KEK:
    /// those of somebody else would be right at the Keystore, and this user's KEK would go to them. Gives its spelling.
    async fn prove_passphrase(&self, secret: &UserSecret, passphrase: &str) -> Result<(Zeroizing<String>, Service)> {
        for (_, passphrase) in Spelling::all_of(passphrase) {
            let keystore = self.keystore().for_one_user();
            let password = Box::pin(secret.derive_srp_password(&passphrase));
            let proven = login::prove(&keystore, secret.username(), password, None, None).await?;
            let opened = keystore::srp::open_session(&keystore, &proven.request).await.map_err(login::refused_proof);
            let session = match opened {
                Err(error) if error.code() == ErrorCode::LoginFailed => continue,
                opened => opened?,
            };
            self.accept(&keystore, proven, *session)?;
            let wrapped = keystore::keys::key_encryption_key(&keystore).await?;
            let key = secret.derive_passphrase_key(&passphrase).await?;
            let kek = key.unwrap_kek(wrapped.serialized_key_encryption_key.as_str()).await?;
            return if kek == self.keys()?.kek { Ok((passphrase, keystore)) } else { Err(Error::decryption_failed()) };
        }
        Err(login::login_failed())
    }
}

/// What a Keystore gets of a passphrase.
pub(super) async fn new_passphrase(
    secret: &UserSecret,
    passphrase: &str,
    kek: &KeyEncryptionKey,
) -> Result<NewPassphrase> {
    let composed = Spelling::Composed.of(passphrase);
    let (key, password) = try_join!(secret.derive_passphrase_key(&composed), secret.derive_srp_password(&composed))?;
    let registration = generate_srp_registration(secret.username(), &password)?;
    Ok(NewPassphrase {
        srp_salt: registration.salt,
        srp_verifier: registration.verifier,
        serialized_key_encryption_key: ciphertext(key.wrap_kek(kek).await?)?,
    })
}

/// A Keystore that has no such request is told from one that refuses the proof.
fn refused(error: Error) -> Error {
    if login::is_unknown_request(&error) {
        return Error::new(ErrorCode::NotFound, "this Keystore does not change passphrases");
    }
    login::refused_proof(error)
}
