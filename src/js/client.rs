use std::{num::NonZeroU32, rc::Rc, time::Duration};

use js_sys::{Function, Promise};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use zeroize::Zeroizing;

use super::{
    answer::answer,
    arguments::Arguments,
    call::{Work, progress, promise_until, work},
    session::Session,
};
use crate::{
    crypto::UserSecret,
    error::{Error, Result},
    http::{FetchTransport, RequestPolicy},
    workflows::{Client, ClientOptions, ProgressListener},
};

/// The way in. `client.js` gives it its methods.
#[wasm_bindgen]
pub struct VaultClient {
    client: Rc<Client>,
    prepare_key_pairs: bool,
}

#[wasm_bindgen]
impl VaultClient {
    /// A client for one installation. Sends nothing.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str, fetch: Function) -> Result<VaultClient> {
        let mut options = Arguments::parse(options)?;
        let client = ClientOptions {
            vault_url: options.take("vaultUrl")?,
            keystore_url: options.take("keystoreUrl")?,
            subscription_key: options.take("subscriptionKey")?,
            policy: policy(&mut options)?,
        };
        let prepare_key_pairs = options.take::<Option<bool>>("prepareKeyPairs")?.unwrap_or(true);
        let client = Client::new(&client, Rc::new(FetchTransport::new(fetch)))?;
        Ok(VaultClient { client: Rc::new(client), prepare_key_pairs })
    }

    /// Calls a method: `signIn` with `{"secret": …, "passphrase": …}`.
    pub fn call(&self, method: &str, arguments: &str, signal: JsValue, report: Option<Function>) -> Promise {
        promise_until(signal, None, self.begin(method, arguments, progress(report)))
    }
}

impl VaultClient {
    fn begin(&self, method: &str, arguments: &str, progress: ProgressListener) -> Result<Work> {
        let mut arguments = Arguments::parse(arguments)?;
        let (client, prepare) = (Rc::clone(&self.client), self.prepare_key_pairs);
        match method {
            "newSecret" => work(async move { answer(&client.new_secret().await?.as_str()) }),
            "createUser" => {
                let passphrase = passphrase(&mut arguments)?;
                let secret = arguments.take::<Option<String>>("secret")?.map(Zeroizing::new);
                let secret = secret.map(|secret| UserSecret::parse(&secret)).transpose()?;
                work(async move {
                    Ok(Session::new(client.create_user(&passphrase, secret, &progress).await?, prepare).into())
                })
            }
            "signIn" => {
                let secret = UserSecret::parse(&Zeroizing::new(arguments.take::<String>("secret")?))?;
                let passphrase = passphrase(&mut arguments)?;
                work(
                    async move { Ok(Session::new(client.sign_in(secret, &passphrase, &progress).await?, prepare).into()) },
                )
            }
            _ => Err(Error::internal("there is no such method")),
        }
    }
}

fn passphrase(arguments: &mut Arguments<'_>) -> Result<Zeroizing<String>> {
    arguments.take("passphrase").map(Zeroizing::new)
}

fn policy(options: &mut Arguments<'_>) -> Result<RequestPolicy> {
    let mut policy = RequestPolicy::default();
    if let Some(milliseconds) = options.take::<Option<NonZeroU32>>("timeoutMs")? {
        policy.timeout = Duration::from_millis(milliseconds.get().into());
    }
    if let Some(retries) = options.take::<Option<u32>>("retries")? {
        policy.retries = retries as usize;
    }
    Ok(policy)
}
