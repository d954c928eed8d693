//! A server that says of a share that somebody else made it, of something else.

use serde_json::{Value as Json, json};
use vaultshare::{
    ErrorCode,
    api::{Id, vault::shares::Share},
    workflows::{IncludedShare, Item, ItemChange, NewShare, OwnerProof, Session},
};

use crate::{
    harness::{Chain, Harness, connect, quiet, slot, value, vehicle},
    lies::{car, servers_pair, slot_id},
};

const RECEIVED: &str = "/vault/incoming_shares/*";
const AUTHOR: &str = "/keystore/keypairs/external_id/vaultshare-author";

async fn share(sender: &Session, share: NewShare) -> Share {
    sender.create_share(&share, &quiet()).await.unwrap()
}

/// Fingerprint of the other side's key in the only connection of a user's.
async fn peer_of(user: &Session) -> String {
    user.list_connections(&Default::default()).await.unwrap().entries[0].fingerprint.clone()
}

fn sender(item: &Item) -> Option<&str> {
    Some(item.origin.as_ref().unwrap().sender.as_ref()?.fingerprint.as_str())
}

fn owner(item: &Item) -> OwnerProof {
    item.origin.as_ref().unwrap().owner
}

async fn change_vin(owner: &Session, item: &Item, to: &str) {
    let change = ItemChange { slots: vec![slot("vin", to)], ..ItemChange::default() };
    owner.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    owner.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
}

#[tokio::test]
async fn a_received_item_proves_who_shared_it_however_it_is_read() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    assert!(item.origin.is_none(), "an own item was shared by nobody");
    let made = share(&alice, NewShare::new(item.record.id.clone(), to_bob)).await;
    let of_alice = Some(peer_of(&bob).await);
    let copy = bob.get_share(&made.id).await.unwrap().item.record.id;

    let read = async |bob: &Session| {
        let many = bob.get_items(std::slice::from_ref(&copy), &quiet()).await.unwrap().remove(0).1.unwrap();
        [bob.get_share(&made.id).await.unwrap().item, bob.get_item(&copy).await.unwrap(), (*many).clone()]
    };
    let is_proven = |item: &Item| {
        assert_eq!((sender(item), owner(item)), (of_alice.as_deref(), OwnerProof::Proven));
        item.require_proof().unwrap();
    };
    read(&bob).await.iter().for_each(is_proven);
    change_vin(&alice, &item, "456").await;
    // Also in a session that has seen nothing, and where the values are under the own key.
    read(&harness.new_session(&bob).await).await.iter().for_each(is_proven);
    is_proven(&bob.reencrypt_item(&copy).await.unwrap());
    let kept = read(&bob).await;
    kept.iter().for_each(is_proven);
    assert_eq!(value(&kept[1], "vin"), Some("456"));
}

/// The key pair of an invitee says whose key is at the other end. That of an inviter does not, before they have shared anything.
#[tokio::test]
async fn an_inviter_looks_once_for_whose_key_proves_a_share() {
    let harness = Harness::new().await;
    let (alice, bob, _) = harness.alice_and_bob().await;
    let to_alice = bob.list_connections(&Default::default()).await.unwrap().entries[0].record.own.id.clone();
    let of_bob = peer_of(&alice).await;
    let items = [car(&bob).await, car(&bob).await];
    let mut made = Vec::new();
    for item in &items {
        made.push(share(&bob, NewShare::new(item.record.id.clone(), to_alice.clone())).await.id);
    }
    let new = harness.new_session(&alice).await;
    harness.network.log();
    for id in made.iter().chain(&made) {
        assert_eq!(sender(&new.get_share(id).await.unwrap().item), Some(of_bob.as_str()));
    }
    let asked = harness.network.log();
    assert_eq!(asked.iter().filter(|request| *request == "GET /vault/connections").count(), 1, "{asked:?}");

    // One that was made since.
    let carlos = harness.user().await;
    let _ = connect(&alice, &carlos).await;
    let to_alice = carlos.list_connections(&Default::default()).await.unwrap().entries[0].record.own.id.clone();
    let of_carlos = car(&carlos).await;
    let later = share(&carlos, NewShare::new(of_carlos.record.id.clone(), to_alice)).await;
    assert!(sender(&new.get_share(&later.id).await.unwrap().item).is_some());

    // Whose key that is, the server says. It says another: then nobody's is proven.
    let server = servers_pair().await.public_key_pem().to_owned();
    let new = harness.new_session(&alice).await;
    harness.network.lie("GET", "/vault/connections", move |json| {
        json["connections"][0]["the_other_user"]["user_public_key"] = server.clone().into();
    });
    assert_eq!(sender(&new.get_share(&made[0]).await.unwrap().item), None);
}

#[tokio::test]
async fn who_shares_on_vouches_for_the_owner_and_stands_for_what_the_owner_did_not_sign() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, bob, carlos, to_carlos, .. } = &chain;
    let item = car(alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    let on_share = chain.share_on(&copy).await;
    let of_bob = peer_of(carlos).await;
    let read = async || carlos.get_share(&on_share).await.unwrap().item;
    let shown = read().await;
    assert_eq!((sender(&shown), owner(&shown)), (Some(of_bob.as_str()), OwnerProof::Vouched));
    // The owner's next update has the same author.
    change_vin(alice, &item, "456").await;
    let shown = read().await;
    assert_eq!(value(&shown, "vin"), Some("456"));
    assert_eq!((sender(&shown), owner(&shown)), (Some(of_bob.as_str()), OwnerProof::Vouched));

    // One slot of a whole item: Alice signed no such thing.
    let other = car(alice).await;
    let (_, copy) = chain.share_with_bob(&other).await;
    let vin = slot_id(&bob.get_item(&copy).await.unwrap(), "vin");
    let one = NewShare { slot_id: Some(vin), ..NewShare::new(copy, to_carlos.clone()) };
    let one = share(bob, one).await;
    let shown = carlos.get_share(&one.id).await.unwrap().item;
    assert_eq!((sender(&shown), owner(&shown)), (Some(of_bob.as_str()), OwnerProof::Unproven));
    // Alice's signature is of an author whom Bob did not name.
    change_vin(alice, &other, "789").await;
    let shown = carlos.get_share(&one.id).await.unwrap().item;
    assert_eq!(value(&shown, "vin"), Some("789"));
    assert_eq!((sender(&shown), owner(&shown)), (None, OwnerProof::Unproven));
    assert!(shown.origin.as_ref().unwrap().proven_before);
}

/// Bob has one slot, and shares on all that he has.
#[tokio::test]
async fn what_is_shared_on_of_one_slot_is_signed_for_that_slot() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, bob, carlos, to_bob, .. } = &chain;
    let item = car(alice).await;
    let slot_id = Some(slot_id(&item, "vin"));
    let one = NewShare { slot_id, on_sharing: true, ..NewShare::new(item.record.id.clone(), to_bob.clone()) };
    let one = share(alice, one).await;
    let copy = bob.get_share(&one.id).await.unwrap().item.record.id;
    let on_share = chain.share_on(&copy).await;
    let shown = carlos.get_share(&on_share).await.unwrap().item;
    assert_eq!(owner(&shown), OwnerProof::Vouched);
    change_vin(alice, &item, "456").await;
    let shown = carlos.get_share(&on_share).await.unwrap().item;
    assert_eq!((value(&shown, "vin"), owner(&shown)), (Some("456"), OwnerProof::Vouched));
}

/// What the server shows of a share, by what it makes of the genuine one.
async fn shown(
    harness: &Harness,
    bob: &Session,
    id: &Id,
    lie: impl Fn(&mut Json) + 'static,
) -> Result<Item, ErrorCode> {
    harness.network.lie("GET", RECEIVED, move |json| lie(&mut json["share"]));
    let read = bob.get_share(id).await.map(|shared| shared.item).map_err(|error| error.code());
    harness.network.stop_tampering();
    read
}

#[tokio::test]
async fn no_proof_is_of_another_share_item_recipient_or_time() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let carlos = harness.user().await;
    let to_carlos = connect(&alice, &carlos).await;
    let (item, other) = (car(&alice).await, car(&alice).await);
    let of = |item: &Item, to: &Id| NewShare::new(item.record.id.clone(), to.clone());
    let made = share(&alice, of(&item, &to_bob)).await;
    let of_other = share(&alice, of(&other, &to_bob)).await;
    let to_another = share(&alice, of(&item, &to_carlos)).await;
    let path = |share: &Share| format!("/vault/incoming_shares/{}", share.id);
    let genuine = harness.reply(&bob, &path(&made)).await["share"].clone();
    let others = harness.reply(&bob, &path(&of_other)).await["share"].clone();
    let carloss = harness.reply(&carlos, &path(&to_another)).await["share"].clone();
    let show = |lie: Box<dyn Fn(&mut Json)>| shown(&harness, &bob, &made.id, lie);
    let with = |field: &'static str, value: Json| -> Box<dyn Fn(&mut Json)> {
        Box::new(move |share| share[field] = value.clone())
    };
    let unproven = |shown: Result<Item, ErrorCode>| {
        let shown = shown.unwrap();
        assert_eq!((sender(&shown), owner(&shown)), (None, OwnerProof::Unproven));
        assert_eq!(shown.require_proof().unwrap_err().code(), ErrorCode::SenderNotProven);
        shown.origin.unwrap().proven_before
    };
    let refused = |shown: Result<Item, ErrorCode>| assert_eq!(shown.err(), Some(ErrorCode::ValueNotAuthentic));

    // Before the session has seen any, and after.
    assert!(!unproven(show(with("proof", Json::Null)).await));
    assert!(sender(&show(Box::new(|_| {})).await.unwrap()).is_some());
    for field in ["proof", "content_signature"] {
        assert!(unproven(show(with(field, Json::Null)).await));
        assert!(unproven(show(with(field, "what is no proof".into())).await));
        // Of another item, by the same hand for the same recipient.
        refused(show(with(field, others[field].clone())).await);
    }
    // Of the same item for somebody else: by another key of hers.
    assert!(unproven(show(with("proof", carloss["proof"].clone())).await));
    // On terms that she did not set.
    refused(show(with("terms", "Pay within a day.".into())).await);
    // Named to be of another kind, another time, or another author.
    let edited = |field: &'static str, value: Json| -> Box<dyn Fn(&mut Json)> {
        Box::new(move |share| {
            let mut proof: Json = serde_json::from_str(share["proof"].as_str().unwrap()).unwrap();
            proof[field] = value.clone();
            share["proof"] = proof.to_string().into();
        })
    };
    // The server's word on whose it is counts against a claim, and for none.
    let claimed = show(with("owner_id", carlos.user_id().as_str().into())).await.unwrap();
    assert_eq!((sender(&claimed).is_some(), owner(&claimed)), (true, OwnerProof::Unproven));
    refused(show(edited("kind", json!("passed-on"))).await);
    refused(show(edited("at", json!(1))).await);
    let server = servers_pair().await;
    assert!(unproven(show(edited("author", server.public_key_pem().into())).await));
    assert!(unproven(show(edited("sender", server.public_key_pem().into())).await));

    // A signature of the values before, beside those of now.
    change_vin(&alice, &item, "456").await;
    refused(show(with("content_signature", genuine["content_signature"].clone())).await);
    assert_eq!(value(&show(Box::new(|_| {})).await.unwrap(), "vin"), Some("456"));
}

#[tokio::test]
async fn whose_values_are_signed_and_not_shown_as_signed_is_said() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let made = share(&alice, NewShare::new(item.record.id.clone(), to_bob)).await;
    // Words that are not those of the values.
    harness.network.lie("GET", RECEIVED, |json| json["item"]["label"] = "Not a DeLorean".into());
    let shown = bob.get_share(&made.id).await.unwrap().item;
    assert_eq!((shown.binding.changed, sender(&shown)), (true, None));
    harness.network.stop_tampering();
    assert!(sender(&bob.get_share(&made.id).await.unwrap().item).is_some());

    // A refresh by another client brings values that nobody signed.
    harness.network.lie("GET", RECEIVED, |json| json["share"]["content_signature"] = Json::Null);
    let shown = bob.get_share(&made.id).await.unwrap().item;
    assert_eq!((sender(&shown), shown.origin.as_ref().unwrap().proven_before), (None, true));
    // Whatever a session has seen of it, the next one imports.
    let memory = bob.export_memory().await.unwrap();
    let later = harness.new_session(&bob).await;
    later.import_memory(&memory).await.unwrap();
    assert!(later.get_share(&made.id).await.unwrap().item.origin.unwrap().proven_before);
}

/// The owner begins a new life of an item, and lets its recipient in anew: the certificate is of the old one.
#[tokio::test]
async fn who_is_let_in_to_a_new_life_of_an_item_reads_it_unproven() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let made = share(&alice, NewShare::new(item.record.id.clone(), to_bob)).await;
    for slot in &alice.get_item(&item.record.id).await.unwrap().slots {
        alice.remove_slot(&slot.record.id).await.unwrap();
    }
    let change = ItemChange { slots: vec![slot("colour", "blue")], ..ItemChange::default() };
    let changed = alice.update_item(&item.record.id, &change, &quiet()).await.unwrap().item;
    assert_ne!(changed.binding.birth, item.binding.birth);
    let left_out = alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap().left_out.remove(0);
    let let_in = IncludedShare {
        share_id: left_out.share_id,
        fingerprint: left_out.fingerprint.unwrap(),
        scope: None,
        on_sharing: false,
        expires_at: None,
    };
    alice.refresh_shares(&item.record.id, &[let_in], &quiet()).await.unwrap();
    let shown = harness.new_session(&bob).await.get_share(&made.id).await.unwrap().item;
    assert_eq!((value(&shown, "colour"), sender(&shown)), (Some("blue"), None));
}

/// Whose key it is, the user has said on this device. The server withholds the note of that.
#[tokio::test]
async fn a_key_that_the_user_gave_up_proves_nothing_where_that_is_remembered() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let made = share(&alice, NewShare::new(car(&alice).await.record.id, to_bob)).await;
    let connection = bob.list_connections(&Default::default()).await.unwrap().entries.remove(0);
    let other = servers_pair().await;
    let key = other.public_key_pem().to_owned();
    harness.network.lie("GET", "/vault/connections/*", move |json| {
        json["connection"]["the_other_user"]["user_public_key"] = key.clone().into();
    });
    bob.trust_new_key(&connection.record.own.id, &other.fingerprint()).await.unwrap();
    let memory = bob.export_memory().await.unwrap();
    let later = harness.new_session(&bob).await;
    later.import_memory(&memory).await.unwrap();
    harness.network.lie("GET", "/keystore/keypairs/*", |json| json["keypair"]["metadata"] = json!({}));
    assert_eq!(sender(&later.get_share(&made.id).await.unwrap().item), None);
    // Without that memory it is the rule's.
    assert!(sender(&harness.new_session(&bob).await.get_share(&made.id).await.unwrap().item).is_some());
}

#[tokio::test]
async fn what_was_re_encrypted_is_read_without_its_key_pair_and_then_unproven() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let made = share(&alice, NewShare::new(car(&alice).await.record.id, to_bob)).await;
    let copy = bob.get_share(&made.id).await.unwrap().item.record.id;
    bob.reencrypt_item(&copy).await.unwrap();
    let later = harness.new_session(&bob).await;
    harness.network.refuse(|method, path| (method == "GET" && path.starts_with("/keystore/keypairs/")).then_some(404));
    harness.network.tamper(|method, path, body| match (method, path.starts_with("/keystore/keypairs/")) {
        ("GET", true) => br#"{"errors":[{"error":"keypair_not_found"}]}"#.to_vec(),
        _ => body,
    });
    let kept = later.get_item(&copy).await.unwrap();
    assert_eq!((value(&kept, "vin"), sender(&kept)), (Some("123"), None));
}

#[tokio::test]
async fn an_author_has_one_key_pair_and_no_other_passes_for_it() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let again = || NewShare::new(item.record.id.clone(), to_bob.clone());
    let login = harness.reply(&alice, "/keystore/keypairs/external_id/auth").await;
    let pair = {
        let connections = harness.reply(&alice, "/vault/connections").await;
        let id = connections["connections"][0]["own"]["user_keypair_external_id"].as_str().unwrap().to_owned();
        harness.reply(&alice, &format!("/keystore/keypairs/{id}")).await
    };
    let first = share(&alice, again()).await;
    for passed_off in [login, pair] {
        harness.network.replay(AUTHOR, &passed_off);
        let new = harness.new_session(&alice).await;
        harness.network.sent_bodies();
        let refused = new.create_share(&again(), &quiet()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Misplaced);
    }
    // Withheld, it is made again, and the Keystore answers with the first.
    harness.network.refuse(|method, path| (method == "GET" && path == AUTHOR).then_some(404));
    harness.network.tamper(|method, path, body| match (method, path) {
        ("GET", AUTHOR) => br#"{"errors":[{"error":"keypair_not_found"}]}"#.to_vec(),
        _ => body,
    });
    let second = share(&harness.new_session(&alice).await, again()).await;
    harness.network.stop_tampering();
    let author = async |share: &Share| {
        let share = harness.reply(&bob, &format!("/vault/incoming_shares/{}", share.id)).await["share"].clone();
        serde_json::from_str::<Json>(share["proof"].as_str().unwrap()).unwrap()["author"].clone()
    };
    assert_eq!(author(&first).await, author(&second).await);
}
