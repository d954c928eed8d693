//! Users, templates and items over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{self, SEALED, User, fixture, server, slot, text};

#[tokio::test]
async fn a_user_is_made_once_per_admission_token_and_key() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let make = |key: String, token: Value| {
        server.call("POST", "/vault/me", None, Some(json!({ "public_key": key, "admission_token": token })))
    };
    let token = server.admission_token(&alice).await;
    assert_eq!(make(alice.public_key.clone(), token.clone()).await.refused(400), "public_key_taken");
    make(fixture("bob-public"), token.clone()).await.ok();
    assert_eq!(make(fixture("carlos-public"), token).await.refused(400), "admission_token_invalid");
    assert_eq!(make(fixture("carlos-public"), json!("made up")).await.refused(400), "admission_token_invalid");

    let late = server.admission_token(&alice).await;
    server.0.clock().advance(Duration::from_secs(60 * 60));
    assert_eq!(make(fixture("carlos-public"), late).await.refused(400), "admission_token_invalid");
}

#[tokio::test]
async fn keys_that_nobody_should_encrypt_for_are_refused_everywhere() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let weak = fixture("../../../../tests/fixtures/rsa512-public");
    for key in [weak.as_str(), "no key", "", "-----BEGIN PUBLIC KEY-----\r\nAAAA\r\n-----END PUBLIC KEY-----\r\n"] {
        let me = json!({ "public_key": key, "admission_token": "any" });
        assert_eq!(server.call("POST", "/vault/me", None, Some(me)).await.refused(400), "invalid_public_key");
        let poor = User { public_key: key.to_owned(), ..alice.clone() };
        server.post(&alice, "/vault/invitations", common::invitation(&poor)).await.refused(400);
        let body = common::acceptance(&poor, &json!("any"));
        assert_eq!(server.post(&alice, "/vault/connections", body).await.refused(400), "invalid_public_key");
    }
}

#[tokio::test]
async fn the_user_signs_in_to_the_vault_by_the_very_text_of_the_key() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    // Dave's key is of the older form (PKCS#1).
    let dave = server.sign_up("dave").await;
    for user in [&alice, &dave] {
        let body = json!({ "public_key": user.public_key, "valid_for": 60 });
        let session = server.call("POST", "/vault/session", None, Some(body)).await.ok();
        let token = user.decrypt_token(&session["session"]["encrypted_session_authentication_string"]).await;
        assert_eq!(token.len(), 43);
        let me = server.call("GET", "/vault/me", Some(&token), None).await.ok();
        assert_eq!(me["user"]["id"], user.id.as_str());
        server.0.clock().advance(Duration::from_secs(60));
        server.call("GET", "/vault/me", Some(&token), None).await.refused(401);
    }
    let other_text = json!({ "public_key": alice.public_key.replace('\n', "\r\n") });
    server.call("POST", "/vault/session", None, Some(other_text)).await.refused(401);
}

#[tokio::test]
async fn the_users_record_has_every_field_and_changes() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let changes =
        json!({ "user": { "private_dek_external_id": "94c27129-e179", "full_name": "Alice", "email": null } });
    server.put(&alice, "/vault/me", changes).await.ok();
    let me = server.get(&alice, "/vault/me").await.ok();
    assert_eq!(me["user"]["private_dek_external_id"], "94c27129-e179");
    assert_eq!(me["user"]["full_name"], "Alice");
    assert_eq!(me["associations"], json!([]));
    for field in "id full_name email country joined_at onboarded_at timezone private_dek_external_id \
        queued_for_deletion_after accepted_terms user_type did broken_attachments_present is_app_logging_enabled image \
        unconfirmed_email share_terms association_ids track_events track_usage verified_at cloudname \
        key_store_admission_token key_store_id key_store_url key_store_username"
        .split_whitespace()
    {
        assert!(me["user"].get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn the_system_has_thirteen_templates_and_their_slots() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let list = server.get(&alice, "/vault/item_templates").await.ok();
    assert_eq!(list["item_templates"].as_array().unwrap().len(), 13);
    assert_eq!(list["meta"], json!([{ "next_page_exists": false }]));
    assert_eq!(list["next_page_after"], Value::Null);
    assert!(list["attachments"].is_array() && list["thumbnails"].is_array());

    let filter = "by_classification%5Bscheme%5D=esafe&by_classification%5Bname%5D=esafe_templates&like=vehi";
    let found = server.get(&alice, &format!("/vault/item_templates?{filter}")).await.ok();
    let vehicle = &found["item_templates"][0];
    assert_eq!(vehicle["name"], "vehicle");
    assert_eq!(found["item_templates"].as_array().unwrap().len(), 1);
    assert_eq!(slot(&found, "licence_plate")["label"], "Vehicle registration number");
    let one = server.get(&alice, &format!("/vault/item_templates/{}", text(&vehicle["id"]))).await.ok();
    assert_eq!(one["slots"].as_array().unwrap().len(), vehicle["slot_ids"].as_array().unwrap().len());
    let none = server.get(&alice, "/vault/item_templates?by_classification%5Bscheme%5D=tag").await.ok();
    assert_eq!(none["item_templates"], json!([]));
}

#[tokio::test]
async fn what_was_typed_is_found_by_any_part_of_it_in_any_script_and_case() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    server.post(&alice, "/vault/item_templates", json!({ "label": "Ärzte & Öl_100%" })).await.ok();
    let node = json!({ "classification_scheme_name": "tag", "label": "Zwei Öl_100% Ärzte" });
    server.post(&alice, "/vault/classification_nodes", json!({ "classification_node": node })).await.ok();
    let templates = ("/vault/item_templates?like=", "item_templates");
    let nodes = ("/vault/classification_nodes?name=", "classification_nodes");
    for (path, list) in [templates, nodes] {
        for (typed, found) in [
            ("%C3%84rzte", 1),  // Ärzte
            ("%C3%A4RZTE", 1),  // äRZTE
            ("%C3%96L_100", 1), // ÖL_100
            ("l_100%25", 1),    // l_100%
            ("L_100", 1),
            ("1%250", 0), // 1%0
            ("0_0", 0),
        ] {
            let reply = server.get(&alice, &format!("{path}{typed}")).await.ok();
            assert_eq!(reply[list].as_array().unwrap().len(), found, "{list}: {typed}");
        }
    }
    let words = server.get(&alice, "/vault/classification_nodes?name=zwei%20%C3%B6l").await.ok();
    assert_eq!(words["classification_nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_template_of_ones_own_is_ones_own() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let template = json!({ "label": "Bicycle", "slots_attributes": [{ "label": "Frame number" }] });
    let made = server.post(&alice, "/vault/item_templates", template.clone()).await.ok();
    assert_eq!(made["item_template"]["name"], "bicycle");
    assert_eq!(slot(&made, "frame_number")["slot_type_name"], "key_value");
    for (label, name) in [("Bicycle", "bicycle_2"), ("Vehicle", "vehicle_2"), ("🚲", "unnamed"), ("?!", "unnamed_2")]
    {
        let another = server.post(&alice, "/vault/item_templates", json!({ "label": label })).await.ok();
        assert_eq!(
            (&another["item_template"]["label"], &another["item_template"]["name"]),
            (&json!(label), &json!(name))
        );
    }
    let named = json!({ "label": "Another", "name": "bicycle" });
    server.post(&alice, "/vault/item_templates", named).await.refused(400);
    let path = format!("/vault/item_templates/{}", text(&made["item_template"]["id"]));
    server.get(&alice, &path).await.ok();
    server.get(&bob, &path).await.refused(404);
    let item = json!({ "template_name": "bicycle", "item": { "label": "Mine" } });
    server.post(&alice, "/vault/items", item.clone()).await.ok();
    server.post(&bob, "/vault/items", item).await.refused(404);
    let used = server.get(&alice, &path).await.ok();
    assert_eq!(used["item_template"]["items_count"], 1);
    assert_eq!(slot(&used, "frame_number")["creator"], "user");
}

#[tokio::test]
async fn an_item_has_its_templates_slots_and_its_own() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let slots = json!([
        { "name": "licence_plate", "encrypted_value": SEALED },
        { "label": "Engine type", "slot_type_name": "key_value", "encrypted_value": SEALED },
        { "name": "model_make", "encrypted_value": null },
    ]);
    let body = json!({ "template_name": "vehicle", "item": { "label": "De Lorean!", "slots_attributes": slots } });
    let made = server.post(&alice, "/vault/items", body).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let item = &made["item"];
    assert_eq!(item["name"], "de_lorean");
    assert_eq!(item["own"], true);
    assert_eq!(item["owner_id"], alice.id.as_str());
    assert_eq!((&item["original_id"], &item["share_id"]), (&Value::Null, &Value::Null));
    assert_eq!(item["item_template_label"], "Vehicle");
    assert_eq!(item["slot_ids"].as_array().unwrap().len(), 10);
    let plate = slot(&made, "licence_plate");
    assert_eq!((&plate["encrypted"], &plate["encrypted_value"]), (&json!(true), &json!(SEALED)));
    assert_eq!(plate["creator"], "system");
    assert_eq!(slot(&made, "model_make")["encrypted"], false);
    assert_eq!(slot(&made, "engine_type")["creator"], "user");
    for field in ["associations", "associations_to", "attachments", "thumbnails", "classification_nodes"] {
        assert!(made[field].is_array(), "{field}");
    }
    let path = format!("/vault/items/{}", text(&item["id"]));
    assert_eq!(server.get(&alice, &path).await.ok(), made);
}

#[tokio::test]
async fn an_item_needs_a_known_template_a_label_and_ciphertexts() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let make = |template: &str, item: Value| {
        server.post(&alice, "/vault/items", json!({ "template_name": template, "item": item }))
    };
    assert_eq!(make("spaceship", json!({ "label": "x" })).await.refused(404), "template_not_found");
    let slots = |slot: Value| json!({ "label": "x", "slots_attributes": [{ "name": "vin" }, slot] });
    let long = "ü".repeat(1001);
    for (item, code, field) in [
        (json!({}), "field_missing", "item.label"),
        (json!({ "label": " \n" }), "invalid_label", "item.label"),
        (json!({ "label": long }), "invalid_label", "item.label"),
        (json!({ "label": 1 }), "invalid_field", "item.label"),
        (slots(json!({})), "field_missing", "item.slots_attributes[1].label"),
        (slots(json!({ "label": "" })), "invalid_label", "item.slots_attributes[1].label"),
        (slots(json!({ "name": "x", "label": long })), "invalid_label", "item.slots_attributes[1].label"),
        (slots(json!({ "name": "x", "value": "plain" })), "plaintext_value", "item.slots_attributes[1].value"),
        (
            slots(json!({ "name": "x", "encrypted_value": "plain" })),
            "invalid_field",
            "item.slots_attributes[1].encrypted_value",
        ),
        (slots(json!({ "name": "x", "id": "1" })), "slot_id_not_allowed", "item.slots_attributes[1].id"),
    ] {
        let reply = make("vehicle", item).await;
        let error = reply.body["errors"][0].clone();
        assert_eq!((reply.refused(400).as_str(), &error["extra_info"]["field"]), (code, &json!(field)));
        assert!(text(&error["message"]).starts_with(&format!("{field}: ")), "{error}");
    }
    make("vehicle", json!({ "label": "ü".repeat(1000) })).await.ok();
    assert_eq!(server.get(&alice, "/vault/items").await.ok()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let item = server.make_item(&alice).await;
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let update = |slots: Value| server.put(&alice, &path, json!({ "item": { "slots_attributes": slots } }));

    let new = "Aes256Gcm.bmV3.QUFBQQ==";
    let changed = update(json!([{ "name": "power", "encrypted_value": new }, { "label": "Colour" }])).await.ok();
    assert_eq!(slot(&changed, "power")["encrypted_value"], new);
    assert_eq!(slot(&changed, "vin")["encrypted_value"], SEALED);
    assert_eq!(slot(&changed, "colour")["encrypted"], false);

    let vin = slot(&item, "vin")["id"].clone();
    let renamed = update(json!([{ "id": vin, "label": "Chassis number", "visible": true, "ordinal": 3 }])).await.ok();
    assert_eq!(slot(&renamed, "vin")["label"], "Chassis number");
    assert_eq!(slot(&renamed, "vin")["encrypted_value"], SEALED);
    let emptied = update(json!([{ "id": vin, "value": "" }, { "name": "power", "encrypted_value": null }])).await.ok();
    assert_eq!(slot(&emptied, "vin")["encrypted_value"], Value::Null);
    assert_eq!(slot(&emptied, "power")["encrypted"], false);
    update(json!([{ "id": vin, "value": "plain" }])).await.refused(400);
    let node = json!([{ "scheme": "tag", "name": "numbers" }]);
    let named_twice = json!([{ "id": vin, "classification_nodes_attributes": node }, { "id": vin, "_destroy": true }]);
    let gone = update(named_twice).await.ok();
    assert!(gone["slots"].as_array().unwrap().iter().all(|slot| slot["name"] != "vin"));

    let label = server.put(&alice, &path, json!({ "item": { "label": "Delorean II" } })).await.ok();
    assert_eq!(label["item"]["label"], "Delorean II");
    assert_eq!(server.get(&alice, "/vault/client_task_queue").await.ok()["client_tasks"], json!([]));
}

#[tokio::test]
async fn what_is_alices_is_not_there_for_bob() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let item = server.make_item(&alice).await;
    let item_path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let slot_path = format!("/vault/slots/{}", text(&slot(&item, "vin")["id"]));
    server.get(&bob, &item_path).await.refused(404);
    server.get(&bob, &slot_path).await.refused(404);
    server.put(&bob, &item_path, json!({ "item": { "label": "Mine" } })).await.refused(404);
    server.delete(&bob, &item_path).await.refused(404);
    server.delete(&bob, &slot_path).await.refused(404);
    server.get(&bob, &format!("{item_path}/shares")).await.refused(404);
    server.put(&bob, &format!("{item_path}/shares"), json!({})).await.refused(404);
    server.post(&bob, &format!("{item_path}/shares"), json!({ "shares": [] })).await.refused(404);
    server.post(&bob, &format!("{item_path}/encrypt"), json!({ "slots": [] })).await.refused(404);
    assert_eq!(server.get(&bob, "/vault/items").await.ok()["items"], json!([]));
    assert_eq!(server.get(&alice, &slot_path).await.ok()["slot"]["name"], "vin");
    assert_eq!(server.delete(&alice, &slot_path).await.status, 204);
    assert_eq!(server.delete(&alice, &item_path).await.status, 204);
    server.get(&alice, &item_path).await.refused(404);
}

#[tokio::test]
async fn lists_come_in_pages_that_miss_and_repeat_nothing() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(text(&server.make_item(&alice).await["item"]["id"]));
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page =
            server.get(&alice, &format!("/vault/items?per_page=2&order=asc&next_page_after={cursor}")).await.ok();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["id"])));
        assert_eq!(page["slots"].as_array().unwrap().len(), 9 * page["items"].as_array().unwrap().len());
        assert_eq!(page["meta"][0]["next_page_exists"], page["next_page_after"].is_string());
        match page["next_page_after"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, made);
    let newest = server.get(&alice, "/vault/items?next_page_after=5").await.ok();
    assert_eq!(newest["items"][0]["id"], made[4].as_str());
    let two = server.get(&alice, &format!("/vault/items?item_ids={},{}", made[1], made[3])).await.ok();
    assert_eq!(two["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn items_and_slots_are_classified_and_found_by_it() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let tag = json!([{ "scheme": "tag", "name": "my_tag" }]);
    let slots =
        json!([{ "name": "vin", "classification_nodes_attributes": [{ "scheme_name": "tag", "label": "Secret" }] }]);
    let item = json!({ "label": "x", "classification_nodes_attributes": tag, "slots_attributes": slots });
    let body = json!({ "template_name": "vehicle", "item": item });
    let made = server.post(&alice, "/vault/items", body.clone()).await.ok();
    assert_eq!(made["item"]["classification_node_ids"].as_array().unwrap().len(), 2);
    assert_eq!(slot(&made, "vin")["classification_node_ids"].as_array().unwrap().len(), 1);
    assert_eq!(made["classification_nodes"].as_array().unwrap().len(), 3);
    server.post(&alice, "/vault/items", body).await.ok();
    let own = server.get(&alice, "/vault/classification_nodes?scheme_name=tag&own=true").await.ok();
    assert_eq!(own["classification_nodes"].as_array().unwrap().len(), 2, "nodes of one name are made once");
    let found =
        server.get(&alice, "/vault/items?classification_node_names=my_tag,other&classification_scheme_name=tag");
    assert_eq!(found.await.ok()["items"].as_array().unwrap().len(), 2);

    let node = text(&own["classification_nodes"][0]["id"]);
    server.get(&alice, &format!("/vault/classification_nodes/{node}")).await.ok();
    server.get(&bob, &format!("/vault/classification_nodes/{node}")).await.refused(404);
    let path = format!("/vault/items/{}", text(&made["item"]["id"]));
    let theirs = json!({ "item": { "classification_nodes_attributes": [{ "id": node, "_destroy": true }] } });
    let less = server.put(&alice, &path, theirs).await.ok();
    assert_eq!(less["item"]["classification_node_ids"].as_array().unwrap().len(), 1);

    let global = json!({ "classification_node": { "classification_scheme_name": "country", "label": "Atlantis" } });
    server.post(&alice, "/vault/classification_nodes", global).await.refused(400);
    let new = json!({ "classification_node": { "classification_scheme_name": "tag", "label": "A new &tag" } });
    let new = server.post(&alice, "/vault/classification_nodes", new).await.ok();
    assert_eq!(new["classification_node"]["name"], "a_new_tag");
    let mut ids = Vec::new();
    for (label, name) in
        [("C", "c"), ("C++", "c_2"), ("C#", "c_3"), ("C++", "c_2"), ("🎉", "unnamed"), ("🎂", "unnamed_2")]
    {
        let node = json!({ "classification_node": { "classification_scheme_name": "tag", "label": label } });
        let node = server.post(&alice, "/vault/classification_nodes", node).await.ok()["classification_node"].clone();
        assert_eq!((&node["label"], &node["name"]), (&json!(label), &json!(name)));
        ids.push(node["id"].clone());
    }
    assert_eq!(ids[1], ids[3]);
    let put = json!({ "item": { "classification_nodes_attributes": [{ "scheme": "tag", "name": "C++" }] } });
    let tagged = server.put(&alice, &path, put).await.ok();
    assert!(tagged["item"]["classification_node_ids"].as_array().unwrap().contains(&ids[1]));
    let found = server.get(&alice, "/vault/items?classification_node_names=C%2B%2B").await.ok();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(new["classification_node"]["own"], true);
}

#[tokio::test]
async fn fields_of_one_label_are_slots_of_their_own_whichever_client_sends_them() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let labelled = |label: &str| json!({ "label": label, "encrypted_value": SEALED });
    let slots = json!([labelled("Phone"), labelled("Phone"), labelled("📞"), labelled("🏠"), { "name": "phone_2" }]);
    let body = json!({ "template_name": "Custom", "item": { "label": "x", "slots_attributes": slots } });
    let made = server.post(&alice, "/vault/items", body).await.ok();
    let labels = |reply: &Value| -> Vec<(String, String)> {
        // All templates begin with these two.
        let added = reply["slots"].as_array().unwrap().iter().filter(|slot| slot["creator"] == "user");
        added.map(|slot| (text(&slot["name"]), text(&slot["label"]))).collect()
    };
    let expected =
        [("phone", "Phone"), ("phone_3", "Phone"), ("unnamed", "📞"), ("unnamed_2", "🏠"), ("phone_2", "phone_2")];
    assert_eq!(labels(&made), expected.map(|(name, label)| (name.to_owned(), label.to_owned())));

    let path = format!("/vault/items/{}", text(&made["item"]["id"]));
    let new = json!([{ "label": "Phone", "encrypted_value": "Aes256Gcm.bmV3.QUFBQQ==" }]);
    let added = server.put(&alice, &path, json!({ "item": { "slots_attributes": new } })).await.ok();
    assert_eq!(slot(&added, "phone")["encrypted_value"], SEALED);
    assert_eq!(slot(&added, "phone_4")["encrypted_value"], "Aes256Gcm.bmV3.QUFBQQ==");
    let named = json!([{ "name": "🏠", "encrypted_value": null }]);
    let emptied = server.put(&alice, &path, json!({ "item": { "slots_attributes": named } })).await.ok();
    assert_eq!(slot(&emptied, "unnamed_2")["encrypted"], false);
    assert_eq!(slot(&emptied, "unnamed")["encrypted"], true);
}

#[tokio::test]
async fn an_item_has_bounds_and_they_are_told() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let slots = |count: usize| -> Vec<Value> { (0..count).map(|slot| json!({ "name": format!("f{slot}") })).collect() };
    let make = async |count: usize| {
        let item = json!({ "label": "x", "slots_attributes": slots(count) });
        let body = json!({ "template_name": "custom", "skip_empty_template_slots": true, "item": item });
        server.post(&alice, "/vault/items", body).await
    };
    let message = |reply: &common::Reply| text(&reply.body["errors"][0]["message"]);
    let refused = make(10_001).await;
    assert!(message(&refused).contains("at most 10000 slots"), "{}", refused.body);
    refused.refused(400);
    let made = make(10_000).await.ok();
    let path = format!("/vault/items/{}", text(&made["item"]["id"]));
    let put = async |slots: Value| server.put(&alice, &path, json!({ "item": { "slots_attributes": slots } })).await;
    let refused = put(json!([{ "name": "one more" }])).await;
    assert!(message(&refused).contains("at most 10000 slots"), "{}", refused.body);
    refused.refused(400);
    put(json!([{ "name": "f0", "_destroy": true }])).await.ok();

    let large = format!("Aes256Gcm.{}.QUFBQQ==", "A".repeat(4_000_000));
    for number in 1..=8 {
        put(json!([{ "name": format!("f{number}"), "encrypted_value": large }])).await.ok();
    }
    let refused = put(json!([{ "name": "f9", "encrypted_value": large }])).await;
    assert!(message(&refused).contains("at most 33554432 bytes"), "{}", refused.body);
    refused.refused(400);
    put(json!([{ "name": "f8", "encrypted_value": null }])).await.ok();
}

/// Clients read lists up to some length and replies up to some size: a page ends before, and the next goes on.
#[tokio::test]
async fn a_page_of_large_items_is_a_short_one() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let slots: Vec<Value> = (0..9_000).map(|slot| json!({ "name": format!("f{slot}") })).collect();
    for _ in 0..3 {
        let body = json!({ "template_name": "custom", "item": { "label": "x", "slots_attributes": slots } });
        server.post(&alice, "/vault/items", body).await.ok();
    }
    let (mut seen, mut cursor) = (std::collections::BTreeSet::new(), String::new());
    loop {
        let page = server.get(&alice, &format!("/vault/items?next_page_after={cursor}")).await.ok();
        assert!(page["slots"].as_array().unwrap().len() < 20_000);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["id"])));
        match page["next_page_after"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 3);
}

/// Also not within a millisecond, and after the clock was set back, which is what the test can make happen.
#[tokio::test]
async fn no_two_changes_of_an_item_leave_the_same_time() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let item = server.make_item(&alice).await;
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let slot_path = format!("/vault/slots/{}", text(&slot(&item, "vin")["id"]));
    let updated_at = async || text(&server.get(&alice, &path).await.ok()["item"]["updated_at"]);
    server.sql("vault", "UPDATE items SET updated_at = updated_at + 3600000").await;
    let mut times = vec![updated_at().await];
    for _ in 0..3 {
        server.put(&alice, &path, json!({ "item": {} })).await.ok();
        times.push(updated_at().await);
        server.put(&alice, &slot_path, json!({ "label": "x" })).await.ok();
        times.push(updated_at().await);
    }
    server.delete(&alice, &slot_path).await.ok();
    times.push(updated_at().await);
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[tokio::test]
async fn a_change_meant_for_an_earlier_state_is_refused_and_changes_nothing() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let item = server.make_item(&alice).await;
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let change = |since: &Value| {
        let slots = json!([{ "name": "vin", "encrypted_value": "Aes256Gcm.bmV3.QUFBQQ==" }]);
        json!({ "item": { "label": "changed", "slots_attributes": slots, "unchanged_since": since } })
    };
    let seen = item["item"]["updated_at"].clone();
    let changed = server.put(&alice, &path, change(&seen)).await.ok();
    assert_eq!(changed["item"]["label"], "changed");
    for since in [&seen, &json!(""), &json!("2020-01-01T00:00:00.000Z"), &json!("now")] {
        let reply = server.put(&alice, &path, change(since)).await;
        assert_eq!(reply.refused(409), "item_changed", "{since}");
    }
    assert_eq!(server.get(&alice, &path).await.ok(), changed);

    server.delete(&alice, &format!("/vault/slots/{}", text(&slot(&item, "power")["id"]))).await.ok();
    let reply = server.put(&alice, &path, change(&changed["item"]["updated_at"])).await;
    assert_eq!(reply.refused(409), "item_changed");
    server.put(&alice, &path, change(&Value::Null)).await.ok();
}

#[tokio::test]
async fn of_several_changes_of_one_state_one_succeeds() {
    let server = std::sync::Arc::new(server().await);
    let alice = server.sign_up("alice").await;
    let item = server.make_item(&alice).await;
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..10 {
        let (server, alice, path) = (server.clone(), alice.clone(), path.clone());
        let change = json!({ "item": { "label": number.to_string(), "unchanged_since": item["item"]["updated_at"] } });
        tasks.spawn(async move { server.put(&alice, &path, change).await.status.as_u16() });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn a_user_has_a_hundred_sessions_and_a_new_one_ends_the_oldest() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.0.clock().advance(Duration::from_secs(1));
    let second = server.sign_in_to_vault(alice.clone()).await;
    server.0.clock().advance(Duration::from_secs(1));
    for _ in 0..98 {
        server.call("POST", "/vault/session", None, Some(json!({ "public_key": alice.public_key }))).await.ok();
    }
    server.get(&alice, "/vault/me").await.ok();
    let newest = server.sign_in_to_vault(alice.clone()).await;
    server.get(&alice, "/vault/me").await.refused(401);
    for user in [&second, &newest, &bob] {
        server.get(user, "/vault/me").await.ok();
    }
}

/// The reply to a new item is made of what was inserted, and not of what is read back.
#[tokio::test]
async fn a_new_items_reply_is_what_is_read_afterwards() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let node = |label: &str| json!([{ "scheme": "tag", "label": label }]);
    let attachment = server.attach(&alice, &[b"sealed"]).await;
    let slots = json!([
        { "name": "vin", "encrypted_value": SEALED, "classification_nodes_attributes": node("Of a slot") },
        { "label": "Late", "encrypted_value": SEALED, "ordinal": 40, "description": "d\u{e9}crit",
            "slot_type_name": "note" },
        { "label": "As late", "ordinal": 40 },
        { "label": "As late as they", "ordinal": 40 },
        { "label": "First", "ordinal": -1, "attachment_id": attachment["id"] },
        { "label": "Last" },
    ]);
    let full = json!({ "label": "DeLorean", "name": "delorean", "description": "fast", "slots_attributes": slots,
        "classification_nodes_attributes": node("Of the item") });
    for (template, item) in
        [("vehicle", full), ("vehicle", json!({ "label": "x" })), ("custom", json!({ "label": "x" }))]
    {
        for skip in [false, true] {
            let body = json!({ "template_name": template, "skip_empty_template_slots": skip, "item": item });
            let made = server.post(&alice, "/vault/items", body).await.ok();
            let read = server.get(&alice, &format!("/vault/items/{}", text(&made["item"]["id"]))).await.ok();
            assert_eq!(made, read);
        }
    }
}
