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

        // An accent as a sign of its own, and as part of its letter.
        let made = terminal.output(&["users:create", "-p", "cafe\u{301} noir"]);
        terminal.write(".carlos.yaml", &made);
        let signed_in = terminal.output(&["users:login", "-p", "caf\u{e9} noir", "-a", ".carlos.yaml"]);
        assert_eq!(field(&signed_in, "passphrase_derived_key"), field(&made, "passphrase_derived_key"));

        terminal.output(&["users:logout", "-a", ".alice.yaml"]);
        let refused = terminal.refusal(&["users:get", "-a", ".alice.yaml"]);
        assert!(refused.contains("sign in again"), "{refused}");
        terminal.output(&["users:get", "-a", ".again.yaml"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passphrase_is_changed_and_every_other_session_ends() {
    with_server(|terminal| {
        terminal.output_to(".alice.yaml", &["users:create", "-p", "supersecretpassword"]);
        terminal.output_to(".other.yaml", &["users:login", "-p", "supersecretpassword", "-a", ".alice.yaml"]);
        let change = ["users:change-passphrase", "-a", ".alice.yaml", "-n", "another passphrase"];
        let refused = terminal.refusal(&[&change[..], &["-p", "not hers"]].concat());
        assert_eq!(refused.lines().last(), Some("Error: wrong secret or passphrase"));
        let unasked = terminal.refusal(&["users:change-passphrase", "-a", ".alice.yaml", "-p", "supersecretpassword"]);
        assert!(unasked.contains("it cannot be asked for: give -n"), "{unasked}");
        let unasked = terminal.refusal(&change);
        assert!(unasked.contains("it cannot be asked for: give -p"), "{unasked}");

        let (changed, said) = terminal.both(&[&change[..], &["-p", "supersecretpassword"]].concat());
        assert!(!said.contains("supersecret") && !said.contains("another passphrase"), "{said}");
        terminal.write(".new.yaml", &changed);
        terminal.output(&["users:get", "-a", ".new.yaml"]);
        terminal.refusal(&["users:get", "-a", ".other.yaml"]);
        terminal.refusal(&["users:login", "-p", "supersecretpassword", "-a", ".new.yaml"]);
        let signed_in = terminal.output(&["users:login", "-p", "another passphrase", "-a", ".new.yaml"]);
        for key in ["secret", "key_encryption_key", "passphrase_derived_key"] {
            assert_eq!(field(&signed_in, key), field(&changed, key), "{key}");
        }
        assert_ne!(
            field(&changed, "passphrase_derived_key"),
            field(&terminal.read(".alice.yaml"), "passphrase_derived_key")
        );

        // Over the file that it reads, and where no file can be written nothing is lost.
        let back =
            ["users:change-passphrase", "-p", "another passphrase", "-n", "supersecretpassword", "-a", ".new.yaml"];
        let lost = terminal.refusal(&[&back[..], &["-o", "no-folder/auth.yaml"]].concat());
        assert!(lost.contains("the passphrase was changed, but its auth file not kept"), "{lost}");
        terminal.output_to(".new.yaml", &["users:login", "-p", "supersecretpassword", "-a", ".new.yaml"]);
        let once_more = ["users:change-passphrase", "-p", "supersecretpassword", "-n", "third", "-a", ".new.yaml"];
        assert_eq!(terminal.output(&[&once_more[..], &["-o", ".new.yaml"]].concat()), "");
        terminal.output(&["users:get", "-a", ".new.yaml"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_forgot_the_passphrase_recovers_with_what_they_printed() {
    with_server(|terminal| {
        terminal.output_to(".user.yaml", &["users:create", "-p", "supersecretpassword"]);
        let refused = terminal.refusal(&["users:create-recovery-key", "-p", "not hers"]);
        assert_eq!(refused.lines().last(), Some("Error: wrong secret or passphrase"));
        let (printed, said) = terminal.both(&["users:create-recovery-key", "-p", "supersecretpassword"]);
        assert!(said.contains("Whoever has this key has the account"), "{said}");
        let key = field(&printed, "recovery_key").to_owned();
        assert!(key.starts_with("recovery.") && !said.contains(&key), "{key}");

        let unasked = terminal.refusal(&["users:recover", "-n", "another"]);
        assert!(unasked.contains("it cannot be asked for: give -r"), "{unasked}");
        let wrong = terminal.refusal(&["users:recover", "-r", "recovery.a.b", "-n", "another"]);
        assert!(!wrong.contains("recovery.a.b"), "{wrong}");
        terminal.output_to(".new.yaml", &["users:recover", "-r", &key, "-n", "another"]);
        terminal.output(&["users:get", "-a", ".new.yaml"]);
        assert_ne!(field(&terminal.read(".new.yaml"), "secret"), field(&terminal.read(".user.yaml"), "secret"));
        terminal.refusal(&["users:login", "-p", "supersecretpassword", "-a", ".user.yaml"]);
        terminal.output(&["users:login", "-p", "another", "-a", ".new.yaml"]);

        assert_eq!(terminal.output(&["users:revoke-recovery-key", "-a", ".new.yaml"]), "");
        let revoked = terminal.refusal(&["users:recover", "-r", &key, "-n", "third"]);
        assert_eq!(revoked.lines().last(), Some("Error: wrong secret or passphrase"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_queued_for_deletion_and_kept() {
    with_server(|terminal| {
        terminal.output_to(".user.yaml", &["users:create", "-p", "supersecretpassword"]);
        let refused = terminal.refusal(&["users:delete", "-p", "not hers"]);
        assert_eq!(refused.lines().last(), Some("Error: wrong secret or passphrase"));
        let unasked = terminal.refusal(&["users:delete"]);
        assert!(unasked.contains("it cannot be asked for: give -p"), "{unasked}");
        assert!(!terminal.output(&["users:get"]).contains("queued"));

        let (queued, said) = terminal.both(&["users:delete", "-p", "supersecretpassword"]);
        assert!(said.contains("users:keep takes this back") && !said.contains("Warning"), "{said}");
        assert_eq!((field(&queued, "kind"), field(&queued, "keystore_follows")), ("AccountDeletion", "true"));
        let after = field(&queued, "queued_for_deletion_after");
        assert_eq!(field(&terminal.output(&["users:get"]), "queued_for_deletion_after"), after);
        let (_, warned) = terminal.both(&["users:login", "-p", "supersecretpassword", "-a", ".user.yaml"]);
        let at = after.trim_matches('\'');
        assert!(
            warned.contains(&format!("this account is deleted after {at}: users:keep takes that back")),
            "{warned}"
        );

        assert_eq!(terminal.output(&["users:keep"]), "");
        assert!(!terminal.output(&["users:get"]).contains("queued"));
        let (_, quiet) = terminal.both(&["users:login", "-p", "supersecretpassword", "-a", ".user.yaml"]);
        assert!(!quiet.contains("deleted"), "{quiet}");

        terminal.lie(|method, path, json| {
            if method == "GET" && path == "/vault/me" {
                json["user"]["queued_for_deletion_after"] = "\u{1b}[2Jsoon".into();
            }
        });
        let (_, quiet) = terminal.both(&["users:login", "-p", "supersecretpassword", "-a", ".user.yaml"]);
        assert!(!quiet.contains("soon"), "what is no time is not shown: {quiet}");
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
        for (last, expires_at) in [
            ("9999-12-31", "9999-12-31T00:00:00.000Z"),
            ("9999-12-31T23:59:59+01:00", "9999-12-31T22:59:59.000Z"),
            // With its time, which was lost where an offset followed it.
            ("2999-12-31T23:59:59+01:00", "2999-12-31T22:59:59.000Z"),
        ] {
            let share = terminal.output(&["shares:create", "-c", "share.yaml", "-d", last]);
            assert_eq!(field(&share, "expires_at"), expires_at, "{share}");
        }
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

/// Each file, and where it says that something would be lost.
const NOT_PLAIN_TEXT: [(&str, &str); 15] = [
    ("    value: !Secret123\n", "line 7, column 12: to YAML, `!`"),
    ("    value: !Secret123 and more\n", "line 7, column 12: to YAML, `!`"),
    ("    value: !\n", "line 7, column 12: to YAML, `!`"),
    ("    value: !!binary QUJD\n", "line 7, column 12: to YAML, `!`"),
    ("    value: !Secret [a]\n", "line 7, column 12: to YAML, `!`"),
    ("    value: &Secret123\n", "line 7, column 12: to YAML, `&`"),
    ("    value: &Secret123 and more\n", "line 7, column 12: to YAML, `&`"),
    ("    value: #Secret123\n", "to YAML, ` #`"),
    ("    value: Secret #123\n", "line 7, column 12: to YAML, ` #`"),
    ("    name: Secret #123\n", "line 7, column 11: to YAML, ` #`"),
    ("    value: *Secret123\n", "is not a config file: line 7, column 12"),
    ("    value: @Secret123\n", "is not a config file: line 7, column 12"),
    ("    value: Secret: 123\n", "is not a config file: line 7, column 18"),
    ("    value: {Secret123: x}\n", "is not a valid file of kind Item: line 7, column 12"),
    ("    value: \"Secret123\n", "is not a config file: line 8"),
];

#[test]
fn yaml_that_is_not_the_text_that_it_looks_like_is_refused_with_its_place() {
    let terminal = Terminal::without_server();
    let head = "kind: Item\nmetadata:\n  template_name: vehicle\nspec:\n  slots:\n  - name: vin\n";
    let refusal = |content: &[u8]| {
        fs::write(terminal.folder.path().join("item.yaml"), content).unwrap();
        let refused = terminal.refusal(&["items:create", "-i", "item.yaml", "-a", ".alice.yaml"]);
        assert!(!refused.contains("Secret") && !refused.contains("123"), "{refused}");
        refused
    };
    for (line, place) in NOT_PLAIN_TEXT {
        let refused = refusal(format!("{head}{line}").as_bytes());
        assert!(refused.contains("item.yaml") && refused.contains(place), "{line}{refused}");
    }
    let label = refusal(b"kind: Item\nspec:\n  label: Secret #3\n");
    assert!(label.contains("line 3, column 10: to YAML, ` #`"), "{label}");

    // These are read, up to the auth file that is not there.
    for line in [
        "    value: 'Secret #123' # not 123\n",
        "    value: Secret#123\n",
        "    value: \"!Secret123\"\n",
        "    value: !!str Secret123\n",
        "    value: |\n      Secret #123\n",
        "    # Secret 123\n    value: Secret123\n    # Secret 123\n",
        "    value:\n    # Secret 123\n",
        "    value: Secret123\r\n",
    ] {
        let refused = refusal(format!("{head}{line}").as_bytes());
        assert!(refused.contains("cannot read .alice.yaml"), "{line}{refused}");
    }
    let with_bom = refusal(format!("\u{feff}{head}    value: Secret123\n").as_bytes());
    assert!(with_bom.contains("cannot read .alice.yaml"), "{with_bom}");
    for mark in [&b"\xff\xfe"[..], b""] {
        let utf_16: Vec<u8> = head.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let refused = refusal(&[mark, &utf_16].concat());
        assert!(refused.contains("item.yaml is in UTF-16"), "{refused}");
    }
    let latin_1 = refusal(&[head.as_bytes(), b"    value: Gr\xf6\xdfe\n"].concat());
    assert!(latin_1.contains("item.yaml is not in UTF-8: line 7"), "{latin_1}");
    // The other file that people write.
    fs::write(terminal.folder.path().join("services.yaml"), "vault: !Secret {url: x}\n").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vaultshare"))
        .args(["-e", "services.yaml", "users:get"])
        .current_dir(terminal.folder.path())
        .output()
        .unwrap();
    let refused = String::from_utf8(output.stderr).unwrap();
    assert!(refused.contains("services.yaml, line 1, column 8: to YAML, `!`"), "{refused}");
}

#[test]
fn what_is_typed_under_a_misspelt_name_is_refused() {
    let terminal = Terminal::without_server();
    let refusal = |spec: &str| {
        terminal.write("item.yaml", &format!("kind: Item\nmetadata:\n  template_name: vehicle\nspec:\n{spec}"));
        terminal.refusal(&["items:create", "-i", "item.yaml", "-a", ".alice.yaml"])
    };
    let slot = refusal("  label: Car\n  slots:\n  - { name: vin, value: '1' }\n  - { name: plate, vlaue: '2' }\n");
    assert!(slot.contains("item.yaml") && slot.contains("spec.slots[1].vlaue is no field of a slot"), "{slot}");
    let item = refusal("  lable: Car\n");
    assert!(item.contains("spec.lable is no field of an item"), "{item}");
    let printed = refusal(
        "  id: any\n  label: Car\n  background_color: null\n  slots:\n  - { name: vin, ordinal: 1, value: '1' }\n",
    );
    assert!(printed.contains("cannot read .alice.yaml"), "{printed}");
    for (typed, lost) in [
        ("  label: Car\n  description: Red\n", "spec.description"),
        ("  label: Car\n  classification_nodes: [{ scheme: tag, name: cars }]\n", "spec.classification_nodes"),
        ("  label: Car\n  slots:\n  - { name: vin, ordinal: 2, description: Chassis }\n", "spec.slots[0].ordinal"),
    ] {
        let refused = refusal(typed);
        assert!(refused.contains(&format!("{lost} would be lost: ")), "{refused}");
    }

    // What stands at another depth than it should.
    let beside = refusal("  label: Car\nslots:\n- { name: vin, value: '1' }\n");
    assert!(beside.contains("item.yaml is not a valid file of kind Item"), "{beside}");
    terminal.write("item.yaml", "kind: Item\nmetadata:\n  template: vehicle\nspec:\n  label: Car\n");
    let metadata = terminal.refusal(&["items:create", "-i", "item.yaml", "-a", ".alice.yaml"]);
    assert!(metadata.contains("item.yaml is not a valid file of kind Item"), "{metadata}");

    // The server would blame the invitation.
    terminal.write("services.yaml", "subscription_key: abc\nvault: { url: x }\nkeystore: { url: x }\n");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vaultshare"))
        .args(["-e", "services.yaml", "users:create", "-p", "supersecretpassword"])
        .current_dir(terminal.folder.path())
        .output()
        .unwrap();
    let environment = String::from_utf8(output.stderr).unwrap();
    assert!(environment.contains("services.yaml is not a file that says where"), "{environment}");

    // The whole item would be shared.
    let keys = "{ data_encryption_key: a, key_encryption_key: a, keystore_access_token: a, passphrase_derived_key: a, \
                secret: a, vault_access_token: a }";
    terminal.write(
        "share.yaml",
        &format!("kind: Share\nmetadata: {{}}\nspec:\n  item_id: a\n  slotid: b\n  from: {keys}\n"),
    );
    let share = terminal.refusal(&["shares:create", "-c", "share.yaml"]);
    assert!(share.contains("share.yaml is not a valid file of kind Share"), "{share}");
    for beside in ["metadata: { terms: yours }", "metadata: {}\nslot_id: b"] {
        terminal.write("share.yaml", &format!("kind: Share\n{beside}\nspec:\n  item_id: a\n  from: {keys}\n"));
        let share = terminal.refusal(&["shares:create", "-c", "share.yaml"]);
        assert!(share.contains("share.yaml is not a valid file of kind Share"), "{beside}: {share}");
    }
}

#[test]
fn a_connection_that_fails_says_why() {
    let terminal = Terminal::without_server();
    let refused = terminal.refusal(&["users:create", "-p", "supersecretpassword"]);
    let (_, cause) =
        refused.trim_end().split_once("the server could not be reached, or the connection broke: ").unwrap();
    assert!(!cause.is_empty() && !cause.contains("127.0.0.1:9/"), "{refused}");
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
async fn a_file_is_not_written_over_what_was_written_since_it_was_printed() {
    with_server(|terminal| {
        terminal.output_to(".alice.yaml", &["users:create", "-p", "supersecretpassword"]);
        let item = "kind: Item\nmetadata:\n  template_name: custom\nspec:\n  label: Contact\n  slots:\n  \
                    - { label: Phone, value: \"1\" }\n  - { label: Phone, value: \"2\" }\n  - { name: userName, value: marty }\n";
        terminal.write("item.yaml", item);
        let made = terminal.output(&["items:create", "-i", "item.yaml", "-a", ".alice.yaml"]);
        for line in ["name: phone", "name: phone_2", "value: '1'", "value: '2'", "name: username", "label: userName"] {
            assert!(made.lines().any(|printed| printed.trim().trim_start_matches("- ") == line), "{line} in {made}");
        }
        terminal.write("old.yaml", &made.replace("value: '1'", "value: '10'"));
        terminal.write("new.yaml", &made.replace("value: '1'", "value: '100'"));
        terminal.write("other.yaml", &made.replace("value: '2'", "value: '20'").replace("value: '1'", "value: '100'"));
        terminal.output(&["items:update", "-i", "new.yaml", "-a", ".alice.yaml"]);
        let refused = terminal.refusal(&["items:update", "-i", "old.yaml", "-a", ".alice.yaml"]);
        assert!(refused.contains("`slots[") && refused.contains("--overwrite"), "{refused}");
        let merged = terminal.output(&["items:update", "-i", "other.yaml", "-a", ".alice.yaml"]);
        assert!(merged.contains("value: '100'") && merged.contains("value: '20'"), "{merged}");
        let over = terminal.output(&["items:update", "-i", "old.yaml", "-a", ".alice.yaml", "--overwrite"]);
        assert!(over.contains("value: '10'") && over.contains("value: '2'"), "{over}");

        // Words that the command does not change are not taken without a word; the description of a slot is.
        let printed = terminal.output(&["items:get", field(&over, "id"), "-a", ".alice.yaml"]);
        let description = printed.lines().find(|line| line.starts_with("  description: ")).unwrap();
        terminal.write("item.yaml", &printed.replacen(description, "  description: Red", 1));
        let refused = terminal.refusal(&["items:update", "-i", "item.yaml", "-a", ".alice.yaml"]);
        assert!(refused.contains("spec.description would be lost: "), "{refused}");
        let (before, last) = printed.split_once("    description: null").unwrap();
        terminal.write("slot.yaml", &format!("{before}    description: Chassis{last}"));
        let described = terminal.output(&["items:update", "-i", "slot.yaml", "-a", ".alice.yaml"]);
        assert_eq!(described.matches("description: Chassis").count(), 1, "{described}");
        // What others changed since was not typed into this file: a slot that is gone is made again, where that is asked for.
        let id = described.split("\n  - id: ").nth(1).unwrap().lines().next().unwrap();
        terminal.output(&["items:remove-slot", id, "-a", ".alice.yaml"]);
        let refused = terminal.refusal(&["items:update", "-i", "slot.yaml", "-a", ".alice.yaml"]);
        assert!(refused.contains("--overwrite"), "{refused}");
        terminal.output(&["items:update", "-i", "slot.yaml", "-a", ".alice.yaml", "--overwrite"]);

        // What is printed of an item is a file for another one.
        terminal.write("copy.yaml", &format!("{made}metadata:\n  template_name: custom\n"));
        let copied = terminal.output(&["items:create", "-i", "copy.yaml", "-a", ".alice.yaml"]);
        assert!(copied.contains("name: phone_2") && field(&copied, "id") != field(&made, "id"), "{copied}");
        let info = terminal.refusal(&["templates:info", "no such template", "-a", ".alice.yaml"]);
        assert!(info.contains("not found"), "{info}");
        assert_eq!(field(&terminal.output(&["templates:info", "Vehicle", "-a", ".alice.yaml"]), "name"), "vehicle");
    })
    .await;
}

/// Of two slots with one label, the other may be the one that is nobody's business.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_of_two_slots_shares_neither() {
    with_server(|terminal| {
        connect(terminal);
        terminal.write(
            "item.yaml",
            "kind: Item\nmetadata:\n  template_name: custom\nspec:\n  label: Contact\n  slots:\n    - label: Phone\n      \
             value: \"1\"\n    - label: Phone\n      value: \"2\"\n",
        );
        terminal.output_to("made.yaml", &["items:create", "-i", "item.yaml", "-a", ".alice.yaml"]);
        let config = ["shares:create-config", "-f", ".alice.yaml", "-c", "connection.yaml", "-i", "made.yaml", "-s"];
        let refused = terminal.refusal(&[&config[..], &["Phone"]].concat());
        assert!(refused.contains("several slots with the label 'Phone'"), "{refused}");
        let by_name = terminal.output(&[&config[..], &["phone_2"]].concat());
        let id = field(&by_name, "slot_id").to_owned();
        assert!(terminal.read("made.yaml").contains(&id), "{id}");
        assert_eq!(terminal.output(&[&config[..], &[&id]].concat()), by_name);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_attached_shared_and_decrypted_by_both() {
    with_server(|terminal| {
        connect(terminal);
        let item = "kind: Item\nmetadata:\n  template_name: vehicle\nspec:\n  label: DeLorean\n";
        terminal.write("item.yaml", item);
        let made = terminal.output(&["items:create", "-i", "item.yaml", "-a", ".alice.yaml"]);
        let id = field(&made, "id");
        terminal.write("made.yaml", &made);
        let picture: Vec<u8> = (0..3 * 1024 * 1024).map(|at: u32| (at % 251) as u8).collect();
        fs::write(terminal.folder.path().join("picture.png"), &picture).unwrap();
        let config = |file: &str| {
            format!("kind: FileAttachment\nmetadata:\n  item_id: {id}\nspec:\n  label: A picture\n  file: {file}\n")
        };

        terminal.write("attach.yaml", &config("nowhere.png"));
        let attach = ["items:attach-file", "-c", "attach.yaml", "-a"];
        let missing = terminal.refusal(&[&attach[..], &[".alice.yaml"]].concat());
        assert!(missing.contains("cannot read nowhere.png"), "{missing}");
        terminal.write("attach.yaml", &config("picture.png"));
        let (attached, told) = terminal.both(&[&attach[..], &[".alice.yaml"]].concat());
        assert_eq!((field(&attached, "filename"), field(&attached, "content_type")), ("picture.png", "image/png"));
        assert_eq!((field(&attached, "label"), field(&attached, "slot_type_name")), ("A picture", "attachment"));
        assert!((2..20).contains(&told.lines().count()), "{told}");
        let slot_of_file = |printed: &str| {
            let slot = printed.split("- id: ").find(|slot| slot.contains("slot_type_name: attachment")).unwrap();
            slot.lines().next().unwrap().to_owned()
        };
        let slot = slot_of_file(&attached);

        let get = |item: &str, slot: &str, auth: &str| {
            terminal.output(&["items:get-attachment", item, slot, "-o", auth, "-a", &format!(".{auth}.yaml")])
        };
        assert_eq!(get(id, &slot, "alice"), "alice/picture.png\n");
        assert!(fs::read(terminal.folder.path().join("alice/picture.png")).unwrap() == picture);
        let again = terminal.refusal(&["items:get-attachment", id, &slot, "-o", "alice", "-a", ".alice.yaml"]);
        assert_eq!(again.lines().last(), Some("Error: alice/picture.png is there already"));

        let sharing =
            terminal.output(&["shares:create-config", "-f", ".alice.yaml", "-c", "connection.yaml", "-i", "made.yaml"]);
        terminal.write("share.yaml", &sharing);
        let share = terminal.output(&["shares:create", "-c", "share.yaml"]);
        let share = share.split_once("- id: ").unwrap().1.lines().next().unwrap();
        let received = terminal.output(&["shares:get-incoming", share, "-a", ".bob.yaml"]);
        let copy = received.split_once("\nitem:").unwrap().1;
        let (copy, slots) = (field(copy, "id"), received.split_once("\nslots:").unwrap().1);
        assert_eq!(get(copy, &slot_of_file(slots), "bob"), "bob/picture.png\n");
        assert!(fs::read(terminal.folder.path().join("bob/picture.png")).unwrap() == picture);
        let config = config("picture.png").replace(id, copy);
        terminal.write("attach.yaml", &config);
        let refused = terminal.refusal(&[&attach[..], &[".bob.yaml"]].concat());
        assert!(refused.contains("only the item's owner may do this"), "{refused}");

        // A small picture of it, which Bob gets with the file.
        let small = b"\x89PNG\r\n\x1a\nsmall".as_slice();
        fs::write(terminal.folder.path().join("small.png"), small).unwrap();
        let of = |file: &str| {
            format!(
                "kind: Thumbnail\nmetadata: {{ itemId: {id}, slotId: {slot} }}\nspec: {{ file: {file}, sizeType: 256x256/png }}\n"
            )
        };
        terminal.write("thumbnail.yaml", &of("small.png"));
        let create = ["items:create-thumbnail", "-c", "thumbnail.yaml", "-a", ".alice.yaml"];
        let thumbnail = terminal.output(&create);
        assert_eq!((field(&thumbnail, "kind"), field(&thumbnail, "size_type")), ("Thumbnail", "256x256/png"));
        let thumbnail = field(&thumbnail, "id").to_owned();
        for (item, slot, who) in [(id, slot.as_str(), "alice"), (copy, slot_of_file(slots).as_str(), "bob")] {
            let auth = format!(".{who}.yaml");
            let get = ["items:get-thumbnail", item, slot, &thumbnail, "-o", who, "-a", &auth];
            assert_eq!(terminal.output(&get), format!("{who}/{thumbnail}.png\n"));
            assert!(fs::read(terminal.folder.path().join(format!("{who}/{thumbnail}.png"))).unwrap() == small);
        }
        let missing = terminal.refusal(&["items:get-thumbnail", id, &slot, id, "-a", ".alice.yaml"]);
        assert!(missing.contains("the file has no thumbnail"), "{missing}");
        terminal.write("thumbnail.yaml", &of("picture.png"));
        let refused = terminal.refusal(&create);
        assert!(refused.contains("the thumbnail is no image/png"), "{refused}");

        // What cannot be decrypted leaves nothing behind.
        terminal.lie(|_, path, json| {
            if path.contains("/blobs/") {
                json["at"][0]["data"][0] = serde_json::json!(0);
                json["at"][1]["data"][0] = serde_json::json!(1);
            }
        });
        let refused = terminal.refusal(&["items:get-attachment", id, &slot, "-o", "empty", "-a", ".alice.yaml"]);
        assert!(refused.contains("the server put a ciphertext where another one belongs"), "{refused}");
        assert_eq!(fs::read_dir(terminal.folder.path().join("empty")).unwrap().count(), 0);
    })
    .await;
}
