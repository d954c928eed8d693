//! What is limited before anybody has signed in: failed logins, challenges, sessions, sign-ups.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::extract::ConnectInfo;
use serde_json::{Value, json};
use vaultshare_server::{Config, Limits, testing::Folder};

use crate::common::{Reply, Server, fixture, request, srp_client, text};

const HOME: &str = "203.0.113.9";
const ELSEWHERE: &str = "198.51.100.1";
const HOUR: Duration = Duration::from_secs(60 * 60);

async fn server(limits: Limits) -> Server {
    let folder = Folder::new().unwrap();
    let config = Config { limits, ..Config::new(folder.path()) };
    Server(vaultshare_server::testing::server(config, folder).await.unwrap())
}

/// Limits under which what is slowed down does not come to its end, and everything else does.
fn slowing(limits: Limits) -> Limits {
    Limits { slow_down: HOUR.into(), request: Duration::from_secs(2).into(), ..limits }
}

async fn post(server: &Server, address: &str, path: &str, body: Value) -> Reply {
    let mut request = request("POST", path, None, None, Some(body));
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address.parse().unwrap(), 1234)));
    server.send(request).await
}

async fn register(server: &Server, address: &str, username: &str) -> Reply {
    let (salt, verifier) = srp_client::registration(username, "passphrase");
    let user = json!({ "username": username, "srp_salt": salt, "srp_verifier": verifier });
    post(server, address, "/keystore/srp/users", user).await
}

/// A challenge is asked for by somebody else: what is counted here is the answer.
async fn sign_in(server: &Server, address: &str, username: &str, passphrase: &str) -> Reply {
    let proof = server.proof(username, passphrase).await;
    post(server, address, "/keystore/srp/session", proof).await
}

async fn guess(server: &Server, address: &str, username: &str) -> Reply {
    let guess = json!({ "username": username, "srp_a": "ff", "srp_m": "00" });
    post(server, address, "/keystore/srp/session", guess).await
}

#[tokio::test]
async fn wrong_passphrases_behind_an_address_slow_others_down_and_lock_nobody_out() {
    let limits = Limits { attempts_per_address: 5, ..Limits::default() };
    let quick = server(Limits { slow_down: Duration::ZERO.into(), ..limits.clone() }).await;
    let slow = server(slowing(limits)).await;
    for server in [&quick, &slow] {
        register(server, ELSEWHERE, "alice").await.ok();
        register(server, ELSEWHERE, "bob").await.ok();
        sign_in(server, HOME, "bob", "passphrase").await.ok();
        for number in 0..5 {
            guess(server, HOME, &format!("user-{number}")).await.refused(401);
        }
    }
    sign_in(&quick, HOME, "alice", "passphrase").await.ok();
    assert_eq!(sign_in(&slow, HOME, "alice", "passphrase").await.refused(503), "timeout");
    // Who has signed in there before does not wait, and elsewhere nobody does.
    sign_in(&slow, HOME, "bob", "passphrase").await.ok();
    sign_in(&slow, ELSEWHERE, "alice", "passphrase").await.ok();
}

#[tokio::test]
async fn a_user_whom_many_addresses_guess_at_signs_in_from_where_they_did_before() {
    let server = server(Limits { attempts_per_user_anywhere: 5, ..Limits::default() }).await;
    register(&server, HOME, "alice").await.ok();
    sign_in(&server, HOME, "alice", "passphrase").await.ok();
    for number in 1..=5 {
        guess(&server, &format!("192.0.2.{number}"), "alice").await.refused(401);
    }
    assert_eq!(sign_in(&server, ELSEWHERE, "alice", "passphrase").await.refused(429), "too_many_attempts");
    sign_in(&server, HOME, "alice", "passphrase").await.ok();
    // For so long as the address is remembered.
    let remembered = *Limits::default().known_address;
    server.0.clock().advance(remembered);
    for number in 1..=5 {
        guess(&server, &format!("192.0.2.{number}"), "alice").await.refused(401);
    }
    sign_in(&server, HOME, "alice", "passphrase").await.refused(429);
}

#[tokio::test]
async fn of_guesses_at_once_no_more_are_answered_than_of_guesses_in_a_row() {
    let server = Arc::new(server(Limits { attempts_per_user: 3, ..Limits::default() }).await);
    register(&server, HOME, "alice").await.ok();
    let mut proofs = Vec::new();
    for _ in 0..20 {
        proofs.push(server.proof("alice", "wrong").await);
    }
    let mut guesses = tokio::task::JoinSet::new();
    for proof in proofs {
        let server = Arc::clone(&server);
        guesses.spawn(async move { post(&server, HOME, "/keystore/srp/session", proof).await.status.as_u16() });
    }
    let mut statuses = guesses.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![401; 3], vec![429; 17]].concat());
    sign_in(&server, HOME, "alice", "passphrase").await.refused(429);
}

#[tokio::test]
async fn a_restart_forgets_no_failed_login() {
    let folder = Folder::new().unwrap();
    let limits = Limits { attempts_per_user: 3, ..Limits::default() };
    let config = Config { limits, ..Config::new(folder.path()) };
    let app = vaultshare_server::open(config.clone()).await.unwrap();
    let guess = || {
        let guess = json!({ "username": "alice", "srp_a": "ff", "srp_m": "00" });
        request("POST", "/keystore/srp/session", None, None, Some(guess))
    };
    let status = async |app: &vaultshare_server::App| {
        tower::ServiceExt::oneshot(app.router(), guess()).await.unwrap().status().as_u16()
    };
    for _ in 0..3 {
        assert_eq!(status(&app).await, 401);
    }
    app.close().await;
    drop(app);
    let app = vaultshare_server::open(config).await.unwrap();
    assert_eq!(status(&app).await, 429);
    app.close().await;
}

#[tokio::test]
async fn a_flood_that_is_refused_writes_nothing() {
    let limits = Limits { attempts_per_user: 3, sign_ups_per_address: 1, ..Limits::default() };
    let folder = Folder::new().unwrap();
    let config = Config { limits, ..Config::new(folder.path()) };
    let server = Server(vaultshare_server::testing::server_on_files(config, folder).await.unwrap());
    register(&server, HOME, "alice").await.ok();
    for _ in 0..3 {
        guess(&server, HOME, "alice").await.refused(401);
    }
    let mut other = server.0.connect("keystore").await.unwrap();
    // SQLite's own count of what other connections have committed.
    let commits = "PRAGMA data_version";
    let before: i64 = sqlx::query_scalar(commits).fetch_one(&mut other).await.unwrap();
    for _ in 0..50 {
        guess(&server, HOME, "alice").await.refused(429);
        register(&server, HOME, "bob").await.refused(429);
    }
    assert_eq!(sqlx::query_scalar::<_, i64>(commits).fetch_one(&mut other).await.unwrap(), before);
    guess(&server, HOME, "carlos").await.refused(401);
    assert_ne!(sqlx::query_scalar::<_, i64>(commits).fetch_one(&mut other).await.unwrap(), before);
}

#[tokio::test]
async fn challenges_and_sessions_beyond_what_an_address_has_are_slowed_down() {
    let server =
        server(slowing(Limits { challenges_per_address: 3, sessions_per_address: 2, ..Limits::default() })).await;
    let alice = server.sign_up("alice").await;
    let challenge = || json!({ "username": "alice", "srp_a": "ff" });
    let session = || json!({ "public_key": alice.public_key });
    for (path, count, body) in [
        ("/keystore/srp/challenges", 3, &challenge as &dyn Fn() -> Value),
        ("/vault/session", 2, &session as &dyn Fn() -> Value),
    ] {
        for _ in 0..count {
            post(&server, "2001:db8::1", path, body()).await.ok();
        }
        assert_eq!(post(&server, "2001:db8::2", path, body()).await.refused(503), "timeout", "of the same network");
        post(&server, HOME, path, body()).await.ok();
    }
}

#[tokio::test]
async fn sign_ups_beyond_what_an_address_has_are_refused_until_later() {
    let server = server(Limits { sign_ups_per_address: 2, ..Limits::default() }).await;
    register(&server, HOME, "one").await.ok();
    register(&server, HOME, "two").await.ok();
    let refused = register(&server, HOME, "three").await;
    let message = text(&refused.body["errors"][0]["message"]);
    assert!(message.contains("signed up from this address: try again in 1800 seconds"), "{message}");
    assert_eq!(refused.refused(429), "too_many_requests");
    register(&server, ELSEWHERE, "three").await.ok();
    server.0.clock().advance(HOUR / 2);
    register(&server, HOME, "four").await.ok();
    register(&server, HOME, "five").await.refused(429);
}

#[tokio::test]
async fn housekeeping_forgets_what_counts_no_more() {
    let server = server(Limits::default()).await;
    register(&server, HOME, "alice").await.ok();
    sign_in(&server, HOME, "alice", "passphrase").await.ok();
    for number in 0..20 {
        guess(&server, HOME, &format!("user-{number}")).await.refused(401);
    }
    let session = json!({ "public_key": fixture("alice-public") });
    post(&server, HOME, "/vault/session", session).await.refused(401);
    let rows = async |table: &'static str| {
        let mut database = server.0.connect("keystore").await.unwrap();
        let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        sqlx::query_scalar::<_, i64>(count).fetch_one(&mut database).await.unwrap()
    };
    assert!(rows("rate_limits").await > 40);
    assert_eq!(rows("known_networks").await, 1);
    server.0.clock().advance(*Limits::default().known_address);
    server.0.clear_expired().await.unwrap();
    assert_eq!((rows("rate_limits").await, rows("known_networks").await), (0, 0));
}
