//! A session that is kept on a device and resumed: by its user until it ends, and by nobody after.

use std::{cell::RefCell, rc::Rc, time::Duration};

use serde_json::{Value, json};
use vaultshare::{
    ErrorCode,
    workflows::{ClientOptions, RememberedSession, Session},
};

use crate::{
    fault_injection::fail_each_request,
    harness::{DEVICE, Device, Fault, Harness, PASSPHRASE, quiet, value, vehicle},
};

const HALF: &str = "/keystore/session/half";

async fn remember(session: &Session) -> RememberedSession {
    session.remember(&DEVICE, None).await.unwrap().0
}

async fn resume(harness: &Harness, remembered: &RememberedSession) -> Option<Session> {
    harness.client().resume(&DEVICE, remembered).await.unwrap()
}

#[tokio::test]
async fn a_session_is_resumed_with_one_request_and_without_the_passphrase() {
    let harness = Harness::new().await;
    let session = harness.user().await;
    let item = session.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let remembered = remember(&session).await;
    session.close();

    harness.network.log();
    let resumed = resume(&harness, &remembered).await.unwrap();
    assert_eq!(harness.network.log(), [format!("GET {HALF}")]);
    assert_eq!(resumed.user_id(), session.user_id());
    assert_eq!(value(&resumed.get_item(&item.record.id).await.unwrap(), "vin"), Some("123"));
    resumed.create_item(&vehicle(&[("vin", "456")]), &quiet()).await.unwrap();
    // It is not known to whoever resumes, and so cannot be shown either.
    assert_eq!(resumed.secret().unwrap_err().code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn whoever_copied_the_device_opens_nothing_once_the_session_has_ended() {
    let harness = Harness::new().await;
    let user = harness.user().await;
    let (lost, signed_out) = (harness.new_session(&user).await, harness.new_session(&user).await);

    let copy = remember(&signed_out).await;
    resume(&harness, &copy).await.unwrap().sign_out().await.unwrap();
    assert!(resume(&harness, &copy).await.is_none(), "signed out");

    let copy = remember(&lost).await;
    assert!(resume(&harness, &copy).await.is_some());
    user.end_other_sessions().await.unwrap();
    assert!(resume(&harness, &copy).await.is_none(), "ended from another device");

    let timed = harness.new_session(&user).await;
    let in_an_hour = format!("{:.3}", jiff::Timestamp::now() + Duration::from_secs(3600));
    let (copy, until) = timed.remember(&DEVICE, Some(in_an_hour.clone())).await.unwrap();
    assert_eq!(until, in_an_hour);
    harness.server.clock().advance(Duration::from_secs(3600));
    timed.user().await.unwrap();
    assert!(resume(&harness, &copy).await.is_none(), "its time is over");
    // The token in the copy is good no more either.
    assert_eq!(timed.remember(&DEVICE, None).await.unwrap_err().code(), ErrorCode::Unauthorized);

    let copy = remember(&user).await;
    assert!(resume(&harness, &copy).await.is_some());
    harness.server.clock().advance(Duration::from_secs(24 * 60 * 60));
    assert!(resume(&harness, &copy).await.is_none(), "the session is over");
}

#[tokio::test]
async fn a_keystore_that_goes_on_helping_does_not_prolong_the_time_that_the_user_set() {
    let harness = Harness::new().await;
    let session = harness.user().await;
    let soon = jiff::Timestamp::now() + Duration::from_millis(1500);
    // It says that it keeps it for longer.
    let lie = |half: &Value| json!({ "half": half, "expires_at": "2099-01-01T00:00:00Z" }).to_string();
    harness.network.tamper(move |method, path, body| match (method, path) {
        ("PUT", HALF) => lie(&serde_json::from_slice::<Value>(&body).unwrap()["half"]).into(),
        _ => body,
    });
    let (remembered, until) = session.remember(&DEVICE, Some(format!("{soon:.3}"))).await.unwrap();
    harness.network.stop_tampering();
    assert_eq!(until, format!("{soon:.3}"), "what is sealed, and not what it says");
    assert!(resume(&harness, &remembered).await.is_some());
    let kept = session_half(&harness, &session).await;
    while jiff::Timestamp::now() <= soon {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    harness.network.refuse(|method, path| (method == "GET" && path == HALF).then_some(200));
    harness.network.tamper(move |_, path, body| if path == HALF { kept.to_string().into() } else { body });
    assert!(resume(&harness, &remembered).await.is_none());
}

/// What the Keystore holds for the session now.
async fn session_half(harness: &Harness, session: &Session) -> Value {
    let seen: Rc<RefCell<Vec<u8>>> = Rc::default();
    let seeing = Rc::clone(&seen);
    harness.network.tamper(move |_, path, body| {
        if path == HALF {
            seeing.replace(body.clone());
        }
        body
    });
    session.remember(&DEVICE, None).await.unwrap();
    harness.network.stop_tampering();
    serde_json::from_slice(&seen.borrow()).unwrap()
}

#[tokio::test]
async fn what_is_not_whole_is_no_session() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    let (of_alice, of_bob) = (remember(&alice).await, remember(&bob).await);
    let client = harness.client();
    let none = async |device: &Device, remembered: &RememberedSession| {
        client.resume(device, remembered).await.unwrap().is_none()
    };
    assert!(none(&Device([2; 32]), &of_alice).await, "another device's key");
    let swapped = RememberedSession { keys: of_alice.token.clone(), token: of_alice.keys.clone() };
    assert!(none(&DEVICE, &swapped).await, "one text in the other's place");
    let mixed = RememberedSession { keys: of_alice.keys.clone(), token: of_bob.token.clone() };
    assert!(none(&DEVICE, &mixed).await, "with another session's token, whose half is another");
    let nothing = RememberedSession { token: String::new(), keys: String::new() };
    assert!(none(&DEVICE, &nothing).await);
    // Its user's services are not those of the page.
    let elsewhere = harness.client_of(&ClientOptions {
        vault_url: "http://localhost/vault".to_owned(),
        keystore_url: "http://127.0.0.1/keystore".to_owned(),
        ..ClientOptions::default()
    });
    harness.network.log();
    assert!(elsewhere.resume(&DEVICE, &of_alice).await.unwrap().is_none());
    assert!(harness.network.log().is_empty(), "no token is sent to another Keystore");

    let answer = |half: &'static str| {
        harness.network.tamper(move |method, path, body| {
            let lie = json!({ "half": half, "expires_at": "2099-01-01T00:00:00.000Z" });
            if path == HALF && method == "GET" { lie.to_string().into() } else { body }
        });
    };
    answer("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert!(none(&DEVICE, &of_alice).await, "the Keystore's half is another");
    for half in ["", "AAAA", "not base64url at all!"] {
        answer(half);
        assert!(none(&DEVICE, &of_alice).await, "{half}");
    }
    harness.network.stop_tampering();
    assert!(!none(&DEVICE, &of_alice).await, "it was good all the time");
}

#[tokio::test]
async fn a_server_out_of_reach_ends_nothing() {
    let harness = Harness::new().await;
    let session = harness.user().await;
    let remembered = remember(&session).await;
    let client = harness.client();
    // A gateway that wants a key, or takes the service for another's.
    for (status, body) in [(401, ""), (401, r#"{"error":"no subscription"}"#), (404, ""), (404, r#"{"errors":[]}"#)] {
        harness.network.refuse(move |_, path| (path == HALF).then_some(status));
        harness.network.tamper(move |_, path, answer| if path == HALF { body.into() } else { answer });
        assert!(client.resume(&DEVICE, &remembered).await.is_err(), "{status} {body}");
    }
    harness.network.stop_tampering();
    fail_each_request(
        &harness.network,
        async || client.resume(&DEVICE, &remembered).await,
        async |resumed, fault, number| assert!(resumed.is_some(), "{fault:?} at {number}"),
    )
    .await;
}

#[tokio::test]
async fn a_session_that_is_remembered_again_does_not_lose_the_first_where_that_fails() {
    let harness = Harness::new().await;
    let session = harness.user().await;
    let first = remember(&session).await;
    for fault in Fault::ALL {
        harness.network.fail(1, fault);
        assert!(session.remember(&DEVICE, None).await.is_err(), "{fault:?}");
        assert!(resume(&harness, &first).await.is_some(), "{fault:?}");
    }
    let second = remember(&session).await;
    assert!(resume(&harness, &second).await.is_some());
}

#[tokio::test]
async fn what_is_no_time_to_come_is_refused_before_anything_is_sent() {
    let harness = Harness::new().await;
    let session = harness.user().await;
    harness.network.log();
    for until in ["soon", "2020-01-01T00:00:00Z", "+010000-01-01T00:00:00Z", ""] {
        let error = session.remember(&DEVICE, Some(until.to_owned())).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{until}");
    }
    assert!(harness.network.log().is_empty());
}

#[tokio::test]
async fn a_vault_that_fails_does_not_keep_lost_devices_signed_in() {
    let harness = Harness::new().await;
    let user = harness.user().await;
    let copy = remember(&harness.new_session(&user).await).await;
    harness.network.refuse(|_, path| path.starts_with("/vault").then_some(500));
    assert!(user.end_other_sessions().await.is_err());
    harness.network.stop_tampering();
    assert!(resume(&harness, &copy).await.is_none());
}

#[tokio::test]
async fn a_session_that_another_takes_the_place_of_is_ended_and_none_but_that() {
    let harness = Harness::new().await;
    let first = harness.user().await;
    let second = harness.new_session(&first).await;
    let (of_first, of_second) = (remember(&first).await, remember(&second).await);
    second.end_remembered(&DEVICE, &of_second).await.unwrap();
    assert!(resume(&harness, &of_second).await.is_some(), "its own");
    second.end_remembered(&Device([2; 32]), &of_first).await.unwrap();
    assert!(resume(&harness, &of_first).await.is_some(), "of another device");
    second.end_remembered(&DEVICE, &of_first).await.unwrap();
    assert!(resume(&harness, &of_first).await.is_none());
    assert!(resume(&harness, &of_second).await.is_some());
}

#[tokio::test]
async fn a_half_is_all_that_is_sent_and_nothing_else_is_taken_for_it() {
    let harness = Harness::new().await;
    let session = harness.user().await;
    harness.network.sent_bodies();
    remember(&session).await;
    let bodies = harness.network.sent_bodies();
    let [body] = &bodies[..] else { panic!("one request has a body") };
    let body: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["half"]);

    for lie in [
        json!({ "half": "AAAA", "expires_at": "2099-01-01T00:00:00Z" }),
        json!({ "half": "A".repeat(43), "expires_at": "soon" }),
    ] {
        let lie = lie.to_string();
        harness.network.tamper(move |_, path, body| if path == HALF { lie.clone().into() } else { body });
        assert_eq!(session.remember(&DEVICE, None).await.unwrap_err().code(), ErrorCode::BadResponse);
    }
}

#[tokio::test]
async fn a_keystore_of_another_make_keeps_nobody_signed_in() {
    let harness = Harness::new().await;
    let session = harness.user().await;
    for body in
        ["", "<p>Not Found</p>", r#"{"errors":[{"error":"not_found","http_code":404,"message":"Nothing here"}]}"#]
    {
        harness.network.refuse(|_, path| (path == HALF).then_some(404));
        harness.network.tamper(|_, path, answer| if path == HALF { body.into() } else { answer });
        let error = session.remember(&DEVICE, None).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound, "{body}");
        assert!(error.to_string().contains("nobody can stay signed in"), "{error}");
    }
}

#[tokio::test]
async fn sessions_last_as_long_as_was_asked_for() {
    let harness = Harness::new().await;
    const DAY: u64 = 24 * 60 * 60;
    let client = harness.client().with_sessions_of(20 * DAY);
    let new = client.create_user(PASSPHRASE, None, &quiet()).await.unwrap();
    let secret = vaultshare::crypto::UserSecret::parse(&new.secret().unwrap()).unwrap();
    let again = client.sign_in(secret, PASSPHRASE, &quiet()).await.unwrap();
    let usual = harness.user().await;
    let mut kept = Vec::new();
    for session in [&new, &again, &usual] {
        kept.push(remember(session).await);
    }
    harness.server.clock().advance(Duration::from_secs(19 * DAY));
    for kept in &kept[..2] {
        resume(&harness, kept).await.unwrap().user().await.unwrap();
    }
    assert!(resume(&harness, &kept[2]).await.is_none());
}
