//! Deleting the account, and thinking better of it.

use std::time::Duration;

use serde_json::json;
use vaultshare::{
    ErrorCode, Result,
    api::vault::{items::ItemFilter, shares::IncomingFilter},
    crypto::UserSecret,
    workflows::{AccountDeletion, NewShare, PageRequest, Session},
};
use vaultshare_server::Limits;

use crate::{
    fault_injection::fail_each_request,
    harness::{DEVICE, Harness, PASSPHRASE, code, quiet, secret_of, value, vehicle},
};

async fn delete(session: &Session) -> Result<AccountDeletion> {
    session.delete_account(None, PASSPHRASE, &quiet()).await
}

async fn queued(session: &Session) -> Option<String> {
    session.user().await.unwrap().queued_for_deletion_after
}

fn all() -> PageRequest {
    PageRequest { all: true, ..PageRequest::default() }
}

impl Harness {
    async fn sign_in_by(&self, secret: &UserSecret) -> Result<Session> {
        let secret = UserSecret::parse(secret.as_str()).unwrap();
        self.client().sign_in(secret, PASSPHRASE, &quiet()).await
    }

    /// Lets so much time pass, and what is due happen.
    async fn after(&self, time: Duration) {
        self.server.clock().advance(time);
        self.server.clear_expired().await.unwrap();
    }
}

#[tokio::test]
async fn an_account_is_as_it_was_until_its_time_and_then_gone() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let secret = secret_of(&alice);
    let car = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap().record.id;
    alice.create_share(&NewShare::new(car.clone(), to_bob), &quiet()).await.unwrap();
    let of_bob = bob.create_item(&vehicle(&[("vin", "456")]), &quiet()).await.unwrap().record.id;
    let remembered = alice.remember(&DEVICE, None).await.unwrap().0;
    let deletion = delete(&alice).await.unwrap();
    assert!(deletion.keystore_follows);
    assert_eq!(queued(&alice).await.as_ref(), Some(&deletion.queued_for_deletion_after));

    harness.after(*Limits::default().deletion - Duration::from_secs(60)).await;
    let alice = harness.sign_in_by(&secret).await.unwrap();
    assert_eq!(queued(&alice).await, Some(deletion.queued_for_deletion_after));
    assert_eq!(value(&alice.get_item(&car).await.unwrap(), "vin"), Some("123"));

    harness.after(Duration::from_secs(120)).await;
    assert_eq!(code(harness.sign_in_by(&secret).await), Some(ErrorCode::LoginFailed));
    assert_eq!(code(alice.list_items(&ItemFilter::default(), &all()).await), Some(ErrorCode::Unauthorized));
    assert!(harness.client().resume(&DEVICE, &remembered).await.unwrap().is_none());
    // Nobody can be this user again.
    let again = harness.client().create_user("another passphrase", Some(secret_of(&alice)), &quiet()).await;
    assert_eq!(code(again), Some(ErrorCode::LoginFailed));

    let bob = harness.sign_in_by(&secret_of(&bob)).await.unwrap();
    let items = bob.list_items(&ItemFilter::default(), &all()).await.unwrap().entries;
    assert_eq!(items.iter().map(|item| &item.id).collect::<Vec<_>>(), [&of_bob]);
    assert!(bob.incoming_shares(&IncomingFilter::default(), &all()).await.unwrap().entries.is_empty());
    assert!(bob.list_connections(&all()).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn an_account_is_kept_from_any_session_and_nothing_comes_of_it() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let other = harness.new_session(&alice).await;
    let car = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap().record.id;
    delete(&alice).await.unwrap();
    other.keep_account().await.unwrap();
    assert_eq!(queued(&alice).await, None);
    // And where nothing is queued.
    alice.keep_account().await.unwrap();
    harness.after(*Limits::default().deletion * 2).await;
    let alice = harness.sign_in_by(&secret_of(&alice)).await.unwrap();
    assert_eq!(value(&alice.get_item(&car).await.unwrap(), "vin"), Some("123"));
}

/// At a Keystore that deletes whoever it has queued, cut off in between: what is there longer is the keys.
#[tokio::test]
async fn the_vault_is_queued_first_and_kept_last() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let queue =
        |log: Vec<String>| log.into_iter().filter(|request| request.ends_with("deletion_queue")).collect::<Vec<_>>();
    harness.network.log();
    delete(&alice).await.unwrap();
    let in_order = ["POST /vault/me/deletion_queue", "POST /keystore/users/deletion_queue"];
    assert_eq!(queue(harness.network.log()), in_order);
    alice.keep_account().await.unwrap();
    let kept = ["DELETE /keystore/users/deletion_queue", "DELETE /vault/me/deletion_queue"];
    assert_eq!(queue(harness.network.log()), kept);
    delete(&alice).await.unwrap();
    harness.network.fail(1, crate::harness::Fault::NotSent);
    assert_eq!(code(alice.keep_account().await), Some(ErrorCode::Network));
    assert!(queued(&alice).await.is_some());
}

#[tokio::test]
async fn nothing_is_queued_without_the_passphrase() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    for (secret, passphrase) in [(None, "not hers"), (Some(secret_of(&bob)), PASSPHRASE)] {
        let refused = alice.delete_account(secret, passphrase, &quiet()).await;
        assert_eq!(code(refused), Some(ErrorCode::LoginFailed));
    }
    let remembered = alice.remember(&DEVICE, None).await.unwrap().0;
    let resumed = harness.client().resume(&DEVICE, &remembered).await.unwrap().unwrap();
    assert_eq!(code(delete(&resumed).await), Some(ErrorCode::NotFound));
    assert_eq!(queued(&alice).await, None);
    resumed.delete_account(Some(secret_of(&alice)), PASSPHRASE, &quiet()).await.unwrap();
    assert!(queued(&alice).await.is_some());
    resumed.close();
    assert_eq!(code(resumed.keep_account().await), Some(ErrorCode::SessionClosed));
}

#[tokio::test]
async fn a_passphrase_in_another_spelling_is_the_users_too() {
    let harness = Harness::new().await;
    let alice = harness.client().create_user("cafe\u{301} noir", None, &quiet()).await.unwrap();
    alice.delete_account(None, "caf\u{e9} noir", &quiet()).await.unwrap();
}

/// Whatever was cut off, the call that is made again says what then happens, and at the time of the first.
#[tokio::test]
async fn a_deletion_that_was_cut_off_is_made_again_and_carried_out() {
    let harness = Harness::new().await;
    let current = std::cell::RefCell::new(harness.user().await);
    let mut deleted = Vec::new();
    fail_each_request(
        &harness.network,
        async || {
            let alice = current.borrow().clone();
            delete(&alice).await
        },
        async |deletion, fault, number| {
            let alice = current.replace(harness.user().await);
            assert!(deletion.keystore_follows, "{fault:?} at {number}");
            assert_eq!(queued(&alice).await, Some(deletion.queued_for_deletion_after), "{fault:?} at {number}");
            deleted.push(secret_of(&alice));
        },
    )
    .await;
    harness.after(*Limits::default().deletion + Duration::from_secs(60)).await;
    for secret in &deleted {
        assert_eq!(code(harness.sign_in_by(secret).await), Some(ErrorCode::LoginFailed));
    }
    let rest = secret_of(&current.into_inner());
    harness.sign_in_by(&rest).await.unwrap();
}

/// Cut off and given up, it is either queued as a whole or the user signs in and has everything; so for taking it back.
#[tokio::test]
async fn what_is_cut_off_and_given_up_locks_nobody_out() {
    let harness = Harness::new().await;
    let mut users = Vec::new();
    for keeps in [false, true] {
        for fault in crate::harness::Fault::ALL {
            for number in 1..10 {
                let alice = harness.user().await;
                let car = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap().record.id;
                if keeps {
                    delete(&alice).await.unwrap();
                }
                harness.network.fail(number, fault);
                let outcome = if keeps { alice.keep_account().await } else { delete(&alice).await.map(drop) };
                let got_through = harness.network.cancel_fault();
                let is_queued = queued(&alice).await.is_some();
                assert!(outcome.is_err() || is_queued != keeps, "{fault:?} at {number}");
                users.push((secret_of(&alice), car, is_queued));
                if got_through {
                    break;
                }
            }
        }
    }
    harness.after(*Limits::default().deletion + Duration::from_secs(60)).await;
    assert!(users.iter().any(|user| user.2) && users.iter().any(|user| !user.2));
    for (secret, car, is_queued) in &users {
        match harness.sign_in_by(secret).await {
            Ok(alice) => {
                assert!(!is_queued);
                assert_eq!(value(&alice.get_item(car).await.unwrap(), "vin"), Some("123"));
            }
            Err(error) => assert!(*is_queued && error.code() == ErrorCode::LoginFailed, "{error:?}"),
        }
    }
}

#[tokio::test]
async fn keeping_an_account_is_made_again_after_any_failed_request() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    delete(&alice).await.unwrap();
    fail_each_request(
        &harness.network,
        async || alice.keep_account().await,
        async |(), fault, number| {
            assert_eq!(queued(&alice).await, None, "{fault:?} at {number}");
            delete(&alice).await.unwrap();
        },
    )
    .await;
    alice.keep_account().await.unwrap();
    harness.after(*Limits::default().deletion * 2).await;
    harness.sign_in_by(&secret_of(&alice)).await.unwrap();
}

/// Of another make, which says so in different ways.
#[tokio::test]
async fn a_keystore_without_a_queue_is_told_from_one_that_follows() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    for status in [404, 405] {
        harness.network.refuse(move |_, path| path.ends_with("/users/deletion_queue").then_some(status));
        for body in
            ["", "<html>", r#"{"errors":[{"error":"unknown_endpoint"}]}"#, r#"{"errors":[{"error":"no_route"}]}"#]
        {
            harness.network.tamper(
                move |_, path, reply| {
                    if path.ends_with("/users/deletion_queue") { body.into() } else { reply }
                },
            );
            assert!(!delete(&alice).await.unwrap().keystore_follows, "{status} {body}");
            assert!(queued(&alice).await.is_some());
            alice.keep_account().await.unwrap();
            assert_eq!(queued(&alice).await, None);
        }
    }
    harness.network.refuse(|_, path| path.ends_with("/users/deletion_queue").then_some(403));
    harness.network.tamper(|_, _, reply| reply);
    assert_eq!(code(delete(&alice).await), Some(ErrorCode::Forbidden));
}

#[tokio::test]
async fn what_a_server_says_of_a_deletion_is_about_this_user_and_has_a_time() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    let someone = json!(bob.user_id().as_str());
    harness.network.lie("POST", "/vault/me/deletion_queue", move |json| {
        json["deletion_queue_item"]["id"] = someone.clone();
    });
    assert_eq!(code(delete(&alice).await), Some(ErrorCode::BadResponse));
    alice.keep_account().await.unwrap();
    harness.network.lie("POST", "/vault/me/deletion_queue", |json| {
        json["deletion_queue_item"]["queued_for_deletion_after"] = json!("soon");
    });
    assert_eq!(code(delete(&alice).await), Some(ErrorCode::BadResponse));
    harness.network.lie("GET", "/vault/me", |json| json["user"]["queued_for_deletion_after"] = json!("never"));
    assert_eq!(code(delete(&alice).await), Some(ErrorCode::BadResponse));
    let someone = json!(bob.user_id().as_str());
    harness.network.lie("GET", "/vault/me", move |json| json["user"]["id"] = someone.clone());
    assert_eq!(code(alice.user().await), Some(ErrorCode::BadResponse));
}
