//! When to make a session's next key pair: once the page has nothing better to do.

use std::rc::Rc;

use futures_util::future::select;
use js_sys::Promise;
use tokio_util::sync::CancellationToken;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::AbortSignal;

use crate::{http::AbortOnDrop, workflows::KeyPairPool};

#[wasm_bindgen(module = "/src/js/idle.js")]
extern "C" {
    fn idle(signal: &AbortSignal) -> Promise;
}

/// Makes one key pair after the other, each when the one before has been taken and there is time, until the session is
/// closed or nobody holds it any more.
pub(super) fn prefetch_key_pairs(pool: Rc<KeyPairPool>, closed: CancellationToken) {
    spawn_local(async move {
        while pool.needs_refill().await {
            let Ok(abort) = AbortOnDrop::new() else { return };
            select(JsFuture::from(idle(&abort.signal())), Box::pin(closed.cancelled())).await;
            drop(abort);
            pool.refill().await;
        }
    });
}
