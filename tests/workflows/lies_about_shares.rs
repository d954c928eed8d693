//! A server that invents recipients, exchanges keys, and shows again what was taken back.

use std::rc::Rc;

use serde_json::{Value as Json, json};
use vaultshare::{
    ErrorCode,
    api::{
        Ciphertext, Id,
        vault::{
            self,
            shares::{NewSharesRequest, Share},
        },
    },
    crypto::{DataKey, KeyPair, PublicKey, places::OnShare},
    workflows::{
        ConnectionRef, IncludedShare, Item, ItemChange, LeftOutReason, NewShare, Refreshed, Session, ShareTerms,
        TaskSelection,
    },
};

use crate::{
    harness::{Chain, Harness, connect, quiet, slot, value, vehicle},
    lies::{INVENTED, alter, car, grant, plain_dek_of, readable, servers_pair, set, shares_path, slot_id, slot_of},
};

async fn share(owner: &Session, item: &Item, connection: &Id) -> Share {
    owner.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.unwrap()
}

async fn refresh(owner: &Session, item: &Item) -> Refreshed {
    owner.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap()
}

fn reasons(refreshed: &Refreshed) -> Vec<LeftOutReason> {
    refreshed.left_out.iter().map(|left_out| left_out.why).collect()
}

/// What the server lists for a recipient of its own making.
fn row(key: &str, more: Json) -> Json {
    let mut row = json!({ "id": INVENTED, "public_key": key });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

fn list_as_well(harness: &Harness, item: &Item, row: Json) {
    harness.network.lie("GET", shares_path(item), move |json| {
        json["shares"].as_array_mut().unwrap().push(row.clone());
    });
}

/// Answers refreshes in the server's place, which would refuse what it did not list.
fn take_refreshes(harness: &Harness) {
    harness.network.refuse(|method, path| (method == "PUT" && path.ends_with("/shares")).then_some(204));
}

/// The server lists the shares of an item again as they were before, and takes whatever is encrypted for them.
fn list_again(harness: &Harness, item: &Item, before: &Json) {
    harness.network.replay(shares_path(item), before);
    take_refreshes(harness);
}

/// F1: with a task, a share and a connection of its own making the server read any value.
#[tokio::test]
async fn an_invented_task_share_and_connection_give_the_server_nothing() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let (private, shared) = (car(&alice).await, car(&alice).await);
    share(&alice, &shared, &to_bob).await;
    let genuine = harness.reply(&alice, &shares_path(&shared)).await["shares"][0]["grant"].clone();
    let server = servers_pair().await;
    let key = server.public_key_pem().to_owned();
    let phantom = {
        let mut connection = harness.reply(&alice, "/vault/connections").await["connections"][0].clone();
        connection["own"]["id"] = INVENTED.into();
        connection["the_other_user"]["user_public_key"] = key.clone().into();
        connection
    };
    for item in [&private, &shared] {
        for grant in [Json::Null, genuine.clone(), "Aes256Gcm.AAAA.AAAA".into()] {
            let (id, phantom) = (item.record.id.clone(), phantom.clone());
            let ghost = row(&key, json!({ "grant": grant, "onsharing_permitted": true }));
            let path = shares_path(item);
            harness.network.tamper(move |method, asked, body| match (method, asked) {
                ("GET", "/vault/connections") => alter(body, |json| {
                    json["connections"].as_array_mut().unwrap().push(phantom.clone());
                }),
                ("GET", "/vault/client_task_queue") => alter(body, |json| {
                    let task = json!({ "id": INVENTED, "state": "todo", "work_type": "update_item_shares",
                        "target_id": id, "target_type": "Item", "additional_options": {}, "report": {},
                        "created_at": "2026-01-01T00:00:00.000Z", "last_state_transition_at": null });
                    json["client_tasks"] = json!([task]);
                }),
                ("GET", _) if asked == path => alter(body, |json| {
                    json["shares"].as_array_mut().unwrap().push(ghost.clone());
                }),
                ("PUT", "/vault/client_task_queue") => br#"{"client_tasks":[]}"#.to_vec(),
                _ => body,
            });
            harness
                .network
                .refuse(|method, path| (method == "PUT" && path == "/vault/client_task_queue").then_some(200));
            harness.network.sent_bodies();
            let run = alice.run_tasks(&TaskSelection::default(), &quiet()).await;
            let _ = run;
            let refreshed = refresh(&alice, item).await;
            assert!(matches!(reasons(&refreshed)[..], [LeftOutReason::NoGrant | LeftOutReason::KeyChanged]));
            assert_eq!(refreshed.left_out[0].fingerprint.as_deref(), Some(server.fingerprint().as_str()));
            let sent = harness.network.sent_bodies();
            assert_eq!(readable(&sent, &[&server]).await, set(&[]), "{sent:?}");
        }
    }
    let bobs = harness.only_pair_of(&bob).await;
    refresh(&alice, &shared).await;
    let sent = harness.network.sent_bodies();
    assert_eq!(readable(&sent, &[&bobs]).await, set(&["OUTATIME", "123"]), "whoever was granted it gets it");
}

/// F5 (c): for an item that may be shared on, a changed key was taken for an on-share.
#[tokio::test]
async fn another_key_in_a_granted_share_is_left_out_and_the_others_proceed() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let carlos = harness.user().await;
    let to_carlos = connect(&alice, &carlos).await;
    let item = car(&alice).await;
    let on_sharing = NewShare { on_sharing: true, ..NewShare::new(item.record.id.clone(), to_bob.clone()) };
    let bobs = alice.create_share(&on_sharing, &quiet()).await.unwrap();
    share(&alice, &item, &to_carlos).await;
    let server = servers_pair().await;
    let (key, id) = (server.public_key_pem().to_owned(), bobs.id.to_string());
    harness.network.lie("GET", shares_path(&item), move |json| {
        for share in json["shares"].as_array_mut().unwrap().iter_mut().filter(|share| share["id"] == *id) {
            share["public_key"] = key.clone().into();
        }
    });
    harness.network.sent_bodies();
    let refreshed = refresh(&alice, &item).await;
    assert_eq!((refreshed.shares, refreshed.on_shares), (1, 0));
    assert_eq!(reasons(&refreshed), [LeftOutReason::KeyChanged]);
    assert_eq!(refreshed.left_out[0].share_id, bobs.id);
    assert_eq!(readable(&harness.network.sent_bodies(), &[&server]).await, set(&[]));
    drop(bob);
}

/// Scope comes from the grant, and each scope has a DEK of its own: whoever gets one slot and works with the server, which
/// has all ciphertexts, reads that slot.
#[tokio::test]
async fn a_recipient_of_one_slot_reads_no_other_even_with_all_ciphertexts_of_the_refresh() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let carlos = harness.user().await;
    let to_carlos = connect(&alice, &carlos).await;
    let item = car(&alice).await;
    let of_slot = |name: &str, to: &Id| NewShare {
        slot_id: Some(slot_id(&item, name)),
        ..NewShare::new(item.record.id.clone(), to.clone())
    };
    harness.network.sent_bodies();
    alice.create_share(&of_slot("vin", &to_bob), &quiet()).await.unwrap();
    let (bobs, carlos_pair) = (harness.only_pair_of(&bob).await, harness.only_pair_of(&carlos).await);
    assert_eq!(readable(&harness.network.sent_bodies(), &[&bobs]).await, set(&["123"]));
    alice.create_share(&of_slot("licence_plate", &to_carlos), &quiet()).await.unwrap();
    let to_all = connect(&alice, &harness.user().await).await;
    share(&alice, &item, &to_all).await;

    // The server says that each of them gets the whole item, or another's slot, or one's row for the other's.
    let other = slot_id(&item, "licence_plate");
    type Lie = Box<dyn Fn(&mut Json)>;
    let lies: [(&str, Lie); 4] = [
        ("the truth", Box::new(|_| {})),
        ("all", Box::new(|json| each_share(json, |share| share["slot_id"] = Json::Null))),
        ("another slot", Box::new(move |json| each_share(json, |share| share["slot_id"] = other.as_str().into()))),
        (
            "ids exchanged",
            Box::new(|json| {
                let shares = json["shares"].as_array_mut().unwrap();
                let (first, last) = (shares[0]["id"].clone(), shares[2]["id"].clone());
                (shares[0]["id"], shares[2]["id"]) = (last, first);
            }),
        ),
    ];
    for (what, lie) in lies {
        harness.network.lie("GET", shares_path(&item), lie);
        take_refreshes(&harness);
        harness.network.sent_bodies();
        assert_eq!(refresh(&alice, &item).await.shares, 3, "{what}");
        let sent = harness.network.sent_bodies();
        assert_eq!(readable(&sent, &[&bobs]).await, set(&["123"]), "{what}");
        assert_eq!(readable(&sent, &[&carlos_pair]).await, set(&["OUTATIME"]), "{what}");
    }
}

fn each_share(json: &mut Json, change: impl FnMut(&mut Json)) {
    json["shares"].as_array_mut().unwrap().iter_mut().for_each(change);
}

/// A share as another client of the user's makes it: without a grant.
async fn share_without_a_grant(harness: &Harness, owner: &Session, item: &Item, connection: &Id) -> Share {
    let other = owner.get_connection(&connection.clone().into()).await.unwrap().record.the_other_user;
    let dek = DataKey::generate().unwrap();
    let key = PublicKey::from_pem(&other.user_public_key).unwrap();
    let share = vault::shares::NewShare {
        recipient_id: other.user_id,
        public_key: other.user_public_key,
        keypair_external_id: other.user_keypair_external_id,
        encrypted_dek: Ciphertext::parse(key.wrap_data_key(&dek).await.unwrap()).unwrap(),
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
    let request = NewSharesRequest { shares: vec![share] };
    let made = vault::shares::create(&harness.service(owner, "vault"), &item.record.id, &request, None).await;
    made.unwrap().shares.remove(0)
}

#[tokio::test]
async fn a_share_of_another_client_is_left_out_and_let_in_by_the_key_that_was_shown() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let made = share_without_a_grant(&harness, &alice, &item, &to_bob).await;
    let left_out = refresh(&alice, &item).await.left_out.remove(0);
    assert_eq!((left_out.why, &left_out.share_id), (LeftOutReason::NoGrant, &made.id));
    let include = IncludedShare {
        share_id: made.id.clone(),
        fingerprint: left_out.fingerprint.unwrap(),
        scope: Some(slot_id(&item, "vin")),
        on_sharing: false,
        expires_at: None,
    };

    // Between what was shown and what is let in, the server exchanges the key under the share's id.
    let server = servers_pair().await;
    let key = server.public_key_pem().to_owned();
    harness.network.lie("GET", shares_path(&item), move |json| {
        each_share(json, |share| share["public_key"] = key.clone().into());
    });
    harness.network.sent_bodies();
    let include = [include];
    let refreshed = alice.refresh_shares(&item.record.id, &include, &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, reasons(&refreshed)), (0, vec![LeftOutReason::KeyChanged]));
    assert_eq!(readable(&harness.network.sent_bodies(), &[&server]).await, set(&[]));

    // The end is the one that was shown too: the server leaves it out.
    harness.network.stop_tampering();
    let ended = [IncludedShare { expires_at: Some("2020-01-01T00:00:00Z".into()), ..include[0].clone() }];
    let refreshed = alice.refresh_shares(&item.record.id, &ended, &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, reasons(&refreshed)), (0, vec![LeftOutReason::Expired]));
    let refreshed = alice.refresh_shares(&item.record.id, &include, &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.left_out.len()), (1, 0));
    let bobs = harness.only_pair_of(&bob).await;
    assert_eq!(readable(&harness.network.sent_bodies(), &[&bobs]).await, set(&["123"]), "the scope that was named");
    assert_eq!(refresh(&alice, &item).await.shares, 1, "and it stays in");
    assert_eq!(value(&bob.get_share(&made.id).await.unwrap().item, "vin"), Some("123"));
}

/// F10: the server chose item and recipient of what `change_share` grants.
#[tokio::test]
async fn a_change_of_a_share_grants_what_the_user_named_and_nothing_of_another_record() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let to_carlos = connect(&alice, &harness.user().await).await;
    let (item, other) = (car(&alice).await, car(&alice).await);
    let named = share(&alice, &item, &to_bob).await;
    let of_other_item = share(&alice, &other, &to_bob).await;
    let of_other_user = share(&alice, &item, &to_carlos).await;
    let terms = ShareTerms {
        share_id: named.id.clone(),
        item_id: item.record.id.clone(),
        connection: to_bob.clone().into(),
        expires_at: None,
        on_sharing: Some(true),
    };
    for (what, another) in [("item", &of_other_item), ("recipient", &of_other_user)] {
        let path = format!("/vault/outgoing_shares/{}", named.id);
        let mut record = harness.reply(&alice, &format!("/vault/outgoing_shares/{}", another.id)).await;
        harness.network.replay(path.clone(), &record);
        harness.network.sent_bodies();
        assert_eq!(alice.change_share(&terms).await.unwrap_err().code(), ErrorCode::BadResponse, "{what}");
        record["share"]["id"] = named.id.as_str().into();
        harness.network.replay(path, &record);
        assert_eq!(alice.change_share(&terms).await.unwrap_err().code(), ErrorCode::BadResponse, "{what}");
        assert!(harness.network.sent_bodies().is_empty(), "{what}");
    }
    harness.network.stop_tampering();
    assert!(alice.change_share(&terms).await.unwrap().permits_on_sharing());
}

/// F10: what was permitted and then withdrawn is not permitted again by showing the old grant.
#[tokio::test]
async fn on_shares_end_with_the_permission_whatever_is_listed() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, bob, carlos, .. } = &chain;
    let item = car(alice).await;
    let (to_bob, copy) = chain.share_with_bob(&item).await;
    chain.share_on(&copy).await;
    assert_eq!(refresh(alice, &item).await.on_shares, 1, "it is signed, and refreshed");
    let before = harness.reply(alice, &shares_path(&item)).await;
    let terms = ShareTerms {
        share_id: to_bob,
        item_id: item.record.id.clone(),
        connection: chain.to_bob.clone().into(),
        expires_at: None,
        on_sharing: Some(false),
    };
    alice.change_share(&terms).await.unwrap();

    let (carlos_pair, bobs) = (harness.only_pair_of(carlos).await, harness.pair_of_recipient(bob, &before).await);
    let after = harness.reply(alice, &shares_path(&item)).await;
    let mut mixed = after.clone();
    let on_share = before["shares"].as_array().unwrap().iter().find(|share| share["on_share"].is_string()).unwrap();
    mixed["shares"].as_array_mut().unwrap().push(on_share.clone());
    for (what, shares, expected) in [
        ("the on-share again", &mixed, vec![LeftOutReason::NotPermitted]),
        ("the old grant too", &before, vec![LeftOutReason::Revoked, LeftOutReason::NotPermitted]),
    ] {
        list_again(&harness, &item, shares);
        harness.network.sent_bodies();
        let refreshed = refresh(alice, &item).await;
        assert_eq!((refreshed.on_shares, reasons(&refreshed)), (0, expected), "{what}");
        let sent = harness.network.sent_bodies();
        assert_eq!(readable(&sent, &[&carlos_pair]).await, set(&[]), "{what}");
        let bob_reads = if what == "the old grant too" { set(&[]) } else { set(&["OUTATIME", "123"]) };
        assert_eq!(readable(&sent, &[&bobs]).await, bob_reads, "{what}");
    }
}

impl Harness {
    /// The key pair that the first of these rows is for.
    async fn pair_of_recipient(&self, recipient: &Session, shares: &Json) -> KeyPair {
        let key = shares["shares"][0]["public_key"].clone();
        let connections = self.reply(recipient, "/vault/connections").await;
        let connection = connections["connections"].as_array().unwrap().iter();
        let mut connection = connection.filter(|connection| connection["own"]["user_public_key"] == key);
        let id = connection.next().unwrap()["own"]["user_keypair_external_id"].as_str().unwrap().to_owned();
        self.pair_of(recipient, &id).await
    }
}

async fn signed_on_share(
    sharer: &KeyPair,
    named: &KeyPair,
    item: &Item,
    scope: Option<&Id>,
    recipient: &PublicKey,
) -> Json {
    let text = OnShare {
        item: item.record.id.as_str(),
        birth: item.binding.birth.unwrap(),
        scope: scope.map(Id::as_str),
        sharer: named.public_key(),
        recipient,
        at: 1,
    };
    let signature = sharer.sign_detached(&text.to_bytes()).await.unwrap();
    json!({ "by": named.fingerprint(), "at": 1, "signature": signature }).to_string().into()
}

/// §4.3: whoever may share on signs for whom, of what, and how much; whoever was shared on to signs for nobody.
#[tokio::test]
async fn an_on_share_is_what_a_permitted_sharer_signed_and_no_deeper_than_that() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, bob, carlos, .. } = &chain;
    let (item, other) = (car(alice).await, car(alice).await);
    let (_, copy) = chain.share_with_bob(&item).await;
    chain.share_with_bob(&other).await;
    chain.share_on(&copy).await;
    let shares = harness.reply(alice, &shares_path(&item)).await;
    let (bobs, carlos_pair) = (harness.pair_of_recipient(bob, &shares).await, harness.only_pair_of(carlos).await);
    let signed = shares["shares"].as_array().unwrap().iter().find(|share| share["on_share"].is_string()).unwrap();
    let signed = signed["on_share"].clone();
    let server = servers_pair().await;
    let (key, vin) = (server.public_key(), slot_id(&item, "vin"));
    let scoped = |signature: Json, slot: Option<&Id>| {
        row(server.public_key_pem(), json!({ "on_share": signature, "slot_id": slot }))
    };
    let refused = [
        ("signed for Carlos", scoped(signed, None)),
        ("signed by Carlos", scoped(signed_on_share(&carlos_pair, &carlos_pair, &item, None, key).await, None)),
        ("signed by Carlos in Bob's name", scoped(signed_on_share(&carlos_pair, &bobs, &item, None, key).await, None)),
        ("signed by the server itself", scoped(signed_on_share(&server, &server, &item, None, key).await, None)),
        ("of another item", scoped(signed_on_share(&bobs, &bobs, &other, None, key).await, None)),
        ("of one slot, listed as the whole", {
            scoped(signed_on_share(&bobs, &bobs, &item, Some(&vin), key).await, None)
        }),
        ("of the whole, listed as one slot", scoped(signed_on_share(&bobs, &bobs, &item, None, key).await, Some(&vin))),
        ("of nothing", scoped("{}".into(), None)),
    ];
    for (what, row) in refused {
        list_as_well(&harness, &item, row);
        harness.network.sent_bodies();
        let refreshed = refresh(alice, &item).await;
        assert_eq!((refreshed.shares, refreshed.on_shares, refreshed.left_out.len()), (2, 1, 1), "{what}");
        let expected = if what == "of nothing" { LeftOutReason::NoGrant } else { LeftOutReason::NotPermitted };
        assert_eq!(reasons(&refreshed), [expected], "{what}");
        assert_eq!(readable(&harness.network.sent_bodies(), &[&server]).await, set(&[]), "{what}");
    }
    // What Bob signs, he gets for those whom he names: it is his to give. No more of it than he said.
    let row = scoped(signed_on_share(&bobs, &bobs, &item, Some(&vin), key).await, Some(&vin));
    list_as_well(&harness, &item, row);
    take_refreshes(&harness);
    harness.network.sent_bodies();
    assert_eq!(refresh(alice, &item).await.on_shares, 2);
    assert_eq!(readable(&harness.network.sent_bodies(), &[&server]).await, set(&["123"]));
    let ended = row_of(&server, signed_on_share(&bobs, &bobs, &item, None, key).await, "2020-01-01T00:00:00.000Z");
    list_as_well(&harness, &item, ended);
    assert_eq!(reasons(&refresh(alice, &item).await), [LeftOutReason::Expired]);
}

fn row_of(recipient: &KeyPair, signature: Json, expires_at: &str) -> Json {
    row(recipient.public_key_pem(), json!({ "on_share": signature, "expires_at": expires_at }))
}

/// Whoever got one slot shares on that slot at most, and whoever may not share on signs for nobody.
#[tokio::test]
async fn an_on_share_is_no_wider_than_its_sharers_grant() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let server = servers_pair().await;
    for on_sharing in [false, true] {
        let vin = slot_id(&item, "vin");
        let of_slot = NewShare {
            on_sharing,
            slot_id: Some(vin.clone()),
            ..NewShare::new(item.record.id.clone(), to_bob.clone())
        };
        let made = alice.create_share(&of_slot, &quiet()).await.unwrap();
        let bobs = harness.only_pair_of(&bob).await;
        for scope in [None, Some(&vin), Some(&slot_id(&item, "licence_plate"))] {
            let signature = signed_on_share(&bobs, &bobs, &item, scope, server.public_key()).await;
            let ghost = row(server.public_key_pem(), json!({ "on_share": signature, "slot_id": scope }));
            list_as_well(&harness, &item, ghost);
            take_refreshes(&harness);
            harness.network.sent_bodies();
            refresh(&alice, &item).await;
            let may = on_sharing && scope.is_none_or(|scope| *scope == vin);
            let expected = if may { set(&["123"]) } else { set(&[]) };
            let sent = harness.network.sent_bodies();
            assert_eq!(readable(&sent, &[&server]).await, expected, "{on_sharing} {scope:?}");
        }
        harness.network.stop_tampering();
        alice.delete_share(&made.id).await.unwrap();
    }
}

/// By this device's clock: a server that goes on listing a share whose time is over gets nothing for it.
#[tokio::test]
async fn a_grant_ends_by_its_own_time_and_not_by_the_rows() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    share(&alice, &item, &to_bob).await;
    let to = harness.only_pair_of(&bob).await.fingerprint();
    for until in ["2020-01-01T00:00:00.000Z", "never"] {
        let ended = grant(&alice, &item, json!({ "to": to, "until": until })).await;
        harness.network.lie("GET", shares_path(&item), move |json| {
            json["shares"][0]["grant"] = ended.clone().into();
            json["shares"][0]["expires_at"] = Json::Null;
        });
        assert_eq!(reasons(&refresh(&alice, &item).await), [LeftOutReason::Expired], "{until}");
    }
    let going_on = grant(&alice, &item, json!({ "to": to, "until": "2999-01-01T00:00:00.000Z" })).await;
    harness.network.lie("GET", shares_path(&item), move |json| {
        json["shares"][0]["grant"] = going_on.clone().into();
    });
    assert_eq!(refresh(&alice, &item).await.shares, 1);
    // A share of a slot ends with its slot.
    let of_gone = grant(&alice, &item, json!({ "to": to, "scope": INVENTED })).await;
    harness.network.lie("GET", shares_path(&item), move |json| json["shares"][0]["grant"] = of_gone.clone().into());
    assert_eq!(reasons(&refresh(&alice, &item).await), [LeftOutReason::Expired]);
}

/// §4.2: in the session, and with what it remembered in the next, nothing that was taken back comes back.
#[tokio::test]
async fn what_was_taken_back_is_encrypted_for_nobody_again() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let made = share(&alice, &item, &to_bob).await;
    let before = harness.reply(&alice, &shares_path(&item)).await;
    let bobs = harness.only_pair_of(&bob).await;
    alice.delete_share(&made.id).await.unwrap();
    let memory = alice.export_memory().await.unwrap();
    let (without, with) = (harness.new_session(&alice).await, harness.new_session(&alice).await);
    with.import_memory(&memory).await.unwrap();

    list_again(&harness, &item, &before);
    harness.network.sent_bodies();
    for session in [&alice, &with] {
        assert_eq!(reasons(&refresh(session, &item).await), [LeftOutReason::Revoked]);
    }
    assert_eq!(readable(&harness.network.sent_bodies(), &[&bobs]).await, set(&[]));
    // "Without memory a server can bring the old grant back and gets what is written later encrypted for the revoked."
    assert_eq!(refresh(&without, &item).await.shares, 1);

    // Sharing again is a new decision.
    harness.network.stop_tampering();
    share(&alice, &item, &to_bob).await;
    assert_eq!(refresh(&alice, &item).await.shares, 1);
}

/// The server does not say what the share that is taken back was: it withholds the grant, or answers with another share's.
#[tokio::test]
async fn a_share_is_taken_back_whatever_the_server_says_that_it_was() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let to_carlos = connect(&alice, &harness.user().await).await;
    for what in ["withheld", "another's", "not found"] {
        let item = car(&alice).await;
        let made = share(&alice, &item, &to_bob).await;
        let another = share(&alice, &item, &to_carlos).await;
        let before = harness.reply(&alice, &shares_path(&item)).await;
        let path = format!("/vault/outgoing_shares/{}", made.id);
        let anothers = harness.reply(&alice, &format!("/vault/outgoing_shares/{}", another.id)).await;
        let anothers = anothers["share"]["grant"].clone();
        let asked = path.clone();
        match what {
            "withheld" => harness.network.lie("GET", path, |json| json["share"]["grant"] = Json::Null),
            "another's" => {
                harness.network.lie("GET", path, move |json| json["share"]["grant"] = anothers.clone());
            }
            _ => harness.network.refuse(move |method, path| (method == "GET" && path == asked).then_some(404)),
        }
        alice.delete_share(&made.id).await.unwrap();
        harness.network.stop_tampering();
        list_again(&harness, &item, &before);
        let refreshed = refresh(&alice, &item).await;
        let left_out: Vec<_> = refreshed.left_out.iter().map(|left_out| (&left_out.share_id, left_out.why)).collect();
        assert_eq!(left_out, [(&made.id, LeftOutReason::Revoked)], "{what}");
        harness.network.stop_tampering();
    }
}

/// Ending a connection takes back every grant to its key, also in a session that has not seen it before.
#[tokio::test]
async fn with_a_connection_end_the_grants_to_its_key() {
    let harness = Harness::new().await;
    for is_new in [false, true] {
        let (alice, _bob, to_bob) = harness.alice_and_bob().await;
        let item = car(&alice).await;
        share(&alice, &item, &to_bob).await;
        let before = harness.reply(&alice, &shares_path(&item)).await;
        let session = if is_new { harness.new_session(&alice).await } else { alice };
        session.delete_connection(&ConnectionRef::from(to_bob)).await.unwrap();
        list_again(&harness, &item, &before);
        assert_eq!(reasons(&refresh(&session, &item).await), [LeftOutReason::Revoked], "new: {is_new}");
        harness.network.stop_tampering();
    }
}

/// What a device of the owner's gave whose clock says 2100.
async fn grant_of_a_clock_ahead(harness: &Harness, owner: &Session, recipient: &Session, item: &Item) -> String {
    let to = harness.only_pair_of(recipient).await.fingerprint();
    grant(owner, item, json!({ "to": to, "at": 4_102_444_800_000_u64 })).await
}

/// A new session of the owner's, which is shown the share with this grant.
async fn session_that_sees(harness: &Harness, owner: &Session, share: &Share, grant: String) -> Session {
    harness.network.lie("GET", format!("/vault/outgoing_shares/{}", share.id), move |json| {
        json["share"]["grant"] = grant.clone().into();
    });
    harness.new_session(owner).await
}

/// A device whose clock is ahead gave the grant; one whose clock is right takes it back.
#[tokio::test]
async fn a_grant_of_a_device_whose_clock_is_ahead_is_taken_back() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let made = share(&alice, &item, &to_bob).await;
    let ahead = grant_of_a_clock_ahead(&harness, &alice, &bob, &item).await;
    let mut before = harness.reply(&alice, &shares_path(&item)).await;
    before["shares"][0]["grant"] = ahead.clone().into();
    let session = session_that_sees(&harness, &alice, &made, ahead.clone()).await;
    session.delete_share(&made.id).await.unwrap();
    list_again(&harness, &item, &before);
    assert_eq!(reasons(&refresh(&session, &item).await), [LeftOutReason::Revoked]);
}

/// What was taken back may be of a device whose clock is ahead. What is granted later counts all the same.
#[tokio::test]
async fn an_item_that_is_shared_again_is_refreshed_again() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let made = share(&alice, &item, &to_bob).await;
    let ahead = grant_of_a_clock_ahead(&harness, &alice, &bob, &item).await;
    let session = session_that_sees(&harness, &alice, &made, ahead).await;
    session.delete_share(&made.id).await.unwrap();
    harness.network.stop_tampering();
    share(&session, &item, &to_bob).await;
    let refreshed = refresh(&session, &item).await;
    assert_eq!((refreshed.shares, reasons(&refreshed)), (1, vec![]));
}

/// With its connection goes what a device whose clock is ahead granted over it.
#[tokio::test]
async fn a_connection_takes_grants_of_every_clock_with_it() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    share(&alice, &item, &to_bob).await;
    let ahead = grant_of_a_clock_ahead(&harness, &alice, &bob, &item).await;
    let mut before = harness.reply(&alice, &shares_path(&item)).await;
    before["shares"][0]["grant"] = ahead.into();
    list_again(&harness, &item, &before);
    assert_eq!(refresh(&alice, &item).await.shares, 1);
    alice.delete_connection(&to_bob.into()).await.unwrap();
    assert_eq!(reasons(&refresh(&alice, &item).await), [LeftOutReason::Revoked]);
}

/// A recipient who has one slot by one share and the whole item by another may share on what either lets them.
#[tokio::test]
async fn any_of_a_recipients_grants_lets_them_share_on() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, carlos, to_bob, .. } = &chain;
    let item = car(alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    let one_slot = NewShare {
        on_sharing: true,
        slot_id: Some(slot_id(&item, "vin")),
        ..NewShare::new(item.record.id.clone(), to_bob.clone())
    };
    alice.create_share(&one_slot, &quiet()).await.unwrap();
    chain.share_on(&copy).await;
    let carlos_pair = harness.only_pair_of(carlos).await;
    // In whichever order the server lists them.
    for _ in 0..2 {
        harness.network.sent_bodies();
        assert_eq!(refresh(alice, &item).await.on_shares, 1);
        assert_eq!(readable(&harness.network.sent_bodies(), &[&carlos_pair]).await, set(&["OUTATIME", "123"]));
        harness.network.lie("GET", shares_path(&item), |json| json["shares"].as_array_mut().unwrap().reverse());
    }
}

/// The same where the right clock changed the share meanwhile: the latest of its grants counts.
#[tokio::test]
async fn a_share_that_was_changed_is_taken_back_with_its_latest_grant() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let made = share(&alice, &item, &to_bob).await;
    let ahead = grant_of_a_clock_ahead(&harness, &alice, &bob, &item).await;
    let session = session_that_sees(&harness, &alice, &made, ahead).await;
    let terms = ShareTerms {
        share_id: made.id.clone(),
        item_id: item.record.id.clone(),
        connection: to_bob.into(),
        expires_at: None,
        on_sharing: Some(true),
    };
    session.change_share(&terms).await.unwrap();
    let before = harness.reply(&alice, &shares_path(&item)).await;
    session.delete_share(&made.id).await.unwrap();
    list_again(&harness, &item, &before);
    assert_eq!(reasons(&refresh(&session, &item).await), [LeftOutReason::Revoked]);
}

/// What a recipient shared on has no grant of the owner's, but the owner takes it back all the same.
#[tokio::test]
async fn an_on_share_that_its_owner_took_back_is_encrypted_for_nobody_again() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, carlos, .. } = &chain;
    let item = car(alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    let to_carlos = chain.share_on(&copy).await;
    assert_eq!(refresh(alice, &item).await.on_shares, 1);
    let before = harness.reply(alice, &shares_path(&item)).await;
    alice.delete_share(&to_carlos).await.unwrap();
    list_again(&harness, &item, &before);
    harness.network.sent_bodies();
    let refreshed = refresh(alice, &item).await;
    assert_eq!((refreshed.shares, reasons(&refreshed)), (1, vec![LeftOutReason::Revoked]));
    let carlos_pair = harness.only_pair_of(carlos).await;
    assert_eq!(readable(&harness.network.sent_bodies(), &[&carlos_pair]).await, set(&[]));
}

/// F4's bypass: with neither a DEK nor a share, an own value was shown as received, without any proof.
#[tokio::test]
async fn an_own_value_is_not_shown_as_received_by_leaving_the_share_out() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share = share(&alice, &item, &to_bob).await;
    let own = bob.create_item(&vehicle(&[("vin", "Bob's own")]), &quiet()).await.unwrap();
    let of_own = own.slots.iter().find_map(|slot| slot.record.encrypted_value.clone()).unwrap();
    let of_another_client = plain_dek_of(&bob).encrypt(b"Bob's own").await.unwrap();
    let other_share = Json::from(INVENTED);
    for envelope in [of_own.as_str().to_owned(), of_another_client] {
        for share_id in [Json::Null, share.id.as_str().into(), other_share.clone()] {
            let (envelope, named) = (envelope.clone(), share_id.clone());
            harness.network.lie("GET", format!("/vault/incoming_shares/{}/item", share.id), move |json| {
                json["share"]["encrypted_dek"] = Json::Null;
                json["item"]["share_id"] = named.clone();
                let slot = slot_of(json, "vin");
                slot["encrypted_value"] = envelope.clone().into();
                slot["encrypted_value_verification_key"] = Json::Null;
                slot["value_verification_hash"] = Json::Null;
            });
            let refused = bob.get_share(&share.id).await.unwrap_err().code();
            let expected =
                [ErrorCode::BadResponse, ErrorCode::Misplaced, ErrorCode::ValueNotAuthentic].contains(&refused);
            assert!(expected, "{share_id}: {refused:?}");
        }
    }
}

/// F4: value, key and hash of one slot are not another's.
#[tokio::test]
async fn a_received_value_and_its_proof_stay_in_their_slot_and_together() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let made = share(&alice, &item, &to_bob).await;
    let path = format!("/vault/incoming_shares/{}/item", made.id);
    let fields = ["encrypted_value", "encrypted_value_verification_key", "value_verification_hash"];
    let exchange = move |json: &mut Json, fields: &[&str]| {
        for &field in fields {
            let of_vin = slot_of(json, "vin")[field].clone();
            let of_plate = slot_of(json, "licence_plate")[field].clone();
            slot_of(json, "vin")[field] = of_plate;
            slot_of(json, "licence_plate")[field] = of_vin;
        }
    };
    let some: [(&[&str], ErrorCode); 3] =
        [(&fields, ErrorCode::Misplaced), (&fields[..1], ErrorCode::Misplaced), (&fields[1..], ErrorCode::Misplaced)];
    for (fields, code) in some {
        let fields: Vec<&'static str> = fields.to_vec();
        let exchanged = fields.clone();
        harness.network.lie("GET", path.clone(), move |json| exchange(json, &exchanged));
        assert_eq!(bob.get_share(&made.id).await.unwrap_err().code(), code, "{fields:?}");
    }

    // Re-encrypted under the own key, they are no less bound.
    harness.network.stop_tampering();
    let copy = bob.get_share(&made.id).await.unwrap().item.record.id;
    bob.reencrypt_item(&copy).await.unwrap();
    harness.network.lie("GET", path.clone(), move |json| exchange(json, &fields));
    assert_eq!(bob.get_share(&made.id).await.unwrap_err().code(), ErrorCode::Misplaced);
    harness.network.lie("GET", path, move |json| exchange(json, &fields[1..]));
    assert_eq!(bob.get_share(&made.id).await.unwrap_err().code(), ErrorCode::Misplaced);
}

/// The words of what was received, too: they are the owner's or the item is shown as changed, and not shared on.
#[tokio::test]
async fn a_received_item_with_other_words_is_shown_as_changed_and_not_shared_on() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let item = car(&chain.alice).await;
    let (_, copy) = chain.share_with_bob(&item).await;
    let path = format!("/vault/items/{copy}");
    type Lie = Rc<dyn Fn(&mut Json)>;
    let lies: [(&str, Lie); 4] = [
        ("label", Rc::new(|json| json["item"]["label"] = "Passport".into())),
        ("a slot's label", Rc::new(|json| slot_of(json, "vin")["label"] = "Telephone".into())),
        ("a value withheld", Rc::new(|json| slot_of(json, "vin")["encrypted_value"] = Json::Null)),
        (
            "a slot withheld",
            Rc::new(|json| {
                let hidden = slot_of(json, "vin")["id"].clone();
                json["item"]["slot_ids"].as_array_mut().unwrap().retain(|id| *id != hidden);
            }),
        ),
    ];
    for (what, lie) in lies {
        harness.network.lie("GET", path.clone(), move |json| lie(json));
        assert!(chain.bob.get_item(&copy).await.unwrap().binding.changed, "{what}");
        let onward = NewShare::new(copy.clone(), chain.to_carlos.clone());
        harness.network.sent_bodies();
        let refused = chain.bob.create_share(&onward, &quiet()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ItemChanged, "{what}");
        assert!(harness.network.sent_bodies().is_empty(), "{what}");
    }
}

/// Two genuine shares, one shown for the other.
#[tokio::test]
async fn one_share_is_not_shown_for_another() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let (first, second) = (car(&alice).await, car(&alice).await);
    let (first, second) = (share(&alice, &first, &to_bob).await, share(&alice, &second, &to_bob).await);
    let path = |share: &Share| format!("/vault/incoming_shares/{}/item", share.id);
    let mut others = harness.reply(&bob, &path(&second)).await;
    assert!(!bob.get_share(&first.id).await.unwrap().item.binding.changed);
    harness.network.replay(path(&first), &others);
    assert_eq!(bob.get_share(&first.id).await.unwrap_err().code(), ErrorCode::BadResponse);
    // Under the other's id it is another life of the item that this session saw there.
    others["share"]["id"] = first.id.as_str().into();
    others["item"]["share_id"] = first.id.as_str().into();
    harness.network.replay(path(&first), &others);
    assert!(bob.get_share(&first.id).await.unwrap().item.binding.changed);
}

/// What the lists cost does not grow with what the user has.
#[tokio::test]
async fn with_ten_thousand_items_and_a_thousand_shares_each_call_sends_what_it_sent_with_ten() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let template = car(&alice).await;
    share(&alice, &template, &to_bob).await;
    harness.server.copy_items(&template.record.id.to_string(), 10).await.unwrap();
    let few = requests_of_each_call(&harness, &alice, &to_bob).await;
    harness.server.copy_items(&template.record.id.to_string(), 10_000).await.unwrap();
    let many = requests_of_each_call(&harness, &alice, &to_bob).await;
    assert_eq!(many, few);
}

/// The requests of a share, an update, a refresh and a page of each list, ids taken out.
async fn requests_of_each_call(harness: &Harness, alice: &Session, to_bob: &Id) -> Vec<String> {
    use vaultshare::{
        api::vault::{items::ItemFilter, shares::OutgoingFilter},
        workflows::PageRequest,
    };

    let session = harness.new_session(alice).await;
    harness.network.log();
    let item = car(&session).await;
    share(&session, &item, to_bob).await;
    let change = ItemChange { slots: vec![slot("vin", "456")], ..ItemChange::default() };
    session.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    refresh(&session, &item).await;
    session.get_item(&item.record.id).await.unwrap();
    let page = PageRequest::default();
    session.list_items(&ItemFilter::default(), &page).await.unwrap();
    session.outgoing_shares(&OutgoingFilter::default(), &page).await.unwrap();
    session.list_connections(&page).await.unwrap();
    session.get_connection(&to_bob.clone().into()).await.unwrap();
    let is_id = |segment: &&str| segment.len() == 36;
    let without_ids = |request: String| {
        request.split('/').map(|segment| if is_id(&segment) { "{id}" } else { segment }).collect::<Vec<_>>().join("/")
    };
    let mut requests: Vec<_> = harness.network.log().into_iter().map(without_ids).collect();
    // Some are sent side by side.
    requests.sort();
    requests
}
