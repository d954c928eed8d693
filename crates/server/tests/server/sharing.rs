//! Invitations, connections, shares and their updates over HTTP: the story of Alice, Bob and Carlos.

use std::time::Duration;

use serde_json::{Value, json};
use vaultshare_server::clock::to_wire;

use crate::common::{self, DEK, SEALED, Server, User, acceptance, invitation, server, slot, text};

async fn alice_and_bob(server: &Server) -> (User, User) {
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    (alice, bob)
}

/// Alice is connected with Bob, and Bob with Carlos.
async fn the_three(server: &Server) -> (User, User, User) {
    let (alice, bob) = alice_and_bob(server).await;
    let carlos = server.sign_up("carlos").await;
    server.connect(&bob, &carlos).await;
    (alice, bob, carlos)
}

fn share_id(reply: &Value) -> String {
    text(&reply["shares"][0]["id"])
}

async fn received(server: &Server, user: &User, share: &str) -> Value {
    server.get(user, &format!("/vault/incoming_shares/{share}/item")).await.ok()
}

async fn tasks(server: &Server, user: &User, query: &str) -> Vec<Value> {
    let list = server.get(user, &format!("/vault/client_task_queue?{query}")).await.ok();
    list["client_tasks"].as_array().unwrap().clone()
}

fn update_of_vin(value: &str) -> Value {
    json!({ "item": { "slots_attributes": [{ "name": "vin", "encrypted_value": value }] } })
}

#[tokio::test]
async fn an_invitation_connects_two_users_who_each_see_their_own_side() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let sent = server.post(&alice, "/vault/invitations", invitation(&alice)).await.ok()["invitation"].clone();
    assert_eq!((&sent["state"], &sent["outgoing"]), (&json!("new"), &json!(true)));

    let path = format!("/vault/invitations/{}", text(&sent["token"]));
    let seen = server.get(&bob, &path).await.ok()["invitation"].clone();
    assert_eq!(seen["user_public_key"], alice.public_key.as_str());
    for private in ["id", "keypair_external_id", "encrypted_recipient_name"] {
        assert_eq!(seen[private], Value::Null, "{private}");
    }
    server.get(&bob, &format!("/vault/invitations/{}", text(&sent["id"]))).await.refused(404);

    server.post(&alice, "/vault/connections", acceptance(&alice, &sent["token"])).await.refused(400);
    let accepted = server.post(&bob, "/vault/connections", acceptance(&bob, &sent["token"])).await;
    assert_eq!(accepted.status, 201);
    let accepted = accepted.ok();
    assert_eq!(accepted["connection_existed_already"], false);
    assert_eq!(accepted["created_shares_report"], json!([]));
    let bobs = &accepted["connection"];
    let alices = server.get(&alice, "/vault/connections").await.ok()["connections"][0].clone();
    assert_eq!(alices["own"]["id"], bobs["the_other_user"]["id"]);
    assert_eq!(alices["the_other_user"]["id"], bobs["own"]["id"]);
    assert_eq!(alices["own"]["user_public_key"], alice.public_key.as_str());
    assert_eq!(alices["the_other_user"]["user_public_key"], bob.public_key.as_str());
    assert_eq!(alices["the_other_user"]["user_keypair_external_id"], "bob-keys");
    assert!(alices["the_other_user"].get("encrypted_recipient_name").is_none());

    let path = format!("/vault/connections/{}", text(&bobs["own"]["id"]));
    server.get(&alice, &path).await.refused(404);
    server.delete(&alice, &path).await.refused(404);
    assert_eq!(server.delete(&bob, &path).await.status, 204);
    assert_eq!(server.get(&alice, "/vault/connections").await.ok()["connections"], json!([]));
}

#[tokio::test]
async fn an_invitation_is_for_one_and_not_for_ever() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let invite =
        || async { server.post(&alice, "/vault/invitations", invitation(&alice)).await.ok()["invitation"].clone() };
    let accept =
        async |user: &User, token: &Value| server.post(user, "/vault/connections", acceptance(user, token)).await;

    let again = invite().await;
    let existing = accept(&bob, &again["token"]).await.ok();
    assert_eq!(existing["connection_existed_already"], true);
    assert_eq!(accept(&carlos, &again["token"]).await.refused(404), "invitation_not_found");
    assert_eq!(accept(&carlos, &json!("made up")).await.refused(404), "invitation_not_found");
    let unsent = invite().await;
    assert_eq!(accept(&carlos, &unsent["id"]).await.refused(404), "invitation_not_found", "an id is no token");

    let withdrawn = invite().await;
    let path = format!("/vault/invitations/{}", text(&withdrawn["id"]));
    server.delete(&bob, &path).await.refused(404);
    assert_eq!(server.delete(&alice, &path).await.status, 204);
    accept(&carlos, &withdrawn["token"]).await.refused(404);
    assert_eq!(server.get(&alice, "/vault/invitations").await.ok()["invitations"].as_array().unwrap().len(), 1);

    server.0.clock().advance(Duration::from_secs(24 * 60 * 60 - 60));
    accept(&carlos, &unsent["token"]).await.ok();
}

#[tokio::test]
async fn an_old_invitation_has_expired() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let sent = server.post(&alice, "/vault/invitations", invitation(&alice)).await.ok()["invitation"].clone();
    server.0.clock().advance(Duration::from_secs(30 * 24 * 60 * 60));
    let (alice, bob) = (server.sign_in_to_vault(alice).await, server.sign_in_to_vault(bob).await);
    server.post(&bob, "/vault/connections", acceptance(&bob, &sent["token"])).await.refused(404);
    assert_eq!(server.get(&alice, "/vault/invitations").await.ok()["invitations"], json!([]));
    let expired = server.get(&alice, "/vault/invitations?state=expired").await.ok();
    assert_eq!(expired["invitations"][0]["state"], "expired");
}

#[tokio::test]
async fn bob_reads_what_alice_shares() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    let made = server.share(&alice, &item, &bob, json!({ "sharing_mode": "anyone" })).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let share = &made["shares"][0];
    assert_eq!((&share["sharing_mode"], &share["onsharing_permitted"]), (&json!("anyone"), &json!(true)));
    assert_eq!(share["encrypted_dek"], DEK);
    assert_eq!(share["acceptance_required"], "acceptance_not_required");

    let read = received(&server, &bob, &share_id(&made)).await;
    assert_eq!(read["item_shared_via_another_share_id"], Value::Null);
    assert_eq!(read["share"]["item_id"], item["item"]["id"]);
    let copy = &read["item"];
    assert_ne!(copy["id"], item["item"]["id"]);
    assert_eq!(copy["own"], false);
    assert_eq!(copy["original_id"], item["item"]["id"]);
    assert_eq!(copy["owner_id"], alice.id.as_str());
    assert_eq!(copy["share_id"], share["id"]);
    assert_eq!(copy["label"], "DeLorean");
    assert_eq!(copy["slot_ids"].as_array().unwrap().len(), 9, "empty slots come too");
    let vin = slot(&read, "vin");
    assert_eq!(vin["encrypted_value"], "Aes256Gcm.bob.QUFBQQ==");
    assert_eq!(vin["value_verification_hash"], "ab".repeat(32));
    assert_eq!(vin["original_id"], slot(&item, "vin")["id"]);
    assert_ne!(vin["id"], slot(&item, "vin")["id"]);
    assert_eq!(slot(&read, "power")["encrypted"], false);

    let path = format!("/vault/items/{}", text(&copy["id"]));
    assert_eq!(server.get(&bob, &path).await.ok()["slots"], read["slots"]);
    server.get(&bob, &format!("/vault/items/{}", text(&item["item"]["id"]))).await.refused(404);
    server.get(&alice, &path).await.refused(404);
    let refused = server.put(&bob, &path, json!({ "item": { "label": "Mine" } })).await.refused(403);
    assert_eq!(refused, "not_owner");
    server.delete(&bob, &format!("/vault/slots/{}", text(&vin["id"]))).await.refused(403);
    for (query, user, count) in [("own=false", &bob, 1), ("own=true", &bob, 0), ("own=true", &alice, 1)] {
        let items = server.get(user, &format!("/vault/items?{query}")).await.ok();
        assert_eq!(items["items"].as_array().unwrap().len(), count, "{query}");
    }
    let shared = server.get(&alice, &format!("/vault/items?shared_with={}", bob.id)).await.ok();
    assert_eq!(shared["items"][0]["id"], item["item"]["id"]);
}

#[tokio::test]
async fn values_are_hidden_until_the_terms_are_accepted() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    let terms = json!({ "acceptance_required": "acceptance_required", "terms": "Be nice" });
    let share = share_id(&server.share(&alice, &item, &bob, terms).await.ok());

    let hidden = received(&server, &bob, &share).await;
    assert_eq!(hidden["share"]["terms"], "Be nice");
    assert_eq!(hidden["share"]["encrypted_dek"], Value::Null);
    assert_eq!(hidden["item"]["label"], "DeLorean");
    let copy = format!("/vault/items/{}", text(&hidden["item"]["id"]));
    let slot_path = format!("/vault/slots/{}", text(&slot(&hidden, "vin")["id"]));
    let list = server.get(&bob, "/vault/items").await.ok();
    let item_of_bob = server.get(&bob, &copy).await.ok();
    for vin in [
        slot(&hidden, "vin"),
        slot(&list, "vin"),
        slot(&item_of_bob, "vin"),
        &server.get(&bob, &slot_path).await.ok()["slot"],
    ] {
        assert_eq!(vin["encrypted"], false);
        for field in ["encrypted_value", "encrypted_value_verification_key", "value_verification_hash"] {
            assert_eq!(vin[field], Value::Null, "{field}");
        }
    }
    let waiting = server.get(&bob, "/vault/incoming_shares?acceptance_required=acceptance_required").await.ok();
    assert_eq!(waiting["shares"][0]["encrypted_dek"], Value::Null);

    let accept = format!("/vault/incoming_shares/{share}/accept");
    server.put(&alice, &accept, json!({})).await.refused(404);
    let accepted = server.put(&bob, &accept, json!({})).await.ok();
    assert_eq!(accepted["share"]["acceptance_required"], "accepted");
    assert_eq!(accepted["share"]["encrypted_dek"], DEK);
    let shown = received(&server, &bob, &share).await;
    assert_eq!(slot(&shown, "vin")["encrypted_value"], "Aes256Gcm.bob.QUFBQQ==");
    assert_eq!(server.put(&bob, &accept, json!({})).await.ok(), accepted);
}

#[tokio::test]
async fn accepting_what_needs_no_acceptance_is_harmless() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    let share = share_id(&server.share(&alice, &item, &bob, json!({})).await.ok());
    let accepted = server.put(&bob, &format!("/vault/incoming_shares/{share}/accept"), json!({})).await.ok();
    assert_eq!(accepted["share"]["acceptance_required"], "acceptance_not_required");
}

#[tokio::test]
async fn what_cannot_be_shared_is_refused_and_leaves_nothing() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    let not_connected = server.share(&alice, &item, &carlos, json!({})).await.refused(400);
    assert_eq!(not_connected, "not_connected");
    server.share(&alice, &item, &alice, json!({})).await.refused(400);
    let vin = slot(&item, "vin")["id"].clone();
    let unproved = json!([{ "slot_id": vin, "encrypted_value": SEALED, "encrypted_value_verification_key": SEALED }]);
    let foreign = server.make_item(&bob).await;
    let wrong = [
        json!({ "public_key": carlos.public_key }),
        json!({ "expires_at": "2020-01-01T00:00:00.000Z" }),
        json!({ "expires_at": "soon" }),
        json!({ "expires_at": "9999-12-31T23:59:59.999-01:00" }),
        json!({ "acceptance_required": "accepted" }),
        json!({ "slot_id": slot(&foreign, "vin")["id"] }),
        json!({ "slot_values": unproved }),
        json!({ "encrypted_dek": "in the clear" }),
        json!({ "encrypted_dek": null }),
    ];
    for change in wrong {
        let message = change.to_string();
        assert_eq!(server.share(&alice, &item, &bob, change).await.status, 400, "{message}");
    }
    // One bad share spoils the request: none is made.
    let (good, bad) =
        (common::new_share(&alice, &item, &bob, json!({})), common::new_share(&alice, &item, &carlos, json!({})));
    let path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    server.post(&alice, &path, json!({ "shares": [good, bad] })).await.refused(400);
    assert_eq!(server.get(&alice, &path).await.ok()["shares"], json!([]));
    assert_eq!(server.get(&bob, "/vault/incoming_shares").await.ok()["shares"], json!([]));
}

#[tokio::test]
async fn one_slot_can_be_shared_alone() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    let vin = slot(&item, "vin")["id"].clone();
    let share = server.share(&alice, &item, &bob, json!({ "slot_id": vin })).await.ok();
    assert_eq!(share["shares"][0]["slot_id"], vin);
    let read = received(&server, &bob, &share_id(&share)).await;
    assert_eq!(read["slots"].as_array().unwrap().len(), 1);
    assert_eq!(slot(&read, "vin")["original_id"], vin);

    assert_eq!(server.delete(&alice, &format!("/vault/slots/{}", text(&vin))).await.status, 204);
    server.get(&bob, &format!("/vault/incoming_shares/{}", share_id(&share))).await.refused(404);
    assert_eq!(server.get(&bob, "/vault/items").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn bob_shares_on_to_carlos_if_he_may() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    let terms = json!({ "onsharing_permitted": true, "acceptance_required": "acceptance_required" });
    let share = share_id(&server.share(&alice, &item, &bob, terms).await.ok());
    let copy = received(&server, &bob, &share).await;
    let early = server.share(&bob, &copy, &carlos, json!({})).await.refused(403);
    assert_eq!(early, "acceptance_required");
    server.put(&bob, &format!("/vault/incoming_shares/{share}/accept"), json!({})).await.ok();

    let copy = received(&server, &bob, &share).await;
    let forged = json!([{
        "slot_id": slot(&copy, "vin")["id"],
        "encrypted_value": SEALED,
        "encrypted_value_verification_key": SEALED,
        "value_verification_hash": "cd".repeat(32),
    }]);
    server.share(&bob, &copy, &carlos, json!({ "slot_values": forged })).await.refused(400);
    let on_share = server.share(&bob, &copy, &carlos, json!({ "onsharing_permitted": true })).await.ok();
    let made = &on_share["shares"][0];
    assert_eq!((&made["owner_id"], &made["sender_id"]), (&json!(alice.id), &json!(bob.id)));
    assert_eq!(made["item_id"], item["item"]["id"]);
    assert_eq!(made["onsharing_permitted"], false, "an item goes no further than one hand");

    let read = received(&server, &carlos, &share_id(&on_share)).await;
    assert_eq!(read["item"]["original_id"], item["item"]["id"]);
    assert_eq!(read["item"]["owner_id"], alice.id.as_str());
    let vin = slot(&read, "vin");
    assert_eq!(vin["original_id"], slot(&item, "vin")["id"]);
    assert_eq!(vin["encrypted_value"], "Aes256Gcm.carlos.QUFBQQ==");
    assert_eq!(vin["value_verification_hash"], "ab".repeat(32), "the owner's proof came along");

    let all = server.get(&alice, &format!("/vault/items/{}/shares", text(&item["item"]["id"]))).await.ok();
    assert_eq!(all["shares"].as_array().unwrap().len(), 2);
    assert_eq!(server.get(&bob, "/vault/outgoing_shares").await.ok()["shares"][0]["id"], made["id"]);
    assert_eq!(server.get(&alice, "/vault/outgoing_shares").await.ok()["shares"].as_array().unwrap().len(), 1);
    server.share(&carlos, &read, &bob, json!({})).await.refused(403);
}

#[tokio::test]
async fn nobody_shares_on_what_was_not_meant_for_it() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    let share = share_id(&server.share(&alice, &item, &bob, json!({})).await.ok());
    let copy = received(&server, &bob, &share).await;
    let refused = server.share(&bob, &copy, &carlos, json!({})).await.refused(403);
    assert_eq!(refused, "onsharing_not_permitted");
    assert_eq!(server.get(&carlos, "/vault/incoming_shares").await.ok()["shares"], json!([]));
}

#[tokio::test]
async fn an_on_share_lasts_no_longer_than_its_share() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    let in_hours = |hours: i64| json!(to_wire(server.0.clock().now() + hours * 3_600_000));
    let permission = json!({ "sharing_mode": "anyone", "expires_at": in_hours(2) });
    let share = share_id(&server.share(&alice, &item, &bob, permission).await.ok());
    let copy = received(&server, &bob, &share).await;
    server.share(&bob, &copy, &carlos, json!({ "expires_at": in_hours(3) })).await.refused(400);
    let on_share = server.share(&bob, &copy, &carlos, json!({})).await.ok();
    let expires_at =
        server.get(&bob, &format!("/vault/incoming_shares/{share}")).await.ok()["share"]["expires_at"].clone();
    assert_eq!(on_share["shares"][0]["expires_at"], expires_at);

    let shorter = json!({ "shares": [{ "share_id": share, "expires_at": in_hours(1) }] });
    server.put(&bob, "/vault/shares", shorter.clone()).await.refused(404);
    server.put(&alice, "/vault/shares", shorter).await.ok();
    server.0.clock().advance(Duration::from_secs(3_600));
    server.get(&bob, &format!("/vault/incoming_shares/{share}")).await.refused(404);
    server.get(&carlos, &format!("/vault/incoming_shares/{}/item", share_id(&on_share))).await.refused(404);
    for user in [&bob, &carlos] {
        assert_eq!(server.get(user, "/vault/items").await.ok()["items"], json!([]));
    }
    assert_eq!(server.get(&alice, "/vault/outgoing_shares").await.ok()["shares"], json!([]));
}

#[tokio::test]
async fn withdrawing_the_permission_ends_what_was_shared_on() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    let share = share_id(&server.share(&alice, &item, &bob, json!({ "onsharing_permitted": true })).await.ok());
    let copy = received(&server, &bob, &share).await;
    let on_share = share_id(&server.share(&bob, &copy, &carlos, json!({})).await.ok());
    let forbid = json!({ "shares": [{ "share_id": share, "onsharing_permitted": false }] });
    assert_eq!(server.put(&alice, "/vault/shares", forbid).await.ok()["shares"][0]["sharing_mode"], "owner");
    server.get(&carlos, &format!("/vault/incoming_shares/{on_share}")).await.refused(404);
    received(&server, &bob, &share).await;
    let further = json!({ "shares": [{ "share_id": share, "onsharing_permitted": true }] });
    server.put(&alice, "/vault/shares", further).await.ok();
}

#[tokio::test]
async fn deleting_a_share_takes_the_copy_and_what_was_shared_on() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    for deleter in [&alice, &bob] {
        let share = share_id(&server.share(&alice, &item, &bob, json!({ "onsharing_permitted": true })).await.ok());
        let copy = received(&server, &bob, &share).await;
        let on_share = share_id(&server.share(&bob, &copy, &carlos, json!({})).await.ok());
        server.delete(&carlos, &format!("/vault/shares/{share}")).await.refused(404);
        assert_eq!(server.delete(deleter, &format!("/vault/shares/{share}")).await.status, 204);
        for (user, id) in [(&bob, &share), (&carlos, &on_share)] {
            server.get(user, &format!("/vault/incoming_shares/{id}")).await.refused(404);
            assert_eq!(server.get(user, "/vault/items").await.ok()["items"], json!([]));
        }
        server.delete(deleter, &format!("/vault/shares/{share}")).await.refused(404);
    }
    server.get(&alice, &format!("/vault/items/{}", text(&item["item"]["id"]))).await.ok();
}

#[tokio::test]
async fn deleting_an_item_or_a_copy_ends_its_shares() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    let share = share_id(&server.share(&alice, &item, &bob, json!({})).await.ok());
    let copy = received(&server, &bob, &share).await;
    assert_eq!(server.delete(&bob, &format!("/vault/items/{}", text(&copy["item"]["id"]))).await.status, 204);
    assert_eq!(server.get(&alice, "/vault/outgoing_shares").await.ok()["shares"], json!([]));

    server.share(&alice, &item, &bob, json!({})).await.ok();
    assert_eq!(server.delete(&alice, &format!("/vault/items/{}", text(&item["item"]["id"]))).await.status, 204);
    assert_eq!(server.get(&bob, "/vault/incoming_shares").await.ok()["shares"], json!([]));
    assert_eq!(server.get(&bob, "/vault/items").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn a_second_share_of_one_item_waits_behind_the_first_and_takes_over() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    server.connect(&alice, &carlos).await;
    let item = server.make_item(&alice).await;
    let to_bob = share_id(&server.share(&alice, &item, &bob, json!({ "onsharing_permitted": true })).await.ok());
    let first = share_id(&server.share(&alice, &item, &carlos, json!({})).await.ok());
    let copy = received(&server, &bob, &to_bob).await;
    let values = json!([{
        "slot_id": slot(&copy, "vin")["id"],
        "encrypted_value": "Aes256Gcm.from-bob.QUFBQQ==",
        "encrypted_value_verification_key": SEALED,
    }]);
    let second = share_id(&server.share(&bob, &copy, &carlos, json!({ "slot_values": values })).await.ok());

    let through_second = received(&server, &carlos, &second).await;
    assert_eq!(through_second["item_shared_via_another_share_id"], first.as_str());
    assert_eq!(through_second["share"]["id"], second.as_str());
    assert_eq!(slot(&through_second, "vin")["encrypted_value"], "Aes256Gcm.carlos.QUFBQQ==");
    assert_eq!(server.get(&carlos, "/vault/items").await.ok()["items"].as_array().unwrap().len(), 1);

    assert_eq!(server.delete(&alice, &format!("/vault/shares/{first}")).await.status, 204);
    let taken_over = received(&server, &carlos, &second).await;
    assert_eq!(taken_over["item_shared_via_another_share_id"], Value::Null);
    assert_eq!(taken_over["item"]["id"], through_second["item"]["id"]);
    assert_eq!(slot(&taken_over, "vin")["encrypted_value"], "Aes256Gcm.from-bob.QUFBQQ==");
}

#[tokio::test]
async fn a_change_makes_one_task_and_a_refresh_brings_it_to_everyone() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    let item_path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let to_bob = share_id(&server.share(&alice, &item, &bob, json!({ "onsharing_permitted": true })).await.ok());
    let copy = received(&server, &bob, &to_bob).await;
    let to_carlos = share_id(&server.share(&bob, &copy, &carlos, json!({})).await.ok());

    let slots = json!([
        { "name": "vin", "encrypted_value": "Aes256Gcm.bmV3.QUFBQQ==" },
        { "label": "Colour", "encrypted_value": SEALED },
        { "name": "power", "_destroy": true },
    ]);
    let changed = json!({ "item": { "label": "Time machine", "slots_attributes": slots } });
    let changed = server.put(&alice, &item_path, changed).await.ok();
    server.put(&alice, &item_path, update_of_vin(SEALED)).await.ok();
    let list = tasks(&server, &alice, "supress_changing_state=true&state=todo").await;
    assert_eq!(list.len(), 1);
    let task = &list[0];
    assert_eq!((&task["work_type"], &task["target_id"]), (&json!("update_item_shares"), &item["item"]["id"]));
    assert_eq!((&task["report"], &task["additional_options"]), (&json!({}), &json!({})));
    assert_eq!(task["last_state_transition_at"], Value::Null);
    assert!(tasks(&server, &bob, "").await.is_empty());

    let shares = server.get(&alice, &format!("{item_path}/shares")).await.ok()["shares"].clone();
    let value = |share: &Value, name: &str| {
        json!({
            "share_id": share["id"],
            "slot_id": slot(&changed, name)["id"],
            "encrypted_value": "Aes256Gcm.cmVmcmVzaGVk.QUFBQQ==",
            "encrypted_value_verification_key": SEALED,
            "value_verification_hash": "ef".repeat(32),
        })
    };
    let shares = shares.as_array().unwrap();
    let deks: Vec<Value> =
        shares.iter().map(|share| json!({ "share_id": share["id"], "dek": "Rsa4096.bmV3.QQUAAAAA" })).collect();
    let mut values: Vec<Value> =
        shares.iter().flat_map(|share| [value(share, "vin"), value(share, "colour")]).collect();
    values
        .push(json!({ "share_id": to_bob, "slot_id": slot(&changed, "type")["id"], "value_verification_hash": null }));
    let done = json!([{ "id": task["id"], "state": "done", "report": { "note": "ok" } }]);
    let refresh = json!({ "share_deks": deks, "slot_values": values, "client_tasks": done });
    let refreshed = server.put(&alice, &format!("{item_path}/shares"), refresh.clone()).await.ok();
    assert_eq!(refreshed["shares"].as_array().unwrap().len(), 2);
    server.put(&bob, &format!("{item_path}/shares"), refresh).await.refused(404);

    for (user, share) in [(&bob, &to_bob), (&carlos, &to_carlos)] {
        let read = received(&server, user, share).await;
        assert_eq!(read["share"]["encrypted_dek"], "Rsa4096.bmV3.QQUAAAAA");
        assert_eq!(read["item"]["label"], "Time machine");
        assert_eq!(slot(&read, "vin")["value_verification_hash"], "ef".repeat(32));
        assert_eq!(slot(&read, "colour")["encrypted"], true);
        assert!(read["slots"].as_array().unwrap().iter().all(|slot| slot["name"] != "power"));
        assert_eq!(read["item"]["slot_ids"].as_array().unwrap().len(), read["slots"].as_array().unwrap().len());
    }
    assert!(tasks(&server, &alice, "state=todo&state=in_progress").await.is_empty());
    assert_eq!(tasks(&server, &alice, "state=done").await[0]["report"]["note"], "ok");
}

#[tokio::test]
async fn who_shares_on_completes_their_own_shares_and_no_others() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    let to_bob = share_id(&server.share(&alice, &item, &bob, json!({ "onsharing_permitted": true })).await.ok());
    let copy = received(&server, &bob, &to_bob).await;
    let to_carlos = share_id(&server.share(&bob, &copy, &carlos, json!({ "slot_values": [] })).await.ok());
    assert_eq!(slot(&received(&server, &carlos, &to_carlos).await, "vin")["encrypted"], false);

    let path = format!("/vault/items/{}/shares", text(&copy["item"]["id"]));
    let value = |share: &str| {
        json!({ "share_id": share, "slot_id": slot(&copy, "vin")["id"], "encrypted_value": SEALED,
            "encrypted_value_verification_key": SEALED })
    };
    let rest = json!({ "slot_values": [value(&to_carlos)] });
    server.put(&bob, &path, rest.clone()).await.ok();
    let read = received(&server, &carlos, &to_carlos).await;
    assert_eq!(slot(&read, "vin")["encrypted_value"], SEALED);
    assert_eq!(slot(&read, "vin")["value_verification_hash"], slot(&copy, "vin")["value_verification_hash"]);
    let anew = json!({ "share_deks": [{ "share_id": to_carlos, "dek": "Rsa4096.bmV3.QQUAAAAA" }], "slot_values": [value(&to_carlos)] });
    server.put(&bob, &path, anew).await.ok();
    let read = received(&server, &carlos, &to_carlos).await;
    assert_eq!(read["share"]["encrypted_dek"], "Rsa4096.bmV3.QQUAAAAA");
    assert_eq!(slot(&read, "vin")["encrypted_value"], SEALED);

    let others = json!({ "slot_values": [value(&to_bob)] });
    assert_eq!(server.put(&bob, &path, others).await.refused(404), "share_not_found");
    let granted = json!({ "share_deks": [{ "share_id": to_carlos, "dek": DEK, "grant": "mine" }] });
    server.put(&bob, &path, granted).await.refused(400);
    let mut proved = value(&to_carlos);
    proved["value_verification_hash"] = json!("ab".repeat(32));
    server.put(&bob, &path, json!({ "slot_values": [proved] })).await.refused(400);
    let withdrawn = json!({ "shares": [{ "share_id": to_bob, "onsharing_permitted": false }] });
    server.put(&alice, "/vault/shares", withdrawn).await.ok();
    assert_eq!(server.put(&bob, &path, rest).await.refused(403), "onsharing_not_permitted");
}

#[tokio::test]
async fn nobody_fills_a_recipients_lists() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    for (field, most) in [("terms", 64 * 1024), ("keypair_external_id", 255)] {
        server.share(&alice, &item, &bob, json!({ field: "x".repeat(most + 1) })).await.refused(400);
        server.share(&alice, &item, &bob, json!({ field: "x".repeat(most) })).await.ok();
    }
}

#[tokio::test]
async fn a_new_key_without_a_value_leaves_no_unreadable_value_behind() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    let share = share_id(&server.share(&alice, &item, &bob, json!({})).await.ok());
    let path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let dek = json!({ "share_deks": [{ "share_id": share, "dek": DEK }], "slot_values": null, "client_tasks": [] });
    server.put(&alice, &path, dek).await.ok();
    assert_eq!(slot(&received(&server, &bob, &share).await, "vin")["encrypted"], false);
    let foreign = json!({ "share_deks": [{ "share_id": bob.id, "dek": DEK }] });
    assert_eq!(server.put(&alice, &path, foreign).await.refused(404), "share_not_found");
    let foreign = json!({ "slot_values": [{ "share_id": bob.id, "slot_id": slot(&item, "vin")["id"] }] });
    assert_eq!(server.put(&alice, &path, foreign).await.refused(404), "share_not_found");
}

#[tokio::test]
async fn tasks_are_taken_given_back_and_set_by_their_owner_only() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    server.share(&alice, &item, &bob, json!({})).await.ok();
    server.put(&alice, &format!("/vault/items/{}", text(&item["item"]["id"])), update_of_vin(SEALED)).await.ok();

    let taken = tasks(&server, &alice, "change_state=true").await;
    assert_eq!(taken[0]["state"], "todo", "shown as it was before it was taken");
    assert!(tasks(&server, &alice, "").await.is_empty());
    assert_eq!(tasks(&server, &alice, "state=in_progress").await[0]["state"], "in_progress");
    // The item changes while the task is being worked on: that needs another.
    server.put(&alice, &format!("/vault/items/{}", text(&item["item"]["id"])), update_of_vin(SEALED)).await.ok();
    assert_eq!(tasks(&server, &alice, "").await.len(), 1);
    server.0.clock().advance(Duration::from_secs(10 * 60));
    assert_eq!(tasks(&server, &alice, "").await.len(), 2, "the client that took the first has gone");

    let id = &taken[0]["id"];
    let failed = json!({ "client_tasks": [{ "id": id, "state": "failed", "report": { "error": "offline" } }] });
    server.put(&bob, "/vault/client_task_queue", failed.clone()).await.refused(404);
    let set = server.put(&alice, "/vault/client_task_queue", failed).await.ok();
    assert_eq!(set["client_tasks"][0]["state"], "failed");
    assert!(set["client_tasks"][0]["last_state_transition_at"].is_string());
    let again = json!({ "client_tasks": [{ "id": id, "state": "todo" }] });
    assert_eq!(
        server.put(&alice, "/vault/client_task_queue", again).await.ok()["client_tasks"][0]["report"]["error"],
        "offline"
    );
    assert_eq!(tasks(&server, &alice, &format!("target_id={}", text(&item["item"]["id"]))).await.len(), 2);
    assert!(tasks(&server, &alice, "target_id=other").await.is_empty());
}

#[tokio::test]
async fn removing_a_slot_takes_it_from_the_copies_and_asks_for_a_refresh() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    let share = share_id(&server.share(&alice, &item, &bob, json!({})).await.ok());
    server.delete(&alice, &format!("/vault/slots/{}", text(&slot(&item, "vin")["id"]))).await;
    let read = received(&server, &bob, &share).await;
    assert!(read["slots"].as_array().unwrap().iter().all(|slot| slot["name"] != "vin"));
    assert_eq!(tasks(&server, &alice, "").await.len(), 1);
}

#[tokio::test]
async fn bob_puts_what_he_received_under_his_own_key() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    let share = share_id(&server.share(&alice, &item, &bob, json!({})).await.ok());
    let copy = received(&server, &bob, &share).await;
    let path = format!("/vault/items/{}/encrypt", text(&copy["item"]["id"]));
    let own = "Aes256Gcm.b3du.QUFBQQ==";
    server.post(&bob, &path, json!({ "slots": [] })).await.refused(400);
    let slots =
        json!([{ "id": slot(&copy, "vin")["id"], "encrypted_value": own, "encrypted_value_verification_key": own }]);
    let reply = server.post(&bob, &path, json!({ "slots": slots })).await.ok();
    assert_eq!(slot(&reply, "vin")["encrypted_value"], own);
    assert_eq!(slot(&reply, "vin")["value_verification_hash"], "ab".repeat(32));
    assert_eq!(received(&server, &bob, &share).await["share"]["encrypted_dek"], Value::Null);
    let not_received = format!("/vault/items/{}/encrypt", text(&item["item"]["id"]));
    server.post(&alice, &not_received, json!({ "slots": slots })).await.refused(400);
}

#[tokio::test]
async fn a_user_who_leaves_takes_everything_along() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    server.share(&alice, &item, &bob, json!({})).await.ok();
    assert_eq!(server.delete(&alice, "/vault/me").await.status, 204);
    server.get(&alice, "/vault/me").await.refused(401);
    for (path, field) in [("connections", "connections"), ("incoming_shares", "shares"), ("items", "items")] {
        assert_eq!(server.get(&bob, &format!("/vault/{path}")).await.ok()[field], json!([]), "{path}");
    }
}

#[tokio::test]
async fn shares_are_ended_changed_and_made_in_one_step_or_not_at_all() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    server.connect(&alice, &carlos).await;
    let item = server.make_item(&alice).await;
    let old = text(&server.share(&alice, &item, &bob, json!({})).await.ok()["shares"][0]["id"]);
    let kept = text(&server.share(&alice, &item, &bob, json!({})).await.ok()["shares"][0]["id"]);
    let new = common::new_share(&alice, &item, &carlos, json!({}));
    let body = |new: Value| {
        json!({
            "shares_to_delete": [old],
            "shares_to_reconfigure": [{ "share_id": kept, "onsharing_permitted": true }],
            "item_to_share_id": item["item"]["id"],
            "shares_to_create": [new],
        })
    };
    let path = "/vault/shares";
    let patch = async |user: &User, body: Value| server.call("PATCH", path, Some(&user.vault_token), Some(body)).await;
    let mut wrong = new.clone();
    wrong["public_key"] = json!("another");
    assert_eq!(patch(&alice, body(wrong)).await.refused(400), "public_key_mismatch");
    assert_eq!(received(&server, &bob, &old).await["share"]["id"], old.as_str());
    assert_eq!(patch(&carlos, body(new.clone())).await.refused(404), "share_not_found");

    let done = patch(&alice, body(new)).await.ok();
    assert_eq!((&done["shares"][0]["id"], &done["shares"][0]["sharing_mode"]), (&json!(kept), &json!("anyone")));
    assert_eq!(done["shares"][1]["recipient_id"], carlos.id.as_str());
    assert_eq!(server.get(&bob, &format!("/vault/incoming_shares/{old}")).await.refused(404), "share_not_found");
    assert_eq!(server.get(&carlos, "/vault/incoming_shares").await.ok()["shares"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_user_who_is_queued_for_deletion_can_think_better_of_it_until_then() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let queue = "/vault/me/deletion_queue";
    let queued = server.post(&alice, queue, json!({})).await.ok()["deletion_queue_item"].clone();
    assert_eq!(queued["id"], alice.id.as_str());
    let me = server.get(&alice, "/vault/me").await.ok();
    assert_eq!(me["user"]["queued_for_deletion_after"], queued["queued_for_deletion_after"]);
    assert!(server.delete(&alice, queue).await.status.is_success());
    assert!(server.get(&alice, "/vault/me").await.ok()["user"]["queued_for_deletion_after"].is_null());

    server.post(&bob, queue, json!({})).await.ok();
    server.0.clock().advance(std::time::Duration::from_secs(15 * 24 * 60 * 60));
    server.0.clear_expired().await.unwrap();
    let sign_in = async |user: &User| {
        let body = json!({ "public_key": user.public_key });
        server.call("POST", "/vault/session", None, Some(body)).await.status.as_u16()
    };
    assert_eq!((sign_in(&alice).await, sign_in(&bob).await), (201, 401));
}

#[tokio::test]
async fn a_slot_changed_by_itself_is_changed_as_with_its_item() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let item = server.make_item(&alice).await;
    server.share(&alice, &item, &bob, json!({})).await.ok();
    let path = format!("/vault/slots/{}", text(&slot(&item, "vin")["id"]));
    assert_eq!(server.put(&bob, &path, json!({ "label": "x" })).await.refused(404), "slot_not_found");
    assert_eq!(server.put(&alice, &path, json!({ "value": "plain" })).await.refused(400), "plaintext_value");
    let changed = server.put(&alice, &path, json!({ "label": "Chassis", "encrypted_value": null })).await.ok();
    assert_eq!((&changed["slot"]["label"], &changed["slot"]["encrypted_value"]), (&json!("Chassis"), &Value::Null));
    assert_eq!(tasks(&server, &alice, "").await.len(), 1);
}

/// Alice shares an item with Bob, who shares it on to Carlos; each with a grant. Says the item and the ids of both shares.
async fn granted(server: &Server, alice: &User, bob: &User, carlos: &User) -> (Value, String, String) {
    let item = server.make_item(alice).await;
    let made = server.share(alice, &item, bob, json!({ "onsharing_permitted": true, "grant": "of Alice" })).await.ok();
    let received = received(server, bob, &share_id(&made)).await;
    let changes = json!({ "grant": "of Bob", "on_share": "signed by Bob" });
    let on_share = server.share(bob, &received, carlos, changes).await.ok();
    (item, share_id(&made), share_id(&on_share))
}

#[tokio::test]
async fn a_grant_comes_back_to_who_wrote_it_and_to_nobody_else() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let (item, share, on_share) = granted(&server, &alice, &bob, &carlos).await;
    let shares_path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let one = async |user: &User, path: &str| server.get(user, path).await.ok()["share"].clone();
    let notes = |share: &Value| (share["grant"].clone(), share["on_share"].clone());

    let of_item = server.get(&alice, &shares_path).await.ok()["shares"].clone();
    assert_eq!(notes(&of_item[0]), (json!("of Alice"), Value::Null));
    assert_eq!(notes(&of_item[1]), (Value::Null, json!("signed by Bob")));
    let sent = one(&alice, &format!("/vault/outgoing_shares/{share}")).await;
    assert_eq!(notes(&sent), (json!("of Alice"), Value::Null));
    let sent = one(&bob, &format!("/vault/outgoing_shares/{on_share}")).await;
    assert_eq!(notes(&sent), (json!("of Bob"), json!("signed by Bob")));

    for (reader, id) in [(&bob, &share), (&carlos, &on_share)] {
        for path in [format!("/vault/incoming_shares/{id}"), format!("/vault/incoming_shares/{id}/item")] {
            assert_eq!(notes(&one(reader, &path).await), (Value::Null, Value::Null), "{path}");
        }
        let list = server.get(reader, "/vault/incoming_shares").await.ok();
        assert_eq!(notes(&list["shares"][0]), (Value::Null, Value::Null));
        let accepted = server.put(reader, &format!("/vault/incoming_shares/{id}/accept"), json!({})).await.ok();
        assert_eq!(notes(&accepted["share"]), (Value::Null, Value::Null));
    }
}

#[tokio::test]
async fn what_a_sender_signs_is_shown_to_the_recipient_as_long_as_the_values_are_those() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    let signed = json!({ "proof": "by Alice", "content_signature": "of the values", "onsharing_permitted": true });
    let made = server.share(&alice, &item, &bob, signed).await.ok();
    let share = share_id(&made);
    let signatures = |share: &Value| (share["proof"].clone(), share["content_signature"].clone());
    let none = (Value::Null, Value::Null);
    assert_eq!(signatures(&made["shares"][0]), none, "who wrote it has it");

    let path = format!("/vault/incoming_shares/{share}");
    let shown = async |signature: Value| {
        let expected = (json!("by Alice"), signature);
        for path in [path.clone(), format!("{path}/item")] {
            assert_eq!(signatures(&server.get(&bob, &path).await.ok()["share"]), expected, "{path}");
        }
        let list = server.get(&bob, "/vault/incoming_shares?with_proofs=true").await.ok();
        assert_eq!(signatures(&list["shares"][0]), expected);
        let accepted = server.put(&bob, &format!("{path}/accept"), json!({})).await.ok();
        assert_eq!(signatures(&accepted["share"]), expected);
    };
    shown(json!("of the values")).await;
    let list = server.get(&bob, "/vault/incoming_shares").await.ok();
    assert_eq!(signatures(&list["shares"][0]), none, "a list has them where it is asked to");
    assert_eq!(signatures(&server.get(&alice, &format!("/vault/outgoing_shares/{share}")).await.ok()["share"]), none);

    let of_item = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let value = json!({ "share_id": share, "slot_id": slot(&item, "vin")["id"], "encrypted_value": null });
    let dek = |more: Value| {
        let mut dek = json!({ "share_id": share, "dek": DEK });
        dek.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([dek])
    };
    let signed = json!({ "share_deks": dek(json!({ "content_signature": "of others" })), "slot_values": [value] });
    server.put(&alice, &of_item, signed.clone()).await.ok();
    shown(json!("of others")).await;
    // What continues a request is of the same values; anything else is not.
    let rest = json!({ "continued_deks": dek(json!({})), "slot_values": [value] });
    server.put(&alice, &of_item, rest).await.ok();
    shown(json!("of others")).await;
    server.put(&alice, &of_item, json!({ "share_deks": [], "slot_values": [value] })).await.ok();
    shown(Value::Null).await;
    server.put(&alice, &of_item, signed).await.ok();
    server.put(&alice, &of_item, json!({ "share_deks": dek(json!({})), "slot_values": [value] })).await.ok();
    shown(Value::Null).await;

    // A share without a proof has no use for a signature, and who shares on signs too.
    let copy = received(&server, &bob, &share).await;
    let on_share = server.share(&bob, &copy, &carlos, json!({ "proof": "by Bob" })).await.ok();
    let seen = server.get(&carlos, &format!("/vault/incoming_shares/{}", share_id(&on_share))).await.ok();
    assert_eq!(signatures(&seen["share"]), (json!("by Bob"), Value::Null));
    let unsigned = server.make_item(&alice).await;
    let unsigned = server.share(&alice, &unsigned, &bob, json!({ "content_signature": "of nobody" })).await.ok();
    let seen = server.get(&bob, &format!("/vault/incoming_shares/{}", share_id(&unsigned))).await.ok();
    assert_eq!(signatures(&seen["share"]), none);
}

#[tokio::test]
async fn the_owner_learns_of_each_share_what_a_refresh_needs() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let item = server.make_item(&alice).await;
    let vin = slot(&item, "vin")["id"].clone();
    let expires_at = to_wire(server.0.clock().now() + 60_000);
    let permitted = json!({ "onsharing_permitted": true, "slot_id": vin, "expires_at": expires_at });
    let share = server.share(&alice, &item, &bob, permitted).await.ok()["shares"][0].clone();
    let copy = received(&server, &bob, &text(&share["id"])).await;
    let on_share = server.share(&bob, &copy, &carlos, json!({})).await.ok()["shares"][0].clone();

    let path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let seen = server.get(&alice, &path).await.ok()["shares"].clone();
    for (seen, share) in [(&seen[0], &share), (&seen[1], &on_share)] {
        for field in
            "id public_key item_id slot_id sender_id recipient_id onsharing_permitted created_at expires_at".split(' ')
        {
            assert_eq!(seen[field], share[field], "{field}");
            assert!(!seen[field].is_null(), "{field}");
        }
    }
    assert_eq!((&seen[0]["sender_id"], &seen[0]["onsharing_permitted"]), (&json!(alice.id), &json!(true)));
    assert_eq!((&seen[1]["sender_id"], &seen[1]["onsharing_permitted"]), (&json!(bob.id), &json!(false)));
}

#[tokio::test]
async fn the_owner_writes_grants_with_a_refresh_and_with_a_change() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let (item, share, on_share) = granted(&server, &alice, &bob, &carlos).await;
    let path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let grants = async || {
        let shares = server.get(&alice, &path).await.ok()["shares"].clone();
        (shares[0]["grant"].clone(), shares[1]["grant"].clone())
    };
    let refresh = json!({ "share_deks": [{ "share_id": share, "dek": DEK }, { "share_id": on_share, "dek": DEK, "grant": "let in" }] });
    let refreshed = server.put(&alice, &path, refresh).await.ok();
    assert_eq!(refreshed["shares"][1]["grant"], "let in");
    assert_eq!(grants().await, (json!("of Alice"), json!("let in")));
    let of_bob = server.get(&bob, &format!("/vault/outgoing_shares/{on_share}")).await.ok();
    assert_eq!(of_bob["share"]["grant"], "of Bob", "what Bob wrote for himself is not Alice's to change");

    let change = json!({ "shares": [{ "share_id": share, "onsharing_permitted": true, "grant": "another" }] });
    assert_eq!(server.put(&alice, "/vault/shares", change).await.ok()["shares"][0]["grant"], "another");
    assert_eq!(grants().await, (json!("another"), json!("let in")));
}

#[tokio::test]
async fn what_clients_store_with_a_share_is_bounded_and_said_by_those_whom_it_concerns() {
    let server = server().await;
    let (alice, bob, carlos) = the_three(&server).await;
    let (item, share, _) = granted(&server, &alice, &bob, &carlos).await;
    let received = received(&server, &bob, &share).await;
    let path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
    let (longest, too_long) = ("g".repeat(1024), "g".repeat(1025));
    server.share(&alice, &item, &bob, json!({ "grant": longest })).await.ok();
    server.share(&alice, &item, &bob, json!({ "grant": too_long })).await.refused(400);
    let refresh = json!({ "share_deks": [{ "share_id": share, "dek": DEK, "grant": too_long }] });
    server.put(&alice, &path, refresh).await.refused(400);
    let change = json!({ "shares": [{ "share_id": share, "grant": too_long }] });
    server.put(&alice, "/vault/shares", change).await.refused(400);
    server.share(&bob, &received, &carlos, json!({ "on_share": "s".repeat(2048) })).await.ok();
    server.share(&bob, &received, &carlos, json!({ "on_share": "s".repeat(2049) })).await.refused(400);
    server.share(&alice, &item, &bob, json!({ "on_share": "signed by Alice" })).await.refused(400);
}

#[tokio::test]
async fn one_refresh_brings_each_share_its_own_key_and_slots() {
    let server = server().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let carlos = server.sign_up("carlos").await;
    server.connect(&alice, &carlos).await;
    let item = server.make_item(&alice).await;
    let (vin, power) = (slot(&item, "vin")["id"].clone(), slot(&item, "power")["id"].clone());
    let whole = share_id(&server.share(&alice, &item, &bob, json!({})).await.ok());
    let of_vin = share_id(&server.share(&alice, &item, &carlos, json!({ "slot_id": vin })).await.ok());
    let value = |share: &str, slot: &Value, envelope: &str| {
        json!({ "share_id": share, "slot_id": slot, "encrypted_value": envelope,
            "encrypted_value_verification_key": SEALED, "value_verification_hash": "cd".repeat(32) })
    };
    let (dek_of_whole, dek_of_vin) = ("Rsa4096.d2hvbGU=.QQUAAAAA", "Rsa4096.dmlu.QQUAAAAA");
    let (under_whole, under_vin) = ("Aes256Gcm.d2hvbGU=.QUFBQQ==", "Aes256Gcm.dmlu.QUFBQQ==");
    let refresh = json!({
        "share_deks": [{ "share_id": whole, "dek": dek_of_whole }, { "share_id": of_vin, "dek": dek_of_vin }],
        "slot_values": [
            value(&whole, &vin, under_whole), value(&whole, &power, under_whole), value(&of_vin, &vin, under_vin),
        ],
    });
    server.put(&alice, &format!("/vault/items/{}/shares", text(&item["item"]["id"])), refresh).await.ok();
    let bobs = received(&server, &bob, &whole).await;
    assert_eq!(bobs["share"]["encrypted_dek"], dek_of_whole);
    assert_eq!(slot(&bobs, "vin")["encrypted_value"], under_whole);
    assert_eq!(slot(&bobs, "power")["encrypted_value"], under_whole);
    let carlos_has = received(&server, &carlos, &of_vin).await;
    assert_eq!(carlos_has["share"]["encrypted_dek"], dek_of_vin);
    assert_eq!(slot(&carlos_has, "vin")["encrypted_value"], under_vin);
    assert_eq!(carlos_has["slots"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_invitations_token_is_shown_when_it_is_made_and_kept_as_a_hash() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let made = server.post(&alice, "/vault/invitations", invitation(&alice)).await.ok()["invitation"].clone();
    let token = text(&made["token"]);
    assert_eq!(token.len(), 43);

    let list = server.get(&alice, "/vault/invitations").await.ok();
    assert_eq!((&list["invitations"][0]["id"], &list["invitations"][0]["token"]), (&made["id"], &json!("")));
    let by_id = server.get(&alice, &format!("/vault/invitations/{}", text(&made["id"]))).await.ok();
    assert_eq!(by_id["invitation"]["token"], "");
    // Who asks by the token has it.
    for user in [&alice, &bob] {
        let by_token = server.get(user, &format!("/vault/invitations/{token}")).await.ok();
        assert_eq!(by_token["invitation"]["token"], token.as_str());
    }
    let found = server.get(&alice, &format!("/vault/invitations?token={token}")).await.ok();
    assert_eq!(found["invitations"][0]["token"], token.as_str());
    assert_eq!(server.get(&alice, "/vault/invitations?token=another").await.ok()["invitations"], json!([]));

    let mut database = server.0.connect("vault").await.unwrap();
    let kept = sqlx::query_as("SELECT COUNT(*) FROM invitations WHERE token_hash = $1").bind(&token);
    let kept: (i64,) = kept.fetch_one(&mut database).await.unwrap();
    assert_eq!(kept.0, 0);
    let files = std::fs::read_dir(server.0.data()).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with("vault.db")) {
        let content = std::fs::read(&file).unwrap();
        let is_in = content.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!is_in, "{}", file.display());
    }
    assert_eq!(server.delete(&alice, &format!("/vault/invitations/{token}")).await.status, 204);
}
