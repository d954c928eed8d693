use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
};

use futures_util::future::MaybeDone;

/// Runs `foreground` and keeps `background` going meanwhile, however far that gets.
///
/// It is how the network never waits for the making of a key pair, nor that for the network: the key pair is begun at
/// once, runs alongside everything that does not need it, and is awaited where it is needed.
pub(super) async fn alongside<B: Future, F: Future>(
    mut background: Pin<&mut MaybeDone<B>>,
    foreground: F,
) -> F::Output {
    let mut foreground = pin!(foreground);
    poll_fn(move |context| {
        let _ = background.as_mut().poll(context);
        foreground.as_mut().poll(context)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, task::Poll};

    use futures_util::future::{FutureExt, maybe_done};

    use super::*;

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
            let mut both = pin!(alongside(background.as_mut(), foreground));
            assert_eq!(both.as_mut().now_or_never(), None);
            assert_eq!(both.now_or_never(), Some("network"));
        }
        assert_eq!(background.take_output(), Some("key pair"));
    }
}
