//! Invitations by code: each side knows the other's key without asking the server, which exchanges keys and drops proofs.

use serde_json::Value as Json;
use vaultshare::{
    ErrorCode,
    crypto::KeyPair,
    workflows::{
        Connection, ConnectionDetails, ConnectionRef, NewInvitation, NewShare, PageRequest, Session, Verified,
    },
};

use crate::{
    harness::{Harness, Network, quiet, vehicle},
    lies::{alter, servers_pair},
};

fn by_code() -> NewInvitation {
    NewInvitation { name: "Bob".to_owned(), by_code: true, ..NewInvitation::default() }
}

fn details(token: &str) -> ConnectionDetails {
    ConnectionDetails { token: token.to_owned(), name: "Alice".to_owned(), ..ConnectionDetails::default() }
}

/// Alice invites Bob by a code.
async fn connected(harness: &Harness) -> (Session, Session, Connection) {
    let (alice, bob) = (harness.user().await, harness.user().await);
    let invitation = alice.create_invitation(&by_code(), &quiet()).await.unwrap();
    let of_bob = bob.accept_invitation(&details(&invitation.token), &quiet()).await.unwrap();
    (alice, bob, of_bob)
}

/// The user's only connection.
async fn only(user: &Session) -> Connection {
    user.list_connections(&PageRequest::default()).await.unwrap().entries.remove(0)
}

async fn share(owner: &Session, connection: impl Into<ConnectionRef>) -> Result<(), ErrorCode> {
    let item = owner.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share = NewShare::new(item.record.id, connection);
    owner.create_share(&share, &quiet()).await.map(drop).map_err(|error| error.code())
}

/// Alters the other side of a user's connections in every reply.
fn show_other_side(network: &Network, change: impl Fn(&mut Json) + 'static) {
    network.tamper(move |method, path, body| match method {
        "GET" if path == "/vault/connections" => alter(body, |json| {
            json["connections"].as_array_mut().unwrap().iter_mut().for_each(|one| change(&mut one["the_other_user"]))
        }),
        "GET" | "POST" if path.starts_with("/vault/connections") => {
            alter(body, |json| change(&mut json["connection"]["the_other_user"]))
        }
        _ => body,
    });
}

fn show_key(network: &Network, pair: &KeyPair) {
    let key = pair.public_key_pem().to_owned();
    show_other_side(network, move |side| side["user_public_key"] = key.clone().into());
}

#[tokio::test]
async fn a_code_proves_both_keys_in_every_session() {
    let harness = Harness::new().await;
    let (alice, bob, of_bob) = connected(&harness).await;
    let of_alice = only(&alice).await;
    assert_eq!((of_alice.verified, of_bob.verified), (Some(Verified::Code), Some(Verified::Code)));
    assert_eq!(of_alice.safety_number, of_bob.safety_number);
    share(&alice, of_alice.record.own.id.clone()).await.unwrap();
    share(&bob, of_bob.record.own.id.clone()).await.unwrap();
    for user in [&alice, &bob] {
        let next = harness.new_session(user).await;
        let connection = only(&next).await;
        assert_eq!(connection.verified, Some(Verified::Code));
        share(&next, connection.record.own.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_code_is_found_in_its_link_and_in_a_message() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    for text in [
        |code: &str| format!("https://app.example/?a=1#vs1={code}"),
        |code: &str| format!("Here it is:\n<https://app.example/#vs1={code}>\nGood night!"),
        |code: &str| format!(" ({code}).\n"),
    ] {
        let bob = harness.user().await;
        let code = alice.create_invitation(&by_code(), &quiet()).await.unwrap().token.clone();
        let connection = bob.accept_invitation(&details(&text(&code)), &quiet()).await.unwrap();
        assert_eq!(connection.verified, Some(Verified::Code));
    }
    for text in [|code: &str| format!("vs1={code}"), |code: &str| format!("https://app.example/{code}")] {
        let bob = harness.user().await;
        let code = alice.create_invitation(&by_code(), &quiet()).await.unwrap().token.clone();
        bob.accept_invitation(&details(&text(&code)), &quiet()).await.unwrap();
    }
}

/// Whoever gets a code as a token knows its secret: a server could prove a key of its own with it.
#[tokio::test]
async fn no_part_of_a_code_is_sent_as_a_token() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let code = alice.create_invitation(&by_code(), &quiet()).await.unwrap().token.clone();
    let bob = harness.user().await;
    harness.network.log();
    let capital = format!("V{}", &code[1..]);
    for text in
        [&code[..code.len() - 1], &capital, &code["vs1.".len()..], &format!("code={capital}"), "vs1.", "vs1.abc"]
    {
        let refused = bob.accept_invitation(&details(text), &quiet()).await.unwrap_err();
        assert_eq!((refused.code(), harness.network.log().len()), (ErrorCode::InvalidArgument, 0), "{text}");
    }
}

/// A server that answers with a code instead of a token would have the user hand over its own key.
#[tokio::test]
async fn a_servers_code_is_no_token() {
    let harness = Harness::new().await;
    let (alice, carlos) = (harness.user().await, harness.user().await);
    let code = carlos.create_invitation(&by_code(), &quiet()).await.unwrap().token.clone();
    for token in [code.clone(), code["vs1.".len()..].to_owned(), String::new(), "a b".to_owned()] {
        let shown = token.clone();
        harness
            .network
            .lie("POST", "/vault/invitations", move |json| json["invitation"]["token"] = shown.clone().into());
        for invitation in [NewInvitation::default(), by_code()] {
            let refused = alice.create_invitation(&invitation, &quiet()).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::BadResponse, "{token}");
        }
    }
    harness.network.lie("GET", "/vault/invitations", move |json| json["invitations"][0]["token"] = code.clone().into());
    let listed = alice.list_invitations(&PageRequest::default()).await.unwrap().entries;
    assert!(!listed.is_empty() && listed.iter().all(|invitation| invitation.token.is_empty()));
}

/// The connection to somebody who works with the server, in the place of the one that the code is for.
#[tokio::test]
async fn another_connection_of_the_users_is_not_taken_for_the_codes() {
    let harness = Harness::new().await;
    let (carlos, bob, of_bob) = connected(&harness).await;
    let alice = harness.user().await;
    let earlier = harness.reply(&bob, &format!("/vault/connections/{}", of_bob.record.own.id)).await;
    let code = alice.create_invitation(&by_code(), &quiet()).await.unwrap().token.clone();
    harness.network.lie("POST", "/vault/connections", move |json| {
        *json = earlier.clone();
        json["connection_existed_already"] = false.into();
    });
    let refused = bob.accept_invitation(&details(&code), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AlreadyConnected);
    harness.network.stop_tampering();
    bob.get_connection(&of_bob.record.own.id.clone().into()).await.unwrap();
    drop(carlos);
}

/// Two devices were shown different keys; the first noted the genuine one. The second refuses its own however often it is asked.
#[tokio::test]
async fn a_key_that_another_device_noted_otherwise_gets_nothing() {
    let harness = Harness::new().await;
    let (alice, bob, id) = harness.alice_and_bob().await;
    let (second, server) = (harness.new_session(&alice).await, servers_pair().await);
    show_key(&harness.network, &server);
    only(&second).await;
    harness.network.stop_tampering();
    share(&alice, id.clone()).await.unwrap();
    show_key(&harness.network, &server);
    for _ in 0..3 {
        assert_eq!(share(&second, id.clone()).await, Err(ErrorCode::KeyChanged));
    }
    drop(bob);
}

#[tokio::test]
async fn no_connection_is_made_with_another_key_than_the_codes() {
    let harness = Harness::new().await;
    let (alice, bob, server) = (harness.user().await, harness.user().await, servers_pair().await);
    let code = alice.create_invitation(&by_code(), &quiet()).await.unwrap().token.clone();
    show_key(&harness.network, &server);
    let refused = bob.accept_invitation(&details(&code), &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::KeyChanged);
    harness.network.stop_tampering();
    assert!(bob.list_connections(&PageRequest::default()).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn nothing_is_disclosed_to_a_key_that_does_not_prove_the_code() {
    let harness = Harness::new().await;
    let (alice, bob, of_bob) = connected(&harness).await;
    let (server, id) = (servers_pair().await, of_bob.record.the_other_user.id.clone());
    let genuine = harness.reply(&alice, &format!("/vault/connections/{id}")).await;
    let proof = genuine["connection"]["the_other_user"]["proof"].clone();
    assert!(proof.is_string());
    let unproven = async |session: &Session, what: &str| {
        let listed = only(session).await;
        assert_eq!((listed.verified, listed.key_changed), (None, false), "{what}");
        assert_eq!(share(session, id.clone()).await, Err(ErrorCode::UnverifiedKey), "{what}");
        assert_eq!(
            share(session, ConnectionRef::parse(&listed.reference()).unwrap()).await,
            Err(ErrorCode::UnverifiedKey)
        );
    };
    // Another key, with Bob's proof; and Bob's own with none, or with one that is made up.
    let session = harness.new_session(&alice).await;
    show_key(&harness.network, &server);
    unproven(&session, "another key").await;
    for proof in [Json::Null, "".into(), "A".repeat(43).into()] {
        let session = harness.new_session(&alice).await;
        let (shown, what) = (proof.clone(), proof.to_string());
        show_other_side(&harness.network, move |side| side["proof"] = shown.clone());
        unproven(&session, &what).await;
    }
    // What was shown before its proof keeps nobody from the genuine key.
    harness.network.stop_tampering();
    for session in [&session, &alice] {
        assert_eq!(only(session).await.verified, Some(Verified::Code));
        share(session, id.clone()).await.unwrap();
    }
    drop(bob);
}

/// As of a client or a server that knows no proofs.
#[tokio::test]
async fn a_key_without_a_proof_is_accepted_by_its_safety_number() {
    let harness = Harness::new().await;
    let (alice, bob, of_bob) = connected(&harness).await;
    let id = of_bob.record.the_other_user.id.clone();
    show_other_side(&harness.network, |side| side["proof"] = Json::Null);
    let next = harness.new_session(&alice).await;
    assert_eq!(share(&next, id.clone()).await, Err(ErrorCode::UnverifiedKey));
    let marked = next.mark_verified(&id, &of_bob.safety_number).await.unwrap();
    assert_eq!(marked.verified, Some(Verified::Compared));
    share(&next, id.clone()).await.unwrap();
    share(&harness.new_session(&alice).await, id).await.unwrap();
    drop(bob);
}

#[tokio::test]
async fn a_code_goes_by_no_mail_and_with_no_key_pair_of_before() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let mailed = NewInvitation { email: Some("bob@example.com".to_owned()), ..by_code() };
    harness.network.log();
    let refused = alice.create_invitation(&mailed, &quiet()).await.unwrap_err();
    assert_eq!((refused.code(), harness.network.log().len()), (ErrorCode::InvalidArgument, 0));

    // Whoever had an earlier code of the same pair would know this one's secret.
    let named = NewInvitation { keypair_id: Some("94c27129-e179-4c69-a7f1-94438b920541".to_owned()), ..by_code() };
    let refused = alice.create_invitation(&named, &quiet()).await.unwrap_err();
    assert_eq!((refused.code(), harness.network.log().len()), (ErrorCode::InvalidArgument, 0));
}
