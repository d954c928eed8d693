//! Staying signed in: sessions that are kept in the browser, for pages that are loaded later.

use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture, join_all};
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

use super::arguments::get;
use crate::{
    api::Timestamp,
    error::{Error, ErrorCode, Result},
    workflows::{Client, DeviceKey, RememberedSession, Session},
};

#[wasm_bindgen(module = "/src/js/device.js")]
extern "C" {
    #[wasm_bindgen(js_name = canKeepSessions)]
    fn can_keep_sessions() -> bool;

    #[wasm_bindgen(js_name = newKey)]
    fn new_key() -> Promise;

    fn authenticate(key: &JsValue, text: &[u8]) -> Promise;

    #[wasm_bindgen(js_name = keepSession)]
    fn keep_session(name: &str, session: &Object) -> Promise;

    #[wasm_bindgen(js_name = findSession)]
    fn find_session(name: &str) -> Promise;

    #[wasm_bindgen(js_name = forgetSession)]
    fn forget_session(name: &str, token: &str) -> Promise;

    #[wasm_bindgen(js_name = forgetSessionsOf)]
    fn forget_sessions_of(services: &str, user: &str) -> Promise;
}

/// A key of WebCrypto's that cannot be exported.
struct BrowserKey(JsValue);

impl DeviceKey for BrowserKey {
    fn authenticate<'a>(&'a self, text: &'a [u8]) -> LocalBoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        async {
            let unusable = || Error::internal("the browser's key for its sessions cannot be used");
            let code = JsFuture::from(authenticate(&self.0, text)).await.map_err(|_| unusable())?;
            let code: Uint8Array = code.dyn_into().map_err(|_| unusable())?;
            let key = Zeroizing::new(code.to_vec());
            code.fill(0, 0, code.length());
            Ok(key)
        }
        .boxed_local()
    }
}

/// The sessions with two services that this browser keeps, one for each name.
#[derive(Clone)]
pub(super) struct KeptSessions {
    services: Rc<str>,
}

impl KeptSessions {
    /// Pages of one origin may use several installations.
    pub(super) fn of(client: &Client) -> Self {
        KeptSessions { services: format!("{} {}", client.vault_url(), client.keystore_url()).into() }
    }

    fn key(&self, name: &str) -> String {
        format!("{} {name}", self.services)
    }

    /// Keeps the session, in the place of another of this name, which is ended. Gives until when.
    pub(super) async fn keep(&self, name: &str, session: &Session, until: Option<Timestamp>) -> Result<Timestamp> {
        if !can_keep_sessions() {
            let message =
                "this platform has no place for a session: that takes IndexedDB, and WebCrypto on https or localhost";
            return Err(Error::internal(message));
        }
        let not_kept = || Error::internal("the browser did not keep the session");
        let key = BrowserKey(JsFuture::from(new_key()).await.map_err(|_| not_kept())?);
        let (RememberedSession { token, keys }, until) = session.remember(&key, until).await?;
        let record = Object::new();
        for (field, value) in [
            ("services", (&*self.services).into()),
            ("user", session.user_id().as_str().into()),
            ("key", key.0),
            ("token", token.into()),
            ("keys", keys.into()),
        ] {
            Reflect::set(&record, &field.into(), &value).map_err(|_| not_kept())?;
        }
        let replaced = JsFuture::from(keep_session(&self.key(name), &record)).await.map_err(|_| not_kept())?;
        end_all(&replaced, session).await;
        Ok(until)
    }

    /// The session of this name, signed in. One that is of no use any more is forgotten.
    pub(super) async fn resume(&self, name: &str, client: &Client) -> Result<Option<Session>> {
        let record = JsFuture::from(find_session(&self.key(name))).await.map_err(|_| {
            Error::new(ErrorCode::Timeout, "the browser did not say in time whether it keeps a session")
        })?;
        let Some((key, remembered)) = read(&record) else { return Ok(None) };
        let resumed = client.resume(&key, &remembered).await?;
        if resumed.is_none() {
            // Where that fails, the next page does it.
            let _ = JsFuture::from(forget_session(&self.key(name), &remembered.token)).await;
        }
        Ok(resumed)
    }

    /// Forgets all of this user's; gives them. A browser that does not answer is asked again by who signs out again.
    pub(super) async fn forget(&self, session: &Session) -> JsValue {
        JsFuture::from(forget_sessions_of(&self.services, session.user_id().as_str())).await.unwrap_or_default()
    }
}

/// Ends what was kept of other sessions: nobody else can any more, and a copy of the browser may have them.
pub(super) async fn end_all(records: &JsValue, session: &Session) {
    let records = records.dyn_ref::<Array>().cloned().unwrap_or_default();
    let ended = records.iter().filter_map(|record| read(&record)).map(|(key, remembered)| async move {
        // They end by themselves where no server can be reached.
        let _ = session.end_remembered(&key, &remembered).await;
    });
    join_all(ended).await;
}

fn read(record: &JsValue) -> Option<(BrowserKey, RememberedSession)> {
    if !record.is_object() {
        return None;
    }
    let text = |field| get(record, field).ok()?.as_string();
    let remembered = RememberedSession { token: text("token")?, keys: text("keys")? };
    Some((BrowserKey(get(record, "key").ok()?), remembered))
}
