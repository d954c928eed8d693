//! A server that exchanges the users' own keys, and the public keys at the other end of their connections.

use std::rc::Rc;

use serde_json::{Value as Json, json};
use vaultshare::{
    ErrorCode,
    api::Id,
    crypto::{AesKey, KeyPair, PassphraseKey, UserSecret},
    workflows::{
        ConnectionDetails, ConnectionRef, Item, NewInvitation, NewShare, NewSpaceShare, PageRequest, Session, Verified,
    },
};

use crate::{
    harness::{Fault, Harness, Network, PASSPHRASE, connect, invitation, quiet, value, vehicle},
    lies::{INVENTED, alter, car, readable, servers_pair, set},
};

async fn share(owner: &Session, item: &Item, connection: impl Into<ConnectionRef>) -> Result<(), ErrorCode> {
    let share = NewShare::new(item.record.id.clone(), connection);
    owner.create_share(&share, &quiet()).await.map(drop).map_err(|error| error.code())
}

fn connection_path(id: &Id) -> String {
    format!("/vault/connections/{id}")
}

/// The server answers about a connection with its own key.
fn show_key(network: &Network, connection: &Id, pair: &KeyPair) {
    let key = pair.public_key_pem().to_owned();
    let key_in_list = key.clone();
    let path = connection_path(connection);
    network.tamper(move |method, asked, body| match method {
        "GET" if asked == path => {
            alter(body, |json| json["connection"]["the_other_user"]["user_public_key"] = key.clone().into())
        }
        "GET" if asked == "/vault/connections" => alter(body, |json| {
            for connection in json["connections"].as_array_mut().unwrap() {
                connection["the_other_user"]["user_public_key"] = key_in_list.clone().into();
            }
        }),
        _ => body,
    });
}

async fn keypair_id(harness: &Harness, user: &Session, connection: &Id) -> String {
    let reply = harness.reply(user, &connection_path(connection)).await;
    reply["connection"]["own"]["user_keypair_external_id"].as_str().unwrap().to_owned()
}

/// The user's own id of the only connection.
async fn only_connection(user: &Session) -> Id {
    user.list_connections(&PageRequest::default()).await.unwrap().entries[0].record.own.id.clone()
}

/// F5 (a): after a disclosure the key is a note, and another one is refused in every later session.
#[tokio::test]
async fn another_key_is_refused_in_the_next_session_too() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    share(&alice, &item, to_bob.clone()).await.unwrap();
    let server = servers_pair().await;
    let next = harness.new_session(&alice).await;
    show_key(&harness.network, &to_bob, &server);
    harness.network.sent_bodies();
    let other = car(&next).await;
    harness.network.sent_bodies();
    assert_eq!(share(&next, &other, to_bob.clone()).await, Err(ErrorCode::KeyChanged));
    let listed = next.list_connections(&PageRequest::default()).await.unwrap_err();
    assert_eq!(listed.code(), ErrorCode::KeyChanged);
    let space = NewSpaceShare::new(other.record.id.clone(), to_bob.clone());
    assert_eq!(next.share_in_space(&space, &quiet()).await.unwrap_err().code(), ErrorCode::KeyChanged);
    assert!(harness.network.sent_bodies().is_empty());
    let shown = next.inspect_connection(&to_bob).await.unwrap();
    assert_eq!((shown.key_changed, shown.fingerprint, shown.verified), (true, server.fingerprint(), None));
    drop(bob);
}

/// F5 (b): pins are of the own key pair, so that another id of the connection brings no other key.
#[tokio::test]
async fn another_id_for_the_connection_brings_no_other_key() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    alice.get_connection(&to_bob.clone().into()).await.unwrap();
    let genuine = harness.reply(&alice, &connection_path(&to_bob)).await;
    let server = servers_pair().await;
    let mut invented = genuine.clone();
    invented["connection"]["own"]["id"] = INVENTED.into();
    invented["connection"]["the_other_user"]["user_public_key"] = server.public_key_pem().into();
    let (one, listed) = (invented.clone(), json!({ "connections": [invented["connection"]] }));
    harness.network.refuse(|method, path| (method == "GET" && path.starts_with("/vault/connections")).then_some(200));
    harness.network.tamper(move |_, path, body| match path {
        "/vault/connections" => serde_json::to_vec(&listed).unwrap(),
        _ if path.starts_with("/vault/connections/") => serde_json::to_vec(&one).unwrap(),
        _ => body,
    });
    let item = car(&alice).await;
    let id = Id::parse(INVENTED).unwrap();
    assert_eq!(share(&alice, &item, id).await, Err(ErrorCode::KeyChanged));
    assert_eq!(alice.list_connections(&PageRequest::default()).await.unwrap_err().code(), ErrorCode::KeyChanged);

    // To one who has seen neither, the two together: which one is genuine cannot be told.
    harness.network.stop_tampering();
    let next = harness.new_session(&alice).await;
    harness.network.lie("GET", "/vault/connections", move |json| {
        json["connections"].as_array_mut().unwrap().push(invented["connection"].clone());
    });
    assert_eq!(next.list_connections(&PageRequest::default()).await.unwrap_err().code(), ErrorCode::KeyChanged);
}

/// A key pair is of one connection, also where the key at the other end is the genuine one: a server could otherwise invent
/// so many that the session forgets which id is whose.
#[tokio::test]
async fn a_session_takes_a_key_pair_for_one_connection_only() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    alice.get_connection(&to_bob.clone().into()).await.unwrap();
    harness.network.lie("GET", "/vault/connections", |json| {
        let mut invented = json["connections"][0].clone();
        invented["own"]["id"] = INVENTED.into();
        json["connections"].as_array_mut().unwrap().push(invented);
    });
    assert_eq!(alice.list_connections(&PageRequest::default()).await.unwrap_err().code(), ErrorCode::KeyChanged);
    let shown = alice.inspect_connections(&PageRequest::default()).await.unwrap().entries;
    assert_eq!(shown.iter().map(|connection| connection.key_changed).collect::<Vec<_>>(), [false, true]);
    alice.get_connection(&to_bob.into()).await.unwrap();
}

/// The note names the other user, whom an app may look for by their id.
#[tokio::test]
async fn a_noted_connection_is_not_shown_as_another_users() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let carlos = harness.user().await;
    let to_carlos = connect(&alice, &carlos).await;
    share(&alice, &car(&alice).await, to_carlos.clone()).await.unwrap();
    let next = harness.new_session(&alice).await;
    let bob = harness.reply(&alice, &connection_path(&to_bob)).await;
    let user_id = bob["connection"]["the_other_user"]["user_id"].clone();
    harness.network.lie("GET", connection_path(&to_carlos), move |json| {
        json["connection"]["the_other_user"]["user_id"] = user_id.clone();
    });
    assert_eq!(next.get_connection(&to_carlos.into()).await.unwrap_err().code(), ErrorCode::KeyChanged);
}

/// §3.1, §3.2: the note is replaced by its first version, which says nothing.
#[tokio::test]
async fn without_its_note_a_key_is_held_to_what_was_known_when_the_pair_was_made() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let to_alice = only_connection(&bob).await;
    let item = car(&alice).await;
    let bobs_item = car(&bob).await;
    share(&alice, &item, to_bob.clone()).await.unwrap();
    share(&bob, &bobs_item, to_alice.clone()).await.unwrap();
    let memory = alice.export_memory().await.unwrap();
    let server = servers_pair().await;
    let forget = |connection: &Id| {
        let (key, path) = (server.public_key_pem().to_owned(), connection_path(connection));
        harness.network.tamper(move |method, asked, body| match method {
            "GET" if asked.starts_with("/keystore/keypairs/") && !asked.contains("external_id") => {
                alter(body, |json| json["keypair"]["metadata"] = json!({}))
            }
            "GET" if asked == path => {
                alter(body, |json| json["connection"]["the_other_user"]["user_public_key"] = key.clone().into())
            }
            _ => body,
        });
    };
    // The invitee knew the inviter's key: it is part of the private key, of which there is one version.
    let next = harness.new_session(&bob).await;
    forget(&to_alice);
    harness.network.sent_bodies();
    assert_eq!(share(&next, &bobs_item, to_alice).await, Err(ErrorCode::KeyChanged));
    assert!(harness.network.sent_bodies().is_empty());
    harness.network.stop_tampering();

    // "Under `open` without device memory, each session's first contact (notes rolled back)" remains open.
    let next = harness.new_session(&alice).await;
    forget(&to_bob);
    let _ = share(&next, &item, to_bob.clone()).await;
    assert_eq!(readable(&harness.network.sent_bodies(), &[&server]).await, set(&["OUTATIME", "123"]));
    harness.network.stop_tampering();
    let next = harness.new_session(&alice).await;
    next.import_memory(&memory).await.unwrap();
    forget(&to_bob);
    assert_eq!(share(&next, &item, to_bob.clone()).await, Err(ErrorCode::KeyChanged));
    harness.network.stop_tampering();
    // Also where the session had seen the server's key before it was given the memory.
    let next = harness.new_session(&alice).await;
    forget(&to_bob);
    next.get_connection(&to_bob.clone().into()).await.unwrap();
    next.import_memory(&memory).await.unwrap();
    assert_eq!(share(&next, &item, to_bob.clone()).await, Err(ErrorCode::KeyChanged));
    harness.network.stop_tampering();

    // A reference holds the key that it names, whatever was withheld.
    let reference = alice.get_connection(&to_bob.clone().into()).await.unwrap().reference();
    let next = harness.new_session(&alice).await;
    forget(&to_bob);
    let reference = ConnectionRef::parse(&reference).unwrap();
    assert_eq!(share(&next, &item, reference).await, Err(ErrorCode::KeyChanged));
}

/// A reference of another key is refused by each call that takes one, and nothing is sent.
#[tokio::test]
async fn a_reference_with_another_key_is_refused_by_every_call() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let to_carlos = connect(&alice, &harness.user().await).await;
    let item = car(&alice).await;
    let shown = alice.get_connection(&to_bob.clone().into()).await.unwrap();
    let carlos = alice.get_connection(&to_carlos.clone().into()).await.unwrap();
    let parsed = ConnectionRef::parse(&shown.reference()).unwrap();
    assert_eq!(parsed, ConnectionRef { id: to_bob.clone(), peer: Some(shown.fingerprint.clone()) });
    assert_eq!(ConnectionRef::parse(to_bob.as_str()).unwrap().peer, None);

    let wrong = ConnectionRef { id: to_bob.clone(), peer: Some(carlos.fingerprint) };
    // Also by one that has not seen the connection.
    for session in [&alice, &harness.new_session(&alice).await] {
        harness.network.sent_bodies();
        harness.network.log();
        assert_eq!(session.get_connection(&wrong).await.unwrap_err().code(), ErrorCode::KeyChanged);
        assert_eq!(share(session, &item, wrong.clone()).await, Err(ErrorCode::KeyChanged));
        let in_space = NewSpaceShare::new(item.record.id.clone(), wrong.clone());
        assert_eq!(session.share_in_space(&in_space, &quiet()).await.unwrap_err().code(), ErrorCode::KeyChanged);
        assert_eq!(session.delete_connection(&wrong).await.unwrap_err().code(), ErrorCode::KeyChanged);
        assert!(harness.network.sent_bodies().is_empty());
        assert!(harness.network.log().iter().all(|request| request.starts_with("GET")));
    }
    share(&alice, &item, parsed.clone()).await.unwrap();
    alice.delete_connection(&parsed).await.unwrap();
}

/// Ids of connections are the server's: it answers for one with the genuine record of another.
#[tokio::test]
async fn a_connection_is_not_passed_off_as_another() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let carlos = harness.user().await;
    let to_carlos = connect(&alice, &carlos).await;
    let item = car(&alice).await;
    let reference = alice.get_connection(&to_bob.clone().into()).await.unwrap().reference();
    let reference = ConnectionRef::parse(&reference).unwrap();
    let mut carlos_for_bob = harness.reply(&alice, &connection_path(&to_carlos)).await;
    carlos_for_bob["connection"]["own"]["id"] = to_bob.as_str().into();

    // In the session that has seen it, and by reference in any.
    harness.network.replay(connection_path(&to_bob), &carlos_for_bob);
    assert_eq!(alice.get_connection(&to_bob.clone().into()).await.unwrap_err().code(), ErrorCode::KeyChanged);
    let next = harness.new_session(&alice).await;
    assert_eq!(share(&next, &item, reference).await, Err(ErrorCode::KeyChanged));
    // With the name that was sealed for Bob it fits nobody.
    let bobs_name = harness.reply(&alice, &connection_path(&to_bob)).await;
    let name = bobs_name["connection"]["own"]["encrypted_recipient_name"].clone();
    let mut named = carlos_for_bob.clone();
    named["connection"]["own"]["encrypted_recipient_name"] = name;
    harness.network.replay(connection_path(&to_bob), &named);
    let refused = harness.new_session(&alice).await.get_connection(&to_bob.clone().into()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Misplaced);

    // Once something was shared with Carlos, the note of that key pair names its connection.
    harness.network.stop_tampering();
    share(&alice, &item, to_carlos).await.unwrap();
    let next = harness.new_session(&alice).await;
    harness.network.replay(connection_path(&to_bob), &carlos_for_bob);
    assert_eq!(share(&next, &item, to_bob).await, Err(ErrorCode::KeyChanged));
    drop(bob);
}

/// The note of one connection's key pair is not rewritten by an act on another, as which the server shows that pair.
#[tokio::test]
async fn a_key_is_accepted_for_the_connection_that_was_named_alone() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let carlos = harness.user().await;
    let to_carlos = connect(&alice, &carlos).await;
    let item = car(&alice).await;
    share(&alice, &item, to_bob.clone()).await.unwrap();
    share(&alice, &item, to_carlos.clone()).await.unwrap();
    let server = servers_pair().await;
    let mut shown = harness.reply(&alice, &connection_path(&to_carlos)).await["connection"].clone();
    shown["own"]["id"] = to_bob.as_str().into();
    shown["the_other_user"]["user_public_key"] = server.public_key_pem().into();
    let show = || {
        let shown = shown.clone();
        harness.network.lie("GET", connection_path(&to_bob), move |json| json["connection"] = shown.clone());
    };
    for session in [&alice, &harness.new_session(&alice).await] {
        show();
        let seen = session.inspect_connection(&to_bob).await.unwrap();
        let trusted = session.trust_new_key(&to_bob, &seen.fingerprint).await;
        assert_eq!(trusted.unwrap_err().code(), ErrorCode::KeyChanged);
        let verified = session.mark_verified(&to_bob, &seen.safety_number).await;
        assert_eq!(verified.unwrap_err().code(), ErrorCode::KeyChanged);
        harness.network.stop_tampering();
        harness.new_session(&alice).await.get_connection(&to_carlos.clone().into()).await.unwrap();
    }
}

/// An explicit act names what was seen: the server cannot show a third key between looking and accepting.
#[tokio::test]
async fn only_the_key_that_was_named_is_trusted_or_verified() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let genuine = alice.get_connection(&to_bob.clone().into()).await.unwrap();
    assert_eq!(genuine.verified, None);
    share(&alice, &item, to_bob.clone()).await.unwrap();
    let server = servers_pair().await;
    show_key(&harness.network, &to_bob, &server);
    let shown = alice.inspect_connection(&to_bob).await.unwrap();
    harness.network.sent_bodies();
    for refused in [
        alice.trust_new_key(&to_bob, &genuine.fingerprint).await,
        alice.mark_verified(&to_bob, &genuine.safety_number).await,
    ] {
        assert_eq!(refused.unwrap_err().code(), ErrorCode::KeyChanged);
    }
    assert!(harness.network.sent_bodies().is_empty());
    // Nothing was accepted by looking.
    assert_eq!(share(&alice, &item, to_bob.clone()).await.err(), None, "with the key that was seen first");
    assert_eq!(alice.get_connection(&to_bob.clone().into()).await.unwrap_err().code(), ErrorCode::KeyChanged);

    // Named, it is accepted: by this session, and by the next.
    alice.trust_new_key(&to_bob, &shown.fingerprint).await.unwrap();
    let trusted = harness.new_session(&alice).await.get_connection(&to_bob.clone().into()).await.unwrap();
    assert_eq!((trusted.fingerprint, trusted.verified), (server.fingerprint(), None), "trusted is not verified");
    harness.network.stop_tampering();
    let next = harness.new_session(&alice).await;
    assert_eq!(next.get_connection(&to_bob.clone().into()).await.unwrap_err().code(), ErrorCode::KeyChanged);
    let spaced = genuine.safety_number.replace(' ', "");
    let verified = next.mark_verified(&to_bob, &spaced).await.unwrap();
    assert_eq!((verified.verified, verified.fingerprint), (Some(Verified::Compared), genuine.fingerprint));
    // The other session learns it when it asks.
    let last = harness.new_session(&alice).await.get_connection(&to_bob.into()).await.unwrap();
    assert_eq!(last.verified, Some(Verified::Compared));
    drop(bob);
}

/// Two devices that were shown different keys: the later one meets the note.
#[tokio::test]
async fn of_two_devices_that_were_shown_different_keys_the_later_notices() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let second = harness.new_session(&alice).await;
    let item = car(&alice).await;
    let server = servers_pair().await;
    // Both have seen a key, and neither has shared.
    alice.get_connection(&to_bob.clone().into()).await.unwrap();
    show_key(&harness.network, &to_bob, &server);
    second.get_connection(&to_bob.clone().into()).await.unwrap();
    harness.network.stop_tampering();
    share(&alice, &item, to_bob.clone()).await.unwrap();
    harness.network.sent_bodies();
    assert_eq!(share(&second, &item, to_bob).await, Err(ErrorCode::KeyChanged));
    assert_eq!(readable(&harness.network.sent_bodies(), &[&server]).await, set(&[]));
}

/// The note is written beside what other programs keep there, and again where one of them was faster.
#[tokio::test]
async fn a_note_leaves_other_metadata_alone_and_survives_a_conflict() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let id = keypair_id(&harness, &alice, &to_bob).await;
    let keystore = harness.service(&alice, "keystore");
    let other = json!({ "metadata": { "of_another_program": { "kept": true } } });
    keystore.patch(&["keypairs", &id]).json(&other).send::<Json>().await.unwrap();
    let conflicts = Rc::new(std::cell::Cell::new(2));
    let left = Rc::clone(&conflicts);
    harness.network.refuse(move |method, _| {
        let is_conflict = method == "PATCH" && left.get() > 0;
        is_conflict.then(|| {
            left.set(left.get() - 1);
            409
        })
    });
    share(&alice, &item, to_bob).await.unwrap();
    assert_eq!(conflicts.get(), 0);
    let record = harness.reply(&alice, &format!("/keystore/keypairs/{id}")).await;
    assert_eq!(record["keypair"]["metadata"]["of_another_program"], json!({ "kept": true }));
    assert!(record["keypair"]["metadata"]["vaultshare_pin"].is_string());
}

/// A note of another key pair, a name, or a value is no note.
#[tokio::test]
async fn what_is_no_note_of_this_key_pair_is_refused() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let to_carlos = connect(&alice, &harness.user().await).await;
    let item = car(&alice).await;
    share(&alice, &item, to_carlos.clone()).await.unwrap();
    let id = keypair_id(&harness, &alice, &to_carlos).await;
    let of_carlos = harness.reply(&alice, &format!("/keystore/keypairs/{id}")).await;
    let of_carlos = of_carlos["keypair"]["metadata"]["vaultshare_pin"].clone();
    let name = harness.reply(&alice, &connection_path(&to_bob)).await;
    let name = name["connection"]["own"]["encrypted_recipient_name"].clone();
    let value = item.slots.iter().find_map(|slot| slot.record.encrypted_value.clone()).unwrap();
    let id = keypair_id(&harness, &alice, &to_bob).await;
    for (note, code) in [
        (of_carlos, ErrorCode::Misplaced),
        (name, ErrorCode::Misplaced),
        (value.as_str().into(), ErrorCode::Misplaced),
        (json!({}), ErrorCode::BadResponse),
    ] {
        let next = harness.new_session(&alice).await;
        let shown = note.clone();
        harness.network.lie("GET", format!("/keystore/keypairs/{id}"), move |json| {
            json["keypair"]["metadata"] = json!({ "vaultshare_pin": shown });
        });
        assert_eq!(share(&next, &item, to_bob.clone()).await, Err(code), "{note}");
        harness.network.stop_tampering();
    }
}

/// Each connection has a key pair of its own, or two of them could not be told apart.
#[tokio::test]
async fn a_key_pair_that_was_used_is_not_used_for_another_connection() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let of_alice = keypair_id(&harness, &alice, &to_bob).await;
    let to_alice = only_connection(&bob).await;
    let of_bob = keypair_id(&harness, &bob, &to_alice).await;
    share(&alice, &car(&alice).await, to_bob).await.unwrap();
    for (user, keypair_id) in [(&alice, of_alice), (&bob, of_bob)] {
        // In the session that used it; in the next, by its note or its rule.
        for session in [user, &harness.new_session(user).await] {
            let named = NewInvitation { keypair_id: Some(keypair_id.clone()), ..invitation("Carlos") };
            harness.network.sent_bodies();
            // And not by insisting.
            for _ in 0..2 {
                let refused = session.create_invitation(&named, &quiet()).await.unwrap_err();
                assert_eq!(refused.code(), ErrorCode::InvalidArgument);
            }
            assert!(harness.network.sent_bodies().is_empty());
        }
    }
}

/// F11: the reply to storing a key pair is another record of the user's. It would be published as the connection's.
#[tokio::test]
async fn no_other_key_pair_is_published_than_the_one_that_was_made() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let login = harness.reply(&alice, "/keystore/keypairs/external_id/auth").await;
    let id = keypair_id(&harness, &alice, &to_bob).await;
    let of_bob = harness.reply(&alice, &format!("/keystore/keypairs/{id}")).await;
    for (what, record) in [("the login key", login), ("another connection's", of_bob)] {
        for is_retry in [false, true] {
            harness.network.stop_tampering();
            let carlos = invitation(&format!("Carlos, {what}, {is_retry}"));
            if is_retry {
                harness.network.fail(1, Fault::ResponseLost);
                alice.create_invitation(&carlos, &quiet()).await.unwrap_err();
            }
            let shown = record.clone();
            harness.network.lie("POST", "/keystore/keypairs", move |json| *json = shown.clone());
            harness.network.log();
            let refused = alice.create_invitation(&carlos, &quiet()).await;
            assert!(refused.is_err(), "{what}, retry: {is_retry}");
            assert_eq!(harness.network.log(), ["POST /keystore/keypairs"], "{what}, retry: {is_retry}");
        }
    }
}

/// The invitee holds the connection to the key that the invitation was from.
#[tokio::test]
async fn a_connection_with_another_key_than_the_invitations_is_not_made() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    let token = alice.create_invitation(&invitation("Bob"), &quiet()).await.unwrap().token;
    let server = servers_pair().await;
    let key = server.public_key_pem().to_owned();
    harness.network.lie("POST", "/vault/connections", move |json| {
        json["connection"]["the_other_user"]["user_public_key"] = key.clone().into();
    });
    let details = ConnectionDetails { token, name: "Alice".to_owned(), ..ConnectionDetails::default() };
    let refused = bob.accept_invitation(&details, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::KeyChanged);
    harness.network.stop_tampering();
    assert!(bob.list_connections(&PageRequest::default()).await.unwrap().entries.is_empty());
}

/// The records of a user that a server could exchange for each other.
struct Records {
    kek: Json,
    dek: Json,
    login: Json,
    pair: Json,
    others_pair: Json,
    made: Json,
    claimed: Json,
}

impl Records {
    /// Of a user with two connections, who made the key of the space of the first and claimed that of the second.
    async fn of(harness: &Harness, user: &Session, made_in: &Id, claimed_in: &Id) -> Records {
        let space = async |connection: &Id| {
            let record = harness.reply(user, &connection_path(connection)).await;
            let id = record["connection"]["encryption_space_id"].as_str().unwrap().to_owned();
            let copy = harness.reply(user, &format!("/keystore/encryption_spaces/{id}")).await;
            copy["encryption_space_data_encryption_key"]["serialized_data_encryption_key"].clone()
        };
        let pair = async |connection: &Id| {
            let id = keypair_id(harness, user, connection).await;
            harness.reply(user, &format!("/keystore/keypairs/{id}")).await["keypair"].clone()
        };
        let me = harness.reply(user, "/vault/me").await;
        let dek_id = me["user"]["private_dek_external_id"].as_str().unwrap().to_owned();
        let dek = harness.reply(user, &format!("/keystore/data_encryption_keys/{dek_id}")).await;
        let kek = harness.reply(user, "/keystore/key_encryption_key").await;
        Records {
            kek: kek["key_encryption_key"]["serialized_key_encryption_key"].clone(),
            dek: dek["data_encryption_key"]["serialized_data_encryption_key"].clone(),
            login: harness.reply(user, "/keystore/keypairs/external_id/auth").await["keypair"].clone(),
            pair: pair(made_in).await,
            others_pair: pair(claimed_in).await,
            made: space(made_in).await,
            claimed: space(claimed_in).await,
        }
    }

    /// The same as other clients seal them: without a place.
    async fn without_places(self, user: &Session) -> Records {
        let kek = AesKey::from_base64url(&user.export().unwrap().key_encryption_key).unwrap();
        let passphrase = passphrase_key(user).await;
        let plain = async |key: &AesKey, sealed: &Json| {
            let content = key.decrypt(sealed.as_str().unwrap()).await.unwrap();
            Json::from(key.encrypt(&content).await.unwrap())
        };
        let record = async |record: &Json| {
            let mut record = record.clone();
            record["encrypted_serialized_key"] = plain(&kek, &record["encrypted_serialized_key"]).await;
            record
        };
        Records {
            kek: plain(&passphrase, &self.kek).await,
            dek: plain(&kek, &self.dek).await,
            login: record(&self.login).await,
            pair: record(&self.pair).await,
            others_pair: record(&self.others_pair).await,
            made: plain(&kek, &self.made).await,
            claimed: plain(&kek, &self.claimed).await,
        }
    }
}

async fn passphrase_key(user: &Session) -> AesKey {
    let secret = UserSecret::parse(&user.secret().unwrap()).unwrap();
    let key: PassphraseKey = secret.derive_passphrase_key(PASSPHRASE).await.unwrap();
    AesKey::from_base64url(&key.to_base64url()).unwrap()
}

/// What a server shows at sign-in and for the keys of connections and spaces; what is absent is true.
#[derive(Clone, Default)]
struct Shown {
    kek: Option<Json>,
    dek: Option<Json>,
    login: Option<Json>,
    pair: Option<Json>,
    space: Option<Json>,
}

impl Shown {
    fn by(self, network: &Network) {
        network.tamper(move |method, path, body| {
            let Shown { kek, dek, login, pair, space } = &self;
            let set = |shown: &Option<Json>, path: &[&str]| match shown {
                None => body.clone(),
                Some(shown) => alter(body.clone(), |json| *field(json, path) = shown.clone()),
            };
            match path {
                _ if method != "GET" => body,
                "/keystore/key_encryption_key" => set(kek, &["key_encryption_key", "serialized_key_encryption_key"]),
                "/keystore/keypairs/external_id/auth" => set(login, &["keypair"]),
                _ if path.starts_with("/keystore/data_encryption_keys/") => {
                    set(dek, &["data_encryption_key", "serialized_data_encryption_key"])
                }
                _ if path.starts_with("/keystore/keypairs/") => set(pair, &["keypair"]),
                _ if path.starts_with("/keystore/encryption_spaces/") => {
                    set(space, &["encryption_space_data_encryption_key", "serialized_data_encryption_key"])
                }
                _ => body,
            }
        });
    }
}

fn field<'a>(json: &'a mut Json, path: &[&str]) -> &'a mut Json {
    path.iter().fold(json, |json, name| &mut json[*name])
}

/// Alice with two spaces: one that she made with Bob, and one whose key she claimed from Carlos.
struct TwoSpaces {
    harness: Harness,
    alice: Session,
    item: Item,
    to_bob: Id,
    to_carlos: Id,
}

impl TwoSpaces {
    async fn new() -> TwoSpaces {
        let harness = Harness::new().await;
        let (alice, _bob, to_bob) = harness.alice_and_bob().await;
        let carlos = harness.user().await;
        let to_carlos = connect(&alice, &carlos).await;
        let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
        alice.share_in_space(&NewSpaceShare::new(item.record.id.clone(), to_bob.clone()), &quiet()).await.unwrap();
        let of_carlos = car(&carlos).await;
        let to_alice = only_connection(&carlos).await;
        let shared = NewSpaceShare::new(of_carlos.record.id, to_alice);
        let shared = carlos.share_in_space(&shared, &quiet()).await.unwrap();
        alice.get_space_share(&shared.id).await.unwrap();
        TwoSpaces { harness, alice, item, to_bob, to_carlos }
    }

    async fn sign_in(&self, shown: Shown) -> Result<Session, ErrorCode> {
        shown.by(&self.harness.network);
        let secret = UserSecret::parse(&self.alice.secret().unwrap()).unwrap();
        self.harness.client().sign_in(secret, PASSPHRASE, &quiet()).await.map_err(|error| error.code())
    }

    /// Sharing in the space with Bob, by a session that has not seen it.
    async fn share_in_space(&self, shown: Shown) -> Result<(), ErrorCode> {
        let session = self.sign_in(Shown { pair: None, space: None, ..shown.clone() }).await.unwrap();
        shown.by(&self.harness.network);
        let share = NewSpaceShare::new(self.item.record.id.clone(), self.to_bob.clone());
        session.share_in_space(&share, &quiet()).await.map(drop).map_err(|error| error.code())
    }
}

/// F2: in an account that this client made, no record passes for another.
#[tokio::test]
async fn no_key_of_a_strict_account_passes_for_another() {
    let account = TwoSpaces::new().await;
    let TwoSpaces { harness, alice, to_bob, to_carlos, .. } = &account;
    let records = Records::of(harness, alice, to_bob, to_carlos).await;
    let plain = Records::of(harness, alice, to_bob, to_carlos).await.without_places(alice).await;
    let sealed = |record: &Json| Some(record["encrypted_serialized_key"].clone());
    let (misplaced, failed) = (ErrorCode::Misplaced, ErrorCode::DecryptionFailed);

    // As the private DEK. By gain B of F2 the server would know what is encrypted under it.
    for (what, dek, code) in [
        ("the key of a space that was made", Some(records.made.clone()), misplaced),
        ("the key of a space that was claimed", Some(records.claimed.clone()), misplaced),
        ("such a key of another client", Some(plain.claimed.clone()), misplaced),
        ("itself, of another client", Some(plain.dek.clone()), misplaced),
        ("the KEK", Some(records.kek.clone()), failed),
        ("the login key", sealed(&records.login), failed),
        ("a connection's key", sealed(&records.pair), failed),
    ] {
        let refused = account.sign_in(Shown { dek, ..Shown::default() }).await.err();
        assert_eq!(refused, Some(code), "{what} as the private DEK");
    }
    // As the KEK.
    for (what, kek) in [("the DEK", &records.dek), ("a space's key", &records.claimed)] {
        let refused = account.sign_in(Shown { kek: Some(kek.clone()), ..Shown::default() }).await.err();
        assert_eq!(refused, Some(failed), "{what} as the KEK");
    }
    // As the login key pair. The Vault's session is opened by its public half, so it comes before the server can know.
    let mut of_dek = records.login.clone();
    of_dek["encrypted_serialized_key"] = records.dek.clone();
    let mut plain_login = records.login.clone();
    plain_login["encrypted_serialized_key"] = plain.login["encrypted_serialized_key"].clone();
    for (what, login, code) in [("itself, of another client", plain_login, misplaced), ("a DEK", of_dek, failed)] {
        let refused = account.sign_in(Shown { login: Some(login), ..Shown::default() }).await.err();
        assert_eq!(refused, Some(code), "{what} as the login key pair");
    }
    // As the key of the space with Bob. By gain A of F2 Bob would get the private DEK.
    for (what, space, code) in [
        ("the DEK", Some(records.dek.clone()), misplaced),
        ("the DEK of another client", Some(plain.dek.clone()), misplaced),
        ("the key of the space with Carlos", Some(records.claimed.clone()), misplaced),
        ("the KEK", Some(records.kek.clone()), failed),
        ("the login key", sealed(&records.login), failed),
        ("a key of nobody's making", Some(plain.claimed.clone()), ErrorCode::UnverifiedKey),
    ] {
        harness.network.sent_bodies();
        let refused = account.share_in_space(Shown { space, ..Shown::default() }).await.err();
        assert_eq!(refused, Some(code), "{what} as a space's key");
        let sent = harness.network.sent_bodies();
        let left = sent.iter().any(|body| String::from_utf8_lossy(body).contains("encrypted_key"));
        assert!(!left, "{what} was left for Bob");
    }
    // As the key pair of the connection with Bob.
    let mut dek_as_pair = records.pair.clone();
    dek_as_pair["encrypted_serialized_key"] = records.dek.clone();
    for (what, pair, code) in [
        ("the login key", records.login.clone(), misplaced),
        ("the login key of another client", plain.login.clone(), misplaced),
        ("Carlos's", records.others_pair.clone(), ErrorCode::KeyChanged),
        ("the DEK", dek_as_pair, failed),
    ] {
        let refused = account.share_in_space(Shown { pair: Some(pair), ..Shown::default() }).await.err();
        assert_eq!(refused, Some(code), "{what} as a connection's key pair");
    }
    assert_eq!(account.share_in_space(Shown::default()).await, Ok(()), "the truth");
}

/// The same for an account that another client made, whose records name no place.
#[tokio::test]
async fn what_passes_for_another_in_a_legacy_account_is_what_the_design_says() {
    let account = TwoSpaces::new().await;
    let TwoSpaces { harness, alice, to_bob, to_carlos, .. } = &account;
    let records = Records::of(harness, alice, to_bob, to_carlos).await;
    let plain = Records::of(harness, alice, to_bob, to_carlos).await.without_places(alice).await;
    let legacy = Shown {
        kek: Some(plain.kek.clone()),
        dek: Some(plain.dek.clone()),
        login: Some(plain.login.clone()),
        ..Shown::default()
    };
    let session = account.sign_in(legacy.clone()).await.unwrap();
    assert_eq!(value(&session.get_item(&account.item.record.id).await.unwrap(), "vin"), Some("123"));

    // What this client wrote keeps its place.
    let (misplaced, failed) = (ErrorCode::Misplaced, ErrorCode::DecryptionFailed);
    for (what, dek, code) in [
        ("the key of a space that this client made", &records.made, misplaced),
        ("the key of a space that this client claimed", &records.claimed, misplaced),
        ("the KEK", &plain.kek, failed),
        ("the login key", &plain.login["encrypted_serialized_key"], failed),
    ] {
        let refused = account.sign_in(Shown { dek: Some(dek.clone()), ..legacy.clone() }).await.err();
        assert_eq!(refused, Some(code), "{what} as the private DEK");
    }
    // "State for legacy accounts without memory: an old space copy may be passed off as the private DEK."
    account.sign_in(Shown { dek: Some(plain.claimed.clone()), ..legacy.clone() }).await.unwrap();

    // The private DEK is no space's key, and the login key no connection's, although neither says what it is.
    for (what, space, code) in [
        ("the DEK", &plain.dek, misplaced),
        ("a space's key of nobody's making", &plain.claimed, ErrorCode::UnverifiedKey),
    ] {
        let refused = account.share_in_space(Shown { space: Some(space.clone()), ..legacy.clone() }).await.err();
        assert_eq!(refused, Some(code), "{what} as a space's key");
    }
    for (what, pair, code) in
        [("the login key", &plain.login, misplaced), ("Carlos's", &plain.others_pair, ErrorCode::KeyChanged)]
    {
        let refused = account.share_in_space(Shown { pair: Some(pair.clone()), ..legacy.clone() }).await.err();
        assert_eq!(refused, Some(code), "{what} as a connection's key pair");
    }
}

/// Whoever is not the Keystore and answers for it does not have the user's verifier. A Keystore of another make proves nothing:
/// so only who has seen one that does can tell.
#[tokio::test]
async fn a_keystore_that_does_not_know_the_user_is_noticed_before_its_session_is_used() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let memory = alice.export_memory().await.unwrap();
    let secret = || UserSecret::parse(&alice.secret().unwrap()).unwrap();
    let sign_in = async || harness.client().sign_in(secret(), PASSPHRASE, &quiet()).await;
    const PATH: &str = "/keystore/srp/session";

    harness.network.lie("POST", PATH.to_owned(), |json| json["session"]["srp_m2"] = "00".repeat(32).into());
    harness.network.log();
    assert_eq!(sign_in().await.err().map(|error| error.code()), Some(ErrorCode::ServerNotProven));
    let sent = harness.network.log();
    assert!(sent.last().is_some_and(|last| last.contains(PATH)), "{sent:?}");

    harness.network.lie("POST", PATH.to_owned(), |json| {
        json["session"].as_object_mut().unwrap().remove("srp_m2");
    });
    // Nothing is to be said against a Keystore of another make.
    let unproven = sign_in().await.unwrap();
    let of_another_make = unproven.export_memory().await.unwrap();
    sign_in().await.unwrap().import_memory(&of_another_make).await.unwrap();
    assert_eq!(unproven.import_memory(&memory).await.unwrap_err().code(), ErrorCode::ServerNotProven);
    harness.network.stop_tampering();
    for memory in [&memory, &of_another_make] {
        sign_in().await.unwrap().import_memory(memory).await.unwrap();
    }
}
