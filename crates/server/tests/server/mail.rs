//! Invitations by e-mail: what is queued, what leaves, and what is given up.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use vaultshare_server::{
    Config, Limits, MailConfig,
    testing::{self, Folder},
};

use crate::common::{self, Server, User, acceptance, invitation, server, text};

const BOB: &str = "bob@example.org";

async fn invite(server: &Server, user: &User, email: &str) -> common::Reply {
    let mut body = invitation(user);
    body["invitation"]["email"] = json!(email);
    server.post(user, "/vault/invitations", body).await
}

/// The state of the only invitation's message, and when it was sent.
async fn mail_of(server: &Server, user: &User) -> (Value, Value) {
    let list = server.get(user, "/vault/invitations?state=new,connected,expired").await.ok();
    let invitation = &list["invitations"][0];
    (invitation["mail_state"].clone(), invitation["sent_at"].clone())
}

fn messages(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folder) else { return vec![] };
    files.map(|file| file.unwrap().path()).collect()
}

/// A server that hands its mail to a mail server which is not there.
async fn without_a_mail_server(limits: Limits) -> Server {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mail = MailConfig { smtp_url: Some(format!("smtp://{nobody}")), ..MailConfig::default() };
    let folder = Folder::new().unwrap();
    Server(testing::server(Config { mail, limits, ..Config::new(folder.path()) }, folder).await.unwrap())
}

#[tokio::test]
async fn without_a_mail_server_messages_are_files() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let made = invite(&server, &alice, BOB).await.ok()["invitation"].clone();
    assert_eq!((&made["email"], &made["mail_state"], &made["sent_at"]), (&json!(BOB), &json!("waiting"), &Value::Null));
    let outbox = server.0.data().join("outbox");
    assert!(messages(&outbox).is_empty(), "the request does not wait for the message");

    server.0.send_mail().await.unwrap();
    let (id, token) = (text(&made["id"]), text(&made["token"]));
    assert_eq!(messages(&outbox), [outbox.join(format!("{id}.eml"))]);
    let message = std::fs::read_to_string(outbox.join(format!("{id}.eml"))).unwrap();
    let message = message.replace("=\r\n", "").replace("=3D", "=");
    assert!(message.contains(&format!("Invitation: {id}\r\nToken: {token}\r\n")), "{message}");
    assert!(message.contains("To: bob@example.org\r\n"));
    #[cfg(unix)]
    {
        let file = std::fs::metadata(outbox.join(format!("{id}.eml"))).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
    }
    let (state, sent_at) = mail_of(&server, &alice).await;
    assert!(state == "sent" && sent_at.is_string());

    std::fs::remove_file(outbox.join(format!("{id}.eml"))).unwrap();
    server.0.send_mail().await.unwrap();
    assert!(messages(&outbox).is_empty(), "nothing is sent twice");
}

#[tokio::test]
async fn only_the_sender_sees_where_an_invitation_went() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let made = invite(&server, &alice, BOB).await.ok()["invitation"].clone();
    let seen = server.get(&bob, &format!("/vault/invitations/{}", text(&made["token"]))).await.ok();
    assert!(seen["invitation"]["email"].is_null() && seen["invitation"]["mail_state"].is_null());
}

#[tokio::test]
async fn the_first_protocols_flat_form_takes_an_address_too() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let key = json!({ "key_store_id": "k", "encryption_strategy": "Rsa4096", "public_key": alice.public_key });
    let key = server.post(&alice, "/vault/key_store/public_keys", key).await.ok()["public_key"]["id"].clone();
    let body = json!({ "public_key_id": key, "email": BOB });
    let made = server.post(&alice, "/vault/invitations", body).await.ok();
    assert_eq!(made["invitation"]["mail_state"], "waiting");
}

#[tokio::test]
async fn what_is_no_address_is_refused_and_leaves_no_invitation() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for (address, reason) in [
        ("", "with an @"),
        ("bob", "with an @"),
        ("bob@", "a domain name"),
        ("bob@example.org\r\nBcc: carlos@example.org", "before the @"),
        ("a b@example.org", "before the @"),
        ("bob@example.org,x@example.org", "one @"),
        ("bob@[127.0.0.1]", "an IP address is not delivered"),
        ("bob@127.0.0.1", "an IP address is not delivered"),
    ] {
        let reply = invite(&server, &alice, address).await;
        let message = text(&reply.body["errors"][0]["message"]);
        assert!(message.starts_with("invitation.email: ") && message.contains(reason), "{address}: {message}");
        assert_eq!(reply.refused(400), "invalid_email", "{address}");
    }
    assert_eq!(server.get(&alice, "/vault/invitations").await.ok()["invitations"], json!([]));
}

#[tokio::test]
async fn what_is_an_address_is_sent_to_however_it_is_written() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    for (typed, kept, sent) in [
        (" bob@example.org ", "bob@example.org", "bob@example.org"),
        ("Bob <bob@example.org>", "bob@example.org", "bob@example.org"),
        ("bob@bücher.example", "bob@bücher.example", "bob@xn--bcher-kva.example"),
        ("jörg@example.org", "jörg@example.org", "jörg@example.org"),
        ("\"bob carlos\"@example.org", "\"bob carlos\"@example.org", "\"bob carlos\"@example.org"),
    ] {
        let made = invite(&server, &alice, typed).await.ok()["invitation"].clone();
        assert_eq!(made["email"], kept);
        server.0.send_mail().await.unwrap();
        let path = server.0.data().join("outbox").join(format!("{}.eml", text(&made["id"])));
        let message = std::fs::read_to_string(path).unwrap();
        assert!(message.contains(&format!("\r\nTo: {sent}\r\n")), "{message}");
        let seen = server.get(&alice, &format!("/vault/invitations/{}", text(&made["id"]))).await.ok();
        assert_eq!(seen["invitation"]["mail_state"], "sent", "{typed}");
    }
}

#[tokio::test]
async fn nobody_sends_more_than_a_person_would() {
    let folder = Folder::new().unwrap();
    let limits = Limits { mails_per_day: 2, ..Limits::default() };
    let server = Server(testing::server(Config { limits, ..Config::new(folder.path()) }, folder).await.unwrap());
    let alice = server.sign_up("alice").await;
    for _ in 0..2 {
        invite(&server, &alice, BOB).await.ok();
    }
    assert_eq!(invite(&server, &alice, BOB).await.refused(429), "too_many_invitations");
    server.post(&alice, "/vault/invitations", invitation(&alice)).await.ok();
    server.0.clock().advance(Duration::from_secs(24 * 60 * 60 + 1));
    let alice = server.sign_in_to_vault(alice).await;
    invite(&server, &alice, BOB).await.ok();
}

#[tokio::test]
async fn what_needs_no_message_any_more_gets_none() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let cancelled = invite(&server, &alice, BOB).await.ok()["invitation"].clone();
    server.delete(&alice, &format!("/vault/invitations/{}", text(&cancelled["id"]))).await.ok();
    let accepted = invite(&server, &alice, BOB).await.ok()["invitation"].clone();
    server.post(&bob, "/vault/connections", acceptance(&bob, &accepted["token"])).await.ok();
    server.0.send_mail().await.unwrap();
    assert!(messages(&server.0.data().join("outbox")).is_empty());
}

#[tokio::test]
async fn a_message_is_tried_again_with_growing_delays_and_then_given_up() {
    let server = without_a_mail_server(Limits { mail_attempts: 4, ..Limits::default() }).await;
    let alice = server.sign_up("alice").await;
    invite(&server, &alice, BOB).await.ok();
    for seconds in [2, 4, 8] {
        server.0.send_mail().await.unwrap();
        assert_eq!(mail_of(&server, &alice).await.0, "waiting");
        server.0.clock().advance(Duration::from_millis(seconds * 1000 - 500));
        // Too early: this is no attempt.
        server.0.send_mail().await.unwrap();
        server.0.clock().advance(Duration::from_millis(500));
    }
    server.0.send_mail().await.unwrap();
    assert_eq!(mail_of(&server, &alice).await, (json!("failed"), Value::Null));
}

#[tokio::test]
async fn what_a_process_had_leased_when_it_died_is_given_up_and_not_sent_twice() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    invite(&server, &alice, BOB).await.ok();
    // Another process has it, for a minute by the clock of both.
    let (now, minute) = (server.0.clock().now(), Duration::from_secs(60));
    let mut database = server.0.connect("vault").await.unwrap();
    let lease = sqlx::query("UPDATE mail_queue SET lease_until = $1").bind(now + 60_000);
    lease.execute(&mut database).await.unwrap();
    server.0.send_mail().await.unwrap();
    assert_eq!(mail_of(&server, &alice).await.0, "waiting");
    server.0.clock().advance(minute);
    server.0.send_mail().await.unwrap();
    assert_eq!(mail_of(&server, &alice).await, (json!("failed"), Value::Null));
    assert!(messages(&server.0.data().join("outbox")).is_empty());
}

#[tokio::test]
async fn a_message_is_not_sent_after_its_invitation_has_expired() {
    let server =
        without_a_mail_server(Limits { invitation: Duration::from_secs(60).into(), ..Limits::default() }).await;
    let alice = server.sign_up("alice").await;
    invite(&server, &alice, BOB).await.ok();
    server.0.clock().advance(Duration::from_secs(61));
    server.0.send_mail().await.unwrap();
    assert_eq!(mail_of(&server, &alice).await.0, "failed");
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_at_the_start_and_not_quoted() {
    let refused = async |mail: MailConfig| {
        let folder = Folder::new().unwrap();
        let opened = testing::server(Config { mail, ..Config::new(folder.path()) }, folder).await;
        opened.err().unwrap().to_string()
    };
    let smtp_url = Some("ftp://user:hush@mail.example".to_owned());
    let message = refused(MailConfig { smtp_url, ..MailConfig::default() }).await;
    assert!(message.contains("SMTP") && !message.contains("hush"), "{message}");
    let from = Some("nobody".to_owned());
    assert!(refused(MailConfig { from, ..MailConfig::default() }).await.contains("sender"));
    let public_url = Some("app.example".to_owned());
    assert!(refused(MailConfig { public_url, ..MailConfig::default() }).await.contains("public URL"));
}
