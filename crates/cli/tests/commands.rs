//! The commands, run as a terminal runs them, against a real server.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;

use common::{Terminal, connect, field, with_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_made_signs_in_looks_around_and_leaves() {
    with_server(|terminal| {
        let made = terminal.output(&["users:create", "-p", "supersecretpassword"]);
        terminal.write(".alice.yaml", &made);
        assert_eq!(field(&made, "kind"), "Authentication");
        let signed_in = terminal.output(&["users:login", "-p", "supersecretpassword", "-a", ".alice.yaml"]);
        terminal.write(".again.yaml", &signed_in);
        for key in ["secret", "key_encryption_key", "data_encryption_key", "passphrase_derived_key"] {
            assert_eq!(field(&signed_in, key), field(&made, key), "{key}");
        }

        let user = terminal.output(&["users:get", "-a", ".again.yaml"]);
        assert_eq!((field(&user, "kind"), field(&user, "user_type")), ("UserData", "human"));
        let templates = terminal.output(&["templates:list", "-a", ".alice.yaml"]);
        assert!(templates.lines().any(|line| line.trim() == "- vehicle"), "{templates}");
        let items = terminal.output(&["items:list", "-a", ".alice.yaml"]);
        assert_eq!(items, "kind: Items\nspec: []\n");

        let refused = terminal.refusal(&["users:login", "-p", "another", "-a", ".alice.yaml"]);
        assert_eq!(refused.lines().last(), Some("Error: wrong secret or passphrase"));
        let refused = terminal.refusal(&["items:get", "94c27129-e179-4c69-a7f1-94438b920541", "-a", ".alice.yaml"]);
        assert_eq!(refused.lines().last(), Some("Error: no such record, or not one of this user's"));
        let missing = terminal.refusal(&["users:get", "-a", ".nobody.yaml"]);
        assert!(missing.contains("cannot read .nobody.yaml"), "{missing}");

        terminal.output(&["users:logout", "-a", ".alice.yaml"]);
        let refused = terminal.refusal(&["users:get", "-a", ".alice.yaml"]);
        assert!(refused.contains("sign in again"), "{refused}");
        terminal.output(&["users:get", "-a", ".again.yaml"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sharing_in_all_its_options() {
    with_server(|terminal| {
        connect(terminal);
        let item = "kind: Item\nmetadata:\n  template_name: vehicle\nspec:\n  label: DeLorean\n  slots:\n  \
                    - name: vin\n    value: \"123\"\n  - label: Top Speed\n    value: 88 mph\n";
        terminal.write("item.yaml", item);
        let made = terminal.output(&["items:create", "-i", "item.yaml", "-a", ".alice.yaml"]);
        assert!(made.contains("name: top_speed") && made.contains("value: 88 mph"), "{made}");
        terminal.write("made.yaml", &made);

        let config = ["shares:create-config", "-f", ".alice.yaml", "-c", "connection.yaml", "-i", "made.yaml"];
        let one_slot = terminal.output(&[&config[..], &["-s", "vin"]].concat());
        terminal.write("share.yaml", &one_slot);
        let unknown = terminal.refusal(&[&config[..], &["-s", "wings"]].concat());
        assert_eq!(unknown.lines().last(), Some("Error: the item has no slot named 'wings'"));
        let past = terminal.refusal(&["shares:create", "-c", "share.yaml", "-d", "2020-01-01"]);
        assert_eq!(past.lines().last(), Some("Error: Share Expiry Date must be future date"));
        let no_date = terminal.refusal(&["shares:create", "-c", "share.yaml", "-d", "tomorrow"]);
        assert!(no_date.contains("a date is yyyy-MM-dd"), "{no_date}");
        let share = terminal.output(&["shares:create", "-c", "share.yaml", "--onshare", "true", "-d", "2999-12-31"]);
        assert_eq!(field(&share, "sharing_mode"), "anyone");
        assert!(field(&share, "expires_at").starts_with("2999-12-3"), "{share}");
        let received = terminal.output(&["shares:get-incoming", field(&share, "- id"), "-a", ".bob.yaml"]);
        assert!(received.contains("value: '123'") && !received.contains("88 mph"), "{received}");

        // Nobody but the owner changes an item.
        let item_id =
            received.lines().skip_while(|line| *line != "item:").find_map(|line| line.trim().strip_prefix("id: "));
        let change = format!("kind: Item\nspec:\n  id: {}\n  label: Mine\n", item_id.unwrap());
        terminal.write("change.yaml", &change);
        let refused = terminal.refusal(&["items:update", "-i", "change.yaml", "-a", ".bob.yaml"]);
        assert!(refused.ends_with("Error: only the item's owner may do this\n"), "{refused}");

        let template = terminal.output(&["templates:info", "vehicle", "-a", ".bob.yaml"]);
        assert!(template.starts_with("kind: Template\n") && template.contains("name: licence_plate"), "{template}");
    })
    .await;
}

#[test]
fn a_file_of_another_kind_is_refused_and_never_quoted() {
    let terminal = Terminal::without_server();
    terminal.write("item.yaml", "kind: Item\nspec: {}\n");
    let refused = terminal.refusal(&["users:get", "-a", "item.yaml"]);
    assert_eq!(refused, "Error: Config file of incorrect kind: Item (expected 'Authentication')\n");
    terminal.write("auth.yaml", "kind: Authentication\nmetadata:\n  secret: [hunter2]\n  key: hunter2\n");
    let refused = terminal.refusal(&["users:get", "-a", "auth.yaml"]);
    assert!(
        refused.contains("auth.yaml is not a valid file of kind Authentication") && !refused.contains("hunter2"),
        "{refused}"
    );
}

#[test]
fn every_command_explains_itself_and_completes() {
    let terminal = Terminal::without_server();
    let help = terminal.output(&["--help"]);
    for command in ["users:create", "items:update", "shares:get-incoming", "client-task-queue:run-batch"] {
        assert!(help.contains(command), "{command}");
        assert!(terminal.output(&[command, "--help"]).contains("Usage: vaultshare"), "{command}");
    }
    assert!(terminal.output(&["--version"]).starts_with("vaultshare "));
    assert!(terminal.output(&["completions", "bash"]).contains("shares:create-config"));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auth_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    with_server(|terminal| {
        let path = terminal.folder.path().join(".user.yaml");
        // One that is there already, readable by everyone, is made private as well.
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        terminal.output(&["users:create", "-p", "supersecretpassword", "-o", ".user.yaml"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let quiet = terminal.run(&["users:get"]);
        assert!(quiet.status.success() && quiet.stderr.is_empty());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let warned = terminal.run(&["users:get"]);
        assert!(warned.status.success());
        let warning = String::from_utf8(warned.stderr).unwrap();
        assert_eq!(warning, "Warning: .user.yaml holds keys and can be read by others: chmod 600 it\n");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_ends_with_its_shares_where_that_is_asked() {
    with_server(|terminal| {
        connect(terminal);
        terminal.write("item.yaml", "kind: Item\nmetadata:\n  template_name: vehicle\nspec:\n  label: DeLorean\n  slots:\n    - name: vin\n      value: \"123\"\n");
        terminal.output_to("made.yaml", &["items:create", "-i", "item.yaml", "-a", ".alice.yaml"]);
        let config = ["shares:create-config", "-f", ".alice.yaml", "-c", "connection.yaml", "-i", "made.yaml"];
        terminal.output_to("share.yaml", &config);
        terminal.output(&["shares:create", "-c", "share.yaml"]);
        let share = terminal.read("share.yaml");
        let end = ["connections:delete", field(&share, "connection_ref"), "--end-shares", "-a", ".alice.yaml"];
        assert_eq!(terminal.output(&end), "Connection successfully deleted\n");
        assert_eq!(terminal.output(&["items:list", "-a", ".bob.yaml"]), "kind: Items\nspec: []\n");
    })
    .await;
}

/// The command panicked, as `print!` does, and of a registration nothing said that its secret was lost.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_down_is_an_error() {
    with_server(|terminal| {
        terminal.output_to(".alice.yaml", &["users:create", "-p", "supersecretpassword"]);
        let to_a_full_disk = |arguments: &[&str]| {
            let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
            let output = terminal.command(arguments).stdout(full).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        let refused = to_a_full_disk(&["users:get", "-a", ".alice.yaml"]);
        assert!(refused.contains("Error: cannot write to standard output: No space left"), "{refused}");
        for output in [&[][..], &["-o", "/dev/full"]] {
            let refused = to_a_full_disk(&[&["users:create", "-p", "supersecretpassword"], output].concat());
            assert!(refused.contains("but not their secret kept: make another"), "{refused}");
            assert!(!refused.contains("panicked"), "{refused}");
        }
    })
    .await;
}
