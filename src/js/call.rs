//! What surrounds every call that reaches the network: progress, abortion, and the end of the session.

use std::{future::Future, pin::pin};

use futures_util::future::{Either, FutureExt, select};
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

use super::arguments::Arguments;
use crate::{
    error::{Error, ErrorCode, Result},
    workflows::{Progress, ProgressListener},
};

/// The `signal` and `onProgress` of one call.
pub(super) struct Call {
    signal: Option<AbortSignal>,
    /// Fires when the session is closed; none before there is a session.
    closing: Option<AbortSignal>,
    pub(super) progress: ProgressListener,
}

impl Call {
    /// Reads the options of a call outside any session.
    pub(super) fn new(options: &Arguments) -> Result<Call> {
        let signal = options
            .get("signal")
            .map(|signal| signal.dyn_into().map_err(|_| Error::invalid_argument("`signal` must be an AbortSignal")));
        let progress = options.function("onProgress")?.map(|listener| {
            ProgressListener::new(move |progress| {
                // What a listener throws is its own affair; the work goes on.
                let _ = listener.call1(&JsValue::UNDEFINED, &to_object(progress));
            })
        });
        Ok(Call { signal: signal.transpose()?, closing: None, progress: progress.unwrap_or_default() })
    }

    /// The same call within a session, whose end ends it too.
    pub(super) fn until(self, closing: AbortSignal) -> Call {
        Call { closing: Some(closing), ..self }
    }

    /// Does the work, unless it is aborted or the session closed first; what is dropped midway aborts its requests.
    pub(super) async fn run<T>(self, work: impl Future<Output = Result<T>>) -> Result<T> {
        // Before anything is begun: work would otherwise get as far as its first request.
        if self.signal.as_ref().is_some_and(AbortSignal::aborted) {
            return Err(Error::new(ErrorCode::Aborted, "the call was aborted"));
        }
        let aborted = Firing::of(self.signal)?;
        let closed = Firing::of(self.closing)?;
        let (closed, aborted, work) = (pin!(closed.wait()), pin!(aborted.wait()), pin!(work));
        match select(select(closed, aborted), work).await {
            Either::Right((result, _)) => result,
            Either::Left((Either::Left(_), _)) => {
                Err(Error::new(ErrorCode::SessionClosed, "the session was closed while this was under way"))
            }
            Either::Left((Either::Right(_), _)) => Err(Error::new(ErrorCode::Aborted, "the call was aborted")),
        }
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
    let object = Object::new();
    let fields = [
        ("phase", JsValue::from_str(progress.phase)),
        ("done", JsValue::from(progress.done)),
        ("total", JsValue::from(progress.total)),
    ];
    for (name, value) in fields {
        let _ = Reflect::set(&object, &JsValue::from_str(name), &value);
    }
    object.into()
}
