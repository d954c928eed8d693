//! The network between client and server: calls the real server, keeps what passes, and lies.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use axum::body::{Body, to_bytes};
use serde_json::Value as Json;
use tower::ServiceExt;
use vaultshare::http::{MAXIMUM_REPLY_LENGTH, Request, Response, Transport, TransportError, TransportFuture};

use crate::{harness::to_router, lies::Lie};

/// More requests than any workflow needs; a client that sends more would go on for ever.
const MAX_REQUESTS: usize = 400;

/// What is sent and changes no record that another run would meet.
const LEAVES_RECORDS: [&str; 5] = [
    "POST /keystore/srp/username",
    "POST /keystore/srp/challenges",
    "POST /keystore/shared_keys/{id}/claim_key",
    "POST /vault/invitations/lookup",
    "POST /keystore/srp/users",
];

/// What the client sent, as text.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) line: String,
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// What the server answered, before any lie.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) path: String,
    /// Method and path, ids replaced by `{id}`.
    pub(crate) route: String,
    pub(crate) status: u16,
    /// `Null` where the body is no JSON.
    pub(crate) json: Json,
}

#[derive(Default)]
struct Passing {
    lies: RefCell<Vec<Lie>>,
    sent: RefCell<Vec<Sent>>,
    replies: RefCell<Vec<Reply>>,
    altered: Cell<usize>,
    changed_server: Cell<bool>,
    refused: Cell<bool>,
}

#[derive(Clone)]
pub(crate) struct Wire {
    router: axum::Router,
    passing: Rc<Passing>,
}

/// What passed since the last look.
pub(crate) struct Passed {
    pub(crate) sent: Vec<Sent>,
    pub(crate) replies: Vec<Reply>,
    /// Replies that the layer altered.
    pub(crate) altered: usize,
    /// Whether the client sent more requests than any workflow needs.
    pub(crate) too_many: bool,
}

impl Wire {
    pub(crate) fn new(router: axum::Router) -> Self {
        Wire { router, passing: Rc::default() }
    }

    /// The server is as it was when the scene was built.
    pub(crate) fn note_restored(&self) {
        self.passing.changed_server.set(false);
    }

    /// Forgets what passed, and tells these lies from now on.
    pub(crate) fn begin(&self, lies: Vec<Lie>) {
        self.passed();
        self.passing.lies.replace(lies);
    }

    pub(crate) fn passed(&self) -> Passed {
        self.passing.lies.take();
        Passed {
            sent: self.passing.sent.take(),
            replies: self.passing.replies.take(),
            altered: self.passing.altered.take(),
            too_many: self.passing.refused.take(),
        }
    }

    /// Whether something was sent that may have changed what the server holds.
    pub(crate) fn has_changed_server(&self) -> bool {
        self.passing.changed_server.get()
    }

    async fn answer(&self, request: Request) -> Result<Response, TransportError> {
        let index = self.passing.sent.borrow().len();
        self.passing.sent.borrow_mut().push(as_text(&request));
        if index >= MAX_REQUESTS {
            self.passing.refused.set(true);
            return Err(TransportError::Failed(None));
        }
        let mut request = to_router(request);
        let method = request.method().as_str().to_owned();
        let lies = self.passing.lies.borrow().clone();
        let asked = request.uri().to_string();
        let answered = lies.iter().fold(asked.clone(), |url, lie| lie.redirect(&url));
        if answered != asked {
            *request.uri_mut() = answered.parse().unwrap();
        }
        let path = request.uri().path().to_owned();
        // Before it is sent: a request that the client gives up is answered all the same.
        let route = route(&method, &path);
        let changes = method != "GET" && !LEAVES_RECORDS.contains(&route.as_str());
        self.passing.changed_server.set(self.passing.changed_server.get() || changes);
        let router = self.router.clone();
        let response = router.oneshot(request.map(Body::from)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, MAXIMUM_REPLY_LENGTH).await.unwrap();
        let honest = Reply {
            route,
            status: parts.status.as_u16(),
            json: serde_json::from_slice(&body).unwrap_or_default(),
            path,
        };
        self.passing.replies.borrow_mut().push(honest.clone());
        let mut reply = honest.clone();
        for lie in &lies {
            lie.tell(index, &mut reply);
        }
        let body = if reply.json == honest.json { body.to_vec() } else { serde_json::to_vec(&reply.json).unwrap() };
        if reply.json != honest.json || reply.status != honest.status || answered != asked {
            self.passing.altered.set(self.passing.altered.get() + 1);
        }
        if reply.status == 0 {
            return Err(TransportError::Failed(None));
        }
        Ok(Response { status: reply.status, retry_after: None, body })
    }
}

impl Transport for Wire {
    fn send(&self, request: Request) -> TransportFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.answer(request))
    }

    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

fn as_text(request: &Request) -> Sent {
    let headers = request.headers.iter().map(|(name, value)| format!("{name}: {}\n", value.as_str())).collect();
    let body = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    Sent { line: format!("{} {}", request.method.as_str(), request.url), headers, body }
}

/// Ids and tokens have digits, names of resources have none.
fn route(method: &str, path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.bytes().any(|byte| byte.is_ascii_digit()) {
        true => "{id}",
        false => segment,
    });
    format!("{method} {}", segments.collect::<Vec<_>>().join("/"))
}
