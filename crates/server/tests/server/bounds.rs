//! What a request may have of anything, and that each bound is told: the table of docs/protocol/http-api.md §1.9.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::common::{self, DEK, Reply, SEALED, Server, User, server, statements::Database, text};

const KIB: usize = 1024;

/// Checks that a reply refuses a field of the request, for this reason, and says the bound.
#[track_caller]
fn refuses(reply: Reply, code: &str, field: &str, bound: &str) {
    let error = reply.body["errors"][0].clone();
    assert_eq!(reply.refused(400), code, "{field}: {error}");
    assert_eq!(error["extra_info"]["field"], field, "{error}");
    assert!(error["message"].as_str().unwrap().contains(bound), "{bound}: {error}");
}

fn many<T>(count: usize, make: impl Fn(usize) -> T) -> Vec<T> {
    (0..count).map(make).collect()
}

fn ids(count: usize) -> Vec<Value> {
    many(count, |number| json!({ "id": format!("id-{number}") }))
}

#[tokio::test]
async fn a_list_in_a_query_has_200_values_and_what_is_repeated_is_one() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for (path, list) in [
        ("/vault/items", "item_ids"),
        ("/vault/items", "template_ids"),
        ("/vault/items", "template_ids[]"),
        ("/vault/items", "classification_node_names"),
        ("/vault/items", "classification_node_name"),
        ("/vault/fast_items", "template_ids"),
        ("/vault/incoming_shares", "share_ids"),
        ("/vault/incoming_shares", "acceptance_required"),
        ("/vault/outgoing_shares", "item_ids"),
        ("/vault/client_task_queue", "state"),
        ("/vault/invitations", "state"),
    ] {
        let ask = async |values: Vec<String>| server.get(&alice, &format!("{path}?{list}={}", values.join(","))).await;
        refuses(ask(many(201, |value| value.to_string())).await, "too_many_values", list, "200");
        ask(many(200, |value| value.to_string())).await.ok();
        ask(many(5_000, |value| (value % 7).to_string())).await.ok();
        let repeated = many(201, |value| format!("{list}={value}")).join("&");
        refuses(server.get(&alice, &format!("{path}?{repeated}")).await, "too_many_values", list, "200");
    }
}

#[tokio::test]
async fn a_text_in_a_query_is_no_longer_than_a_name() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for (path, parameter) in [
        ("/vault/classification_nodes", "name"),
        ("/vault/classification_nodes", "scheme_name"),
        ("/vault/item_templates", "like"),
        ("/vault/items", "name"),
        ("/vault/items", "item_ids"),
        ("/vault/client_task_queue", "work_type"),
        ("/vault/invitations", "token"),
    ] {
        let ask = async |bytes: usize| server.get(&alice, &format!("{path}?{parameter}={}", "x".repeat(bytes))).await;
        ask(4_000).await.ok();
        refuses(ask(4_001).await, "text_too_long", parameter, "4000");
        refuses(ask(60_000).await, "text_too_long", parameter, "4000");
    }
}

#[tokio::test]
async fn an_id_in_a_path_that_is_no_text_is_refused_in_the_protocols_form() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for path in ["/vault/items/%ff", "/vault/slots/%c3%28", "/vault/invitations/%00", "/keystore/keypairs/%ff"] {
        assert_eq!(server.get(&alice, path).await.refused(404), "unknown_endpoint", "{path}");
    }
    server.delete(&alice, "/vault/shares/%ff").await.refused(404);
}

/// Where there is a NUL, PostgreSQL would fail.
#[tokio::test]
async fn no_text_has_a_nul() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let item = |label: &str| json!({ "template_name": "vehicle", "item": { "label": label } });
    assert_eq!(server.post(&alice, "/vault/items", item("a\0b")).await.refused(400), "invalid_text");
    server.post(&alice, "/vault/items", item("a\\u0000b")).await.ok();
    let name = json!({ "username": "a\0b", "srp_a": "ff" });
    server.call("POST", "/keystore/srp/challenges", None, Some(name)).await.refused(400);
    for query in ["name=%00", "item_ids=a,%00"] {
        assert_eq!(server.get(&alice, &format!("/vault/items?{query}")).await.refused(400), "invalid_text", "{query}");
    }
}

#[tokio::test]
async fn who_has_no_session_sends_16_kib_and_no_more() {
    let server = server().await;
    let routes = [
        "/keystore/srp/username",
        "/keystore/srp/users",
        "/keystore/srp/challenges",
        "/keystore/srp/session",
        "/vault/me",
        "/vault/session",
    ];
    for path in routes {
        let send = async |bytes: usize| {
            let request = Request::post(path).header("content-type", "application/json");
            server.send(request.body(Body::from(vec![b' '; bytes])).unwrap()).await
        };
        let reply = send(16 * KIB + 1).await;
        assert!(reply.body["errors"][0]["message"].as_str().unwrap().contains("16384 bytes"), "{}", reply.body);
        assert_eq!(reply.refused(413), "body_too_large", "{path}");
        assert_ne!(send(16 * KIB).await.status, 413, "{path}");
    }
}

#[tokio::test]
async fn large_bodies_are_for_items_and_shares_alone() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let send = async |method: &'static str, path: &str, bytes: usize| {
        let request = Request::builder().method(method).uri(path).header("authorization", alice.token(path));
        let request = request.header("content-type", "application/json");
        server.send(request.body(Body::from(vec![b' '; bytes])).unwrap()).await
    };
    for (method, path) in [
        ("PUT", "/vault/me"),
        ("POST", "/vault/item_templates"),
        ("POST", "/vault/classification_nodes"),
        ("POST", "/vault/invitations"),
        ("POST", "/vault/invitations/lookup"),
        ("POST", "/vault/connections"),
        ("POST", "/vault/connections/x/encryption_space"),
        ("POST", "/vault/key_store/public_keys"),
        ("PUT", "/vault/client_task_queue"),
        ("POST", "/vault/session/limited_in_time"),
        ("POST", "/keystore/session/limited_in_time"),
        ("PUT", "/keystore/session/half"),
        ("POST", "/keystore/keypairs"),
        ("PATCH", "/keystore/keypairs/x"),
        ("POST", "/keystore/key_encryption_key"),
        ("POST", "/keystore/data_encryption_keys"),
        ("POST", "/keystore/encryption_spaces"),
        ("POST", "/keystore/shared_keys"),
        ("POST", "/keystore/shared_keys/x/claim_key"),
    ] {
        assert_eq!(send(method, path, 256 * KIB + 1).await.refused(413), "body_too_large", "{method} {path}");
        assert_ne!(send(method, path, 256 * KIB).await.status, 413, "{method} {path}");
    }
    for (method, path) in [
        ("POST", "/vault/items"),
        ("PUT", "/vault/items/x"),
        ("PUT", "/vault/slots/x"),
        ("POST", "/vault/items/x/shares"),
        ("PUT", "/vault/items/x/shares"),
        ("POST", "/vault/shares"),
        ("PUT", "/vault/shares"),
        ("PATCH", "/vault/shares"),
    ] {
        assert_eq!(send(method, path, 8 * KIB * KIB + 1).await.refused(413), "body_too_large", "{method} {path}");
        assert_ne!(send(method, path, 8 * KIB * KIB).await.status, 413, "{method} {path}");
    }
}

/// What takes three bytes to send takes hundreds to keep: it is counted before it is read.
#[tokio::test]
async fn a_body_has_so_many_values_and_no_more() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let send = async |list: String| {
        let body = format!(r#"{{"template_name":"custom","item":{{"label":"x","slots_attributes":[{list}{{}}]}}}}"#);
        let request = Request::post("/vault/items").header("authorization", alice.vault_token.as_str());
        server.send(request.header("content-type", "application/json").body(Body::from(body)).unwrap()).await
    };
    let reply = send("{},".repeat(2_700_000)).await;
    assert!(reply.body["errors"][0]["message"].as_str().unwrap().contains("250000"), "{}", reply.body);
    assert_eq!(reply.refused(400), "too_many_values");
    assert_eq!(send("{},".repeat(200_000)).await.refused(400), "too_many_slots");
}

#[tokio::test]
async fn every_list_of_a_body_has_a_bound() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let item = server.make_item(&alice).await;
    let shares = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let new_share = json!({ "recipient_id": "x", "public_key": "PEM", "encrypted_dek": DEK });
    let space_share = json!({ "shareable_type": "Item", "shareable_id": "x", "user_id": "y", "encrypted_values": {} });
    let share = |number: usize| json!({ "share_id": format!("id-{number}") });
    let task = |number: usize| json!({ "id": format!("id-{number}"), "state": "done" });
    let nodes = |count: usize| many(count, |number| json!({ "id": format!("id-{number}") }));
    let filled = |slot: usize| json!({ "name": format!("f{slot}"), "classification_nodes_attributes": nodes(50) });
    let values: serde_json::Map<_, _> =
        many(10_001, |number| (format!("id-{number}"), Value::Null)).into_iter().collect();
    for (method, path, body, code, field, bound) in [
        (
            "POST",
            "/vault/items",
            json!({ "template_name": "custom", "item": { "label": "x", "slots_attributes": ids(10_001) } }),
            "too_many_slots",
            "item.slots_attributes",
            "10000",
        ),
        (
            "PUT",
            "/vault/items/x",
            json!({ "item": { "slots_attributes": ids(10_001) } }),
            "too_many_slots",
            "item.slots_attributes",
            "10000",
        ),
        (
            "PUT",
            "/vault/items/x",
            json!({ "item": { "classification_nodes_attributes": nodes(101) } }),
            "too_many_classifications",
            "item.classification_nodes_attributes",
            "100",
        ),
        (
            "PUT",
            "/vault/slots/x",
            json!({ "classification_nodes_attributes": nodes(101) }),
            "too_many_classifications",
            "classification_nodes_attributes",
            "100",
        ),
        (
            "PUT",
            "/vault/items/x",
            json!({ "item": { "slots_attributes": many(21, filled) } }),
            "too_many_classifications",
            "item.slots_attributes",
            "1000",
        ),
        (
            "POST",
            "/vault/item_templates",
            json!({ "label": "x", "slots_attributes": ids(1_001) }),
            "too_many_slots",
            "slots_attributes",
            "1000",
        ),
        (
            "PUT",
            "/vault/client_task_queue",
            json!({ "client_tasks": many(1_001, task) }),
            "too_many_values",
            "client_tasks",
            "1000",
        ),
        (
            "POST",
            shares.as_str(),
            json!({ "shares": vec![new_share.clone(); 1_001] }),
            "too_many_values",
            "shares",
            "1000",
        ),
        (
            "PUT",
            shares.as_str(),
            json!({ "share_deks": many(5_001, |n| json!({ "share_id": format!("id-{n}"), "dek": DEK })) }),
            "too_many_values",
            "share_deks",
            "5000",
        ),
        (
            "PUT",
            shares.as_str(),
            json!({ "slot_values": vec![json!({}); 20_001] }),
            "too_many_values",
            "slot_values",
            "20000",
        ),
        (
            "PUT",
            shares.as_str(),
            json!({ "client_tasks": many(1_001, task) }),
            "too_many_values",
            "client_tasks",
            "1000",
        ),
        ("PUT", "/vault/shares", json!({ "shares": many(1_001, share) }), "too_many_values", "shares", "1000"),
        ("PUT", "/vault/shares", json!({ "shares": ids(101) }), "too_many_values", "shares", "100"),
        (
            "PATCH",
            "/vault/shares",
            json!({ "shares_to_delete": vec!["x"; 1_001] }),
            "too_many_values",
            "shares_to_delete",
            "1000",
        ),
        (
            "PATCH",
            "/vault/shares",
            json!({ "shares_to_reconfigure": many(1_001, share) }),
            "too_many_values",
            "shares_to_reconfigure",
            "1000",
        ),
        (
            "PATCH",
            "/vault/shares",
            json!({ "shares_to_create": vec![new_share; 1_001] }),
            "too_many_values",
            "shares_to_create",
            "1000",
        ),
        (
            "POST",
            "/vault/shares",
            json!({ "shares": vec![space_share.clone(); 101] }),
            "too_many_values",
            "shares",
            "100",
        ),
        (
            "PUT",
            "/vault/shares",
            json!({ "shares": [{ "id": "x", "encrypted_values": values }] }),
            "too_many_values",
            "shares[0].encrypted_values",
            "10000",
        ),
        (
            "POST",
            &format!("/vault/items/{}/encrypt", text(&item["item"]["id"])),
            json!({ "slots": vec![json!({ "id": "x", "encrypted_value": SEALED }); 10_001] }),
            "too_many_slots",
            "slots",
            "10000",
        ),
        (
            "POST",
            "/keystore/keypairs",
            json!({ "public_key": "PEM", "encrypted_serialized_key": SEALED, "external_identifiers": vec!["x"; 21] }),
            "invalid_external_identifiers",
            "external_identifiers",
            "20",
        ),
    ] {
        let reply = server.call(method, path, Some(alice.token(path)), Some(body)).await;
        refuses(reply, code, field, bound);
    }
}

#[tokio::test]
async fn every_text_of_a_body_has_a_bound() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let item = server.make_item(&alice).await;
    let item_path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let shares = format!("{item_path}/shares");
    let upload = "/vault/direct/attachments/upload_url";
    let long = |bytes: usize| "x".repeat(bytes + 1);
    let sealed = |bytes: usize| format!("Aes256Gcm.{}.QQ==", "A".repeat(bytes));
    let slot = |change: Value| json!({ "item": { "slots_attributes": [change] } });
    let key = |pem: String| json!({ "public_key": pem, "keypair_external_id": "x" });
    let pem = common::fixture("alice-public");
    let new_share = |change: Value| {
        let mut share = json!({ "recipient_id": "x", "public_key": "PEM", "encrypted_dek": DEK });
        share.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({ "shares": [share] })
    };
    for (method, path, body, field, bound) in [
        ("PUT", "/vault/me", json!({ "user": { "full_name": long(4_000) } }), "user.full_name", "4000"),
        ("PUT", "/vault/me", json!({ "user": { "email": long(4_000) } }), "user.email", "4000"),
        ("PUT", "/vault/me", json!({ "user": { "country": long(4_000) } }), "user.country", "4000"),
        ("PUT", "/vault/me", json!({ "user": { "did": long(4_000) } }), "user.did", "4000"),
        ("PUT", "/vault/me", json!({ "user": { "image": long(65_536) } }), "user.image", "65536"),
        (
            "POST",
            "/vault/items",
            json!({ "template_name": long(4_000), "item": { "label": "x" } }),
            "template_name",
            "4000",
        ),
        ("PUT", &item_path, json!({ "item": { "name": long(4_000) } }), "item.name", "4000"),
        ("PUT", &item_path, json!({ "item": { "description": long(65_536) } }), "item.description", "65536"),
        (
            "PUT",
            &item_path,
            slot(json!({ "name": "vin", "description": long(65_536) })),
            "item.slots_attributes[0].description",
            "65536",
        ),
        (
            "PUT",
            &item_path,
            slot(json!({ "name": "vin", "slot_type_name": long(255) })),
            "item.slots_attributes[0].slot_type_name",
            "255",
        ),
        (
            "PUT",
            &item_path,
            json!({ "item": { "classification_nodes_attributes": [{ "label": "x", "scheme": "tag",
            "description": long(65_536) }] } }),
            "item.classification_nodes_attributes[0].description",
            "65536",
        ),
        ("POST", "/vault/item_templates", json!({ "label": "x", "name": long(4_000) }), "name", "4000"),
        ("POST", "/vault/item_templates", json!({ "label": "x", "description": long(65_536) }), "description", "65536"),
        (
            "POST",
            "/vault/item_templates",
            json!({ "label": "x", "classification_scheme_name": long(4_000) }),
            "classification_scheme_name",
            "4000",
        ),
        (
            "POST",
            "/vault/item_templates",
            json!({ "label": "x", "slots_attributes": [{ "label": "x",
            "description": long(65_536) }] }),
            "slots_attributes[0].description",
            "65536",
        ),
        (
            "POST",
            "/vault/classification_nodes",
            json!({ "classification_node": { "classification_scheme_name": "tag",
            "label": "x", "image": long(65_536) } }),
            "classification_node.image",
            "65536",
        ),
        (
            "POST",
            "/vault/classification_nodes",
            json!({ "classification_node": { "classification_scheme_name": "tag",
            "label": "x", "description": long(65_536) } }),
            "classification_node.description",
            "65536",
        ),
        ("POST", "/vault/invitations", json!({ "public_key": key(long(8_192)) }), "public_key.public_key", "8192"),
        (
            "POST",
            "/vault/invitations",
            json!({ "public_key": key(pem.clone()),
            "invitation": { "encrypted_recipient_name": sealed(65_536) } }),
            "invitation.encrypted_recipient_name",
            "65536",
        ),
        ("POST", "/vault/invitations/lookup", json!({ "invitation_token": long(255) }), "invitation_token", "255"),
        (
            "POST",
            "/vault/connections",
            json!({ "public_key": key(pem.clone()),
            "connection": { "invitation_token": long(255) } }),
            "connection.invitation_token",
            "255",
        ),
        (
            "POST",
            "/vault/connections",
            json!({ "public_key": key(pem.clone()), "invitation_token": "x",
            "encrypted_recipient_name": sealed(65_536) }),
            "encrypted_recipient_name",
            "65536",
        ),
        (
            "POST",
            "/vault/key_store/public_keys",
            json!({ "key_store_id": long(255), "public_key": pem }),
            "key_store_id",
            "255",
        ),
        (
            "POST",
            "/vault/key_store/public_keys",
            json!({ "key_store_id": "x", "public_key": long(8_192) }),
            "public_key",
            "8192",
        ),
        (
            "PUT",
            "/vault/client_task_queue",
            json!({ "client_tasks": [{ "id": "x", "state": "done",
            "report": { "x": long(16_384) } }] }),
            "client_tasks[0].report",
            "16384",
        ),
        ("POST", upload, json!({ "blob": { "filename": long(1_000) } }), "blob.filename", "1000"),
        ("POST", upload, json!({ "blob": { "filename": "x", "content_type": long(255) } }), "blob.content_type", "255"),
        (
            "POST",
            upload,
            json!({ "blob": { "filename": "x", "encrypted_resume": long(65_536) } }),
            "blob.encrypted_resume",
            "65536",
        ),
        ("POST", &shares, new_share(json!({ "terms": long(65_536) })), "shares[0].terms", "65536"),
        (
            "POST",
            &shares,
            new_share(json!({ "keypair_external_id": long(255) })),
            "shares[0].keypair_external_id",
            "255",
        ),
        ("POST", &shares, new_share(json!({ "public_key": long(8_192) })), "shares[0].public_key", "8192"),
        ("POST", &shares, new_share(json!({ "encrypted_dek": sealed(8_192) })), "shares[0].encrypted_dek", "8192"),
        ("POST", &shares, new_share(json!({ "grant": long(1_024) })), "shares[0].grant", "1024"),
        ("POST", &shares, new_share(json!({ "on_share": long(2_048) })), "shares[0].on_share", "2048"),
        ("POST", &shares, new_share(json!({ "proof": long(4_096) })), "shares[0].proof", "4096"),
        (
            "POST",
            &shares,
            new_share(json!({ "content_signature": long(2_048) })),
            "shares[0].content_signature",
            "2048",
        ),
        (
            "PUT",
            &shares,
            json!({ "share_deks": [{ "share_id": "x", "dek": DEK, "content_signature": long(2_048) }] }),
            "share_deks[0].content_signature",
            "2048",
        ),
        (
            "PUT",
            &shares,
            json!({ "share_deks": [{ "share_id": "x", "dek": sealed(8_192) }] }),
            "share_deks[0].dek",
            "8192",
        ),
        (
            "POST",
            "/keystore/keypairs",
            json!({ "public_key": long(8_192), "encrypted_serialized_key": SEALED }),
            "public_key",
            "8192",
        ),
        (
            "POST",
            "/keystore/keypairs",
            json!({ "public_key": "PEM", "encrypted_serialized_key": sealed(65_536) }),
            "encrypted_serialized_key",
            "65536",
        ),
        (
            "POST",
            "/keystore/keypairs",
            json!({ "public_key": "PEM", "encrypted_serialized_key": SEALED,
            "metadata": { "x": long(65_536) } }),
            "metadata",
            "65536",
        ),
        ("PATCH", "/keystore/keypairs/x", json!({ "metadata": { "x": long(65_536) } }), "metadata", "65536"),
        (
            "POST",
            "/keystore/key_encryption_key",
            json!({ "serialized_key_encryption_key": sealed(65_536) }),
            "serialized_key_encryption_key",
            "65536",
        ),
        (
            "POST",
            "/keystore/data_encryption_keys",
            json!({ "serialized_data_encryption_key": sealed(65_536) }),
            "serialized_data_encryption_key",
            "65536",
        ),
        (
            "POST",
            "/keystore/encryption_spaces",
            json!({ "encrypted_serialized_key": sealed(65_536) }),
            "encrypted_serialized_key",
            "65536",
        ),
        (
            "POST",
            "/keystore/shared_keys",
            json!({ "encrypted_key": sealed(8_192), "external_id": "x", "public_key": "PEM" }),
            "encrypted_key",
            "8192",
        ),
        (
            "POST",
            "/keystore/shared_keys/x/claim_key",
            json!({ "public_key": "PEM", "request_signature": long(8_192) }),
            "request_signature",
            "8192",
        ),
    ] {
        let reply = server.call(method, path, Some(alice.token(path)), Some(body)).await;
        refuses(reply, "text_too_long", field, bound);
    }
}

async fn alice_and_bob(server: &Server) -> (User, User) {
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    (alice, bob)
}

/// Rows of a server that had no bounds: what others shared with Bob is classified 40,000 times.
#[tokio::test]
async fn nobody_breaks_a_recipients_list() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    for _ in 0..4 {
        let item = server.make_item(&alice).await;
        server.share(&alice, &item, &bob, json!({})).await.ok();
    }
    Database::open(&server).await.classify_copies(10_000, &alice.id).await;
    let list = server.get(&bob, "/vault/items").await.ok();
    let mut seen = list["items"].as_array().unwrap().len();
    let mut next = list["next_page_after"].clone();
    while let Some(cursor) = next.as_str() {
        let page = server.get(&bob, &format!("/vault/items?next_page_after={cursor}")).await.ok();
        seen += page["items"].as_array().unwrap().len();
        next = page["next_page_after"].clone();
    }
    assert_eq!(seen, 4);
}

#[tokio::test]
async fn an_item_is_classified_a_hundred_times_and_no_more() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let item = server.make_item(&alice).await;
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let classify = async |from: usize, count: usize| {
        let nodes = many(count, |number| json!({ "scheme": "tag", "label": format!("Node {}", from + number) }));
        server.put(&alice, &path, json!({ "item": { "classification_nodes_attributes": nodes } })).await
    };
    // The template's node is one.
    let classified = classify(0, 99).await.ok();
    assert_eq!(classified["item"]["classification_node_ids"].as_array().unwrap().len(), 100);
    classify(50, 49).await.ok();
    assert_eq!(classify(99, 1).await.refused(400), "too_many_classifications");
}

#[tokio::test]
async fn an_item_has_so_many_shares_and_the_list_of_them_ends() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    server.share(&alice, &item, &bob, json!({})).await.ok();
    let database = Database::open(&server).await;
    database.add_shares((4_998, 0), &text(&item["item"]["id"]), &alice.id, &bob.id).await;
    server.share(&alice, &item, &bob, json!({})).await.ok();
    assert_eq!(server.share(&alice, &item, &bob, json!({})).await.refused(400), "too_many_shares_of_item");
    let path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let shares = server.get(&alice, &path).await.ok();
    assert_eq!(shares["shares"].as_array().unwrap().len(), 5_000);
}

/// The reply has all shares that were changed, with their terms.
#[tokio::test]
async fn a_change_of_shares_whose_reply_would_be_too_large_is_refused() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    let path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    server.share(&alice, &item, &bob, json!({})).await.ok();
    let database = Database::open(&server).await;
    database.add_shares((300, 60_000), &text(&item["item"]["id"]), &alice.id, &bob.id).await;
    let shares = many(300, |share| format!("share-{}", share + 1));
    let deks = |shares: &[String]| many(shares.len(), |share| json!({ "share_id": shares[share], "dek": DEK }));
    let refresh = async |shares: &[String]| server.put(&alice, &path, json!({ "share_deks": deks(shares) })).await;
    assert_eq!(refresh(&shares).await.refused(400), "too_many_shares");
    refresh(&shares[..20]).await.ok();
    let changes = |shares: &[String]| many(shares.len(), |share| json!({ "share_id": shares[share], "grant": "x" }));
    let change =
        async |shares: &[String]| server.put(&alice, "/vault/shares", json!({ "shares": changes(shares) })).await;
    assert_eq!(change(&shares).await.refused(400), "too_many_shares");
    change(&shares[..20]).await.ok();
}

#[tokio::test]
async fn a_page_of_large_templates_nodes_or_connections_is_a_short_one() {
    let server = server().await;
    let (alice, _) = alice_and_bob(&server).await;
    Database::open(&server).await.add_heavy_rows(300, &alice.id).await;
    for (path, rows) in [
        ("/vault/item_templates", "item_templates"),
        ("/vault/classification_nodes", "classification_nodes"),
        ("/vault/connections", "connections"),
        ("/vault/client_task_queue", "client_tasks"),
    ] {
        let (mut seen, mut cursor) = (0, String::new());
        loop {
            let reply = server.get(&alice, &format!("{path}?per_page=1000&next_page_after={cursor}")).await;
            assert!(reply.bytes.len() < 20 * KIB * KIB, "{path}: {}", reply.bytes.len());
            let page = reply.ok();
            seen += page[rows].as_array().unwrap().len();
            match page["next_page_after"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert!(seen >= 300, "{path}: {seen}");
    }
}

/// Of texts that do not compress: PostgreSQL has no room for longer ones in an index.
#[tokio::test]
async fn what_records_are_found_by_has_a_length_that_every_database_bears() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let han =
        |count: u32| (0..count).filter_map(|index| char::from_u32(0x4E00 + index * 31 % 20_000)).collect::<String>();
    // 1,299 bytes.
    let (longest, longer) = (han(433), han(434));
    let node = |label: &str, scheme: &str| json!({ "classification_node": { "label": label, "classification_scheme_name": scheme } });
    let item = |label: &str| json!({ "template_name": "vehicle", "item": { "label": label } });
    server.post(&alice, "/vault/items", item(&longest)).await.ok();
    server.post(&alice, "/vault/item_templates", json!({ "label": longest })).await.ok();
    server.post(&alice, "/vault/classification_nodes", node(&longest, &longest)).await.ok();
    // A longer label is as good, and its beginning makes the name.
    let labelled = han(1000);
    for path in ["/vault/items", "/vault/item_templates"] {
        let body = if path.ends_with("items") { item(&labelled) } else { json!({ "label": labelled }) };
        let made = server.post(&alice, path, body).await.ok();
        let made = if path.ends_with("items") { &made["item"] } else { &made["item_template"] };
        assert!(text(&made["label"]) == labelled && text(&made["name"]).len() <= 1300);
    }
    server.post(&alice, "/vault/classification_nodes", node(&labelled, "tag")).await.ok();

    let named = json!({ "template_name": "vehicle", "item": { "label": "x", "name": longer } });
    refuses(server.post(&alice, "/vault/items", named).await, "text_too_long", "item.name", "1300");
    let named = json!({ "label": "x", "name": longer });
    refuses(server.post(&alice, "/vault/item_templates", named).await, "text_too_long", "name", "1300");
    let in_scheme = server.post(&alice, "/vault/classification_nodes", node("x", &longer)).await;
    refuses(in_scheme, "text_too_long", "scheme", "1300");
}
