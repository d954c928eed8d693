//! What a session remembers, kept on the device: given to the session when it begins, and stored as it learns more.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use futures_util::future::{Either, select};
use gloo_timers::future::sleep;
use js_sys::{Function, Promise};
use tokio_util::sync::CancellationToken;
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::AbortSignal;

use super::{
    arguments::{get, is_absent, text, wrong},
    call::promise,
};
use crate::{
    error::{Error, Result},
    http::AbortOnDrop,
    workflows::{KeptMemory, Session},
};

/// How long a session waits for its store. The browser's gives up before.
const PATIENCE: Duration = Duration::from_secs(5);

#[wasm_bindgen(module = "/src/js/device.js")]
extern "C" {
    #[wasm_bindgen(js_name = deviceMemory)]
    fn device_memory() -> JsValue;

    fn update(store: &JsValue, name: &str, merge: &Function) -> Promise;

    fn moment(length: usize, signal: &AbortSignal) -> Promise;
}

/// The caller's store, or the browser's.
#[derive(Clone)]
pub(super) struct MemoryStore(JsValue);

impl MemoryStore {
    /// `None` where nothing is to be kept, or the platform has no place for it.
    pub(super) fn of(options: &JsValue) -> Result<Option<Self>> {
        let given = get(options, "memory")?;
        if given == JsValue::FALSE {
            return Ok(None);
        }
        let store = if is_absent(&given) { device_memory() } else { given };
        if store.is_undefined() {
            return Ok(None);
        }
        if !store.is_object() {
            return Err(wrong("memory"));
        }
        match get(&store, "update") {
            Ok(update) if update.is_function() => Ok(Some(MemoryStore(store))),
            _ => Err(wrong("memory.update")),
        }
    }

    /// Merges what is stored with what the session remembers; gives the length of what is stored now. Fails where what is
    /// stored is not this user's. A store that fails, or does not answer, is a device that forgets: `None`.
    async fn merge(&self, session: &Session) -> Result<Option<usize>> {
        let merged: Rc<RefCell<Option<Result<KeptMemory>>>> = Rc::default();
        let (of, results) = (session.clone(), Rc::clone(&merged));
        let merge = Closure::<dyn FnMut(JsValue) -> Promise>::new(move |stored| {
            let (session, results) = (of.clone(), Rc::clone(&results));
            promise(async move {
                let outcome = merge(&session, &stored).await;
                let text = outcome.as_ref().map(|kept| kept.text.as_str().into()).map_err(Error::clone);
                results.replace(Some(outcome));
                text
            })
        });
        let updated = JsFuture::from(update(&self.0, &session.memory_name()?, merge.as_ref().unchecked_ref()));
        let is_stored = matches!(select(updated, Box::pin(sleep(PATIENCE))).await, Either::Left((Ok(_), _)));
        match merged.take() {
            Some(Err(error)) => Err(error),
            Some(Ok(kept)) if is_stored => {
                let length = kept.text.len();
                session.memory_was_kept(kept);
                Ok(Some(length))
            }
            _ => Ok(None),
        }
    }
}

async fn merge(session: &Session, stored: &JsValue) -> Result<KeptMemory> {
    let stored = if is_absent(stored) { None } else { Some(text("memory", stored)?) };
    session.merge_memory(stored.as_ref().map(|stored| stored.as_str())).await
}

/// Stores what a session learns.
pub(super) struct MemoryKeeper {
    session: Session,
    store: MemoryStore,
    closed: CancellationToken,
    is_storing: Cell<bool>,
}

impl MemoryKeeper {
    pub(super) fn new(session: &Session, store: MemoryStore, closed: CancellationToken) -> Rc<Self> {
        Rc::new(MemoryKeeper { session: session.clone(), store, closed, is_storing: Cell::default() })
    }

    /// Gives the session what the device remembers, and looks at who signed it in by that.
    pub(super) async fn remind(&self) -> Result<()> {
        self.store.merge(&self.session).await?;
        self.session.check_server()
    }

    /// Stores what is new: at once, and what is learnt meanwhile a moment later. What does not succeed is tried again when the
    /// next call ends.
    pub(super) fn store_soon(self: &Rc<Self>) {
        if self.is_storing.get() || !self.session.has_unkept_memory() {
            return;
        }
        self.is_storing.set(true);
        let keeper = Rc::clone(self);
        spawn_local(async move {
            while keeper.session.has_unkept_memory() {
                // An error is the next sign-in's to tell.
                let Ok(Some(length)) = keeper.store.merge(&keeper.session).await else { break };
                let Ok(abort) = AbortOnDrop::new() else { break };
                let moment = JsFuture::from(moment(length, &abort.signal()));
                select(moment, Box::pin(keeper.closed.cancelled())).await;
            }
            keeper.is_storing.set(false);
        });
    }

    /// Stores what is new before the session ends.
    pub(super) async fn store_now(&self) {
        if self.session.has_unkept_memory() {
            let _ = self.store.merge(&self.session).await;
        }
    }
}
