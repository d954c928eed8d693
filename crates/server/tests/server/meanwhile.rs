//! What others do between the two halves of a request: while it waits for its turn to write, or after its client has gone.

use std::{future::Future, time::Duration};

use serde_json::{Value, json};
use sqlx::AnyConnection;
use tower::ServiceExt;
use vaultshare_server::testing;

use crate::common::{
    self, Server, User, request, server,
    srp_client::{self, SrpClient},
    text,
};

const LONG: Duration = Duration::from_secs(60);

/// The write lock of a service, taken past the server. Committing it lets others write.
async fn write_lock(server: &Server, service: &'static str) -> AnyConnection {
    let mut db = server.0.connect(service).await.unwrap();
    if server.0.is_on_postgres() {
        let lock = "SELECT pg_advisory_xact_lock(hashtext('vaultshare: write'), hashtext($1))";
        sqlx::raw_sql("BEGIN").execute(&mut db).await.unwrap();
        sqlx::query(lock).bind(service).execute(&mut db).await.unwrap();
    } else {
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut db).await.unwrap();
    }
    db
}

async fn commit(mut db: AnyConnection) {
    sqlx::raw_sql("COMMIT").execute(&mut db).await.unwrap();
}

/// Begins a request, and gives it the time to come to the lock.
async fn waiting<T: Send + 'static>(request: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    let request = tokio::spawn(request);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert!(!request.is_finished(), "it waits");
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_given_more_time_at_its_end_does_not_end() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let item = server.make_item(&alice).await;
    let hours = |hours: i64| {
        let now = server.0.clock().now();
        vaultshare_server::clock::to_wire(now + hours * 60 * 60 * 1000)
    };
    let (one, nine) = (hours(1), hours(9));
    let share = server.share(&alice, &item, &bob, json!({ "expires_at": one })).await.ok();
    let id = &share["shares"][0]["id"];

    let lock = write_lock(&server, "vault").await;
    let longer = json!({ "shares": [{ "share_id": id, "expires_at": nine }] });
    let longer = request("PUT", "/vault/shares", Some(&alice.vault_token), None, Some(longer));
    let longer = waiting(server.0.router().oneshot(longer)).await;
    server.0.clock().advance(Duration::from_secs(2 * 60 * 60));
    let list = request("GET", "/vault/items", Some(&bob.vault_token), None, None);
    let list = waiting(server.0.router().oneshot(list)).await;
    commit(lock).await;
    assert_eq!(longer.await.unwrap().unwrap().status(), 200);
    assert_eq!(list.await.unwrap().unwrap().status(), 200);
    server.get(&bob, &format!("/vault/incoming_shares/{}/item", text(id))).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_makes_no_other() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for service in ["vault", "keystore"] {
        let path = format!("/{service}/session/limited_in_time");
        let mut lock = write_lock(&server, service).await;
        let another = request("POST", &path, Some(alice.token(&path)), None, Some(json!({})));
        let another = waiting(server.0.router().oneshot(another)).await;
        sqlx::raw_sql("DELETE FROM sessions").execute(&mut lock).await.unwrap();
        commit(lock).await;
        assert_eq!(another.await.unwrap().unwrap().status(), 401, "{service}");
        let sessions: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sessions")
            .fetch_one(&mut server.0.connect(service).await.unwrap())
            .await
            .unwrap();
        assert_eq!(sessions, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_holds_no_half() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let mut lock = write_lock(&server, "keystore").await;
    let path = "/keystore/session/half";
    let half = request("PUT", path, Some(alice.token(path)), None, Some(json!({ "half": "A".repeat(43) })));
    let half = waiting(server.0.router().oneshot(half)).await;
    sqlx::raw_sql("DELETE FROM sessions").execute(&mut lock).await.unwrap();
    commit(lock).await;
    assert_eq!(half.await.unwrap().unwrap().status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_was_begun_before_a_change_of_passphrase_opens_no_session_after_it() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let (salt, verifier) = srp_client::registration(&alice.username, "another");
    let mut lock = write_lock(&server, "keystore").await;
    let client = SrpClient::start();
    let begin = json!({ "username": alice.username, "srp_a": client.public_a() });
    // It has read the verifier, and waits to store what it made of it.
    let begin = request("POST", "/keystore/srp/challenges", None, None, Some(begin));
    let begin = waiting(server.0.router().oneshot(begin)).await;
    // As a change of the passphrase does.
    let change = "UPDATE users SET srp_salt = $1, srp_verifier = $2 WHERE username = $3";
    sqlx::query(change).bind(salt).bind(verifier).bind(&alice.username).execute(&mut lock).await.unwrap();
    sqlx::raw_sql("DELETE FROM srp_challenges; DELETE FROM sessions").execute(&mut lock).await.unwrap();
    commit(lock).await;
    let begun = axum::body::to_bytes(begin.await.unwrap().unwrap().into_body(), usize::MAX).await.unwrap();
    let challenge: Value = serde_json::from_slice(&begun).unwrap();
    let challenge = &challenge["challenge"];
    let (salt, b) = (text(&challenge["challenge_salt"]), text(&challenge["challenge_b"]));
    let proof = client.prove(&alice.username, "passphrase", &salt, &b);
    let proof = json!({ "username": alice.username, "srp_a": client.public_a(), "srp_m": proof });
    let old = server.call("POST", "/keystore/srp/session", None, Some(proof)).await;
    assert_eq!(old.refused(401), "login_failed");
    assert_eq!(server.count("keystore", "srp_challenges").await, 0, "it is used up");
    let new = server.proof(&alice.username, "another").await;
    server.call("POST", "/keystore/srp/session", None, Some(new)).await.ok();
}

#[tokio::test]
async fn who_is_disabled_becomes_no_user_of_the_vault_by_a_token_of_before() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let token = server.admission_token(&alice).await;
    server.sql("keystore", "UPDATE users SET disabled_at = 1").await;
    let me = json!({ "public_key": common::fixture("bob-public"), "admission_token": token });
    assert_eq!(server.call("POST", "/vault/me", None, Some(me)).await.refused(403), "user_disabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_client_has_gone_is_finished() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let lock = write_lock(&server, "vault").await;
    let item = json!({ "template_name": "vehicle", "item": { "label": "x" } });
    let item = request("POST", "/vault/items", Some(&alice.vault_token), None, Some(item));
    let client = waiting(server.0.router().oneshot(item)).await;
    client.abort();
    assert!(client.await.is_err());
    commit(lock).await;
    let made = async {
        while server.get(&alice, "/vault/items").await.ok()["items"].as_array().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, made).await.expect("what it had begun is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_turn_ends_with_its_client() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let lock = write_lock(&server, "vault").await;
    let mut clients = Vec::new();
    for _ in 0..6 {
        let item = json!({ "template_name": "vehicle", "item": { "label": "x" } });
        let item = request("POST", "/vault/items", Some(&alice.vault_token), None, Some(item));
        clients.push(tokio::spawn(server.0.router().oneshot(item)));
    }
    tokio::time::sleep(Duration::from_millis(1000)).await;
    for client in clients {
        client.abort();
        assert!(client.await.is_err());
    }
    commit(lock).await;
    // Whatever goes on is in line before this one.
    server.make_item(&alice).await;
    let made = server.get(&alice, "/vault/items").await.ok()["items"].as_array().unwrap().len();
    assert_eq!(made, 1 + 3, "a user's turns are three");
}

/// On SQLite a server that cannot write for longer than its writers take is not well; on PostgreSQL the lock may be another
/// process's.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_turn_to_write_is_well() {
    let server = server().await;
    if !server.0.is_on_postgres() {
        return;
    }
    let lock = write_lock(&server, "vault").await;
    let well = tokio::time::timeout(LONG, server.call("GET", "/readyz", None, None)).await.unwrap();
    assert_eq!((well.status.as_u16(), &well.body["vault"]), (200, &json!(true)));
    commit(lock).await;
}

/// The defaults of a database are its administrator's. Ours are what the rules were written for.
#[tokio::test(flavor = "multi_thread")]
async fn writers_see_what_was_committed_before_whatever_the_databases_defaults_are() {
    let Some(database) = testing::database().await.unwrap() else { return };
    let one = testing::FreshServer::on(database).await.unwrap();
    for default in ["default_transaction_isolation = 'repeatable read'", "default_transaction_read_only = on"] {
        let set = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {}', current_database()); END $$",
            default.replace('\'', "''")
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(set)).execute(&mut one.connect("vault").await.unwrap()).await.unwrap();
        let (here, there) =
            (Server(one.another().await.unwrap().unwrap()), Server(one.another().await.unwrap().unwrap()));
        let name = if default.contains("read_only") { "bob" } else { "alice" };
        let user = here.sign_up(name).await;
        let writes = async |server: &Server| {
            for _ in 0..10 {
                server.make_item(&user).await;
            }
        };
        tokio::join!(writes(&here), writes(&there), writes(&here), writes(&there));
    }
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused_and_says_so() {
    let server = server().await;
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', TRUE, '', 0)";
    server.sql("vault", later).await;
    let refused = vaultshare_server::open_beside(server.0.config()).await.err().unwrap().to_string();
    assert!(refused.contains("of a later version of this server"), "{refused}");
    let config = server.0.config();
    if !server.0.is_on_postgres() {
        let _files = server.0.stop().await;
        let refused = vaultshare_server::open(config).await.err().unwrap().to_string();
        assert!(refused.contains("of a later version of this server"), "{refused}");
        return;
    }
    let refused = vaultshare_server::open(config).await.err().unwrap().to_string();
    assert!(refused.contains("of a later version of this server"), "{refused}");
}

#[tokio::test]
async fn of_large_replies_a_user_has_so_much_untaken() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let value = format!("Aes256Gcm.{}.QUFBQQ==", "c2VhbGVk".repeat(320 * 1024));
    let slots = ["one", "two"].map(|name| json!({ "name": name, "encrypted_value": value }));
    let body = json!({ "template_name": "custom", "item": {
        "label": "x", "slots_attributes": slots } });
    let path = |item: &Value| format!("/vault/items/{}", text(&item["item"]["id"]));
    let of_alice = path(&server.post(&alice, "/vault/items", body.clone()).await.ok());
    let of_bob = path(&server.post(&bob, "/vault/items", body).await.ok());
    let get = |user: &User, path: &str| {
        let request = request("GET", path, Some(&user.vault_token), None, None);
        server.0.router().oneshot(request)
    };
    let mut untaken = Vec::new();
    // Five MiB each, of sixteen.
    for _ in 0..3 {
        untaken.push(get(&alice, &of_alice).await.unwrap());
    }
    let mut next = Box::pin(get(&alice, &of_alice));
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut next).await.is_err());
    assert_eq!(get(&bob, &of_bob).await.unwrap().status(), 200);
    let taken = untaken.pop().unwrap().into_body();
    // Clients are told it before, and see what was cut off.
    let length = axum::body::HttpBody::size_hint(&taken).exact().unwrap();
    let taken = axum::body::to_bytes(taken, usize::MAX).await.unwrap();
    assert!(taken.len() > 64 * 1024 && taken.len() == usize::try_from(length).unwrap());
    assert_eq!(next.await.unwrap().status(), 200);
}
