//! What surrounds every call: the promise of its outcome, progress, cancellation, and the end of the session.
//!
//! Methods hand their work over in a box, so that all of this is compiled once and not once per method.

use std::{
    future::{Future, pending},
    pin::Pin,
};

use futures_util::future::{Either, FutureExt, select};
use gloo_events::EventListener;
use js_sys::{Function, Promise};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::future_to_promise;
use web_sys::AbortSignal;

use super::{
    arguments::{aborted, get, is_absent, wrong},
    results::to_js,
};
use crate::{
    error::{Error, ErrorCode, Result},
    workflows::ProgressListener,
};

/// What a method does, up to the value that JavaScript gets.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<JsValue>>>>;

/// A method's work, in its box.
pub(super) fn work(work: impl Future<Output = Result<JsValue>> + 'static) -> Result<Work> {
    Ok(Box::pin(work))
}

/// A promise of what the work gives; a failure rejects it with a `VaultError`.
pub(super) fn promise(work: impl Future<Output = Result<JsValue>> + 'static) -> Promise {
    promise_of(Box::pin(work))
}

fn promise_of(work: Work) -> Promise {
    future_to_promise(work.map(|outcome| outcome.map_err(JsValue::from)))
}

/// The options that every call takes.
pub(super) struct CallOptions {
    signal: Option<AbortSignal>,
    progress: ProgressListener,
}

impl CallOptions {
    fn read(name: &str, options: &JsValue) -> Result<Self> {
        if !is_absent(options) && !options.is_object() {
            return Err(wrong(name));
        }
        Ok(CallOptions { signal: signal_of(options)?, progress: progress_of(options)? })
    }
}

fn signal_of(options: &JsValue) -> Result<Option<AbortSignal>> {
    let signal = get(options, "signal")?;
    if is_absent(&signal) {
        return Ok(None);
    }
    // Also one of another frame; not one that only looks like it, whose events nobody may rely on.
    if aborted(&signal).is_some() { Ok(Some(signal.unchecked_into())) } else { Err(wrong("signal")) }
}

fn progress_of(options: &JsValue) -> Result<ProgressListener> {
    #[derive(Serialize)]
    struct Progress {
        phase: &'static str,
        done: u64,
        total: u64,
    }
    let callback = get(options, "onProgress")?;
    if is_absent(&callback) {
        return Ok(ProgressListener::none());
    }
    let callback: Function = callback.dyn_into().map_err(|_| wrong("onProgress"))?;
    Ok(ProgressListener::new(move |progress| {
        let progress = Progress { phase: progress.phase, done: progress.done, total: progress.total };
        // What a callback throws is its own affair; the work goes on.
        let _ = to_js(&progress).map(|progress| callback.call1(&JsValue::UNDEFINED, &progress));
    }))
}

/// A promise of what comes of a method's work, unless its signal fires or its session is closed first; work that is dropped
/// midway cancels its requests. `begin` reads the arguments before this returns.
pub(super) fn call(
    name: &str,
    options: &JsValue,
    closed: Option<CancellationToken>,
    begin: impl FnOnce(ProgressListener) -> Result<Work>,
) -> Promise {
    match CallOptions::read(name, options) {
        Ok(CallOptions { signal, progress }) => promise_of(Box::pin(run(signal, closed, begin(progress)))),
        Err(error) => promise_of(Box::pin(async { Err(error) })),
    }
}

async fn run(signal: Option<AbortSignal>, closed: Option<CancellationToken>, work: Result<Work>) -> Result<JsValue> {
    if signal.as_ref().is_some_and(|signal| aborted(signal) == Some(true)) {
        return Err(call_aborted());
    }
    if closed.as_ref().is_some_and(CancellationToken::is_cancelled) {
        return Err(Error::session_closed());
    }
    let fired = CancellationToken::new();
    let listener = signal.map(|signal| {
        let fired = fired.clone();
        EventListener::once(&signal, "abort", move |_| fired.cancel())
    });
    let closed: Pin<Box<dyn Future<Output = ()>>> = match closed {
        Some(closed) => Box::pin(closed.cancelled_owned()),
        None => Box::pin(pending()),
    };
    let fired = Box::pin(fired.cancelled_owned());
    let outcome = select(select(closed, fired), work?).await;
    drop(listener);
    match outcome {
        Either::Right((result, _)) => result,
        Either::Left((Either::Left(_), _)) => {
            Err(Error::new(ErrorCode::SessionClosed, "the session was closed while this was under way"))
        }
        Either::Left((Either::Right(_), _)) => Err(call_aborted()),
    }
}

fn call_aborted() -> Error {
    Error::new(ErrorCode::Aborted, "the call was aborted")
}
