//! What surrounds every call: the promise of its outcome, progress, abortion, and the end of the session.
//!
//! Methods hand their work over in a box, so that all of this is compiled once and not once per method.

use std::{
    future::{Future, pending},
    pin::Pin,
};

use futures_util::future::{Either, FutureExt, select};
use js_sys::{Array, Function, Promise};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;

use super::closing::Closing;
use crate::{
    error::{Error, ErrorCode, Result},
    http::Stoppable,
    workflows::ProgressListener,
};

#[wasm_bindgen(module = "/src/js/listen.js")]
extern "C" {
    #[wasm_bindgen(js_name = hasFired)]
    fn has_fired(signal: &JsValue) -> bool;
    #[wasm_bindgen(catch)]
    fn listen(signal: &JsValue) -> Result<Array, JsValue>;
}

/// What a method does, up to the value that JavaScript gets.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<JsValue>>>>;

/// A promise of what the work gives; a failure rejects it with a `VaultError`.
pub(super) fn promise(work: impl Future<Output = Result<JsValue>> + 'static) -> Promise {
    promise_of(Box::pin(work))
}

fn promise_of(work: Work) -> Promise {
    future_to_promise(work.map(|outcome| outcome.map_err(JsValue::from)))
}

/// A method's work, in its box.
pub(super) fn work(work: impl Future<Output = Result<JsValue>> + 'static) -> Result<Work> {
    Ok(Box::pin(work))
}

/// Who wants to hear of progress: a function of phase, done and total.
pub(super) fn progress(report: Option<Function>) -> ProgressListener {
    let Some(report) = report else { return ProgressListener::none() };
    ProgressListener::new(move |progress| {
        let phase = JsValue::from_str(progress.phase);
        // What a listener throws is its own affair; the work goes on.
        let _ = report.call3(&JsValue::UNDEFINED, &phase, &progress.done.into(), &progress.total.into());
    })
}

/// A promise of what comes of a method's work, unless its signal fires or its session is closed first; what is dropped midway
/// aborts its requests.
pub(super) fn promise_until(signal: JsValue, closing: Option<Closing>, work: Result<Work>) -> Promise {
    promise_of(Box::pin(run(signal, closing, work)))
}

async fn run(signal: JsValue, closing: Option<Closing>, work: Result<Work>) -> Result<JsValue> {
    let fired: Pin<Box<dyn Future<Output = ()>>> = match signal.is_undefined() {
        true => Box::pin(pending()),
        // Between the call and now. Work would otherwise get as far as its first request.
        false if has_fired(&signal) => return Err(aborted()),
        false => {
            let listening = listen(&signal).map_err(|_| Error::invalid_argument("`signal` cannot be listened to"))?;
            Box::pin(Stoppable::new(listening).map(drop))
        }
    };
    if closing.as_ref().is_some_and(Closing::has_come) {
        return Err(Error::session_closed());
    }
    let work = work?;
    let closed: Pin<Box<dyn Future<Output = ()>>> = match &closing {
        Some(closing) => Box::pin(closing.wait()),
        None => Box::pin(pending()),
    };
    match select(select(closed, fired), work).await {
        Either::Right((result, _)) => result,
        Either::Left((Either::Left(_), _)) => {
            Err(Error::new(ErrorCode::SessionClosed, "the session was closed while this was under way"))
        }
        Either::Left((Either::Right(_), _)) => Err(aborted()),
    }
}

fn aborted() -> Error {
    Error::new(ErrorCode::Aborted, "the call was aborted")
}
