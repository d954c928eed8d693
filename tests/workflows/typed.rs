//! What users type and paste: passphrases, links, dates, and the addresses of the services.

use std::rc::Rc;

use vaultshare::{
    ErrorCode,
    api::keystore::{self, srp::NewSrpUser},
    crypto::{Spelling, UserSecret, generate_srp_registration},
    http::{BaseUrl, RequestPolicy, Service},
    workflows::{Client, ClientOptions, ConnectionDetails, NewShare, ShareTerms},
};

use crate::harness::{Harness, PASSPHRASE, accept, invitation, quiet, value, vehicle};

/// `Größe é` as most keyboards write it, and as some systems take it apart.
const COMPOSED: &str = "Gr\u{f6}\u{df}e \u{e9}";
const DECOMPOSED: &str = "Gro\u{308}\u{df}e e\u{301}";
/// Each half spelled differently.
const MIXED: &str = "Gr\u{f6}\u{df}e e\u{301}";

fn clone(secret: &UserSecret) -> UserSecret {
    UserSecret::parse(secret.as_str()).unwrap()
}

fn logins(harness: &Harness) -> usize {
    harness.network.log().iter().filter(|request| *request == "POST /keystore/srp/session").count()
}

#[tokio::test]
async fn a_passphrase_signs_in_however_a_keyboard_spells_it() {
    let harness = Harness::new().await;
    for typed in [COMPOSED, DECOMPOSED, MIXED] {
        let secret = harness.new_secret().await;
        let alice = harness.client().create_user(typed, Some(clone(&secret)), &quiet()).await.unwrap();
        let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
        assert_eq!(alice.passphrase_spelling().unwrap(), Spelling::Composed, "new accounts have one spelling");
        for later in [COMPOSED, DECOMPOSED, MIXED] {
            let again = harness.client().sign_in(clone(&secret), later, &quiet()).await.unwrap();
            assert_eq!(value(&again.get_item(&item.record.id).await.unwrap(), "vin"), Some("123"));
        }
    }
}

#[tokio::test]
async fn an_account_whose_passphrase_a_peer_took_as_typed_opens_in_either_form() {
    let harness = Harness::new().await;
    for typed in [DECOMPOSED, MIXED] {
        // As far as another client got, which takes bytes as they are.
        let secret = harness.new_secret().await;
        let password = secret.derive_srp_password(typed).await.unwrap();
        let registration = generate_srp_registration(secret.username(), &password).unwrap();
        let user = NewSrpUser {
            username: secret.username().to_owned(),
            srp_salt: registration.salt,
            srp_verifier: registration.verifier,
        };
        let url = BaseUrl::parse("http://localhost/keystore").unwrap();
        let keystore = Service::new(url, Rc::new(harness.network.clone()), RequestPolicy::default(), None).unwrap();
        keystore::srp::register(&keystore, &user).await.unwrap();

        let resumed = harness.client().create_user(typed, Some(clone(&secret)), &quiet()).await.unwrap();
        assert_eq!(resumed.passphrase_spelling().unwrap(), Spelling::AsTyped);
        let again = harness.client().sign_in(clone(&secret), typed, &quiet()).await.unwrap();
        assert_eq!(again.user_id(), resumed.user_id());
        let otherwise = harness.client().sign_in(secret, COMPOSED, &quiet()).await;
        match typed {
            DECOMPOSED => assert_eq!(otherwise.unwrap().passphrase_spelling().unwrap(), Spelling::Decomposed),
            // Neither form of Unicode's: to be typed as it was.
            _ => assert_eq!(otherwise.err().unwrap().code(), ErrorCode::LoginFailed),
        }
    }
}

#[tokio::test]
async fn each_spelling_is_one_attempt_and_the_same_one_is_not_made_twice() {
    let harness = Harness::new().await;
    let secret = harness.new_secret().await;
    harness.client().create_user(COMPOSED, Some(clone(&secret)), &quiet()).await.unwrap();
    harness.network.log();
    for (wrong, attempts) in [("wrong", 1), ("鍵", 1), ("W\u{f6}rter", 2), ("Wo\u{308}rter", 2), ("o\u{308}\u{f6}", 3)]
    {
        let refused = harness.client().sign_in(clone(&secret), wrong, &quiet()).await.err().unwrap();
        assert_eq!(refused.code(), ErrorCode::LoginFailed);
        assert_eq!(logins(&harness), attempts, "{wrong:?}");
    }
    // The server forgives whoever is right in the end: else the second spelling would use the attempts up.
    for _ in 0..25 {
        harness.client().sign_in(clone(&secret), DECOMPOSED, &quiet()).await.unwrap();
    }
}

#[tokio::test]
async fn a_link_is_accepted_with_what_a_mail_program_left_behind_it() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    for (before, behind) in
        [("", ")"), ("<https://app.example/#invitation=", ">."), ("#invitation=", "&utm_source=mail")]
    {
        let made = alice.create_invitation(&invitation("Bob"), &quiet()).await.unwrap();
        let id = made.id.unwrap();
        let link = if before.is_empty() { made.token } else { format!("{before}{id}.{}", made.token) };
        let connection = accept(&bob, &format!("{link}{behind}"), "Alice").await;
        bob.delete_connection(&connection.record.own.id.into()).await.unwrap();
    }
    harness.network.log();
    let details = ConnectionDetails { token: "Token: abc".to_owned(), ..ConnectionDetails::default() };
    let refused = bob.accept_invitation(&details, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    assert!(harness.network.log().is_empty(), "nothing that may be no token is sent");
}

#[tokio::test]
async fn a_share_may_last_to_the_end_of_the_year_9999_and_a_refused_end_is_explained() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let until = |instant: &str| NewShare {
        expires_at: Some(instant.to_owned()),
        ..NewShare::new(item.record.id.clone(), to_bob.clone())
    };
    for (instant, told) in [
        ("2020-10-12T05:52:45.395Z", "server's clock"),
        ("+010000-01-01T00:00:00.000Z", "9999"),
        ("tomorrow", "RFC 3339"),
    ] {
        let refused = alice.create_share(&until(instant), &quiet()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidArgument);
        assert!(refused.message().contains(told), "{instant}: {refused}");
    }
    let share = alice.create_share(&until("9999-12-31T00:00:00.000Z"), &quiet()).await.unwrap();
    assert_eq!(share.expires_at.as_deref(), Some("9999-12-31T00:00:00.000Z"));
    let last = "9999-12-31T23:59:59.999Z";
    let terms = ShareTerms {
        share_id: share.id.clone(),
        item_id: item.record.id.clone(),
        connection: to_bob.into(),
        expires_at: Some(Some(last.to_owned())),
        on_sharing: None,
    };
    alice.change_share(&terms).await.unwrap();
    assert_eq!(bob.get_share(&share.id).await.unwrap().share.expires_at.as_deref(), Some(last));
    assert!(alice.refresh_shares(&item.record.id, &[], &quiet()).await.unwrap().left_out.is_empty());
}

/// Its user would look for the passphrase for ever.
#[tokio::test]
async fn a_disabled_account_is_not_a_wrong_passphrase() {
    let harness = Harness::new().await;
    let secret = harness.new_secret().await;
    harness.client().create_user(PASSPHRASE, Some(clone(&secret)), &quiet()).await.unwrap();
    harness.server.set_user_disabled(secret.username(), true).await.unwrap();
    let refused = harness.client().sign_in(clone(&secret), PASSPHRASE, &quiet()).await.err().unwrap();
    assert_eq!((refused.code(), refused.server_code()), (ErrorCode::Forbidden, Some("user_disabled")), "{refused}");
    assert!(refused.message().contains("disabled"), "{refused}");
    // Whoever does not know the passphrase is told nothing.
    let wrong = harness.client().sign_in(clone(&secret), "wrong", &quiet()).await.err().unwrap();
    assert_eq!((wrong.code(), wrong.server_code()), (ErrorCode::LoginFailed, None), "{wrong}");
}

/// What a gateway answers that wants a subscription key, or another API behind a mistyped base URL.
#[tokio::test]
async fn what_refuses_everybody_is_not_taken_for_a_wrong_passphrase() {
    let harness = Harness::new().await;
    let secret = harness.new_secret().await;
    harness.client().create_user(PASSPHRASE, Some(clone(&secret)), &quiet()).await.unwrap();
    for status in [401, 403] {
        for body in ["", r#"{"message":"Unauthorized"}"#, r#"{"errors":["Unauthorized"]}"#] {
            harness.network.refuse(move |_, _| Some(status));
            harness.network.tamper(move |_, _, _| body.as_bytes().to_vec());
            let reserving = harness.client().new_secret().await.err().unwrap();
            let signing_in = harness.client().sign_in(clone(&secret), PASSPHRASE, &quiet()).await.err().unwrap();
            let signing_up =
                harness.client().create_user(PASSPHRASE, Some(clone(&secret)), &quiet()).await.err().unwrap();
            for error in [reserving, signing_in, signing_up] {
                assert_eq!((error.code(), error.status()), (ErrorCode::BadResponse, Some(status)), "{body}: {error}");
                assert!(error.message().contains("subscription key"), "{error}");
            }
            harness.network.stop_tampering();
        }
    }
    // Servers differ in what they say of a wrong proof: there it is one.
    harness.network.refuse(|_, path| path.ends_with("/srp/session").then_some(401));
    let wrong = harness.client().sign_in(clone(&secret), PASSPHRASE, &quiet()).await.err().unwrap();
    assert_eq!(wrong.code(), ErrorCode::LoginFailed);
}

#[tokio::test]
async fn a_wrong_base_url_is_not_taken_for_a_wrong_passphrase_or_a_missing_record() {
    let harness = Harness::new().await;
    let secret = harness.new_secret().await;
    harness.client().create_user(PASSPHRASE, Some(clone(&secret)), &quiet()).await.unwrap();
    for (vault, keystore) in [("keystore", "vault"), ("vault", ""), ("vault", "keystore/v2")] {
        let options = ClientOptions {
            vault_url: format!("http://localhost/{vault}"),
            keystore_url: format!("http://localhost/{keystore}"),
            subscription_key: None,
            policy: RequestPolicy::default(),
        };
        let client = Client::new(&options, Rc::new(harness.network.clone())).unwrap();
        let reserving = client.new_secret().await.err().unwrap();
        let signing_in = client.sign_in(clone(&secret), PASSPHRASE, &quiet()).await.err().unwrap();
        for error in [reserving, signing_in] {
            assert_eq!((error.code(), error.status()), (ErrorCode::BadResponse, Some(404)), "{keystore}");
            assert!(error.message().contains("base URL"), "{error}");
        }
    }
}
