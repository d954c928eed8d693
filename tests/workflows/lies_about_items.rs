//! A server that shows an item's values, words and rows otherwise than they were written.

use std::{cell::Cell, rc::Rc};

use serde_json::{Value as Json, json};
use vaultshare::{
    ErrorCode,
    crypto::places::{Place, ValueKind, Written},
    workflows::{Classification, Item, ItemChange, NewItem, NewShare, NewSlot, Session, Slot},
};

use crate::{
    fault_injection::fail_each_request,
    harness::{Fault, Harness, quiet, slot, value, vehicle},
    lies::{
        INVENTED, NO_STATE, alter, car, dek_of, item_path, plain_dek_of, readable, sealed_in, set, shares_path,
        slot_id, slot_of,
    },
};

fn change(slots: Vec<NewSlot>) -> ItemChange {
    ItemChange { slots, ..ItemChange::default() }
}

async fn write(user: &Session, item: &Item, name: &str, value: &str) -> Item {
    user.update_item(&item.record.id, &change(vec![slot(name, value)]), &quiet()).await.unwrap().item
}

/// Leaves no value that vouches for the item, as our clients do not.
async fn empty_by_another_client(harness: &Harness, user: &Session, item: &Item) {
    let emptied = ["vin", "licence_plate"].map(|name| json!({ "name": name, "encrypted_value": null }));
    let put = json!({ "item": { "slots_attributes": emptied } });
    let vault = harness.service(user, "vault");
    vault.put(&["items", item.record.id.as_str()]).json(&put).send::<Json>().await.unwrap();
}

/// F3: a ciphertext of one place is no value of another, not for reading and not for those it would be shared with.
#[tokio::test]
async fn a_ciphertext_of_another_place_is_neither_shown_nor_shared() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let (shared, private) = (car(&alice).await, car(&alice).await);
    alice.create_share(&NewShare::new(shared.record.id.clone(), to_bob.clone()), &quiet()).await.unwrap();
    let own = harness.reply(&alice, &item_path(&shared)).await;
    let others = harness.reply(&alice, &item_path(&private)).await;
    let connection = harness.reply(&alice, &format!("/vault/connections/{to_bob}")).await;
    let shares = harness.reply(&alice, &shares_path(&shared)).await;
    let birth = shared.binding.birth;
    let written = Written { birth, revision: 1, state: NO_STATE };
    let dek = dek_of(&alice);
    let (item, slot) = (shared.record.id.as_str(), slot_id(&shared, "vin"));
    let of_kind = async |kind| {
        let place = Place::Value { kind, item, slot: slot.as_str(), written };
        Json::from(dek.encrypt_text("another kind", &place).await.unwrap().unwrap())
    };
    let elsewhere = [
        ("another slot of the item", sealed_in(&own, "licence_plate")),
        ("the same slot of another item", sealed_in(&others, "vin")),
        ("the name of a connection", connection["connection"]["own"]["encrypted_recipient_name"].clone()),
        ("a grant", shares["shares"][0]["grant"].clone()),
        ("a received value, kept", of_kind(ValueKind::Kept).await),
        ("a shared value", of_kind(ValueKind::Shared).await),
        ("a value of another birth", {
            let written = Written { birth: private.binding.birth, revision: 1, state: NO_STATE };
            let place = Place::Value { kind: ValueKind::Own, item, slot: slot.as_str(), written };
            dek.encrypt_text("another life", &place).await.unwrap().unwrap().into()
        }),
    ];
    for (what, envelope) in elsewhere {
        assert!(envelope.is_string(), "{what}");
        harness.network.lie("GET", item_path(&shared), move |json| {
            slot_of(json, "vin")["encrypted_value"] = envelope.clone();
        });
        harness.network.sent_bodies();
        let codes = [
            alice.get_item(&shared.record.id).await.unwrap_err(),
            alice.create_share(&NewShare::new(shared.record.id.clone(), to_bob.clone()), &quiet()).await.unwrap_err(),
            alice.refresh_shares(&shared.record.id, &[], &quiet()).await.unwrap_err(),
        ];
        assert!(codes.iter().all(|error| error.code() == ErrorCode::Misplaced), "{what}: {codes:?}");
        assert!(harness.network.sent_bodies().is_empty(), "{what}");
    }
}

/// F3, the other way: a value is no name.
#[tokio::test]
async fn a_value_in_the_place_of_a_connections_name_is_not_shown() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let value = sealed_in(&harness.reply(&alice, &item_path(&item)).await, "vin");
    harness.network.lie("GET", format!("/vault/connections/{to_bob}"), move |json| {
        json["connection"]["own"]["encrypted_recipient_name"] = value.clone();
    });
    let refused = alice.get_connection(&to_bob.into()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Misplaced);
}

/// F3: two values joined to one.
#[tokio::test]
async fn a_value_in_two_pieces_is_refused() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await;
    harness.network.lie("GET", item_path(&item), |json| {
        let vin = slot_of(json, "vin")["encrypted_value"].as_str().unwrap().to_owned();
        let second = vin.split_once('.').unwrap().1.to_owned();
        slot_of(json, "vin")["encrypted_value"] = format!("{vin}.{second}").into();
    });
    let refused = alice.get_item(&item.record.id).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::MalformedEnvelope);
}

/// F3: what names no place may be of any place. It is shown, and says so; it is disclosed only when the user has adopted it.
#[tokio::test]
async fn a_value_that_names_no_place_is_disclosed_to_nobody_before_it_is_adopted() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let nowhere = Json::from(plain_dek_of(&alice).encrypt(b"of any place").await.unwrap());
    let put =
        json!({ "item": { "slots_attributes": [{ "id": slot_id(&item, "power"), "encrypted_value": nowhere }] } });
    let path = ["items", item.record.id.as_str()];
    harness.service(&alice, "vault").put(&path).json(&put).send::<Json>().await.unwrap();

    let read = alice.get_item(&item.record.id).await.unwrap();
    assert_eq!(value(&read, "power"), Some("of any place"));
    let power = read.slots.iter().find(|slot| slot.record.name == "power").unwrap();
    assert!(!power.is_bound && read.binding.changed);
    let share = NewShare::new(item.record.id.clone(), to_bob.clone());
    harness.network.sent_bodies();
    let refused = alice.create_share(&share, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ItemChanged);
    assert!(harness.network.sent_bodies().is_empty());

    // An item of another client's altogether.
    let nowhere = Json::from(plain_dek_of(&alice).encrypt(b"456").await.unwrap());
    let of_vin = json!([{ "name": "vin", "encrypted_value": nowhere }]);
    let post = json!({ "template_name": "vehicle", "item": { "label": "Theirs", "slots_attributes": of_vin } });
    let others = harness.service(&alice, "vault").post(&["items"]).json(&post).send::<Json>().await.unwrap();
    let others = vaultshare::api::Id::parse(others["item"]["id"].as_str().unwrap()).unwrap();
    let share = NewShare::new(others.clone(), to_bob);
    harness.network.sent_bodies();
    let refused = alice.create_share(&share, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UnboundValue);
    assert!(harness.network.sent_bodies().is_empty());

    let shown = alice.get_item(&others).await.unwrap();
    let adopted = alice.adopt_item(&others, &shown.version()).await.unwrap();
    assert!(!adopted.binding.changed && adopted.slots.iter().all(|slot| slot.is_bound));
    let share = alice.create_share(&share, &quiet()).await.unwrap();
    assert_eq!(value(&bob.get_share(&share.id).await.unwrap().item, "vin"), Some("456"));
}

/// F9: an item's earlier version is not shown again, in the session and with what the session remembered in the next.
#[tokio::test]
async fn an_own_item_does_not_go_back_to_an_earlier_version() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await;
    let before = harness.reply(&alice, &item_path(&item)).await;
    write(&alice, &item, "vin", "456").await;
    harness.network.replay(item_path(&item), &before);
    let refused = alice.get_item(&item.record.id).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::RolledBack);
    let update = change(vec![slot("vin", "789")]);
    let refused = alice.update_item(&item.record.id, &update, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::RolledBack);

    // The limit: without memory, any complete state that was true once.
    let memory = alice.export_memory().await.unwrap();
    harness.network.stop_tampering();
    let next = harness.new_session(&alice).await;
    harness.network.replay(item_path(&item), &before);
    assert_eq!(value(&next.get_item(&item.record.id).await.unwrap(), "vin"), Some("123"));
    harness.network.stop_tampering();
    let next = harness.new_session(&alice).await;
    next.import_memory(&memory).await.unwrap();
    harness.network.replay(item_path(&item), &before);
    assert_eq!(next.get_item(&item.record.id).await.unwrap_err().code(), ErrorCode::RolledBack);
}

/// A write that the server says to have failed has the revision and the state of the next one. Whose value is taken for the
/// item's is decided by the client: what the user wrote last, and was told to be stored.
#[tokio::test]
async fn a_value_that_was_said_not_to_be_stored_does_not_come_to_light_later() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    alice.create_share(&NewShare::new(item.record.id.clone(), to_bob), &quiet()).await.unwrap();
    harness.network.refuse(|method, _| (method == "PUT").then_some(500));
    harness.network.sent_bodies();
    let mistaken = change(vec![slot("vin", "a password, by mistake")]);
    alice.update_item(&item.record.id, &mistaken, &quiet()).await.unwrap_err();
    let sent: Json = serde_json::from_slice(harness.network.sent_bodies().last().unwrap()).unwrap();
    let mistaken = sent["item"]["slots_attributes"][0]["encrypted_value"].clone();
    assert!(mistaken.is_string(), "{sent}");
    harness.network.stop_tampering();
    write(&alice, &item, "vin", "456").await;
    let memory = alice.export_memory().await.unwrap();
    let next = harness.new_session(&alice).await;
    next.import_memory(&memory).await.unwrap();
    harness.network.lie("GET", item_path(&item), move |json| {
        slot_of(json, "vin")["encrypted_value"] = mistaken.clone();
    });
    let bobs = harness.only_pair_of(&bob).await;
    harness.network.sent_bodies();
    for session in [&alice, &next] {
        assert!(session.get_item(&item.record.id).await.unwrap().binding.changed);
        let refused = session.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ItemChanged);
    }
    assert_eq!(readable(&harness.network.sent_bodies(), &[&bobs]).await, set(&[]));
    harness.network.stop_tampering();
    assert!(!alice.get_item(&item.record.id).await.unwrap().binding.changed);
}

/// What one session remembered says nothing to another user, and an older memory takes nothing back.
#[tokio::test]
async fn memory_is_of_one_user_and_grows_only() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    let item = car(&alice).await;
    let before = harness.reply(&alice, &item_path(&item)).await;
    let early = alice.export_memory().await.unwrap();
    write(&alice, &item, "vin", "456").await;
    alice.import_memory(&early).await.unwrap();
    harness.network.replay(item_path(&item), &before);
    assert_eq!(alice.get_item(&item.record.id).await.unwrap_err().code(), ErrorCode::RolledBack);
    assert_eq!(bob.import_memory(&early).await.unwrap_err().code(), ErrorCode::DecryptionFailed);
    let value = sealed_in(&before, "vin");
    assert_eq!(alice.import_memory(value.as_str().unwrap()).await.unwrap_err().code(), ErrorCode::Misplaced);
}

/// What a device keeps is of all its sessions, whichever wrote last, and is found by whoever signs in with the user's keys: not
/// by what a server calls the user.
#[tokio::test]
async fn a_device_keeps_what_all_its_sessions_have_seen() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    let (one, another) = (car(&alice).await, car(&alice).await);
    let (old_one, old_another) =
        (harness.reply(&alice, &item_path(&one)).await, harness.reply(&alice, &item_path(&another)).await);
    let second = harness.new_session(&alice).await;
    assert_eq!(alice.memory_name().unwrap(), second.memory_name().unwrap());
    assert_ne!(alice.memory_name().unwrap(), bob.memory_name().unwrap());

    let kept = alice.merge_memory(None).await.unwrap();
    let text = kept.text.clone();
    assert!(alice.has_unkept_memory(), "nobody has said that it was stored");
    alice.memory_was_kept(kept);
    assert!(!alice.has_unkept_memory());
    alice.get_item(&one.record.id).await.unwrap();
    assert!(!alice.has_unkept_memory(), "it has learnt nothing new");
    write(&alice, &one, "vin", "456").await;
    assert!(alice.has_unkept_memory());
    write(&second, &another, "vin", "456").await;
    let of_second = second.merge_memory(Some(&text)).await.unwrap().text;
    let of_both = alice.merge_memory(Some(&of_second)).await.unwrap();
    assert_eq!(second.memory_since().unwrap(), alice.memory_since().unwrap(), "as far back as the first of them");

    let third = harness.new_session(&alice).await;
    assert!(third.memory_since().unwrap() >= alice.memory_since().unwrap());
    third.merge_memory(Some(&of_both.text)).await.unwrap();
    assert_eq!(third.memory_since().unwrap(), alice.memory_since().unwrap());
    harness.network.replay(item_path(&one), &old_one);
    assert_eq!(third.get_item(&one.record.id).await.unwrap_err().code(), ErrorCode::RolledBack);
    harness.network.replay(item_path(&another), &old_another);
    assert_eq!(third.get_item(&another.record.id).await.unwrap_err().code(), ErrorCode::RolledBack);

    assert_eq!(
        bob.merge_memory(Some(&of_both.text)).await.err().map(|error| error.code()),
        Some(ErrorCode::DecryptionFailed)
    );
    alice.close();
    assert!(!alice.has_unkept_memory());
    assert_eq!(alice.merge_memory(None).await.err().map(|error| error.code()), Some(ErrorCode::SessionClosed));
}

/// F9, for what was received.
#[tokio::test]
async fn a_received_item_does_not_go_back_to_an_earlier_version() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let share = alice.create_share(&NewShare::new(item.record.id.clone(), to_bob), &quiet()).await.unwrap();
    let path = format!("/vault/incoming_shares/{}/item", share.id);
    let before = harness.reply(&bob, &path).await;
    write(&alice, &item, "vin", "456").await;
    alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert_eq!(value(&bob.get_share(&share.id).await.unwrap().item, "vin"), Some("456"));
    let memory = bob.export_memory().await.unwrap();
    let next = harness.new_session(&bob).await;
    harness.network.replay(path, &before);
    assert_eq!(bob.get_share(&share.id).await.unwrap_err().code(), ErrorCode::RolledBack);
    next.import_memory(&memory).await.unwrap();
    assert_eq!(next.get_share(&share.id).await.unwrap_err().code(), ErrorCode::RolledBack);
}

/// The same by a share of the server's making: ids of shares are its own to choose.
#[tokio::test]
async fn a_received_item_that_goes_back_under_another_shares_id_is_shown_as_changed() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let share = alice.create_share(&NewShare::new(item.record.id.clone(), to_bob), &quiet()).await.unwrap();
    let path = format!("/vault/incoming_shares/{}/item", share.id);
    let mut before = harness.reply(&bob, &path).await;
    write(&alice, &item, "vin", "456").await;
    alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert!(!bob.get_share(&share.id).await.unwrap().item.binding.changed);
    before["item"]["share_id"] = INVENTED.into();
    let mut invented = before.clone();
    invented["share"]["id"] = INVENTED.into();
    let mut via_another = before;
    via_another["item_shared_via_another_share_id"] = INVENTED.into();
    harness.network.refuse(|_, path| path.starts_with("/vault/incoming_shares/").then_some(200));
    harness.network.tamper(move |_, asked, body| match asked.starts_with("/vault/incoming_shares/") {
        true if asked == path => serde_json::to_vec(&via_another).unwrap(),
        true => serde_json::to_vec(&invented).unwrap(),
        false => body,
    });
    let shown = bob.get_share(&share.id).await.unwrap().item;
    assert_eq!((value(&shown, "vin"), shown.binding.changed), (Some("123"), true));
}

/// What this session emptied does not come back either.
#[tokio::test]
async fn an_item_that_was_emptied_stays_so_until_it_is_written_anew() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let second = harness.new_session(&alice).await;
    let item = car(&alice).await;
    let before = harness.reply(&alice, &item_path(&item)).await;
    let empty = |name: &str| NewSlot { value: Some(None), ..slot(name, "") };
    alice.update_item(&item.record.id, &change(vec![empty("vin"), empty("licence_plate")]), &quiet()).await.unwrap();
    harness.network.replay(item_path(&item), &before);
    assert_eq!(alice.get_item(&item.record.id).await.unwrap_err().code(), ErrorCode::RolledBack);
    harness.network.stop_tampering();
    write(&second, &item, "vin", "456").await;
    let read = alice.get_item(&item.record.id).await.unwrap();
    assert_eq!((value(&read, "vin"), read.binding.changed), (Some("456"), false));
}

/// Without any value nothing vouches for words and rows. In a session that has seen some, that is a change like any other,
/// and the next write does not vouch for what the server shows meanwhile.
#[tokio::test]
async fn an_item_whose_values_are_all_withheld_is_shown_as_changed_and_stays_so() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let alice = &chain.alice;
    let item = car(alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    chain.bob.get_item(&copy).await.unwrap();
    let withhold = |path: String| {
        harness.network.lie("GET", path, |json| {
            json["item"]["label"] = "Telephone".into();
            json["slots"].as_array_mut().unwrap().iter_mut().for_each(|slot| slot["encrypted_value"] = Json::Null);
        });
    };
    withhold(format!("/vault/items/{copy}"));
    assert!(chain.bob.get_item(&copy).await.unwrap().binding.changed);
    withhold(item_path(&item));
    assert!(alice.get_item(&item.record.id).await.unwrap().binding.changed);

    // The server goes on so in its reply to the write.
    let path = item_path(&item);
    let mut withheld = harness.reply(alice, &path).await;
    withheld["slots"].as_array_mut().unwrap().iter_mut().for_each(|slot| slot["encrypted_value"] = Json::Null);
    withheld["item"]["label"] = "Telephone".into();
    harness.network.tamper(move |method, asked, body| match method {
        "GET" if asked == path => serde_json::to_vec(&withheld).unwrap(),
        "PUT" if asked == path => alter(body, |json| {
            json["item"]["label"] = "Telephone".into();
            slot_of(json, "licence_plate")["encrypted_value"] = Json::Null;
        }),
        _ => body,
    });
    let written = write(alice, &item, "vin", "5551234").await;
    assert_eq!((value(&written, "vin"), written.binding.changed), (Some("5551234"), true));
}

/// Who changes the words of an item that the server shows without its values has not emptied it.
#[tokio::test]
async fn an_item_whose_values_are_withheld_stays_changed_after_its_label_was_changed() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await;
    let path = item_path(&item);
    harness.network.tamper(move |_, asked, body| match asked == path {
        true => alter(body, |json| {
            json["slots"].as_array_mut().unwrap().iter_mut().for_each(|slot| slot["encrypted_value"] = Json::Null);
        }),
        false => body,
    });
    assert!(alice.get_item(&item.record.id).await.unwrap().binding.changed);
    let relabel = ItemChange { label: Some("Mine".to_owned()), ..ItemChange::default() };
    assert!(alice.update_item(&item.record.id, &relabel, &quiet()).await.unwrap().item.binding.changed);
    assert!(alice.get_item(&item.record.id).await.unwrap().binding.changed);
}

/// Another client of the user's may really have emptied it: the user says so by adopting what is shown.
#[tokio::test]
async fn an_item_that_another_client_emptied_is_adopted_as_it_is() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await;
    empty_by_another_client(&harness, &alice, &item).await;
    let shown = alice.get_item(&item.record.id).await.unwrap();
    assert!(shown.binding.changed);
    assert!(!alice.adopt_item(&item.record.id, &shown.version()).await.unwrap().binding.changed);
    assert!(!alice.get_item(&item.record.id).await.unwrap().binding.changed);
    assert!(!write(&alice, &item, "vin", "456").await.binding.changed);
}

/// A write that seals no value says nothing of the words and rows: an earlier life of the item is no more seen than before.
#[tokio::test]
async fn a_write_without_values_takes_nothing_for_seen() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let mut earlier = harness.reply(&alice, &item_path(&item)).await;
    let gone = |slot: &Slot| NewSlot { id: Some(slot.record.id.clone()), remove: true, ..NewSlot::default() };
    let no_slots = change(item.slots.iter().map(gone).collect());
    alice.update_item(&item.record.id, &no_slots, &quiet()).await.unwrap();
    let item = write(&alice, &item, "vin", "of another life").await;
    earlier["item"]["updated_at"] = item.record.updated_at.as_str().into();
    let path = item_path(&item);
    harness
        .network
        .tamper(move |_, asked, body| if asked == path { serde_json::to_vec(&earlier).unwrap() } else { body });
    assert!(alice.get_item(&item.record.id).await.unwrap().binding.changed);

    let tag =
        Classification { scheme: Some("tag".to_owned()), name: Some("cars".to_owned()), ..Classification::default() };
    let sorted = ItemChange { classifications: vec![tag], ..ItemChange::default() };
    assert!(alice.update_item(&item.record.id, &sorted, &quiet()).await.unwrap().item.binding.changed);
    assert!(alice.get_item(&item.record.id).await.unwrap().binding.changed);
    let share = NewShare::new(item.record.id.clone(), to_bob);
    assert_eq!(alice.create_share(&share, &quiet()).await.unwrap_err().code(), ErrorCode::ItemChanged);
}

/// Each alteration of what a server shows beside genuine ciphertexts: the item is shown as changed, and disclosed to nobody.
#[tokio::test]
async fn words_and_rows_that_no_value_vouches_for_are_shown_as_changed_and_not_disclosed() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let slots = [("licence_plate", "OUTATIME"), ("vin", "123"), ("power", "1.21 GW")];
    let item = alice.create_item(&vehicle(&slots), &quiet()).await.unwrap();
    alice.create_share(&NewShare::new(item.record.id.clone(), to_bob.clone()), &quiet()).await.unwrap();
    let first = harness.reply(&alice, &item_path(&item)).await;
    let gone = NewSlot { id: Some(slot_id(&item, "power")), remove: true, ..NewSlot::default() };
    alice.update_item(&item.record.id, &change(vec![gone]), &quiet()).await.unwrap();
    write(&alice, &item, "licence_plate", "NotACat").await;
    let item = write(&alice, &item, "vin", "456").await;
    assert!(!item.binding.changed);

    let vin_of_first = sealed_in(&first, "vin");
    let plate_of_first = sealed_in(&first, "licence_plate");
    let removed = first["slots"].as_array().unwrap().iter().find(|slot| slot["name"] == "power").unwrap().clone();
    type Lie = Rc<dyn Fn(&mut Json)>;
    let lies: Vec<(&str, Lie)> = vec![
        ("the item's label", Rc::new(|json| json["item"]["label"] = "Passport".into())),
        ("a slot's label", Rc::new(|json| slot_of(json, "vin")["label"] = "Telephone".into())),
        ("a slot's name", Rc::new(|json| slot_of(json, "vin")["name"] = "phone".into())),
        ("a slot's type", Rc::new(|json| slot_of(json, "vin")["slot_type_name"] = "password".into())),
        (
            "the labels of two slots exchanged",
            Rc::new(|json| {
                let label = slot_of(json, "vin")["label"].clone();
                slot_of(json, "vin")["label"] = slot_of(json, "licence_plate")["label"].clone();
                slot_of(json, "licence_plate")["label"] = label;
            }),
        ),
        (
            "a slot withheld",
            Rc::new(|json| {
                let hidden = slot_of(json, "licence_plate")["id"].clone();
                json["item"]["slot_ids"].as_array_mut().unwrap().retain(|id| *id != hidden);
            }),
        ),
        (
            "an empty slot withheld",
            Rc::new(|json| {
                let hidden = slot_of(json, "type")["id"].clone();
                json["item"]["slot_ids"].as_array_mut().unwrap().retain(|id| *id != hidden);
            }),
        ),
        ("a value withheld", Rc::new(|json| slot_of(json, "licence_plate")["encrypted_value"] = Json::Null)),
        (
            "another slot invented",
            Rc::new(|json| {
                let mut slot = slot_of(json, "type").clone();
                slot["id"] = INVENTED.into();
                json["item"]["slot_ids"].as_array_mut().unwrap().push(INVENTED.into());
                json["slots"].as_array_mut().unwrap().push(slot);
            }),
        ),
        (
            "a removed slot with its value",
            Rc::new(move |json| {
                json["item"]["slot_ids"].as_array_mut().unwrap().push(removed["id"].clone());
                json["slots"].as_array_mut().unwrap().push(removed.clone());
            }),
        ),
        (
            "a value of an earlier revision beside newer ones",
            Rc::new(move |json| {
                slot_of(json, "licence_plate")["encrypted_value"] = plate_of_first.clone();
            }),
        ),
    ];
    let share = NewShare::new(item.record.id.clone(), to_bob);
    for (what, lie) in lies {
        harness.network.stop_tampering();
        // One who has seen nothing before.
        let next = harness.new_session(&alice).await;
        let lied = Rc::clone(&lie);
        harness.network.lie("GET", item_path(&item), move |json| lied(json));
        for (who, session) in [("knows", &alice), ("is new", &next)] {
            let shown = session.get_item(&item.record.id).await.unwrap();
            assert!(shown.binding.changed, "{what}, who {who}");
            harness.network.sent_bodies();
            let refused = session.create_share(&share, &quiet()).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::ItemChanged, "{what}, who {who}");
            let refused = session.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::ItemChanged, "{what}, who {who}");
            assert!(harness.network.sent_bodies().is_empty(), "{what}, who {who}");
        }
    }
    // Without the newest value the item is older than what this session has seen.
    harness.network.lie("GET", item_path(&item), move |json| {
        slot_of(json, "vin")["encrypted_value"] = vin_of_first.clone();
    });
    assert_eq!(alice.get_item(&item.record.id).await.unwrap_err().code(), ErrorCode::RolledBack);
}

/// Two lives of an item are never one.
#[tokio::test]
async fn values_of_two_births_are_misplaced() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await;
    let first = harness.reply(&alice, &item_path(&item)).await;
    empty_by_another_client(&harness, &alice, &item).await;
    let second = write(&harness.new_session(&alice).await, &item, "vin", "456").await;
    assert_ne!(second.binding.birth, item.binding.birth, "nothing vouched for the item between the two");
    let plate = sealed_in(&first, "licence_plate");
    harness.network.lie("GET", item_path(&item), move |json| {
        slot_of(json, "licence_plate")["encrypted_value"] = plate.clone();
    });
    let next = harness.new_session(&alice).await;
    assert_eq!(next.get_item(&item.record.id).await.unwrap_err().code(), ErrorCode::Misplaced);
}

/// Who writes an item that is not as its values say does not vouch for what the server shows; who adopts it, does.
#[tokio::test]
async fn a_write_to_a_changed_item_leaves_it_changed_until_it_is_adopted() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let relabel = json!({ "item": { "label": "Passport" } });
    let path = ["items", item.record.id.as_str()];
    harness.service(&alice, "vault").put(&path).json(&relabel).send::<Json>().await.unwrap();

    let slot_of_write = slot("a_new_one", "789");
    for write in [change(vec![slot("vin", "456")]), change(vec![slot_of_write])] {
        let written = alice.update_item(&item.record.id, &write, &quiet()).await.unwrap().item;
        assert!(written.binding.changed);
        // Nor does anybody see it vouched for who did not see the change.
        let next = harness.new_session(&alice).await;
        assert!(next.get_item(&item.record.id).await.unwrap().binding.changed);
    }
    alice.remove_slot(&slot_id(&alice.get_item(&item.record.id).await.unwrap(), "a_new_one")).await.unwrap();
    let shown = alice.get_item(&item.record.id).await.unwrap();
    assert!(shown.binding.changed);
    let share = NewShare::new(item.record.id.clone(), to_bob);
    let refused = alice.create_share(&share, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ItemChanged);

    let adopted = alice.adopt_item(&item.record.id, &shown.version()).await.unwrap();
    assert_eq!((adopted.binding.changed, adopted.record.label.as_str()), (false, "Passport"));
    assert_eq!(adopted.binding.birth, item.binding.birth, "what was granted stays granted");
    assert_eq!((value(&adopted, "vin"), value(&adopted, "licence_plate")), (Some("456"), Some("OUTATIME")));
    alice.create_share(&share, &quiet()).await.unwrap();
}

/// Adopting means what was shown, and nothing that was put in its place since.
#[tokio::test]
async fn another_item_than_was_shown_is_not_adopted_nor_shared() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let shown = alice.get_item(&item.record.id).await.unwrap().version();
    let nowhere = Json::from(plain_dek_of(&alice).encrypt(b"of any place").await.unwrap());
    type Lie = Box<dyn Fn(&mut Json)>;
    let lies: [(&str, Lie); 4] = [
        ("a label", Box::new(|json| json["item"]["label"] = "Passport".into())),
        ("a slot's label", Box::new(|json| slot_of(json, "vin")["label"] = "Telephone".into())),
        ("a value", Box::new(move |json| slot_of(json, "vin")["encrypted_value"] = nowhere.clone())),
        ("a value withheld", Box::new(|json| slot_of(json, "vin")["encrypted_value"] = Json::Null)),
    ];
    for (what, lie) in lies {
        harness.network.lie("GET", item_path(&item), lie);
        harness.network.sent_bodies();
        let refused = alice.adopt_item(&item.record.id, &shown).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Conflict, "{what}");
        let share = NewShare { version: Some(shown.clone()), ..NewShare::new(item.record.id.clone(), to_bob.clone()) };
        let refused = alice.create_share(&share, &quiet()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Conflict, "{what}");
        assert!(harness.network.sent_bodies().is_empty(), "{what}");
    }
    harness.network.stop_tampering();
    write(&alice, &item, "vin", "456").await;
    assert_eq!(alice.adopt_item(&item.record.id, &shown).await.unwrap_err().code(), ErrorCode::Conflict);
    let share = NewShare { version: Some(shown), ..NewShare::new(item.record.id.clone(), to_bob.clone()) };
    assert_eq!(alice.create_share(&share, &quiet()).await.unwrap_err().code(), ErrorCode::Conflict);
    let shown = alice.get_item(&item.record.id).await.unwrap().version();
    let share = NewShare { version: Some(shown), ..NewShare::new(item.record.id.clone(), to_bob) };
    alice.create_share(&share, &quiet()).await.unwrap();
}

/// A reply to the creation of an item that is about another one, which others can read.
struct Passed {
    /// Of the item that the server passes off as the new one.
    reply: Json,
    /// Whether it shows the values that the item has.
    with_values: bool,
}

impl Passed {
    async fn off(harness: &Harness, owner: &Session, shared: &Item, with_values: bool) -> Passed {
        Passed { reply: harness.reply(owner, &item_path(shared)).await, with_values }
    }

    fn instead_of_a_new_one(self, harness: &Harness) {
        let Passed { mut reply, with_values } = self;
        if !with_values {
            for slot in reply["slots"].as_array_mut().unwrap() {
                slot["encrypted_value"] = Json::Null;
            }
        }
        harness.network.lie("POST", "/vault/items", move |json| *json = reply.clone());
    }
}

/// §1.2: the new values are written to an item that Bob can read, but under another birth: nothing that was granted of that
/// item is granted of them.
#[tokio::test]
async fn a_new_item_under_the_id_of_a_shared_one_is_nobodys() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let shared = car(&alice).await;
    alice.create_share(&NewShare::new(shared.record.id.clone(), to_bob), &quiet()).await.unwrap();
    let secret = vehicle(&[("vin", "for nobody")]);

    // Whoever has seen the other item notices at once.
    Passed::off(&harness, &alice, &shared, false).await.instead_of_a_new_one(&harness);
    harness.network.sent_bodies();
    let refused = alice.create_item(&secret, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::BadResponse);
    assert_eq!(harness.network.sent_bodies().len(), 1, "the wish for rows");

    harness.network.stop_tampering();
    let next = harness.new_session(&alice).await;
    // Who has not seen it writes to it. Its values are withheld: with them it would be of two births, and unreadable.
    let mut reply = harness.reply(&alice, &item_path(&shared)).await;
    reply["slots"].as_array_mut().unwrap().iter_mut().for_each(|slot| slot["encrypted_value"] = Json::Null);
    let path = item_path(&shared);
    harness.network.tamper(move |method, asked, body| match (method, asked == path) {
        ("POST", _) if asked == "/vault/items" => serde_json::to_vec(&reply).unwrap(),
        (_, true) => alter(body, |json| slot_of(json, "licence_plate")["encrypted_value"] = Json::Null),
        _ => body,
    });
    let made = next.create_item(&secret, &quiet()).await.unwrap();
    assert_eq!(made.record.id, shared.record.id);
    assert_ne!(made.binding.birth, shared.binding.birth);
    harness.network.sent_bodies();
    let refreshed = next.refresh_shares(&made.record.id, &[], &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.left_out.len()), (0, 1), "the grant that Bob had is of another birth");
    let bobs = harness.only_pair_of(&bob).await;
    assert_eq!(readable(&harness.network.sent_bodies(), &[&bobs]).await, set(&[]));
}

/// The same with an item that happens to hold the very values that the new one should: what is written to it later would be
/// Bob's too.
#[tokio::test]
async fn a_new_item_is_not_an_older_one_with_the_same_values() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let new = vehicle(&[("vin", "to be filled in")]);
    let shared = alice.create_item(&new, &quiet()).await.unwrap();
    alice.create_share(&NewShare::new(shared.record.id.clone(), to_bob), &quiet()).await.unwrap();
    for is_retry in [false, true] {
        harness.network.stop_tampering();
        let next = harness.new_session(&alice).await;
        Passed::off(&harness, &next, &shared, true).await.instead_of_a_new_one(&harness);
        if is_retry {
            harness.network.fail(1, Fault::ResponseLost);
            next.create_item(&new, &quiet()).await.unwrap_err();
        }
        let refused = next.create_item(&new, &quiet()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::BadResponse, "retry: {is_retry}");
    }
    // Nor where its values come to light after a conflict of the server's making.
    harness.network.stop_tampering();
    let next = harness.new_session(&alice).await;
    Passed::off(&harness, &next, &shared, false).await.instead_of_a_new_one(&harness);
    harness.network.refuse(|method, _| (method == "PUT").then_some(409));
    let refused = next.create_item(&new, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::BadResponse);
}

/// A server that holds something else than was written.
#[tokio::test]
async fn a_write_that_the_server_does_not_hold_is_no_success() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await;
    let before = sealed_in(&harness.reply(&alice, &item_path(&item)).await, "vin");
    harness.network.lie("PUT", item_path(&item), move |json| slot_of(json, "vin")["encrypted_value"] = before.clone());
    let refused = alice.update_item(&item.record.id, &change(vec![slot("vin", "456")]), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::BadResponse);
    harness.network.lie("PUT", "/vault/items/*", |json| slot_of(json, "vin")["encrypted_value"] = Json::Null);
    let refused = alice.create_item(&vehicle(&[("vin", "789")]), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::BadResponse);
}

/// Two devices that write at one moment: one gets 409, reads again and repeats.
#[tokio::test]
async fn two_devices_that_write_at_once_lose_nothing() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let second = harness.new_session(&alice).await;
    for round in 0..4 {
        let item = car(&alice).await;
        let (vin, plate) = (format!("vin {round}"), format!("plate {round}"));
        let (one, other) = (change(vec![slot("vin", &vin)]), change(vec![slot("licence_plate", &plate)]));
        let listener = quiet();
        let (one, other) = tokio::join!(
            alice.update_item(&item.record.id, &one, &listener),
            second.update_item(&item.record.id, &other, &listener)
        );
        one.unwrap();
        other.unwrap();
        let read = alice.get_item(&item.record.id).await.unwrap();
        assert_eq!((value(&read, "vin"), value(&read, "licence_plate")), (Some(vin.as_str()), Some(plate.as_str())));
        assert!(!read.binding.changed && read.binding.revision == 3, "{:?}", read.binding);
    }
    // One that always answers so.
    let item = car(&alice).await;
    harness.network.refuse(|method, _| (method == "PUT").then_some(409));
    harness.network.log();
    let refused = alice.update_item(&item.record.id, &change(vec![slot("vin", "456")]), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    assert!(harness.network.log().len() < 20);
}

/// A server that knows no condition (§1.2): the item is shown as changed, nothing is lost, and the user adopts it.
#[tokio::test]
async fn two_devices_at_once_on_a_server_without_conditions_leave_an_item_to_adopt() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let second = harness.new_session(&alice).await;
    let item = car(&alice).await;
    let before = harness.reply(&alice, &item_path(&item)).await;
    write(&second, &item, "licence_plate", "plate").await;
    // The slower device read before, and its condition is not looked at: the server tells it the newer time.
    let newer = harness.reply(&alice, &item_path(&item)).await["item"]["updated_at"].clone();
    let reads = Cell::new(0);
    harness.network.tamper({
        let path = item_path(&item);
        move |method, asked, body| match method == "GET" && asked == path && reads.replace(reads.get() + 1) == 0 {
            true => alter(body, |json| {
                *json = before.clone();
                json["item"]["updated_at"] = newer.clone();
            }),
            false => body,
        }
    });
    let written = write(&alice, &item, "vin", "vin").await;
    assert!(written.binding.changed);
    assert_eq!((value(&written, "vin"), value(&written, "licence_plate")), (Some("vin"), Some("plate")));
    let adopted = alice.adopt_item(&item.record.id, &written.version()).await.unwrap();
    assert!(!adopted.binding.changed);
    assert!(!harness.new_session(&alice).await.get_item(&item.record.id).await.unwrap().binding.changed);
}

/// A crash at any request of a write: the same call goes on from there, and what it leaves vouches for the item.
#[tokio::test]
async fn a_write_goes_on_after_a_crash_at_any_request() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let extra = NewSlot { label: Some("Top Speed".to_owned()), name: None, ..slot("", "88 mph") };
    let new = NewItem { slots: vec![slot("vin", "123"), extra], ..vehicle(&[]) };
    fail_each_request(
        &harness.network,
        async || alice.create_item(&new, &quiet()).await,
        async |made, fault, number| {
            let read = harness.new_session(&alice).await.get_item(&made.record.id).await.unwrap();
            assert_eq!((value(&read, "vin"), value(&read, "top_speed")), (Some("123"), Some("88 mph")));
            assert!(!read.binding.changed && read.slots.iter().all(|slot| slot.is_bound), "{fault:?} at {number}");
        },
    )
    .await;

    let item = std::cell::RefCell::new(car(&alice).await);
    let update = ItemChange {
        label: Some("Time machine".to_owned()),
        slots: vec![
            slot("vin", "456"),
            NewSlot { label: Some("Top Speed".to_owned()), name: None, ..slot("", "88 mph") },
        ],
        ..ItemChange::default()
    };
    fail_each_request(
        &harness.network,
        async || {
            let id = item.borrow().record.id.clone();
            alice.update_item(&id, &update, &quiet()).await
        },
        async |updated, fault, number| {
            let read = harness.new_session(&alice).await.get_item(&updated.item.record.id).await.unwrap();
            let values = (value(&read, "vin"), value(&read, "top_speed"), value(&read, "licence_plate"));
            assert_eq!(values, (Some("456"), Some("88 mph"), Some("OUTATIME")), "{fault:?} at {number}");
            assert_eq!(read.slots.iter().filter(|slot| slot.record.name == "top_speed").count(), 1);
            assert_eq!(read.record.label, "Time machine");
            assert!(!read.binding.changed, "{fault:?} at {number}");
            item.replace(car(&alice).await);
        },
    )
    .await;
}

/// What cannot be undone is refused before it is sent.
#[tokio::test]
async fn a_wish_that_names_one_slot_twice_is_refused() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await;
    let twice =
        change(vec![slot("vin", "1"), NewSlot { id: Some(slot_id(&item, "vin")), name: None, ..slot("", "2") }]);
    let refused = alice.update_item(&item.record.id, &twice, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    assert_eq!(value(&alice.get_item(&item.record.id).await.unwrap(), "vin"), Some("123"));
}
