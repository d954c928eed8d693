use js_sys::{Date, Promise};
use tokio_util::sync::CancellationToken;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    account::{deletion_to_js, user_to_js},
    arguments::{get, instant, optional_text, text},
    call::{Work, call, work},
    classifications::Classifications,
    client::optional_secret,
    connections::Connections,
    encryption_spaces::EncryptionSpaces,
    invitations::Invitations,
    items::Items,
    memory::{MemoryKeeper, MemoryStore},
    prefetch::prefetch_key_pairs,
    results::done,
    resume::{KeptSessions, end_all},
    session_handle::SessionHandle,
    shares::Shares,
    tasks::ClientTasks,
    templates::Templates,
};
use crate::{
    error::{Error, Result},
    workflows,
};

#[wasm_bindgen]
pub struct Session {
    handle: SessionHandle,
    parts: Parts,
}

/// The objects that the session's properties give, which are the same ones each time.
struct Parts {
    templates: JsValue,
    items: JsValue,
    invitations: JsValue,
    connections: JsValue,
    shares: JsValue,
    tasks: JsValue,
    classifications: JsValue,
    encryption_spaces: JsValue,
}

/// What a client's options say of its sessions.
#[derive(Clone)]
pub(super) struct SessionOptions {
    pub(super) prepare_key_pairs: bool,
    pub(super) memory: Option<MemoryStore>,
    pub(super) kept_sessions: KeptSessions,
}

impl Session {
    /// For a user who has just signed in.
    pub(super) fn begin(session: workflows::Session, options: SessionOptions) -> Session {
        let closed = CancellationToken::new();
        let memory = options.memory.map(|store| MemoryKeeper::new(&session, store, closed.clone()));
        let handle = SessionHandle { session, closed, memory, kept_sessions: options.kept_sessions };
        if options.prepare_key_pairs {
            prefetch_key_pairs(handle.session.key_pair_pool(), handle.closed.clone());
        }
        let parts = Parts {
            templates: Templates::new(&handle).into(),
            items: Items::new(&handle).into(),
            invitations: Invitations::new(&handle).into(),
            connections: Connections::new(&handle).into(),
            shares: Shares::new(&handle).into(),
            tasks: ClientTasks::new(&handle).into(),
            classifications: Classifications::new(&handle).into(),
            encryption_spaces: EncryptionSpaces::new(&handle).into(),
        };
        Session { handle, parts }
    }

    /// For a user of whom the device may remember something. One that was made just now has nothing to lose but this session.
    pub(super) async fn reminded(self) -> Result<Session> {
        if let Some(memory) = &self.handle.memory {
            memory.remind().await.inspect_err(|_| self.handle.close())?;
        }
        Ok(self)
    }
}

#[wasm_bindgen]
impl Session {
    /// Always fails. Without it, `new Session()` would give an object without a session.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Session> {
        Err(Error::invalid_argument("a session comes from createUser() or signIn()"))
    }

    #[wasm_bindgen(getter)]
    pub fn secret(&self) -> Result<String> {
        Ok(self.handle.session.secret()?.as_str().to_owned())
    }

    #[wasm_bindgen(getter, js_name = userId)]
    pub fn user_id(&self) -> String {
        self.handle.session.user_id().as_str().to_owned()
    }

    #[wasm_bindgen(getter, js_name = memorySince)]
    pub fn memory_since(&self) -> Result<String> {
        Ok(Date::new(&(self.handle.session.memory_since()? as f64).into()).to_iso_string().into())
    }

    #[wasm_bindgen(getter)]
    pub fn templates(&self) -> JsValue {
        self.parts.templates.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn items(&self) -> JsValue {
        self.parts.items.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn invitations(&self) -> JsValue {
        self.parts.invitations.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn connections(&self) -> JsValue {
        self.parts.connections.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn shares(&self) -> JsValue {
        self.parts.shares.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn tasks(&self) -> JsValue {
        self.parts.tasks.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn classifications(&self) -> JsValue {
        self.parts.classifications.clone()
    }

    #[wasm_bindgen(getter, js_name = encryptionSpaces)]
    pub fn encryption_spaces(&self) -> JsValue {
        self.parts.encryption_spaces.clone()
    }

    /// Not ended by the end of the session, which it brings about.
    #[wasm_bindgen(js_name = signOut)]
    pub fn sign_out(&self, options: JsValue) -> Promise {
        let handle = self.handle.clone();
        call("options", &options, None, |_| {
            work(async move {
                if handle.session.is_closed() {
                    return Err(Error::session_closed());
                }
                // First, so that nobody is still signed in here where no server can be reached.
                let forgotten = handle.kept_sessions.forget(&handle.session).await;
                if let Some(memory) = &handle.memory {
                    memory.store_now().await;
                }
                end_all(&forgotten, &handle.session).await;
                handle.session.sign_out().await?;
                handle.close();
                Ok(JsValue::UNDEFINED)
            })
        })
    }

    pub fn remember(&self, options: JsValue) -> Promise {
        let sessions = self.handle.kept_sessions.clone();
        self.handle.call(&options, |session, _| {
            let until = instant("until", &get(&options, "until")?)?;
            let name = optional_text(&options, "name")?.unwrap_or_default();
            work(async move { Ok(sessions.keep(&name, &session, until).await?.into()) })
        })
    }

    #[wasm_bindgen(js_name = changePassphrase)]
    pub fn change_passphrase(&self, old_passphrase: JsValue, new_passphrase: JsValue, options: JsValue) -> Promise {
        self.handle.call(&options, |session, progress| {
            let old = text("oldPassphrase", &old_passphrase)?;
            let new = text("newPassphrase", &new_passphrase)?;
            let secret = optional_secret(&options)?;
            work(async move { done(session.change_passphrase(secret, &old, &new, &progress).await) })
        })
    }

    #[wasm_bindgen(js_name = createRecoveryKey)]
    pub fn create_recovery_key(&self, passphrase: JsValue, options: JsValue) -> Promise {
        self.handle.call(&options, |session, progress| {
            let passphrase = text("passphrase", &passphrase)?;
            let secret = optional_secret(&options)?;
            work(async move {
                let key = session.create_recovery_key(secret, &passphrase, &progress).await?;
                Ok(key.to_text().as_str().into())
            })
        })
    }

    #[wasm_bindgen(js_name = recoveryKeySince)]
    pub fn recovery_key_since(&self, options: JsValue) -> Promise {
        self.handle.call(&options, |session, _| work(async move { Ok(session.recovery_key_since().await?.into()) }))
    }

    #[wasm_bindgen(js_name = revokeRecoveryKey)]
    pub fn revoke_recovery_key(&self, options: JsValue) -> Promise {
        self.handle.call(&options, |session, _| work(async move { done(session.revoke_recovery_key().await) }))
    }

    #[wasm_bindgen(js_name = deleteAccount)]
    pub fn delete_account(&self, passphrase: JsValue, options: JsValue) -> Promise {
        self.handle.call(&options, |session, progress| {
            let passphrase = text("passphrase", &passphrase)?;
            let secret = optional_secret(&options)?;
            work(async move { deletion_to_js(&session.delete_account(secret, &passphrase, &progress).await?) })
        })
    }

    #[wasm_bindgen(js_name = keepAccount)]
    pub fn keep_account(&self, options: JsValue) -> Promise {
        self.handle.call(&options, |session, _| work(async move { done(session.keep_account().await) }))
    }

    pub fn user(&self, options: JsValue) -> Promise {
        self.handle.call(&options, |session, _| work(async move { user_to_js(&*session.user().await?) }))
    }

    #[wasm_bindgen(js_name = endOtherSessions)]
    pub fn end_other_sessions(&self, options: JsValue) -> Promise {
        self.handle.call(&options, |session, _| work(async move { done(session.end_other_sessions().await) }))
    }

    #[wasm_bindgen(js_name = exportMemory)]
    pub fn export_memory(&self) -> Promise {
        self.local_call(|session| work(async move { Ok(session.export_memory().await?.into()) }))
    }

    #[wasm_bindgen(js_name = importMemory)]
    pub fn import_memory(&self, memory: JsValue) -> Promise {
        self.local_call(|session| {
            let memory = text("memory", &memory)?;
            work(async move { done(session.import_memory(&memory).await) })
        })
    }

    pub fn close(&self) {
        self.handle.close();
    }
}

impl Session {
    /// A call that does not reach the network, and so takes no options.
    fn local_call(&self, begin: impl FnOnce(workflows::Session) -> Result<Work>) -> Promise {
        self.handle.call(&JsValue::UNDEFINED, |session, _| begin(session))
    }
}
