//! The first sharing protocol: one DEK for two connected users, and who gets it.

use vaultshare::{
    ErrorCode,
    api::{
        Id,
        vault::encryption_spaces::{Direction, SpaceShare},
    },
    http::RequestPolicy,
    workflows::{Item, ItemChange, NewShare, NewSpaceShare, PageRequest, Session},
};

use crate::{
    fault_injection::fail_each_request,
    harness::{Harness, PASSPHRASE, quiet, slot, value, vehicle},
};

async fn car(owner: &Session, vin: &str) -> Item {
    owner.create_item(&vehicle(&[("vin", vin)]), &quiet()).await.unwrap()
}

async fn share(owner: &Session, item: &Item, connection: &Id) -> SpaceShare {
    let share = NewSpaceShare::new(item.record.id.clone(), connection.clone());
    owner.share_in_space(&share, &quiet()).await.unwrap()
}

async fn vin(reader: &Session, share: &Id) -> Option<String> {
    value(&reader.get_space_share(share).await.unwrap().item, "vin").map(str::to_owned)
}

/// The space that each side of a connection has, the asking user's first.
async fn spaces(user: &Session, connection: &Id) -> (Option<Id>, Option<Id>) {
    let connection = user.get_connection(&connection.clone().into()).await.unwrap().record.in_first_form;
    (connection.encryption_space_id, connection.other_user_connection_encryption_space_id)
}

/// The user's own id of their only connection.
async fn connection_of(user: &Session) -> Id {
    user.list_connections(&PageRequest::default()).await.unwrap().entries[0].record.own.id.clone()
}

#[tokio::test]
async fn two_users_share_in_both_directions_under_one_key_claimed_once() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let first = share(&alice, &car(&alice, "1").await, &to_bob).await;
    let (space, others) = spaces(&alice, &to_bob).await;
    assert_eq!((space.is_some(), others), (true, None));
    let second = share(&alice, &car(&alice, "2").await, &to_bob).await;

    harness.network.log();
    assert_eq!(vin(&bob, &first.id).await.as_deref(), Some("1"));
    assert_eq!(vin(&bob, &second.id).await.as_deref(), Some("2"));
    let back = share(&bob, &car(&bob, "3").await, &connection_of(&bob).await).await;
    let log = harness.network.log();
    // Claimed to be read, and asked for again before it is shared under: for the signature of who made it.
    assert_eq!(log.iter().filter(|request| request.ends_with("/claim_key")).count(), 2);
    assert_eq!(log.iter().filter(|request| *request == "POST /keystore/encryption_spaces").count(), 1);
    assert_eq!(vin(&alice, &back.id).await.as_deref(), Some("3"));
    assert_eq!(spaces(&alice, &to_bob).await, (space.clone(), space));
}

#[tokio::test]
async fn a_share_is_the_owners_item_by_the_owners_ids() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice, "123").await;
    let request = NewSpaceShare {
        terms: Some("Be kind".to_owned()),
        ..NewSpaceShare::new(item.record.id.clone(), to_bob.clone())
    };
    let made = alice.share_in_space(&request, &quiet()).await.unwrap();

    let read = bob.get_space_share(&made.id).await.unwrap();
    assert_eq!((&read.item.record.id, read.item.record.own), (&item.record.id, false));
    assert_eq!(
        read.item.slots.iter().map(|slot| &slot.record.id).collect::<Vec<_>>(),
        item.slots.iter().map(|slot| &slot.record.id).collect::<Vec<_>>()
    );
    assert_eq!(read.share.terms.as_deref(), Some("Be kind"));
    assert_eq!(value(&read.item, "model_make"), None);
    let listed = bob.list_space_shares(Direction::Incoming, &PageRequest::default()).await.unwrap().entries;
    assert_eq!((&listed[0].share.id, listed[0].item.item.label.as_str()), (&made.id, "DeLorean"));
    assert_eq!(vin(&alice, &made.id).await.as_deref(), Some("123"), "the sender reads it too");
    let outgoing = alice.list_space_shares(Direction::Outgoing, &PageRequest::default()).await.unwrap();
    assert_eq!(outgoing.entries[0].share.id, made.id);

    let onward = NewSpaceShare::new(item.record.id.clone(), connection_of(&bob).await);
    assert_eq!(bob.share_in_space(&onward, &quiet()).await.unwrap_err().code(), ErrorCode::NotFound);
    bob.delete_share(&made.id).await.unwrap();
    assert_eq!(bob.get_space_share(&made.id).await.unwrap_err().code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn one_slot_is_shared_and_sharing_again_brings_the_present_values() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123"), ("power", "88")]), &quiet()).await.unwrap();
    let only = item.slots.iter().find(|slot| slot.record.name == "vin").unwrap().record.id.clone();
    let of_slot = NewSpaceShare { slot_id: Some(only), ..NewSpaceShare::new(item.record.id.clone(), to_bob) };
    let made = alice.share_in_space(&of_slot, &quiet()).await.unwrap();
    assert_eq!(bob.get_space_share(&made.id).await.unwrap().item.slots.len(), 1);

    let change = ItemChange { slots: vec![slot("vin", "456")], ..ItemChange::default() };
    alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    assert_eq!(vin(&bob, &made.id).await.as_deref(), Some("123"));
    assert_eq!(alice.share_in_space(&of_slot, &quiet()).await.unwrap().id, made.id);
    assert_eq!(vin(&bob, &made.id).await.as_deref(), Some("456"));
}

#[tokio::test]
async fn two_users_who_share_with_each_other_at_the_same_moment_end_with_one_key() {
    for _ in 0..4 {
        let harness = Harness::new().await;
        let (alice, bob, to_bob) = harness.alice_and_bob().await;
        let to_alice = connection_of(&bob).await;
        let (of_alice, of_bob) = (car(&alice, "1").await, car(&bob, "2").await);
        let (to_read, to_read_back) = tokio::join!(share(&alice, &of_alice, &to_bob), share(&bob, &of_bob, &to_alice));
        assert_eq!(vin(&bob, &to_read.id).await.as_deref(), Some("1"));
        assert_eq!(vin(&alice, &to_read_back.id).await.as_deref(), Some("2"));
        let (own, others) = spaces(&alice, &to_bob).await;
        assert!(own.is_some() && own == others);
    }
}

#[tokio::test]
async fn two_clients_of_one_user_who_share_at_the_same_moment_use_one_space() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let secret = vaultshare::crypto::UserSecret::parse(&alice.secret().unwrap()).unwrap();
    let second = harness.client().sign_in(secret, PASSPHRASE, &quiet()).await.unwrap();
    let (one, other) = (car(&alice, "1").await, car(&alice, "2").await);
    let (first_share, second_share) = tokio::join!(share(&alice, &one, &to_bob), share(&second, &other, &to_bob));
    assert_eq!(vin(&bob, &first_share.id).await.as_deref(), Some("1"));
    assert_eq!(vin(&bob, &second_share.id).await.as_deref(), Some("2"));
}

#[tokio::test]
async fn an_interrupted_share_resumes_at_every_step() {
    let harness = Harness::new().await;
    let patient = harness.retrying_client(RequestPolicy { retries: 0, ..RequestPolicy::default() });
    let (alice, bob) = (patient.create_user(PASSPHRASE, None, &quiet()).await.unwrap(), harness.user().await);
    // A new connection each round, because a space is made once in each.
    let connection = std::cell::RefCell::new(crate::harness::connect(&alice, &bob).await);
    let item = car(&alice, "1").await;
    fail_each_request(
        &harness.network,
        async || {
            let share = NewSpaceShare::new(item.record.id.clone(), connection.borrow().clone());
            alice.share_in_space(&share, &quiet()).await
        },
        async |made: SpaceShare, fault, number| {
            assert_eq!(vin(&bob, &made.id).await.as_deref(), Some("1"), "{fault:?} at {number}");
            let listed = bob.list_space_shares(Direction::Incoming, &PageRequest::default()).await.unwrap().entries;
            assert_eq!(listed.len(), 1, "{fault:?} at {number}");
            let ended = connection.borrow().clone();
            alice.delete_connection(&ended.clone().into()).await.unwrap();
            connection.replace(crate::harness::connect(&alice, &bob).await);
        },
    )
    .await;
}

#[tokio::test]
async fn an_interrupted_claim_resumes_at_every_step() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice, "1").await;
    let made = std::cell::RefCell::new(share(&alice, &item, &to_bob).await.id);
    let connection = std::cell::RefCell::new(to_bob);
    fail_each_request(
        &harness.network,
        async || {
            let id = made.borrow().clone();
            bob.get_space_share(&id).await
        },
        async |read: vaultshare::workflows::ItemInSpace, fault, number| {
            assert_eq!(value(&read.item, "vin"), Some("1"), "{fault:?} at {number}");
            let ended = connection.borrow().clone();
            let (own, others) = spaces(&alice, &ended).await;
            assert!(own.is_some() && own == others, "{fault:?} at {number}");
            alice.delete_connection(&ended.clone().into()).await.unwrap();
            let next = crate::harness::connect(&alice, &bob).await;
            made.replace(share(&alice, &item, &next).await.id);
            connection.replace(next);
        },
    )
    .await;
}

#[tokio::test]
async fn both_protocols_serve_one_connection() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice, "1").await;
    let in_space = share(&alice, &item, &to_bob).await;
    let as_copy = NewShare::new(item.record.id.clone(), to_bob);
    let as_copy = alice.create_share(&as_copy, &quiet()).await.unwrap();
    assert_eq!(vin(&bob, &in_space.id).await.as_deref(), Some("1"));
    assert_eq!(value(&bob.get_share(&as_copy.id).await.unwrap().item, "vin"), Some("1"));
    bob.delete_share(&as_copy.id).await.unwrap();
    assert_eq!(vin(&bob, &in_space.id).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_hostile_server_gets_no_share_under_a_key_for_another() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice, "1").await;
    alice.get_connection(&to_bob.clone().into()).await.unwrap();
    let theirs = include_str!("../fixtures/rsa4096-public-spki.pem");
    let bobs =
        bob.list_connections(&PageRequest::default()).await.unwrap().entries[0].record.own.user_public_key.clone();
    let (bobs, theirs) = (serde_json::to_string(&bobs).unwrap(), serde_json::to_string(theirs).unwrap());
    harness.network.tamper(move |_, path, body| match path.starts_with("/vault/connections") {
        true => String::from_utf8(body).unwrap().replace(&bobs, &theirs).into_bytes(),
        false => body,
    });
    harness.network.log();
    let request = NewSpaceShare::new(item.record.id.clone(), to_bob);
    assert_eq!(alice.share_in_space(&request, &quiet()).await.unwrap_err().code(), ErrorCode::KeyChanged);
    let log = harness.network.log();
    assert!(!log.iter().any(|request| request.ends_with("/shared_keys") || request.ends_with("/encryption_space")));
}
