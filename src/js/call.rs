//! What surrounds every call: the promise of its outcome, progress, abortion, and the end of the session.
//!
//! Methods hand their work over in a box, so that all of this is compiled once and not once per method.

use std::{
    future::Future,
    pin::{Pin, pin},
};

use futures_util::future::{Either, FutureExt, select};
use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::AbortSignal;

use super::{
    arguments::Arguments,
    closing::Closing,
    records::{number, object},
};
use crate::{
    error::{Error, ErrorCode, Result},
    workflows::{Progress, ProgressListener},
};

/// What a method does, up to the value that JavaScript gets.
type Work = Pin<Box<dyn Future<Output = Result<JsValue>>>>;

/// A promise of what the work gives; a failure rejects it with a `VaultError`.
pub(super) fn promise(work: impl Future<Output = Result<JsValue>> + 'static) -> Promise {
    promise_of(Box::pin(work))
}

fn promise_of(work: Work) -> Promise {
    future_to_promise(work.map(|outcome| outcome.map_err(JsValue::from)))
}

/// One call with its options: `signal` and `onProgress`.
pub(super) struct Call {
    options: Result<Options>,
    /// The session's end; none before there is a session.
    closing: Option<Closing>,
}

struct Options {
    signal: Option<AbortSignal>,
    progress: ProgressListener,
}

impl Call {
    /// A call outside any session. Options that are not ones reject its promise.
    pub(super) fn new(options: &JsValue) -> Call {
        Call { options: Options::read(options), closing: None }
    }

    /// The same call within a session, whose end ends it too.
    pub(super) fn until(self, closing: Closing) -> Call {
        Call { closing: Some(closing), ..self }
    }

    /// Who wants to hear of progress.
    pub(super) fn progress(&self) -> ProgressListener {
        self.options.as_ref().map(|options| options.progress.clone()).unwrap_or_default()
    }

    /// Does the work, unless it is aborted or the session closed first; what is dropped midway aborts its requests.
    pub(super) fn promise(self, work: impl Future<Output = Result<JsValue>> + 'static) -> Promise {
        promise_of(Box::pin(self.run(Box::pin(work))))
    }

    async fn run(self, work: Work) -> Result<JsValue> {
        let signal = self.options?.signal;
        // Before anything is begun: work would otherwise get as far as its first request.
        if signal.as_ref().is_some_and(AbortSignal::aborted) {
            return Err(Error::new(ErrorCode::Aborted, "the call was aborted"));
        }
        let aborted = Firing::of(signal)?;
        let closed: Pin<Box<dyn Future<Output = ()>>> = match &self.closing {
            Some(closing) => Box::pin(closing.wait()),
            None => Box::pin(std::future::pending()),
        };
        let aborted = pin!(aborted.wait());
        match select(select(closed, aborted), work).await {
            Either::Right((result, _)) => result,
            Either::Left((Either::Left(_), _)) => {
                Err(Error::new(ErrorCode::SessionClosed, "the session was closed while this was under way"))
            }
            Either::Left((Either::Right(_), _)) => Err(Error::new(ErrorCode::Aborted, "the call was aborted")),
        }
    }
}

impl Options {
    fn read(options: &JsValue) -> Result<Options> {
        let options = Arguments::of(options)?;
        let not_a_signal = |_| Error::invalid_argument("`signal` must be an AbortSignal");
        let signal = options.get("signal").map(|signal| signal.dyn_into().map_err(not_a_signal)).transpose()?;
        let progress = options.function("onProgress")?.map(|listener| {
            ProgressListener::new(move |progress| {
                // What a listener throws is its own affair; the work goes on.
                let _ = listener.call1(&JsValue::UNDEFINED, &to_object(progress));
            })
        });
        Ok(Options { signal, progress: progress.unwrap_or_default() })
    }
}

/// An abort signal that is being listened to.
struct Firing {
    signal: Option<AbortSignal>,
    fired: Promise,
    listener: Option<js_sys::Function>,
}

impl Firing {
    fn of(signal: Option<AbortSignal>) -> Result<Firing> {
        let mut listener = None;
        let fired = Promise::new(&mut |resolve, _| {
            if signal.as_ref().is_some_and(AbortSignal::aborted) {
                let _ = resolve.call0(&JsValue::UNDEFINED);
            }
            listener = Some(resolve);
        });
        if let (Some(signal), Some(listener)) = (&signal, &listener) {
            signal
                .add_event_listener_with_callback("abort", listener)
                .map_err(|_| Error::internal("an AbortSignal cannot be listened to"))?;
        }
        Ok(Firing { signal, fired, listener })
    }

    async fn wait(&self) {
        match &self.signal {
            Some(_) => JsFuture::from(self.fired.clone()).map(drop).await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Firing {
    fn drop(&mut self) {
        if let (Some(signal), Some(listener)) = (&self.signal, &self.listener) {
            let _ = signal.remove_event_listener_with_callback("abort", listener);
        }
    }
}

fn to_object(progress: Progress) -> JsValue {
    object(&[
        ("phase", progress.phase.into()),
        ("done", number(progress.done as usize)),
        ("total", number(progress.total as usize)),
    ])
}
