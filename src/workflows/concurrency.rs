use std::{
    future::Future,
    pin::{Pin, pin},
};

use futures_util::{
    future::{Either, FutureExt, LocalBoxFuture, MaybeDone, ready, select},
    stream::{self, StreamExt},
};

/// How many futures of one call are in flight at a time.
const CONCURRENCY_LIMIT: usize = 32;

/// Runs futures concurrently, [`CONCURRENCY_LIMIT`] at a time, and gives their outputs in the order of the futures.
///
/// A slow future holds up only its own slot, which `buffered` would not promise: it counts finished outputs that wait
/// for an earlier one.
pub(super) async fn join_all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let futures: Vec<_> = futures.into_iter().collect();
    let mut outputs = Vec::new();
    outputs.resize_with(futures.len(), || None);
    let mut tasks = Vec::with_capacity(futures.len());
    for (future, output) in futures.into_iter().zip(&mut outputs) {
        tasks.push(async move { *output = Some(future.await) }.boxed_local());
    }
    run(tasks).await;
    outputs.into_iter().flatten().collect()
}

/// Boxed futures without output, so that the stream is compiled once and not for every caller.
async fn run(tasks: Vec<LocalBoxFuture<'_, ()>>) {
    stream::iter(tasks).buffer_unordered(CONCURRENCY_LIMIT).for_each(ready).await;
}

/// Awaits `foreground` and polls `background` meanwhile, whose output is left in its `MaybeDone`.
///
/// RSA key generation takes seconds: it is started first, driven while requests are in flight, and awaited last.
pub(super) async fn drive_background<B: Future, F: Future>(
    background: Pin<&mut MaybeDone<B>>,
    foreground: F,
) -> F::Output {
    match select(background, pin!(foreground)).await {
        Either::Left(((), foreground)) => foreground.await,
        Either::Right((output, _)) => output,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::{pending, poll_fn},
        task::Poll,
    };

    use futures_util::future::maybe_done;

    use super::*;

    /// Completes when it is polled for the second time.
    async fn slow() {
        let mut polls = 2;
        poll_fn(move |context| {
            polls -= 1;
            context.waker().wake_by_ref();
            if polls == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[test]
    fn outputs_keep_the_order_of_their_futures_whichever_completes_first() {
        let first = async {
            slow().await;
            "slow"
        };
        let futures: [LocalBoxFuture<'_, &str>; 2] = [first.boxed_local(), ready("quick").boxed_local()];
        assert_eq!(futures_executor::block_on(join_all(futures)), ["slow", "quick"]);
    }

    #[test]
    fn no_more_than_the_limit_are_in_flight_and_all_complete() {
        let (in_flight, most, done) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let futures = (0..3 * CONCURRENCY_LIMIT).map(|_| async {
            in_flight.set(in_flight.get() + 1);
            most.set(most.get().max(in_flight.get()));
            slow().await;
            in_flight.set(in_flight.get() - 1);
            done.set(done.get() + 1);
        });
        futures_executor::block_on(join_all(futures));
        assert_eq!((most.get(), done.get()), (CONCURRENCY_LIMIT, 3 * CONCURRENCY_LIMIT));
    }

    #[test]
    fn it_completes_when_all_futures_have_and_at_once_without_any() {
        let futures = [ready(()).boxed_local(), pending().boxed_local()];
        assert!(join_all(futures).now_or_never().is_none());
        assert!(join_all(None::<std::future::Ready<()>>).now_or_never().is_some());
    }

    #[test]
    fn the_background_advances_while_the_foreground_waits() {
        let steps = Cell::new(0);
        let mut background = pin!(maybe_done(poll_fn(|_| {
            steps.set(steps.get() + 1);
            if steps.get() == 1 { Poll::Pending } else { Poll::Ready("key pair") }
        })));
        let waits = Cell::new(2);
        let foreground = poll_fn(|_| {
            waits.set(waits.get() - 1);
            if waits.get() == 0 { Poll::Ready("network") } else { Poll::Pending }
        });
        {
            let mut both = pin!(drive_background(background.as_mut(), foreground));
            assert_eq!(both.as_mut().now_or_never(), None);
            assert_eq!(both.now_or_never(), Some("network"));
        }
        assert_eq!(background.take_output(), Some("key pair"));
    }
}
