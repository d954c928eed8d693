//! The binary itself: what it prints, how it stops, and that an acknowledged write survives its being killed.
#![cfg(unix)]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use serde_json::json;
use vaultshare_server::testing::{self, Database, Folder};

use crate::common::{SEALED, process::Process, srp_client};

fn register(process: &Process) {
    let (salt, verifier) = srp_client::registration("alice", "passphrase");
    let user = json!({ "username": "alice", "srp_salt": salt, "srp_verifier": verifier });
    assert_eq!(process.call("POST", "/keystore/srp/users", "", &user).0, 201);
}

#[tokio::test]
async fn an_acknowledged_write_survives_being_killed() {
    let data = Folder::new().unwrap();
    let database = testing::database().await.unwrap();
    let start = || Process::start_on(database.as_ref(), "127.0.0.1:0", &[], data.path());
    let process = start();
    register(&process);
    let token = process.sign_in("alice");
    let dek = json!({ "serialized_data_encryption_key": SEALED });
    let mut acknowledged = Vec::new();
    for _ in 0..20 {
        let (status, reply) = process.call("POST", "/keystore/data_encryption_keys", &token, &dek);
        assert_eq!(status, 201);
        acknowledged.push(reply["data_encryption_key"]["id"].as_str().unwrap().to_owned());
    }
    process.signal("KILL");
    assert!(!process.wait().0);

    let process = start();
    for id in acknowledged {
        let (status, reply) = process.call("GET", &format!("/keystore/data_encryption_keys/{id}"), &token, &json!({}));
        assert_eq!((status, &reply["data_encryption_key"]["serialized_data_encryption_key"]), (200, &json!(SEALED)));
    }
    process.sign_in("alice");
}

#[test]
fn whoever_asks_once_more_does_not_wait_for_clients() {
    let data = Folder::new().unwrap();
    let mut process = Process::start(data.path());
    let mut slow = TcpStream::connect(process.address).unwrap();
    let head = "POST /keystore/srp/challenges HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 100\r\nexpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    // It is in work.
    let mut asked = [0; "HTTP/1.1 100 Continue".len()];
    slow.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue");
    // Until it ends, for one that came while the first was being heard counts as the same.
    while process.is_running() {
        process.signal("INT");
        thread::sleep(Duration::from_millis(50));
    }
    let (is_good, log) = process.wait();
    assert!(!is_good && log.contains("asked to stop once more"), "{log}");
}

/// A proxy would wait there, and ask no other server.
#[test]
fn nobody_connects_before_the_databases_are_open() {
    let data = Folder::new().unwrap();
    let stop = |process: Process| {
        process.signal("TERM");
        process.wait().1
    };
    stop(Process::start(data.path()));
    let database = rusqlite::Connection::open(data.path().join("vault.db")).unwrap();
    database.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    std::fs::remove_file(data.path().join("lock")).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let process = thread::scope(|scope| {
        let starting = scope.spawn(|| Process::start_with(&free.to_string(), &[], data.path()));
        // It has taken the folder, and waits for the database.
        while !data.path().join("lock").exists() && !starting.is_finished() {
            thread::sleep(Duration::from_millis(10));
        }
        assert!(TcpStream::connect(free).is_err());
        drop(database);
        starting.join().unwrap()
    });
    assert_eq!(process.call("GET", "/livez", "", &json!({})).0, 204);
    stop(process);
}

#[test]
fn it_warns_of_what_others_on_the_network_would_see() {
    let log_of = |listen: &str, more: &[&str]| {
        let data = Folder::new().unwrap();
        let process = Process::start_with(listen, more, data.path());
        process.signal("TERM");
        process.wait().1
    };
    let mail = ["--smtp-url", "smtp://user:hush@mail.example", "--mail-from", "a@example.org"];
    let open = log_of("0.0.0.0:0", &mail);
    assert!(open.contains("has no TLS"), "{open}");
    assert!(open.contains("password is sent unencrypted") && !open.contains("hush"), "{open}");
    let local = log_of("127.0.0.1:0", &[]);
    assert!(!local.contains("WARN"), "{local}");
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let folder = Folder::new().unwrap();
    let file = folder.path().join("server.toml");
    std::fs::write(&file, "[limits]\nbody = 1\nconnections = 1\nattempts_per_user = 1\n").unwrap();
    let printed = Command::new(env!("CARGO_BIN_EXE_vaultshare-server"))
        .args(["--print-config", "--limits-body", "3", "--config"])
        .arg(&file)
        .envs([("VAULTSHARE_LIMITS_BODY", "2"), ("VAULTSHARE_LIMITS_CONNECTIONS", "2")])
        .env("VAULTSHARE_SMTP_URL", "smtps://user:hush@mail.example")
        .args(["--mail-from", "App <app@example.org>"])
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    for line in ["body = 3", "connections = 2", "attempts_per_user = 1", "smtp_url = \"(set)\""] {
        assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
    }
    assert!(!printed.contains("hush"));
}

#[test]
fn a_variable_that_is_no_option_is_named() {
    let folder = Folder::new().unwrap();
    let migrated = Command::new(env!("CARGO_BIN_EXE_vaultshare-server"))
        .args(["migrate", "--data"])
        .arg(folder.path())
        .envs([("VAULTSHARE_SIGNUP", "closed-secret"), ("VAULTSHARE_SIGNUPS", "closed")])
        .envs(["VAULTSHARE_PORT", "VAULTSHARE_SERVER_SERVICE_HOST", "VAULTSHARE_PORT_80_TCP_ADDR"].map(|of| (of, "x")))
        .env_remove("VAULTSHARE_TEST_DATABASE")
        .output()
        .unwrap();
    let log = String::from_utf8(migrated.stderr).unwrap();
    assert!(migrated.status.success(), "{log}");
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("no option")).collect();
    assert!(matches!(*warnings, [warning] if warning.contains("VAULTSHARE_SIGNUP ")), "{log}");
    assert!(!log.contains("closed-secret"));
}

#[test]
fn it_stops_when_asked_and_logs_no_secrets() {
    let data = Folder::new().unwrap();
    let process = Process::start(data.path());
    register(&process);
    let token = process.sign_in("alice");
    process.call("GET", "/vault/invitations/the-invitations-token?secret=in-the-query", &token, &json!({}));
    process.call(
        "POST",
        "/keystore/data_encryption_keys",
        &token,
        &json!({ "serialized_data_encryption_key": "plain-secret" }),
    );
    process.signal("TERM");
    let (good, log) = process.wait();
    assert!(good, "{log}");
    assert!(log.contains("/vault/invitations/{id_or_token}"), "{log}");
    assert!(log.contains("status") && log.contains("POST"), "{log}");
    for secret in [token.as_str(), "the-invitations-token", "in-the-query", "plain-secret"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

/// Runs a command beside what else runs, with options before or behind it, and returns whether it went well and what it
/// printed.
fn command(arguments: &[&str], data: &Path) -> (bool, String, String) {
    command_on(None, arguments, data)
}

fn command_on(database: Option<&Database>, arguments: &[&str], data: &Path) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaultshare-server"));
    command.envs(database.map(|database| ("VAULTSHARE_DATABASE_URL", database.url())));
    let output = command.args(arguments).arg("--data").arg(data).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn commands_for_files_say_what_does_it_on_postgresql() {
    let folder = Folder::new().unwrap();
    let on_postgres = ["--database-url", "postgres:///nowhere"];
    for arguments in [&["check"] as &[_], &["backup", "x"], &["restore", "x"]] {
        let (done, _, reason) = command(&[arguments, &on_postgres].concat(), folder.path());
        assert!(!done && reason.contains("for SQLite") && reason.contains("pg_dump"), "{reason}");
    }
}

#[tokio::test]
async fn users_are_invited_listed_disabled_and_deleted_beside_a_running_server() {
    let folder = Folder::new().unwrap();
    let data = folder.path();
    let database = testing::database().await.unwrap();
    let users = |arguments: &[&str]| command_on(database.as_ref(), &[&["users"], arguments].concat(), data);
    assert!(command_on(database.as_ref(), &["migrate"], data).0);
    let invite = ["--signups", "invite", "serve"];
    let process = Process::start_on(database.as_ref(), "127.0.0.1:0", &invite, data);
    let (salt, verifier) = srp_client::registration("alice", "passphrase");
    let user = json!({ "username": "alice", "srp_salt": salt, "srp_verifier": verifier });
    assert_eq!(process.call("POST", "/keystore/srp/users", "", &user).0, 403);
    let (invited, token, _) = users(&["invite"]);
    assert!(invited);
    let with_invitation = format!("none\r\nmeeco-subscription-key: {}", token.trim());
    assert_eq!(process.call("POST", "/keystore/srp/users", &with_invitation, &user).0, 201);
    let token = process.sign_in("alice");

    let (listed, list, _) = users(&["list"]);
    assert!(listed && list.starts_with("alice\t") && list.contains("\tenabled\t"), "{list}");
    assert_eq!(users(&["disable", "alice"]).1, "disabled alice\n");
    assert_eq!(process.call("GET", "/keystore/session", &token, &json!({})).0, 401);
    assert!(users(&["list"]).1.contains("\tdisabled\t"));
    assert_eq!(users(&["enable", "alice"]).1, "enabled alice\n");
    process.sign_in("alice");
    assert_eq!(users(&["delete", "alice"]).1, "deleted alice\n");
    assert_eq!(users(&["list"]).1, "");
    let (found, _, reason) = users(&["delete", "alice"]);
    assert!(!found && reason.contains("there is no user alice"), "{reason}");
}

#[test]
fn a_backup_is_made_beside_a_running_server_and_restored_where_none_runs() {
    let folder = Folder::new().unwrap();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    let (copied, _, reason) = command(&["backup", backup.to_str().unwrap()], &data);
    assert!(!copied && reason.contains("--data") && !backup.exists(), "{reason}");
    let process = Process::start(&data);
    register(&process);
    let (copied, _, log) = command(&["backup", backup.to_str().unwrap()], &data);
    assert!(copied, "{log}");
    assert_eq!(command(&["check"], &data).1, "both databases are well\n");

    let (restored, _, reason) = command(&["restore", backup.to_str().unwrap(), "--replace"], &data);
    assert!(!restored && reason.contains("another server is running"), "{reason}");
    process.signal("TERM");
    assert!(process.wait().0);
    let (restored, _, reason) = command(&["restore", backup.to_str().unwrap()], &data);
    assert!(!restored && reason.contains("--replace"), "{reason}");
    assert!(command(&["restore", backup.to_str().unwrap(), "--replace"], &data).0);
    let process = Process::start(&data);
    process.sign_in("alice");
    process.signal("TERM");
    let (_, log) = process.wait();
    let said = |part: &str| log.lines().any(|line| line.contains(part) && line.contains(" INFO "));
    assert!(said("listening on http://127.0.0.1:") && said(env!("CARGO_PKG_VERSION")) && said("stopped"), "{log}");
    std::fs::write(backup.join("vault.db"), "no database").unwrap();
    let (well, problems, _) = command(&["check"], &backup);
    assert!(!well && problems.contains("vault.db"), "{problems}");
}
