//! What surrounds every request: error bodies, bounds, headers, repeated requests, restarts.

use std::time::Duration;

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::Connection;
use vaultshare_server::{Config, Limits, store, testing::Folder, token};

use crate::common::{self, SEALED, acceptance, fixture, invitation, server, text};

#[tokio::test]
async fn every_refusal_has_the_protocols_form() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for path in ["/nowhere", "/vault/nowhere", "/keystore/nowhere", "/"] {
        assert_eq!(server.call("GET", path, None, None).await.refused(404), "unknown_endpoint", "{path}");
    }
    for path in ["/vault/me/", "/vault//me", "/vault/items/%00", "/vault/items/..%2Fme"] {
        server.get(&alice, path).await.refused(404);
    }
    assert_eq!(server.call("PATCH", "/vault/me", None, None).await.refused(405), "method_not_allowed");
    assert_eq!(server.call("PATCH", "/healthz", None, None).await.refused(405), "method_not_allowed");

    let send = |body: Vec<u8>, content_type: &'static str| {
        let request = Request::post("/vault/items").header("authorization", alice.vault_token.as_str());
        server.send(request.header("content-type", content_type).body(Body::from(body)).unwrap())
    };
    send(b"{".to_vec(), "application/json").await.refused(400);
    send(b"[]".to_vec(), "application/json").await.refused(400);
    send(b"\xff\xfe".to_vec(), "application/json").await.refused(400);
    assert_eq!(send(b"a=b".to_vec(), "application/x-www-form-urlencoded").await.refused(415), "unsupported_media_type");
    send(vec![b' '; 8 * 1024 * 1024 + 1], "application/json").await.refused(413);
}

#[tokio::test]
async fn nulls_and_unknown_fields_are_no_matter() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let slots = json!([{ "name": "vin", "encrypted_value": SEALED, "slot_type_name": null, "novelty": 1 }]);
    let item = json!({ "label": "x", "name": null, "description": null, "slots_attributes": slots });
    let body = json!({ "template_name": "vehicle", "skip_empty_template_slots": null, "item": item, "more": {} });
    server.post(&alice, "/vault/items", body).await.ok();
    let key = json!({ "public_key": "PEM", "encrypted_serialized_key": SEALED, "metadata": null, "external_identifiers": null });
    server.post(&alice, "/keystore/keypairs", key).await.ok();
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_does_nothing_twice() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let item = server.make_item(&alice).await;
    server.connect(&bob, &alice).await;
    let shares = json!({ "shares": [common::new_share(&alice, &item, &bob, json!({}))] });
    let shares_path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let new_item = json!({ "template_name": "vehicle", "item": { "label": "x" } });
    let node = json!({ "classification_node": { "classification_scheme_name": "tag", "name": "x" } });
    let key = json!({ "public_key": "PEM", "encrypted_serialized_key": SEALED });
    let requests = [
        ("/vault/items", new_item),
        (shares_path.as_str(), shares),
        ("/vault/invitations", invitation(&alice)),
        ("/vault/item_templates", json!({ "label": "Bicycle" })),
        ("/vault/classification_nodes", node),
        ("/keystore/keypairs", key),
        ("/keystore/data_encryption_keys", json!({ "serialized_data_encryption_key": SEALED })),
        ("/keystore/key_encryption_key", json!({ "serialized_key_encryption_key": SEALED })),
    ];
    for (path, body) in requests {
        let send = || server.call_once("the same key", "POST", path, alice.token(path), body.clone());
        send().await.refused(400);
        let send = || server.call_once("the-same-key", "POST", path, alice.token(path), body.clone());
        let (first, again) = (send().await, send().await);
        assert_eq!((first.status, &first.bytes), (again.status, &again.bytes), "{path}");
        assert_eq!(first.status, 201);
    }
    assert_eq!(server.get(&alice, "/vault/items").await.ok()["items"].as_array().unwrap().len(), 2);
    assert_eq!(server.get(&alice, "/vault/outgoing_shares").await.ok()["shares"].as_array().unwrap().len(), 1);
    assert_eq!(server.get(&alice, "/vault/invitations").await.ok()["invitations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_repeated_acceptance_makes_one_connection() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let token = server.post(&alice, "/vault/invitations", invitation(&alice)).await.ok()["invitation"]["token"].clone();
    let accept = || server.call_once("1", "POST", "/vault/connections", &bob.vault_token, acceptance(&bob, &token));
    let first = accept().await.ok();
    assert_eq!(first["connection_existed_already"], false);
    assert_eq!(accept().await.ok(), first);
}

#[tokio::test]
async fn keys_of_others_and_of_yesterday_repeat_nothing() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let body = json!({ "template_name": "vehicle", "item": { "label": "x" } });
    let send = |token: String| {
        let (server, body) = (&server, body.clone());
        async move { text(&server.call_once("1", "POST", "/vault/items", &token, body).await.ok()["item"]["id"]) }
    };
    let alices = send(alice.vault_token.clone()).await;
    assert_ne!(alices, send(bob.vault_token.clone()).await);
    server.0.clock().advance(Duration::from_secs(24 * 60 * 60));
    server.0.clear_expired().await.unwrap();
    let alice = server.sign_in_to_vault(alice).await;
    assert_ne!(alices, send(alice.vault_token).await);
}

#[tokio::test]
async fn a_refused_request_can_be_repeated_until_it_succeeds() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let item = server.make_item(&alice).await;
    let body = json!({ "shares": [common::new_share(&alice, &item, &bob, json!({}))] });
    let path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let send = || server.call_once("1", "POST", &path, &alice.vault_token, body.clone());
    send().await.refused(400);
    server.connect(&alice, &bob).await;
    send().await.ok();
}

#[tokio::test]
async fn pages_of_any_origin_may_ask() {
    let server = server().await;
    let preflight = Request::options("/vault/items")
        .header("origin", "https://example.org")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,idempotency-key,meeco-subscription-key");
    let reply = server.send(preflight.body(Body::empty()).unwrap()).await;
    assert!(reply.status.is_success());
    assert_eq!(reply.headers["access-control-allow-origin"], "*");
    let headers = reply.headers["access-control-allow-headers"].to_str().unwrap();
    for header in ["authorization", "content-type", "idempotency-key", "meeco-delegation-id", "x_meeco_api_version"] {
        assert!(headers.contains(header), "{header}");
    }
    let methods = reply.headers["access-control-allow-methods"].to_str().unwrap();
    assert!(["GET", "POST", "PUT", "PATCH", "DELETE"].iter().all(|method| methods.contains(method)));

    let refused = Request::get("/vault/me").header("origin", "https://example.org").body(Body::empty()).unwrap();
    let refused = server.send(refused).await;
    assert_eq!(refused.headers["access-control-allow-origin"], "*", "a page can read why");
    assert_eq!(refused.headers["cache-control"], "no-store");
    assert_eq!(refused.headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn the_page_is_served_under_a_strict_policy() {
    let (www, data) = (Folder::new().unwrap(), Folder::new().unwrap());
    for (name, text) in [("index.html", "<!doctype html>"), ("app.js", "export {}"), ("app_bg.wasm", "\0asm")] {
        std::fs::write(www.path().join(name), text).unwrap();
    }
    let config = Config { www: Some(www.path().to_owned()), ..Config::new(data.path()) };
    let server = common::Server(vaultshare_server::testing::server(config, data).await.unwrap());
    for (path, kind) in [("/", "text/html"), ("/app.js", "text/javascript"), ("/app_bg.wasm", "application/wasm")] {
        let reply = server.call("GET", path, None, None).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.headers["content-type"], kind);
        let policy = reply.headers["content-security-policy"].to_str().unwrap();
        for rule in ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{rule}");
        }
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    }
    for path in ["/missing.js", "/../keystore.db", "/%2e%2e/keystore.db", "/vault/nowhere"] {
        server.call("GET", path, None, None).await.refused(404);
    }
    server.call("POST", "/index.html", None, None).await.refused(404);
}

#[tokio::test]
async fn the_server_says_what_it_is_and_whether_it_is_well() {
    let server = server().await;
    for path in ["/healthz", "/readyz"] {
        let health = server.call("GET", path, None, None).await.ok();
        assert_eq!(health, json!({ "keystore": true, "vault": true }), "{path}");
    }
    assert_eq!(server.call("GET", "/livez", None, None).await.status, 204);
    for name in ["keystore", "vault"] {
        let version = server.call("GET", &format!("/{name}/version"), None, None).await.ok();
        assert_eq!(version["component"]["name"], name);
    }
    server.0.close().await;
    // It is found out at most once a second, and here by another router, which has not.
    let request = Request::get("/healthz").body(Body::empty()).unwrap();
    let health = tower::ServiceExt::oneshot(vaultshare_server::App::router(&server.0), request).await.unwrap();
    assert_eq!(health.status(), 503);
    let fault = server.call("POST", "/vault/session", None, Some(json!({ "public_key": "x" }))).await;
    assert!(!fault.body.to_string().contains("pool"), "{}", fault.body);
    assert_eq!(fault.refused(500), "internal_error");
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let data = Folder::new().unwrap();
    let database = vaultshare_server::testing::database().await.unwrap();
    let mut config = Config::new(data.path());
    config.database.url = database.as_ref().map(|database| database.url().to_owned());
    let open = || async { vaultshare_server::open(config.clone()).await.unwrap() };
    let body = json!({ "username": "nobody", "srp_a": "ff" });
    let salt = |app: vaultshare_server::App| {
        let request = common::request("POST", "/keystore/srp/challenges", None, None, Some(body.clone()));
        async move {
            let reply = tower::ServiceExt::oneshot(app.router(), request).await.unwrap();
            let bytes = axum::body::to_bytes(reply.into_body(), usize::MAX).await.unwrap();
            app.close().await;
            serde_json::from_slice::<Value>(&bytes).unwrap()["challenge"]["challenge_salt"].clone()
        }
    };
    assert_eq!(salt(open().await).await, salt(open().await).await, "the server keeps its own secrets");
}

#[tokio::test]
async fn a_database_of_before_keeps_its_invitations_and_loses_their_tokens() {
    let data = Folder::new().unwrap();
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}?mode=rwc", data.path().join("vault.db").display());
    let mut db = sqlx::AnyConnection::connect(&url).await.unwrap();
    store::VAULT.migrations.run_to(5, &mut db).await.unwrap();
    let rows = "
        INSERT INTO users (id, public_key, public_key_hash, created_at) VALUES ('alice', 'PEM', 'hash', 0);
        INSERT INTO invitations (id, token, user_id, public_key, state, created_at, expire_at, email, sequence)
            VALUES ('one', 'token-one', 'alice', 'PEM', 'new', 0, 9000000000000, NULL, 1),
                   ('two', 'token-two', 'alice', 'PEM', 'new', 0, 9000000000000, 'bob@example.org', 2);
        INSERT INTO mail_queue (invitation_id, attempts, next_attempt_at, being_sent, sequence)
            VALUES ('two', 0, 9000000000000, 0, 1), ('one', 0, 9000000000000, 1, 2);";
    sqlx::raw_sql(rows).execute(&mut db).await.unwrap();

    for _ in 0..2 {
        vaultshare_server::open(Config::new(data.path())).await.unwrap().close().await;
        let hashes: Vec<(String,)> =
            sqlx::query_as("SELECT token_hash FROM invitations ORDER BY id").fetch_all(&mut db).await.unwrap();
        assert_eq!(hashes, [(token::hash("token-one"),), (token::hash("token-two"),)]);
    }
    let queued = sqlx::query_as("SELECT token, lease_until FROM mail_queue ORDER BY sequence");
    let queued: Vec<(String, Option<i64>)> = queued.fetch_all(&mut db).await.unwrap();
    // The other was being sent when its server ended.
    assert_eq!(queued, [("token-two".to_owned(), None)]);
    let cut_off: String =
        sqlx::query_scalar("SELECT mail_state FROM invitations WHERE id = 'one'").fetch_one(&mut db).await.unwrap();
    assert_eq!(cut_off, "failed");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_at_once_and_says_so() {
    for name in ["vault.db", "keystore.db"] {
        let data = Folder::new().unwrap();
        std::fs::write(data.path().join(name), "no database".repeat(1000)).unwrap();
        let opened = tokio::time::timeout(Duration::from_secs(15), vaultshare_server::open(Config::new(data.path())));
        let refused = opened.await.expect("a pool would try for 20 seconds").err().unwrap().to_string();
        assert!(refused.contains(name) && refused.contains("not a database"), "{refused}");
    }
}

#[tokio::test]
async fn one_folder_is_one_servers() {
    let data = Folder::new().unwrap();
    let open = || vaultshare_server::open(Config::new(data.path()));
    let first = open().await.unwrap();
    let refused = open().await.err().unwrap().to_string();
    assert!(refused.contains("another server is running"), "{refused}");
    first.close().await;
    drop(first);
    open().await.unwrap().close().await;
}

#[tokio::test]
async fn halves_of_two_installations_are_no_server() {
    let (one, other) = (server().await, server().await);
    if one.0.is_on_postgres() {
        return; // The two halves are in one database.
    }
    one.sign_up("alice").await;
    other.sign_up("bob").await;
    let folder = |server: &common::Server| server.0.data().to_owned();
    for server in [&one, &other] {
        server.0.close().await;
    }
    let opened = async |keystore: Option<&std::path::Path>| {
        let mixed = Folder::new().unwrap();
        std::fs::copy(folder(&one).join("vault.db"), mixed.path().join("vault.db")).unwrap();
        if let Some(from) = keystore {
            std::fs::copy(from.join("keystore.db"), mixed.path().join("keystore.db")).unwrap();
        }
        vaultshare_server::open(Config::new(mixed.path())).await.map(drop)
    };
    for keystore in [Some(folder(&other).as_path()), None] {
        let refused = opened(keystore).await.unwrap_err().to_string();
        assert!(refused.contains("not of one installation"), "{refused}");
    }
    opened(Some(&folder(&one))).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_data_is_the_servers_users_alone() {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let folder = Folder::new().unwrap();
    let data = folder.path().join("new").join("data");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files = |data: &std::path::Path| {
        let files = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
        files.map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), mode(&file))).collect::<Vec<_>>()
    };
    let app = vaultshare_server::open(Config::new(&data)).await.unwrap();
    assert_eq!(mode(&data), 0o700);
    let opened = files(&data);
    let are_private =
        |files: &[(String, u32)]| files.iter().all(|(name, mode)| *mode == if name == "files" { 0o700 } else { 0o600 });
    assert_eq!(opened.len(), 8, "two databases, each with two files beside it, the lock, and files: {opened:?}");
    assert!(are_private(&opened), "{opened:?}");
    app.close().await;

    // A folder that somebody made stays as it is, and files that others could read do not.
    let data = folder.path().join("made before");
    std::fs::DirBuilder::new().mode(0o755).create(&data).unwrap();
    for name in ["vault.db", "keystore.db"] {
        std::fs::write(data.join(name), "").unwrap();
        std::fs::set_permissions(data.join(name), PermissionsExt::from_mode(0o644)).unwrap();
    }
    let app = vaultshare_server::open(Config::new(&data)).await.unwrap();
    assert_eq!(mode(&data), 0o755);
    assert!(are_private(&files(&data)), "{:?}", files(&data));
    app.close().await;
}

#[tokio::test]
async fn limits_can_be_chosen() {
    let data = Folder::new().unwrap();
    let limits = Limits { body: 100, session: Duration::from_secs(5).into(), ..Limits::default() };
    let config = Config { limits, ..Config::new(data.path()) };
    let server = common::Server(vaultshare_server::testing::server(config, data).await.unwrap());
    let long = json!({ "public_key": fixture("alice-public") });
    let reply = server.call("POST", "/vault/session", None, Some(long)).await;
    let message = text(&reply.body["errors"][0]["message"]);
    assert!(message.contains("100 bytes"), "{message}");
    assert_eq!(reply.refused(413), "body_too_large");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_refused_in_the_protocols_form() {
    let data = Folder::new().unwrap();
    let limits = Limits { request: Duration::from_millis(300).into(), ..Limits::default() };
    let config = Config { limits, ..Config::new(data.path()) };
    let server = common::Server(vaultshare_server::testing::server(config, data).await.unwrap());
    // Another process holds the write lock.
    let mut other = server.0.connect("keystore").await.unwrap();
    let lock = match server.0.is_on_postgres() {
        true => "BEGIN; SELECT pg_advisory_xact_lock(hashtext('vaultshare: write'), hashtext('keystore'))",
        false => "BEGIN IMMEDIATE",
    };
    sqlx::raw_sql(lock).execute(&mut other).await.unwrap();
    assert_eq!(server.register("alice").await.refused(503), "timeout");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
}

#[tokio::test]
async fn a_refusal_of_a_body_quotes_nothing_of_it() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let slots = json!([{ "name": "vin", "encrypted_value": "a secret that is no envelope" }]);
    let body = json!({ "template_name": "vehicle", "item": { "label": "x", "slots_attributes": slots } });
    let reply = server.post(&alice, "/vault/items", body).await;
    let message = text(&reply.body["errors"][0]["message"]);
    assert!(message.contains("item.slots_attributes[0].encrypted_value"), "{message}");
    assert!(!message.contains("secret"), "{message}");
    reply.refused(400);
}

#[tokio::test]
async fn two_hundred_requests_at_once_all_succeed() {
    let server = std::sync::Arc::new(server().await);
    let alice = server.sign_up("alice").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (server, alice) = (server.clone(), alice.clone());
        tasks.spawn(async move { server.make_item(&alice).await });
    }
    assert_eq!(tasks.join_all().await.len(), 200);
    let items = server.get(&alice, "/vault/items?per_page=1000").await.ok();
    assert_eq!(items["items"].as_array().unwrap().len(), 200);
}

/// More of each than one transaction deletes.
#[tokio::test]
async fn housekeeping_deletes_all_that_has_expired() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    server
        .sql(
            "vault",
            "CREATE TEMP TABLE numbers AS WITH RECURSIVE counted (number) AS
                (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < 2500) SELECT number FROM counted;
             INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at)
                SELECT number, (SELECT id FROM users), number, 0, 1 FROM numbers;
             INSERT INTO admission_tokens (token_hash, expires_at) SELECT number, 1 FROM numbers;
             INSERT INTO idempotent_replies (user_id, request, key, status, body, created_at)
                SELECT (SELECT id FROM users), 'POST /items', number, 201, '{}', 1 FROM numbers",
        )
        .await;
    server.0.clear_expired().await.unwrap();
    let mut database = server.0.connect("vault").await.unwrap();
    let left = "SELECT (SELECT COUNT(*) FROM sessions WHERE expires_at = 1) + (SELECT COUNT(*) FROM admission_tokens)
         + (SELECT COUNT(*) FROM idempotent_replies)";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut database).await.unwrap();
    assert_eq!(left, 0);
    server.get(&alice, "/vault/me").await.ok();
}

/// `.cargo/config.toml` says so, and why. A build that does not read it is slower with many readers, and nothing else
/// shows it.
#[tokio::test]
async fn sqlite_is_compiled_without_mutexes_that_all_connections_share() {
    let server = vaultshare_server::testing::fresh_server_on_files().await.unwrap();
    let mut database = server.connect("vault").await.unwrap();
    let options = sqlx::query_scalar::<_, String>("PRAGMA compile_options").fetch_all(&mut database).await.unwrap();
    let has = |option: &str| options.iter().any(|compiled| compiled == option);
    assert!(has("DEFAULT_MEMSTATUS=0") && !has("ENABLE_MEMORY_MANAGEMENT"), "{options:#?}");
}
