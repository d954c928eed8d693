use std::rc::Rc;

use super::{FreshKeyPairs, KeyPairSource, ProgressListener, Session, login, registration};
use crate::{
    api::keystore,
    crypto::UserSecret,
    error::{Error, ErrorCode, Result},
    http::{BaseUrl, RequestPolicy, Service, Transport},
};

/// Where the two services are, and how patient to be with them.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// The Vault's base URL.
    pub vault_url: String,
    /// The Keystore's base URL.
    pub keystore_url: String,
    /// For installations behind a gateway that wants one.
    pub subscription_key: Option<String>,
    /// Timeout and retries.
    pub policy: RequestPolicy,
}

/// The way in: registers users and signs them in.
pub struct Client {
    vault: Service,
    keystore: Service,
    key_pairs: Rc<dyn KeyPairSource>,
}

impl Client {
    /// A client for one installation. Checks the options; sends nothing.
    pub fn new(options: &ClientOptions, transport: Rc<dyn Transport>) -> Result<Client> {
        let service = |url: &str| {
            let transport = Rc::clone(&transport);
            Service::new(BaseUrl::parse(url)?, transport, options.policy.clone(), options.subscription_key.as_deref())
        };
        Ok(Client {
            vault: service(&options.vault_url)?,
            keystore: service(&options.keystore_url)?,
            key_pairs: Rc::new(FreshKeyPairs),
        })
    }

    /// The same client, taking its key pairs from elsewhere.
    pub fn with_key_pairs(mut self, key_pairs: Rc<dyn KeyPairSource>) -> Client {
        self.key_pairs = key_pairs;
        self
    }

    /// Reserves a username and makes a secret for it. Show it to the user before [`Client::create_user`]: with the
    /// passphrase it is the only way back in.
    pub async fn new_secret(&self) -> Result<UserSecret> {
        let reserved = keystore::srp::reserve_username(&self.keystore).await?;
        UserSecret::generate(&reserved.username)
            .map_err(|_| Error::new(ErrorCode::BadResponse, "the reserved username is not one"))
    }

    /// Registers a user with both services and signs them in. A registration that was cut off goes on when called again
    /// with the same secret and passphrase.
    pub async fn create_user(
        &self,
        passphrase: &str,
        secret: Option<UserSecret>,
        progress: &ProgressListener,
    ) -> Result<Session> {
        refuse_empty(passphrase)?;
        let secret = match secret {
            Some(secret) => secret,
            None => self.new_secret().await?,
        };
        registration::create_user(self.for_one_user(), secret, passphrase, progress).await
    }

    /// Signs a user in. Wrong secret or passphrase: `LOGIN_FAILED`.
    pub async fn sign_in(&self, secret: UserSecret, passphrase: &str, progress: &ProgressListener) -> Result<Session> {
        refuse_empty(passphrase)?;
        login::sign_in(self.for_one_user(), secret, passphrase, progress).await
    }

    pub(super) fn for_one_user(&self) -> Newcomer {
        Newcomer {
            vault: self.vault.for_one_user(),
            keystore: self.keystore.for_one_user(),
            key_pairs: Rc::clone(&self.key_pairs),
        }
    }
}

/// Somebody on the way to a session.
pub(super) struct Newcomer {
    pub(super) vault: Service,
    pub(super) keystore: Service,
    pub(super) key_pairs: Rc<dyn KeyPairSource>,
}

fn refuse_empty(passphrase: &str) -> Result<()> {
    if passphrase.is_empty() { Err(Error::invalid_argument("the passphrase is empty")) } else { Ok(()) }
}
