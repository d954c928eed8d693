//! A forgotten passphrase: recovered with what the user chose beforehand, and by nothing else.

use std::cell::RefCell;

use vaultshare::{
    ErrorCode, Result,
    crypto::{RecoveryKey, UserSecret},
    workflows::Session,
};

use crate::{
    fault_injection::fail_each_request,
    harness::{DEVICE, Harness, PASSPHRASE, code, quiet, secret_of, value, vehicle},
};

async fn recovery_key(session: &Session) -> RecoveryKey {
    session.create_recovery_key(None, PASSPHRASE, &quiet()).await.unwrap()
}

impl Harness {
    async fn recover(&self, key: &RecoveryKey, passphrase: &str, secret: Option<UserSecret>) -> Result<Session> {
        self.client().recover(key, passphrase, secret, &quiet()).await
    }
}

#[tokio::test]
async fn who_forgot_the_passphrase_reads_everything_again_with_the_recovery_key() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    assert_eq!(alice.recovery_key_since().await.unwrap(), None);
    let car = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap().record.id;
    let key = RecoveryKey::parse(&recovery_key(&alice).await.to_text()).unwrap();
    assert!(alice.recovery_key_since().await.unwrap().is_some());
    let old_secret = alice.secret().unwrap();

    // With the secret lost too.
    let recovered = harness.recover(&key, "another passphrase", None).await.unwrap();
    assert_eq!(value(&recovered.get_item(&car).await.unwrap(), "vin"), Some("123"));
    assert_ne!(*recovered.secret().unwrap(), *old_secret);
    assert_eq!(secret_of(&recovered).username(), secret_of(&alice).username());
    let old = harness.client().sign_in(secret_of(&alice), PASSPHRASE, &quiet()).await;
    assert_eq!(code(old), Some(ErrorCode::LoginFailed));
    assert_eq!(code(alice.recovery_key_since().await), Some(ErrorCode::Unauthorized), "other sessions have ended");
    assert_eq!(code(alice.user().await), Some(ErrorCode::Unauthorized));
    let again = harness.client().sign_in(secret_of(&recovered), "another passphrase", &quiet()).await.unwrap();
    assert_eq!(value(&again.get_item(&car).await.unwrap(), "vin"), Some("123"));

    // With the secret at hand, which stays.
    let kept = harness.recover(&key, "a third one", Some(secret_of(&again))).await.unwrap();
    assert_eq!(*kept.secret().unwrap(), *again.secret().unwrap());
    // And a changed passphrase leaves the recovery key what it is.
    kept.change_passphrase(None, "a third one", "a fourth one", &quiet()).await.unwrap();
    harness.recover(&key, "a fifth one", None).await.unwrap();
}

#[tokio::test]
async fn a_recovery_key_that_was_revoked_or_replaced_recovers_nothing() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let (first, second) = (recovery_key(&alice).await, recovery_key(&alice).await);
    assert_eq!(code(harness.recover(&first, "another", None).await), Some(ErrorCode::LoginFailed));
    alice.revoke_recovery_key().await.unwrap();
    alice.revoke_recovery_key().await.unwrap();
    assert_eq!(alice.recovery_key_since().await.unwrap(), None);
    assert_eq!(code(harness.recover(&second, "another", None).await), Some(ErrorCode::LoginFailed));
    let never = RecoveryKey::generate(&secret_of(&alice)).unwrap();
    assert_eq!(code(harness.recover(&never, "another", None).await), Some(ErrorCode::LoginFailed));
    harness.client().sign_in(secret_of(&alice), PASSPHRASE, &quiet()).await.unwrap();
}

/// A session that was left open, and a stolen token, make none.
#[tokio::test]
async fn only_who_knows_the_passphrase_makes_a_recovery_key() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let made = alice.create_recovery_key(None, "not hers", &quiet()).await;
    assert_eq!(code(made), Some(ErrorCode::LoginFailed));
    assert_eq!(alice.recovery_key_since().await.unwrap(), None);

    let (remembered, _) = alice.remember(&DEVICE, None).await.unwrap();
    let resumed = harness.client().resume(&DEVICE, &remembered).await.unwrap().unwrap();
    assert_eq!(code(resumed.create_recovery_key(None, PASSPHRASE, &quiet()).await), Some(ErrorCode::NotFound));
    let key = resumed.create_recovery_key(Some(secret_of(&alice)), PASSPHRASE, &quiet()).await.unwrap();

    let bob = harness.user().await;
    let others = harness.recover(&key, "another", Some(secret_of(&bob))).await;
    assert_eq!(code(others), Some(ErrorCode::InvalidSecret));
    harness.client().sign_in(secret_of(&alice), PASSPHRASE, &quiet()).await.unwrap();
    assert_eq!(code(harness.recover(&key, "", None).await), Some(ErrorCode::InvalidArgument));
}

/// Somebody else's secret and passphrase are right at the Keystore: this user's keys would go to them, and theirs be lost.
#[tokio::test]
async fn nobody_elses_secret_gets_this_users_keys() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    let car = bob.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap().record.id;
    let of_bob = || Some(secret_of(&bob));
    let made = alice.create_recovery_key(of_bob(), PASSPHRASE, &quiet()).await;
    assert_eq!(code(made), Some(ErrorCode::LoginFailed));
    assert_eq!(bob.recovery_key_since().await.unwrap(), None);
    let changed = alice.change_passphrase(of_bob(), PASSPHRASE, "another", &quiet()).await;
    assert_eq!(code(changed), Some(ErrorCode::DecryptionFailed));
    let swapped = alice.change_passphrase(of_bob(), "not his", PASSPHRASE, &quiet()).await;
    assert_eq!(code(swapped), Some(ErrorCode::DecryptionFailed));
    alice.user().await.unwrap();
    assert_eq!(alice.recovery_key_since().await.unwrap(), None, "it is Alice's session still");
    let again = harness.client().sign_in(secret_of(&bob), PASSPHRASE, &quiet()).await.unwrap();
    assert_eq!(value(&again.get_item(&car).await.unwrap(), "vin"), Some("123"));
}

#[tokio::test]
async fn recovering_resumes_after_any_failed_request() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let car = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap().record.id;
    let key = recovery_key(&alice).await;
    fail_each_request(
        &harness.network,
        async || harness.recover(&key, "another passphrase", None).await,
        async |session, fault, number| {
            let item = session.get_item(&car).await.unwrap();
            assert_eq!(value(&item, "vin"), Some("123"), "{fault:?} at {number}");
            let again = harness.client().sign_in(secret_of(&session), "another passphrase", &quiet()).await;
            assert_eq!(code(again), None, "{fault:?} at {number}");
        },
    )
    .await;
}

#[tokio::test]
async fn making_and_revoking_a_recovery_key_resume_after_any_failed_request() {
    let harness = Harness::new().await;
    let alice = RefCell::new(harness.user().await);
    fail_each_request(
        &harness.network,
        async || {
            let session = alice.borrow().clone();
            session.create_recovery_key(None, PASSPHRASE, &quiet()).await
        },
        async |key, fault, number| {
            let secret = || secret_of(&alice.borrow());
            let user = harness.client().sign_in(secret(), PASSPHRASE, &quiet()).await;
            assert_eq!(code(user), None, "{fault:?} at {number}");
            // That ends the session of before.
            let recovered = harness.recover(&key, PASSPHRASE, Some(secret())).await;
            alice.replace(recovered.unwrap_or_else(|error| panic!("{fault:?} at {number}: {error}")));
        },
    )
    .await;
    let alice = alice.into_inner();
    fail_each_request(
        &harness.network,
        async || alice.revoke_recovery_key().await,
        async |(), fault, number| {
            assert_eq!(alice.recovery_key_since().await.unwrap(), None, "{fault:?} at {number}");
            recovery_key(&alice).await;
        },
    )
    .await;
}

/// The recovery key decides which KEK is the user's, and no record.
#[tokio::test]
async fn a_server_gives_no_kek_of_its_choice() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let key = recovery_key(&alice).await;
    let bob = harness.user().await;
    recovery_key(&bob).await;
    let of_bob = harness.reply(&bob, "/keystore/recovery_key").await;
    let of_alice = harness.reply(&alice, "/keystore/key_encryption_key").await;
    let wrapped_by_passphrase = of_alice["key_encryption_key"]["serialized_key_encryption_key"].clone();
    for envelope in [of_bob["recovery_key"]["serialized_key_encryption_key"].clone(), wrapped_by_passphrase] {
        harness.network.lie("GET", "/keystore/recovery_key", move |json| {
            json["recovery_key"]["serialized_key_encryption_key"] = envelope.clone();
        });
        assert_eq!(code(harness.recover(&key, "another", None).await), Some(ErrorCode::DecryptionFailed));
    }
    harness.network.stop_tampering();
    // Nothing was changed.
    harness.client().sign_in(secret_of(&alice), PASSPHRASE, &quiet()).await.unwrap();
}

#[tokio::test]
async fn of_another_make_a_keystore_has_no_recovery_keys() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    harness.network.refuse(|_, path| (path == "/keystore/recovery_key").then_some(404));
    let made = alice.create_recovery_key(None, PASSPHRASE, &quiet()).await;
    assert_eq!(code(made), Some(ErrorCode::NotFound));
    assert_eq!(code(alice.revoke_recovery_key().await), Some(ErrorCode::NotFound));
}
