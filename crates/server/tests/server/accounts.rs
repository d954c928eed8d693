//! Users as an operator rules them: who signs up, who is disabled, who goes, in both services; and what is kept how long.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection;
use vaultshare_server::{
    Config, Limits, SignUps,
    testing::{self, Folder},
};

use crate::common::{Reply, SEALED, Server, User, fixture, invitation, request, server, srp_client, text};

async fn server_with(signups: SignUps) -> Server {
    let folder = Folder::new().unwrap();
    let config = Config { signups, ..Config::new(folder.path()) };
    Server(testing::server(config, folder).await.unwrap())
}

/// A request to sign up with an invitation.
async fn with_invitation(server: &Server, path: &str, token: &str, body: Value) -> Reply {
    let mut request = request("POST", path, None, None, Some(body));
    request.headers_mut().insert("meeco-subscription-key", token.parse().unwrap());
    server.send(request).await
}

fn new_user(username: &str) -> Value {
    let (salt, verifier) = srp_client::registration(username, "passphrase");
    json!({ "username": username, "srp_salt": salt, "srp_verifier": verifier })
}

#[tokio::test]
async fn by_invitation_one_user_signs_up_with_each() {
    let server = server_with(SignUps::Invite).await;
    let offer = "/keystore/srp/username";
    let register = "/keystore/srp/users";
    for (path, body) in [(offer, json!({})), (register, new_user("alice"))] {
        let refused = server.call("POST", path, None, Some(body.clone())).await;
        assert!(text(&refused.body["errors"][0]["message"]).contains("by invitation"));
        assert_eq!(refused.refused(403), "invitation_required");
        assert_eq!(with_invitation(&server, path, "no-such", body).await.refused(403), "invitation_required");
    }
    let (token, _) = server.0.invite_user().await.unwrap();
    with_invitation(&server, offer, &token, json!({})).await.ok();
    // What is refused for another reason uses nothing up.
    with_invitation(&server, register, &token, new_user("with.dot")).await.refused(400);
    with_invitation(&server, register, &token, new_user("alice")).await.ok();
    assert_eq!(with_invitation(&server, register, &token, new_user("alice")).await.refused(400), "username_taken");
    with_invitation(&server, register, &token, new_user("bob")).await.refused(403);
    with_invitation(&server, offer, &token, json!({})).await.refused(403);
    server.sign_in_to_keystore("alice").await.ok();

    let (late, _) = server.0.invite_user().await.unwrap();
    server.0.clock().advance(*Limits::default().invitation);
    with_invitation(&server, register, &late, new_user("bob")).await.refused(403);
    server.0.clear_expired().await.unwrap();
    assert_eq!(server.count("keystore", "sign_up_invitations").await, 0);
}

#[tokio::test]
async fn a_users_invitation_to_connect_is_none_to_sign_up() {
    let folder = Folder::new().unwrap();
    let config = Config::new(folder.path());
    let open = Server(testing::server_on_files(config.clone(), Folder::new().unwrap()).await.unwrap());
    let alice = open.sign_up("alice").await;
    let made = open.post(&alice, "/vault/invitations", invitation(&alice)).await.ok();
    open.0.close().await;
    drop(open);
    let config = Config { signups: SignUps::Invite, ..config };
    let server = Server(testing::server_on_files(config, folder).await.unwrap());
    let token = text(&made["invitation"]["token"]);
    with_invitation(&server, "/keystore/srp/users", &token, new_user("bob")).await.refused(403);
}

#[tokio::test]
async fn a_closed_server_takes_nobody_and_keeps_those_it_has() {
    let folder = Folder::new().unwrap();
    let config = Config::new(folder.path());
    let open = Server(testing::server_on_files(config.clone(), Folder::new().unwrap()).await.unwrap());
    open.register("alice").await.ok();
    let (token, _) = open.0.invite_user().await.unwrap();
    open.0.close().await;
    drop(open);
    let closed = Config { signups: SignUps::Closed, ..config };
    let server = Server(testing::server_on_files(closed, folder).await.unwrap());
    assert_eq!(server.register("bob").await.refused(403), "sign_ups_closed");
    with_invitation(&server, "/keystore/srp/users", &token, new_user("bob")).await.refused(403);
    server.call("POST", "/keystore/srp/username", None, Some(json!({}))).await.refused(403);
    server.sign_in_to_keystore("alice").await.ok();
}

async fn is_in_keystore(server: &Server, user: &User) -> bool {
    let session = server.get(user, "/keystore/session").await.status == 200;
    let signs_in = server.sign_in_to_keystore(&user.username).await.status == 201;
    assert_eq!(session, signs_in);
    signs_in
}

#[tokio::test]
async fn who_leaves_the_vault_leaves_the_keystore() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let dek = json!({ "serialized_data_encryption_key": SEALED });
    server.post(&alice, "/keystore/data_encryption_keys", dek).await.ok();
    let admission = server.admission_token(&alice).await;
    assert_eq!(server.delete(&alice, "/vault/me").await.status, 204);
    let again = json!({ "public_key": fixture("carlos-public"), "admission_token": admission });
    assert_eq!(server.call("POST", "/vault/me", None, Some(again)).await.refused(400), "admission_token_invalid");
    assert!(!is_in_keystore(&server, &alice).await && is_in_keystore(&server, &bob).await);
    assert_eq!(server.count("keystore", "data_encryption_keys").await, 0);

    // After the time in which Bob can think better of it.
    server.post(&bob, "/vault/me/deletion_queue", json!({})).await.ok();
    server.0.clear_expired().await.unwrap();
    assert!(is_in_keystore(&server, &bob).await);
    server.0.clock().advance(*Limits::default().deletion);
    server.0.clear_expired().await.unwrap();
    server.sign_in_to_keystore(&bob.username).await.refused(401);
}

#[tokio::test]
async fn who_is_two_users_of_the_vault_stays_in_the_keystore_until_the_last_is_gone() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let admission = server.admission_token(&alice).await;
    let me = json!({ "public_key": fixture("bob-public"), "admission_token": admission });
    server.call("POST", "/vault/me", None, Some(me)).await.ok();
    let second = User { name: "bob", public_key: fixture("bob-public"), ..alice.clone() };
    let second = server.sign_in_to_vault(second).await;
    server.delete(&alice, "/vault/me").await.ok();
    assert!(is_in_keystore(&server, &alice).await);
    server.delete(&second, "/vault/me").await.ok();
    assert!(!is_in_keystore(&server, &alice).await);
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_is_finished_later() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    server.sql("vault", "INSERT INTO departed_users SELECT keystore_user_id FROM users; DELETE FROM users").await;
    assert!(is_in_keystore(&server, &alice).await);
    server.0.clear_expired().await.unwrap();
    assert!(!is_in_keystore(&server, &alice).await);
    assert_eq!(server.count("vault", "departed_users").await, 0);
}

#[tokio::test]
async fn who_is_being_deleted_is_signed_out_and_cannot_stay() {
    let server = Server(testing::fresh_server().await.unwrap());
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let item = server.make_item(&alice).await;
    // More than go in one step.
    server.0.copy_items(&text(&item["item"]["id"]), 250).await.unwrap();
    server.share(&alice, &item, &bob, json!({})).await.ok();
    server
        .sql("vault", "UPDATE users SET queued_for_deletion_after = 1 WHERE id IN (SELECT owner_id FROM items)")
        .await;
    let sign_in = json!({ "public_key": alice.public_key });
    server.call("POST", "/vault/session", None, Some(sign_in)).await.refused(401);
    server.0.clear_expired().await.unwrap();
    server.delete(&alice, "/vault/me/deletion_queue").await.refused(401);
    assert_eq!((server.count("vault", "items").await, server.count("vault", "shares").await), (0, 0));
    assert_eq!(server.count("vault", "users").await, 1);
}

#[tokio::test]
async fn users_of_before_are_told_by_their_key() {
    let folder = Folder::new().unwrap();
    let config = Config::new(folder.path());
    let before = Server(testing::server_on_files(config.clone(), Folder::new().unwrap()).await.unwrap());
    let (alice, bob) = (before.sign_up("alice").await, before.sign_up("bob").await);
    let dek = json!({ "serialized_data_encryption_key": SEALED });
    let dek = before.post(&alice, "/keystore/data_encryption_keys", dek).await.ok();
    let pointer = json!({ "user": { "private_dek_external_id": dek["data_encryption_key"]["id"] } });
    before.put(&alice, "/vault/me", pointer).await.ok();
    before.0.close().await;
    drop(before);
    let url = format!("sqlite:{}", folder.path().join("vault.db").display());
    let mut vault = sqlx::AnyConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("UPDATE users SET keystore_user_id = NULL").execute(&mut vault).await.unwrap();

    let server = Server(testing::server_on_files(config, folder).await.unwrap());
    let alone = server.0.users_of_the_vault_alone().await.unwrap();
    assert_eq!(alone.iter().map(|user| &user.vault_ids).collect::<Vec<_>>(), [&vec![bob.id.clone()]]);
    server.delete(&alice, "/vault/me").await.ok();
    assert!(!is_in_keystore(&server, &alice).await);
    // Nobody knows whose keys they are: they stay.
    server.delete(&bob, "/vault/me").await.ok();
    assert!(is_in_keystore(&server, &bob).await);
}

#[tokio::test]
async fn an_operator_lists_and_deletes_users_in_both_services() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.register("half-way").await.ok();
    let item = server.make_item(&alice).await;
    server.connect(&alice, &bob).await;
    server.share(&alice, &item, &bob, json!({})).await.ok();

    let listed = server.0.users_after("").await.unwrap();
    let names: Vec<_> = listed.iter().map(|user| user.username.clone().unwrap()).collect();
    let mut expected = vec![alice.username.clone(), bob.username.clone(), "half-way".to_owned()];
    expected.sort_unstable();
    assert_eq!(names, expected);
    let vault_ids =
        |name: &str| listed.iter().find(|user| user.username.as_deref() == Some(name)).unwrap().vault_ids.clone();
    assert_eq!((vault_ids(&alice.username), vault_ids("half-way")), (vec![alice.id.clone()], vec![]));
    assert!(server.0.users_after(names.last().unwrap()).await.unwrap().is_empty());

    server.0.delete_user(&alice.username).await.unwrap();
    server.0.delete_user("half-way").await.unwrap();
    assert!(server.0.delete_user("nobody").await.is_err());
    assert!(!is_in_keystore(&server, &alice).await);
    server.get(&alice, "/vault/me").await.refused(401);
    assert_eq!(server.get(&bob, "/vault/incoming_shares").await.ok()["shares"], json!([]));
    assert_eq!(server.count("keystore", "users").await, 1);
}

#[tokio::test]
async fn a_disabled_user_is_signed_out_and_cannot_sign_in() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let admission = server.admission_token(&alice).await;
    server.0.set_user_disabled(&alice.username, true).await.unwrap();
    server.get(&alice, "/keystore/session").await.refused(401);
    server.get(&alice, "/vault/me").await.refused(401);
    assert_eq!(server.sign_in_to_keystore(&alice.username).await.refused(403), "user_disabled");
    let session = json!({ "public_key": alice.public_key });
    assert_eq!(server.call("POST", "/vault/session", None, Some(session)).await.refused(403), "user_disabled");
    let another = json!({ "public_key": fixture("carlos-public"), "admission_token": admission });
    assert_eq!(server.call("POST", "/vault/me", None, Some(another)).await.refused(400), "admission_token_invalid");
    // Whoever does not know the passphrase is not told.
    let wrong = server.proof(&alice.username, "wrong").await;
    server.call("POST", "/keystore/srp/session", None, Some(wrong)).await.refused(401);
    server.get(&bob, "/vault/me").await.ok();
    assert!(server.0.users_after("").await.unwrap().iter().any(|user| user.is_disabled));

    server.0.set_user_disabled(&alice.username, false).await.unwrap();
    server.sign_in_to_keystore(&alice.username).await.ok();
    server.get(&server.sign_in_to_vault(alice).await, "/vault/me").await.ok();
}

#[tokio::test]
async fn what_is_over_goes_in_time_and_what_is_not_stays() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let item = server.make_item(&alice).await;
    server.connect(&alice, &bob).await;
    server.share(&alice, &item, &bob, json!({})).await.ok();
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    for state in ["done", "failed", "todo"] {
        server.put(&alice, &path, json!({ "item": { "label": state } })).await.ok();
        let tasks = server.get(&alice, "/vault/client_task_queue").await.ok();
        let change = json!({ "client_tasks": [{ "id": tasks["client_tasks"][0]["id"], "state": state }] });
        server.put(&alice, "/vault/client_task_queue", change).await.ok();
    }
    let mut mailed = invitation(&alice);
    mailed["invitation"]["email"] = json!("bob@example.org");
    server.post(&alice, "/vault/invitations", mailed).await.ok();
    server.0.send_mail().await.unwrap();
    let outbox = server.0.data().join("outbox");
    std::fs::write(outbox.join("notes.txt"), "").unwrap();
    let stored = async || {
        let messages = std::fs::read_dir(&outbox).unwrap().count();
        (server.count("vault", "client_tasks").await, server.count("vault", "invitations").await, messages)
    };
    server.0.clear_expired().await.unwrap();
    assert_eq!(stored().await, (3, 2, 2));
    server.0.clock().advance(*Limits::default().done_tasks);
    server.0.clear_expired().await.unwrap();
    assert_eq!(stored().await, (1, 2, 1), "the task that waits, and a file that is no message");
    server.0.clock().advance(*Limits::default().expired_invitations);
    server.0.clear_expired().await.unwrap();
    assert_eq!(stored().await, (1, 0, 1));
    server.get(&server.sign_in_to_vault(bob).await, "/vault/connections").await.ok();
}

#[tokio::test]
async fn what_is_deleted_is_not_in_the_files() {
    let server = Server(testing::fresh_server_on_files().await.unwrap());
    let alice = server.sign_up("alice").await;
    server.sign_up("bob").await;
    let value = "Aes256Gcm.dG8gYmUgZm9yZ290dGVu.QUFBQQ==";
    for _ in 0..20 {
        let slots = json!([{ "name": "vin", "encrypted_value": value }]);
        let body = json!({ "template_name": "vehicle", "item": { "label": "DeLorean", "slots_attributes": slots } });
        server.post(&alice, "/vault/items", body).await.ok();
    }
    let is_in_files = || {
        let files =
            ["vault.db", "vault.db-wal"].map(|name| std::fs::read(server.0.data().join(name)).unwrap_or_default());
        files.iter().any(|file| file.windows(value.len()).any(|bytes| bytes == value.as_bytes()))
    };
    server.0.clear_expired().await.unwrap();
    assert!(is_in_files());
    server.delete(&alice, "/vault/me").await.ok();
    server.0.clear_expired().await.unwrap();
    assert!(!is_in_files());
}

#[tokio::test]
async fn commands_wait_for_no_server_and_bring_nothing_up_to_date_under_one() {
    let server = server().await;
    let config = server.0.config();
    let beside = vaultshare_server::open_beside(config.clone()).await.unwrap();
    let (token, _) = beside.invite_user().await.unwrap();
    assert_eq!(token.len(), 43);
    beside.close().await;
    server
        .sql("vault", "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)")
        .await;
    let refused = vaultshare_server::open_beside(config).await.err().unwrap().to_string();
    assert!(refused.contains("vault") && refused.contains("`migrate`"), "{refused}");
    let nowhere = Config::new(server.0.data().join("nowhere"));
    assert!(vaultshare_server::open_beside(nowhere).await.err().unwrap().to_string().contains("cannot be opened"));
    assert!(!server.0.data().join("nowhere").exists());
}

fn copy_of(data: &std::path::Path) -> Folder {
    let folder = Folder::new().unwrap();
    for name in ["vault.db", "keystore.db"] {
        std::fs::copy(data.join(name), folder.path().join(name)).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_check_finds_what_is_wrong() {
    let server = Server(testing::fresh_server_on_files().await.unwrap());
    let alice = server.sign_up("alice").await;
    server.make_item(&alice).await;
    server.0.clear_expired().await.unwrap();
    let data = server.0.data();
    let problems = |folder: &Folder| vaultshare_server::check(folder.path()).unwrap().join("\n");
    assert_eq!(vaultshare_server::check(data).unwrap(), Vec::<String>::new());
    let change = async |database: &'static str, statement: &'static str| {
        let folder = copy_of(data);
        let url = format!("sqlite:{}", folder.path().join(database).display());
        let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        folder
    };
    let orphans = "PRAGMA foreign_keys = OFF; DELETE FROM item_templates";
    assert!(problems(&change("vault.db", orphans).await).contains("rows of items refer to what is not there"));
    let gone = change("keystore.db", "PRAGMA foreign_keys = ON; DELETE FROM users").await;
    assert_eq!(problems(&gone), "1 users of the Vault are not in the Keystore");
    let other = change("keystore.db", "UPDATE installation SET value = 'other' WHERE name = 'id'").await;
    assert!(problems(&other).contains("not of one installation"));
    let earlier = change("vault.db", "DELETE FROM _sqlx_migrations WHERE version > 2").await;
    assert!(problems(&earlier).contains("earlier version"));
    let later = "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1";
    assert!(problems(&change("vault.db", later).await).contains("later version"));

    let damaged = copy_of(data);
    let file = damaged.path().join("vault.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let length = bytes.len();
    bytes[4096..length].fill(0x55);
    std::fs::write(&file, bytes).unwrap();
    assert!(problems(&damaged).contains("vault.db"));
    #[cfg(unix)]
    {
        let open = copy_of(data);
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(open.path().join("keystore.db"), readable).unwrap();
        assert_eq!(problems(&open), "keystore.db can be read by other users of this machine");
    }
}

#[tokio::test]
async fn a_backup_is_of_one_moment_while_the_server_writes() {
    let server = Server(testing::fresh_server_on_files().await.unwrap());
    let data = server.0.data().to_owned();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let connection = |name: &str| rusqlite::Connection::open(data.join(name)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // One after the other: at any moment the Keystore is even, or one behind.
            let databases = ["vault.db", "keystore.db"].map(connection);
            databases.iter().for_each(|database| database.busy_timeout(Duration::from_secs(10)).unwrap());
            for number in 0..100_000 {
                for database in &databases {
                    let write = "INSERT INTO installation VALUES ('number', ?1) \
                                 ON CONFLICT (name) DO UPDATE SET value = excluded.value";
                    database.execute(write, [number]).unwrap();
                }
                if stop.load(std::sync::atomic::Ordering::SeqCst) {
                    return;
                }
            }
        });
        for _ in 0..20 {
            let backups = Folder::new().unwrap();
            let to = backups.path().join("backup");
            let copied = vaultshare_server::back_up(&data, &to).and_then(|()| vaultshare_server::check(&to));
            let numbers = ["vault.db", "keystore.db"].map(|name| {
                let database = rusqlite::Connection::open(to.join(name)).unwrap();
                let number = "SELECT value FROM installation WHERE name = 'number'";
                database
                    .query_row(number, [], |row| row.get::<_, String>(0))
                    .map_or(-1, |text| text.parse::<i64>().unwrap())
            });
            if copied.as_ref().is_ok_and(Vec::is_empty) && (0..=1).contains(&(numbers[0] - numbers[1])) {
                continue;
            }
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            panic!("{copied:?} {numbers:?}");
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

#[tokio::test]
async fn a_backup_is_restored_where_no_server_runs_and_nothing_is_lost() {
    let server = Server(testing::fresh_server_on_files().await.unwrap());
    let alice = server.sign_up("alice").await;
    let item = server.make_item(&alice).await;
    let folder = Folder::new().unwrap();
    let (backup, data) = (folder.path().join("backup"), folder.path().join("data"));
    vaultshare_server::back_up(server.0.data(), &backup).unwrap();
    let refused = vaultshare_server::back_up(server.0.data(), &backup).unwrap_err().to_string();
    assert!(refused.contains("not empty"), "{refused}");
    #[cfg(unix)]
    for file in std::fs::read_dir(&backup).unwrap() {
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.unwrap().metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    let running = vaultshare_server::restore(&backup, server.0.data(), true).unwrap_err().to_string();
    assert!(running.contains("another server is running"), "{running}");
    vaultshare_server::restore(&backup, &data, false).unwrap();
    let not_empty = vaultshare_server::restore(&backup, &data, false).unwrap_err().to_string();
    assert!(not_empty.contains("--replace"), "{not_empty}");
    vaultshare_server::restore(&backup, &data, true).unwrap();

    // Whose folder it is can use what root restores.
    #[cfg(unix)]
    if std::os::unix::fs::chown(&data, Some(12_345), Some(12_345)).is_ok() {
        vaultshare_server::restore(&backup, &data, true).unwrap();
        for file in ["vault.db", "keystore.db"] {
            let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(data.join(file)).unwrap());
            assert_eq!(owner, 12_345, "{file}");
        }
        std::os::unix::fs::chown(&data, Some(0), Some(0)).unwrap();
        vaultshare_server::restore(&backup, &data, true).unwrap();
    }

    let half = copy_of(&backup);
    std::fs::copy(folder.path().join("backup/keystore.db"), half.path().join("vault.db")).unwrap();
    assert!(vaultshare_server::restore(half.path(), &data, true).is_err());

    let restored = Server(testing::server_on_files(Config::new(&data), folder).await.unwrap());
    let path = format!("/vault/items/{}", text(&item["item"]["id"]));
    assert_eq!(restored.get(&alice, &path).await.ok(), server.get(&alice, &path).await.ok());
    restored.sign_in_to_keystore(&alice.username).await.ok();
}
