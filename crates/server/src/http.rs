//! The routers put together, and what surrounds every request: a deadline, a bound, a log line, headers.

use std::{
    any::Any,
    path::Path,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    handler::HandlerWithoutStateExt,
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tower_http::{
    catch_panic::CatchPanicLayer, cors::CorsLayer, services::ServeDir, set_header::SetResponseHeaderLayer,
};

use crate::{
    config::Config,
    error::Error,
    keystore::{self, Keystore},
    service::Service,
    vault::{self, Vault},
};

/// What the demo page may do: run its own scripts and the wasm module, and talk to this server. Nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// Both services under their prefixes, the health check, and the page if there is one.
pub fn router(keystore: Keystore, vault: Vault, config: &Config) -> Router {
    let health = Router::new().route("/healthz", get(healthz)).with_state((keystore.clone(), vault.clone()));
    let services = Router::new()
        .nest("/keystore", with_error_bodies(keystore::router(keystore)))
        .nest("/vault", with_error_bodies(vault::router(vault)))
        .merge(with_error_bodies(health))
        .layer(overriding(CACHE_CONTROL, "no-store"));
    let everything = match &config.www {
        Some(folder) => services.fallback_service(page(folder)),
        None => services.fallback(not_found),
    };
    everything
        .layer(DefaultBodyLimit::max(config.limits.body))
        .layer(middleware::from_fn_with_state(config.limits.request, deadline))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(overriding(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(cors())
        .layer(middleware::from_fn(log))
}

/// Answers unknown paths and wrong methods in the protocol's error form.
fn with_error_bodies(router: Router) -> Router {
    router.method_not_allowed_fallback(method_not_allowed).fallback(not_found)
}

async fn not_found() -> Error {
    Error::refused(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address")
}

async fn method_not_allowed() -> Error {
    let message = "This address does not take requests of this method";
    Error::refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let reason = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Error::fault(format!("panic: {}", reason.unwrap_or("without a message"))).into_response()
}

async fn healthz(State((keystore, vault)): State<(Keystore, Vault)>) -> Response {
    let (keystore, vault) = (keystore.store().is_healthy().await, vault.store().is_healthy().await);
    let status = if keystore && vault { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "keystore": keystore, "vault": vault }))).into_response()
}

/// The static files of the demo page. tower-http names the types of modules and wasm rightly.
fn page(folder: &Path) -> Router {
    let files = ServeDir::new(folder).call_fallback_on_method_not_allowed(true).fallback(not_found.into_service());
    Router::new()
        .fallback_service(files)
        .layer(overriding(CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .layer(overriding(REFERRER_POLICY, "no-referrer"))
        .layer(overriding(CACHE_CONTROL, "no-cache"))
}

/// Pages of any origin may use the services: what protects a record is the token, which no other page has.
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
    ];
    let headers = others.map(HeaderName::from_static).into_iter().chain([AUTHORIZATION, CONTENT_TYPE, ACCEPT]);
    CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS])
        .allow_headers(headers.collect::<Vec<_>>())
        .expose_headers([RETRY_AFTER])
        .max_age(Duration::from_secs(24 * 60 * 60))
}

fn overriding(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// Gives up on requests that take too long. What they had begun to write is rolled back.
async fn deadline(State(allowed): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(allowed, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = "The server did not finish in time";
            Error::refused(StatusCode::SERVICE_UNAVAILABLE, "timeout", message).into_response()
        }
    }
}

/// One line per request. It names the route and not the path, because paths hold invitation tokens, and neither the
/// query nor a header nor a body.
async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let began = Instant::now();
    let response = next.run(request).await;
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let route = route.as_deref().unwrap_or("(no route)");
    tracing::info!(%method, route, status = response.status().as_u16(), milliseconds, "request");
    response
}
