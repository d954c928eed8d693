use js_sys::{Function, Promise};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    ahead::prepare_key_pairs,
    call::{progress, promise_until},
    closing::Closing,
    methods,
};
use crate::{error::Result, workflows};

/// A signed-in user. `client.js` gives it its methods.
#[wasm_bindgen]
pub struct Session {
    session: workflows::Session,
    closing: Closing,
}

impl Session {
    pub(super) fn new(session: workflows::Session, prepare: bool) -> Session {
        let closing = Closing::default();
        if prepare {
            prepare_key_pairs(session.key_pair_pool(), closing.clone());
        }
        Session { session, closing }
    }
}

#[wasm_bindgen]
impl Session {
    /// The user's secret.
    #[wasm_bindgen(getter)]
    pub fn secret(&self) -> Result<String> {
        Ok(self.session.secret()?.as_str().to_owned())
    }

    /// The user's id in the Vault.
    #[wasm_bindgen(getter, js_name = userId)]
    pub fn user_id(&self) -> String {
        self.session.user_id().as_str().to_owned()
    }

    /// Calls a method: `items.get` with `{"id": …}`. It ends with the session at the latest; only signing out is not failed
    /// by that.
    pub fn call(&self, method: &str, arguments: &str, signal: JsValue, report: Option<Function>) -> Promise {
        let work = methods::begin(method, arguments, self.session.clone(), progress(report));
        let closing = (method != methods::SIGN_OUT).then(|| self.closing.clone());
        promise_until(signal, closing, work)
    }

    /// Wipes every key; what is under way is given up.
    pub fn close(&self) {
        self.session.close();
        self.closing.come();
        wipe_stack();
    }
}

/// Overwrites the part of the stack that earlier calls used and left: ciphers keep expanded keys there while they work.
#[inline(never)]
fn wipe_stack() {
    const DEPTH: usize = 256 * 1024;
    let mut used = [0xAA_u8; DEPTH];
    zeroize::Zeroize::zeroize(&mut used[..]);
    std::hint::black_box(&used);
}
