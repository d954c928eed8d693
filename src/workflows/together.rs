use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

/// How many things are under way at the same time. Each time one of them gets on, all are looked at.
const AT_ONCE: usize = 32;

/// Things that are done together. Each puts what comes of it in a place of its own, so that this is compiled once for all.
#[derive(Default)]
pub(super) struct Together<'a> {
    work: Vec<Pin<Box<dyn Future<Output = ()> + 'a>>>,
}

impl<'a> Together<'a> {
    /// One more.
    pub(super) fn add(&mut self, one: impl Future<Output = ()> + 'a) {
        self.work.push(Box::pin(one));
    }

    /// Does all of them.
    pub(super) async fn all(mut self) {
        poll_fn(|context| {
            let mut pending = 0;
            while pending < AT_ONCE
                && let Some(one) = self.work.get_mut(pending)
            {
                match one.as_mut().poll(context) {
                    Poll::Pending => pending += 1,
                    Poll::Ready(()) => drop(self.work.remove(pending)),
                }
            }
            if self.work.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::{FutureExt, future::pending};

    use super::*;

    /// Something that needs to be looked at twice.
    async fn slow() {
        let mut waits = 2;
        poll_fn(move |context| {
            waits -= 1;
            context.waker().wake_by_ref();
            if waits == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[test]
    fn each_result_comes_to_its_own_place_whoever_was_done_first() {
        let (mut first, mut second) = (None, None);
        let mut together = Together::default();
        together.add(async {
            slow().await;
            first = Some("slow");
        });
        together.add(async { second = Some("quick") });
        futures_executor::block_on(together.all());
        assert_eq!((first, second), (Some("slow"), Some("quick")));
    }

    #[test]
    fn only_so_many_are_under_way_and_all_get_done() {
        let (under_way, most, done) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let mut together = Together::default();
        for _ in 0..3 * AT_ONCE {
            together.add(async {
                under_way.set(under_way.get() + 1);
                most.set(most.get().max(under_way.get()));
                slow().await;
                under_way.set(under_way.get() - 1);
                done.set(done.get() + 1);
            });
        }
        futures_executor::block_on(together.all());
        assert_eq!((most.get(), done.get()), (AT_ONCE, 3 * AT_ONCE));
    }

    #[test]
    fn it_ends_when_all_of_it_has() {
        let mut together = Together::default();
        together.add(async {});
        together.add(pending());
        assert!(together.all().now_or_never().is_none());
        assert!(Together::default().all().now_or_never().is_some());
    }
}
