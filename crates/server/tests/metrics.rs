//! What Prometheus is shown. A process has one recorder, so this is one test.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "server/common/mod.rs"]
mod common;

use std::collections::BTreeSet;

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use serde_json::json;
use vaultshare_server::metrics;

use common::{server, text};

const DASHBOARD: &str = include_str!("../../../packaging/grafana/vaultshare-server.json");

/// The names of metrics in a text, without the endings that the parts of a histogram have.
fn names_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let names = words.filter(|word| word.starts_with("vaultshare_"));
    let of_histogram = |name| ["_bucket", "_sum", "_count"].into_iter().find_map(|end| str::strip_suffix(name, end));
    names.map(|name| of_histogram(name).unwrap_or(name)).collect()
}

#[tokio::test]
async fn requests_waits_and_failures_are_counted_and_nobodys_ids_are_shown() {
    let server = server().await;
    let router = metrics::router((*server.0).clone()).unwrap();
    let alice = server.sign_up("alice").await;
    let item = server.make_item(&alice).await;
    let id = text(&item["item"]["id"]);
    server.get(&alice, &format!("/vault/items/{id}")).await.ok();
    let guess = json!({ "username": "alice", "srp_a": "ff", "srp_m": "00" });
    server.call("POST", "/keystore/srp/session", None, Some(guess)).await.refused(401);

    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let reply = tower::ServiceExt::oneshot(router, request).await.unwrap();
    let shown = String::from_utf8(to_bytes(reply.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
    for line in [
        "vaultshare_requests_total{method=\"GET\",route=\"/vault/items/{id}\",status=\"200\"} 1",
        "vaultshare_sign_in_failures_total 1",
        "vaultshare_mail_queue 0",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    for name in [
        "vaultshare_request_duration_seconds_bucket{method=\"GET\",route=\"/vault/items/{id}\",le=\"0.001\"}",
        "vaultshare_database_wait_seconds_count{database=\"vault\",kind=\"write\"}",
        "vaultshare_database_bytes{database=\"keystore\",file=\"database\"}",
        "vaultshare_disk_free_bytes ",
    ] {
        assert!(shown.contains(name), "{name} in {shown}");
    }
    assert_eq!(names_in(DASHBOARD), names_in(&shown), "the dashboard shows all that there is, and nothing else");
    for secret in [id.as_str(), "alice", alice.vault_token.as_str()] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
