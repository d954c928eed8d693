//! Registering. `protocol/encryption-spaces-and-setup.md` §3.3, `protocol/http-api.md` §3–§5.
//!
//! Every step first makes sure of what an earlier attempt may have left, so that a registration which was cut off anywhere
//! goes on from there: a second attempt finds its username taken, signs in, and looks before it makes.

use std::future::ready;

use futures_util::{future::maybe_done, try_join};

use super::{ProgressListener, Session, alongside::alongside, client::Newcomer, login, sealing};
use crate::{
    api::{
        Id,
        keystore::{self, keypairs::AUTHENTICATION_KEY_PAIR, srp::NewSrpUser},
        vault::{
            self,
            me::{User, private_dek_id},
        },
    },
    crypto::{DataKey, KeyEncryptionKey, KeyPair, PassphraseKey, SrpPassword, UserSecret, generate_srp_registration},
    error::{Error, ErrorCode, Result},
    http::Service,
};

/// All attempts at one user's registration are one wish, so that none makes a second private DEK or key pair.
const REGISTRATION: &str = "vaultshare-registration";

const STEPS: u32 = 5;

pub(super) async fn create_user(
    newcomer: Newcomer,
    secret: UserSecret,
    passphrase: &str,
    progress: &ProgressListener,
) -> Result<Session> {
    let Newcomer { vault, keystore, key_pairs } = newcomer;
    // Begun first and awaited last: it takes longer than all the rest.
    let mut making = Box::pin(maybe_done(key_pairs.make()));

    let (begun, kek) = alongside(making.as_mut(), async {
        progress.report("deriving keys from the passphrase", 0, STEPS);
        let (passphrase_key, password) =
            try_join!(secret.derive_passphrase_key(passphrase), secret.derive_srp_password(passphrase))?;
        progress.report("registering", 1, STEPS);
        let begun = register(&keystore, &secret, &password).await?;
        login::open_keystore_session(&keystore, &secret, Box::pin(ready(Ok(password)))).await?;
        let kek = kek(&keystore, begun, &passphrase_key).await?;
        Ok::<_, Error>((begun, kek))
    })
    .await?;

    progress.report("storing keys", 2, STEPS);
    let (dek, key_pair) = match begun {
        Begun::Now => {
            let dek = alongside(making.as_mut(), store_dek(&keystore, &kek)).await?;
            (Some(dek), None)
        }
        Begun::Before => {
            let key_pair = alongside(making.as_mut(), existing_key_pair(&keystore, &kek)).await?;
            (None, key_pair)
        }
    };

    progress.report("making the key pair", 3, STEPS);
    let key_pair = match key_pair {
        Some(key_pair) => key_pair,
        None => {
            making.as_mut().await;
            let made =
                making.as_mut().take_output().ok_or_else(|| Error::internal("the key pair was taken already"))??;
            sealing::store_key_pair(&keystore, &kek, made, Some(AUTHENTICATION_KEY_PAIR), Some(REGISTRATION)).await?.1
        }
    };
    drop(making);

    progress.report("opening the Vault", 4, STEPS);
    let user = open_vault(&vault, &keystore, &key_pair, begun).await?;
    let dek = match (private_dek_id(&user), dek) {
        (Some(id), _) => {
            let record = keystore::keys::data_encryption_key(&keystore, id).await?;
            kek.unwrap_data_key(record.serialized_data_encryption_key.as_str()).await?
        }
        (None, dek) => {
            let (id, dek) = match dek {
                Some(stored) => stored,
                None => store_dek(&keystore, &kek).await?,
            };
            vault::me::set_private_dek(&vault, &id).await?;
            dek
        }
    };

    progress.report("registered", STEPS, STEPS);
    Ok(Session::new((vault, keystore), user.id, key_pairs, (secret, kek, dek)))
}

/// Whether this attempt registered the user, or one before it did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    Now,
    Before,
}

async fn register(keystore: &Service, secret: &UserSecret, password: &SrpPassword) -> Result<Begun> {
    let registration = generate_srp_registration(secret.username(), password)?;
    let user = NewSrpUser {
        username: secret.username().to_owned(),
        srp_salt: registration.salt,
        srp_verifier: registration.verifier,
    };
    match keystore::srp::register(keystore, &user).await {
        Ok(_) => Ok(Begun::Now),
        Err(error) if error.server_code() == Some("username_taken") => Ok(Begun::Before),
        Err(error) => Err(error),
    }
}

/// A KEK is never replaced: everything under it would be lost.
async fn kek(keystore: &Service, begun: Begun, passphrase_key: &PassphraseKey) -> Result<KeyEncryptionKey> {
    if begun == Begun::Before {
        match keystore::keys::key_encryption_key(keystore).await {
            Ok(record) => return passphrase_key.unwrap_kek(record.serialized_key_encryption_key.as_str()).await,
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let kek = KeyEncryptionKey::generate()?;
    let wrapped = sealing::ciphertext(passphrase_key.wrap_kek(&kek).await?)?;
    let record = keystore::keys::store_key_encryption_key(keystore, wrapped.clone(), Some(REGISTRATION)).await?;
    if record.serialized_key_encryption_key == wrapped {
        return Ok(kek);
    }
    passphrase_key.unwrap_kek(record.serialized_key_encryption_key.as_str()).await
}

async fn store_dek(keystore: &Service, kek: &KeyEncryptionKey) -> Result<(Id, DataKey)> {
    let dek = DataKey::generate()?;
    let wrapped = sealing::ciphertext(kek.wrap_data_key(&dek).await?)?;
    let record = keystore::keys::store_data_encryption_key(keystore, wrapped.clone(), Some(REGISTRATION)).await?;
    if record.serialized_data_encryption_key == wrapped {
        return Ok((record.id, dek));
    }
    let first = kek.unwrap_data_key(record.serialized_data_encryption_key.as_str()).await?;
    Ok((record.id, first))
}

async fn existing_key_pair(keystore: &Service, kek: &KeyEncryptionKey) -> Result<Option<KeyPair>> {
    match login::authentication_key_pair(keystore).await {
        Ok(record) => login::unwrap(kek, &record).await.map(Some),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Becomes a user of the Vault, or signs in where an earlier attempt became one.
async fn open_vault(vault: &Service, keystore: &Service, key_pair: &KeyPair, begun: Begun) -> Result<User> {
    if begun == Begun::Before {
        match vault::session::create(vault, key_pair.public_key_pem()).await {
            Ok(session) => {
                let token = session.encrypted_session_authentication_string;
                vault.set_token(key_pair.decrypt_token(token.as_str()).await?);
                return vault::me::get(vault).await.map(|user| *user);
            }
            Err(error) if matches!(error.code(), ErrorCode::Unauthorized | ErrorCode::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    let admission_token = keystore::admission::create(keystore).await?.vault_api_admission_token;
    let user = vault::me::NewUser { public_key: key_pair.public_key_pem().to_owned(), admission_token };
    let created = vault::me::create(vault, &user).await?;
    let token = created.encrypted_session_authentication_string;
    vault.set_token(key_pair.decrypt_token(token.as_str()).await?);
    Ok(created.user)
}
