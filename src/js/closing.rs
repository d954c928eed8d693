//! The end of a session, which all of its calls wait for beside their work. In Rust, because a listener at one AbortSignal
//! for each call would be more of them than Node.js takes without a warning.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// A session's end, past or to come.
#[derive(Clone, Default)]
pub(super) struct Closing(Rc<State>);

#[derive(Default)]
struct State {
    has_come: Cell<bool>,
    waiting: RefCell<Vec<Option<Waker>>>,
}

impl Closing {
    /// Now.
    pub(super) fn come(&self) {
        self.0.has_come.set(true);
        for waiting in self.0.waiting.take().into_iter().flatten() {
            waiting.wake();
        }
    }

    /// Whether it has come.
    pub(super) fn has_come(&self) -> bool {
        self.0.has_come.get()
    }

    /// Waits for it.
    pub(super) fn wait(&self) -> Waiting {
        Waiting { state: Rc::clone(&self.0), place: None }
    }
}

/// One call's waiting, which gives its place up when the call is over.
pub(super) struct Waiting {
    state: Rc<State>,
    place: Option<usize>,
}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.state.has_come.get() {
            return Poll::Ready(());
        }
        let state = Rc::clone(&self.state);
        let mut waiting = state.waiting.borrow_mut();
        let waker = Some(context.waker().clone());
        match self.place.or_else(|| waiting.iter().position(Option::is_none)) {
            Some(place) => {
                if let Some(slot) = waiting.get_mut(place) {
                    *slot = waker;
                }
                self.place = Some(place);
            }
            None => {
                self.place = Some(waiting.len());
                waiting.push(waker);
            }
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = self.state.waiting.borrow_mut();
        if let Some(slot) = self.place.and_then(|place| waiting.get_mut(place)) {
            *slot = None;
        }
    }
}
