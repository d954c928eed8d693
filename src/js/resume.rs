//! Staying signed in: a session that is kept in the browser, for a page that is loaded later.

use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use js_sys::{Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

use super::arguments::get;
use crate::{
    api::Timestamp,
    error::{Error, Result},
    workflows::{Client, DeviceKey, RememberedSession, Session},
};

#[wasm_bindgen(module = "/src/js/device.js")]
extern "C" {
    #[wasm_bindgen(js_name = newKey)]
    fn new_key() -> Promise;

    fn authenticate(key: &JsValue, text: &[u8]) -> Promise;

    #[wasm_bindgen(js_name = keepSession)]
    fn keep_session(name: &str, session: &Object) -> Promise;

    #[wasm_bindgen(js_name = findSession)]
    fn find_session(name: &str) -> Promise;

    #[wasm_bindgen(js_name = forgetSession)]
    fn forget_session(name: &str, token: &str) -> Promise;
}

/// A key of WebCrypto's that cannot be exported.
struct BrowserKey(JsValue);

impl DeviceKey for BrowserKey {
    fn authenticate<'a>(&'a self, text: &'a [u8]) -> LocalBoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        async {
            let code = JsFuture::from(authenticate(&self.0, text)).await.map_err(|_| not_kept())?;
            let code: Uint8Array = code.dyn_into().map_err(|_| not_kept())?;
            Ok(Zeroizing::new(code.to_vec()))
        }
        .boxed_local()
    }
}

/// What a browser keeps sessions of this client under: one for each name.
#[derive(Clone)]
pub(super) struct KeptSessions(Rc<str>);

/// One that is kept.
pub(super) struct KeptSession {
    name: String,
    /// As it is sealed, by which it is told from one that another page put in its place.
    token: String,
}

impl KeptSessions {
    /// By the URLs as they were given: pages of one origin may use several installations.
    pub(super) fn of(vault_url: &str, keystore_url: &str) -> Self {
        KeptSessions(format!("{vault_url} {keystore_url}").into())
    }

    fn named(&self, name: &str) -> String {
        format!("{} {name}", self.0)
    }

    /// Keeps the session, in the place of another of this name. Gives until when, too.
    pub(super) async fn keep(
        &self,
        name: &str,
        session: &Session,
        until: Option<Timestamp>,
    ) -> Result<(KeptSession, Timestamp)> {
        let key = BrowserKey(JsFuture::from(new_key()).await.map_err(|_| not_kept())?);
        let (RememberedSession { token, keys }, until) = session.remember(&key, until).await?;
        let kept = KeptSession { name: self.named(name), token };
        let record = Object::new();
        for (field, value) in [("key", key.0), ("token", kept.token.as_str().into()), ("keys", keys.into())] {
            Reflect::set(&record, &field.into(), &value).map_err(|_| not_kept())?;
        }
        JsFuture::from(keep_session(&kept.name, &record)).await.map_err(|_| not_kept())?;
        Ok((kept, until))
    }

    /// The session of this name, signed in. One that is of no use any more is forgotten.
    pub(super) async fn resume(&self, name: &str, client: &Client) -> Result<Option<(KeptSession, Session)>> {
        let name = self.named(name);
        // A disk that does not answer, or is not allowed, has none.
        let record = JsFuture::from(find_session(&name)).await.unwrap_or_default();
        if !record.is_object() {
            return Ok(None);
        }
        let text = |field| get(&record, field).map(|text| text.as_string().unwrap_or_default());
        let remembered = RememberedSession { token: text("token")?, keys: text("keys")? };
        let kept = KeptSession { name, token: remembered.token.clone() };
        match client.resume(&BrowserKey(get(&record, "key")?), &remembered).await? {
            Some(session) => Ok(Some((kept, session))),
            None => {
                kept.forget().await;
                Ok(None)
            }
        }
    }
}

impl KeptSession {
    /// What cannot be forgotten is of no use either, once the session has ended.
    pub(super) async fn forget(&self) {
        let _ = JsFuture::from(forget_session(&self.name, &self.token)).await;
    }
}

fn not_kept() -> Error {
    Error::internal(
        "this browser has no place for a session: that takes IndexedDB, and WebCrypto on https or localhost",
    )
}
