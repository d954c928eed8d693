//! Several processes on one PostgreSQL: what one does at the same time as another is as if one came after the other. On
//! SQLite, which one process has, there is nothing to test.

#![cfg(unix)]

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::AnyConnection;
use vaultshare_server::{Config, testing};

use crate::common::{SEALED, Server, acceptance, invitation, server, text};

/// How often each race is run.
const RACES: usize = 20;

/// Two servers on one database; none where tests run on SQLite.
async fn two_servers() -> Option<(Server, Server)> {
    let one = server().await;
    let other = one.0.another().await.unwrap()?;
    Some((one, Server(other)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_to_both_is_done_once() {
    let Some((one, other)) = two_servers().await else { return };
    let alice = one.sign_up("alice").await;
    for race in 0..RACES {
        let (key, body) = (format!("key-{race}"), json!({ "template_name": "vehicle", "item": { "label": "x" } }));
        let (first, second) = tokio::join!(
            one.call_once(&key, "POST", "/vault/items", &alice.vault_token, body.clone()),
            other.call_once(&key, "POST", "/vault/items", &alice.vault_token, body)
        );
        assert_eq!(first.ok(), second.ok());
    }
    let items = one.get(&alice, "/vault/items").await.ok();
    assert_eq!(items["items"].as_array().unwrap().len(), RACES);
}

#[tokio::test]
async fn failed_logins_count_wherever_they_were() {
    let Some((one, other)) = two_servers().await else { return };
    let guess = json!({ "username": "alice", "srp_a": "ff", "srp_m": "00" });
    let guess = async |server: &Server| server.call("POST", "/keystore/srp/session", None, Some(guess.clone())).await;
    for _ in 0..one.0.config().limits.attempts_per_user / 2 {
        guess(&one).await.refused(401);
        guess(&other).await.refused(401);
    }
    guess(&one).await.refused(429);
    guess(&other).await.refused(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_directions_of_a_connection_at_once_are_one_connection() {
    let Some((one, other)) = two_servers().await else { return };
    let (alice, bob) = (one.sign_up("alice").await, one.sign_up("bob").await);
    for _ in 0..RACES {
        let from_alice = one.post(&alice, "/vault/invitations", invitation(&alice)).await.ok();
        let from_bob = one.post(&bob, "/vault/invitations", invitation(&bob)).await.ok();
        let (bobs, alices) = tokio::join!(
            one.post(&bob, "/vault/connections", acceptance(&bob, &from_alice["invitation"]["token"])),
            other.post(&alice, "/vault/connections", acceptance(&alice, &from_bob["invitation"]["token"]))
        );
        let (bobs, alices) = (bobs.ok()["connection"].clone(), alices.ok()["connection"].clone());
        assert_eq!(bobs["own"]["id"], alices["the_other_user"]["id"]);
        let connections = other.get(&alice, "/vault/connections").await.ok();
        assert_eq!(connections["connections"].as_array().unwrap().len(), 1);
        one.delete(&alice, &format!("/vault/connections/{}", text(&alices["own"]["id"]))).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_changes_while_it_is_shared_reaches_its_recipient() {
    let Some((one, other)) = two_servers().await else { return };
    let (alice, bob) = (one.sign_up("alice").await, one.sign_up("bob").await);
    one.connect(&bob, &alice).await;
    for _ in 0..RACES {
        let item = one.make_item(&alice).await;
        let path = format!("/vault/items/{}", text(&item["item"]["id"]));
        let slots = json!([{ "label": "added", "encrypted_value": SEALED }]);
        let (changed, shared) = tokio::join!(
            one.put(&alice, &path, json!({ "item": { "slots_attributes": slots } })),
            other.share(&alice, &item, &bob, json!({}))
        );
        changed.ok();
        // Either the share found the change, or the change found the share and made a task of it.
        let share = text(&shared.ok()["shares"][0]["id"]);
        let received = one.get(&bob, &format!("/vault/incoming_shares/{share}/item")).await.ok();
        let found = received["slots"].as_array().unwrap().iter().any(|slot| slot["name"] == "added");
        let queue = format!("/vault/client_task_queue?target_id={}", text(&item["item"]["id"]));
        let tasks = one.get(&alice, &queue).await.ok()["client_tasks"].as_array().unwrap().len();
        assert_eq!(usize::from(!found), tasks);
    }
}

#[tokio::test]
async fn rows_are_in_the_order_of_their_making_whatever_the_clocks_say() {
    let Some((ahead, behind)) = two_servers().await else { return };
    let alice = ahead.sign_up("alice").await;
    ahead.0.clock().advance(Duration::from_secs(60 * 60));
    let mut made = Vec::new();
    for server in [&ahead, &behind, &ahead, &behind] {
        made.push(server.make_item(&alice).await["item"]["id"].clone());
    }
    let listed = behind.get(&alice, "/vault/items?order=asc").await.ok();
    let listed: Vec<Value> = listed["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(listed, made);
}

#[tokio::test]
async fn one_process_at_a_time_deletes_what_has_expired() {
    let Some((one, _)) = two_servers().await else { return };
    one.sign_up("alice").await;
    one.0.clock().advance(Duration::from_secs(60 * 24 * 60 * 60));
    let mut database = one.0.connect("vault").await.unwrap();
    let turn = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('vaultshare: housekeeping'), hashtext('vault'))";
    sqlx::raw_sql(turn).execute(&mut database).await.unwrap();
    one.0.clear_expired().await.unwrap();
    assert_eq!(count(&mut database, "SELECT COUNT(*) FROM sessions").await, 1);
    sqlx::raw_sql("COMMIT").execute(&mut database).await.unwrap();
    one.0.clear_expired().await.unwrap();
    assert_eq!(count(&mut database, "SELECT COUNT(*) FROM sessions").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_connection_is_lost_is_tried_again() {
    let Some((one, _)) = two_servers().await else { return };
    let alice = one.sign_up("alice").await;
    let mut database = one.0.connect("vault").await.unwrap();
    let lock = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('vaultshare: write'), hashtext('vault'))";
    sqlx::raw_sql(lock).execute(&mut database).await.unwrap();
    let breaking_off = async {
        const WAITING: &str = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event = 'advisory'";
        while count(&mut database, WAITING).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sqlx::raw_sql("ROLLBACK").execute(&mut database).await.unwrap();
    };
    let both = async { tokio::join!(one.make_item(&alice), breaking_off) };
    let (item, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    let items = one.get(&alice, "/vault/items").await.ok();
    assert_eq!(items["items"].as_array().unwrap().len(), 1);
    assert_eq!(items["items"][0]["id"], item["item"]["id"]);
}

#[tokio::test]
async fn connections_that_the_server_of_the_database_has_ended_are_replaced() {
    let Some((one, _)) = two_servers().await else { return };
    let alice = one.sign_up("alice").await;
    let mut database = one.0.connect("vault").await.unwrap();
    let others = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(count(&mut database, others).await > 0);
    one.make_item(&alice).await;
    one.get(&alice, "/vault/items").await.ok();
}

#[tokio::test]
async fn a_database_that_does_not_fit_is_refused_and_no_password_is_shown() {
    let Some(database) = testing::database().await.unwrap() else { return };
    let of_language = testing::Database::of_locale("C.UTF-8").await.unwrap();
    let folder = testing::Folder::new().unwrap();
    let refused = async |url: &str| {
        let mut config = Config::new(folder.path());
        config.database.url = Some(url.replace("vaultshare@", "vaultshare:hush@"));
        vaultshare_server::open(config).await.err().unwrap().to_string()
    };
    for (url, reason) in [
        (of_language.url(), "LOCALE 'C'"),
        (database.url().replace("/test_", "/no_such_").as_str(), "does not exist"),
        (database.url().replace("?host", "?hots").as_str(), "unknown parameter: hots"),
    ] {
        let message = refused(url).await;
        assert!(message.contains(reason) && !message.contains("hush"), "{message}");
    }
}

async fn count(database: &mut AnyConnection, statement: &'static str) -> i64 {
    let (count,): (i64,) = sqlx::query_as(statement).fetch_one(database).await.unwrap();
    count
}
