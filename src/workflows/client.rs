use std::rc::Rc;

use super::{GenerateOnDemand, KeyPairSource, ProgressListener, Session, login, registration, services::Services};
use crate::{
    api::keystore,
    crypto::UserSecret,
    error::{Error, ErrorCode, Result},
    http::{BaseUrl, RequestPolicy, Service, Transport},
};

/// One installation of the two services.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// https, loopback aside; a path before the API's own is kept.
    pub vault_url: String,
    /// As `vault_url`.
    pub keystore_url: String,
    /// Sent with every request, for installations behind an API gateway.
    pub subscription_key: Option<String>,
    /// Deadline and retries of each request.
    pub policy: RequestPolicy,
}

/// Registers users and signs them in.
pub struct Client {
    services: Services,
}

impl Client {
    /// Checks the options; sends nothing.
    pub fn new(options: &ClientOptions, transport: Rc<dyn Transport>) -> Result<Client> {
        let service = |url: &str| {
            let transport = Rc::clone(&transport);
            Service::new(BaseUrl::parse(url)?, transport, options.policy.clone(), options.subscription_key.as_deref())
        };
        let services = Services {
            vault: service(&options.vault_url)?,
            keystore: service(&options.keystore_url)?,
            key_pairs: Rc::new(GenerateOnDemand),
            valid_for: None,
        };
        Ok(Client { services })
    }

    /// Replaces [`GenerateOnDemand`].
    pub fn with_key_pairs(mut self, key_pairs: Rc<dyn KeyPairSource>) -> Client {
        self.services.key_pairs = key_pairs;
        self
    }

    /// As it is used, without a slash at its end.
    pub fn vault_url(&self) -> &str {
        self.services.vault.base_url()
    }

    /// As [`Client::vault_url`].
    pub fn keystore_url(&self) -> &str {
        self.services.keystore.base_url()
    }

    /// The same, which asks for sessions of so many seconds; a server may give shorter ones.
    pub fn with_sessions_of(&self, seconds: u64) -> Client {
        Client { services: Services { valid_for: Some(seconds), ..self.for_one_user() } }
    }

    /// Reserves a username and generates a secret for it. Show it to the user before [`Client::create_user`]: with the
    /// passphrase it is the only way back in.
    pub async fn new_secret(&self) -> Result<UserSecret> {
        let reserved =
            keystore::srp::reserve_username(&self.services.keystore).await.map_err(login::refused_anybody)?;
        UserSecret::generate(&reserved.username)
            .map_err(|_| Error::new(ErrorCode::BadResponse, "the reserved username is not one"))
    }

    /// Registers a user with both services and signs them in. Call it again with the same secret and passphrase to
    /// resume a registration that was interrupted.
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

    /// `LOGIN_FAILED` where secret or passphrase is wrong.
    pub async fn sign_in(&self, secret: UserSecret, passphrase: &str, progress: &ProgressListener) -> Result<Session> {
        refuse_empty(passphrase)?;
        login::sign_in(self.for_one_user(), secret, passphrase, progress).await
    }

    pub(super) fn for_one_user(&self) -> Services {
        self.services.for_one_user()
    }
}

pub(super) fn refuse_empty(passphrase: &str) -> Result<()> {
    if passphrase.is_empty() { Err(Error::invalid_argument("the passphrase is empty")) } else { Ok(()) }
}
