//! When to make a session's next key pair: once the page has nothing better to do.

use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::AbortSignal;

use crate::workflows::ReadyKeyPairs;

#[wasm_bindgen(module = "/src/js/idle.js")]
extern "C" {
    fn idle(until: &AbortSignal) -> Promise;
}

/// Makes one key pair after the other, each when the one before has been taken and there is time, until the session is
/// closed or nobody holds it any more.
pub(super) fn prepare_key_pairs(key_pairs: Rc<ReadyKeyPairs>, closing: AbortSignal) {
    spawn_local(async move {
        while key_pairs.wanted().await {
            // It never rejects.
            let _ = JsFuture::from(idle(&closing)).await;
            key_pairs.prepare().await;
        }
    });
}
