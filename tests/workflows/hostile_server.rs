//! A hostile server gets an error with the right code from each workflow, and nothing that it could use.

use std::{cell::RefCell, rc::Rc};

use serde_json::Value as Json;
use vaultshare::{
    ErrorCode,
    crypto::{DataKey, PublicKey, UserSecret},
    workflows::{NewInvitation, NewShare, PageRequest, ShareTerms, TaskSelection},
};

use crate::harness::{Harness, PASSPHRASE, quiet, value, vehicle};

const WEAK_KEY: &str = include_str!("../fixtures/rsa512-public.pem");
const OTHER_KEY: &str = include_str!("../fixtures/rsa4096-public-spki.pem");

fn alter(body: Vec<u8>, change: impl FnOnce(&mut Json)) -> Vec<u8> {
    let mut json: Json = serde_json::from_slice(&body).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}

/// Flips one bit of an envelope's data.
fn flip(envelope: &Json) -> Json {
    let text = envelope.as_str().unwrap();
    let dot = text.find('.').unwrap();
    let first = &text[dot + 1..dot + 2];
    let other = if first == "A" { "B" } else { "A" };
    Json::from(format!("{}.{}{}", &text[..dot], other, &text[dot + 2..]))
}

#[tokio::test]
async fn a_flipped_bit_in_a_value_is_a_failed_decryption() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    harness.network.tamper(|method, path, body| match (method, path.starts_with("/vault/items/")) {
        ("GET", true) => alter(body, |json| {
            for slot in json["slots"].as_array_mut().unwrap() {
                if slot["encrypted_value"].is_string() {
                    slot["encrypted_value"] = flip(&slot["encrypted_value"]);
                }
            }
        }),
        _ => body,
    });
    let refused = alice.get_item(&item.record.id).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::DecryptionFailed);
}

#[tokio::test]
async fn nothing_is_encrypted_for_a_weak_key_or_for_another_than_before() {
    let harness = Harness::new().await;
    let (alice, _bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let hand_out = |key: &'static str| {
        harness.network.tamper(move |method, path, body| match (method, path.starts_with("/vault/connections/")) {
            ("GET", true) => alter(body, |json| json["connection"]["the_other_user"]["user_public_key"] = key.into()),
            _ => body,
        });
    };
    for (key, code) in
        [(WEAK_KEY, ErrorCode::WeakKey), ("no key at all", ErrorCode::BadResponse), (OTHER_KEY, ErrorCode::KeyChanged)]
    {
        harness.network.stop_tampering();
        alice.get_connection(&connection.clone().into()).await.unwrap();
        hand_out(key);
        // A cached connection is not fetched again; one whose key changed leaves the cache.
        assert_eq!(alice.get_connection(&connection.clone().into()).await.unwrap_err().code(), code);
        harness.network.log();
        let refused =
            alice.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.unwrap_err();
        assert_eq!(refused.code(), code);
        assert!(harness.network.log().iter().all(|request| !request.starts_with("POST")));
    }
}

#[tokio::test]
async fn a_known_connection_is_shared_with_by_the_key_that_was_seen_whatever_the_server_says_now() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    alice.get_connection(&connection.clone().into()).await.unwrap();
    // The first disclosure over a connection notes its key, and a user's first share makes the key pair that signs it.
    harness.network.log();
    let first = alice.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.unwrap();
    let noted = harness.network.log();
    let author = ["GET /keystore/keypairs/external_id/vaultshare-author", "POST /keystore/keypairs"];
    assert!(noted.len() == 6 && noted[1..3] == author, "{noted:?}");
    assert!(noted[4].starts_with("PATCH /keystore/keypairs/"), "{noted:?}");
    alice.delete_share(&first.id).await.unwrap();
    harness.network.log();
    let share = alice.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.unwrap();
    let item_path = format!("/vault/items/{}", item.record.id);
    assert_eq!(harness.network.log(), [format!("GET {item_path}"), format!("POST {item_path}/shares")]);
    assert_eq!(value(&bob.get_share(&share.id).await.unwrap().item, "vin"), Some("123"));

    let second = alice.create_item(&vehicle(&[("vin", "456")]), &quiet()).await.unwrap();
    let bobs = bob.list_connections(&PageRequest::default()).await.unwrap().entries[0].record.own.id.clone();
    bob.delete_connection(&bobs.into()).await.unwrap();
    let refused = alice.create_share(&NewShare::new(second.record.id, connection), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotConnected);
}

#[tokio::test]
async fn a_dek_offered_as_a_session_token_is_never_sent_back() {
    let harness = Harness::new().await;
    let client = harness.client();
    let secret = client.new_secret().await.unwrap();
    client.create_user(PASSPHRASE, Some(UserSecret::parse(secret.as_str()).unwrap()), &quiet()).await.unwrap();

    // The server encrypts a DEK for the user's login key, as it could with one it was given for sharing.
    let login_key = Rc::new(RefCell::new(String::new()));
    let seen = Rc::clone(&login_key);
    harness.network.tamper(move |_, path, body| {
        if path.ends_with("/external_id/auth") {
            let json: Json = serde_json::from_slice(&body).unwrap();
            seen.replace(json["keypair"]["public_key"].as_str().unwrap().to_owned());
        }
        body
    });
    client.sign_in(UserSecret::parse(secret.as_str()).unwrap(), PASSPHRASE, &quiet()).await.unwrap();
    let key = PublicKey::from_pem(&login_key.borrow()).unwrap();
    let encrypted_dek = key.wrap_data_key(&DataKey::generate().unwrap()).await.unwrap();
    // Even one whose every byte happens to be a letter.
    let printable_dek = key.encrypt(b"abcdefghijklmnopqrstuvwxyzABCDEF").await.unwrap();

    for token in [encrypted_dek, printable_dek] {
        harness.network.tamper(move |method, path, body| match (method, path) {
            ("POST", "/vault/session") => alter(body, |json| {
                json["session"]["encrypted_session_authentication_string"] = token.clone().into();
            }),
            _ => body,
        });
        harness.network.log();
        let refused = client.sign_in(UserSecret::parse(secret.as_str()).unwrap(), PASSPHRASE, &quiet()).await;
        assert_eq!(refused.err().unwrap().code(), ErrorCode::DecryptionFailed);
        assert_eq!(harness.network.log().last().unwrap(), "POST /vault/session");
    }
}

#[tokio::test]
async fn a_received_value_without_its_owners_proof_is_refused() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share = alice.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.unwrap();
    type Tamper = fn(&mut Json);
    let tampers: [Tamper; 4] = [
        |slot| slot["value_verification_hash"] = Json::Null,
        |slot| slot["encrypted_value_verification_key"] = Json::Null,
        |slot| slot["value_verification_hash"] = "00".repeat(32).into(),
        |slot| slot["value_verification_hash"] = "".into(),
    ];
    for tamper in tampers {
        harness.network.tamper(move |method, path, body| match (method, path.ends_with("/item")) {
            ("GET", true) => alter(body, |json| json["slots"].as_array_mut().unwrap().iter_mut().for_each(tamper)),
            _ => body,
        });
        let refused = bob.get_share(&share.id).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ValueNotAuthentic);
    }
    // Marking a received item as the user's own does not skip authentication.
    harness.network.tamper(|method, path, body| match (method, path.ends_with("/item")) {
        ("GET", true) => alter(body, |json| {
            json["item"]["own"] = true.into();
            for slot in json["slots"].as_array_mut().unwrap() {
                slot["own"] = true.into();
                slot["value_verification_hash"] = Json::Null;
            }
        }),
        _ => body,
    });
    let refused = bob.get_share(&share.id).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ValueNotAuthentic);
}

#[tokio::test]
async fn a_value_of_the_users_own_does_not_pass_as_a_received_one() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share = alice.create_share(&NewShare::new(item.record.id, connection), &quiet()).await.unwrap();
    let own = bob.create_item(&vehicle(&[("vin", "Bob's own")]), &quiet()).await.unwrap();
    let own = own.slots.into_iter().find_map(|slot| slot.record.encrypted_value).unwrap();
    let own = own.as_str().to_owned();
    // Without a share DEK the values are under Bob's own: as if he had re-encrypted them, which he has not.
    harness.network.tamper(move |method, path, body| match (method, path.ends_with("/item")) {
        ("GET", true) => alter(body, |json| {
            json["share"]["encrypted_dek"] = Json::Null;
            for slot in json["slots"].as_array_mut().unwrap().iter_mut().filter(|slot| slot["encrypted"] == true) {
                slot["encrypted_value"] = own.clone().into();
            }
        }),
        _ => body,
    });
    let refused = bob.get_share(&share.id).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Misplaced);
}

#[tokio::test]
async fn a_recipient_invented_by_the_server_gets_nothing() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share = alice.create_share(&NewShare::new(item.record.id.clone(), connection), &quiet()).await.unwrap();
    harness.network.tamper(|method, path, body| match (method, path.ends_with("/shares")) {
        ("GET", true) => alter(body, |json| {
            let ghost = serde_json::json!({ "id": "94c27129-e179-4c69-a7f1-94438b920541", "public_key": OTHER_KEY });
            json["shares"].as_array_mut().unwrap().push(ghost);
        }),
        _ => body,
    });
    let refreshed = alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.left_out.len()), (1, 1));

    // Nor does a key in the place of Bob's.
    harness.network.tamper(|method, path, body| match (method, path.ends_with("/shares")) {
        ("GET", true) => alter(body, |json| json["shares"][0]["public_key"] = OTHER_KEY.into()),
        _ => body,
    });
    harness.network.log();
    let refreshed = alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap();
    assert_eq!((refreshed.shares, refreshed.left_out.len()), (0, 1));
    assert!(harness.network.log().iter().all(|request| request.starts_with("GET")));
    harness.network.stop_tampering();
    bob.get_share(&share.id).await.unwrap();
}

#[tokio::test]
async fn a_safety_number_is_made_of_the_users_own_key_and_no_other_is_published() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    harness.network.tamper(|method, path, body| match (method, path.starts_with("/vault/connections/")) {
        ("GET", true) => alter(body, |json| json["connection"]["own"]["user_public_key"] = OTHER_KEY.into()),
        _ => body,
    });
    let refused = alice.get_connection(&connection.clone().into()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::KeyChanged);

    harness.network.stop_tampering();
    let connections = bob.list_connections(&PageRequest::default()).await.unwrap();
    let keypair_id = connections.entries[0].record.own.user_keypair_external_id.clone();
    let another_session = {
        let secret = UserSecret::parse(&bob.secret().unwrap()).unwrap();
        harness.client().sign_in(secret, PASSPHRASE, &quiet()).await.unwrap()
    };
    harness.network.tamper(|method, path, body| match (method, path.starts_with("/keystore/keypairs/")) {
        ("GET", true) => alter(body, |json| json["keypair"]["public_key"] = OTHER_KEY.into()),
        _ => body,
    });
    let invitation = NewInvitation { name: "Carlos".to_owned(), keypair_id, ..NewInvitation::default() };
    harness.network.log();
    let refused = another_session.create_invitation(&invitation, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::DecryptionFailed);
    assert!(harness.network.log().iter().all(|request| request.starts_with("GET")));
}

#[tokio::test]
async fn a_response_about_another_record_is_refused() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let first = alice.create_item(&vehicle(&[("vin", "1")]), &quiet()).await.unwrap();
    let second = alice.create_item(&vehicle(&[("vin", "2")]), &quiet()).await.unwrap();
    let other = second.record.id.to_string();
    harness.network.tamper(move |method, path, body| match (method, path.starts_with("/vault/items/")) {
        ("GET", true) => alter(body, |json| json["item"]["id"] = other.clone().into()),
        _ => body,
    });
    let refused = alice.get_item(&first.record.id).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::BadResponse);
}

#[tokio::test]
async fn a_malformed_response_is_an_error_and_never_a_panic() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let made = alice.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.unwrap();
    let malformed: [&[u8]; 8] =
        [b"", b"null", b"[]", b"{}", b"\"text\"", b"{\"item\":{\"id\":\"../../me\"}}", b"\xff\xfe", b"[[[[[[[[[["];
    for response in malformed {
        harness.network.tamper(move |_, _, _| response.to_vec());
        let all = PageRequest { all: true, ..PageRequest::default() };
        let codes = [
            alice.get_item(&item.record.id).await.err(),
            alice.list_items(&Default::default(), &all).await.err(),
            alice.list_connections(&all).await.err(),
            alice.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.err(),
            bob.get_share(&made.id).await.err(),
            bob.accept_share(&made.id).await.err(),
            alice.run_tasks(&TaskSelection::default(), &quiet()).await.err(),
            harness.client().new_secret().await.err(),
            harness.client().sign_in(UserSecret::generate("somebody").unwrap(), PASSPHRASE, &quiet()).await.err(),
        ];
        for code in codes {
            assert_eq!(code.map(|error| error.code()), Some(ErrorCode::BadResponse), "{response:?}");
        }
    }
}

/// What belongs together is matched across lists: millions of entries would keep a page busy.
#[tokio::test]
async fn no_list_of_a_response_is_endless() {
    let harness = Harness::new().await;
    let (alice, _bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share = NewShare::new(item.record.id.clone(), connection.clone());
    let made = alice.create_share(&share, &quiet()).await.unwrap();
    harness.network.tamper(|_, path, body| match path.ends_with("shares") {
        true => alter(body, |json| {
            let shares = json["shares"].as_array_mut().unwrap();
            *shares = vec![shares[0].clone(); 20_001];
        }),
        false => body,
    });
    let terms = ShareTerms {
        share_id: made.id,
        item_id: item.record.id.clone(),
        connection: connection.into(),
        expires_at: None,
        on_sharing: Some(true),
    };
    let codes = [
        alice.refresh_shares(&item.record.id, &[], &quiet()).await.err(),
        alice.create_share(&share, &quiet()).await.err(),
        alice.change_share(&terms).await.err(),
    ];
    assert_eq!(codes.map(|error| error.map(|error| error.code())), [Some(ErrorCode::BadResponse); 3]);
}
