//! Which replies are compressed, and for whom.

use std::fs;

use crate::common::{Reply, Server, invitation, server};
use axum::{body::Body, http::Request};
use serde_json::Value;
use tower::{Layer, ServiceExt};
use tower_http::decompression::DecompressionLayer;
use vaultshare_server::{Config, testing::Folder};

async fn get(server: &Server, path: &str, token: &str, encodings: &str) -> Reply {
    let request = Request::get(path).header("authorization", token).header("accept-encoding", encodings);
    server.send(request.body(Body::empty()).unwrap()).await
}

fn encoding(reply: &Reply) -> Option<&str> {
    reply.headers.get("content-encoding").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn lists_are_compressed_for_clients_that_accept_it() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    server.make_item(&alice).await;
    let plain = server.get(&alice, "/vault/items").await;
    assert_eq!(encoding(&plain), None);
    for name in ["gzip", "br"] {
        let reply = get(&server, "/vault/items", &alice.vault_token, name).await;
        assert_eq!(encoding(&reply), Some(name));
        assert!(reply.bytes.len() * 3 < plain.bytes.len(), "{} of {}", reply.bytes.len(), plain.bytes.len());
        assert!(reply.headers.get_all("vary").iter().any(|value| value == "accept-encoding"));
    }
    let other = get(&server, "/vault/items", &alice.vault_token, "zstd, deflate, identity").await;
    assert_eq!((encoding(&other), &other.bytes), (None, &plain.bytes));

    let decompressing = DecompressionLayer::new().layer(server.0.router());
    let request = Request::get("/vault/items").header("authorization", &alice.vault_token);
    let reply = decompressing.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let bytes = axum::body::to_bytes(Body::new(reply.into_body()), usize::MAX).await.unwrap();
    assert_eq!(bytes, plain.bytes);
}

#[tokio::test]
async fn replies_with_tokens_are_never_compressed() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for _ in 0..5 {
        server.post(&alice, "/vault/invitations", invitation(&alice)).await.ok();
    }
    let invitations = get(&server, "/vault/invitations", &alice.vault_token, "gzip, br").await;
    assert!(invitations.bytes.len() > 4096, "long enough to be compressed");
    assert_eq!(encoding(&invitations), None);
    for path in ["/vault/session", "/vault/me", "/keystore/session", "/keystore/external_admission_tokens"] {
        let reply = get(&server, path, alice.token(path), "gzip, br").await;
        assert_eq!((reply.status.as_u16(), encoding(&reply)), (200, None), "{path}");
    }
}

#[tokio::test]
async fn short_replies_are_not_compressed() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let reply = get(&server, "/vault/client_task_queue", &alice.vault_token, "gzip, br").await;
    assert_eq!(encoding(&reply), None);
    assert!(reply.body["client_tasks"].is_array());
}

#[tokio::test]
async fn the_page_is_sent_from_compressed_files_or_else_compressed() {
    let (www, data) = (Folder::new().unwrap(), Folder::new().unwrap());
    let script = "export {};\n".repeat(1000);
    for (name, text) in [
        ("app.js", script.as_str()),
        ("app_bg.wasm", "the module"),
        ("app_bg.wasm.gz", "the module, by gzip"),
        ("app_bg.wasm.br", "the module, by brotli"),
    ] {
        fs::write(www.path().join(name), text).unwrap();
    }
    let config = Config { www: Some(www.path().to_owned()), ..Config::new(data.path()) };
    let server = Server(vaultshare_server::testing::server(config, data).await.unwrap());
    for (encodings, sent, expected) in [
        ("gzip, br", Some("br"), "the module, by brotli"),
        ("gzip", Some("gzip"), "the module, by gzip"),
        ("", None, "the module"),
    ] {
        let reply = get(&server, "/app_bg.wasm", "", encodings).await;
        assert_eq!((encoding(&reply), &reply.bytes[..]), (sent, expected.as_bytes()), "{encodings}");
        assert_eq!(reply.headers["content-type"], "application/wasm", "{encodings}");
        assert!(reply.headers.contains_key("content-security-policy"));
    }
    let reply = get(&server, "/app.js", "", "gzip").await;
    assert_eq!(encoding(&reply), Some("gzip"));
    assert!(reply.bytes.len() < script.len() / 10 && reply.body == Value::Null);
    assert_eq!(reply.headers["content-type"], "text/javascript");
}
