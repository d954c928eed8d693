//! When to make a session's next key pair: once the page has nothing better to do.

use std::rc::Rc;

use futures_util::future::select;
use js_sys::Array;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;

use super::closing::Closing;
use crate::{http::Stoppable, workflows::KeyPairPool};

#[wasm_bindgen(module = "/src/js/idle.js")]
extern "C" {
    fn idle() -> Array;
}

/// Makes one key pair after the other, each when the one before has been taken and there is time, until the session is
/// closed or nobody holds it any more.
pub(super) fn prepare_key_pairs(pool: Rc<KeyPairPool>, closing: Closing) {
    spawn_local(async move {
        while pool.needs_refill().await {
            select(Stoppable::new(idle()), closing.wait()).await;
            pool.refill().await;
        }
    });
}
