//! A request that the database broke off is tried again, where nothing of it was committed: two transactions were in each
//! other's way, or the connection was lost, as when PostgreSQL is restarted.

use std::{
    cell::Cell,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};

use crate::{error::BrokenOff, http::is_streamed, work::Reservation};

/// How long to wait before each further attempt.
const PAUSES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(500)];

/// How much of a recorded body is copied at a time.
const PART: usize = 64 * 1024;

tokio::task_local! {
    /// Whether the running attempt has begun to commit.
    static COMMITS: Cell<bool>;
}

/// Notes that the running request commits something: whether it happened may not be known afterwards.
pub(crate) fn commits() {
    // Nothing is noted of what runs for no request.
    let _ = COMMITS.try_with(|commits| commits.set(true));
}

/// The layer around the services' routes.
pub(crate) async fn retry(request: Request, next: Next) -> Response {
    // What cannot be kept cannot be sent again.
    if is_streamed(&request) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let recording = Arc::new(Mutex::new(Recording { body: Some(body), read: Vec::new() }));
    let attempt = || {
        let body = Body::new(Replay { recording: Arc::clone(&recording), position: 0 });
        let reply = next.clone().run(Request::from_parts(parts.clone(), body));
        COMMITS.scope(Cell::new(false), async { (reply.await, COMMITS.with(Cell::get)) })
    };
    let reservation = parts.extensions.get::<Reservation>().cloned().unwrap_or_default();
    for pause in PAUSES {
        let (reply, commits) = attempt().await;
        if commits || reply.extensions().get::<BrokenOff>().is_none() {
            return reply;
        }
        reservation.begin_anew();
        tokio::time::sleep(pause).await;
    }
    attempt().await.0
}

/// The body of a request, as far as it was read. It is read only once a handler asks for it: what that one refuses, such
/// as a body without a session or one that is too large, is neither read nor kept. It is kept until the reply, beside what the
/// handler made of it: a large body takes its memory twice.
struct Recording {
    /// None at its end.
    body: Option<Body>,
    /// In one piece: a client may send it byte by byte.
    read: Vec<u8>,
}

/// The body of one attempt.
struct Replay {
    recording: Arc<Mutex<Recording>>,
    position: usize,
}

impl HttpBody for Replay {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let recording = &mut *this.recording.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(rest) = recording.read.get(this.position..).filter(|rest| !rest.is_empty()) {
                let part = rest.get(..PART).unwrap_or(rest);
                this.position += part.len();
                return Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(part)))));
            }
            let Some(body) = &mut recording.body else { return Poll::Ready(None) };
            match ready!(Pin::new(body).poll_frame(context)) {
                // Trailers are no part of any request.
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    recording.read.extend_from_slice(&data);
                    this.position = recording.read.len();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => recording.body = None,
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        let read = u64::try_from(recording.read.len().saturating_sub(self.position)).unwrap_or(u64::MAX);
        let rest = recording.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint);
        SizeHint::with_exact(read) + rest
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use axum::{Extension, Router, http::StatusCode, middleware, routing::post};
    use tower::ServiceExt;

    use super::*;
    use crate::{
        error::{Error, Result},
        work::Work,
    };

    fn in_parts() -> Body {
        let parts = ["the ", "bo", "dy"].map(Ok::<_, std::io::Error>);
        Body::from_stream(futures_util::stream::iter(parts))
    }

    /// Sends a body to a handler that fails so many times, each time after it may have committed, and returns the reply
    /// and how often the handler ran.
    async fn send(failures: u32, commits_first: bool) -> (StatusCode, String, u32) {
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let handler = async move |body: String| -> Result<String> {
            if commits_first {
                commits();
            }
            match counted.fetch_add(1, SeqCst) {
                run if run < failures => Err(Error::Interrupted("the connection was lost".to_owned())),
                _ => Ok(body),
            }
        };
        let router = Router::new().route("/", post(handler)).layer(middleware::from_fn(retry));
        let request = Request::post("/").body(in_parts()).unwrap();
        let reply = router.oneshot(request).await.unwrap();
        let status = reply.status();
        let body = axum::body::to_bytes(reply.into_body(), 1000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap(), runs.load(SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_broken_off_runs_again_with_the_same_body() {
        assert_eq!(send(2, false).await, (StatusCode::OK, "the body".to_owned(), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_have_an_end_and_the_client_may_try_later() {
        let (status, _, runs) = send(u32::MAX, false).await;
        assert_eq!((status, runs), (StatusCode::SERVICE_UNAVAILABLE, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_committed_runs_once() {
        let (status, _, runs) = send(1, true).await;
        assert_eq!((status, runs), (StatusCode::SERVICE_UNAVAILABLE, 1));
    }

    /// As many as a user has turns, and each fails once.
    #[tokio::test(start_paused = true)]
    async fn who_is_tried_again_has_given_their_turn_back() {
        let (work, runs) = (Arc::new(Work::default()), Arc::new(AtomicU32::new(0)));
        let handler = async move |Extension(reservation): Extension<Reservation>| -> Result<()> {
            work.wait_for_turn(&reservation, "alice").await?;
            tokio::time::sleep(Duration::from_millis(1)).await;
            match runs.fetch_add(1, SeqCst) {
                0..3 => Err(Error::Interrupted("the connection was lost".to_owned())),
                _ => Ok(()),
            }
        };
        let router = Router::new().route("/", post(handler)).layer(middleware::from_fn(retry));
        let send = || {
            let request = Request::post("/").extension(Reservation::default()).body(Body::empty()).unwrap();
            tokio::time::timeout(Duration::from_secs(60), router.clone().oneshot(request))
        };
        let (one, two, three) = tokio::join!(send(), send(), send());
        for reply in [one, two, three] {
            assert_eq!(reply.expect("nobody waits for themselves").unwrap().status(), StatusCode::OK);
        }
    }

    #[test]
    fn a_body_is_as_large_in_each_attempt_as_in_the_first() {
        let recording = Arc::new(Mutex::new(Recording { body: Some("the body".into()), read: Vec::new() }));
        let size = |position| Replay { recording: Arc::clone(&recording), position }.size_hint().exact();
        assert_eq!(size(0), Some(8));
        *recording.lock().unwrap() = Recording { body: Some("body".into()), read: b"the ".to_vec() };
        assert_eq!((size(0), size(4)), (Some(8), Some(4)));
        recording.lock().unwrap().body = None;
        assert_eq!((size(0), size(4)), (Some(4), Some(0)));
    }
}
