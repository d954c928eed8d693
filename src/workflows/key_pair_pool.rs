use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
};

use futures_util::future::{AbortHandle, FutureExt, LocalBoxFuture, Shared, abortable};

use crate::{crypto::KeyPair, error::Result};

/// RSA key generation takes from a third of a second to many seconds, so that callers may bring key pairs generated
/// ahead of need.
pub trait KeyPairSource {
    /// A key pair that is given out only once.
    fn generate(&self) -> LocalBoxFuture<'_, Result<KeyPair>>;
}

/// RSA-4096, generated when requested.
#[derive(Clone, Copy, Debug, Default)]
pub struct GenerateOnDemand;

/// The size that the protocol's clients use and expect.
const KEY_BITS: u32 = 4096;

impl KeyPairSource for GenerateOnDemand {
    fn generate(&self) -> LocalBoxFuture<'_, Result<KeyPair>> {
        Box::pin(KeyPair::generate(KEY_BITS))
    }
}

/// Prefetches a session's key pairs, one at a time.
///
/// It has no notion of idle time. Whoever has awaits [`KeyPairPool::needs_refill`] and then calls
/// [`KeyPairPool::refill`].
pub struct KeyPairPool {
    source: Rc<dyn KeyPairSource>,
    next: RefCell<Option<Next>>,
    /// Cancels the generation in flight.
    generation: RefCell<Option<AbortHandle>>,
    /// The last generation failed, and nothing was taken since: failing over and over would be no use.
    failed: Cell<bool>,
    closed: Cell<bool>,
    /// Of whoever awaits `needs_refill`.
    waker: RefCell<Option<Waker>>,
}

/// A key pair, generated or being generated; `None` where that failed or was cancelled.
type Next = Shared<LocalBoxFuture<'static, Option<Generated>>>;

/// `Shared` clones its output: the first to empty the cell has the key pair.
type Generated = Rc<Cell<Option<KeyPair>>>;

impl KeyPairPool {
    pub(super) fn new(source: Rc<dyn KeyPairSource>) -> Self {
        KeyPairPool {
            source,
            next: RefCell::default(),
            generation: RefCell::default(),
            failed: Cell::default(),
            closed: Cell::default(),
            waker: RefCell::default(),
        }
    }

    /// Completes when a key pair should be generated: when there is none and, after a failure, not before the next
    /// `KeyPairPool::take`. `false` once the session is closed.
    pub fn needs_refill(&self) -> impl Future<Output = bool> + '_ {
        poll_fn(|context| {
            if self.closed.get() {
                return Poll::Ready(false);
            }
            if self.next.borrow().is_none() && !self.failed.get() {
                return Poll::Ready(true);
            }
            self.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        })
    }

    /// Generates a key pair, unless there is one, or the session is closed.
    pub async fn refill(&self) {
        if self.closed.get() || self.next.borrow().is_some() {
            return;
        }
        let source = Rc::clone(&self.source);
        let generated = async move { source.generate().await.ok().map(|pair| Rc::new(Cell::new(Some(pair)))) };
        let (generated, generation) = abortable(generated);
        let next = generated.map(|generated| generated.ok().flatten()).boxed_local().shared();
        self.generation.replace(Some(generation));
        self.next.replace(Some(next.clone()));
        if next.await.is_none() {
            self.failed.set(true);
            self.next.replace(None);
        }
    }

    /// The prefetched key pair, awaited where it is being generated. `None` where there is none, or another caller has
    /// it.
    pub(super) async fn take(&self) -> Option<KeyPair> {
        self.failed.set(false);
        let claim = Claim { pool: self, next: self.next.take() };
        let generated = claim.next.clone()?.await;
        claim.complete();
        generated?.take()
    }

    /// Generates a key pair for the caller, past the pool.
    pub(super) async fn generate(&self) -> Result<KeyPair> {
        self.source.generate().await
    }

    /// Cancels the generation in flight, wipes what was prefetched, and ends every refill.
    pub(super) fn close(&self) {
        self.closed.set(true);
        if let Some(generation) = self.generation.take() {
            generation.abort();
        }
        self.next.replace(None);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A `take` in flight. Cancelled, it returns what it was to get to the pool.
struct Claim<'a> {
    pool: &'a KeyPairPool,
    next: Option<Next>,
}

impl Claim<'_> {
    fn complete(mut self) {
        self.next = None;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(next) = self.next.take()
            && !self.pool.closed.get()
        {
            self.pool.next.borrow_mut().get_or_insert(next);
        }
        self.pool.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    /// Completes as many generations as the test says.
    #[derive(Default)]
    struct FakeSource {
        started: Cell<usize>,
        cancelled: Cell<usize>,
        completed: Rc<Cell<usize>>,
        failing: Cell<bool>,
    }

    struct Generation<'a> {
        source: &'a FakeSource,
        is_complete: bool,
    }

    impl Drop for Generation<'_> {
        fn drop(&mut self) {
            if !self.is_complete {
                self.source.cancelled.set(self.source.cancelled.get() + 1);
            }
        }
    }

    impl KeyPairSource for FakeSource {
        fn generate(&self) -> LocalBoxFuture<'_, Result<KeyPair>> {
            self.started.set(self.started.get() + 1);
            let number = self.started.get();
            Box::pin(async move {
                let mut generation = Generation { source: self, is_complete: false };
                poll_fn(|_| if self.completed.get() >= number { Poll::Ready(()) } else { Poll::Pending }).await;
                generation.is_complete = true;
                if self.failing.get() {
                    return Err(Error::internal("failing"));
                }
                KeyPair::from_pem(include_str!("../../tests/fixtures/rsa2048-private-pkcs1.pem")).await
            })
        }
    }

    fn pool() -> (Rc<FakeSource>, KeyPairPool) {
        let source = Rc::new(FakeSource::default());
        (Rc::clone(&source), KeyPairPool::new(source))
    }

    #[test]
    fn an_empty_pool_needs_a_refill_and_so_does_one_that_was_taken_from() {
        let (source, pool) = pool();
        source.completed.set(9);
        assert_eq!(pool.needs_refill().now_or_never(), Some(true));
        pool.refill().now_or_never().unwrap();
        assert_eq!(pool.needs_refill().now_or_never(), None);
        pool.refill().now_or_never().unwrap();
        assert_eq!(source.started.get(), 1);

        assert!(pool.take().now_or_never().unwrap().is_some());
        assert!(pool.take().now_or_never().unwrap().is_none());
        assert_eq!(pool.needs_refill().now_or_never(), Some(true));
    }

    #[test]
    fn a_refill_that_waits_is_woken_when_the_key_pair_is_taken() {
        let (source, pool) = pool();
        source.completed.set(9);
        pool.refill().now_or_never().unwrap();
        let taking = async { pool.take().await.is_some() };
        let both = futures_util::future::join(pool.needs_refill(), taking);
        assert_eq!(futures_executor::block_on(both), (true, true));
    }

    #[test]
    fn the_first_caller_gets_the_key_pair_in_flight_and_the_others_get_none() {
        let (source, pool) = pool();
        let mut refilling = Box::pin(pool.refill());
        assert!(refilling.as_mut().now_or_never().is_none());
        let mut first = Box::pin(pool.take());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(pool.take().now_or_never().unwrap().is_none());

        source.completed.set(1);
        assert!(first.as_mut().now_or_never().unwrap().is_some());
        refilling.as_mut().now_or_never().unwrap();
        assert_eq!(source.started.get(), 1);
    }

    #[test]
    fn a_cancelled_take_returns_the_key_pair_to_the_pool() {
        let (source, pool) = pool();
        let mut refilling = Box::pin(pool.refill());
        assert!(refilling.as_mut().now_or_never().is_none());
        assert!(pool.take().now_or_never().is_none());
        source.completed.set(1);
        assert!(pool.take().now_or_never().unwrap().is_some());
    }

    #[test]
    fn a_failed_generation_is_retried_only_after_the_next_take() {
        let (source, pool) = pool();
        source.failing.set(true);
        source.completed.set(9);
        pool.refill().now_or_never().unwrap();
        assert_eq!(pool.needs_refill().now_or_never(), None);
        assert!(pool.take().now_or_never().unwrap().is_none());
        assert_eq!(pool.needs_refill().now_or_never(), Some(true));
    }

    #[test]
    fn closing_cancels_the_generation_in_flight_and_every_later_refill() {
        let (source, pool) = pool();
        let mut refilling = Box::pin(pool.refill());
        assert!(refilling.as_mut().now_or_never().is_none());
        let mut asking = Box::pin(pool.take());
        assert!(asking.as_mut().now_or_never().is_none());

        pool.close();
        assert!(asking.as_mut().now_or_never().unwrap().is_none());
        refilling.as_mut().now_or_never().unwrap();
        assert_eq!(source.cancelled.get(), 1);
        assert_eq!(pool.needs_refill().now_or_never(), Some(false));
        pool.refill().now_or_never().unwrap();
        assert_eq!(source.started.get(), 1);
    }

    #[test]
    fn closing_wipes_the_prefetched_key_pair() {
        let (source, pool) = pool();
        source.completed.set(1);
        pool.refill().now_or_never().unwrap();
        pool.close();
        assert!(pool.take().now_or_never().unwrap().is_none());
    }
}
