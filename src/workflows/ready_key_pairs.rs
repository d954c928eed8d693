use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
};

use futures_util::future::{AbortHandle, FutureExt, LocalBoxFuture, Shared, abortable};

use super::KeyPairSource;
use crate::crypto::KeyPair;

/// A session's next key pair, made ahead of need: one at most, for whoever asks first.
///
/// It does not know when there is time for that. Whoever does calls [`ReadyKeyPairs::prepare`] whenever one is
/// [`wanted`](ReadyKeyPairs::wanted).
pub struct ReadyKeyPairs {
    source: Rc<dyn KeyPairSource>,
    next: RefCell<Option<Next>>,
    /// Ends the making that is under way.
    making: RefCell<Option<AbortHandle>>,
    /// The last one could not be made, and nobody has asked for one since.
    given_up: Cell<bool>,
    closed: Cell<bool>,
    /// Who is to hear that one is wanted.
    waiting: RefCell<Option<Waker>>,
}

/// A key pair that is there or being made. Nothing comes of one that could not be made.
type Next = Shared<LocalBoxFuture<'static, Option<Made>>>;

/// Where the key pair lies until somebody takes it.
type Made = Rc<Cell<Option<KeyPair>>>;

impl ReadyKeyPairs {
    pub(super) fn new(source: Rc<dyn KeyPairSource>) -> Self {
        ReadyKeyPairs {
            source,
            next: RefCell::default(),
            making: RefCell::default(),
            given_up: Cell::default(),
            closed: Cell::default(),
            waiting: RefCell::default(),
        }
    }

    /// Waits until a key pair should be made: until there is none and, where the last one could not be made, somebody has
    /// asked for one since. `false` once the session is closed.
    pub fn wanted(&self) -> impl Future<Output = bool> + '_ {
        poll_fn(|context| {
            if self.closed.get() {
                return Poll::Ready(false);
            }
            if self.next.borrow().is_none() && !self.given_up.get() {
                return Poll::Ready(true);
            }
            self.waiting.replace(Some(context.waker().clone()));
            Poll::Pending
        })
    }

    /// Makes a key pair, unless there is one, or the session is closed.
    pub async fn prepare(&self) {
        if self.closed.get() || self.next.borrow().is_some() {
            return;
        }
        let source = Rc::clone(&self.source);
        let made = async move { source.make().await.ok().map(|pair| Rc::new(Cell::new(Some(pair)))) };
        let (made, making) = abortable(made);
        let next = made.map(|made| made.ok().flatten()).boxed_local().shared();
        self.making.replace(Some(making));
        self.next.replace(Some(next.clone()));
        if next.await.is_none() {
            self.given_up.set(true);
            self.next.replace(None);
        }
    }

    /// The key pair that is ready, or that is being made, once it is. Nobody else gets it; whoever gets none has to make one.
    pub(super) async fn take(&self) -> Option<KeyPair> {
        self.given_up.set(false);
        let claimed = Claim { of: self, next: self.next.take() };
        let made = claimed.next.clone()?.await;
        claimed.fulfilled();
        made?.take()
    }

    /// A key pair made for whoever asks, whatever is ready.
    pub(super) async fn make(&self) -> crate::Result<KeyPair> {
        self.source.make().await
    }

    /// Gives up what is being made and wipes what is ready. Nothing is made afterwards.
    pub(super) fn close(&self) {
        self.closed.set(true);
        if let Some(making) = self.making.take() {
            making.abort();
        }
        self.next.replace(None);
        self.one_is_wanted();
    }

    fn one_is_wanted(&self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

/// A key pair in the hands of one who asked. Given up before it was made, it is there for the next.
struct Claim<'a> {
    of: &'a ReadyKeyPairs,
    next: Option<Next>,
}

impl Claim<'_> {
    fn fulfilled(mut self) {
        self.next = None;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(next) = self.next.take()
            && !self.of.closed.get()
        {
            self.of.next.borrow_mut().get_or_insert(next);
        }
        self.of.one_is_wanted();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;
    use crate::{Error, Result};

    /// Makes a key pair when it is told that one is finished.
    #[derive(Default)]
    struct Workshop {
        begun: Cell<usize>,
        given_up: Cell<usize>,
        finished: Rc<Cell<usize>>,
        broken: Cell<bool>,
    }

    struct UnderWay<'a>(&'a Workshop, bool);

    impl Drop for UnderWay<'_> {
        fn drop(&mut self) {
            if !self.1 {
                self.0.given_up.set(self.0.given_up.get() + 1);
            }
        }
    }

    impl KeyPairSource for Workshop {
        fn make(&self) -> Pin<Box<dyn Future<Output = Result<KeyPair>> + '_>> {
            self.begun.set(self.begun.get() + 1);
            let number = self.begun.get();
            Box::pin(async move {
                let mut under_way = UnderWay(self, false);
                poll_fn(|_| if self.finished.get() >= number { Poll::Ready(()) } else { Poll::Pending }).await;
                under_way.1 = true;
                if self.broken.get() {
                    return Err(Error::internal("broken"));
                }
                KeyPair::from_pem(include_str!("../../tests/fixtures/rsa2048-private-pkcs1.pem")).await
            })
        }
    }

    fn workshop() -> (Rc<Workshop>, ReadyKeyPairs) {
        let workshop = Rc::new(Workshop::default());
        (Rc::clone(&workshop), ReadyKeyPairs::new(workshop))
    }

    #[test]
    fn one_is_wanted_until_it_is_there_and_again_once_it_is_taken() {
        let (workshop, ready) = workshop();
        workshop.finished.set(9);
        assert_eq!(ready.wanted().now_or_never(), Some(true));
        ready.prepare().now_or_never().unwrap();
        assert_eq!(ready.wanted().now_or_never(), None);
        ready.prepare().now_or_never().unwrap();
        assert_eq!(workshop.begun.get(), 1);

        assert!(ready.take().now_or_never().unwrap().is_some());
        assert!(ready.take().now_or_never().unwrap().is_none());
        assert_eq!(ready.wanted().now_or_never(), Some(true));
    }

    #[test]
    fn whoever_waits_hears_when_the_next_is_wanted() {
        let (workshop, ready) = workshop();
        workshop.finished.set(9);
        ready.prepare().now_or_never().unwrap();
        let taking = async { ready.take().await.is_some() };
        let both = futures_util::future::join(ready.wanted(), taking);
        assert_eq!(futures_executor::block_on(both), (true, true));
    }

    #[test]
    fn whoever_asks_while_one_is_being_made_gets_that_one_and_the_others_make_their_own() {
        let (workshop, ready) = workshop();
        let mut preparing = Box::pin(ready.prepare());
        assert!(preparing.as_mut().now_or_never().is_none());
        let mut first = Box::pin(ready.take());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(ready.take().now_or_never().unwrap().is_none());

        workshop.finished.set(1);
        assert!(first.as_mut().now_or_never().unwrap().is_some());
        preparing.as_mut().now_or_never().unwrap();
        assert_eq!(workshop.begun.get(), 1);
    }

    #[test]
    fn what_was_asked_for_and_given_up_is_there_for_the_next() {
        let (workshop, ready) = workshop();
        let mut preparing = Box::pin(ready.prepare());
        assert!(preparing.as_mut().now_or_never().is_none());
        assert!(ready.take().now_or_never().is_none());
        workshop.finished.set(1);
        assert!(ready.take().now_or_never().unwrap().is_some());
    }

    #[test]
    fn after_a_failure_none_is_made_until_somebody_asks() {
        let (workshop, ready) = workshop();
        workshop.broken.set(true);
        workshop.finished.set(9);
        ready.prepare().now_or_never().unwrap();
        assert_eq!(ready.wanted().now_or_never(), None);
        assert!(ready.take().now_or_never().unwrap().is_none());
        assert_eq!(ready.wanted().now_or_never(), Some(true));
    }

    #[test]
    fn closing_gives_up_what_is_being_made_and_lets_nothing_be_made_afterwards() {
        let (workshop, ready) = workshop();
        let mut preparing = Box::pin(ready.prepare());
        assert!(preparing.as_mut().now_or_never().is_none());
        let mut asking = Box::pin(ready.take());
        assert!(asking.as_mut().now_or_never().is_none());

        ready.close();
        assert!(asking.as_mut().now_or_never().unwrap().is_none());
        preparing.as_mut().now_or_never().unwrap();
        assert_eq!(workshop.given_up.get(), 1);
        assert_eq!(ready.wanted().now_or_never(), Some(false));
        ready.prepare().now_or_never().unwrap();
        assert_eq!(workshop.begun.get(), 1);
    }

    #[test]
    fn closing_wipes_what_is_ready() {
        let (workshop, ready) = workshop();
        workshop.finished.set(1);
        ready.prepare().now_or_never().unwrap();
        ready.close();
        assert!(ready.take().now_or_never().unwrap().is_none());
    }
}
