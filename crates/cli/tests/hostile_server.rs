//! What a terminal shows, remembers and asks where the server or another user lies.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    process::Stdio,
    sync::{Arc, Mutex},
};

use common::{Terminal, connect, field, with_server};
use serde_json::Value as Json;

const OTHER_KEY: &str = include_str!("../../../tests/fixtures/rsa4096-public-spki.pem");

const ITEM: &str = "kind: Item\nmetadata: { template_name: vehicle }\nspec: { label: DeLorean, slots: [{ name: vin, value: first }] }\n";

/// Alice's `.item.yaml`; gives its id.
fn make_item(terminal: &Terminal) -> String {
    terminal.write("new.yaml", ITEM);
    terminal.output_to(".item.yaml", &["items:create", "-i", "new.yaml", "-a", ".alice.yaml"]);
    let item = terminal.read(".item.yaml");
    field(&item, "id").to_owned()
}

/// Shares Alice's item with Bob; gives the share's id.
fn share(terminal: &Terminal) -> String {
    share_with(terminal, &[])
}

fn share_with(terminal: &Terminal, options: &[&str]) -> String {
    let config = ["shares:create-config", "-f", ".alice.yaml", "-c", "connection.yaml", "-i", ".item.yaml"];
    terminal.output_to("sharing.yaml", &config);
    let created = terminal.output(&[&["shares:create", "-c", "sharing.yaml"], options].concat());
    field(&created, "- id").to_owned()
}

/// Gives the value another text.
fn change(terminal: &Terminal, item: &str, value: &str) {
    let change = format!("kind: Item\nspec: {{ id: {item}, slots: [{{ name: vin, value: {value} }}] }}\n");
    terminal.write("change.yaml", &change);
    terminal.output(&["items:update", "-i", "change.yaml", "-a", ".alice.yaml"]);
}

/// What Bob reads of a share.
fn bob_reads(terminal: &Terminal, share: &str) -> String {
    let received = terminal.output(&["shares:get-incoming", share, "-a", ".bob.yaml"]);
    let vin = received.split("name: vin").nth(1).unwrap();
    field(vin, "value").to_owned()
}

/// The arguments of a command line that the program suggests.
fn suggested<'a>(errors: &'a str, command: &str) -> Vec<&'a str> {
    let line = errors.lines().find_map(|line| line.split_once("vaultshare ")).map(|(_, line)| line);
    let arguments: Vec<_> = line.unwrap_or_else(|| panic!("nothing is suggested: {errors}")).split(' ').collect();
    assert_eq!(arguments[0], command, "{errors}");
    arguments
}

fn without_grants(_: &str, path: &str, reply: &mut Json) {
    if path.ends_with("/shares") {
        for share in reply["shares"].as_array_mut().unwrap() {
            share.as_object_mut().unwrap().remove("grant");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_never_granted_an_item_gets_its_changes_once_the_user_has_named_their_key() {
    with_server(|terminal| {
        connect(terminal);
        let item = make_item(terminal);
        let share = share(terminal);
        let listed = terminal.output(&["shares:list", "-t", "outgoing", "-a", ".alice.yaml"]);
        assert_eq!(field(&listed, "granted"), "true");
        assert!(!listed.contains("grant:"), "what is sealed for this user's clients is not printed: {listed}");

        terminal.lie(without_grants);
        change(terminal, &item, "second");
        let (batch, errors) = terminal.both(&["client-task-queue:run-batch", "-a", ".alice.yaml"]);
        assert!(batch.contains("failedTasks: []"), "{batch}");
        assert!(errors.contains(&format!("share {share} for user ")) && errors.contains(": no grant"), "{errors}");
        assert_eq!(bob_reads(terminal, &share), "first");

        let (_, errors) = terminal.both(&["shares:update", &item, "-a", ".alice.yaml"]);
        let include = suggested(&errors, "shares:update");
        let (id, fingerprint) = include[3].rsplit_once('=').unwrap();
        assert_eq!((include[1], include[2], id), (item.as_str(), "--include", share.as_str()), "{errors}");
        let connections = terminal.output(&["connections:list", "-a", ".alice.yaml"]);
        assert_eq!(field(&connections, "fingerprint"), fingerprint, "a user can compare the two");

        let another = format!("{share}={}", "0".repeat(64));
        let (_, errors) = terminal.both(&["shares:update", &item, "--include", &another, "-a", ".alice.yaml"]);
        assert!(errors.contains(": key changed"), "{errors}");
        assert_eq!(bob_reads(terminal, &share), "first");

        let (_, errors) = terminal.both(&[&include[..], &["-a", ".alice.yaml"]].concat());
        assert!(errors.contains("1 shares updated") && !errors.contains("Warning"), "{errors}");
        assert_eq!(bob_reads(terminal, &share), "second");
        terminal.be_honest();
        change(terminal, &item, "third");
        terminal.output(&["shares:update", &item, "-a", ".alice.yaml"]);
        assert_eq!(bob_reads(terminal, &share), "third", "letting in is remembered as a grant");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_is_let_in_until_the_end_that_was_shown() {
    with_server(|terminal| {
        connect(terminal);
        let item = make_item(terminal);
        let share = share_with(terminal, &["-d", "2999-12-30"]);
        terminal.lie(without_grants);
        change(terminal, &item, "second");
        let (_, errors) = terminal.both(&["shares:update", &item, "-a", ".alice.yaml"]);
        let include = suggested(&errors, "shares:update");
        assert!(include[4..] == ["--expiry_date", "2999-12-30T00:00:00.000Z"], "{errors}");

        let until = |end| [&include[..5], &[end, "-a", ".alice.yaml"]].concat();
        for (end, reason) in [("soon", "a date is"), ("2020-01-01", "must be future date")] {
            let refused = terminal.refusal(&until(end));
            assert!(refused.contains(reason), "{refused}");
        }
        assert_eq!(bob_reads(terminal, &share), "first");
        terminal.both(&until(include[5]));
        assert_eq!(bob_reads(terminal, &share), "second");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_notices_what_goes_back_behind_an_earlier_command() {
    with_server(|terminal| {
        connect(terminal);
        let item = make_item(terminal);
        let share = share(terminal);
        let (rows, old) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let (keep_rows, keep_old) = (Arc::clone(&rows), Arc::clone(&old));
        let (of_item, of_shares) = (format!("/vault/items/{item}"), format!("/vault/items/{item}/shares"));
        let (item_path, shares_path) = (of_item.clone(), of_shares.clone());
        terminal.lie(move |method, path, reply| match (method, path) {
            ("GET", path) if path == item_path => *keep_old.lock().unwrap() = Some(reply.clone()),
            ("GET", path) if path == shares_path => *keep_rows.lock().unwrap() = Some(reply.clone()),
            _ => {}
        });
        terminal.output(&["shares:update", &item, "-a", ".alice.yaml"]);

        // By the sharing config's keys instead of the auth file's: one user, one memory.
        terminal.be_honest();
        change(terminal, &item, "second");
        terminal.lie(move |method, path, reply| {
            if let ("GET", true) = (method, path == of_item) {
                *reply = old.lock().unwrap().clone().unwrap();
            }
        });
        for refused in [&["items:get", &item, "-a", ".alice.yaml"][..], &["shares:create", "-c", "sharing.yaml"]] {
            let refused = terminal.refusal(refused);
            assert!(refused.contains("an older version of this item") && refused.contains(".vaultshare"), "{refused}");
        }
        let elsewhere = terminal.output(&["items:get", &item, "-a", ".alice.yaml", "--memory", "another"]);
        assert!(elsewhere.contains("value: first"), "without the memory nothing is noticed: {elsewhere}");

        // A share that was deleted, and is listed again with its grant.
        terminal.be_honest();
        terminal.output(&["shares:delete", &share, "-a", ".alice.yaml"]);
        terminal.lie(move |method, path, reply| {
            if let ("GET", true) = (method, path == of_shares) {
                *reply = rows.lock().unwrap().clone().unwrap();
            }
        });
        let (_, errors) = terminal.both(&["shares:update", &item, "-a", ".alice.yaml"]);
        assert!(errors.contains(": revoked"), "{errors}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_run_at_once_all_remember() {
    with_server(|terminal| {
        terminal.output_to(".alice.yaml", &["users:create", "-p", "supersecretpassword"]);
        let items: Vec<_> = (0..4).map(|_| make_item(terminal)).collect();
        let old: Arc<Mutex<Vec<(String, Json)>>> = Arc::default();
        let keep = Arc::clone(&old);
        terminal.lie(move |method, path, reply| {
            if method == "GET" && path.starts_with("/vault/items/") {
                keep.lock().unwrap().push((path.to_owned(), reply.clone()));
            }
        });
        for item in &items {
            terminal.output(&["items:get", item, "-a", ".alice.yaml"]);
        }
        terminal.be_honest();
        let running = items.iter().enumerate().map(|(index, item)| {
            let change = format!("kind: Item\nspec: {{ id: {item}, slots: [{{ name: vin, value: second }}] }}\n");
            let file = format!("change{index}.yaml");
            terminal.write(&file, &change);
            let mut command = terminal.command(&["items:update", "-i", &file, "-a", ".alice.yaml"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        });
        for mut running in running.collect::<Vec<_>>() {
            assert!(running.wait().unwrap().success());
        }
        terminal.lie(move |method, path, reply| {
            if let ("GET", Some((_, old))) = (method, old.lock().unwrap().iter().find(|(of, _)| of == path)) {
                *reply = old.clone();
            }
        });
        for item in &items {
            let refused = terminal.refusal(&["items:get", item, "-a", ".alice.yaml"]);
            assert!(refused.contains("an older version of this item"), "{refused}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_that_is_not_the_users_is_refused_by_name() {
    with_server(|terminal| {
        connect(terminal);
        let folder = terminal.folder.path().join(".vaultshare");
        let memory = |auth: &str| {
            let secret = terminal.read(auth);
            let username = field(&secret, "secret").split('.').nth(1).unwrap().to_owned();
            (folder.join(format!("{username}.memory")), username)
        };
        let ((alices, username), (bobs, _)) = (memory(".alice.yaml"), memory(".bob.yaml"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&folder), mode(&alices)), (0o700, 0o600));
        }
        fs::copy(&bobs, &alices).unwrap();
        let of_bob = terminal.refusal(&["items:list", "-a", ".alice.yaml"]);
        fs::write(&alices, "garbage").unwrap();
        let garbage = terminal.refusal(&["items:list", "-a", ".alice.yaml"]);
        for refused in [of_bob, garbage] {
            let named =
                format!("Error: .vaultshare/{username}.memory is not what this user's commands remembered; remove it");
            assert!(refused.starts_with(&named), "{refused}");
        }
        fs::remove_file(&alices).unwrap();
        terminal.output(&["items:list", "-a", ".alice.yaml"]);
    })
    .await;
}

fn with_another_key(_: &str, path: &str, reply: &mut Json) {
    let exchange = |connection: &mut Json| connection["the_other_user"]["user_public_key"] = OTHER_KEY.into();
    match path {
        "/vault/connections" => reply["connections"].as_array_mut().unwrap().iter_mut().for_each(exchange),
        path if path.starts_with("/vault/connections/") => exchange(&mut reply["connection"]),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_is_refused_until_the_user_names_it() {
    with_server(|terminal| {
        connect(terminal);
        let made = terminal.read("connection.yaml");
        let known = terminal.output(&["connections:list", "-a", ".alice.yaml"]);
        for (field_, in_list) in [
            ("from_user_connection_ref", "connection_ref"),
            ("safety_number", "safety_number"),
            ("verified", "verified"),
        ] {
            assert_eq!(field(&made, field_), field(&known, in_list));
        }
        assert_eq!(field(&known, "verified"), "compared");
        let of_bob = terminal.output(&["connections:list", "-a", ".bob.yaml"]);
        assert_eq!(field(&of_bob, "safety_number"), field(&known, "safety_number"));
        assert_eq!(field(&made, "to_user_connection_ref"), field(&of_bob, "connection_ref"));

        terminal.lie(with_another_key);
        let refused = terminal.refusal(&["connections:list", "-a", ".alice.yaml"]);
        assert!(refused.contains("another public key") && refused.contains("connections:inspect"), "{refused}");
        let shown = terminal.output(&["connections:inspect", "-a", ".alice.yaml"]);
        assert_eq!((field(&shown, "key_changed"), field(&shown, "verified")), ("true", "null"));
        let fingerprint = field(&shown, "fingerprint");
        assert_ne!(fingerprint, field(&known, "fingerprint"));
        let id = field(&made, "from_user_connection_id");
        assert_eq!(terminal.output(&["connections:inspect", id, "-a", ".alice.yaml"]), shown);

        let old_number = field(&known, "safety_number");
        terminal.refusal(&["connections:verify", id, "--safety-number", old_number, "-a", ".alice.yaml"]);
        let other = field(&known, "fingerprint");
        terminal.refusal(&["connections:trust", id, "--fingerprint", other, "-a", ".alice.yaml"]);
        terminal.output(&["connections:trust", id, "--fingerprint", fingerprint, "-a", ".alice.yaml"]);
        let trusted = terminal.output(&["connections:list", "-a", ".alice.yaml"]);
        assert_eq!((field(&trusted, "fingerprint"), field(&trusted, "verified")), (fingerprint, "null"));
        let number = field(&trusted, "safety_number");
        terminal.output(&["connections:verify", id, "--safety-number", number, "-a", ".alice.yaml"]);
        let verified = terminal.output(&["connections:list", "-a", ".alice.yaml"]);
        assert_eq!(field(&verified, "verified"), "compared");

        // What a file names is the old key still.
        make_item(terminal);
        let config = ["shares:create-config", "-f", ".alice.yaml", "-c", "connection.yaml", "-i", ".item.yaml"];
        let refused = terminal.refusal(&config);
        assert!(refused.contains("another public key"), "{refused}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_name_a_connection_by_its_id_alone_go_on_working() {
    with_server(|terminal| {
        connect(terminal);
        make_item(terminal);
        let without = |text: String, word: &str| -> String {
            text.lines().filter(|line| !line.contains(word)).map(|line| format!("{line}\n")).collect()
        };
        for name in [".alice.yaml", ".bob.yaml"] {
            let auth = terminal.read(name);
            assert_eq!(field(&auth, "login_key_fingerprint").len(), 64);
            terminal.write(name, &without(auth, "login_key_fingerprint"));
        }
        terminal.write("connection.yaml", &without(terminal.read("connection.yaml"), "connection_ref"));
        share(terminal);
        let config = terminal.read("sharing.yaml");
        let reference = field(&config, "connection_ref").to_owned();
        assert!(reference.starts_with(field(&config, "connection_id")), "{reference}");
        terminal.write("sharing.yaml", &without(config.clone(), "connection_ref"));
        terminal.output(&["shares:create", "-c", "sharing.yaml"]);

        let (id, fingerprint) = reference.split_once('~').unwrap();
        let other_key = format!("{id}~{}", fingerprint.chars().rev().collect::<String>());
        terminal.write("sharing.yaml", &config.replace(&reference, &other_key));
        let refused = terminal.refusal(&["shares:create", "-c", "sharing.yaml"]);
        assert!(refused.contains("another public key"), "{refused}");
        terminal.write("sharing.yaml", &config.replace(&reference, &format!("other{reference}")));
        let refused = terminal.refusal(&["shares:create", "-c", "sharing.yaml"]);
        assert!(refused.contains("of two connections"), "{refused}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_that_the_server_changed_are_shown_and_go_nowhere_before_they_are_adopted() {
    with_server(|terminal| {
        connect(terminal);
        let item = make_item(terminal);
        let config = ["shares:create-config", "-f", ".alice.yaml", "-c", "connection.yaml", "-i", ".item.yaml"];
        terminal.output_to("sharing.yaml", &config);
        terminal.lie(|_, path, reply| {
            if path.starts_with("/vault/items/") && reply["item"].is_object() {
                reply["item"]["label"] = "Cadillac".into();
            }
        });
        let refused = terminal.refusal(&["shares:create", "-c", "sharing.yaml"]);
        assert!(refused.contains("items:get") && refused.contains("items:adopt"), "{refused}");
        let (shown, errors) = terminal.both(&["items:get", &item, "-a", ".alice.yaml"]);
        assert!(shown.contains("label: Cadillac"), "{shown}");
        assert!(errors.contains("Warning: the item is not as its values say"), "{errors}");
        let adopt = suggested(&errors, "items:adopt");
        let another = ["items:adopt", &item, "--version", "another", "-a", ".alice.yaml"];
        assert!(terminal.refusal(&another).contains("something else now"));
        terminal.output(&[&adopt[..], &["-a", ".alice.yaml"]].concat());
        let (_, errors) = terminal.both(&["items:get", &item, "-a", ".alice.yaml"]);
        assert_eq!(errors, "");
        terminal.output(&["shares:create", "-c", "sharing.yaml"]);
    })
    .await;
}

/// The server says that a connection of Alice's with somebody else is the one with Bob.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_who_is_named_by_their_auth_file_is_nobody_elses_key() {
    with_server(|terminal| {
        connect(terminal);
        terminal.output_to(".carlos.yaml", &["users:create", "-p", "supersecretpassword"]);
        let config = ["connections:create-config", "-f", ".alice.yaml", "-t", ".carlos.yaml"];
        terminal.output_to("connecting.yaml", &config);
        terminal.output(&["connections:create", "-c", "connecting.yaml"]);
        let item = make_item(terminal);
        terminal
            .output_to("in-space.yaml", &["shares:create-config", "-f", ".alice.yaml", "-t", ".bob.yaml", "-i", &item]);
        let id = |file: &str| field(&terminal.output(&["users:get", "-a", file]), "id").to_owned();
        let (bob, carlos) = (id(".bob.yaml"), id(".carlos.yaml"));
        // And withholds what Alice noted of them; in another folder she remembers nothing.
        terminal.lie(move |_, path, reply| {
            if path.contains("/keypairs/") {
                reply["keypair"]["metadata"] = serde_json::json!({});
            }
            let connections = reply.get_mut("connections").and_then(Json::as_array_mut).map(std::mem::take);
            for mut connection in connections.into_iter().flatten() {
                let other = &mut connection["the_other_user"]["user_id"];
                if *other == *carlos {
                    *other = bob.as_str().into();
                } else if *other == *bob {
                    continue;
                }
                reply["connections"].as_array_mut().unwrap().push(connection);
            }
        });
        let refused = terminal.refusal(&["--memory", "none", "shares:create", "-c", "in-space.yaml"]);
        assert!(refused.contains("the two users are not connected"), "{refused}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_shared_by_a_spaces_key_that_nobody_signed_unless_the_user_names_the_other_key() {
    with_server(|terminal| {
        connect(terminal);
        let item = make_item(terminal);
        terminal
            .output_to("in-space.yaml", &["shares:create-config", "-f", ".alice.yaml", "-t", ".bob.yaml", "-i", &item]);
        terminal.output(&["shares:create", "-c", "in-space.yaml"]);
        terminal.write("new.yaml", ITEM);
        let bobs = terminal.output(&["items:create", "-i", "new.yaml", "-a", ".bob.yaml"]);
        let config = ["shares:create-config", "-f", ".bob.yaml", "-t", ".alice.yaml", "-i", field(&bobs, "id")];
        terminal.output_to("in-space.yaml", &config);
        terminal.lie(|_, path, reply| {
            if path.ends_with("/claim_key") {
                let signed = reply.as_object_mut().unwrap().values_mut().filter_map(Json::as_object_mut);
                assert_eq!(signed.filter_map(|reply| reply.remove("signature")).count(), 1);
            }
        });
        let refused = terminal.refusal(&["shares:create", "-c", "in-space.yaml"]);
        assert!(refused.contains("--accept-unproven"), "{refused}");
        let connections = terminal.output(&["connections:list", "-a", ".bob.yaml"]);
        let accept = ["--accept-unproven", field(&connections, "fingerprint")];
        let shared = terminal.output(&[&["shares:create", "-c", "in-space.yaml"], &accept[..]].concat());
        assert!(shared.starts_with("shares:\n"), "{shared}");
    })
    .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terms_are_shown_as_they_are_and_accepted_by_somebody_only() {
    use std::io::Write;

    use nix::pty::{OpenptyResult, openpty};

    with_server(|terminal| {
        connect(terminal);
        make_item(terminal);
        let config = ["shares:create-config", "-f", ".alice.yaml", "-c", "connection.yaml", "-i", ".item.yaml"];
        terminal.output_to("sharing.yaml", &config);
        let terms = "I pay.\u{1b}[2K\u{1b}]52;c;aGk=\u{7}\rYou \u{202e}pay";
        let share = terminal.output(&["shares:create", "-c", "sharing.yaml", "--terms", terms]);
        let id = field(&share, "- id");

        let refused = terminal.refusal(&["shares:accept", id, "-a", ".bob.yaml"]);
        let shown = r"Share Terms: I pay.\u{1b}[2K\u{1b}]52;c;aGk=\u{7}\u{d}You \u{202e}pay";
        assert_eq!(refused.lines().next(), Some(shown));
        assert!(refused.ends_with("accept with --yes\n"), "{refused}");

        let answers = |answer: &[u8]| {
            let OpenptyResult { master, slave } = openpty(None, None).unwrap();
            fs::File::from(master.try_clone().unwrap()).write_all(answer).unwrap();
            let output = terminal.command(&["shares:accept", id, "-a", ".bob.yaml"]).stdin(slave).output().unwrap();
            drop(master);
            (output.status.success(), String::from_utf8(output.stderr).unwrap())
        };
        let (accepted, errors) = answers(b"n\n");
        assert!(!accepted && errors.ends_with("Error: the share was not accepted\n"), "{errors}");
        let unread = terminal.output(&["shares:get-incoming", id, "-a", ".bob.yaml"]);
        assert_eq!(field(&unread, "acceptance_required"), "acceptance_required");
        let (accepted, errors) = answers(b"y\n");
        assert!(accepted, "{errors}");
    })
    .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yaml_document_at_a_terminal_hides_nothing() {
    use std::io::Read;

    use nix::pty::{OpenptyResult, openpty};

    with_server(|terminal| {
        terminal.output_to(".alice.yaml", &["users:create", "-p", "supersecretpassword"]);
        terminal.write("new.yaml", &ITEM.replace("DeLorean", "\"De\\u202eLorean\""));
        let list = ["items:list", "-a", ".alice.yaml"];
        terminal.output(&["items:create", "-i", "new.yaml", "-a", ".alice.yaml"]);
        assert!(terminal.output(&list).contains("label: De\u{202e}Lorean\n"), "a file gets the text as it is");

        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let mut running = terminal.command(&list).stdout(slave).spawn().unwrap();
        // The reader sees the end once the command and this process have closed the terminal.
        assert!(running.wait().unwrap().success());
        let mut shown = Vec::new();
        // Linux ends a terminal that nobody writes to with an error.
        let _ = fs::File::from(master).read_to_end(&mut shown);
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains("label: De\\u{202e}Lorean\r\n"), "{shown}");
    })
    .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_with_keys_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    with_server(|terminal| {
        connect(terminal);
        let item = make_item(terminal);
        share(terminal);
        terminal
            .output_to("in-space.yaml", &["shares:create-config", "-f", ".alice.yaml", "-t", ".bob.yaml", "-i", &item]);
        for (file, command) in [
            ("connecting.yaml", "connections:create"),
            ("sharing.yaml", "shares:create"),
            ("in-space.yaml", "shares:create"),
        ] {
            let warns = |mode| {
                let path = terminal.folder.path().join(file);
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
                let errors = String::from_utf8(terminal.run(&[command, "-c", file]).stderr).unwrap();
                errors.contains(&format!("Warning: {file} holds keys and can be read by others: chmod 600 it"))
            };
            assert!(warns(0o644) && !warns(0o600), "{file}");
        }
    })
    .await;
}

/// A Keystore proved itself when the user was registered. Whoever answers in its place does not, and the keys stay as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keystore_that_no_longer_proves_itself_is_refused() {
    with_server(|terminal| {
        terminal.output_to(".alice.yaml", &["users:create", "-p", "supersecretpassword"]);
        let before = terminal.read(".alice.yaml");
        let login = ["users:login", "-p", "supersecretpassword", "-a", ".alice.yaml", "-o", ".alice.yaml"];
        terminal.lie(|_, path, reply| {
            if path.ends_with("/srp/session") {
                reply["session"].as_object_mut().unwrap().remove("srp_m2");
            }
        });
        let refused = terminal.refusal(&login);
        assert!(refused.contains("the Keystore proved before that it knows the user"), "{refused}");
        assert_eq!(terminal.read(".alice.yaml"), before);
        terminal.be_honest();
        terminal.output(&login);
    })
    .await;
}

/// The first record of whatever list a reply has is none.
fn with_a_bad_record(_: &str, _: &str, reply: &mut Json) {
    for list in ["item_templates", "items", "shares", "connections", "client_tasks"] {
        if let Some(record) = reply[list].as_array_mut().and_then(|records| records.first_mut()) {
            *record = Json::from(7);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_printed_list_lacks_is_said() {
    with_server(|terminal| {
        connect(terminal);
        make_item(terminal);
        share(terminal);
        terminal.lie(with_a_bad_record);
        for list in [
            &["templates:list"][..],
            &["items:list"],
            &["shares:list", "-t", "outgoing"],
            &["connections:list"],
            &["connections:inspect"],
        ] {
            let (_, errors) = terminal.both(&[list, &["-a", ".alice.yaml"]].concat());
            assert!(errors.contains("Warning: a record of the list"), "{list:?}: {errors}");
        }
    })
    .await;
}
