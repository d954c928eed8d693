//! The requests of an HTTP/2 connection. Time limits of the connection's reads and writes do not see a client that answers
//! pings and takes nothing of a reply: it is written to, only not with that. So each reply has to go on by itself, and a
//! connection without requests ends as one of HTTP/1 does.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// How much of a reply is handed to the connection at a time: a client that takes less than this within the limit is stalled.
const PART: usize = 16 * 1024;

/// How often it is looked whether replies go on.
const LOOK: Duration = Duration::from_millis(500);

/// The requests that are under way on one connection.
#[derive(Clone)]
pub(crate) struct Streams(Arc<Mutex<State>>);

struct State {
    next: u64,
    /// When something of its reply was taken last; none while there is no reply, which has a limit of its own.
    open: HashMap<u64, Option<Instant>>,
    /// When the last request ended.
    idle_since: Instant,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { next: 0, open: HashMap::new(), idle_since: Instant::now() })))
    }

    /// Answers a request, and watches over its reply.
    pub(crate) async fn answer(
        self,
        reply: impl Future<Output = Result<Response, Infallible>>,
    ) -> Result<Response, Infallible> {
        let stream = {
            let mut state = self.lock();
            let id = state.next;
            state.next += 1;
            state.open.insert(id, None);
            Stream { streams: self.clone(), id }
        };
        let reply = reply.await?;
        stream.goes_on();
        Ok(reply.map(|body| Body::new(Reply { body, rest: Bytes::new(), stream })))
    }

    /// Completes when a client has taken nothing of a reply for `stalled`, or has had no request for `idle`.
    pub(crate) async fn end(&self, stalled: Duration, idle: Duration) {
        loop {
            let over = {
                let state = self.lock();
                let replies = state.open.values().filter_map(|taken| taken.map(|taken| taken + stalled));
                let idle = state.open.is_empty().then(|| state.idle_since + idle);
                replies.chain(idle).min()
            };
            let now = Instant::now();
            match over {
                Some(over) if over <= now => return,
                Some(over) => sleep_until(over.max(now + LOOK)).await,
                None => sleep_until(now + LOOK).await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, until the last of its reply lies ready to be taken.
struct Stream {
    streams: Streams,
    id: u64,
}

impl Stream {
    fn goes_on(&self) {
        self.streams.lock().open.insert(self.id, Some(Instant::now()));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.streams.lock();
        state.open.remove(&self.id);
        state.idle_since = Instant::now();
    }
}

/// A body that is asked for its next part when the connection has room for it.
struct Reply {
    body: Body,
    rest: Bytes,
    stream: Stream,
}

impl HttpBody for Reply {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        this.stream.goes_on();
        if this.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => this.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let part = this.rest.split_to(PART.min(this.rest.len()));
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        SizeHint::with_exact(rest) + self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const STALLED: Duration = Duration::from_secs(30);
    const IDLE: Duration = Duration::from_secs(75);

    async fn reply(streams: &Streams, bytes: usize) -> Response {
        streams.clone().answer(async move { Ok(Response::new(Body::from(vec![7; bytes]))) }).await.unwrap()
    }

    /// A list is one piece. Who takes it slowly takes it all the same.
    #[tokio::test(start_paused = true)]
    async fn a_reply_that_goes_on_slowly_goes_on() {
        let streams = Streams::new();
        let mut body = reply(&streams, 10 * PART + 1).await.into_body();
        let taken = async {
            let mut taken = 0;
            while let Some(part) = body.frame().await {
                let part = part.unwrap().into_data().unwrap();
                assert!(part.len() <= 64 * 1024, "all of it at once would be taken in no time, and sent for long");
                taken += part.len();
                tokio::time::sleep(STALLED / 2).await;
            }
            taken
        };
        tokio::select! {
            taken = taken => assert_eq!(taken, 10 * PART + 1),
            () = streams.end(STALLED, IDLE) => panic!("it was given up"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_of_which_nothing_is_taken_and_no_requests_are_the_end() {
        let streams = Streams::new();
        let untouched = reply(&streams, 1).await;
        let began = Instant::now();
        streams.end(STALLED, IDLE).await;
        assert!((STALLED..STALLED + LOOK).contains(&began.elapsed()));
        drop(untouched);
        let began = Instant::now();
        streams.end(STALLED, IDLE).await;
        assert!((IDLE..IDLE + LOOK).contains(&began.elapsed()));
        // What is still being answered has the limit of requests.
        let answering = streams.clone().answer(std::future::pending());
        let both = async { tokio::join!(answering, streams.end(STALLED, IDLE)) };
        assert!(tokio::time::timeout(IDLE * 10, both).await.is_err());
    }
}
