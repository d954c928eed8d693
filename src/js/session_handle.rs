//! What all parts of a session call through: its workflows, and the token that its end cancels.

use std::rc::Rc;

use futures_util::future::FutureExt;
use js_sys::Promise;
use tokio_util::sync::CancellationToken;
use wasm_bindgen::JsValue;

use super::{
    arguments::page,
    call::{Work, call},
    memory::MemoryKeeper,
    resume::KeptSessions,
};
use crate::{
    error::Result,
    workflows::{self, PageRequest, ProgressListener},
};

/// A session and the token that its end cancels: what its parts hold.
#[derive(Clone)]
pub(super) struct SessionHandle {
    pub(super) session: workflows::Session,
    pub(super) closed: CancellationToken,
    pub(super) memory: Option<Rc<MemoryKeeper>>,
    pub(super) kept_sessions: KeptSessions,
}

impl SessionHandle {
    /// A call that the end of the session ends too.
    pub(super) fn call(
        &self,
        options: &JsValue,
        begin: impl FnOnce(workflows::Session, ProgressListener) -> Result<Work>,
    ) -> Promise {
        let session = self.session.clone();
        call("options", options, Some(self.closed.clone()), |progress| Ok(self.remembered(begin(session, progress)?)))
    }

    /// A call that gives a part of a list, which its options say.
    pub(super) fn list(
        &self,
        options: &JsValue,
        begin: impl FnOnce(workflows::Session, PageRequest) -> Result<Work>,
    ) -> Promise {
        let session = self.session.clone();
        call("page", options, Some(self.closed.clone()), |_| Ok(self.remembered(begin(session, page(options)?)?)))
    }

    /// The same work, after which what the session has learnt is stored.
    fn remembered(&self, work: Work) -> Work {
        match self.memory.clone() {
            Some(memory) => Box::pin(work.inspect(move |_| memory.store_soon())),
            None => work,
        }
    }

    pub(super) fn close(&self) {
        self.session.close();
        self.closed.cancel();
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
