//! Every rule of on-sharing and client tasks in `docs/protocol/guides.md`.

use std::{cell::RefCell, rc::Rc, time::Duration};

use serde_json::Value as Json;
use vaultshare::{
    ErrorCode,
    api::{
        Ciphertext, Id, JsonObject,
        vault::{
            self,
            client_tasks::{ClientTaskChange, ClientTaskFilter, ClientTaskState},
            shares::{Acceptance, IncomingFilter, NewSharesRequest, OutgoingFilter, ShareSlotValue},
        },
    },
    crypto::{
        DataKey, Proof, PublicKey,
        places::{Place, ValueKind},
    },
    http::{BaseUrl, RequestPolicy, Service},
    workflows::{
        IncludedShare, Item, ItemChange, NewShare, NewSlot, OutgoingShare, Page, PageRequest, Session, ShareTerms,
        TaskSelection,
    },
};

use crate::harness::{Chain, Harness, Network, PASSPHRASE, connect, quiet, secret_of, slot, value, vehicle};

const TERMS: &str = "You may not use this information for advertising";
const OTHER_KEY: &str = include_str!("../fixtures/rsa4096-public-spki.pem");

fn json(report: &JsonObject) -> Json {
    serde_json::to_value(report).unwrap()
}

async fn car(owner: &Session) -> Item {
    let slots = [("licence_plate", "NotACatDefsACar"), ("vin", "123")];
    owner.create_item(&vehicle(&slots), &quiet()).await.unwrap()
}

fn slot_id(item: &Item, name: &str) -> Id {
    item.slots.iter().find(|slot| slot.record.name == name).unwrap().record.id.clone()
}

#[tokio::test]
async fn before_acceptance_a_recipient_sees_the_terms_and_no_values() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let share = NewShare { terms: Some(TERMS.to_owned()), ..NewShare::new(item.record.id.clone(), to_bob) };
    let share = alice.create_share(&share, &quiet()).await.unwrap();
    assert_eq!(share.acceptance_required, Acceptance::AcceptanceRequired);

    assert_eq!(bob.get_share(&share.id).await.unwrap_err().code(), ErrorCode::AcceptanceRequired);
    let waiting = bob.preview_share(&share.id).await.unwrap();
    assert_eq!(waiting.share.terms.as_deref(), Some(TERMS));
    assert_eq!((waiting.item.record.label.as_str(), waiting.item.slots.len()), ("DeLorean", item.slots.len()));
    assert!(waiting.item.slots.iter().all(|slot| slot.value.is_none() && slot.record.encrypted_value.is_none()));
    let copy = waiting.item.record.id;
    assert_eq!(bob.get_item(&copy).await.unwrap_err().code(), ErrorCode::AcceptanceRequired);
    let onward = connect(&bob, &harness.user().await).await;
    let refused = bob.create_share(&NewShare::new(copy.clone(), onward), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AcceptanceRequired);

    assert_eq!(bob.accept_share(&share.id).await.unwrap().acceptance_required, Acceptance::Accepted);
    let opened = bob.preview_share(&share.id).await.unwrap().item;
    assert_eq!(value(&opened, "licence_plate"), Some("NotACatDefsACar"));
    assert_eq!(value(&bob.get_item(&copy).await.unwrap(), "vin"), Some("123"));
}

#[tokio::test]
async fn each_user_sees_an_item_that_was_shared_on_by_ids_of_their_own() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    let onward = chain.share_on(&copy).await;

    let received = chain.carlos.get_share(&onward).await.unwrap();
    assert_eq!(value(&received.item, "licence_plate"), Some("NotACatDefsACar"));
    let (record, share) = (&received.item.record, &received.share);
    assert_eq!(record.original_id.as_ref(), Some(&item.record.id));
    assert_eq!(record.owner_id.as_ref(), Some(chain.alice.user_id()));
    assert_eq!(record.share_id.as_ref(), Some(&onward));
    assert!(record.id != copy && record.id != item.record.id);
    assert_eq!(slot_id(&item, "vin"), received.item.slots[2].record.original_id.clone().unwrap());
    assert_eq!((&share.sender_id, &share.recipient_id), (chain.bob.user_id(), chain.carlos.user_id()));
    assert_eq!((&share.item_id, share.permits_on_sharing()), (&item.record.id, false));
    assert_eq!(chain.carlos.get_item(&item.record.id).await.unwrap_err().code(), ErrorCode::NotFound);

    let sent = chain.bob.get_share(&onward).await.unwrap();
    assert_eq!(sent.item.record.id, copy, "who shared on sees the own copy");
    let filter = OutgoingFilter::default();
    let of_alice = chain.alice.outgoing_shares(&filter, &PageRequest::default()).await.unwrap();
    assert_eq!(of_alice.entries.len(), 1, "the owner did not send the on-share");
}

#[tokio::test]
async fn only_a_recipient_who_may_shares_on_and_only_the_owner_permits_it() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let share = NewShare::new(item.record.id.clone(), chain.to_bob.clone());
    let share = chain.alice.create_share(&share, &quiet()).await.unwrap();
    let copy = chain.bob.get_share(&share.id).await.unwrap().item.record.id;
    let onward = NewShare::new(copy, chain.to_carlos.clone());
    let refused = chain.bob.create_share(&onward, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::OnSharingNotPermitted);

    chain.alice.delete_share(&share.id).await.unwrap();
    let (_, copy) = chain.share_with_bob(&item).await;
    let onward = NewShare { on_sharing: true, ..NewShare::new(copy.clone(), chain.to_carlos.clone()) };
    let refused = chain.bob.create_share(&onward, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::OnSharingNotPermitted);
    chain.share_on(&copy).await;
}

#[tokio::test]
async fn a_change_reaches_everyone_with_slots_that_are_new_and_without_those_that_are_gone() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let (to_bob, copy) = chain.share_with_bob(&item).await;
    let to_carlos = chain.share_on(&copy).await;

    let speed = NewSlot { label: Some("Top Speed".to_owned()), name: None, ..slot("", "88 mph") };
    let gone = NewSlot { id: Some(slot_id(&item, "vin")), remove: true, ..NewSlot::default() };
    let change = ItemChange { slots: vec![slot("licence_plate", "OUTATIME"), speed, gone], ..ItemChange::default() };
    let updated = chain.alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    assert_eq!((updated.outstanding_tasks.todo, updated.outstanding_tasks.in_progress), (1, 0));

    let run = chain.alice.run_tasks(&TaskSelection::default(), &quiet()).await.unwrap();
    assert_eq!((run.completed.len(), run.failed.len()), (1, 0));
    assert_eq!(json(&run.completed[0].task.report)["shares"], 2);
    let mut ciphertexts = Vec::new();
    for (user, share) in [(&chain.bob, &to_bob), (&chain.carlos, &to_carlos)] {
        let read = user.get_share(share).await.unwrap();
        assert_eq!(value(&read.item, "licence_plate"), Some("OUTATIME"));
        assert_eq!(value(&read.item, "top_speed"), Some("88 mph"));
        assert!(read.item.slots.iter().all(|slot| slot.record.name != "vin"));
        let sealed = read.item.slots.iter().find_map(|slot| slot.record.encrypted_value.clone()).unwrap();
        ciphertexts.push((sealed, read.share.encrypted_dek.unwrap()));
    }
    assert_eq!(ciphertexts[0].0, ciphertexts[1].0, "each slot is sealed once");
    assert_ne!(ciphertexts[0].1, ciphertexts[1].1, "the DEK is sealed for each recipient");
}

/// Also by a text that the peers' library packs alike, and whose hash is the owner's.
#[tokio::test]
async fn an_on_sharer_who_alters_a_value_is_caught() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    let copy = chain.bob.get_item(&copy).await.unwrap();
    let (key, hash) = {
        let plate = copy.slots.iter().find(|slot| slot.record.name == "licence_plate").unwrap();
        (plate.verification_key.clone().unwrap(), plate.record.value_verification_hash.clone().unwrap())
    };
    let packed_alike = "O\u{16f}tACatDefsACar";
    assert_eq!(key.hash(packed_alike), hash);
    for altered in ["IsACat", packed_alike] {
        let share = share_altered(&harness, &chain, &copy, altered).await;
        let refused = chain.carlos.get_share(&share).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ValueNotAuthentic);
        chain.bob.delete_share(&share).await.unwrap();
    }
    let share = share_altered(&harness, &chain, &copy, "NotACatDefsACar").await;
    let read = chain.carlos.get_share(&share).await.unwrap().item;
    let plate = read.slots.iter().find(|slot| slot.record.name == "licence_plate").unwrap();
    assert_eq!((plate.value.as_deref(), plate.proof), (Some("NotACatDefsACar"), Some(Proof::Text)));
}

/// Bob shares on another text than he received, beside what proves it.
async fn share_altered(harness: &Harness, chain: &Chain, copy: &Item, text: &str) -> Id {
    let to_carlos = chain.bob.get_connection(&chain.to_carlos.clone().into()).await.unwrap().record.the_other_user;

    // Bob passes the owner's verification key on, as he must, with another value encrypted beside it.
    let dek = DataKey::generate().unwrap();
    let plate = copy.slots.iter().find(|slot| slot.record.name == "licence_plate").unwrap();
    let (item_id, slot_id) = (copy.record.original_id.clone().unwrap(), plate.record.original_id.clone().unwrap());
    let (item_id, slot_id, written) = (item_id.as_str(), slot_id.as_str(), plate.written.unwrap());
    let place = |kind| Place::Value { kind, item: item_id, slot: slot_id, written };
    let key = plate.verification_key.as_ref().unwrap();
    let key = dek.wrap_verification_key(key, &place(ValueKind::Proof)).await.unwrap();
    let altered = dek.encrypt_text(text, &place(ValueKind::Shared)).await.unwrap().unwrap();
    let public_key = PublicKey::from_pem(&to_carlos.user_public_key).unwrap();
    let share = vault::shares::NewShare {
        recipient_id: to_carlos.user_id,
        public_key: to_carlos.user_public_key,
        keypair_external_id: to_carlos.user_keypair_external_id,
        encrypted_dek: Ciphertext::parse(public_key.wrap_data_key(&dek).await.unwrap()).unwrap(),
        sharing_mode: None,
        onsharing_permitted: None,
        acceptance_required: None,
        terms: None,
        expires_at: None,
        slot_id: None,
        slot_values: vec![ShareSlotValue {
            slot_id: Some(plate.record.id.clone()),
            encrypted_value: Ciphertext::parse(altered),
            encrypted_value_verification_key: Ciphertext::parse(key),
            ..ShareSlotValue::default()
        }],
        grant: None,
        on_share: None,
        proof: None,
        content_signature: None,
    };
    let request = NewSharesRequest { shares: vec![share] };
    let made = vault::shares::create(&vault_of(&harness.network, &chain.bob), &copy.record.id, &request, None).await;
    made.unwrap().shares[0].id.clone()
}

/// The Vault as a user reaches it without our workflows.
fn vault_of(network: &Network, user: &Session) -> Service {
    let url = BaseUrl::parse("http://localhost/vault").unwrap();
    let service = Service::new(url, Rc::new(network.clone()), RequestPolicy::default(), None).unwrap();
    service.set_token(user.export().unwrap().vault_access_token);
    service
}

#[tokio::test]
async fn the_same_item_by_two_shares_is_one_item_that_outlives_either() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    let first = chain.share_on(&copy).await;
    let to_carlos = connect(&chain.alice, &chain.carlos).await;
    let second = NewShare::new(item.record.id.clone(), to_carlos);
    let second = chain.alice.create_share(&second, &quiet()).await.unwrap().id;

    let by_first = chain.carlos.get_share(&first).await.unwrap();
    assert_eq!(by_first.via_another_share, None);
    let by_second = chain.carlos.get_share(&second).await.unwrap();
    assert_eq!(by_second.via_another_share.as_ref(), Some(&first));
    assert_eq!((&by_second.share.id, &by_second.item.record.id), (&second, &by_first.item.record.id));
    assert_eq!(value(&by_second.item, "vin"), Some("123"));

    chain.carlos.delete_share(&first).await.unwrap();
    assert_eq!(chain.carlos.get_share(&first).await.unwrap_err().code(), ErrorCode::NotFound);
    let left = chain.carlos.get_share(&second).await.unwrap();
    assert_eq!((left.via_another_share, value(&left.item, "vin")), (None, Some("123")));
    chain.alice.delete_share(&second).await.unwrap();
    assert_eq!(chain.carlos.get_item(&by_first.item.record.id).await.unwrap_err().code(), ErrorCode::NotFound);
}

/// A recipient has one copy of an item: that of the share that shows most of it.
#[tokio::test]
async fn a_share_that_shows_more_is_seen_and_one_that_would_show_nothing_is_refused() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let id_of = |name: &str| Some(item.slots.iter().find(|slot| slot.record.name == name).unwrap().record.id.clone());
    let whole = NewShare::new(item.record.id.clone(), to_bob);
    let of_slot = |name: &str| NewShare { slot_id: id_of(name), ..whole.clone() };
    let vin = alice.create_share(&of_slot("vin"), &quiet()).await.unwrap().id;
    let copy = bob.get_share(&vin).await.unwrap().item;
    assert_eq!((copy.slots.len(), value(&copy, "vin")), (1, Some("123")));

    let refused = alice.create_share(&of_slot("licence_plate"), &quiet()).await.unwrap_err();
    assert_eq!(refused.server_code(), Some("another_slot_shared"));
    assert_eq!(
        alice.outgoing_shares(&OutgoingFilter::default(), &PageRequest::default()).await.unwrap().entries.len(),
        1
    );

    let with_terms = NewShare { terms: Some("Read it only".to_owned()), ..whole.clone() };
    let with_terms = alice.create_share(&with_terms, &quiet()).await.unwrap().id;
    assert_eq!(bob.get_share(&vin).await.unwrap().via_another_share, None, "what may be read before what may not yet");
    bob.accept_share(&with_terms).await.unwrap();
    for share in [&vin, &with_terms] {
        let read = bob.get_share(share).await.unwrap();
        assert_eq!(read.item.record.id, copy.record.id);
        assert_eq!(
            (value(&read.item, "vin"), value(&read.item, "licence_plate")),
            (Some("123"), Some("NotACatDefsACar"))
        );
    }
    // What is shown already is not refused.
    let plate = alice.create_share(&of_slot("licence_plate"), &quiet()).await.unwrap().id;
    assert_eq!(value(&bob.get_share(&plate).await.unwrap().item, "vin"), Some("123"));
    alice.delete_share(&with_terms).await.unwrap();
    let left = bob.get_share(&vin).await.unwrap();
    assert_eq!((left.via_another_share, left.item.slots.len(), value(&left.item, "vin")), (None, 1, Some("123")));
}

#[tokio::test]
async fn what_is_shared_on_takes_nothing_away_that_another_has_shared() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, carlos, .. } = &chain;
    let item = car(alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    let whole = NewShare::new(item.record.id.clone(), connect(alice, carlos).await);
    let vin = NewShare { slot_id: Some(slot_id(&item, "vin")), ..whole.clone() };
    let vin = alice.create_share(&vin, &quiet()).await.unwrap().id;
    let on = chain.share_on(&copy).await;
    let read = carlos.get_share(&on).await.unwrap();
    assert_eq!((read.via_another_share.as_ref(), read.item.slots.len()), (Some(&vin), 1));
    let plate = NewShare { slot_id: Some(slot_id(&item, "licence_plate")), ..whole.clone() };
    let refused = alice.create_share(&plate, &quiet()).await.unwrap_err();
    assert_eq!(refused.server_code(), Some("another_slot_shared"), "nor is it seen by what Bob shared");
    alice.create_share(&whole, &quiet()).await.unwrap();
    assert_eq!(value(&carlos.get_share(&vin).await.unwrap().item, "licence_plate"), Some("NotACatDefsACar"));
}

/// Nor does a copy go to another slot, where what its user has encrypted anew would be lost.
#[tokio::test]
async fn a_copy_stays_with_its_slot_when_another_is_accepted() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, bob, carlos, .. } = &chain;
    let item = car(alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    let plate = slot_id(&bob.get_item(&copy).await.unwrap(), "licence_plate");
    let terms = Some("Read it only".to_owned());
    let plate = NewShare { slot_id: Some(plate), terms, ..NewShare::new(copy, chain.to_carlos.clone()) };
    let plate = bob.create_share(&plate, &quiet()).await.unwrap().id;
    let vin = NewShare::new(item.record.id.clone(), connect(alice, carlos).await);
    let vin = NewShare { slot_id: Some(slot_id(&item, "vin")), ..vin };
    let vin = alice.create_share(&vin, &quiet()).await.unwrap().id;
    let received = carlos.get_share(&vin).await.unwrap().item.record.id;
    carlos.reencrypt_item(&received).await.unwrap();
    carlos.accept_share(&plate).await.unwrap();
    carlos.delete_share(&plate).await.unwrap();
    assert_eq!(value(&carlos.get_item(&received).await.unwrap(), "vin"), Some("123"));
}

#[tokio::test]
async fn an_expired_share_is_gone_and_one_that_would_have_expired_is_refused() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let until = |instant: &str| NewShare {
        expires_at: Some(instant.to_owned()),
        ..NewShare::new(item.record.id.clone(), to_bob.clone())
    };
    assert!(alice.create_share(&until("2020-10-12T05:52:45.395Z"), &quiet()).await.is_err());
    let share = alice.create_share(&until("2999-01-01T00:00:00.000Z"), &quiet()).await.unwrap();
    bob.get_share(&share.id).await.unwrap();
    harness.server.clock().advance(Duration::from_secs(1_000 * 366 * 24 * 3_600));
    let again = harness.client();
    let bob = again.sign_in(secret_of(&bob), PASSPHRASE, &quiet()).await.unwrap();
    assert_eq!(bob.get_share(&share.id).await.unwrap_err().code(), ErrorCode::NotFound);
    let incoming = bob.incoming_shares(&IncomingFilter::default(), &PageRequest::default()).await.unwrap();
    assert!(incoming.entries.is_empty());
}

#[tokio::test]
async fn one_slot_is_shared_and_refreshed_alone() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let share = NewShare { slot_id: Some(slot_id(&item, "vin")), ..NewShare::new(item.record.id.clone(), to_bob) };
    let share = alice.create_share(&share, &quiet()).await.unwrap();
    let names = async || {
        let read = bob.get_share(&share.id).await.unwrap().item;
        read.slots.iter().map(|slot| (slot.record.name.clone(), slot.value.as_deref().map(str::to_owned))).collect()
    };
    let received: Vec<_> = names().await;
    assert_eq!(received, [("vin".to_owned(), Some("123".to_owned()))]);
    let change =
        ItemChange { slots: vec![slot("vin", "456"), slot("licence_plate", "OUTATIME")], ..ItemChange::default() };
    alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    let received: Vec<_> = names().await;
    assert_eq!(received, [("vin".to_owned(), Some("456".to_owned()))]);
}

#[tokio::test]
async fn a_server_cannot_permit_on_sharing_in_the_owners_place() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let (item, other) = (car(&chain.alice).await, car(&chain.alice).await);
    let share = NewShare::new(item.record.id.clone(), chain.to_bob.clone());
    chain.alice.create_share(&share, &quiet()).await.unwrap();
    // Another item may be shared on: its permission is recorded where this item's would be.
    chain.share_with_bob(&other).await;
    let claim_on_sharing = |method: &str, path: &str, body: Vec<u8>| {
        if method != "GET" {
            return body;
        }
        let mut json: Json = serde_json::from_slice(&body).unwrap_or_default();
        if path.ends_with("/outgoing_shares") {
            for share in json["shares"].as_array_mut().unwrap() {
                share["onsharing_permitted"] = true.into();
            }
        } else if path.ends_with("/shares") {
            let ghost = serde_json::json!({ "id": "94c27129-e179-4c69-a7f1-94438b920541", "public_key": OTHER_KEY });
            json["shares"].as_array_mut().unwrap().push(ghost);
        } else {
            return body;
        }
        serde_json::to_vec(&json).unwrap()
    };
    harness.network.tamper(claim_on_sharing);
    let refreshed = chain.alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.on_shares, refreshed.left_out.len()), (1, 0, 1));
}

#[tokio::test]
async fn the_permission_to_share_on_is_known_to_the_owners_next_session() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    chain.share_on(&copy).await;
    let alice = harness.client().sign_in(secret_of(&chain.alice), PASSPHRASE, &quiet()).await.unwrap();
    let refreshed = alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.on_shares, refreshed.left_out.len()), (2, 1, 0));
}

#[tokio::test]
async fn a_slower_refresh_does_not_bring_old_values_back() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let share = alice.create_share(&NewShare::new(item.record.id.clone(), to_bob), &quiet()).await.unwrap();

    // A race: this client's first read is older than another client's change.
    let before: Rc<RefCell<Option<Vec<u8>>>> = Rc::default();
    let path = format!("/vault/items/{}", item.record.id);
    let (keep, wanted) = (Rc::clone(&before), path.clone());
    harness.network.tamper(move |method, path, body| {
        if method == "GET" && path == wanted {
            keep.replace(Some(body.clone()));
        }
        body
    });
    let slower = harness.client().sign_in(secret_of(&alice), PASSPHRASE, &quiet()).await.unwrap();
    slower.get_item(&item.record.id).await.unwrap();
    harness.network.stop_tampering();
    let change = ItemChange { slots: vec![slot("vin", "456")], ..ItemChange::default() };
    alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    harness.network.tamper(move |method, asked, body| match (method, asked == path) {
        ("GET", true) => before.take().unwrap_or(body),
        _ => body,
    });
    slower.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert_eq!(value(&bob.get_share(&share.id).await.unwrap().item, "vin"), Some("456"));
}

#[tokio::test]
async fn two_clients_that_run_the_tasks_at_once_do_no_harm() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let (to_bob, copy) = chain.share_with_bob(&item).await;
    let to_carlos = chain.share_on(&copy).await;
    let second = harness.client().sign_in(secret_of(&chain.alice), PASSPHRASE, &quiet()).await.unwrap();
    let change = ItemChange { slots: vec![slot("vin", "456")], ..ItemChange::default() };
    chain.alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();

    let selection = TaskSelection::default();
    let listener = quiet();
    let (one, other) =
        tokio::join!(chain.alice.run_tasks(&selection, &listener), second.run_tasks(&selection, &listener));
    for run in [one, other] {
        assert!(run.unwrap().failed.is_empty());
    }
    for (user, share) in [(&chain.bob, &to_bob), (&chain.carlos, &to_carlos)] {
        assert_eq!(value(&user.get_share(share).await.unwrap().item, "vin"), Some("456"));
    }
    assert_eq!(chain.alice.count_tasks().await.unwrap().todo, 0);
}

#[tokio::test]
async fn shares_are_listed_by_item_connection_and_acceptance_page_by_page() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let to_carlos = connect(&alice, &harness.user().await).await;
    let mut made = Vec::new();
    for (connection, terms) in [(&to_bob, None), (&to_carlos, None), (&to_bob, Some(TERMS.to_owned()))] {
        let item = car(&alice).await;
        let share = NewShare { terms, ..NewShare::new(item.record.id.clone(), connection.clone()) };
        made.push(alice.create_share(&share, &quiet()).await.unwrap());
    }
    let ids =
        |page: &Page<OutgoingShare>| page.entries.iter().map(|listed| listed.share.id.clone()).collect::<Vec<_>>();

    let of_item = OutgoingFilter { item_ids: vec![made[1].item_id.clone()], ..OutgoingFilter::default() };
    let of_item = alice.outgoing_shares(&of_item, &PageRequest::default()).await.unwrap();
    assert_eq!(ids(&of_item), [made[1].id.clone()]);
    let from_bob = OutgoingFilter { own_connection_id: Some(to_bob), ..OutgoingFilter::default() };
    let from_bob = alice.outgoing_shares(&from_bob, &PageRequest::default()).await.unwrap();
    assert_eq!(from_bob.entries.len(), 2);
    let waiting =
        IncomingFilter { acceptance_required: Some(Acceptance::AcceptanceRequired), ..IncomingFilter::default() };
    let waiting = bob.incoming_shares(&waiting, &PageRequest::default()).await.unwrap().entries;
    assert_eq!(waiting.iter().map(|share| &share.id).collect::<Vec<_>>(), [&made[2].id]);

    let all = PageRequest { all: true, per_page: Some(2), after: None };
    let whole = ids(&alice.outgoing_shares(&OutgoingFilter::default(), &all).await.unwrap());
    let mut after = None;
    let mut by_pages = Vec::new();
    for expected in [2, 1] {
        let page = PageRequest { per_page: Some(2), after, all: false };
        let page = alice.outgoing_shares(&OutgoingFilter::default(), &page).await.unwrap();
        assert_eq!(page.entries.len(), expected);
        by_pages.extend(ids(&page));
        after = page.next;
    }
    assert_eq!((whole.len(), after), (3, None));
    assert_eq!(by_pages, whole);
}

#[tokio::test]
async fn a_task_that_failed_says_why_and_is_run_again() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let share = alice.create_share(&NewShare::new(item.record.id.clone(), to_bob), &quiet()).await.unwrap();
    let change = ItemChange { slots: vec![slot("vin", "456")], ..ItemChange::default() };
    alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();

    let broken = format!("/vault/items/{}", item.record.id);
    harness
        .network
        .tamper(move |method, path, body| if (method, path) == ("GET", &broken) { b"{}".to_vec() } else { body });
    let run = alice.run_tasks(&TaskSelection::default(), &quiet()).await.unwrap();
    assert_eq!((run.completed.len(), run.failed[0].reason.code()), (0, ErrorCode::BadResponse));
    let filter = ClientTaskFilter { states: vec![ClientTaskState::Failed], target_id: Some(item.record.id.clone()) };
    let failed = alice.list_tasks(&filter, &PageRequest::default()).await.unwrap().entries;
    assert_eq!((&failed[0].id, &json(&failed[0].report)["error"]), (&run.failed[0].task.id, &"BAD_RESPONSE".into()));

    harness.network.stop_tampering();
    let again = alice.run_tasks(&TaskSelection::default(), &quiet()).await.unwrap();
    assert_eq!((&again.completed[0].task.id, again.failed.len()), (&failed[0].id, 0));
    assert_eq!(value(&bob.get_share(&share.id).await.unwrap().item, "vin"), Some("456"));
}

#[tokio::test]
async fn tasks_are_run_in_the_number_asked_for_and_come_back_when_nobody_finishes_them() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    for _ in 0..3 {
        let item = car(&alice).await;
        alice.create_share(&NewShare::new(item.record.id.clone(), to_bob.clone()), &quiet()).await.unwrap();
        let change = ItemChange { slots: vec![slot("vin", "456")], ..ItemChange::default() };
        alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    }
    drop(bob);
    let one = TaskSelection { limit: Some(1), ..TaskSelection::default() };
    assert_eq!(alice.run_tasks(&one, &quiet()).await.unwrap().completed.len(), 1);
    assert_eq!(alice.count_tasks().await.unwrap().todo, 2);

    let waiting = async || {
        let page = alice.list_tasks(&ClientTaskFilter::default(), &PageRequest::default()).await.unwrap();
        page.entries.into_iter().map(|task| task.id).collect::<Vec<_>>()
    };
    let taken = waiting().await[0].clone();
    let change = ClientTaskChange { id: taken.clone(), state: ClientTaskState::InProgress, report: None };
    alice.set_task_states(vec![change]).await.unwrap();
    assert!(!waiting().await.contains(&taken));
    harness.server.clock().advance(Duration::from_secs(9 * 60));
    assert!(!waiting().await.contains(&taken));
    harness.server.clock().advance(Duration::from_secs(2 * 60));
    assert!(waiting().await.contains(&taken));
}

#[tokio::test]
async fn a_thousand_shares_are_refreshed_in_requests_of_bounded_size() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let slots = (0..20).map(|number| NewSlot {
        label: Some(format!("Slot {number}")),
        name: None,
        ..slot("", &format!("value {number}"))
    });
    let mut item = vehicle(&[]);
    item.slots = slots.collect();
    let item = alice.create_item(&item, &quiet()).await.unwrap();
    let bob_in_connection = alice.get_connection(&to_bob.clone().into()).await.unwrap().record.the_other_user;
    let dek = Ciphertext::parse("Rsa4096.QUJD.QQUAAAAA").unwrap();
    let share = vault::shares::NewShare {
        recipient_id: bob_in_connection.user_id,
        public_key: bob_in_connection.user_public_key,
        keypair_external_id: bob_in_connection.user_keypair_external_id,
        encrypted_dek: dek,
        sharing_mode: None,
        onsharing_permitted: None,
        acceptance_required: None,
        terms: None,
        expires_at: None,
        slot_id: None,
        slot_values: Vec::new(),
        grant: None,
        on_share: None,
        proof: None,
        content_signature: None,
    };
    let request = NewSharesRequest { shares: vec![share; 1_000] };
    let made =
        vault::shares::create(&vault_of(&harness.network, &alice), &item.record.id, &request, None).await.unwrap();

    harness.network.log();
    harness.network.largest_body();
    let refreshed = alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.left_out.len()), (0, 1_000), "no client of Alice's has granted them");
    let include: Vec<_> = refreshed
        .left_out
        .into_iter()
        .map(|left_out| IncludedShare {
            share_id: left_out.share_id,
            fingerprint: left_out.fingerprint.unwrap(),
            scope: None,
            on_sharing: false,
            expires_at: None,
        })
        .collect();
    harness.network.log();
    let refreshed = alice.refresh_shares(&item.record.id, &include, &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.left_out.len()), (1_000, 0));
    harness.network.log();
    let refreshed = alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.left_out.len()), (1_000, 0), "whoever was let in once stays in");
    let puts = harness.network.log().iter().filter(|request| request.starts_with("PUT")).count();
    let largest = harness.network.largest_body();
    assert!(puts > 1 && largest < 4 * 1024 * 1024, "{puts} requests of at most {largest} bytes");
    let first = bob.get_share(&made.shares[0].id).await.unwrap();
    assert_eq!(value(&first.item, "slot_19"), Some("value 19"));
}

#[tokio::test]
async fn the_owner_changes_how_long_a_share_lasts_and_whether_it_is_shared_on() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let share = NewShare::new(item.record.id.clone(), chain.to_bob.clone());
    let share = chain.alice.create_share(&share, &quiet()).await.unwrap();
    let copy = chain.bob.get_share(&share.id).await.unwrap().item.record.id;

    let until = Some(Some("2999-01-01T00:00:00.000Z".to_owned()));
    let unchanged = ShareTerms {
        share_id: share.id.clone(),
        item_id: item.record.id.clone(),
        connection: chain.to_bob.clone().into(),
        expires_at: None,
        on_sharing: None,
    };
    let terms = ShareTerms { expires_at: until, on_sharing: Some(true), ..unchanged.clone() };
    let changed = chain.alice.change_share(&terms).await.unwrap();
    assert_eq!((changed.expires_at.is_some(), changed.permits_on_sharing()), (true, true));
    let onward = chain.share_on(&copy).await;
    let refreshed = chain.alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.on_shares), (2, 1), "what was permitted later counts as well");

    let terms = ShareTerms { expires_at: Some(None), on_sharing: Some(false), ..unchanged.clone() };
    let changed = chain.alice.change_share(&terms).await.unwrap();
    assert_eq!((changed.permits_on_sharing(), changed.expires_at), (false, None));
    assert_eq!(chain.carlos.get_share(&onward).await.unwrap_err().code(), ErrorCode::NotFound);
    let refused = chain
        .bob
        .change_share(&ShareTerms { connection: chain.to_carlos.clone().into(), ..unchanged })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_received_item_under_the_own_key_is_still_the_owners() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let (share, copy) = chain.share_with_bob(&item).await;
    let own = chain.bob.reencrypt_item(&copy).await.unwrap();
    assert_eq!(value(&own, "vin"), Some("123"));
    let read = chain.bob.get_share(&share).await.unwrap();
    assert_eq!((read.share.encrypted_dek, value(&read.item, "vin")), (None, Some("123")));
    let onward = chain.share_on(&copy).await;
    assert_eq!(value(&chain.carlos.get_share(&onward).await.unwrap().item, "vin"), Some("123"));

    let change = ItemChange { slots: vec![slot("vin", "456")], ..ItemChange::default() };
    chain.alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    chain.alice.run_tasks(&TaskSelection::default(), &quiet()).await.unwrap();
    assert_eq!(value(&chain.bob.get_item(&copy).await.unwrap(), "vin"), Some("456"));
    assert_eq!(chain.alice.reencrypt_item(&item.record.id).await.unwrap_err().code(), ErrorCode::InvalidArgument);
}

/// Alice's item and Bob's, each shared with the other, and one that Bob shares on to Carlos.
struct BothWays {
    alice: Session,
    bob: Session,
    carlos: Session,
    to_bob: Id,
    bobs_to_alice: Id,
    to_carlos: Id,
    on_to_carlos: Id,
}

impl BothWays {
    async fn new(harness: &Harness) -> BothWays {
        let (alice, bob, to_bob) = harness.alice_and_bob().await;
        let carlos = harness.user().await;
        let connection = connect(&bob, &carlos).await;
        let bobs_end = alice.get_connection(&to_bob.clone().into()).await.unwrap().record.the_other_user.id;
        let (hers, his) = (car(&alice).await.record.id, car(&bob).await.record.id);
        let to_bob_of = NewShare { on_sharing: true, ..NewShare::new(hers, to_bob.clone()) };
        let received = alice.create_share(&to_bob_of, &quiet()).await.unwrap();
        let copy = bob.get_share(&received.id).await.unwrap().item.record.id;
        let share =
            async |item: Id, to: &Id| bob.create_share(&NewShare::new(item, to.clone()), &quiet()).await.unwrap().id;
        let (bobs_to_alice, to_carlos) = (share(his.clone(), &bobs_end).await, share(his, &connection).await);
        let on_to_carlos = share(copy, &connection).await;
        BothWays { alice, bob, carlos, to_bob, bobs_to_alice, to_carlos, on_to_carlos }
    }

    /// How many items Alice, Bob and Carlos have, own and received.
    async fn items(&self) -> [usize; 3] {
        let all = PageRequest { all: true, ..PageRequest::default() };
        let count = async |user: &Session| user.list_items(&Default::default(), &all).await.unwrap().entries.len();
        [count(&self.alice).await, count(&self.bob).await, count(&self.carlos).await]
    }
}

#[tokio::test]
async fn with_a_connection_its_shares_end_only_if_that_is_asked_for() {
    let harness = Harness::new().await;
    let kept = BothWays::new(&harness).await;
    assert_eq!(kept.items().await, [2, 2, 2]);
    kept.alice.delete_connection(&kept.to_bob.clone().into()).await.unwrap();
    assert_eq!(kept.items().await, [2, 2, 2]);
    let received = kept.alice.get_share(&kept.bobs_to_alice).await.unwrap();
    assert_eq!(value(&received.item, "vin"), Some("123"));

    let ended = BothWays::new(&harness).await;
    ended.alice.delete_connection_and_shares(&ended.to_bob.clone().into()).await.unwrap();
    assert_eq!(ended.items().await, [1, 1, 1]);
    for (user, share) in [(&ended.alice, &ended.bobs_to_alice), (&ended.carlos, &ended.on_to_carlos)] {
        assert_eq!(user.get_share(share).await.unwrap_err().code(), ErrorCode::NotFound);
    }
    assert!(ended.carlos.get_share(&ended.to_carlos).await.is_ok());
    assert_eq!(ended.bob.list_connections(&PageRequest::default()).await.unwrap().entries.len(), 1);
    let again = ended.alice.delete_connection_and_shares(&ended.to_bob.clone().into()).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::NotFound);
}

/// A server that does not know the filter lists every share.
#[tokio::test]
async fn with_a_connection_end_no_shares_with_others() {
    let harness = Harness::new().await;
    let both = BothWays::new(&harness).await;
    let bobs_end = both.alice.get_connection(&both.to_bob.clone().into()).await.unwrap().record.the_other_user.id;
    let others = harness.reply(&both.bob, "/vault/outgoing_shares").await;
    harness.network.replay("/vault/outgoing_shares".to_owned(), &others);
    both.bob.delete_connection_and_shares(&bobs_end.into()).await.unwrap();
    harness.network.stop_tampering();
    assert!(both.carlos.get_share(&both.to_carlos).await.is_ok());
}
