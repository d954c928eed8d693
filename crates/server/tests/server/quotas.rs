//! Quotas: what a user can have, and whose it is that is shared.

use std::time::Duration;

use serde_json::{Value, json};
use vaultshare_server::{
    Config, Limits,
    testing::{self, Folder},
};

use crate::common::{self, Reply, SEALED, Server, User, invitation, text};

const MINUTE: Duration = Duration::from_secs(60);

async fn server(limits: Limits) -> Server {
    let folder = Folder::new().unwrap();
    let config = Config { limits, ..Config::new(folder.path()) };
    Server(testing::server(config, folder).await.unwrap())
}

/// An item with a value of so many bytes and a little more.
async fn make(server: &Server, user: &User, bytes: usize) -> Reply {
    let slots = json!([{ "name": "vin", "encrypted_value": ciphertext(bytes) }]);
    let item = json!({ "label": "DeLorean", "slots_attributes": slots });
    let body = json!({ "template_name": "vehicle", "skip_empty_template_slots": true, "item": item });
    server.post(user, "/vault/items", body).await
}

fn ciphertext(bytes: usize) -> String {
    format!("Aes256Gcm.{}.QUFBQQ==", "QUFB".repeat(bytes / 4))
}

fn path(item: &Value) -> String {
    format!("/vault/items/{}", text(&item["item"]["id"]))
}

/// What is kept of a user's usage, and what is there.
async fn usage(server: &Server, user: &User) -> ((i64, i64), i64) {
    let mut vault = server.0.connect("vault").await.unwrap();
    let kept = sqlx::query_as("SELECT items, bytes FROM user_usage WHERE user_id = $1");
    let kept = kept.bind(&user.id).fetch_one(&mut vault).await.unwrap();
    let items = "SELECT COUNT(*) FROM items WHERE user_id = $1 AND original_id IS NULL";
    (kept, sqlx::query_scalar(items).bind(&user.id).fetch_one(&mut vault).await.unwrap())
}

#[tokio::test]
async fn items_are_counted_and_deleting_one_makes_room() {
    let server = server(Limits { quota_items: 2, ..Limits::default() }).await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let first = make(&server, &alice, 100).await.ok();
    make(&server, &alice, 100).await.ok();
    let refused = make(&server, &alice, 100).await;
    let message = text(&refused.body["errors"][0]["message"]);
    assert!(message.contains("at most 2 items"), "{message}");
    assert_eq!(refused.refused(403), "quota_exceeded");
    assert_eq!(server.get(&alice, "/vault/items").await.ok()["items"].as_array().unwrap().len(), 2);
    make(&server, &bob, 100).await.ok();
    // Who has too much can change and delete.
    let label = json!({ "item": { "label": "Car" } });
    server.put(&alice, &path(&first), label).await.ok();
    server.delete(&alice, &path(&first)).await.ok();
    make(&server, &alice, 100).await.ok();
    make(&server, &alice, 100).await.refused(403);
    let ((items, _), there) = usage(&server, &alice).await;
    assert_eq!((items, there), (2, 2));
}

#[tokio::test]
async fn bytes_are_counted_as_they_grow_and_shrink() {
    let server = server(Limits { quota_bytes: 10_000, ..Limits::default() }).await;
    let alice = server.sign_up("alice").await;
    let item = make(&server, &alice, 8_000).await.ok();
    make(&server, &alice, 3_000).await.refused(403);
    let slot = &item["slots"][0]["id"];
    let change =
        |bytes| json!({ "item": { "slots_attributes": [{ "id": slot, "encrypted_value": ciphertext(bytes) }] } });
    server.put(&alice, &path(&item), change(12_000)).await.refused(403);
    let slot_path = format!("/vault/slots/{}", text(slot));
    server.put(&alice, &slot_path, json!({ "encrypted_value": ciphertext(12_000) })).await.refused(403);
    assert_eq!(server.get(&alice, &path(&item)).await.ok()["slots"][0]["encrypted_value"], ciphertext(8_000));
    server.put(&alice, &path(&item), change(4_000)).await.ok();
    make(&server, &alice, 3_000).await.ok();
    server.delete(&alice, &slot_path).await.ok();
    make(&server, &alice, 4_000).await.ok();
}

#[tokio::test]
async fn what_is_shared_is_its_owners_until_the_recipient_makes_it_their_own() {
    let server = server(Limits { quota_bytes: 20_000, ..Limits::default() }).await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let item = make(&server, &alice, 4_000).await.ok();
    let slot = &item["slots"][0]["id"];
    let values = json!([{
        "slot_id": slot, "encrypted_value": ciphertext(12_000), "encrypted_value_verification_key": SEALED,
        "value_verification_hash": "ab".repeat(32),
    }]);
    // Bob is full, by what is his own, and is sent to nevertheless.
    make(&server, &bob, 16_000).await.ok();
    server.share(&alice, &item, &bob, json!({ "slot_values": values })).await.ok();
    make(&server, &alice, 8_000).await.refused(403);
    make(&server, &bob, 8_000).await.refused(403);
    make(&server, &bob, 100).await.ok();

    // To keep it under his own key he needs room for it.
    let received = server.get(&bob, "/vault/items?own=false").await.ok();
    let copy = text(&received["items"][0]["id"]);
    let slots: Vec<Value> = received["slots"].as_array().unwrap().iter()
        .filter(|slot| slot["item_id"] == copy.as_str())
        .map(|slot| json!({ "id": slot["id"], "encrypted_value": ciphertext(12_000), "encrypted_value_verification_key": SEALED }))
        .collect();
    let encrypt = json!({ "slots": slots });
    let encrypt_path = format!("/vault/items/{copy}/encrypt");
    assert_eq!(server.post(&bob, &encrypt_path, encrypt.clone()).await.refused(403), "quota_exceeded");
    for own in server.get(&bob, "/vault/items?own=true").await.ok()["items"].as_array().unwrap() {
        server.delete(&bob, &format!("/vault/items/{}", text(&own["id"]))).await.ok();
    }
    server.post(&bob, &encrypt_path, encrypt).await.ok();
    make(&server, &bob, 8_000).await.refused(403);
    // And for Alice it counts no more, once a minute has passed since it was last counted.
    server.0.clock().advance(MINUTE);
    make(&server, &alice, 8_000).await.ok();
}

#[tokio::test]
async fn what_others_end_makes_room_too() {
    let server = server(Limits { quota_bytes: 20_000, ..Limits::default() }).await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let item = make(&server, &alice, 4_000).await.ok();
    let values = json!([{
        "slot_id": item["slots"][0]["id"], "encrypted_value": ciphertext(12_000),
        "encrypted_value_verification_key": SEALED, "value_verification_hash": "ab".repeat(32),
    }]);
    server.share(&alice, &item, &bob, json!({ "slot_values": values })).await.ok();
    make(&server, &alice, 8_000).await.refused(403);
    let copy = server.get(&bob, "/vault/items").await.ok()["items"][0]["id"].clone();
    server.delete(&bob, &format!("/vault/items/{}", text(&copy))).await.ok();
    server.0.clock().advance(MINUTE);
    make(&server, &alice, 8_000).await.ok();
}

#[tokio::test]
async fn who_ends_a_share_has_room_at_once_and_is_counted_again_no_more_often_than_every_few_seconds() {
    let server = server(Limits { quota_bytes: 20_000, ..Limits::default() }).await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let item = make(&server, &alice, 4_000).await.ok();
    let share = async || {
        let values = json!([{
            "slot_id": item["slots"][0]["id"], "encrypted_value": ciphertext(12_000),
            "encrypted_value_verification_key": SEALED, "value_verification_hash": "ab".repeat(32),
        }]);
        let share = server.share(&alice, &item, &bob, json!({ "slot_values": values })).await.ok();
        text(&share["shares"][0]["id"])
    };
    let end = async |share: &str| server.delete(&alice, &format!("/vault/shares/{share}")).await.ok();
    let first = share().await;
    make(&server, &alice, 8_000).await.refused(403);
    end(&first).await;
    // It was counted when it was refused, a moment ago.
    make(&server, &alice, 8_000).await.refused(403);
    server.0.clock().advance(Duration::from_secs(5));
    let large = make(&server, &alice, 8_000).await.ok();
    server.delete(&alice, &path(&large)).await.ok();
    share().await;
}

#[tokio::test]
async fn who_has_too_much_of_one_thing_can_have_more_of_the_other_and_nobody_learns_how_much() {
    let server = server(Limits { quota_items: 1, quota_bytes: 20_000, ..Limits::default() }).await;
    let alice = server.sign_up("alice").await;
    let item = make(&server, &alice, 4_000).await.ok();
    server.0.copy_items(&text(&item["item"]["id"]), 3).await.unwrap();
    server.sql("vault", "DELETE FROM user_usage").await;
    let change =
        |bytes| json!({ "item": { "slots_attributes": [{ "name": "vin", "encrypted_value": ciphertext(bytes) }] } });
    server.put(&alice, &path(&item), change(8_000)).await.ok();
    let refused = server.put(&alice, &path(&item), change(40_000)).await;
    let message = text(&refused.body["errors"][0]["message"]);
    assert_eq!(message, "A user of this server has at most 20000 bytes in items and what is shared of them");
    refused.refused(403);
}

#[tokio::test]
async fn a_quota_that_is_set_later_counts_what_is_there_and_one_that_is_lifted_forgets() {
    let folder = Folder::new().unwrap();
    let data = folder.path().to_owned();
    let open = async |quota_items| {
        let limits = Limits { quota_items, ..Limits::default() };
        let config = Config { limits, ..Config::new(&data) };
        Server(testing::server_on_files(config, Folder::new().unwrap()).await.unwrap())
    };
    let server = open(0).await;
    let alice = server.sign_up("alice").await;
    for _ in 0..3 {
        make(&server, &alice, 100).await.ok();
    }
    server.0.close().await;
    drop(server);
    for quota in [4, 0, 6] {
        let server = open(quota).await;
        make(&server, &alice, 100).await.ok();
        if quota > 0 {
            make(&server, &alice, 100).await.refused(403);
        }
        server.0.close().await;
    }
}

#[tokio::test]
async fn keys_and_invitations_are_counted() {
    let server = server(Limits { quota_keys: 3, invitations_per_day: 2, ..Limits::default() }).await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let pair = || json!({ "public_key": "PEM", "encrypted_serialized_key": SEALED });
    let dek = || json!({ "serialized_data_encryption_key": SEALED });
    let space = || json!({ "encrypted_serialized_key": SEALED });
    server.post(&alice, "/keystore/keypairs", pair()).await.ok();
    server.post(&alice, "/keystore/encryption_spaces", space()).await.ok();
    let last = server.post(&alice, "/keystore/data_encryption_keys", dek()).await.ok();
    for (path, body) in [("keypairs", pair()), ("data_encryption_keys", dek()), ("encryption_spaces", space())] {
        let refused = server.post(&alice, &format!("/keystore/{path}"), body).await;
        assert_eq!(refused.refused(403), "quota_exceeded", "{path}");
    }
    let last = text(&last["data_encryption_key"]["id"]);
    server.delete(&alice, &format!("/keystore/data_encryption_keys/{last}")).await;
    server.post(&alice, "/keystore/keypairs", pair()).await.ok();
    server.post(&bob, "/keystore/keypairs", pair()).await.ok();

    let invite = || server.post(&alice, "/vault/invitations", invitation(&alice));
    for _ in 0..2 {
        let made = invite().await.ok();
        // Deleting one does not give it back.
        server.delete(&alice, &format!("/vault/invitations/{}", text(&made["invitation"]["id"]))).await.ok();
    }
    assert_eq!(invite().await.refused(429), "too_many_invitations");
    server.0.clock().advance(Duration::from_secs(12 * 60 * 60));
    invite().await.ok();
    invite().await.refused(429);
}

#[tokio::test]
async fn what_is_kept_of_a_users_usage_is_what_is_there_after_every_kind_of_write() {
    let server = server(Limits { quota_bytes: 1_000_000, ..Limits::default() }).await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let carlos = server.sign_up("carlos").await;
    let (to_bob, _) = server.connect(&alice, &bob).await;
    server.connect(&alice, &carlos).await;
    server.connect(&bob, &carlos).await;
    let space = json!({ "encryption_space_id": "5f0c5f0c-0000-4000-8000-000000000001" });
    server.post(&alice, &format!("/vault/connections/{to_bob}/encryption_space"), space).await.ok();
    make(&server, &bob, 500).await.ok();

    let item = make(&server, &alice, 1_000).await.ok();
    let vin = item["slots"][0]["id"].clone();
    let item_path = path(&item);
    agrees(&server, &alice, "a new item").await;
    server.share(&alice, &item, &bob, json!({ "onsharing_permitted": true, "terms": "yours" })).await.ok();
    agrees(&server, &alice, "a share").await;
    let copy = server.get(&bob, "/vault/items?own=false").await.ok()["items"][0]["id"].clone();
    let copy = server.get(&bob, &format!("/vault/items/{}", text(&copy))).await.ok();
    server.share(&bob, &copy, &carlos, json!({})).await.ok();
    agrees(&server, &alice, "an on-share").await;

    let slots =
        json!([{ "id": vin, "encrypted_value": ciphertext(2_000) }, { "label": "Colour", "encrypted_value": SEALED }]);
    let change = json!({ "item": { "label": "Time machine", "slots_attributes": slots } });
    let changed = server.put(&alice, &item_path, change).await.ok();
    agrees(&server, &alice, "a change").await;
    let shares = server.get(&alice, &format!("{item_path}/shares")).await.ok()["shares"].clone();
    let shares = shares.as_array().unwrap();
    let deks: Vec<_> =
        shares.iter().map(|share| json!({ "share_id": share["id"], "dek": "Rsa4096.bmV3bmV3.QQUAAAAA" })).collect();
    let value = |share: &Value| {
        json!({ "share_id": share["id"], "slot_id": vin, "encrypted_value": ciphertext(2_000),
        "encrypted_value_verification_key": SEALED, "value_verification_hash": "ef".repeat(32) })
    };
    let values: Vec<_> = shares.iter().map(value).collect();
    let refresh = json!({ "share_deks": deks, "slot_values": values });
    server.put(&alice, &format!("{item_path}/shares"), refresh).await.ok();
    agrees(&server, &alice, "a refresh").await;
    server.put(&alice, &format!("/vault/slots/{}", text(&vin)), json!({ "label": "Number" })).await.ok();
    agrees(&server, &alice, "a change of a slot").await;
    let grant = json!({ "shares": [{ "share_id": shares[0]["id"], "grant": "a grant of the owner's" }] });
    server.put(&alice, "/vault/shares", grant).await.ok();
    agrees(&server, &alice, "a change of a share").await;

    let second = make(&server, &alice, 1_000).await.ok();
    let new = common::new_share(&alice, &second, &carlos, json!({ "terms": "yours" }));
    let batch = json!({ "item_to_share_id": second["item"]["id"], "shares_to_create": [new] });
    server.call("PATCH", "/vault/shares", Some(&alice.vault_token), Some(batch)).await.ok();
    agrees(&server, &alice, "a batch").await;
    let space_values = |bytes| json!({ text(&second["slots"][0]["id"]): ciphertext(bytes) });
    let share = json!({ "shareable_type": "Item", "shareable_id": second["item"]["id"], "user_id": bob.id,
        "note": "yours", "encrypted_values": space_values(500) });
    let made = server.post(&alice, "/vault/shares", json!({ "shares": [share] })).await.ok();
    agrees(&server, &alice, "a share of the first protocol").await;
    let put = json!({ "shares": [{ "id": made["shares"][0]["id"], "encrypted_values": space_values(700), "note": "all yours" }] });
    server.put(&alice, "/vault/shares", put).await.ok();
    agrees(&server, &alice, "a change of it").await;

    let colour = common::slot(&changed, "colour")["id"].clone();
    server.delete(&alice, &format!("/vault/slots/{}", text(&colour))).await.ok();
    agrees(&server, &alice, "a deleted slot").await;
    server.delete(&alice, &path(&second)).await.ok();
    agrees(&server, &alice, "a deleted item").await;
    agrees(&server, &bob, "all that others did").await;
}

/// Checks what is kept against what is found when it is counted anew, at a change that changes no size.
async fn agrees(server: &Server, user: &User, after: &str) {
    let kept = usage(server, user).await.0;
    let mut vault = server.0.connect("vault").await.unwrap();
    let forget = sqlx::query("DELETE FROM user_usage WHERE user_id = $1");
    forget.bind(&user.id).execute(&mut vault).await.unwrap();
    let item = server.get(user, "/vault/items?own=true").await.ok()["items"][0].clone();
    let same = json!({ "item": { "label": item["label"] } });
    server.put(user, &format!("/vault/items/{}", text(&item["id"])), same).await.ok();
    assert_eq!(kept, usage(server, user).await.0, "after {after}");
}
