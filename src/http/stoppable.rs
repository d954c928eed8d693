use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use js_sys::{Array, Function};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Something that JavaScript does or waits for until nobody waits for it any longer: a timer would keep Node.js from ending,
/// a request its connection.
pub(crate) struct Stoppable {
    promise: JsFuture,
    stop: Function,
}

impl Stoppable {
    /// Of a promise, and the function that gives up what it is of. That has to settle the promise: whoever waits for one that
    /// never settles is never freed.
    pub(crate) fn new(promise_and_stop: Array) -> Self {
        Stoppable {
            promise: JsFuture::from(promise_and_stop.get(0).unchecked_into::<js_sys::Promise>()),
            stop: promise_and_stop.get(1).unchecked_into(),
        }
    }
}

impl Future for Stoppable {
    type Output = Result<JsValue, JsValue>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.promise).poll(context)
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        let _ = self.stop.call0(&JsValue::UNDEFINED);
    }
}
