//! What requests ask of the database: as many statements for a thousand rows as for one, and each page found by an
//! index. Both are counted and explained, not timed.

use axum::http::Method;
use serde_json::json;
use vaultshare_server::{Config, Limits, testing};

use crate::common::{
    self, SEALED, Server, User, server,
    statements::{Database, Watched, watched},
};

/// Every list there is, by who asks for it, and what in it grows with its rows.
const LISTS: [(&str, &str, &str); 26] = [
    ("alice", "/vault/items", "items"),
    ("alice", "/vault/fast_items", "items"),
    ("bob", "/vault/items", "items"),
    ("bob", "/vault/incoming_shares", "shares"),
    ("alice", "/vault/outgoing_shares", "shares"),
    ("alice", "/vault/items/{item}/shares", "shares"),
    ("alice", "/vault/connections", "connections"),
    ("alice", "/vault/fast_connections", "connections"),
    ("alice", "/vault/invitations", "invitations"),
    ("alice", "/vault/item_templates", "item_templates"),
    ("alice", "/vault/fast_item_templates", "item_templates"),
    ("alice", "/vault/classification_nodes", "classification_nodes"),
    ("alice", "/vault/fast_classification_nodes", "classification_nodes"),
    ("alice", "/vault/key_store/public_keys", "public_keys"),
    ("alice", "/vault/client_task_queue", "client_tasks"),
    ("alice", "/vault/client_task_queue?change_state=true&state=todo&state=in_progress", "client_tasks"),
    ("alice", "/vault/shares", "shares"),
    ("bob", "/vault/shares/incoming", "shares"),
    ("alice", "/vault/shares/outgoing", "shares"),
    ("bob", "/vault/items/incoming", "items"),
    ("bob", "/vault/shared/items/outgoing", "shares"),
    ("alice", "/vault/attachments", "attachments"),
    ("alice", "/vault/items", "attachments"),
    ("bob", "/vault/items", "attachments"),
    ("bob", "/vault/items", "thumbnails"),
    ("alice", "/vault/fast_items", "thumbnails"),
];

/// Lists that are asked for certain rows only.
const FILTERED: [(&str, &str); 6] = [
    ("alice", "/vault/items?own=true"),
    ("bob", "/vault/items?own=false"),
    ("alice", "/vault/items?item_ids="),
    ("bob", "/vault/incoming_shares?share_ids="),
    ("alice", "/vault/outgoing_shares?item_ids="),
    ("alice", "/vault/classification_nodes?own=true"),
];

/// Alice and Bob with `rows` of everything that is listed, in a database with as much of other people's.
struct World {
    server: Server,
    database: Database,
    alice: User,
    bob: User,
}

impl World {
    async fn new() -> Self {
        Self::on(server().await).await
    }

    async fn on(server: Server) -> Self {
        let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
        server.connect(&alice, &bob).await;
        let database = Database::open(&server).await;
        Self { server, database, alice, bob }
    }

    /// Adds rows to every list, under numbers that were not used before.
    async fn add(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.database.add_row_to_every_list(number, &self.alice.id, &self.bob.id).await;
        }
    }

    async fn get(&self, who: &str, path: &str) -> (serde_json::Value, Watched) {
        let user = if who == "alice" { &self.alice } else { &self.bob };
        let (reply, watched) = watched(self.server.get(user, &path.replace("{item}", "item-0"))).await;
        (reply.ok(), watched)
    }
}

#[tokio::test]
async fn a_list_takes_as_many_statements_for_many_rows_as_for_few() {
    let world = World::new().await;
    world.add(0..2).await;
    let mut few = Vec::new();
    for (who, path, rows) in LISTS {
        let (reply, watched) = world.get(who, path).await;
        assert!(watched.statements.len() > 1, "{path}: the session and the list at least");
        few.push((watched.statements.len(), reply[rows].as_array().unwrap().len()));
    }
    world.database.put_tasks_back().await;
    world.add(2..30).await;
    for ((who, path, rows), (statements, length)) in LISTS.into_iter().zip(few) {
        let (reply, watched) = world.get(who, path).await;
        assert!(reply[rows].as_array().unwrap().len() >= length + 28, "{path}");
        assert_eq!(watched.statements.len(), statements, "{path}: {:#?}", watched.statements);
    }
}

#[tokio::test]
async fn every_page_begins_where_an_index_says_and_nothing_is_read_through() {
    let world = World::new().await;
    world.add(0..3).await;
    let ids = |prefix: &str| (0..50).map(|number| format!("{prefix}-{number}")).collect::<Vec<_>>().join(",");
    let mut lists: Vec<(&str, String)> = LISTS.map(|(who, path, _)| (who, path.to_owned())).to_vec();
    lists.extend(FILTERED.map(|(who, path)| match path.rsplit_once('=').unwrap() {
        (_, "") => (who, format!("{path}{}", ids(if path.contains("share_ids") { "share" } else { "item" }))),
        _ => (who, path.to_owned()),
    }));
    for path in ["incoming_shares/share-0/item", "shares/space-share-0", "direct/attachments/attachment-0"] {
        lists.push(("bob", format!("/vault/{path}")));
    }
    lists.push(("alice", "/vault/direct/attachments/uploads".to_owned()));
    for (who, path) in lists {
        let (_, watched) = world.get(who, &path).await;
        for statement in &watched.statements {
            let plan = world.database.explain(statement).await;
            let is_page = statement.contains("LIMIT ?");
            // Rows that are asked for by ids are found by these, however many their user has, and sorted afterwards.
            let by_ids = path.contains("_ids=");
            for step in &plan {
                assert!(!step.starts_with("SCAN") || is_of_values(step), "{path}: {step} in {statement}");
                if is_page && by_ids {
                    let found_by_ids = step.contains("(id=?") || step.contains("(item_id=?");
                    assert!(found_by_ids || !step.starts_with("SEARCH"), "{path}: {step} in {statement}");
                } else if is_page {
                    assert!(!step.contains("TEMP B-TREE"), "{path}: {step} in {statement}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_deep_page_of_ten_thousand_items_takes_the_statements_of_the_first_and_misses_nothing() {
    let world = World::new().await;
    world.database.add_items(10_000, &world.alice.id).await;
    let mut path = "/vault/items?per_page=1000".to_owned();
    let (mut seen, mut statements) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    loop {
        let (reply, watched) = world.get("alice", &path).await;
        seen.extend(reply["items"].as_array().unwrap().iter().map(|item| common::text(&item["id"])));
        statements.insert(watched.statements);
        match reply["next_page_after"].as_str() {
            Some(next) => path = format!("/vault/items?per_page=1000&next_page_after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 10_000);
    assert_eq!(statements.len(), 1, "each page is asked for in the very same words");
}

/// Whether a scan is one of the values that came with the statement, or of what a part of it found by an index.
fn is_of_values(scan: &str) -> bool {
    let tables = [
        "asked",
        "changes",
        "counted",
        "deks",
        "grants",
        "links",
        "parents",
        "recipients",
        "sent",
        "signatures",
        "successors",
    ];
    ["VALUES CLAUSE", "CONSTANT ROW"].iter().any(|of| scan.contains(of))
        || tables.iter().any(|table| scan == format!("SCAN {table}"))
}

#[tokio::test]
async fn writing_takes_as_many_statements_for_twenty_slots_as_for_two_and_finds_all_by_an_index() {
    let world = World::new().await;
    let World { server, alice, bob, .. } = &world;
    let slots = |count: usize, value: &str| -> Vec<_> {
        (0..count).map(|slot| json!({ "name": format!("slot {slot}"), "encrypted_value": value })).collect()
    };
    let mut counts = Vec::new();
    for count in [2, 20] {
        let body = json!({ "template_name": "custom", "skip_empty_template_slots": true,
            "item": { "label": "Many", "slots_attributes": slots(count, SEALED) } });
        let (item, made) = watched(server.post(alice, "/vault/items", body)).await;
        let item = item.ok();
        assert_eq!(item["slots"].as_array().unwrap().len(), count);
        for read_back in ["FROM items", "FROM slots JOIN items", "MAX(ordinal)"] {
            let is_read = made.statements.iter().any(|statement| statement.contains(read_back));
            assert!(!is_read, "{read_back} of an item that was just inserted: {:#?}", made.statements);
        }
        let path = format!("/vault/items/{}", common::text(&item["item"]["id"]));
        let body = json!({ "item": { "slots_attributes": slots(count, "Aes256Gcm.bmV3.QUFBQQ==") } });
        let (changed, change) = watched(server.put(alice, &path, body)).await;
        assert_eq!(changed.ok()["slots"][count - 1]["encrypted_value"], "Aes256Gcm.bmV3.QUFBQQ==");
        let (shared, share) = watched(server.share(alice, &item, bob, json!({}))).await;
        let share_id = shared.ok()["shares"][0]["id"].clone();
        let received = server.get(bob, &format!("/vault/incoming_shares/{}/item", common::text(&share_id))).await.ok();
        assert_eq!(received["slots"].as_array().unwrap().len(), count);
        let values = item["slots"].as_array().unwrap().iter().map(|slot| {
            json!({ "share_id": share_id, "slot_id": slot["id"], "encrypted_value": SEALED,
                "encrypted_value_verification_key": SEALED, "value_verification_hash": "ab".repeat(32) })
        });
        let body = json!({ "share_deks": [{ "share_id": share_id, "dek": common::DEK }],
            "slot_values": values.collect::<Vec<_>>() });
        let (refreshed, refresh) = watched(server.put(alice, &format!("{path}/shares"), body)).await;
        assert_eq!(refreshed.ok()["shares"][0]["id"], share_id);
        let all = [made, change, share, refresh];
        for statement in all.iter().flat_map(|watched| &watched.statements) {
            for step in world.database.explain(statement).await {
                assert!(!step.starts_with("SCAN") || is_of_values(&step), "{step} in {statement}");
            }
        }
        counts.push(all.map(|watched| watched.statements.len()));
    }
    let [few, many] = counts.try_into().unwrap();
    for (few, many) in few.into_iter().zip(many) {
        assert_eq!(few, many, "statements for two slots and for twenty");
    }
}

/// Every request that changes many records: what it is, and the statements it takes for `count` of them.
async fn changes_of(count: usize) -> Vec<(&'static str, Watched)> {
    let world = World::new().await;
    world.add(0..count).await;
    let World { server, alice, bob, .. } = &world;
    server.sql("vault", "UPDATE connections SET encryption_space_id = 'space'").await;
    let each = |make: fn(usize) -> serde_json::Value| (0..count).map(make).collect::<Vec<_>>();
    let nodes = || {
        let named = (0..count).map(|node| json!({ "scheme": "tag", "label": format!("New {node}") }));
        let known = (0..count).map(|node| json!({ "id": format!("node-{node}") }));
        named.chain(known).collect::<Vec<_>>()
    };
    let slots = |nodes: fn(usize) -> serde_json::Value| {
        (0..count).map(
            move |slot| json!({ "name": format!("slot {slot}"), "classification_nodes_attributes": [nodes(slot)] }),
        )
    };
    let classified = |change: serde_json::Value| json!({ "item": change });
    let tasks = each(|task| json!({ "id": format!("task-{task}"), "state": "done", "report": { "ok": true } }));
    let shares = each(|share| {
        json!({ "share_id": format!("share-{share}"), "onsharing_permitted": false, "grant": "x",
            "expires_at": "9000-01-01T00:00:00Z" })
    });
    let space_share = |kind: &str, id: String, slot: usize| {
        let values = json!({ format!("slot-{slot}"): SEALED }).to_string();
        json!({ "shareable_type": kind, "shareable_id": id, "user_id": bob.id, "encrypted_values": values })
    };
    let known = (0..count).map(|item| space_share("Item", format!("item-{item}"), item));
    let new = (0..count).map(|slot| space_share("Slot", format!("slot-{slot}"), slot));
    let space_changes = each(|share| {
        json!({ "id": format!("space-share-{share}"), "note": "x", "expires_at": null,
            "encrypted_values": { format!("slot-{share}"): SEALED } })
    });
    let ended = each(|share| json!(format!("share-{share}")));
    let names = each(|name| json!(format!("name-{name}")));
    let key = json!({ "public_key": "PEM", "encrypted_serialized_key": SEALED, "external_identifiers": names });

    let mut done = Vec::new();
    let mut watch = async |what, method: &str, path: &str, user: &User, body: serde_json::Value| {
        let (reply, statements) = watched(server.call(method, path, Some(user.token(path)), Some(body))).await;
        assert!(reply.status.is_success(), "{what}: {}", reply.body);
        done.push((what, statements));
    };
    let path = "/vault/items/item-0";
    let body = classified(json!({ "classification_nodes_attributes": nodes() }));
    watch("nodes of an item", "PUT", path, alice, body).await;
    let new_nodes = slots(|slot| json!({ "scheme": "tag", "label": format!("Of slot {slot}") }));
    let body = classified(json!({ "slots_attributes": new_nodes.collect::<Vec<_>>() }));
    watch("nodes of slots", "PUT", path, alice, body).await;
    let gone = each(|node| json!({ "id": format!("node-{node}"), "_destroy": true }));
    let body = classified(json!({ "classification_nodes_attributes": gone }));
    watch("nodes that are taken away", "PUT", path, alice, body).await;
    watch("tasks", "PUT", "/vault/client_task_queue", alice, json!({ "client_tasks": tasks })).await;
    watch("shares", "PUT", "/vault/shares", alice, json!({ "shares": shares })).await;
    let body = json!({ "shares": known.chain(new).collect::<Vec<_>>() });
    watch("shares in spaces", "POST", "/vault/shares", alice, body).await;
    watch("changes in spaces", "PUT", "/vault/shares", alice, json!({ "shares": space_changes })).await;
    watch("names of a key pair", "POST", "/keystore/keypairs", alice, key).await;
    watch("ended shares", "PATCH", "/vault/shares", alice, json!({ "shares_to_delete": ended })).await;
    world.add(100..100 + count).await;
    server.sql("vault", "UPDATE shares SET expires_at = 1 WHERE id NOT LIKE 'share-of-first%'").await;
    watch("expired shares", "GET", "/vault/incoming_shares", bob, json!({})).await;
    world.add(200..200 + count).await;
    watch("a user who leaves", "DELETE", "/vault/me", bob, json!({})).await;

    for statement in done.iter().flat_map(|(_, watched)| &watched.statements) {
        // Of the Keystore's there is none that looks for more than one row; of the users who left, a queue that is soon
        // empty, all are read.
        if !["key_pair", "keypair", "FROM departed_users", "username"].iter().any(|of| statement.contains(of)) {
            for step in world.database.explain(statement).await {
                assert!(!step.starts_with("SCAN") || is_of_values(&step), "{step} in {statement}");
            }
        }
    }
    done
}

#[tokio::test]
async fn a_change_takes_as_many_statements_for_twenty_records_as_for_two() {
    let (few, many) = (changes_of(2).await, changes_of(20).await);
    for ((what, few), (_, many)) in few.into_iter().zip(many) {
        assert_eq!(few.statements.len(), many.statements.len(), "{what}: {:#?}", many.statements);
    }
}

#[tokio::test]
async fn a_block_takes_as_many_statements_whatever_there_is_and_a_list_as_many_for_twenty_as_for_two() {
    let mut counts = Vec::new();
    for count in [2, 20] {
        let folder = testing::Folder::new().unwrap();
        let limits = Limits { quota_file_bytes: 1 << 30, ..Limits::default() };
        let config = Config { limits, ..Config::new(folder.path()) };
        let world = World::on(Server(testing::server(config, folder).await.unwrap())).await;
        world.add(0..count).await;
        let World { server, alice, .. } = &world;
        let upload = server.begin_upload(alice, json!({ "filename": "x" })).await;
        let ids: Vec<String> = (0..count).map(common::files::block_id).collect();
        for id in &ids {
            server.put_block(&upload, id, "x").await;
        }
        let (replaced, block) = watched(server.put_block(&upload, &ids[0], "xx")).await;
        let (committed, list) = watched(server.commit(&upload, &ids)).await;
        let (again, repeated) = watched(server.commit(&upload, &ids)).await;
        assert_eq!([replaced.status, committed.status, again.status].map(|status| status.as_u16()), [201; 3]);
        let artifact = server.upload(alice, json!({ "filename": "y" }), &[b"{}"]).await;
        let (attached, attach) = watched(server.create_attachment(alice, &upload, &artifact)).await;
        let url = common::text(&attached.ok()["attachment"]["main"]["url"]);
        let (read, reading) = watched(server.fetch(Method::GET, &url, &[], "")).await;
        assert_eq!(read.bytes.len(), count + 1);
        let (deleted, deletion) = watched(server.delete(alice, "/vault/direct/attachments/attachment-0")).await;
        assert_eq!(deleted.status, 204);
        server.0.clock().advance(*Limits::default().unused_files * 2);
        let (cleared, clearing) = watched(server.0.clear_expired()).await;
        cleared.unwrap();
        let all = [block, list, repeated, attach, reading, deletion];
        let of_files = |statement: &&String| ["blob", "attachments"].iter().any(|of| statement.contains(of));
        // Housekeeping looks through all attachments, without keeping anybody from writing.
        let clearing = clearing.statements.iter().filter(of_files);
        let clearing =
            clearing.filter(|statement| !statement.starts_with("SELECT id FROM attachments WHERE 1 = 1 AND id >"));
        for statement in all.iter().flat_map(|watched| &watched.statements).chain(clearing) {
            for step in world.database.explain(statement).await {
                assert!(!step.starts_with("SCAN") || is_of_values(&step), "{step} in {statement}");
            }
        }
        counts.push(all.map(|watched| watched.statements.len()));
    }
    assert_eq!(counts[0], counts[1], "statements for two blocks and for twenty");
}

#[tokio::test]
async fn whether_a_share_has_expired_is_asked_with_the_session() {
    let world = World::new().await;
    world.add(0..2).await;
    let (reply, watched) = world.get("bob", "/vault/incoming_shares").await;
    assert_eq!(reply["shares"].as_array().unwrap().len(), 2);
    let asks: Vec<_> = watched.statements.iter().filter(|text| text.contains("shares WHERE expires_at <=")).collect();
    assert!(asks.len() == 1 && asks[0].contains("FROM sessions"), "{:#?}", watched.statements);
    let sessions = watched.statements.iter().filter(|statement| statement.contains("FROM sessions"));
    assert_eq!(sessions.count(), 1, "{:#?}", watched.statements);
    world.server.sql("vault", "UPDATE shares SET expires_at = 1 WHERE id = 'share-0'").await;
    let (reply, _) = world.get("bob", "/vault/incoming_shares").await;
    assert_eq!(reply["shares"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn items_are_counted_and_found_by_their_indexes() {
    let world = World::on(Server(testing::fresh_server_on_files().await.unwrap())).await;
    world.add(0..3).await;
    for (who, path, index) in [
        ("alice", "/vault/item_templates", "COVERING INDEX items_by_template"),
        ("alice", "/vault/items?name=item", "items_by_name (user_id=? AND name=?"),
        ("alice", "/vault/items?own=true", "items_of_their_own"),
        ("bob", "/vault/items?own=false", "items_received"),
        ("alice", "/vault/client_task_queue?state=todo", "client_tasks_by_state"),
    ] {
        let (_, watched) = world.get(who, path).await;
        let mut steps = Vec::new();
        for statement in &watched.statements {
            steps.extend(world.database.explain(statement).await);
        }
        assert!(steps.iter().any(|step| step.contains(index)), "{path}: {steps:#?}");
    }
}

#[tokio::test]
async fn what_a_quota_has_to_know_is_found_by_the_item_that_is_written() {
    let folder = testing::Folder::new().unwrap();
    let limits = Limits { quota_items: 1000, quota_bytes: 1 << 30, ..Limits::default() };
    let config = Config { limits, ..Config::new(folder.path()) };
    let world = World::on(Server(testing::server(config, folder).await.unwrap())).await;
    // All is counted once.
    world.server.make_item(&world.alice).await;
    world.add(0..3).await;
    let (item, watched) = watched(world.server.make_item(&world.alice)).await;
    let counting = watched.statements.iter().filter(|statement| statement.contains("AS parts"));
    let plans: Vec<_> = counting.map(|statement| world.database.explain(statement)).collect();
    assert_eq!(plans.len(), 2, "before and after");
    for plan in plans {
        for step in plan.await {
            let of_user = ["user_id=", "owner_id=", "sender_id=", "recipient_id="].iter().any(|of| step.contains(of));
            assert!(!of_user && (!step.starts_with("SCAN") || step == "SCAN parts"), "{step}");
        }
    }
    assert_eq!(item["item"]["own"], true);
}
