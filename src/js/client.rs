use std::{rc::Rc, time::Duration};

use js_sys::Promise;
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
    pub fn new_secret(&self, options: &JsValue) -> Promise {
        let client = Rc::clone(&self.client);
        Call::new(options).promise(async move { Ok(client.new_secret().await?.as_str().into()) })
    }

    /// Registers a user, or goes on with a registration that was cut off.
    #[wasm_bindgen(js_name = createUser)]
    pub fn create_user(&self, passphrase: JsValue, options: JsValue) -> Promise {
        let (client, call, prepare) = (Rc::clone(&self.client), Call::new(&options), self.prepare_key_pairs);
        let progress = call.progress();
        call.promise(async move {
            let passphrase = text_of("passphrase", &passphrase)?;
            let secret = Arguments::of(&options)?.text("secret")?;
            let secret = secret.map(|secret| UserSecret::parse(&secret)).transpose()?;
            Ok(Session::new(client.create_user(&passphrase, secret, &progress).await?, prepare)?.into())
        })
    }

    /// Signs a user in.
    #[wasm_bindgen(js_name = signIn)]
    pub fn sign_in(&self, secret: JsValue, passphrase: JsValue, options: &JsValue) -> Promise {
        let (client, call, prepare) = (Rc::clone(&self.client), Call::new(options), self.prepare_key_pairs);
        let progress = call.progress();
        call.promise(async move {
            let secret = UserSecret::parse(&text_of("secret", &secret)?)?;
            let passphrase = text_of("passphrase", &passphrase)?;
            Ok(Session::new(client.sign_in(secret, &passphrase, &progress).await?, prepare)?.into())
        })
    }
}
