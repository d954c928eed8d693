//! The whole router, and the layers around every request: request id, log, CORS, panics, timeout, body limit, headers.

use std::{
    any::Any,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::{Body, Bytes, HttpBody},
    extract::{MatchedPath, Request, State},
    handler::HandlerWithoutStateExt,
    http::{
        HeaderName, HeaderValue, Method, StatusCode, Version,
        header::{
            ACCEPT, ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE,
            CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::body::{Frame, SizeHint};
use ipnet::IpNet;
use serde::Serialize;
use tokio::{runtime::Handle, sync::Mutex};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::CorsLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    services::ServeDir,
    set_header::SetResponseHeaderLayer,
    trace::TraceLayer,
};
use tracing::{Instrument, Span, field};

use crate::{
    client_address::{ClientAddress, Proxies},
    compression,
    config::Config,
    error::{Code, Error},
    keystore::{self, Keystore},
    metrics,
    own_address::OwnAddresses,
    retry,
    service::{LargeReply, Service},
    vault::{self, Vault},
    work::{Reservation, UntakenReply},
};

/// What the demo page may do: run its own scripts and the wasm module, and talk to this server. Nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Both services under their prefixes, the health checks, and the page if there is one.
pub fn router(keystore: Keystore, vault: Vault, config: &Config) -> Router {
    let is_remote = vault.store().is_remote();
    let readiness = Readiness { keystore: keystore.clone(), vault: vault.clone(), found: Arc::default() };
    let health = Router::new()
        .route("/livez", get(async || StatusCode::NO_CONTENT))
        .route("/readyz", get(readyz))
        .route("/healthz", get(readyz))
        .with_state(readiness);
    let services = Router::new()
        .nest("/keystore", with_error_bodies(keystore::router(keystore)))
        .nest("/vault", with_error_bodies(vault::router(vault)))
        .merge(with_error_bodies(health));
    let services = if is_remote { services.layer(axum::middleware::from_fn(retry::retry)) } else { services };
    let services = services.layer(overriding(CACHE_CONTROL, "no-store"));
    let everything = match &config.www {
        Some(folder) => services.fallback_service(page(folder)),
        None => services.fallback(not_found),
    };
    with_layers(everything, config)
}

/// The layers around every request, outermost last.
fn with_layers(router: Router, config: &Config) -> Router {
    let limits = &config.limits;
    let trusted = config.trusted_proxies.iter().copied().map(IpNet::from).collect();
    let proxies = Proxies { trusted, header: config.forwarded_header };
    let own_addresses = OwnAddresses::of(config);
    let limit = *limits.request;
    router
        .layer(axum::middleware::from_fn(move |request, next| in_time(limit, request, next)))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::from_fn(whether_or_not_the_client_waits))
        .layer(overriding(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(cors())
        .layer(axum::middleware::from_fn(metrics::requests))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(request_span)
                .on_request(())
                .on_response(log_response)
                // What failed is logged where it is known why, in `Error::into_response`.
                .on_failure(()),
        )
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        // A client's own id would be text of its choice in our log.
        .layer(axum::middleware::map_request(without_request_id))
        .layer(axum::middleware::map_request(move |mut request: Request| {
            let client = ClientAddress::of(&request, &proxies);
            let own_address = own_addresses.in_request(&request, &proxies);
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(own_address);
            std::future::ready(request)
        }))
}

/// Answers unknown paths and wrong methods in the protocol's error form.
fn with_error_bodies(router: Router) -> Router {
    router.method_not_allowed_fallback(method_not_allowed).fallback(not_found)
}

async fn not_found() -> Error {
    Error::unknown_endpoint()
}

async fn method_not_allowed() -> Error {
    let message = "This address does not take requests of this method";
    Error::refused(Code::MethodNotAllowed, message)
}

/// The router as it is served by connections. Requests that are made in this process, as by tests, name no host.
pub(crate) fn served(router: Router) -> Router {
    router.layer(axum::middleware::from_fn(with_one_host))
}

/// Refuses requests without one `Host` (RFC 9112 §3.2): a proxy before this server could otherwise take such a request for
/// another one's. Without a body and outside of the log, as hyper refuses what is not HTTP.
async fn with_one_host(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(HOST).iter().count();
    if request.version() == Version::HTTP_11 && hosts != 1 {
        return StatusCode::BAD_REQUEST.into_response();
    }
    next.run(request).await
}

/// Transactions of a request that does not end in time, and that were not committed, are rolled back. A file that comes in a form
/// comes in one request, however long that takes: it has an end where it pauses for too long.
async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    if is_streamed(&request) {
        return next.run(request).await;
    }
    let timed_out = |_| Error::refused(Code::Timeout, "The server did not finish in time").into_response();
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(timed_out)
}

/// Whether the body of a request may be more than memory holds.
pub(crate) fn is_streamed(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    route.is_some_and(|route| request.method() == Method::POST && vault::STREAMED.contains(&route))
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let reason = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Error::fault(format!("panic: {}", reason.unwrap_or("without a message"))).into_response()
}

/// Whether both databases can be written.
#[derive(Clone)]
struct Readiness {
    keystore: Keystore,
    vault: Vault,
    found: Arc<Mutex<Option<(Instant, Health)>>>,
}

#[derive(Clone, Copy, Serialize)]
struct Health {
    keystore: bool,
    vault: bool,
}

/// Anybody may ask, and finding out is a write to the disk: within this time the answer is the last one.
const HEALTH_LASTS: Duration = Duration::from_secs(1);

async fn readyz(State(readiness): State<Readiness>) -> Response {
    let Readiness { keystore, vault, found } = readiness;
    let mut found = found.lock().await;
    let health = match *found {
        Some((when, health)) if when.elapsed() < HEALTH_LASTS => health,
        _ => {
            let now = vault.clock().now();
            let (keystore, vault) = tokio::join!(keystore.store().is_writable(now), vault.store().is_writable(now));
            let health = Health { keystore, vault };
            *found = Some((Instant::now(), health));
            health
        }
    };
    let status = if health.keystore && health.vault { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

/// The static files of the demo page. Where a compressed file is beside one (`.br`, `.gz`), it is sent to clients that
/// accept it; other files are compressed as they are sent.
fn page(folder: &Path) -> Router {
    let files = ServeDir::new(folder)
        .precompressed_br()
        .precompressed_gzip()
        .call_fallback_on_method_not_allowed(true)
        .fallback(not_found.into_service());
    Router::new()
        .fallback_service(files)
        .layer(compression::layer())
        .layer(overriding(CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .layer(overriding(REFERRER_POLICY, "no-referrer"))
        .layer(overriding(CACHE_CONTROL, "no-cache"))
}

/// Pages of any origin may use the services: what protects a record is the bearer token, which other pages do not have.
fn cors() -> CorsLayer {
    let others = [
        "idempotency-key",
        "meeco-subscription-key",
        "meeco-delegation-id",
        "meeco-organisation-id",
        "meeco-srt",
        "authorizationoidc2",
        "delegation_id",
        "x_meeco_api_version",
        "x_meeco_api_component",
        "range",
        "x-ms-blob-content-type",
        "x-ms-blob-type",
        "x-ms-client-request-id",
        "x-ms-date",
        "x-ms-range",
        "x-ms-version",
    ];
    let headers = others.map(HeaderName::from_static).into_iter().chain([AUTHORIZATION, CONTENT_TYPE, ACCEPT]);
    CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS])
        .allow_headers(headers.collect::<Vec<_>>())
        .expose_headers([RETRY_AFTER, REQUEST_ID, ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE])
        .max_age(Duration::from_secs(24 * 60 * 60))
}

fn overriding(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// Has a request whose turn has come go on to its end or its timeout, also where its client has gone. What its database is
/// doing goes on anyway: a client that comes and goes would else have more than its turns of it. What has no turn ends with its
/// client, since there is no end to how many those are.
async fn whether_or_not_the_client_waits(mut request: Request, next: Next) -> Response {
    let reservation = Reservation::default();
    request.extensions_mut().insert(reservation.clone());
    let held = reservation.clone();
    let answer = async move {
        let response = next.run(request).await;
        let response = match response.extensions().get::<LargeReply>() {
            Some(&LargeReply { bytes }) => until_sent(response, bytes, &held).await,
            None => response,
        };
        // What it has reserved it has until it is answered.
        drop(held);
        response
    };
    Answer { answer: Some(Box::pin(answer.in_current_span())), reservation }.await
}

/// A large reply, which its user has so much of until it is sent.
async fn until_sent(response: Response, bytes: usize, reservation: &Reservation) -> Response {
    match reservation.begin_to_reply(bytes).await {
        Ok(until_sent) => response.map(|body| Body::new(Held { body, _until_sent: until_sent })),
        Err(error) => error.into_response(),
    }
}

/// A body, and what is held until the last of it is taken. Its length stays known.
struct Held {
    body: Body,
    _until_sent: Option<UntakenReply>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The answer to a client. Dropped before it is there, because the client has gone, it goes on by itself.
struct Answer {
    answer: Option<Pin<Box<dyn Future<Output = Response> + Send>>>,
    reservation: Reservation,
}

impl Future for Answer {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        let Some(answer) = &mut self.answer else { return Poll::Pending };
        let response = ready!(answer.as_mut().poll(context));
        self.answer = None;
        Poll::Ready(response)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take().filter(|_| self.reservation.has_turn())
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(answer);
        }
    }
}

async fn without_request_id(mut request: Request) -> Request {
    request.headers_mut().remove(REQUEST_ID);
    request
}

/// The span of a request, which every log line of the request is in. It has the route and not the path, because paths
/// hold invitation tokens, and neither the query nor a header nor a body.
fn request_span(request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("(no route)", MatchedPath::as_str);
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    let client = request.extensions().get::<ClientAddress>().map(field::display);
    let (method, id) = (request.method(), id.map(field::display));
    tracing::info_span!("request", %method, route, id, client, user = field::Empty)
}

fn log_response(response: &Response, latency: Duration, _: &Span) {
    let milliseconds = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(status = response.status().as_u16(), milliseconds, "response");
}
