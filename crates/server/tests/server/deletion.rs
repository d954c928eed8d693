//! Deleting an account: when, by whom, and that nothing of the user is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::json;
use sqlx::{AssertSqlSafe, Row};
use vaultshare_server::{
    Config, Limits,
    testing::{self, Folder},
};

use crate::{
    common::{SEALED, Server, User, invitation, server, srp_client, text},
    encryption_spaces, files,
};

const QUEUE: &str = "/vault/me/deletion_queue";
const KEYSTORE_QUEUE: &str = "/keystore/users/deletion_queue";
const MINUTE: Duration = Duration::from_secs(60);

/// What has nothing of a user: what the server knows of itself, invitations of the operator, hashes under the server's secret, and
/// what waits to be deleted.
const OF_NOBODY: [&str; 9] = [
    "keystore.installation",
    "keystore.rate_limits",
    "keystore.retired_usernames",
    "keystore.server_secrets",
    "keystore.sign_up_invitations",
    "vault.departed_users",
    "vault.installation",
    "vault.rate_limits",
    "vault.server_secrets",
];

type Record = BTreeMap<String, String>;

/// Every row of both services, with its table.
async fn all_rows(server: &Server) -> Vec<(String, Record)> {
    let mut rows = Vec::new();
    for service in ["vault", "keystore"] {
        let mut database = server.0.connect(service).await.unwrap();
        let columns = if server.0.is_on_postgres() {
            format!(
                "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns \
                 WHERE table_schema = '{service}'"
            )
        } else {
            "SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns \
             WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                .to_owned()
        };
        let columns: Vec<(String, String)> =
            sqlx::query_as(AssertSqlSafe(columns)).fetch_all(&mut database).await.unwrap();
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, column) in columns {
            tables.entry(table).or_default().push(column);
        }
        tables.remove("_sqlx_migrations");
        assert!(tables.len() > 10);
        for (table, columns) in tables {
            let texts: Vec<_> = columns.iter().map(|column| format!("CAST({column} AS TEXT)")).collect();
            let select = AssertSqlSafe(format!("SELECT {} FROM {table}", texts.join(", ")));
            let name = format!("{service}.{table}");
            let found = sqlx::query(select).fetch_all(&mut database).await.unwrap();
            // A table without rows is one that the test knows nothing of.
            if found.is_empty() {
                rows.push((name.clone(), Record::new()));
            }
            for row in found {
                let value = |index: usize| row.try_get::<Option<String>, _>(index).ok().flatten();
                let record = columns.iter().enumerate().filter_map(|(index, name)| Some((name.clone(), value(index)?)));
                rows.push((name.clone(), record.collect()));
            }
        }
    }
    rows
}

/// The ids of everything that is of a user, or names something that is, and the tables that it is in.
fn traces(rows: &[(String, Record)], user: &User) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut traces = BTreeSet::from([user.id.clone(), user.username.clone(), user.public_key.clone()]);
    loop {
        let before = traces.len();
        let hers = rows.iter().filter(|(_, record)| record.values().any(|value| traces.contains(value)));
        let ids: Vec<String> = hers
            .clone()
            .flat_map(|(_, record)| ["id", "key", "object"].map(|name| record.get(name).cloned()))
            .flatten()
            .collect();
        let tables = hers.map(|(table, _)| table.clone()).collect();
        traces.extend(ids);
        if traces.len() == before {
            return (traces, tables);
        }
    }
}

/// Alice with something in every table, much of it shared with Bob, who has things of his own.
async fn alice_with_everything(server: &Server) -> (User, User) {
    let (alice, bob, to_bob, _) = encryption_spaces::connected(server).await;
    let carlos = server.sign_up("carlos").await;
    server.connect(&bob, &carlos).await;
    server.post(&alice, "/keystore/key_encryption_key", json!({ "serialized_key_encryption_key": SEALED })).await.ok();
    let dek = json!({ "serialized_data_encryption_key": SEALED });
    server.post(&alice, "/keystore/data_encryption_keys", dek).await.ok();
    server.put(&alice, "/keystore/session/half", json!({ "half": "A".repeat(43) })).await.ok();
    let pair = json!({ "public_key": alice.public_key, "encrypted_serialized_key": SEALED, "metadata": {},
        "external_identifiers": ["auth"] });
    let token = &alice.keystore_token;
    server.call_once("a-key", "POST", "/keystore/keypairs", token, pair).await.ok();
    let (salt, verifier) = srp_client::registration("a-second-name", "printed");
    let printed = json!({ "username": "a-second-name", "srp_salt": salt, "srp_verifier": verifier,
        "serialized_key_encryption_key": SEALED });
    let recovery = json!({ "proof": server.proof(&alice.username, "passphrase").await, "recovery_key": printed });
    server.call("PUT", "/keystore/recovery_key", None, Some(recovery)).await.ok();
    server.proof(&alice.username, "passphrase").await;
    server.admission_token(&alice).await;

    let space = encryption_spaces::space(server, &alice, &bob, &to_bob).await;
    let address = encryption_spaces::address(&space);
    let claim = encryption_spaces::claim(server, &bob, "bob", &address, 0).await;
    server.post(&bob, &encryption_spaces::path(&space), claim).await.ok();

    let node = json!({ "classification_node": { "classification_scheme_name": "tag", "label": "Fast" } });
    let node = server.post(&alice, "/vault/classification_nodes", node).await.ok()["classification_node"].clone();
    let template = json!({ "label": "Bicycle", "slots_attributes": [{ "label": "Frame" }] });
    server.post(&alice, "/vault/item_templates", template).await.ok();
    let classified = json!([{ "id": node["id"] }]);
    let slots = json!([{ "name": "frame", "encrypted_value": SEALED, "classification_nodes_attributes": classified }]);
    let body = json!({ "template_name": "bicycle", "item": { "label": "Brompton", "slots_attributes": slots,
        "classification_nodes_attributes": classified } });
    let token = &alice.vault_token;
    let item = server.call_once("another-key", "POST", "/vault/items", token, body).await.ok();
    let proof = json!({ "onsharing_permitted": true, "proof": "signed" });
    server.share(&alice, &item, &bob, proof).await.ok();
    let received = server.get(&bob, "/vault/items?own=false").await.ok()["items"][0]["id"].clone();
    let received = server.get(&bob, &format!("/vault/items/{}", text(&received))).await.ok();
    server.share(&bob, &received, &carlos, json!({})).await.ok();
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    server.put(&alice, &path, json!({ "item": { "label": "Moulton" } })).await.ok();
    let of_bob = server.make_item(&bob).await;
    server.share(&bob, &of_bob, &alice, json!({})).await.ok();
    let car = server.make_item(&alice).await;
    encryption_spaces::share(server, &alice, &bob, &car, json!({})).await.ok();
    let attachment = server.attach(&alice, &[b"first ", b"second"]).await;
    let house = server.item_with(&alice, &attachment).await;
    server.share(&alice, &house, &bob, json!({})).await.ok();
    server.begin_upload(&alice, json!({ "filename": "b", "content_type": "" })).await;
    let mut mailed = invitation(&alice);
    mailed["invitation"]["email"] = json!("someone@example.org");
    server.post(&alice, "/vault/invitations", mailed).await.ok();
    (alice, bob)
}

async fn assert_gone(server: &Server, traces: &BTreeSet<String>) {
    for (table, record) in all_rows(server).await {
        for (column, value) in &record {
            let trace = traces.iter().find(|trace| value.contains(trace.as_str()));
            assert!(trace.is_none(), "{table}.{column} still has {trace:?}: {record:?}");
        }
    }
    assert_eq!(files::objects(server), 0);
}

#[tokio::test]
async fn nothing_of_a_deleted_user_is_left_in_any_table_or_in_storage() {
    for is_queued in [false, true] {
        // So that usage is counted.
        let limits = Limits { quota_items: 1000, ..Limits::default() };
        let folder = Folder::new().unwrap();
        let config = Config { limits, ..Config::new(folder.path()) };
        let server = Server(testing::server(config, folder).await.unwrap());
        let (alice, bob) = alice_with_everything(&server).await;
        let rows = all_rows(&server).await;
        let (traces, tables) = traces(&rows, &alice);
        let known: BTreeSet<&str> = tables.iter().map(String::as_str).chain(OF_NOBODY).collect();
        let unknown: BTreeSet<_> =
            rows.iter().map(|(table, _)| table.as_str()).filter(|table| !known.contains(table)).collect();
        assert_eq!(unknown, BTreeSet::from(["vault.deleted_objects"]), "these have nothing of Alice to be deleted");
        assert!(traces.len() > 40 && files::objects(&server) > 0);
        let of_bob: Vec<_> =
            rows.iter().filter(|(_, record)| !record.values().any(|value| traces.contains(value))).collect();
        assert!(of_bob.iter().any(|(table, _)| table == "vault.items"));

        if is_queued {
            server.post(&alice, QUEUE, json!({})).await.ok();
            server.0.clock().advance(*Limits::default().deletion);
        } else {
            server.delete(&alice, "/vault/me").await.ok();
        }
        server.0.clear_expired().await.unwrap();
        // Files outlast their rows, for whoever is reading one.
        server.0.clock().advance(Duration::from_secs(2 * 60 * 60));
        server.0.clear_expired().await.unwrap();
        assert_gone(&server, &traces).await;

        let bob = server.sign_in_to_vault(bob).await;
        let items = server.get(&bob, "/vault/items").await.ok();
        let ids: Vec<_> = items["items"].as_array().unwrap().iter().map(|item| text(&item["owner_id"])).collect();
        assert!(ids.iter().eq([&bob.id]), "{ids:?}");
        assert_eq!(server.get(&bob, "/vault/connections").await.ok()["connections"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_deleted_users_name_is_nobodys() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    server.delete(&alice, "/vault/me").await.ok();
    assert_eq!(server.register(&alice.username).await.refused(400), "username_taken");
    server.sign_in_to_keystore(&alice.username).await.refused(401);
    // By the operator, too.
    server.register("half-way").await.ok();
    server.0.delete_user("half-way").await.unwrap();
    assert_eq!(server.register("half-way").await.refused(400), "username_taken");
    server.register("someone").await.ok();
}

#[tokio::test]
async fn the_keystore_queues_too_and_keys_never_go_before_what_they_open() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let queued = server.post(&alice, KEYSTORE_QUEUE, json!({})).await.ok()["deletion_queue_item"].clone();
    server.0.clock().advance(MINUTE);
    assert_eq!(server.post(&alice, KEYSTORE_QUEUE, json!({})).await.ok()["deletion_queue_item"], queued);
    server.post(&bob, KEYSTORE_QUEUE, json!({})).await.ok();
    assert!(server.delete(&bob, KEYSTORE_QUEUE).await.status.is_success());
    // Who stopped half-way is no user of the Vault.
    for name in ["half-way", "other-half"] {
        server.register(name).await.ok();
        let session = server.sign_in_to_keystore(name).await.ok();
        let token = text(&session["session"]["session_authentication_string"]);
        server.call("POST", KEYSTORE_QUEUE, Some(&token), Some(json!({}))).await.ok();
        if name == "other-half" {
            server.call("DELETE", KEYSTORE_QUEUE, Some(&token), None).await;
        }
    }
    server.0.clock().advance(*Limits::default().deletion);
    server.0.clear_expired().await.unwrap();
    for (name, status) in [(&*alice.username, 201), (&*bob.username, 201), ("half-way", 401), ("other-half", 201)] {
        assert_eq!(server.sign_in_to_keystore(name).await.status.as_u16(), status, "{name}");
    }
    let alice = server.sign_in_to_vault(alice).await;
    server.delete(&alice, "/vault/me").await.ok();
    server.sign_in_to_keystore(&alice.username).await.refused(401);
}

#[tokio::test]
async fn at_once_a_user_is_deleted_by_whoever_has_just_signed_in() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    server.0.clock().advance(11 * MINUTE);
    let limited = server.post(&alice, "/vault/session/limited_in_time", json!({})).await.ok();
    let limited = User { vault_token: text(&limited["user_access_token"]["token"]), ..alice.clone() };
    for old in [&alice, &limited] {
        assert_eq!(server.delete(old, "/vault/me").await.refused(403), "sign_in_not_recent");
        server.get(old, "/vault/me").await.ok();
    }
    // Which is taken back by whoever finds it.
    server.post(&limited, QUEUE, json!({})).await.ok();
    assert!(server.delete(&alice, QUEUE).await.status.is_success());
    let alice = server.sign_in_to_vault(alice).await;
    server.delete(&alice, "/vault/me").await.ok();
}

#[tokio::test]
async fn nobody_without_a_session_queues_anything() {
    let server = server().await;
    for (method, path) in [("POST", QUEUE), ("DELETE", QUEUE), ("POST", KEYSTORE_QUEUE), ("DELETE", KEYSTORE_QUEUE)] {
        let body = (method == "POST").then(|| json!({}));
        assert_eq!(server.call(method, path, None, body.clone()).await.refused(401), "not_authorized");
        assert_eq!(server.call(method, path, Some("of nobody"), body).await.refused(401), "not_authorized");
    }
}
