//! Nothing that a user typed is lost: fields of one name, names as they were typed, items given back.

use std::{cell::RefCell, time::Duration};

use serde_json::{Value as Json, json};
use vaultshare::{
    ErrorCode,
    api::{
        Id,
        vault::{
            classification_nodes::NewNode, encryption_spaces::Direction, items::ItemFilter, shares::IncomingFilter,
            templates::TemplateFilter,
        },
    },
    http::RequestPolicy,
    workflows::{
        Classification, Item, ItemChange, NewItem, NewShare, NewSlot, NewSpaceShare, NewTemplate, Page, PageRequest,
        Session, TaskSelection, Value,
    },
};

use crate::{
    fault_injection::{fail_each_request, fail_each_request_by},
    harness::{Chain, Fault, Harness, PASSPHRASE, connect, quiet, slot, value, vehicle},
    lies::plain_dek_of,
};

const WEAK_KEY: &str = include_str!("../fixtures/rsa512-public.pem");

fn labelled(label: &str, value: &str) -> NewSlot {
    NewSlot { name: None, label: Some(label.to_owned()), ..slot("", value) }
}

fn change(slots: Vec<NewSlot>) -> ItemChange {
    ItemChange { slots, ..ItemChange::default() }
}

fn custom(slots: Vec<NewSlot>) -> NewItem {
    NewItem { template: "custom".to_owned(), label: "Contact".to_owned(), slots, ..NewItem::default() }
}

/// Name, label and value of each slot that has one.
fn rows(item: &Item) -> Vec<(&str, &str, &str)> {
    let slots = item.slots.iter().filter(|slot| slot.value.is_some());
    slots.map(|slot| (&*slot.record.name, &*slot.record.label, slot.value.as_deref().unwrap_or_default())).collect()
}

async fn update(user: &Session, item: &Item, slots: Vec<NewSlot>) -> Item {
    user.update_item(&item.record.id, &change(slots), &quiet()).await.unwrap().item
}

#[tokio::test]
async fn fields_of_one_label_are_all_kept_whatever_the_label_consists_of() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    for labels in [["Phone", "Phone"], ["Phone", "phone!"], ["📞", "🏠"], ["?!", "!?"], ["電話", "電話"], ["C++", "C#"]]
    {
        let slots = labels.map(|label| labelled(label, label)).to_vec();
        let made = alice.create_item(&custom(slots), &quiet()).await.unwrap();
        let read = alice.get_item(&made.record.id).await.unwrap();
        let kept: Vec<_> = rows(&read).into_iter().map(|(_, label, value)| (label, value)).collect();
        assert_eq!(kept, labels.map(|label| (label, label)), "{labels:?}");
        assert_ne!(read.slots[0].record.name, read.slots[1].record.name, "{labels:?}");
        assert!(!read.binding.changed);

        let added = update(&alice, &read, labels.map(|label| labelled(label, "more")).to_vec()).await;
        assert_eq!(rows(&added)[..2], rows(&read)[..], "{labels:?}");
        let more: Vec<_> = rows(&added)[2..].iter().map(|(_, label, value)| (*label, *value)).collect();
        assert_eq!(more, labels.map(|label| (label, "more")), "{labels:?}");
    }
    let phones =
        alice.create_item(&custom(vec![labelled("Phone", "1"), labelled("Phone", "2")]), &quiet()).await.unwrap();
    assert_eq!(rows(&phones), [("phone", "Phone", "1"), ("phone_2", "Phone", "2")]);
}

#[tokio::test]
async fn a_label_takes_no_slot_of_the_template_or_of_another_name() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let slots = vec![
        labelled("VIN", "typed"),
        slot("vin", "the template's"),
        slot("phone_2", "given"),
        labelled("Phone", "1"),
        labelled("Phone", "2"),
    ];
    let made = alice.create_item(&NewItem { slots, ..vehicle(&[]) }, &quiet()).await.unwrap();
    assert_eq!(value(&made, "vin"), Some("the template's"));
    for (label, expected) in [("phone_2", "given"), ("phone", "1"), ("phone_3", "2"), ("vin_2", "typed")] {
        assert_eq!(value(&made, label), Some(expected), "{label}");
    }
}

#[tokio::test]
async fn keys_that_would_be_one_machine_name_are_all_kept_and_found_as_typed() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let texts = ["userName", "username", "📞", "🏠", "C", "C++", "Größe (cm)"];
    let made = alice.create_item(&custom(texts.map(|text| slot(text, text)).to_vec()), &quiet()).await.unwrap();
    let found = |item: &Item, text: &str| item.slot(text).and_then(|slot| Some(slot.value.as_deref()?.to_owned()));
    for text in texts {
        assert_eq!(found(&made, text).as_deref(), Some(text), "{text}");
    }
    assert_eq!(found(&made, "USERNAME").as_deref(), Some("username"), "another spelling");
    let updated = update(&alice, &made, texts.map(|text| slot(text, &format!("{text} 2"))).to_vec()).await;
    assert_eq!(updated.slots.len(), made.slots.len());
    for text in texts {
        assert_eq!(found(&updated, text), Some(format!("{text} 2")), "{text}");
    }
    let added = update(&alice, &updated, vec![slot("C#", "new"), slot("🚲", "new")]).await;
    assert_eq!(added.slots.len(), made.slots.len() + 2);
    assert_eq!(found(&added, "C").as_deref(), Some("C 2"));
}

#[tokio::test]
async fn two_slots_of_one_name_are_refused_and_told_and_nothing_is_sent() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let slots = vec![slot("power", "1"), slot("vin", "2"), slot("vin", "3")];
    harness.network.sent_bodies();
    let refusals = [
        alice.create_item(&custom(slots.clone()), &quiet()).await.unwrap_err(),
        alice.update_item(&item.record.id, &change(slots.clone()), &quiet()).await.unwrap_err(),
        alice
            .create_template(&NewTemplate { label: "T".to_owned(), slots, ..NewTemplate::default() })
            .await
            .unwrap_err(),
        alice
            .update_item(&item.record.id, &change(vec![slot("a", ""), slot("vin", "2"), slot("VIN", "3")]), &quiet())
            .await
            .unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.code(), ErrorCode::InvalidArgument);
        assert_eq!(refusal.message(), "`slots[2]` has the name of `slots[1]`");
    }
    assert!(harness.network.sent_bodies().is_empty());
}

/// Whichever request fails: called again, a change adds its slot once, beside the one of the same label.
#[tokio::test]
async fn a_slot_that_is_added_is_added_once() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let new = async || alice.create_item(&custom(vec![labelled("Phone", "1")]), &quiet()).await.unwrap().record.id;
    let item = RefCell::new(new().await);
    let added = change(vec![labelled("Phone", "2"), labelled("Phone", "3")]);
    let add = async || {
        let id = item.borrow().clone();
        alice.update_item(&id, &added, &quiet()).await
    };
    fail_each_request(&harness.network, add, async |updated, fault, number| {
        let read = alice.get_item(&updated.item.record.id).await.unwrap();
        let values: Vec<_> = read.slots.iter().filter_map(|slot| slot.value.as_deref()).collect();
        assert_eq!(values, ["1", "2", "3"], "{fault:?} at {number}");
        assert!(!read.binding.changed, "{fault:?} at {number}");
        let next = new().await;
        item.replace(next);
    })
    .await;
}

#[tokio::test]
async fn two_devices_that_add_the_same_field_keep_both() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let second = harness.new_session(&alice).await;
    let item = alice.create_item(&custom(vec![]), &quiet()).await.unwrap();
    update(&alice, &item, vec![labelled("Phone", "1")]).await;
    let both = update(&second, &item, vec![labelled("Phone", "2")]).await;
    assert_eq!(rows(&both), [("phone", "Phone", "1"), ("phone_2", "Phone", "2")]);
}

#[tokio::test]
async fn templates_and_nodes_of_one_machine_name_are_kept_beside_each_other() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let template = |label: &str| NewTemplate {
        label: label.to_owned(),
        slots: vec![labelled("Vet", ""), labelled("Vet", ""), labelled("🐶", "")],
        ..NewTemplate::default()
    };
    let mut names = Vec::new();
    for label in ["Bicycle", "Bicycle", "Vehicle", "🚲", "🛴"] {
        let made = alice.create_template(&template(label)).await.unwrap();
        assert_eq!(made.record.label, label);
        let slots: Vec<_> = made.slots.iter().map(|slot| slot.name.as_str()).collect();
        assert_eq!(slots, ["vet", "vet_2", "unnamed"]);
        names.push(made.record.name);
    }
    assert_eq!(names, ["bicycle", "bicycle_2", "vehicle_2", "unnamed", "unnamed_2"]);
    assert_eq!(alice.get_template("🛴").await.unwrap().record.name, "unnamed_2");
    assert_eq!(alice.get_template("BICYCLE").await.unwrap().record.name, "bicycle");
    let item = alice.create_item(&NewItem { template: "🛴".to_owned(), ..custom(vec![]) }, &quiet()).await.unwrap();
    assert_eq!(item.record.item_template_label.as_deref(), Some("🛴"));
    let named = NewTemplate { name: Some("bicycle".to_owned()), ..template("Another") };
    assert_eq!(alice.create_template(&named).await.unwrap_err().code(), ErrorCode::InvalidArgument);

    let node = |label: &str| NewNode {
        classification_scheme_name: "tag".to_owned(),
        label: Some(label.to_owned()),
        ..NewNode::default()
    };
    let mut nodes = Vec::new();
    for label in ["C", "C++", "C#", "🎉", "🎂", "C++"] {
        let made = alice.create_classification(&node(label)).await.unwrap();
        assert_eq!(made.label, label);
        nodes.push(made.name);
    }
    assert_eq!(nodes, ["c", "c_2", "c_3", "unnamed", "unnamed_2", "c_2"]);
}

#[tokio::test]
async fn an_items_slots_are_taken_for_another_item() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let first =
        alice.create_item(&custom(vec![labelled("Phone", "1"), labelled("Phone", "2")]), &quiet()).await.unwrap();
    let slots = first.slots.iter().map(|slot| NewSlot {
        id: Some(slot.record.id.clone()),
        name: Some(slot.record.name.clone()),
        label: Some(slot.record.label.clone()),
        slot_type: Some(slot.record.slot_type_name.clone()),
        value: Some(slot.value.as_deref().map(|value| Value::new(value.to_owned()))),
        ..NewSlot::default()
    });
    let slots: Vec<_> = slots.collect();
    let second = alice.create_item(&custom(slots.clone()), &quiet()).await.unwrap();
    assert_eq!(rows(&second), rows(&first));
    assert!(second.slots.iter().all(|slot| first.slots.iter().all(|other| slot.record.id != other.record.id)));
    let template = NewTemplate { label: "Contact".to_owned(), slots, ..NewTemplate::default() };
    assert_eq!(alice.create_template(&template).await.unwrap().slots.len(), first.slots.len());

    for (wrong, message) in [
        (
            NewSlot { id: Some(first.slots[0].record.id.clone()), ..NewSlot::default() },
            "`slots[0]` has neither a name nor a label",
        ),
        (NewSlot { remove: true, ..slot("phone", "") }, "`slots[0].remove`: a new item has no slot to remove"),
    ] {
        let refused = alice.create_item(&custom(vec![wrong]), &quiet()).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (ErrorCode::InvalidArgument, message));
    }
}

/// A whole item as it was read, given back with one value edited.
fn given_back(item: &Item, edited: &str, value: &str) -> ItemChange {
    let slots = item.slots.iter().map(|slot| {
        let value = if slot.record.name == edited { Some(value) } else { slot.value.as_deref() };
        NewSlot {
            id: Some(slot.record.id.clone()),
            name: Some(slot.record.name.clone()),
            label: Some(slot.record.label.clone()),
            description: slot.record.description.clone(),
            slot_type: Some(slot.record.slot_type_name.clone()),
            value: Some(value.map(|value| Value::new(value.to_owned()))),
            attachment_id: None,
            remove: false,
            revision: slot.written_at(),
            updated_at: Some(slot.record.updated_at.clone()),
        }
    });
    let slots = slots.collect();
    ItemChange { label: Some(item.record.label.clone()), slots, version: Some(item.version()), ..ItemChange::default() }
}

fn index_of(item: &Item, name: &str) -> usize {
    item.slots.iter().position(|slot| slot.record.name == name).unwrap()
}

#[tokio::test]
async fn an_older_copy_of_an_item_is_not_written_over_a_newer_one() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let second = harness.new_session(&alice).await;
    let read = alice.create_item(&vehicle(&[("vin", "1"), ("power", "1")]), &quiet()).await.unwrap();
    let id = &read.record.id;
    update(&second, &read, vec![slot("vin", "2")]).await;

    let old = given_back(&read, "power", "2");
    harness.network.sent_bodies();
    let refused = alice.update_item(id, &old, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    let what = format!(": `slots[{}]`; ", index_of(&read, "vin"));
    assert!(refused.message().contains(&what), "{refused}");
    assert!(harness.network.sent_bodies().is_empty());

    let one_slot = |name: &str, value: &str| {
        let mut change = given_back(&read, name, value);
        change.slots = vec![change.slots.swap_remove(index_of(&read, name))];
        change
    };
    let merged = alice.update_item(id, &one_slot("power", "3"), &quiet()).await.unwrap().item;
    assert_eq!((value(&merged, "vin"), value(&merged, "power")), (Some("2"), Some("3")));
    let refused = alice.update_item(id, &one_slot("vin", "4"), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    let over = ItemChange { overwrite: true, ..old };
    let written = alice.update_item(id, &over, &quiet()).await.unwrap().item;
    assert_eq!((value(&written, "vin"), value(&written, "power")), (Some("1"), Some("2")));

    // By the version alone: slots named without having been read one by one.
    update(&second, &read, vec![slot("vin", "5")]).await;
    let by_version =
        |version: String, name, value| ItemChange { version: Some(version), ..change(vec![slot(name, value)]) };
    let refused = alice.update_item(id, &by_version(written.version(), "vin", "6"), &quiet()).await.unwrap_err();
    assert_eq!((refused.code(), refused.message().contains("`slots[0]`")), (ErrorCode::Conflict, true));
    alice.update_item(id, &by_version(written.version(), "power", "6"), &quiet()).await.unwrap();
    let other_life = written.version().replacen(|_: char| true, "!", 1);
    let refused = alice.update_item(id, &by_version(other_life, "power", "7"), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
}

#[tokio::test]
async fn a_label_and_a_slot_that_changed_or_went_since_are_told() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let second = harness.new_session(&alice).await;
    let read = alice.create_item(&vehicle(&[("vin", "1"), ("power", "1")]), &quiet()).await.unwrap();
    let id = &read.record.id;
    let label = |label: &str| ItemChange { label: Some(label.to_owned()), ..ItemChange::default() };
    second.update_item(id, &label("Theirs"), &quiet()).await.unwrap();
    let mine = ItemChange { version: Some(read.version()), ..label("Mine") };
    let refused = alice.update_item(id, &mine, &quiet()).await.unwrap_err();
    assert!(refused.code() == ErrorCode::Conflict && refused.message().contains(": `label`; "), "{refused}");

    let read = alice.get_item(id).await.unwrap();
    second.remove_slot(&read.slots[index_of(&read, "power")].record.id).await.unwrap();
    let old = given_back(&read, "power", "2");
    let refused = alice.update_item(id, &old, &quiet()).await.unwrap_err();
    let what = format!(": `slots[{}]`; ", index_of(&read, "power"));
    assert!(refused.code() == ErrorCode::Conflict && refused.message().contains(&what), "{refused}");
    let mut over = ItemChange { overwrite: true, ..old };
    let written = alice.update_item(id, &over, &quiet()).await.unwrap().item;
    assert_eq!((value(&written, "power"), written.slots.len()), (Some("2"), read.slots.len()));

    // What is to go has gone. The new slot of its name is another one.
    over.slots[index_of(&read, "power")].remove = true;
    for overwrite in [false, true] {
        let gone = ItemChange { overwrite, ..over.clone() };
        let same = alice.update_item(id, &gone, &quiet()).await.unwrap().item;
        assert_eq!((value(&same, "power"), same.version()), (Some("2"), written.version()));
    }
}

#[tokio::test]
async fn what_is_given_back_as_it_was_is_not_written_again() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let node = Classification { scheme: Some("tag".to_owned()), name: Some("cars".to_owned()), ..Default::default() };
    let new = NewItem { classifications: vec![node], ..vehicle(&[("vin", "1"), ("power", "1")]) };
    let read = alice.create_item(&new, &quiet()).await.unwrap();
    let nodes =
        read.classification_nodes.iter().map(|node| Classification { id: Some(node.id.clone()), ..Default::default() });
    let as_it_was = ItemChange { classifications: nodes.collect(), ..given_back(&read, "", "") };
    harness.network.sent_bodies();
    let same = alice.update_item(&read.record.id, &as_it_was, &quiet()).await.unwrap().item;
    assert!(harness.network.sent_bodies().is_empty());
    assert_eq!(same.version(), read.version());

    let edited = alice.update_item(&read.record.id, &given_back(&read, "vin", "2"), &quiet()).await.unwrap().item;
    let revisions = |item: &Item| ["vin", "power"].map(|name| item.slots[index_of(item, name)].written_at());
    assert_eq!((revisions(&read), revisions(&edited)), ([Some(1), Some(1)], [Some(2), Some(1)]));
}

/// A whole item that is given back says which nodes it had: one that another device took away since would come back.
#[tokio::test]
async fn a_classification_that_another_device_removed_does_not_come_back() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let second = harness.new_session(&alice).await;
    let tag = |name: &str| Classification {
        scheme: Some("tag".to_owned()),
        name: Some(name.to_owned()),
        ..Default::default()
    };
    let of = |id: &Id| Classification { id: Some(id.clone()), ..Default::default() };
    let new = NewItem { classifications: vec![tag("cars"), tag("films")], ..vehicle(&[("vin", "1")]) };
    let read = alice.create_item(&new, &quiet()).await.unwrap();
    let [cars, films] = ["cars", "films"]
        .map(|name| read.classification_nodes.iter().find(|node| node.name == name).unwrap().id.clone());

    // One that the user adds is no conflict, also where the reply to the first attempt was lost.
    let boats =
        NewNode { classification_scheme_name: "tag".to_owned(), name: Some("boats".to_owned()), ..NewNode::default() };
    let boats = second.create_classification(&boats).await.unwrap().id;
    let added = ItemChange { classifications: vec![of(&cars), of(&films), of(&boats)], ..given_back(&read, "", "") };
    for _ in 0..2 {
        let item = alice.update_item(&read.record.id, &added, &quiet()).await.unwrap().item;
        assert_eq!(item.classification_nodes.len(), read.classification_nodes.len() + 1);
    }

    let without_cars =
        ItemChange { classifications: vec![Classification { remove: true, ..of(&cars) }], ..ItemChange::default() };
    second.update_item(&read.record.id, &without_cars, &quiet()).await.unwrap();
    let refused = alice.update_item(&read.record.id, &added, &quiet()).await.unwrap_err();
    assert!(refused.code() == ErrorCode::Conflict && refused.message().contains("`classifications[0]`"), "{refused}");
    let shown = alice.get_item(&read.record.id).await.unwrap();
    assert!(shown.classification_nodes.iter().all(|node| node.id != cars));

    let over = ItemChange { overwrite: true, ..added };
    let item = alice.update_item(&read.record.id, &over, &quiet()).await.unwrap().item;
    assert_eq!(item.classification_nodes.len(), read.classification_nodes.len() + 1);
}

/// A value of a client that names no place has no revision: there the time of the slot tells.
#[tokio::test]
async fn a_value_that_another_client_wrote_since_is_not_overwritten() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let read = alice.create_item(&vehicle(&[]), &quiet()).await.unwrap();
    let vin = read.slots[index_of(&read, "vin")].record.id.clone();
    let write = async |text: &str| {
        let nowhere = Json::from(plain_dek_of(&alice).encrypt(text.as_bytes()).await.unwrap());
        let put = json!({ "item": { "slots_attributes": [{ "id": vin, "encrypted_value": nowhere }] } });
        let vault = harness.service(&alice, "vault");
        vault.put(&["items", read.record.id.as_str()]).json(&put).send::<Json>().await.unwrap();
    };
    write("1").await;
    let read = alice.get_item(&read.record.id).await.unwrap();
    assert_eq!(read.slots[index_of(&read, "vin")].written_at(), None);
    harness.server.clock().advance(Duration::from_millis(1));
    write("2").await;
    let refused = alice.update_item(&read.record.id, &given_back(&read, "vin", "3"), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    let mut by_version = given_back(&read, "vin", "3");
    for slot in &mut by_version.slots {
        slot.updated_at = None;
    }
    let refused = alice.update_item(&read.record.id, &by_version, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
}

/// A repeated call finds what its first attempt made and wrote, and takes none of it for somebody else's.
#[tokio::test]
async fn an_item_that_is_given_back_is_written_whichever_request_fails() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let new = async || alice.create_item(&vehicle(&[("vin", "1"), ("power", "1")]), &quiet()).await.unwrap();
    let item = RefCell::new(new().await);
    let write = async || {
        let read = item.borrow().clone();
        let mut whole = given_back(&read, "vin", "2");
        whole.label = Some("Mine".to_owned());
        whole.slots.push(labelled("Colour", "grey"));
        whole.slots[index_of(&read, "power")].remove = true;
        alice.update_item(&read.record.id, &whole, &quiet()).await
    };
    fail_each_request(&harness.network, write, async |updated, fault, number| {
        let read = alice.get_item(&updated.item.record.id).await.unwrap();
        let values = ["vin", "power", "colour"].map(|name| value(&read, name));
        assert_eq!(values, [Some("2"), None, Some("grey")], "{fault:?} at {number}");
        assert_eq!((read.record.label.as_str(), read.binding.changed), ("Mine", false), "{fault:?} at {number}");
        let next = new().await;
        item.replace(next);
    })
    .await;
}

const MEGABYTE: usize = 1_000_000;

/// As one who keeps documents in an item: each update is taken, and so is what follows from it.
#[tokio::test]
async fn an_item_that_outgrows_a_request_is_shared_shared_on_refreshed_and_kept() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, bob, carlos, .. } = &chain;
    let large = |number: usize| char::from(b'a' + u8::try_from(number).unwrap()).to_string().repeat(MEGABYTE);
    let item = alice.create_item(&custom(vec![]), &quiet()).await.unwrap();
    for number in 0..8 {
        update(alice, &item, vec![slot(&format!("page_{number}"), &large(number))]).await;
    }
    let is_whole =
        |item: &Item| (0..8).all(|number| value(item, &format!("page_{number}")) == Some(large(number).as_str()));

    let (share, copy) = chain.share_with_bob(&item).await;
    let received = bob.get_share(&share).await.unwrap().item;
    assert!(is_whole(&received) && !received.binding.changed);
    let onward = chain.share_on(&copy).await;
    let received = carlos.get_share(&onward).await.unwrap().item;
    assert!(is_whole(&received) && !received.binding.changed);

    update(alice, &item, vec![slot("title", "Eight pages")]).await;
    let run = alice.run_tasks(&TaskSelection::default(), &quiet()).await.unwrap();
    assert_eq!((run.completed.len(), run.failed.len()), (1, 0), "{:?}", run.failed);
    for (user, share) in [(bob, &share), (carlos, &onward)] {
        let received = user.get_share(share).await.unwrap().item;
        assert!(is_whole(&received) && !received.binding.changed);
        assert_eq!(value(&received, "title"), Some("Eight pages"));
    }
    assert!(is_whole(&bob.reencrypt_item(&copy).await.unwrap()));
    let version = alice.get_item(&item.record.id).await.unwrap().version();
    assert!(is_whole(&alice.adopt_item(&item.record.id, &version).await.unwrap()));
    assert!(harness.network.largest_body() < 32 * MEGABYTE);
}

/// Two devices that refresh one large share at once: one of them ends, and the recipient can read what it sent.
#[tokio::test]
async fn a_large_share_that_two_devices_refresh_at_once_stays_readable() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let second = harness.new_session(&alice).await;
    let item = alice.create_item(&custom(vec![]), &quiet()).await.unwrap();
    let pages: Vec<_> = ["a", "b", "c"].map(|letter| slot(&letter.repeat(4), &letter.repeat(MEGABYTE))).to_vec();
    update(&alice, &item, pages).await;
    let share = alice.create_share(&NewShare::new(item.record.id.clone(), to_bob), &quiet()).await.unwrap();
    let refresh = async |session: &Session| session.refresh_shares(&item.record.id, &[], &quiet()).await;
    let (first, second) = tokio::join!(refresh(&alice), refresh(&second));
    let ended: Vec<_> = [first, second].into_iter().filter_map(Result::err).map(|error| error.code()).collect();
    assert_eq!(ended, [ErrorCode::Conflict]);
    assert_eq!(value(&bob.get_share(&share.id).await.unwrap().item, "cccc").map(str::len), Some(MEGABYTE));
}

/// Called again after it was cut off, whichever request failed, sharing is completed.
#[tokio::test]
async fn a_large_share_that_was_cut_off_is_completed_by_calling_again() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = alice.create_item(&custom(vec![]), &quiet()).await.unwrap();
    let large = ["a", "b"].map(|letter| letter.repeat(3 * MEGABYTE));
    for (number, large) in large.iter().enumerate() {
        update(&alice, &item, vec![slot(&format!("page_{number}"), large)]).await;
    }
    let share = NewShare::new(item.record.id.clone(), to_bob);
    fail_each_request_by(
        &[Fault::NotSent, Fault::ResponseLost],
        &harness.network,
        async || alice.create_share(&share, &quiet()).await,
        async |made, fault, number| {
            let received = bob.get_share(&made.id).await.unwrap().item;
            for (number, large) in large.iter().enumerate() {
                assert_eq!(value(&received, &format!("page_{number}")), Some(large.as_str()));
            }
            assert!(!received.binding.changed, "{fault:?} at {number}");
            alice.delete_share(&made.id).await.unwrap();
        },
    )
    .await;
}

/// What the server takes can be read again, and what it does not take is refused and leaves nothing.
#[tokio::test]
async fn an_item_has_a_limit_that_is_told_when_it_is_written() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let many = |count: usize| {
        (0..count).map(|number| NewSlot { value: None, ..slot(&format!("field_{number}"), "") }).collect()
    };
    for count in [20_001, 10_001] {
        let refused = alice.create_item(&custom(many(count)), &quiet()).await.unwrap_err();
        assert_eq!((refused.code(), refused.status()), (ErrorCode::InvalidArgument, Some(400)));
    }
    let too_long = slot("page", &"a".repeat(4 * MEGABYTE));
    let refused = alice.create_item(&custom(vec![too_long]), &quiet()).await.unwrap_err();
    assert_eq!(refused.message(), "`slots[0].value` has more than 3142656 bytes");
    let nine = (0..9).map(|number| slot(&format!("page_{number}"), &"a".repeat(MEGABYTE))).collect();
    let refused = alice.create_item(&custom(nine), &quiet()).await.unwrap_err();
    assert_eq!((refused.code(), refused.status()), (ErrorCode::InvalidArgument, Some(413)));
    let all = PageRequest { all: true, ..PageRequest::default() };
    assert!(alice.list_items(&ItemFilter::default(), &all).await.unwrap().entries.is_empty());
}

/// Three items of 9,000 slots each do not keep their recipient from anything else.
#[tokio::test]
async fn what_others_share_does_not_keep_a_user_from_their_lists() {
    let harness = Harness::new().await;
    // Nothing that is measured: it is a slow build on a busy machine.
    let patient = harness.retrying_client(RequestPolicy { retries: 0, timeout: Duration::from_secs(3_600) });
    let user = async || patient.create_user(PASSPHRASE, None, &quiet()).await.unwrap();
    let (alice, bob) = (user().await, user().await);
    let to_bob = connect(&alice, &bob).await;
    let own = bob.create_item(&vehicle(&[("vin", "Bob's")]), &quiet()).await.unwrap().record.id;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let slots = (0..9_000).map(|number| NewSlot { value: None, ..slot(&format!("field_{number}"), "") });
        let slots = slots.chain([slot("vin", "Alice's")]).collect();
        let item = alice.create_item(&custom(slots), &quiet()).await.unwrap();
        let share = NewShare::new(item.record.id.clone(), to_bob.clone());
        let share = alice.create_share(&share, &quiet()).await.unwrap();
        ids.push(bob.get_share(&share.id).await.unwrap().item.record.id);
    }
    ids.push(own);
    let all = PageRequest { all: true, ..PageRequest::default() };
    let listed = bob.list_items(&ItemFilter::default(), &all).await.unwrap();
    assert_eq!((listed.entries.len(), listed.unreadable), (4, Vec::new()));
    let read = bob.get_items(&ids, &quiet()).await.unwrap();
    let vins: Vec<_> =
        read.iter().map(|(_, item)| item.as_ref().unwrap().slot("vin").unwrap().value.as_deref()).collect();
    assert_eq!(vins, [Some("Alice's"), Some("Alice's"), Some("Alice's"), Some("Bob's")]);
}

/// One record that is not what it should be hides none of the others, in whichever list.
#[tokio::test]
async fn one_bad_record_does_not_spoil_a_list() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let first = alice.create_item(&vehicle(&[("vin", "1")]), &quiet()).await.unwrap().record.id;
    let second = alice.create_item(&vehicle(&[("vin", "2")]), &quiet()).await.unwrap().record.id;
    for id in [&first, &second] {
        alice.create_share(&NewShare::new(id.clone(), to_bob.clone()), &quiet()).await.unwrap();
    }
    harness.network.lie("GET", "/vault/items".to_owned(), |json| {
        json["items"][1]["label"] = json!(["no text"]);
        json["slots"][0]["id"] = json!(7);
    });
    let listed = alice.list_items(&ItemFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!(listed.entries.iter().map(|item| &item.id).collect::<Vec<_>>(), [&second]);
    assert_eq!(unreadable(&listed), [(Some(&first), ErrorCode::BadResponse)]);
    let read = alice.get_items(&[first.clone(), second.clone()], &quiet()).await.unwrap();
    assert!(read.iter().all(|(_, item)| item.is_ok()), "each is fetched by itself");

    harness.network.lie("GET", "/vault/incoming_shares".to_owned(), |json| json["shares"][0] = json!("no record"));
    let shares = bob.incoming_shares(&IncomingFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!((shares.entries.len(), shares.unreadable.len(), shares.unreadable[0].id.as_ref()), (1, 1, None));
}

/// A template lacks none of its slots, or cannot be read; a share in a space has its item, or cannot.
#[tokio::test]
async fn one_bad_record_spoils_neither_templates_nor_shares_in_spaces() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let mut made = Vec::new();
    for label in ["First", "Second", "Third"] {
        let slots = vec![labelled("One", ""), labelled("Two", "")];
        let template = NewTemplate { label: label.to_owned(), slots, ..NewTemplate::default() };
        made.push(alice.create_template(&template).await.unwrap().record.id);
    }
    let all = PageRequest { all: true, ..PageRequest::default() };
    let templates = alice.list_templates(&TemplateFilter::default(), &all).await.unwrap();
    let honest: Vec<_> = templates.entries.iter().map(|template| &template.record.id).collect();
    let (first, second) = (made[0].clone(), templates.entries.iter().find(|it| it.record.id == made[1]).unwrap());
    let slot_of_second = second.slots[1].id.clone();
    harness.network.lie("GET", "/vault/item_templates", move |json| {
        let records = json["item_templates"].as_array_mut().unwrap();
        records.iter_mut().find(|record| record["id"] == first.as_str()).unwrap()["name"] = json!(7);
        let slots = json["slots"].as_array_mut().unwrap();
        slots.iter_mut().find(|slot| slot["id"] == slot_of_second.as_str()).unwrap()["name"] = json!(["no text"]);
    });
    let listed = alice.list_templates(&TemplateFilter::default(), &all).await.unwrap();
    assert!(listed.entries.iter().all(|template| template.slots.len() == template.record.slot_ids.len()));
    assert_eq!(alice.get_template(made[2].as_str()).await.unwrap().slots.len(), 2);
    for name in [made[1].as_str(), "second", "nothing"] {
        let error = alice.get_template(name).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadResponse, "`{name}` may be one of those that cannot be read");
    }
    let shown: Vec<_> = listed.entries.iter().map(|template| &template.record.id).collect();
    assert_eq!(shown, honest.into_iter().filter(|id| !made[..2].contains(id)).collect::<Vec<_>>());
    assert_eq!(
        unreadable(&listed),
        [(Some(&made[0]), ErrorCode::BadResponse), (Some(&made[1]), ErrorCode::BadResponse)]
    );

    let mut shares = Vec::new();
    for vin in ["1", "2", "3"] {
        let item = alice.create_item(&vehicle(&[("vin", vin)]), &quiet()).await.unwrap().record.id;
        shares.push(alice.share_in_space(&NewSpaceShare::new(item, to_bob.clone()), &quiet()).await.unwrap().id);
    }
    harness.network.lie("GET", "/vault/shares/*", |json| {
        json["shares"][0]["shareable_type"] = json!("Nothing");
        json["items"].as_array_mut().unwrap().remove(1);
    });
    for (session, direction) in [(&alice, Direction::Outgoing), (&bob, Direction::Incoming)] {
        let listed = session.list_space_shares(direction, &all).await.unwrap();
        assert_eq!(listed.entries.iter().map(|listed| &listed.share.id).collect::<Vec<_>>(), [&shares[2]]);
        let bad = [(Some(&shares[0]), ErrorCode::BadResponse), (Some(&shares[1]), ErrorCode::BadResponse)];
        assert_eq!(unreadable(&listed), bad);
    }
}

fn unreadable<T>(page: &Page<T>) -> Vec<(Option<&Id>, ErrorCode)> {
    page.unreadable.iter().map(|record| (record.id.as_ref(), record.error.code())).collect()
}

/// A user may publish a key that is too weak for anybody to use, or a server may have a name that no longer decrypts.
#[tokio::test]
async fn one_bad_connection_does_not_spoil_the_list() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let to_carlos = connect(&alice, &harness.user().await).await;
    let page = PageRequest::default();
    let bobs = bob.list_connections(&page).await.unwrap().entries.remove(0).record.own;
    let of_another_dek = bobs.encrypted_recipient_name.unwrap().as_str().to_owned();
    let bad_records = [
        ("the_other_user", "user_public_key", WEAK_KEY, ErrorCode::WeakKey),
        ("the_other_user", "user_public_key", "no key", ErrorCode::BadResponse),
        ("own", "encrypted_recipient_name", &of_another_dek, ErrorCode::DecryptionFailed),
    ];
    for (side, field, text, code) in bad_records {
        let (id, text) = (to_bob.clone(), json!(text));
        harness.network.lie("GET", "/vault/connections", move |json| {
            let records = json["connections"].as_array_mut().unwrap();
            let record = records.iter_mut().find(|record| record["own"]["id"] == id.as_str()).unwrap();
            record[side][field] = text.clone();
        });
        for listed in [alice.list_connections(&page).await.unwrap(), alice.inspect_connections(&page).await.unwrap()] {
            let others: Vec<_> = listed.entries.iter().map(|entry| &entry.record.own.id).collect();
            let bad: Vec<_> = listed.unreadable.iter().map(|entry| (entry.id.as_ref(), entry.error.code())).collect();
            assert_eq!((others, bad), (vec![&to_carlos], vec![(Some(&to_bob), code)]));
        }
    }
}

/// Whoever shared an item that has no values yet, or has none any more, shared what is typed into it later.
#[tokio::test]
async fn what_is_typed_into_an_item_without_values_reaches_those_it_is_shared_with() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, bob, carlos, .. } = &chain;
    let item = alice.create_item(&vehicle(&[]), &quiet()).await.unwrap();
    assert_eq!(item.version(), alice.get_item(&item.record.id).await.unwrap().version());
    let (_, copy) = chain.share_with_bob(&item).await;
    let on = chain.share_on(&copy).await;
    let vin = item.slots[index_of(&item, "vin")].record.id.clone();
    for typed in ["1", "", "2", "3", ""] {
        let emptied = NewSlot { value: Some(None), ..slot("vin", "") };
        let written = update(alice, &item, vec![if typed.is_empty() { emptied } else { slot("vin", typed) }]).await;
        let refreshed = alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
        assert_eq!((refreshed.shares, refreshed.left_out.len()), (2, 0), "{typed}");
        let seen = [bob.get_item(&copy).await.unwrap(), carlos.get_share(&on).await.unwrap().item];
        for shown in seen.iter().chain([&written, &alice.get_item(&item.record.id).await.unwrap()]) {
            assert_eq!(value(shown, "vin"), Some(typed).filter(|typed| !typed.is_empty()));
            assert_eq!(rows(shown).len(), usize::from(!typed.is_empty()));
            assert!(!shown.binding.changed, "{typed}");
        }
    }
    // An on-sharer and a recipient's own key pass the empty item on as well.
    assert_eq!(rows(&bob.reencrypt_item(&copy).await.unwrap()), []);
    assert!(!bob.get_item(&copy).await.unwrap().binding.changed);
    let of_slot =
        NewShare { slot_id: Some(vin), ..NewShare::new(item.record.id.clone(), connect(alice, carlos).await) };
    alice.create_share(&of_slot, &quiet()).await.unwrap();
}

/// It has no birth, in the reply to its creation as in any other.
#[tokio::test]
async fn an_item_without_slots_is_given_back_as_it_was_made() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let template = NewTemplate { label: "Nothing".to_owned(), ..NewTemplate::default() };
    let template = alice.create_template(&template).await.unwrap().record.name;
    let made = alice.create_item(&NewItem { template, ..custom(Vec::new()) }, &quiet()).await.unwrap();
    assert_eq!(made.version(), alice.get_item(&made.record.id).await.unwrap().version());
    let relabel = ItemChange { version: Some(made.version()), label: Some("Mine".to_owned()), ..change(Vec::new()) };
    alice.update_item(&made.record.id, &relabel, &quiet()).await.unwrap();
}

/// A server cannot say that an item is empty.
#[tokio::test]
async fn an_item_is_empty_only_where_its_owner_emptied_it() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let other = alice.create_item(&vehicle(&[]), &quiet()).await.unwrap();
    let item = alice.create_item(&vehicle(&[("vin", "1")]), &quiet()).await.unwrap();
    let sealed = |item: &Item| item.slots.iter().find_map(|slot| slot.record.encrypted_value.clone()).unwrap();
    let (empty, full) = (sealed(&other), sealed(&item));
    let artefacts = |envelope: &str| envelope.rsplit('.').next().unwrap().to_owned();
    let invented = format!("Aes256Gcm..{}", artefacts(full.as_str()));
    for (lie, code) in [(empty.as_str(), ErrorCode::Misplaced), (&invented, ErrorCode::DecryptionFailed)] {
        let lie = lie.to_owned();
        harness.network.lie("GET", format!("/vault/items/{}", item.record.id), move |json| {
            let slots = json["slots"].as_array_mut().unwrap();
            slots.iter_mut().find(|slot| slot["name"] == "vin").unwrap()["encrypted_value"] = lie.as_str().into();
        });
        let session = harness.new_session(&alice).await;
        assert_eq!(session.get_item(&item.record.id).await.unwrap_err().code(), code);
        harness.network.stop_tampering();
    }
}

#[tokio::test]
async fn a_label_of_two_slots_and_another_name_of_one_are_refused() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let phones = custom(vec![labelled("Phone", "1"), labelled("Phone", "2"), slot("Fax! ", "3")]);
    let item = alice.create_item(&phones, &quiet()).await.unwrap();
    let of_id =
        |name: &str| NewSlot { id: Some(item.slots[index_of(&item, "phone")].record.id.clone()), ..slot(name, "4") };
    for (wish, what) in [(slot("Phone", "4"), "`slots[1]`"), (of_id("telephone"), "`slots[1].name`")] {
        let both = change(vec![slot("Fax! ", "3"), wish]);
        let refused = alice.update_item(&item.record.id, &both, &quiet()).await.unwrap_err();
        assert!(refused.code() == ErrorCode::InvalidArgument && refused.message().starts_with(what), "{refused}");
    }
    let written = update(&alice, &item, vec![of_id("phone"), slot("phone_2", "5"), slot("Fax! ", "6")]).await;
    assert_eq!(rows(&written), [("phone", "Phone", "4"), ("phone_2", "Phone", "5"), ("fax", "Fax!", "6")]);
}

/// A revision is of the value: words that another device changed have none.
#[tokio::test]
async fn a_label_and_a_type_that_another_device_changed_are_not_set_back() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let second = harness.new_session(&alice).await;
    let new = vehicle(&[("licence_plate", "1"), ("vin", "1"), ("power", "1")]);
    let read = alice.create_item(&new, &quiet()).await.unwrap();
    let typed = |change: NewSlot| NewSlot { value: None, ..change };
    let theirs = [
        NewSlot { label: Some("Chassis".to_owned()), ..typed(slot("vin", "")) },
        NewSlot { slot_type: Some("note_text".to_owned()), ..typed(slot("power", "")) },
    ];
    for (their, name) in theirs.into_iter().zip(["vin", "power"]) {
        let read_before = alice.get_item(&read.record.id).await.unwrap();
        harness.server.clock().advance(Duration::from_millis(1));
        update(&second, &read, vec![their]).await;
        let old = given_back(&read_before, "licence_plate", &format!("before {name}"));
        let refused = alice.update_item(&read.record.id, &old, &quiet()).await.unwrap_err();
        let what = format!("`slots[{}]`", index_of(&read, name));
        assert!(refused.code() == ErrorCode::Conflict && refused.message().contains(&what), "{refused}");
    }
}
