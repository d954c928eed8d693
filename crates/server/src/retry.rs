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
use hyper::body::Frame;

/// How long to wait before each further attempt.
const PAUSES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(500)];

tokio::task_local! {
    /// Whether the running attempt has begun to commit.
    static COMMITS: Cell<bool>;
}

/// Notes that the running request commits something: whether it happened may not be known afterwards.
pub(crate) fn commits() {
    // Nothing is noted of what runs for no request.
    let _ = COMMITS.try_with(|commits| commits.set(true));
}

/// Marks the reply to a request that the database broke off.
#[derive(Clone, Copy)]
pub(crate) struct BrokenOff;

/// The layer around the services' routes.
pub(crate) async fn retry(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let recording = Arc::new(Mutex::new(Recording { body: Some(body), read: Vec::new() }));
    let attempt = || {
        let body = Body::new(Replay { recording: Arc::clone(&recording), position: 0 });
        let reply = next.clone().run(Request::from_parts(parts.clone(), body));
        COMMITS.scope(Cell::new(false), async { (reply.await, COMMITS.with(Cell::get)) })
    };
    for pause in PAUSES {
        let (reply, commits) = attempt().await;
        if commits || reply.extensions().get::<BrokenOff>().is_none() {
            return reply;
        }
        tokio::time::sleep(pause).await;
    }
    attempt().await.0
}

/// The body of a request, as far as it was read. It is read only once a handler asks for it: what that one refuses, such
/// as a body without a session or one that is too large, is neither read nor kept.
struct Recording {
    /// None at its end.
    body: Option<Body>,
    read: Vec<Bytes>,
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
            if let Some(data) = recording.read.get(this.position) {
                this.position += 1;
                return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
            }
            let Some(body) = &mut recording.body else { return Poll::Ready(None) };
            match ready!(Pin::new(body).poll_frame(context)) {
                // Trailers are no part of any request.
                Some(Ok(frame)) => recording.read.extend(frame.into_data()),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => recording.body = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use axum::{Router, http::StatusCode, middleware, routing::post};
    use tower::ServiceExt;

    use super::*;
    use crate::error::{Error, Result};

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
        let request = Request::post("/").body(Body::from("the body")).unwrap();
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
}
