use std::{rc::Rc, time::Duration};

use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, text_of},
    call::Call,
    session::Session,
};
use crate::{
    crypto::UserSecret,
    error::Result,
    http::{FetchTransport, RequestPolicy},
    workflows::{Client, ClientOptions},
};

/// The way in.
#[wasm_bindgen]
pub struct VaultClient {
    client: Rc<Client>,
    prepare_key_pairs: bool,
}

#[wasm_bindgen]
impl VaultClient {
    /// A client for one installation. Sends nothing.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<VaultClient> {
        let options = Arguments::of(options)?;
        let mut policy = RequestPolicy::default();
        if let Some(milliseconds) = options.number("timeoutMs", 1)? {
            policy.timeout = Duration::from_millis(milliseconds.into());
        }
        if let Some(retries) = options.number("retries", 0)? {
            policy.retries = retries as usize;
        }
        let prepare_key_pairs = options.flag("prepareKeyPairs")?.unwrap_or(true);
        let transport = FetchTransport::new(options.function("fetch")?)?;
        let options = ClientOptions {
            vault_url: options.required_text("vaultUrl")?,
            keystore_url: options.required_text("keystoreUrl")?,
            subscription_key: options.text("subscriptionKey")?,
            policy,
        };
        Ok(VaultClient { client: Rc::new(Client::new(&options, Rc::new(transport))?), prepare_key_pairs })
    }

    /// Reserves a username and makes a secret for it.
    #[wasm_bindgen(js_name = newSecret)]
    pub async fn new_secret(&self, options: JsValue) -> Result<String> {
        let call = Call::new(&Arguments::of(&options)?)?;
        let secret = call.run(self.client.new_secret()).await?;
        Ok(secret.as_str().to_owned())
    }

    /// Registers a user, or goes on with a registration that was cut off.
    #[wasm_bindgen(js_name = createUser)]
    pub async fn create_user(&self, passphrase: JsValue, options: JsValue) -> Result<Session> {
        let passphrase = text_of("passphrase", &passphrase)?;
        let options = Arguments::of(&options)?;
        let secret = options.text("secret")?.map(|secret| UserSecret::parse(&secret)).transpose()?;
        let call = Call::new(&options)?;
        let progress = call.progress.clone();
        let session = call.run(self.client.create_user(&passphrase, secret, &progress)).await?;
        Session::new(session, self.prepare_key_pairs)
    }

    /// Signs a user in.
    #[wasm_bindgen(js_name = signIn)]
    pub async fn sign_in(&self, secret: JsValue, passphrase: JsValue, options: JsValue) -> Result<Session> {
        let secret = UserSecret::parse(&text_of("secret", &secret)?)?;
        let passphrase = text_of("passphrase", &passphrase)?;
        let call = Call::new(&Arguments::of(&options)?)?;
        let progress = call.progress.clone();
        let session = call.run(self.client.sign_in(secret, &passphrase, &progress)).await?;
        Session::new(session, self.prepare_key_pairs)
    }
}
