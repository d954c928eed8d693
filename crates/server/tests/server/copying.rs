//! `vaultshare-server copy`: from SQLite to PostgreSQL, with the binary.

#![cfg(unix)]

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output},
};

use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row, any::AnyRow};
use vaultshare_server::testing::{self, Database, Folder, FreshServer};

use crate::common::{SEALED, Server, User, invitation, text};

/// A server on files with something in most tables, and the user who has it.
async fn used_server() -> (FreshServer, User) {
    let server = Server(testing::fresh_server_on_files().await.unwrap());
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let carlos = server.sign_up("carlos").await;
    server.connect(&bob, &alice).await;
    server.connect(&carlos, &bob).await;
    let item = server.make_item(&alice).await;
    let share = server.share(&alice, &item, &bob, json!({ "onsharing_permitted": true })).await.ok();
    let path = format!("/vault/incoming_shares/{}/item", text(&share["shares"][0]["id"]));
    let copy = server.get(&bob, &path).await.ok();
    server.share(&bob, &copy, &carlos, json!({})).await.ok();
    let slots = json!([{ "label": "Grün, 绿", "encrypted_value": SEALED }]);
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    server.put(&alice, &path, json!({ "item": { "slots_attributes": slots } })).await.ok();
    server.post(&alice, "/vault/invitations", invitation(&alice)).await.ok();
    // More than one statement's rows.
    server.0.copy_items(&text(&item["item"]["id"]), 1000).await.unwrap();
    (server.0, alice)
}

/// Copies with the binary. The password, which no database of a test asks for, goes by the environment.
fn copy(data: &Path, database: &Database) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaultshare-server"));
    command.args(["copy", "--data"]).arg(data);
    command.env("VAULTSHARE_DATABASE_URL", database.url()).output().unwrap()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// All rows of all tables, as texts, in an order of their own.
async fn rows(db: &mut AnyConnection, tables: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for table in tables {
        let select = AssertSqlSafe(format!("SELECT * FROM {table}"));
        let rows = sqlx::query(select).fetch_all(&mut *db).await.unwrap();
        let mut rows: Vec<String> = rows.iter().map(as_text).collect();
        rows.sort();
        all.insert(table.clone(), rows);
    }
    // The rest of it changes with each start.
    all.get_mut("installation").unwrap().retain(|row| row.contains("\"id\""));
    all
}

fn as_text(row: &AnyRow) -> String {
    let text = |column| row.try_get::<Option<String>, _>(column).map(|text| format!("{text:?}"));
    let number = |column| row.try_get::<Option<i64>, _>(column).map(|number| format!("{number:?}"));
    (0..row.len()).map(|column| text(column).or_else(|_| number(column)).unwrap() + ",").collect()
}

async fn on_file(data: &Folder, service: &str) -> AnyConnection {
    let file = data.path().join(service).with_extension("db");
    AnyConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap()
}

async fn deferrable_references(db: &mut AnyConnection) -> i64 {
    let (count,) =
        sqlx::query_as("SELECT COUNT(*) FROM pg_constraint WHERE condeferrable").fetch_one(db).await.unwrap();
    count
}

#[tokio::test]
async fn every_row_is_copied_and_the_server_goes_on() {
    if testing::database().await.unwrap().is_none() {
        return;
    }
    let (before, alice) = used_server().await;
    let (data, _) = before.stop().await;
    let target = Database::empty().await.unwrap();
    let done = copy(data.path(), &target);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let after = FreshServer::on(target).await.unwrap();
    for service in ["vault", "keystore"] {
        let mut source = on_file(&data, service).await;
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> '_sqlx_migrations'";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut source).await.unwrap();
        let expected = rows(&mut source, &tables).await;
        let copied = rows(&mut after.connect(service).await.unwrap(), &tables).await;
        for table in &tables {
            assert_eq!(copied[table], expected[table], "{table}");
        }
        assert!(service == "keystore" || expected["items"].len() > 1000 && expected["shares"].len() > 2);
    }
    let mut db = after.connect("vault").await.unwrap();
    assert_eq!(deferrable_references(&mut db).await, 0, "references are enforced as before");

    // Whoever was signed in still is, and new rows come behind those that were copied.
    let after = Server(after);
    let made = after.make_item(&alice).await;
    let newest = after.get(&alice, "/vault/items?per_page=1").await.ok();
    assert_eq!(newest["items"][0]["id"], made["item"]["id"]);
    after.sign_in_to_keystore(&alice.username).await.ok();
}

#[tokio::test]
async fn nothing_is_copied_over_records_from_under_a_server_or_from_what_is_broken() {
    let Some(used) = testing::database().await.unwrap() else { return };
    let (running, _) = used_server().await;
    let target = Database::empty().await.unwrap();
    assert!(refused(&copy(running.data(), &target)).contains("another server is running"));
    let (data, _) = running.stop().await;

    let used = FreshServer::on(used).await.unwrap();
    assert!(
        refused(&copy(data.path(), used.database().unwrap())).contains("has already run on the PostgreSQL database")
    );

    let orphan = "PRAGMA foreign_keys = OFF; INSERT INTO user_usage (user_id, items, bytes) VALUES ('nobody', 1, 1)";
    sqlx::raw_sql(orphan).execute(&mut on_file(&data, "vault").await).await.unwrap();
    assert!(refused(&copy(data.path(), &target)).contains("rows of user_usage refer to what is not there"));
}
