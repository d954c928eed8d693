//! Registering: `docs/protocol/encryption-spaces-and-setup.md` §3.3, `docs/protocol/http-api.md` §3–§5.
//!
//! Resumable: a retry finds the username taken, signs in, and reuses what the interrupted attempt stored.

use std::{future::ready, pin::Pin};

use futures_util::{
    future::{MaybeDone, maybe_done},
    try_join,
};

use super::{
    ProgressListener, Session,
    concurrency::drive_background,
    login::{self, SignedIn},
    refusals::ciphertext,
    services::Services,
    session::UserKeys,
};
use crate::{
    api::{
        Id, JsonObject,
        keystore::{
            self,
            admission::ExternalAdmissionToken,
            keypairs::{AUTHENTICATION_KEY_PAIR, NewKeypair},
            srp::NewSrpUser,
        },
        vault::{
            self,
            me::{User, private_dek_id},
        },
    },
    crypto::{
        DataKey, KeyEncryptionKey, KeyPair, PassphraseKey, Spelling, SrpClient, SrpPassword, UserSecret,
        generate_srp_registration,
    },
    error::{Error, ErrorCode, Result},
    http::Service,
};

/// The idempotency key of all attempts of one user, so that none creates a second private DEK or key pair.
const REGISTRATION: &str = "vaultshare-registration";

const STEPS: u64 = 5;

pub(super) async fn create_user(
    services: Services,
    secret: UserSecret,
    passphrase: &str,
    progress: &ProgressListener,
) -> Result<Session> {
    let Services { vault, keystore, key_pairs, .. } = &services;
    // Started first and awaited last: it takes longer than all the rest.
    let mut generation = Box::pin(maybe_done(key_pairs.generate()));

    let (attempt, kek, spelling, server) = drive_background(generation.as_mut(), async {
        progress.report("deriving keys from the passphrase", 0, STEPS);
        let composed = Spelling::Composed.of(passphrase);
        let registering = async {
            // The attempt is for the login. Its arithmetic is done while a browser derives the keys in other threads.
            let (password, srp) = try_join!(secret.derive_srp_password(&composed), async { SrpClient::start() })?;
            progress.report("registering", 1, STEPS);
            match register(keystore, &secret, &password).await? {
                Attempt::First => {
                    let password = Box::pin(ready(Ok(password)));
                    login::create_keystore_session(&services, &secret, password, Some(srp)).await.map(Some)
                }
                Attempt::Retry => Ok(None),
            }
        };
        // The passphrase key is not needed before there is a KEK.
        let (passphrase_key, server) = try_join!(secret.derive_passphrase_key(&composed), registering)?;
        let (attempt, signed_in) = match server {
            Some(server) => (Attempt::First, SignedIn { passphrase_key, spelling: Spelling::Composed, server }),
            // By another client, perhaps, which took the passphrase as it was typed.
            None => (Attempt::Retry, login::sign_in_to_keystore(&services, &secret, passphrase).await?),
        };
        let SignedIn { passphrase_key, spelling, server } = signed_in;
        let kek = kek(keystore, attempt, &passphrase_key).await?;
        Ok::<_, Error>((attempt, kek, spelling, server))
    })
    .await?;

    progress.report("storing keys", 2, STEPS);
    let (dek, key_pair, admission) = match attempt {
        Attempt::First => {
            progress.report("making the key pair", 3, STEPS);
            let key_pair_and_admission = async {
                let generated = generated(generation.as_mut()).await?;
                try_join!(store_login_key(keystore, &kek, generated), keystore::admission::create(keystore))
            };
            let (dek, (key_pair, admission)) = try_join!(store_dek(keystore, &kek), key_pair_and_admission)?;
            (Some(dek), key_pair, Some(admission))
        }
        Attempt::Retry => {
            let key_pair = drive_background(generation.as_mut(), existing_key_pair(keystore, &kek)).await?;
            progress.report("making the key pair", 3, STEPS);
            let key_pair = match key_pair {
                Some(key_pair) => key_pair,
                None => store_login_key(keystore, &kek, generated(generation.as_mut()).await?).await?,
            };
            (None, key_pair, None)
        }
    };
    drop(generation);

    progress.report("opening the Vault", 4, STEPS);
    let user = match admission {
        Some(admission) => create_vault_user(&services, &key_pair, *admission).await?,
        None => find_or_create_vault_user(&services, &key_pair).await?,
    };
    let dek = match (private_dek_id(&user), dek) {
        (Some(id), _) => {
            let record = keystore::keys::data_encryption_key(keystore, id).await?;
            kek.unwrap_private_dek(record.serialized_data_encryption_key.as_str()).await?
        }
        (None, dek) => {
            let (id, dek) = match dek {
                Some(stored) => stored,
                None => store_dek(keystore, &kek).await?,
            };
            vault::me::set_private_dek(vault, &id).await?;
            dek
        }
    };

    progress.report("registered", STEPS, STEPS);
    let login_key = key_pair.fingerprint();
    Ok(Session::new(
        services,
        user.id,
        UserKeys { secret: Some(secret), kek, dek, login_key, spelling, server: Some(server) },
    ))
}

/// Whether this attempt registered the user, or an earlier one did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attempt {
    First,
    Retry,
}

async fn register(keystore: &Service, secret: &UserSecret, password: &SrpPassword) -> Result<Attempt> {
    let registration = generate_srp_registration(secret.username(), password)?;
    let user = NewSrpUser {
        username: secret.username().to_owned(),
        srp_salt: registration.salt,
        srp_verifier: registration.verifier,
    };
    match keystore::srp::register(keystore, &user).await {
        Ok(_) => Ok(Attempt::First),
        Err(error) if error.server_code() == Some("username_taken") => Ok(Attempt::Retry),
        Err(error) => Err(login::refused_anybody(error)),
    }
}

/// A KEK is never replaced: everything under it would be lost.
async fn kek(keystore: &Service, attempt: Attempt, passphrase_key: &PassphraseKey) -> Result<KeyEncryptionKey> {
    if attempt == Attempt::Retry {
        match keystore::keys::key_encryption_key(keystore).await {
            Ok(record) => return passphrase_key.unwrap_kek(record.serialized_key_encryption_key.as_str()).await,
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let kek = KeyEncryptionKey::generate()?;
    let wrapped = ciphertext(passphrase_key.wrap_kek(&kek).await?)?;
    let record = keystore::keys::store_key_encryption_key(keystore, wrapped.clone(), Some(REGISTRATION)).await?;
    if record.serialized_key_encryption_key == wrapped {
        return Ok(kek);
    }
    passphrase_key.unwrap_kek(record.serialized_key_encryption_key.as_str()).await
}

async fn store_dek(keystore: &Service, kek: &KeyEncryptionKey) -> Result<(Id, DataKey)> {
    let dek = DataKey::generate()?;
    let wrapped = ciphertext(kek.wrap_private_dek(&dek).await?)?;
    let record = keystore::keys::store_data_encryption_key(keystore, wrapped.clone(), Some(REGISTRATION)).await?;
    if record.serialized_data_encryption_key == wrapped {
        return Ok((record.id, dek));
    }
    let first = kek.unwrap_private_dek(record.serialized_data_encryption_key.as_str()).await?;
    Ok((record.id, first))
}

/// The reply to a retry holds the key pair of the first attempt; that one is then the user's.
async fn store_login_key(keystore: &Service, kek: &KeyEncryptionKey, generated: KeyPair) -> Result<KeyPair> {
    let request = NewKeypair {
        public_key: generated.public_key_pem().to_owned(),
        encrypted_serialized_key: ciphertext(kek.wrap_login_key(&generated).await?)?,
        metadata: JsonObject::new(),
        external_identifiers: vec![AUTHENTICATION_KEY_PAIR.to_owned()],
    };
    let record = keystore::keypairs::store(keystore, &request, Some(REGISTRATION)).await?;
    if record.public_key == generated.public_key_pem() {
        return Ok(generated.without_export());
    }
    login::unwrap(kek, &record).await
}

async fn generated(mut generation: Pin<&mut MaybeDone<impl Future<Output = Result<KeyPair>>>>) -> Result<KeyPair> {
    generation.as_mut().await;
    generation.take_output().ok_or_else(|| Error::internal("the key pair was taken already"))?
}

async fn existing_key_pair(keystore: &Service, kek: &KeyEncryptionKey) -> Result<Option<KeyPair>> {
    match login::authentication_key_pair(keystore).await {
        Ok(record) => login::unwrap(kek, &record).await.map(Some),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Signs in where an earlier attempt created the Vault's user.
async fn find_or_create_vault_user(services: &Services, key_pair: &KeyPair) -> Result<User> {
    let Services { vault, keystore, valid_for, .. } = services;
    match vault::session::create(vault, key_pair.public_key_pem(), *valid_for).await {
        Ok(session) => {
            login::use_vault_session(vault, key_pair, &session.encrypted_session_authentication_string).await?;
            vault::me::get(vault).await.map(|user| *user)
        }
        Err(error) if matches!(error.code(), ErrorCode::Unauthorized | ErrorCode::NotFound) => {
            create_vault_user(services, key_pair, *keystore::admission::create(keystore).await?).await
        }
        Err(error) => Err(error),
    }
}

async fn create_vault_user(
    Services { vault, valid_for, .. }: &Services,
    key_pair: &KeyPair,
    admission: ExternalAdmissionToken,
) -> Result<User> {
    let public_key = key_pair.public_key_pem();
    let admission_token = admission.vault_api_admission_token;
    let user = vault::me::NewUser { public_key: public_key.to_owned(), admission_token };
    let created = vault::me::create(vault, &user).await?;
    // The session that comes with a new user lasts as long as the Vault likes.
    let token = match valid_for {
        None => created.encrypted_session_authentication_string,
        Some(_) => vault::session::create(vault, public_key, *valid_for).await?.encrypted_session_authentication_string,
    };
    login::use_vault_session(vault, key_pair, &token).await?;
    Ok(created.user)
}
