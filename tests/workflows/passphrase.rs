//! Changing the passphrase: cut off anywhere it is either the old one or the new, and never neither.

use std::cell::Cell;

use vaultshare::{
    ErrorCode, Result,
    api::vault::items::ItemFilter,
    workflows::{PageRequest, Session},
};

use crate::{
    fault_injection::fail_each_request,
    harness::{DEVICE, Harness, PASSPHRASE, code, quiet, secret_of, value, vehicle},
};

impl Harness {
    async fn sign_in(&self, user: &Session, passphrase: &str) -> Result<Session> {
        self.client().sign_in(secret_of(user), passphrase, &quiet()).await
    }
}

async fn change(session: &Session, old: &str, new: &str) -> Result<()> {
    session.change_passphrase(None, old, new, &quiet()).await
}

#[tokio::test]
async fn the_new_passphrase_opens_what_the_old_one_did_and_other_sessions_end() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let other = harness.new_session(&alice).await;
    let car = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    change(&alice, PASSPHRASE, "another passphrase").await.unwrap();

    assert_eq!(code(harness.sign_in(&alice, PASSPHRASE).await), Some(ErrorCode::LoginFailed));
    let again = harness.sign_in(&alice, "another passphrase").await.unwrap();
    for session in [&alice, &again] {
        let item = session.get_item(&car.record.id).await.unwrap();
        assert_eq!(value(&item, "vin"), Some("123"));
    }
    let all = PageRequest { all: true, ..PageRequest::default() };
    assert_eq!(code(other.list_items(&ItemFilter::default(), &all).await), Some(ErrorCode::Unauthorized));
    // At the Keystore too, which the next connection asks.
    assert_eq!(code(other.end_other_sessions().await), Some(ErrorCode::Unauthorized));
    alice.sign_out().await.unwrap();
}

#[tokio::test]
async fn a_wrong_passphrase_changes_nothing() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let other = harness.new_session(&alice).await;
    assert_eq!(code(change(&alice, "not hers", "another").await), Some(ErrorCode::LoginFailed));
    assert_eq!(code(harness.sign_in(&alice, "another").await), Some(ErrorCode::LoginFailed));
    harness.sign_in(&alice, PASSPHRASE).await.unwrap();
    other.user().await.unwrap();
}

/// Who proved itself when the session began does so again, or is another.
#[tokio::test]
async fn a_keystore_that_proved_itself_proves_itself_again() {
    let harness = Harness::new().await;
    let alice = harness.new_session(&harness.user().await).await;
    harness.network.lie("PUT", "/keystore/srp/passphrase", |json| {
        json["session"].as_object_mut().unwrap().remove("srp_m2");
    });
    assert_eq!(code(change(&alice, PASSPHRASE, "another passphrase").await), Some(ErrorCode::ServerNotProven));
    // The Keystore did change it: made again, the call finds that.
    harness.network.lie("POST", "/keystore/srp/session", |json| {
        json["session"].as_object_mut().and_then(|session| session.remove("srp_m2"));
    });
    assert_eq!(code(change(&alice, PASSPHRASE, "another passphrase").await), Some(ErrorCode::ServerNotProven));
    harness.network.stop_tampering();
    change(&alice, PASSPHRASE, "another passphrase").await.unwrap();
}

#[tokio::test]
async fn a_change_that_was_cut_off_is_made_again_and_nobody_is_locked_out() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let car = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let round = Cell::new(0);
    let passphrase = |round: u32| if round == 0 { PASSPHRASE.to_owned() } else { format!("passphrase {round}") };
    fail_each_request(
        &harness.network,
        async || change(&alice, &passphrase(round.get()), &passphrase(round.get() + 1)).await,
        async |(), fault, number| {
            let (old, new) = (passphrase(round.get()), passphrase(round.get() + 1));
            let again = harness.sign_in(&alice, &new).await.unwrap();
            assert_eq!(value(&again.get_item(&car.record.id).await.unwrap(), "vin"), Some("123"));
            let refused = code(harness.sign_in(&alice, &old).await);
            assert_eq!(refused, Some(ErrorCode::LoginFailed), "{fault:?} at {number}");
            round.set(round.get() + 1);
        },
    )
    .await;
}

/// Whatever the first attempt came to: one of the two passphrases signs in, and opens everything.
#[tokio::test]
async fn a_change_that_is_cut_off_and_given_up_leaves_one_passphrase() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    for fault in crate::harness::Fault::ALL {
        for number in 1..10 {
            harness.network.fail(number, fault);
            let outcome = change(&alice, PASSPHRASE, "another").await;
            let got_through = harness.network.cancel_fault();
            let (old, new) = (harness.sign_in(&alice, PASSPHRASE).await, harness.sign_in(&alice, "another").await);
            assert!(old.is_ok() != new.is_ok(), "{fault:?} at {number}");
            assert!(outcome.is_err() || new.is_ok());
            if new.is_ok() {
                change(&alice, "another", PASSPHRASE).await.unwrap();
            }
            if got_through {
                break;
            }
        }
    }
}

#[tokio::test]
async fn of_two_devices_that_change_it_at_once_one_succeeds() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let other = harness.new_session(&alice).await;
    let (one, two) =
        futures_util::join!(change(&alice, PASSPHRASE, "of the one"), change(&other, PASSPHRASE, "of the other"));
    let (winner, loser, refused) =
        if one.is_ok() { ("of the one", "of the other", two) } else { ("of the other", "of the one", one) };
    let refused = code(refused);
    assert!(matches!(refused, Some(ErrorCode::LoginFailed | ErrorCode::Unauthorized)), "{refused:?}");
    harness.sign_in(&alice, winner).await.unwrap();
    assert_eq!(code(harness.sign_in(&alice, loser).await), Some(ErrorCode::LoginFailed));
}

/// A Keystore that says that the new passphrase is the user's has to show the KEK under it.
#[tokio::test]
async fn a_kek_of_the_servers_choice_is_no_success() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    change(&alice, PASSPHRASE, "another").await.unwrap();
    let of_bob = harness.reply(&bob, "/keystore/key_encryption_key").await;
    harness.network.replay("/keystore/key_encryption_key", &of_bob);
    assert_eq!(code(change(&alice, PASSPHRASE, "another").await), Some(ErrorCode::DecryptionFailed));
}

/// A session that a device kept ends with the others, and does without the secret, which the user then gives.
#[tokio::test]
async fn a_kept_session_ends_and_a_resumed_one_asks_for_the_secret() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let remembered = alice.remember(&DEVICE, None).await.unwrap().0;
    let resumed = harness.client().resume(&DEVICE, &remembered).await.unwrap().unwrap();
    assert_eq!(code(change(&resumed, PASSPHRASE, "another").await), Some(ErrorCode::NotFound));
    resumed.change_passphrase(Some(secret_of(&alice)), PASSPHRASE, "another", &quiet()).await.unwrap();
    assert!(harness.client().resume(&DEVICE, &remembered).await.unwrap().is_none());
    let again = resumed.remember(&DEVICE, None).await.unwrap().0;
    harness.client().resume(&DEVICE, &again).await.unwrap().unwrap();
    harness.sign_in(&alice, "another").await.unwrap();
}
