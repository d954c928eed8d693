//! The first sharing protocol, in the shapes of its own clients.

use std::time::Duration;

use serde_json::{Value, json};
use vaultshare::crypto::KeyPair;
use vaultshare_server::{
    Config, Limits,
    testing::{self, Folder},
};

use crate::common::{self, DEK, SEALED, Server, User, fixture, server, slot, text};

/// Alice and Bob, connected as the first clients did it, with each one's id of the connection.
pub(crate) async fn connected(server: &Server) -> (User, User, String, String) {
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let body = json!({ "public_key_id": publish(server, &alice).await, "encrypted_recipient_name": SEALED });
    let invitation = server.post(&alice, "/vault/invitations", body).await.ok()["invitation"].clone();
    let body = json!({ "public_key_id": publish(server, &bob).await, "encrypted_recipient_name": SEALED,
        "invitation_token": invitation["token"], "invitation_id": invitation["id"] });
    let connection = server.post(&bob, "/vault/connections", body).await.ok()["connection"].clone();
    (alice, bob, text(&connection["the_other_user"]["id"]), text(&connection["id"]))
}

async fn publish(server: &Server, user: &User) -> Value {
    let body = json!({ "key_store_id": format!("{}-keys", user.name), "encryption_strategy": "Rsa4096",
        "public_key": user.public_key });
    server.post(user, "/vault/key_store/public_keys", body).await.ok()["public_key"]["id"].clone()
}

/// Alice's space with a key in it for Bob, noted on her side of the connection.
pub(crate) async fn space(server: &Server, alice: &User, bob: &User, connection: &str) -> String {
    let body = json!({ "encrypted_serialized_key": SEALED });
    let made = server.post(alice, "/keystore/encryption_spaces", body).await.ok();
    let id = text(&made["encryption_space_data_encryption_key"]["encryption_space_id"]);
    server.post(alice, "/keystore/shared_keys", shared_key(&id, bob)).await.ok();
    twin(server, alice, connection, &id).await;
    id
}

fn shared_key(space: &str, bob: &User) -> Value {
    json!({ "encrypted_key": DEK, "external_id": space, "public_key": bob.public_key,
        "key_metadata": { "key_type": "AES-GCM" } })
}

async fn twin(server: &Server, user: &User, connection: &str, space: &str) {
    let path = format!("/vault/connections/{connection}/encryption_space");
    server.post(user, &path, json!({ "encryption_space_id": space })).await.ok();
}

/// A claim of `space` in the name of `key`, signed by `signer` for `address` at the server's time plus `seconds`.
pub(crate) async fn claim(server: &Server, key: &User, signer: &str, address: &str, seconds: i64) -> Value {
    let now = time_from_now(server, seconds);
    let pair = KeyPair::from_pem(&fixture(&format!("{signer}-private"))).await.unwrap();
    let signature = pair.sign(format!("{address}--request-timestamp={now}").as_bytes()).await.unwrap();
    json!({ "public_key": key.public_key, "request_signature": signature })
}

fn time_from_now(server: &Server, seconds: i64) -> String {
    vaultshare_server::clock::to_wire(server.0.clock().now() + seconds * 1000)
}

pub(crate) fn address(space: &str) -> String {
    format!("https://sandbox.example/keystore/shared_keys/{space}/claim_key")
}

pub(crate) fn path(space: &str) -> String {
    format!("/keystore/shared_keys/{space}/claim_key")
}

#[tokio::test]
async fn published_keys_make_a_connection_that_both_forms_describe() {
    let server = server().await;
    let (alice, bob, of_alice, of_bob) = connected(&server).await;
    let keys = server.get(&alice, "/vault/key_store/public_keys").await.ok();
    assert_eq!(keys["public_keys"][0]["key_store_id"], "alice-keys");
    assert_eq!(keys["public_keys"][0]["public_key"], alice.public_key.as_str());

    let seen = server.get(&alice, &format!("/vault/connections/{of_alice}")).await.ok()["connection"].clone();
    assert_eq!((&seen["id"], &seen["user_id"]), (&json!(of_alice), &json!(bob.id)));
    assert_eq!((&seen["own"]["id"], &seen["the_other_user"]["id"]), (&json!(of_alice), &json!(of_bob)));
    assert_eq!(seen["public_key"], seen["own"]["user_public_key"]);
    assert_eq!(seen["other_user_connection_public_key"], bob.public_key.as_str());
    assert_eq!(seen["key_store_keypair_id"], "alice-keys");
    assert_eq!(seen["other_user_connection_key_store_keypair_id"], "bob-keys");
    assert!(seen["encryption_space_id"].is_null() && seen["other_user_connection_encryption_space_id"].is_null());
}

#[tokio::test]
async fn lists_have_the_names_that_the_first_clients_know() {
    let server = server().await;
    let (alice, _, of_alice, _) = connected(&server).await;
    let item = server.make_item(&alice).await;
    let list = async |path: &str| server.get(&alice, &format!("/vault/{path}?per_page=1")).await.ok();
    assert_eq!(list("fast_connections").await["connections"][0]["id"], of_alice.as_str());
    assert_eq!(list("fast_items").await["items"][0]["id"], item["item"]["id"]);
    assert!(list("fast_item_templates").await["next_page_after"].is_string());
    assert!(list("fast_classification_nodes").await["classification_nodes"].is_array());
}

#[tokio::test]
async fn a_key_that_is_someone_elses_or_none_connects_nobody() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let body = json!({ "public_key_id": publish(&server, &alice).await });
    assert_eq!(server.post(&bob, "/vault/invitations", body).await.refused(404), "public_key_not_found");
    assert_eq!(server.post(&bob, "/vault/invitations", json!({})).await.refused(400), "field_missing");
    let weak = json!({ "key_store_id": "k", "encryption_strategy": "Rsa4096", "public_key": "none" });
    assert_eq!(server.post(&bob, "/vault/key_store/public_keys", weak).await.refused(400), "invalid_public_key");
}

#[tokio::test]
async fn bob_claims_the_key_of_alices_space_and_joins_it() {
    let server = server().await;
    let (alice, bob, of_alice, of_bob) = connected(&server).await;
    let space = space(&server, &alice, &bob, &of_alice).await;
    let seen = server.get(&bob, &format!("/vault/connections/{of_bob}")).await.ok()["connection"].clone();
    assert_eq!(seen["other_user_connection_encryption_space_id"], space.as_str());

    for _ in 0..2 {
        let body = claim(&server, &bob, "bob", &address(&space), 0).await;
        let claimed = server.post(&bob, &path(&space), body).await.ok()["shared_key_claimed"].clone();
        assert_eq!(claimed, json!({ "external_id": space, "serialized_shared_key": DEK }));
        let own = "Aes256Gcm.Ym9i.QUFBQQ==";
        let body = json!({ "encrypted_serialized_key": own, "encryption_space_id": space });
        let joined = server.post(&bob, "/keystore/encryption_spaces", body).await.ok();
        let joined = &joined["encryption_space_data_encryption_key"];
        assert_eq!(
            (text(&joined["encryption_space_id"]), &joined["serialized_data_encryption_key"]),
            (space.clone(), &json!(own))
        );
    }
    let copy = server.get(&alice, &format!("/keystore/encryption_spaces/{space}")).await.ok();
    assert_eq!(copy["encryption_space_data_encryption_key"]["serialized_data_encryption_key"], SEALED);
}

#[tokio::test]
async fn what_the_maker_says_of_a_key_comes_with_the_key() {
    let server = server().await;
    let (alice, bob, of_alice, _) = connected(&server).await;
    let space = space(&server, &alice, &bob, &of_alice).await;
    let sign = async |signature: Value| {
        let mut key = shared_key(&space, &bob);
        key["signature"] = signature;
        server.post(&alice, "/keystore/shared_keys", key).await
    };
    let claimed = async || {
        let body = claim(&server, &bob, "bob", &address(&space), 0).await;
        server.post(&bob, &path(&space), body).await.ok()["shared_key_claimed"].clone()
    };
    sign(json!("first")).await.ok();
    sign(json!("s".repeat(2049))).await.refused(400);
    let longest = json!("s".repeat(2048));
    sign(longest.clone()).await.ok();
    assert_eq!(claimed().await["signature"], longest);
    // After the claim neither changes.
    sign(json!("late")).await.ok();
    assert_eq!(claimed().await["signature"], longest);
}

#[tokio::test]
async fn a_forged_claim_is_refused() {
    let server = server().await;
    let (alice, bob, of_alice, _) = connected(&server).await;
    let space = space(&server, &alice, &bob, &of_alice).await;
    let right = address(&space);
    let forged = [
        ("wrong key", claim(&server, &bob, "alice", &right, 0).await),
        ("old", claim(&server, &bob, "bob", &right, -301).await),
        ("from the future", claim(&server, &bob, "bob", &right, 301).await),
        ("other space", claim(&server, &bob, "bob", &address("another"), 0).await),
        ("other address", claim(&server, &bob, "bob", "https://sandbox.example/keystore/keypairs", 0).await),
        ("no signature", json!({ "public_key": bob.public_key, "request_signature": "Sign.Rsa4096.AA==.AA==" })),
    ];
    for (name, body) in forged {
        let code = server.post(&bob, &path(&space), body).await.refused(403);
        assert_eq!(code, "invalid_request_signature", "{name}");
    }
    let unknown = claim(&server, &alice, "alice", &right, 0).await;
    assert_eq!(server.post(&alice, &path(&space), unknown).await.refused(404), "shared_key_not_found");
}

#[tokio::test]
async fn nobody_but_the_two_has_the_space() {
    let server = server().await;
    let (alice, bob, of_alice, _) = connected(&server).await;
    let carlos = server.sign_up("carlos").await;
    let space = space(&server, &alice, &bob, &of_alice).await;
    let show = format!("/keystore/encryption_spaces/{space}");
    let join = json!({ "encrypted_serialized_key": SEALED, "encryption_space_id": space });
    for user in [&bob, &carlos] {
        assert_eq!(server.get(user, &show).await.refused(404), "encryption_space_not_found");
        let joining = server.post(user, "/keystore/encryption_spaces", join.clone()).await;
        assert_eq!(joining.refused(404), "encryption_space_not_found");
        let leaving = server.post(user, "/keystore/shared_keys", shared_key(&space, &carlos)).await;
        assert_eq!(leaving.refused(404), "encryption_space_not_found");
        assert_eq!(server.delete(user, &show).await.refused(404), "encryption_space_not_found");
    }
    let body = claim(&server, &bob, "bob", &address(&space), 0).await;
    server.post(&bob, &path(&space), body.clone()).await.ok();
    assert_eq!(server.post(&carlos, &path(&space), body).await.refused(404), "shared_key_not_found");
}

#[tokio::test]
async fn a_key_that_was_claimed_stays_the_one_that_was_claimed() {
    let server = server().await;
    let (alice, bob, of_alice, _) = connected(&server).await;
    let space = space(&server, &alice, &bob, &of_alice).await;
    let leave = async |key: &str| {
        let mut body = shared_key(&space, &bob);
        body["encrypted_key"] = json!(key);
        server.post(&alice, "/keystore/shared_keys", body).await.ok()["shared_key"]["serialized_shared_key"].clone()
    };
    let (second, third) = ("Rsa4096.c2Vjb25k.QQUAAAAA", "Rsa4096.dGhpcmQ=.QQUAAAAA");
    assert_eq!(leave(second).await, second);
    let body = claim(&server, &bob, "bob", &address(&space), 0).await;
    server.post(&bob, &path(&space), body).await.ok();
    assert_eq!(leave(third).await, second);
}

#[tokio::test]
async fn of_two_spaces_made_at_once_one_is_refused() {
    let server = server().await;
    let (alice, bob, of_alice, of_bob) = connected(&server).await;
    let set = async |user: &User, connection: &str, space: &str, seen: Value| {
        let body = json!({ "encryption_space_id": space, "other_user_connection_encryption_space_id": seen });
        server.post(user, &format!("/vault/connections/{connection}/encryption_space"), body).await
    };
    set(&alice, &of_alice, "of-alice", Value::Null).await.ok();
    assert_eq!(set(&bob, &of_bob, "of-bob", Value::Null).await.refused(409), "encryption_space_conflict");
    set(&bob, &of_bob, "of-alice", json!("of-alice")).await.ok();
    let by_another_client = set(&alice, &of_alice, "second-of-alice", json!("of-alice")).await;
    assert_eq!(by_another_client.refused(409), "encryption_space_conflict");
    set(&alice, &of_alice, "of-alice", json!("of-alice")).await.ok();
    assert_eq!(set(&bob, &of_alice, "x", Value::Null).await.refused(404), "connection_not_found");
}

/// Shares what is in `vin` with Bob, in the first clients' form.
pub(crate) async fn share(server: &Server, alice: &User, bob: &User, item: &Value, changes: Value) -> common::Reply {
    let vin = text(&slot(item, "vin")["id"]);
    let values = json!({ vin: "Aes256Gcm.c2hhcmVk.QUFBQQ==", text(&slot(item, "power")["id"]): null });
    let mut share = json!({ "shareable_type": "Item", "shareable_id": item["item"]["id"], "user_id": bob.id,
        "distributable": false, "outgoing": true, "encrypted_values": values.to_string() });
    for (name, value) in changes.as_object().into_iter().flatten() {
        share[name] = value.clone();
    }
    server.post(alice, "/vault/shares", json!({ "shares": [share] })).await
}

#[tokio::test]
async fn a_share_is_read_by_the_owners_own_ids() {
    let server = server().await;
    let (alice, bob, of_alice, of_bob) = connected(&server).await;
    let item = server.make_item(&alice).await;
    let before = share(&server, &alice, &bob, &item, json!({})).await;
    assert_eq!(before.refused(400), "no_encryption_space");
    let space = space(&server, &alice, &bob, &of_alice).await;
    let made = share(&server, &alice, &bob, &item, json!({ "note": "yours" })).await.ok()["shares"][0].clone();
    assert_eq!((&made["outgoing"], &made["connection_id"]), (&json!(true), &json!(of_alice)));
    assert_eq!(made["encryption_space_id"], space.as_str());

    let lists = ["/vault/shares", "/vault/shares/incoming", "/vault/shared/items/incoming", "/vault/items/incoming"];
    for list in lists {
        let list = server.get(&bob, list).await.ok();
        assert_eq!((&list["shares"][0]["id"], &list["items"][0]["id"]), (&made["id"], &item["item"]["id"]));
        assert!(list["users"].is_array() && list["meta"].is_array());
    }
    assert_eq!(server.get(&bob, "/vault/shares/outgoing").await.ok()["shares"], json!([]));
    assert_eq!(server.get(&alice, "/vault/shares/outgoing").await.ok()["shares"][0]["id"], made["id"]);

    let id = text(&made["id"]);
    let read = server.get(&bob, &format!("/vault/shares/{id}")).await.ok();
    assert_eq!(read["share"], read["shares"][0]);
    let share = &read["share"];
    assert_eq!((&share["connection_id"], &share["encryption_space_id"]), (&json!(of_bob), &Value::Null));
    assert_eq!((&share["shareable_id"], &share["outgoing"]), (&item["item"]["id"], &json!(false)));
    assert_eq!((&share["user_id"], &share["shareable_user_id"]), (&json!(bob.id), &json!(alice.id)));
    assert_eq!(share["note"], "yours");
    let vin = slot(&read, "vin");
    assert_eq!((&vin["id"], &vin["own"]), (&slot(&item, "vin")["id"], &json!(false)));
    assert!(vin["encrypted_value"].is_null(), "the owner's own ciphertext is nobody else's");
    assert_eq!(share["encrypted_values"], json!({ text(&vin["id"]): "Aes256Gcm.c2hhcmVk.QUFBQQ==" }));
    let own = server.get(&alice, &format!("/vault/shares/{id}")).await.ok();
    assert_eq!(slot(&own, "vin")["encrypted_value"], SEALED);

    assert_eq!(server.get(&bob, "/vault/incoming_shares").await.ok()["shares"], json!([]));
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    assert_eq!(server.get(&bob, &path).await.refused(404), "item_not_found");
}

#[tokio::test]
async fn sharing_again_and_putting_bring_new_values_to_the_same_share() {
    let server = server().await;
    let (alice, bob, of_alice, _) = connected(&server).await;
    let item = server.make_item(&alice).await;
    space(&server, &alice, &bob, &of_alice).await;
    let first = share(&server, &alice, &bob, &item, json!({})).await.ok()["shares"][0].clone();
    let vin = text(&slot(&item, "vin")["id"]);
    let newer = json!({ vin.clone(): "Aes256Gcm.bmV3ZXI=.QUFBQQ==" });
    let again = share(&server, &alice, &bob, &item, json!({ "encrypted_values": newer.to_string() })).await.ok();
    assert_eq!((&again["shares"][0]["id"], &again["shares"][0]["encrypted_values"]), (&first["id"], &newer));

    let newest = json!([{ "slot_id": vin, "encrypted_value": "Aes256Gcm.bmV3ZXN0.QUFBQQ==" }]);
    let put = json!({ "shares": [{ "id": first["id"], "encrypted_values": newest, "note": "changed" }] });
    let put = server.put(&alice, "/vault/shares", put).await.ok()["shares"][0].clone();
    assert_eq!(
        (&put["encrypted_values"][&vin], &put["note"]),
        (&json!("Aes256Gcm.bmV3ZXN0.QUFBQQ=="), &json!("changed"))
    );
    let by_bob = json!({ "shares": [{ "id": first["id"], "note": "mine" }] });
    assert_eq!(server.put(&bob, "/vault/shares", by_bob).await.refused(404), "share_not_found");
}

#[tokio::test]
async fn a_list_of_large_items_ends_sooner_and_goes_on() {
    let server = server().await;
    let (alice, bob, of_alice, _) = connected(&server).await;
    space(&server, &alice, &bob, &of_alice).await;
    let value = format!("Aes256Gcm.{}.QUFBQQ==", "c2hhcmVk".repeat(448 * 1024));
    let mut made = Vec::new();
    for _ in 0..5 {
        let item = server.make_item(&alice).await;
        let values = json!({ text(&slot(&item, "vin")["id"]): value }).to_string();
        made.push(
            share(&server, &alice, &bob, &item, json!({ "encrypted_values": values })).await.ok()["shares"][0]["id"]
                .clone(),
        );
    }
    let mut seen = Vec::new();
    let mut path = "/vault/shares/incoming?per_page=200".to_owned();
    while seen.len() < made.len() {
        let page = server.get(&bob, &path).await.ok();
        let shares = page["shares"].as_array().unwrap();
        assert!(!shares.is_empty() && shares.len() < made.len(), "{} shares of 3.5 MiB on one page", shares.len());
        seen.extend(shares.iter().map(|share| share["id"].clone()));
        path = format!(
            "/vault/shares/incoming?per_page=200&next_page_after={}",
            page["next_page_after"].as_str().unwrap_or_default()
        );
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn what_would_fill_the_recipients_lists_is_refused() {
    // Three thousand shares take their time.
    let limits = Limits { request: Duration::from_secs(600).into(), ..Limits::default() };
    let folder = Folder::new().unwrap();
    let config = Config { limits, ..Config::new(folder.path()) };
    let server = Server(testing::server(config, folder).await.unwrap());
    let (alice, bob, of_alice, _) = connected(&server).await;
    let item = server.make_item(&alice).await;
    space(&server, &alice, &bob, &of_alice).await;
    let long = "t".repeat(64 * 1024 + 1);
    for field in ["note", "terms"] {
        assert_eq!(share(&server, &alice, &bob, &item, json!({ field: long })).await.refused(400), "text_too_long");
    }
    let made = share(&server, &alice, &bob, &item, json!({})).await.ok()["shares"][0].clone();
    for field in ["note", "terms"] {
        let put = json!({ "shares": [{ "id": made["id"], field: long }] });
        assert_eq!(server.put(&alice, "/vault/shares", put).await.refused(400), "text_too_long");
    }
    let same = json!({ "shareable_type": "Item", "shareable_id": item["item"]["id"], "user_id": bob.id,
        "distributable": false, "outgoing": true, "encrypted_values": json!({}).to_string() });
    let again = server.post(&alice, "/vault/shares", json!({ "shares": vec![same; 101] })).await;
    assert_eq!(again.refused(400), "too_many_values");
    // The reply has the item with each of its shares.
    let slots: Vec<_> = (0..200).map(|slot| json!({ "name": format!("f{slot}") })).collect();
    let large = json!({ "template_name": "custom", "item": { "label": "x", "slots_attributes": slots } });
    let large = server.post(&alice, "/vault/items", large).await.ok();
    let same = json!({ "shareable_type": "Item", "shareable_id": large["item"]["id"], "user_id": bob.id,
        "encrypted_values": json!({}).to_string() });
    let share =
        async |times: usize| server.post(&alice, "/vault/shares", json!({ "shares": vec![same.clone(); times] })).await;
    assert_eq!(share(100).await.refused(400), "too_many_shares");
    share(10).await.ok();
}

#[tokio::test]
async fn one_slot_is_shared_alone() {
    let server = server().await;
    let (alice, bob, of_alice, _) = connected(&server).await;
    let item = server.make_item(&alice).await;
    space(&server, &alice, &bob, &of_alice).await;
    let vin = text(&slot(&item, "vin")["id"]);
    let values = json!({ vin.clone(): SEALED }).to_string();
    let changes = json!({ "shareable_type": "Slot", "shareable_id": vin, "encrypted_values": values });
    let made = share(&server, &alice, &bob, &item, changes).await.ok()["shares"][0].clone();
    let read = server.get(&bob, &format!("/vault/shares/{}", text(&made["id"]))).await.ok();
    assert_eq!(read["slots"].as_array().unwrap().len(), 1);
    assert_eq!((&read["share"]["shareable_type"], &read["item"]["slot_ids"]), (&json!("Slot"), &json!([vin])));
}

#[tokio::test]
async fn what_cannot_be_shared_is_refused() {
    let server = server().await;
    let (alice, bob, of_alice, of_bob) = connected(&server).await;
    let carlos = server.sign_up("carlos").await;
    let item = server.make_item(&alice).await;
    let id = space(&server, &alice, &bob, &of_alice).await;
    twin(&server, &bob, &of_bob, &id).await;
    let refused =
        async |from: &User, to: &User, changes: Value| share(&server, from, to, &item, changes).await.status.as_u16();
    assert_eq!(refused(&bob, &alice, json!({})).await, 404, "not the sender's");
    assert_eq!(refused(&alice, &carlos, json!({})).await, 400, "not connected");
    assert_eq!(
        refused(&alice, &bob, json!({ "encrypted_values": { "other": SEALED } })).await,
        400,
        "a slot of no item"
    );
    assert_eq!(refused(&alice, &bob, json!({ "encrypted_values": "not JSON" })).await, 400);
    assert_eq!(refused(&alice, &bob, json!({ "expires_at": "2020-01-01T00:00:00Z" })).await, 400, "past");
    assert_eq!(server.get(&bob, "/vault/shares").await.ok()["shares"], json!([]));
}

#[tokio::test]
async fn shares_end_with_their_time_their_item_their_connection_and_when_either_side_says_so() {
    let server = server().await;
    let (alice, bob, of_alice, _) = connected(&server).await;
    space(&server, &alice, &bob, &of_alice).await;
    let received = async || server.get(&bob, "/vault/shares").await.ok()["shares"].as_array().unwrap().len();
    let expires_at = time_from_now(&server, 60);
    let item = server.make_item(&alice).await;
    let first =
        share(&server, &alice, &bob, &item, json!({ "expires_at": expires_at })).await.ok()["shares"][0].clone();
    assert_eq!(received().await, 1);
    server.0.clock().advance(Duration::from_secs(61));
    assert_eq!(received().await, 0);
    let id = text(&first["id"]);
    assert_eq!(server.get(&bob, &format!("/vault/shares/{id}")).await.refused(404), "share_not_found");
    let outgoing = async |query: &str| {
        let list = server.get(&alice, &format!("/vault/shares/outgoing{query}")).await.ok();
        list["shares"].as_array().unwrap().len()
    };
    assert_eq!((outgoing("").await, outgoing("?with_expired=1").await), (0, 1));
    server.0.clear_expired().await.unwrap();
    assert_eq!(outgoing("?with_expired=1").await, 0);

    for user in [&alice, &bob] {
        let made = share(&server, &alice, &bob, &item, json!({})).await.ok()["shares"][0].clone();
        assert!(server.delete(user, &format!("/vault/shares/{}", text(&made["id"]))).await.status.is_success());
        assert_eq!(received().await, 0);
    }
    share(&server, &alice, &bob, &item, json!({})).await.ok();
    assert!(server.delete(&alice, &format!("/vault/items/{}", text(&item["item"]["id"]))).await.status.is_success());
    assert_eq!(received().await, 0);

    let item = server.make_item(&alice).await;
    share(&server, &alice, &bob, &item, json!({})).await.ok();
    assert!(server.delete(&alice, &format!("/vault/connections/{of_alice}")).await.status.is_success());
    assert_eq!(received().await, 0);
}

#[tokio::test]
async fn both_protocols_serve_one_connection() {
    let server = server().await;
    let (alice, bob, of_alice, _) = connected(&server).await;
    space(&server, &alice, &bob, &of_alice).await;
    let item = server.make_item(&alice).await;
    let in_space = share(&server, &alice, &bob, &item, json!({})).await.ok()["shares"][0].clone();
    let as_copy = server.share(&alice, &item, &bob, json!({})).await.ok()["shares"][0].clone();
    let incoming = server.get(&bob, "/vault/incoming_shares").await.ok();
    assert_eq!(incoming["shares"].as_array().unwrap().len(), 1);
    assert_eq!(incoming["shares"][0]["id"], as_copy["id"]);
    let in_spaces = server.get(&bob, "/vault/shares").await.ok();
    assert_eq!(in_spaces["shares"].as_array().unwrap().len(), 1);
    assert_eq!(in_spaces["shares"][0]["id"], in_space["id"]);
    let change = json!({ "shares": [{ "share_id": as_copy["id"], "onsharing_permitted": true }] });
    assert_eq!(server.put(&alice, "/vault/shares", change).await.ok()["shares"][0]["sharing_mode"], "anyone");
}
