use std::{rc::Rc, time::Duration};

use js_sys::{Date, Function, Promise, Reflect, global};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{get, instant, is_absent, optional_flag, optional_number, optional_text, positive_number, text, wrong},
    call::{Work, call, work},
    memory::MemoryStore,
    resume::KeptSessions,
    session::{Session, SessionOptions},
};
use crate::{
    crypto::{RecoveryKey, UserSecret},
    error::{Error, Result},
    http::{FetchTransport, RequestPolicy},
    workflows::{Client, ClientOptions, ProgressListener},
};

#[wasm_bindgen]
pub struct VaultClient {
    client: Rc<Client>,
    session: SessionOptions,
}

#[wasm_bindgen]
impl VaultClient {
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue) -> Result<VaultClient> {
        if !options.is_object() {
            return Err(wrong("options"));
        }
        let client = ClientOptions {
            vault_url: text("vaultUrl", &get(&options, "vaultUrl")?)?.as_str().to_owned(),
            keystore_url: text("keystoreUrl", &get(&options, "keystoreUrl")?)?.as_str().to_owned(),
            subscription_key: optional_text(&options, "subscriptionKey")?,
            policy: policy(&options)?,
        };
        let prepare_key_pairs = optional_flag(&options, "prepareKeyPairs")?.unwrap_or(true);
        let memory = MemoryStore::of(&options)?;
        let client = Client::new(&client, Rc::new(FetchTransport::new(fetch(&options)?)))?;
        let session = SessionOptions {
            prepare_key_pairs: prepare_key_pairs && is_off_the_main_thread(),
            memory,
            kept_sessions: KeptSessions::of(&client),
        };
        Ok(VaultClient { client: Rc::new(client), session })
    }

    #[wasm_bindgen(js_name = newSecret)]
    pub fn new_secret(&self, options: JsValue) -> Promise {
        self.call(&options, |client, _| work(async move { Ok(client.new_secret().await?.as_str().into()) }))
    }

    #[wasm_bindgen(js_name = createUser)]
    pub fn create_user(&self, passphrase: JsValue, options: JsValue) -> Promise {
        let options_of_session = self.session.clone();
        self.call(&options, |client, progress| {
            let passphrase = text("passphrase", &passphrase)?;
            let secret = optional_secret(&options)?;
            let client = with_sessions_until(client, &options)?;
            work(async move {
                let session = client.create_user(&passphrase, secret, &progress).await?;
                Ok(Session::begin(session, options_of_session).into())
            })
        })
    }

    #[wasm_bindgen(js_name = signIn)]
    pub fn sign_in(&self, secret: JsValue, passphrase: JsValue, options: JsValue) -> Promise {
        let options_of_session = self.session.clone();
        self.call(&options, |client, progress| {
            let (secret, passphrase) = (secret_of(&secret)?, text("passphrase", &passphrase)?);
            let client = with_sessions_until(client, &options)?;
            work(async move {
                let session = client.sign_in(secret, &passphrase, &progress).await?;
                Ok(Session::begin(session, options_of_session).reminded().await?.into())
            })
        })
    }

    pub fn recover(&self, recovery_key: JsValue, new_passphrase: JsValue, options: JsValue) -> Promise {
        let options_of_session = self.session.clone();
        self.call(&options, |client, progress| {
            let key = RecoveryKey::parse(&text("recoveryKey", &recovery_key)?)?;
            let passphrase = text("newPassphrase", &new_passphrase)?;
            let secret = optional_secret(&options)?;
            let client = with_sessions_until(client, &options)?;
            work(async move {
                let session = client.recover(&key, &passphrase, secret, &progress).await?;
                Ok(Session::begin(session, options_of_session).reminded().await?.into())
            })
        })
    }

    pub fn resume(&self, options: JsValue) -> Promise {
        let options_of_session = self.session.clone();
        self.call(&options, |client, _| {
            let name = optional_text(&options, "name")?.unwrap_or_default();
            work(async move {
                let resumed = options_of_session.kept_sessions.resume(&name, &client).await?;
                let Some(session) = resumed else { return Ok(JsValue::UNDEFINED) };
                Ok(Session::begin(session, options_of_session).reminded().await?.into())
            })
        })
    }
}

impl VaultClient {
    fn call(&self, options: &JsValue, begin: impl FnOnce(Rc<Client>, ProgressListener) -> Result<Work>) -> Promise {
        let client = Rc::clone(&self.client);
        call("options", options, None, |progress| begin(client, progress))
    }
}

pub(super) fn secret_of(secret: &JsValue) -> Result<UserSecret> {
    UserSecret::parse(&text("secret", secret)?)
}

pub(super) fn optional_secret(options: &JsValue) -> Result<Option<UserSecret>> {
    let secret = get(options, "secret")?;
    if is_absent(&secret) { Ok(None) } else { secret_of(&secret).map(Some) }
}

/// The client, which asks for sessions that last until then.
fn with_sessions_until(client: Rc<Client>, options: &JsValue) -> Result<Rc<Client>> {
    let Some(until) = instant("until", &get(options, "until")?)? else { return Ok(client) };
    let seconds = (Date::parse(&until) - Date::now()) / 1000.0;
    if seconds <= 0.0 {
        return Err(wrong("until"));
    }
    Ok(Rc::new(client.with_sessions_of(seconds.ceil() as u64)))
}

fn fetch(options: &JsValue) -> Result<Function> {
    let given = get(options, "fetch")?;
    let fetch = if is_absent(&given) { get(&global(), "fetch")? } else { given };
    let missing = || Error::invalid_argument("`fetch` must be a function; there is no global one here");
    fetch.dyn_into().map_err(|_| missing())
}

fn policy(options: &JsValue) -> Result<RequestPolicy> {
    let mut policy = RequestPolicy::default();
    if let Some(milliseconds) = positive_number(options, "timeoutMs")? {
        policy.timeout = Duration::from_millis(milliseconds.into());
    }
    if let Some(retries) = optional_number(options, "retries")? {
        policy.retries = retries as usize;
    }
    Ok(policy)
}

/// Whether making a key pair leaves the page's thread alone: in the browser's own code, or in a worker.
fn is_off_the_main_thread() -> bool {
    let has = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).is_ok_and(|value| value.is_truthy());
    let crypto = Reflect::get(&global(), &"crypto".into()).unwrap_or_default();
    (crypto.is_object() && has(&crypto, "subtle")) || has(&global(), "Worker")
}
