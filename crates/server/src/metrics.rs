//! What the server counts and times, in the form that Prometheus reads. Nothing is recorded where no listener for it is
//! configured.

use std::time::{Duration, Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
    routing::get,
};
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::{
    App,
    error::{Error, Result},
};

/// Upper bounds of the histograms, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// Prometheus waits for ten seconds, unless it is told otherwise.
const MEASURE_TIMEOUT: Duration = Duration::from_secs(3);

/// `/metrics` of this process. Has to be made before anything is to be recorded, and once.
pub fn router(app: App) -> Result<Router> {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).map_err(Error::fault)?;
    let recorder = builder.install_recorder().map_err(Error::fault)?;
    Ok(Router::new().route("/metrics", get(render)).with_state((app, recorder)))
}

async fn render(State((app, recorder)): State<(App, PrometheusHandle)>) -> String {
    // While a database does not answer, the rest is what an operator looks for.
    match tokio::time::timeout(MEASURE_TIMEOUT, app.measure()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the databases could not be measured"),
        Err(_) => tracing::warn!("the databases could not be measured in time"),
    }
    recorder.run_upkeep();
    recorder.render()
}

/// Counts and times each request by its route, which holds no ids or tokens.
pub(crate) async fn requests(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("(no route)", MatchedPath::as_str).to_owned();
    // Of a client's own words there would be no end.
    let method = match request.method() {
        method
        @ (&Method::GET | &Method::POST | &Method::PUT | &Method::PATCH | &Method::DELETE | &Method::OPTIONS) => {
            method.to_string()
        }
        _ => "other".to_owned(),
    };
    let started = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    histogram!("vaultshare_request_duration_seconds", "method" => method.clone(), "route" => route.clone())
        .record(started.elapsed());
    counter!("vaultshare_requests_total", "method" => method, "route" => route, "status" => status).increment(1);
    response
}

/// Somebody gave a wrong proof.
pub(crate) fn sign_in_failed() {
    counter!("vaultshare_sign_in_failures_total").increment(1);
}

/// A wait for a connection to a database: `write` is the queue for the one that writes.
pub(crate) struct Wait {
    database: &'static str,
    kind: &'static str,
    began: Instant,
}

impl Wait {
    pub(crate) fn begin(database: &'static str, kind: &'static str) -> Self {
        Self { database, kind, began: Instant::now() }
    }

    pub(crate) fn ended(self) {
        histogram!("vaultshare_database_wait_seconds", "database" => self.database, "kind" => self.kind)
            .record(self.began.elapsed());
    }
}

/// The size of a part of a database: of itself, or of its write-ahead log.
pub(crate) fn database_size(database: &'static str, part: &'static str, bytes: u64) {
    #[allow(clippy::cast_precision_loss, reason = "a gauge is a floating-point number: exact up to 2^53")]
    gauge!("vaultshare_database_bytes", "database" => database, "file" => part).set(bytes as f64);
}

/// Bytes that the server may still write to the disk with its data folder.
#[cfg(unix)]
pub(crate) fn disk_free(bytes: u64) {
    #[allow(clippy::cast_precision_loss, reason = "a gauge is a floating-point number: exact up to 2^53")]
    gauge!("vaultshare_disk_free_bytes").set(bytes as f64);
}

/// Invitations that wait to be sent.
pub(crate) fn mail_queue(length: u32) {
    gauge!("vaultshare_mail_queue").set(f64::from(length));
}
