//! The Keystore over HTTP: signing up and in, keys, sessions.

use std::time::Duration;

use serde_json::{Value, json};
use vaultshare::crypto::{SrpClient, UserSecret, generate_srp_registration};
use vaultshare_server::clock::to_wire;

use crate::common::{SEALED, server, srp_client, text};

#[tokio::test]
async fn alice_signs_up_and_signs_in_again() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    assert_eq!(alice.keystore_token.len(), 43);

    let session = server.sign_in_to_keystore(&alice.username).await.ok()["session"].clone();
    assert_ne!(text(&session["session_authentication_string"]), alice.keystore_token);
    assert_eq!(session["username"], alice.username.as_str());
    assert!(text(&session["valid_till"]) > text(&session["valid_from"]));
}

/// The one test that signs in with the real client, which derives its password slowly on purpose.
#[tokio::test]
async fn the_client_of_this_repository_signs_in() {
    let server = server().await;
    let secret = UserSecret::generate("M9znjHbD5Xi").unwrap();
    let password = secret.derive_srp_password("supersecretpassword").await.unwrap();
    let registration = generate_srp_registration("M9znjHbD5Xi", &password).unwrap();
    let user =
        json!({ "username": "M9znjHbD5Xi", "srp_salt": registration.salt, "srp_verifier": registration.verifier });
    server.call("POST", "/keystore/srp/users", None, Some(user)).await.ok();

    let client = SrpClient::start().unwrap();
    let begin = json!({ "username": "M9znjHbD5Xi", "srp_a": client.public_a() });
    let challenge = server.call("POST", "/keystore/srp/challenges", None, Some(begin)).await.ok()["challenge"].clone();
    let (salt, b) = (text(&challenge["challenge_salt"]), text(&challenge["challenge_b"]));
    let proof = client.prove("M9znjHbD5Xi", &password, &salt, &b).unwrap();
    let finish = json!({ "username": "M9znjHbD5Xi", "srp_a": client.public_a(), "srp_m": proof.of_client() });
    let session = server.call("POST", "/keystore/srp/session", None, Some(finish)).await.ok()["session"].clone();
    proof.check_server(&text(&session["srp_m2"])).unwrap();
}

#[tokio::test]
async fn a_username_is_registered_once() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    assert_eq!(server.register(&alice.username).await.refused(400), "username_taken");
}

#[tokio::test]
async fn a_wrong_passphrase_fails_and_says_no_more() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let proof = server.proof(&alice.username, "wrong").await;
    let wrong = server.call("POST", "/keystore/srp/session", None, Some(proof)).await.refused(401);
    let unknown = server.sign_in_to_keystore("nobody").await.refused(401);
    assert_eq!(wrong, unknown);
}

/// Verifier and KEK at once, by the proof of the passphrase until now, and not by a session.
#[tokio::test]
async fn a_passphrase_is_changed_by_its_proof_which_ends_sessions_and_open_challenges() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let wrapped = |letter: &str| json!({ "serialized_key_encryption_key": format!("Aes256Gcm.{letter}.QUFBQQ==") });
    server.post(&alice, "/keystore/key_encryption_key", wrapped("b2xk")).await.ok();
    let (salt, verifier) = srp_client::registration(&alice.username, "another");
    let replacement = json!({ "srp_salt": salt, "srp_verifier": verifier,
        "serialized_key_encryption_key": "Aes256Gcm.bmV3.QUFBQQ==" });
    let change = async |proof: Value, replacement: Value| {
        let body = json!({ "proof": proof, "replacement": replacement });
        server.call("PUT", "/keystore/srp/passphrase", None, Some(body)).await
    };

    let wrong = server.proof(&alice.username, "wrong").await;
    assert_eq!(change(wrong, replacement.clone()).await.refused(401), "login_failed");
    for (field, odd, code) in [("srp_salt", "zz", "invalid_srp_salt"), ("srp_verifier", "00", "invalid_srp_verifier")] {
        let mut odd_replacement = replacement.clone();
        odd_replacement[field] = json!(odd);
        let proof = server.proof(&alice.username, "passphrase").await;
        assert_eq!(change(proof, odd_replacement).await.refused(400), code);
    }
    let kek = server.get(&alice, "/keystore/key_encryption_key").await.ok();
    assert_eq!(kek["key_encryption_key"]["serialized_key_encryption_key"], "Aes256Gcm.b2xk.QUFBQQ==");

    let of_before = server.proof(&alice.username, "passphrase").await;
    let changed = change(server.proof(&alice.username, "passphrase").await, replacement.clone()).await.ok();
    let token = text(&changed["session"]["session_authentication_string"]);
    server.get(&alice, "/keystore/key_encryption_key").await.refused(401);
    let kek = server.call("GET", "/keystore/key_encryption_key", Some(&token), None).await.ok();
    assert_eq!(kek["key_encryption_key"]["serialized_key_encryption_key"], "Aes256Gcm.bmV3.QUFBQQ==");
    for old in [of_before, server.proof(&alice.username, "passphrase").await] {
        assert_eq!(change(old.clone(), replacement.clone()).await.refused(401), "login_failed");
        server.call("POST", "/keystore/srp/session", None, Some(old)).await.refused(401);
    }
    let new = server.proof(&alice.username, "another").await;
    server.call("POST", "/keystore/srp/session", None, Some(new)).await.ok();
}

/// It is made by the proof of the passphrase, signs in by a name of its own, and ends where it is replaced or revoked.
#[tokio::test]
async fn a_recovery_key_is_a_second_way_in_until_it_is_revoked() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let made = |name: &str| {
        let (salt, verifier) = srp_client::registration(name, "printed");
        json!({ "username": name, "srp_salt": salt, "srp_verifier": verifier,
            "serialized_key_encryption_key": "Aes256Gcm.a2Vr.QUFBQQ==" })
    };
    let put = async |proof: Value, key: Value| {
        let body = json!({ "proof": proof, "recovery_key": key });
        server.call("PUT", "/keystore/recovery_key", None, Some(body)).await
    };
    let sign_in = async |name: &str| {
        let proof = server.proof(name, "printed").await;
        server.call("POST", "/keystore/srp/session", None, Some(proof)).await
    };
    let proof = || server.proof(&alice.username, "passphrase");

    server.get(&alice, "/keystore/recovery_key").await.refused(404);
    let wrong = server.proof(&alice.username, "wrong").await;
    assert_eq!(put(wrong, made("first")).await.refused(401), "login_failed");
    let mut odd = made("first");
    odd["srp_verifier"] = json!("00");
    assert_eq!(put(proof().await, odd).await.refused(400), "invalid_srp_verifier");
    // No name of somebody's, and nobody signs up by one of these.
    assert_eq!(put(proof().await, made(&bob.username)).await.refused(400), "username_taken");
    put(proof().await, made("first")).await.ok();
    let of_bob = server.proof(&bob.username, "passphrase").await;
    assert_eq!(put(of_bob, made("first")).await.refused(400), "username_taken");
    assert_eq!(server.register("first").await.refused(400), "username_taken");

    let signed_in = sign_in("first").await.ok();
    let token = text(&signed_in["session"]["session_authentication_string"]);
    let record = server.call("GET", "/keystore/recovery_key", Some(&token), None).await.ok();
    assert_eq!(record["recovery_key"]["serialized_key_encryption_key"], "Aes256Gcm.a2Vr.QUFBQQ==");
    server.get(&bob, "/keystore/recovery_key").await.refused(404);

    // Whoever found it makes no other one, and a name that was taken uses up what was proven.
    let found = server.proof("first", "printed").await;
    assert_eq!(put(found, made("found")).await.refused(401), "login_failed");
    let once = proof().await;
    assert_eq!(put(once.clone(), made(&bob.username)).await.refused(400), "username_taken");
    assert_eq!(put(once, made("third")).await.refused(401), "login_failed");
    sign_in("first").await.ok();

    // One that was begun before it was replaced opens nothing after it.
    let of_before = server.proof("first", "printed").await;
    put(proof().await, made("second")).await.ok();
    server.call("POST", "/keystore/srp/session", None, Some(of_before)).await.refused(401);
    sign_in("first").await.refused(401);
    sign_in("second").await.ok();
    for _ in 0..2 {
        server.call("DELETE", "/keystore/recovery_key", Some(&alice.keystore_token), None).await.ok();
    }
    sign_in("second").await.refused(401);
    server.get(&alice, "/keystore/recovery_key").await.refused(404);
}

#[tokio::test]
async fn an_unknown_user_is_challenged_like_a_known_one() {
    let server = server().await;
    let body = json!({ "username": "nobody", "srp_a": "ff".repeat(256) });
    let challenge = |body| server.call("POST", "/keystore/srp/challenges", None, Some(body));
    let (once, again) = (challenge(body.clone()).await.ok(), challenge(body).await.ok());
    assert_eq!(once["challenge"]["challenge_salt"], again["challenge"]["challenge_salt"]);
    assert_eq!(text(&once["challenge"]["challenge_salt"]).len(), 64);
    assert_eq!(text(&once["challenge"]["challenge_b"]).len(), 512);
    assert_ne!(once["challenge"]["challenge_b"], again["challenge"]["challenge_b"]);
}

#[tokio::test]
async fn a_challenge_is_answered_once_and_in_time() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let proof = server.proof(&alice.username, "passphrase").await;
    let answer = |proof| server.call("POST", "/keystore/srp/session", None, Some(proof));
    answer(proof.clone()).await.ok();
    answer(proof).await.refused(401);

    let proof = server.proof(&alice.username, "passphrase").await;
    server.0.clock().advance(Duration::from_secs(5 * 60));
    answer(proof).await.refused(401);
}

#[tokio::test]
async fn zero_is_refused_as_a_public_number() {
    let server = server().await;
    for a in ["0", &"0".repeat(512), "not hexadecimal", ""] {
        let body = json!({ "username": "alice", "srp_a": a });
        server.call("POST", "/keystore/srp/challenges", None, Some(body)).await.refused(400);
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_signing_in_is_not() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for _ in 0..15 {
        server.sign_in_to_keystore(&alice.username).await.ok();
    }
    let guess = json!({ "username": alice.username, "srp_a": "ff", "srp_m": "00" });
    for _ in 0..20 {
        server.call("POST", "/keystore/srp/session", None, Some(guess.clone())).await.refused(401);
    }
    let refused = server.call("POST", "/keystore/srp/session", None, Some(guess)).await;
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    refused.refused(429);
    server.sign_up("bob").await;
}

#[tokio::test]
async fn failures_before_a_success_are_forgiven() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let guess = json!({ "username": alice.username, "srp_a": "ff", "srp_m": "00" });
    for _ in 0..5 {
        for _ in 0..19 {
            server.call("POST", "/keystore/srp/session", None, Some(guess.clone())).await.refused(401);
        }
        server.sign_in_to_keystore(&alice.username).await.ok();
    }
}

#[tokio::test]
async fn what_cannot_be_a_username_is_refused_before_it_is_counted() {
    let server = server().await;
    for username in [String::new(), "x".repeat(101), "x".repeat(4096), "with.dot".to_owned()] {
        let guess = json!({ "username": username, "srp_a": "ff", "srp_m": "00" });
        for _ in 0..60 {
            server.call("POST", "/keystore/srp/session", None, Some(guess.clone())).await.refused(400);
        }
    }
    // More than one address may get wrong, had they counted.
    let guess = json!({ "username": "nobody", "srp_a": "ff", "srp_m": "00" });
    server.call("POST", "/keystore/srp/session", None, Some(guess)).await.refused(401);
}

#[tokio::test]
async fn a_key_encryption_key_is_not_replaced() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let path = "/keystore/key_encryption_key";
    let kek = json!({ "serialized_key_encryption_key": SEALED });
    let stored = server.call_once("first", "POST", path, &alice.keystore_token, kek.clone()).await.ok();
    assert_eq!(server.post(&alice, path, kek.clone()).await.ok(), stored);
    let other = json!({ "serialized_key_encryption_key": "Aes256Gcm.b3RoZXI=.QUFBQQ==" });
    assert_eq!(server.post(&alice, path, other.clone()).await.refused(409), "key_encryption_key_exists");
    let other_key = server.call_once("second", "POST", path, &alice.keystore_token, other.clone()).await;
    assert_eq!(other_key.refused(409), "key_encryption_key_exists");
    assert_eq!(server.call_once("first", "POST", path, &alice.keystore_token, other).await.ok(), stored);
    assert_eq!(server.get(&alice, path).await.ok(), stored);
}

#[tokio::test]
async fn a_change_of_a_key_pair_meant_for_an_earlier_state_is_refused() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let pair = json!({ "public_key": "PEM", "encrypted_serialized_key": SEALED, "external_identifiers": ["one"] });
    let stored = server.post(&alice, "/keystore/keypairs", pair).await.ok()["keypair"].clone();
    let path = format!("/keystore/keypairs/{}", text(&stored["id"]));
    let change = async |body| server.call("PATCH", &path, Some(&alice.keystore_token), Some(body)).await;

    // As after a clock that was set back.
    server.sql("keystore", "UPDATE keypairs SET updated_at = updated_at + 3600000").await;
    let seen = server.get(&alice, &path).await.ok();
    assert!(text(&seen["keypair"]["updated_at"]) > text(&stored["updated_at"]));
    let mut times = vec![text(&seen["keypair"]["updated_at"])];
    for number in 0..3 {
        let body = json!({ "metadata": { "number": number }, "unchanged_since": times.last() });
        times.push(text(&change(body).await.ok()["keypair"]["updated_at"]));
    }
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    let late = json!({ "metadata": {}, "external_identifiers": ["two"], "unchanged_since": times[0] });
    assert_eq!(change(late).await.refused(409), "keypair_changed");
    let now = server.get(&alice, "/keystore/keypairs/external_id/one").await.ok();
    assert_eq!(
        (&now["keypair"]["metadata"], &now["keypair"]["updated_at"]),
        (&json!({ "number": 2 }), &json!(times[3]))
    );
    change(json!({ "metadata": {} })).await.ok();
}

#[tokio::test]
async fn keys_come_back_as_they_were_stored_and_to_nobody_else() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);

    server.get(&alice, "/keystore/key_encryption_key").await.refused(404);
    let kek = json!({ "serialized_key_encryption_key": SEALED });
    let stored = server.post(&alice, "/keystore/key_encryption_key", kek).await.ok();
    assert_eq!(server.get(&alice, "/keystore/key_encryption_key").await.ok(), stored);
    server.get(&bob, "/keystore/key_encryption_key").await.refused(404);

    let dek = json!({ "serialized_data_encryption_key": SEALED });
    let dek = server.post(&alice, "/keystore/data_encryption_keys", dek).await.ok();
    let path = format!("/keystore/data_encryption_keys/{}", text(&dek["data_encryption_key"]["id"]));
    assert_eq!(server.get(&alice, &path).await.ok(), dek);
    server.get(&bob, &path).await.refused(404);
    server.delete(&bob, &path).await.refused(404);
    assert_eq!(server.delete(&alice, &path).await.status, 204);
    server.get(&alice, &path).await.refused(404);
}

#[tokio::test]
async fn a_key_that_is_not_encrypted_is_refused() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for plain in ["a key in the clear", ""] {
        let body = json!({ "serialized_data_encryption_key": plain });
        server.post(&alice, "/keystore/data_encryption_keys", body).await.refused(400);
    }
}

#[tokio::test]
async fn key_pairs_are_found_by_id_and_the_newest_by_name() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let pair = |names: serde_json::Value| json!({ "public_key": "PEM\r\n", "encrypted_serialized_key": SEALED, "external_identifiers": names });
    server.post(&alice, "/keystore/keypairs", pair(json!(["auth"]))).await.ok();
    let newest = server.post(&alice, "/keystore/keypairs", pair(json!(["auth", "other"]))).await.ok();
    assert_eq!(newest["keypair"]["public_key"], "PEM\r\n");
    assert_eq!(newest["keypair"]["metadata"], json!({}));
    assert_eq!(server.get(&alice, "/keystore/keypairs/external_id/auth").await.ok(), newest);
    server.get(&bob, "/keystore/keypairs/external_id/auth").await.refused(404);
    let path = format!("/keystore/keypairs/{}", text(&newest["keypair"]["id"]));
    assert_eq!(server.get(&alice, &path).await.ok(), newest);
    server.get(&bob, &path).await.refused(404);

    let change = json!({ "metadata": { "purpose": "login" }, "external_identifiers": ["renamed"] });
    server.call("PATCH", &path, Some(&bob.keystore_token), Some(change.clone())).await.refused(404);
    let changed = server.call("PATCH", &path, Some(&alice.keystore_token), Some(change)).await.ok();
    assert_eq!(changed["keypair"]["metadata"]["purpose"], "login");
    assert_eq!(changed["keypair"]["external_identifiers"], json!(["renamed"]));
    server.delete(&bob, &path).await.refused(404);
    assert_eq!(server.delete(&alice, &path).await.status, 204);
    server.get(&alice, &path).await.refused(404);
}

#[tokio::test]
async fn sessions_end_when_they_are_ended_and_when_they_are_old() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let session = || async {
        text(&server.sign_in_to_keystore(&alice.username).await.ok()["session"]["session_authentication_string"])
    };
    let (one, other) = (session().await, session().await);
    let works = |token: String| {
        let server = &server;
        async move { server.call("GET", "/keystore/session", Some(&token), None).await.status == 200 }
    };
    assert!(works(one.clone()).await);
    assert!(works(format!("Bearer {one}")).await);
    server.call("DELETE", "/keystore/session", Some(&one), None).await;
    assert!(!works(one).await);
    assert!(works(other.clone()).await);
    server.call("DELETE", "/keystore/session/all?except_current=true", Some(&other), None).await;
    assert!(works(other.clone()).await);
    assert!(!works(alice.keystore_token.clone()).await);
    server.0.clock().advance(Duration::from_secs(24 * 60 * 60));
    assert!(!works(other).await);
}

#[tokio::test]
async fn a_session_lasts_as_long_as_was_asked_and_cannot_prolong_itself() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let mut proof = server.proof(&alice.username, "passphrase").await;
    proof["valid_for"] = json!(60);
    let short = server.call("POST", "/keystore/srp/session", None, Some(proof)).await.ok();
    let short = text(&short["session"]["session_authentication_string"]);
    let longer = server
        .call("POST", "/keystore/session/limited_in_time", Some(&short), Some(json!({ "valid_for": 6000 })))
        .await
        .ok();
    let longer = text(&longer["session"]["session_authentication_string"]);
    server.call("GET", "/keystore/session", Some(&longer), None).await.ok();
    server.0.clock().advance(Duration::from_secs(60));
    server.call("GET", "/keystore/session", Some(&short), None).await.refused(401);
    server.call("GET", "/keystore/session", Some(&longer), None).await.refused(401);
}

#[tokio::test]
async fn a_session_holds_a_half_for_its_device_until_it_ends_or_before() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let session = || async {
        text(&server.sign_in_to_keystore(&alice.username).await.ok()["session"]["session_authentication_string"])
    };
    let (one, other) = (session().await, session().await);
    let path = "/keystore/session/half";
    let show = async |token: &str| server.call("GET", path, Some(token), None).await;
    let put = async |token: &str, body: Value| server.call("PUT", path, Some(token), Some(body)).await;
    let (first, second) = ("A".repeat(43), "_-9Z".repeat(10) + "abA");

    assert_eq!(show(&one).await.refused(404), "session_half_not_found");
    for half in ["", "A", &"A".repeat(42), &"A".repeat(44), &"a".repeat(43), &"=".repeat(43), &"ä".repeat(22)] {
        assert_eq!(put(&one, json!({ "half": half })).await.refused(400), "invalid_half", "{half}");
    }
    let shown = put(&one, json!({ "half": first })).await.ok();
    assert_eq!(show(&one).await.ok(), shown);
    assert_eq!(put(&one, json!({ "half": second })).await.ok(), shown, "the first stays");
    let end = server.call("GET", "/keystore/session", Some(&one), None).await.ok();
    assert_eq!(shown["expires_at"], end["valid_till"], "without a wish, as long as the session");
    assert_eq!(show(&other).await.refused(404), "session_half_not_found", "it is one session's and not its user's");

    put(&other, json!({ "half": first })).await.ok();
    server.call("DELETE", "/keystore/session/all?except_current=true", Some(&other), None).await;
    show(&one).await.refused(401);
    show(&other).await.ok();
    assert_eq!(server.count("keystore", "session_halves").await, 1, "that of a session which was ended is gone");

    assert_eq!(
        put(&other, json!({ "half": first, "expires_at": "2020-01-01T00:00:00Z" })).await.refused(400),
        "expiry_in_past"
    );
    assert_eq!(put(&other, json!({ "half": first, "expires_at": "soon" })).await.refused(400), "invalid_expiry");
    let late = put(&other, json!({ "half": first, "expires_at": "9999-12-31T00:00:00Z" })).await.ok();
    let end = server.call("GET", "/keystore/session", Some(&other), None).await.ok();
    assert_eq!(late["expires_at"], end["valid_till"], "never longer than the session");
    put(&other, json!({ "half": first, "expires_at": to_wire(server.0.clock().now() + 3_600_000) })).await.ok();
    server.0.clock().advance(Duration::from_secs(3600));
    show(&other).await.refused(404);
    server.call("GET", "/keystore/session", Some(&other), None).await.ok();
    assert_eq!(put(&other, json!({ "half": second })).await.ok()["half"], json!(second), "until its time is over");
    server.0.clock().advance(Duration::from_secs(24 * 3600));
    server.0.clear_expired().await.unwrap();
    assert_eq!(server.count("keystore", "session_halves").await, 0);

    let again = session().await;
    put(&again, json!({ "half": first })).await.ok();
    server.0.set_user_disabled(&alice.username, true).await.unwrap();
    show(&again).await.refused(401);
    assert_eq!(server.count("keystore", "session_halves").await, 0, "whom the operator disables resumes nothing");
}

#[tokio::test]
async fn nothing_is_there_for_those_who_have_not_signed_in() {
    let server = server().await;
    server.sign_up("alice").await;
    let paths = [
        "/keystore/key_encryption_key",
        "/keystore/external_admission_tokens",
        "/keystore/session",
        "/keystore/session/half",
    ];
    for path in paths.into_iter().chain(["/vault/me", "/vault/items", "/vault/incoming_shares"]) {
        server.call("GET", path, None, None).await.refused(401);
        server.call("GET", path, Some("no such token"), None).await.refused(401);
    }
}
