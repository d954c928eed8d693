//! A server that makes the key of an encryption space itself.

use serde_json::{Value as Json, json};
use vaultshare::{
    ErrorCode,
    api::Id,
    crypto::{DataKey, KeyPair},
    workflows::{Item, NewSpaceShare, PageRequest, Session},
};

use crate::{
    harness::{Harness, Network, quiet, value},
    lies::{INVENTED, alter, car, readable, servers_pair, set},
};

async fn only_connection(user: &Session) -> Id {
    user.list_connections(&PageRequest::default()).await.unwrap().entries[0].record.own.id.clone()
}

fn in_space(item: &Item, connection: &Id) -> NewSpaceShare {
    NewSpaceShare::new(item.record.id.clone(), connection.clone())
}

async fn share(user: &Session, share: &NewSpaceShare) -> Result<Id, ErrorCode> {
    user.share_in_space(share, &quiet()).await.map(|share| share.id).map_err(|error| error.code())
}

/// The server says that Bob has a space, and leaves a key of its own in it.
async fn leave_a_key(network: &Network, connection: &Id, own_key: &str, dek: &DataKey, signature: Json) {
    let key = vaultshare::crypto::PublicKey::from_pem(own_key).unwrap().wrap_data_key(dek).await.unwrap();
    let path = format!("/vault/connections/{connection}");
    network.refuse(|method, path| match (method, path) {
        ("POST", "/keystore/encryption_spaces") => Some(201),
        ("POST", _) if path.ends_with("/claim_key") => Some(200),
        ("POST", _) if path.ends_with("/encryption_space") => Some(204),
        _ => None,
    });
    network.tamper(move |method, asked, body| match method {
        "GET" if asked == path => alter(body, |json| {
            json["connection"]["encryption_space_id"] = Json::Null;
            json["connection"]["other_user_connection_encryption_space_id"] = INVENTED.into();
        }),
        "POST" if asked.ends_with("/claim_key") => {
            let claimed = json!({ "external_id": INVENTED, "serialized_shared_key": key, "signature": signature });
            serde_json::to_vec(&json!({ "shared_key_claimed": claimed })).unwrap()
        }
        "POST" if asked == "/keystore/encryption_spaces" => {
            let copy = json!({ "id": INVENTED, "encryption_space_id": INVENTED,
                "serialized_data_encryption_key": "Aes256Gcm.QUJD.QQUAAAAA" });
            serde_json::to_vec(&json!({ "encryption_space_data_encryption_key": copy })).unwrap()
        }
        _ => body,
    });
}

/// What the sent shares say to whoever has the space's key.
async fn readable_under(dek: &DataKey, sent: &[Vec<u8>], pair: &KeyPair) -> std::collections::BTreeSet<String> {
    let key = pair.public_key().wrap_data_key(dek).await.unwrap();
    let with_key: Vec<Vec<u8>> = sent.iter().cloned().chain([serde_json::to_vec(&json!(key)).unwrap()]).collect();
    readable(&with_key, &[pair]).await
}

#[tokio::test]
async fn nothing_is_shared_under_a_key_that_the_server_left() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let shown = alice.get_connection(&to_bob.clone().into()).await.unwrap();
    let own_key = shown.record.own.user_public_key.clone();
    let (dek, server) = (DataKey::generate().unwrap(), servers_pair().await);
    let alices = harness.only_pair_of(&alice).await;
    let text =
        |maker: &KeyPair| vaultshare::crypto::places::space_key_text(maker.public_key(), alices.public_key(), &dek);
    // Not signed, signed by somebody else, and signed by Bob: another key, and as its claimer.
    let bobs = harness.only_pair_of(&bob).await;
    let other_dek = DataKey::generate().unwrap();
    let of_other = vaultshare::crypto::places::space_key_text(bobs.public_key(), alices.public_key(), &other_dek);
    let as_claimer = vaultshare::crypto::places::space_key_text(alices.public_key(), bobs.public_key(), &dek);
    let signatures = [
        Json::Null,
        "AAAA".into(),
        server.sign_detached(&text(&server)).await.unwrap().into(),
        server.sign_detached(&text(&bobs)).await.unwrap().into(),
        bobs.sign_detached(&of_other).await.unwrap().into(),
        bobs.sign_detached(&as_claimer).await.unwrap().into(),
    ];
    for signature in signatures {
        leave_a_key(&harness.network, &to_bob, &own_key, &dek, signature.clone()).await;
        harness.network.sent_bodies();
        harness.network.log();
        let refused = share(&alice, &in_space(&item, &to_bob)).await;
        assert_eq!(refused, Err(ErrorCode::UnverifiedKey), "{signature}");
        assert!(!harness.network.log().contains(&"POST /vault/shares".to_owned()), "{signature}");
        assert_eq!(readable_under(&dek, &harness.network.sent_bodies(), &server).await, set(&[]), "{signature}");
        // Nor for a fingerprint that is not that of Bob's key.
        let accepted = NewSpaceShare { accept_unproven: Some(server.fingerprint()), ..in_space(&item, &to_bob) };
        assert_eq!(share(&alice, &accepted).await, Err(ErrorCode::UnverifiedKey), "{signature}");
    }
    // What the user accepts by name is the user's.
    leave_a_key(&harness.network, &to_bob, &own_key, &dek, Json::Null).await;
    let accepted = NewSpaceShare { accept_unproven: Some(shown.fingerprint), ..in_space(&item, &to_bob) };
    harness.network.sent_bodies();
    let _ = share(&alice, &accepted).await;
    let expected = set(&["123", "OUTATIME"]);
    assert_eq!(readable_under(&dek, &harness.network.sent_bodies(), &server).await, expected);
}

/// The key that Bob made and signed is shared under, also when it was claimed in an earlier session.
#[tokio::test]
async fn a_claimed_key_that_its_maker_signed_is_shared_under() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let to_alice = only_connection(&bob).await;
    let of_bob = car(&bob).await;
    let from_bob = share(&bob, &in_space(&of_bob, &to_alice)).await.unwrap();
    let item = car(&alice).await;
    let mine = share(&alice, &in_space(&item, &to_bob)).await.unwrap();
    assert_eq!(value(&bob.get_space_share(&mine).await.unwrap().item, "vin"), Some("123"));
    let next = harness.new_session(&alice).await;
    assert_eq!(value(&next.get_space_share(&from_bob).await.unwrap().item, "vin"), Some("123"));
    let second = car(&next).await;
    share(&next, &in_space(&second, &to_bob)).await.unwrap();

    // With the signature withheld, reading goes on and sharing does not.
    let last = harness.new_session(&alice).await;
    harness.network.tamper(|_, path, body| match path.ends_with("/claim_key") {
        true => alter(body, |json| json["shared_key_claimed"]["signature"] = Json::Null),
        false => body,
    });
    assert_eq!(share(&last, &in_space(&second, &to_bob)).await, Err(ErrorCode::UnverifiedKey));
    assert_eq!(value(&last.get_space_share(&from_bob).await.unwrap().item, "vin"), Some("123"));
}

/// A value in a space names its place: the server does not exchange two of them.
#[tokio::test]
async fn a_value_in_a_space_stays_in_its_slot() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    let made = share(&alice, &in_space(&item, &to_bob)).await.unwrap();
    let (vin, plate) = (crate::lies::slot_id(&item, "vin"), crate::lies::slot_id(&item, "licence_plate"));
    harness.network.lie("GET", format!("/vault/shares/{made}"), move |json| {
        let values = &mut json["share"]["encrypted_values"];
        let (of_vin, of_plate) = (values[vin.as_str()].clone(), values[plate.as_str()].clone());
        assert!(of_vin.is_string() && of_plate.is_string());
        values[vin.as_str()] = of_plate;
        values[plate.as_str()] = of_vin;
    });
    assert_eq!(bob.get_space_share(&made).await.unwrap_err().code(), ErrorCode::Misplaced);
}

/// An item that is not as its values say is not shared in a space either.
#[tokio::test]
async fn a_changed_item_is_not_shared_in_a_space() {
    let harness = Harness::new().await;
    let (alice, _bob, to_bob) = harness.alice_and_bob().await;
    let item = car(&alice).await;
    harness.network.lie("GET", crate::lies::item_path(&item), |json| json["item"]["label"] = "Passport".into());
    harness.network.sent_bodies();
    assert_eq!(share(&alice, &in_space(&item, &to_bob)).await, Err(ErrorCode::ItemChanged));
    assert!(harness.network.sent_bodies().is_empty());
}
