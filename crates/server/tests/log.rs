//! What is logged of a request: its id in each of its lines, and no secret in any.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "server/common/mod.rs"]
mod common;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
};

use axum::{body::Body, extract::ConnectInfo, http::Request};
use common::{Server, invitation, server, text};
use serde_json::json;
use tracing_subscriber::EnvFilter;
use vaultshare_server::{
    Config,
    config::ForwardedHeader,
    testing::{self, Folder},
};

/// Everything that this process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let start = || {
            let (log, filter) = (Log::default(), EnvFilter::new("debug"));
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
            subscriber.with_writer(move || writer.clone()).init();
            log
        };
        LOG.get_or_init(start).clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of the request with this id.
    fn lines(&self, id: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(id)).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_fault_is_logged_with_its_requests_route_and_id() {
    let log = Log::start();
    let server = server().await;
    server.0.close().await;
    let reply = server.call("POST", "/vault/session", None, Some(json!({ "public_key": "x" }))).await;
    assert_eq!(reply.status, 500);
    let lines = log.lines(reply.headers["x-request-id"].to_str().unwrap());
    let fault = lines.iter().find(|line| line.contains("ERROR")).unwrap();
    assert!(fault.contains("POST") && fault.contains("/vault/session") && fault.contains("request failed"), "{fault}");
    let response = lines.iter().find(|line| line.contains("status=500")).unwrap();
    assert!(response.contains("INFO") && response.contains("milliseconds="), "{response}");
}

#[tokio::test]
async fn every_request_has_an_id_of_the_servers_own() {
    let log = Log::start();
    let server = server().await;
    let ask = || async {
        let request = Request::get("/vault/version").header("x-request-id", "chosen-by-the-client");
        let reply = server.send(request.body(Body::empty()).unwrap()).await;
        reply.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    let (one, other) = (ask().await, ask().await);
    assert_ne!(one, other);
    for id in [&one, &other] {
        assert!(log.lines(id).iter().any(|line| line.contains("status=200")), "{id}");
    }
    assert!(!log.text().contains("chosen-by-the-client"));
}

#[tokio::test]
async fn no_line_has_a_token_a_path_or_a_query() {
    let log = Log::start();
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let token = server.post(&alice, "/vault/invitations", invitation(&alice)).await.ok()["invitation"]["token"].clone();
    let token = text(&token);
    server.get(&alice, &format!("/vault/invitations/{token}?secret=in-the-query")).await.ok();
    server.get(&alice, &format!("/vault/nowhere/{token}")).await.refused(404);
    server.post(&alice, "/keystore/keypairs", json!({ "public_key": ["in-the-body"] })).await.refused(400);
    let text = log.text();
    assert!(text.contains("/vault/invitations/{id_or_token}"));
    for secret in [&alice.vault_token, &alice.keystore_token, &token, "in-the-query", "in-the-body"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_line_says_which_client_and_one_user_is_known_again() {
    let log = Log::start();
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let lines = async || {
        let reply = server.get(&alice, "/vault/me").await;
        log.lines(reply.headers["x-request-id"].to_str().unwrap()).concat()
    };
    let (one, other) = (lines().await, lines().await);
    let user = |line: &str| line.split("user=").nth(1).map(|rest| rest[..14].to_owned()).unwrap();
    assert_eq!(user(&one), user(&other));
    assert!(one.contains("client=in-process"), "{one}");
    let guess = json!({ "username": "alice", "srp_a": "ff", "srp_m": "00" });
    server.call("POST", "/keystore/srp/session", None, Some(guess)).await.refused(401);
    assert!(log.text().contains("sign-in failed client=in-process"), "{}", log.text());
}

#[tokio::test]
async fn a_client_behind_a_proxy_is_who_the_header_of_the_configuration_says() {
    let log = Log::start();
    for (header, client) in [(ForwardedHeader::XForwardedFor, "192.0.2.1"), (ForwardedHeader::Forwarded, "192.0.2.2")] {
        let folder = Folder::new().unwrap();
        let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        let config = Config { trusted_proxies, forwarded_header: header, ..Config::new(folder.path()) };
        let server = Server(testing::server(config, folder).await.unwrap());
        let request = Request::get("/vault/version").header("x-forwarded-for", "192.0.2.1");
        let request =
            request.header("forwarded", "for=192.0.2.2").extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
        let reply = server.send(request.body(Body::empty()).unwrap()).await;
        let lines = log.lines(reply.headers["x-request-id"].to_str().unwrap()).concat();
        assert!(lines.contains(&format!("client={client}")), "{lines}");
    }
}
