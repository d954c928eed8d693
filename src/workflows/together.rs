use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use futures_util::future::maybe_done;

/// Does several things at once, and gives what came of each, in order.
///
/// For the few dozens that one call asks a server or the browser for at most: each time one of them gets on, all are looked
/// at, which costs less than keeping account of them.
pub(super) async fn together<T>(work: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut work: Vec<_> = work.into_iter().map(|one| Box::pin(maybe_done(one))).collect();
    poll_fn(|context| {
        let mut all_done = true;
        for one in &mut work {
            all_done &= one.as_mut().poll(context).is_ready();
        }
        if all_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    work.iter_mut().filter_map(|one| one.as_mut().take_output()).collect()
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::pending};

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_work_whoever_was_done_first() {
        let mut waits = 2;
        let slow = poll_fn(move |context| {
            waits -= 1;
            context.waker().wake_by_ref();
            if waits == 0 { Poll::Ready("slow") } else { Poll::Pending }
        });
        let work: Vec<Pin<Box<dyn Future<Output = &str>>>> = vec![Box::pin(slow), Box::pin(async { "quick" })];
        assert_eq!(futures_executor::block_on(together(work)), ["slow", "quick"]);
    }

    #[test]
    fn it_ends_when_all_of_it_has() {
        let work: Vec<Pin<Box<dyn Future<Output = ()>>>> = vec![Box::pin(async {}), Box::pin(pending())];
        assert!(together(work).now_or_never().is_none());
        assert!(together(Vec::<Pin<Box<dyn Future<Output = ()>>>>::new()).now_or_never().is_some());
    }
}
