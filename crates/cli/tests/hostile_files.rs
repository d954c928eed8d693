//! Where a file is written that a lying server names, or does not send to its end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;

use common::{Terminal, field, with_server};

const LENGTH: usize = 3 * 1024 * 1024;

const LAST_CHUNK: &str = "bytes=2097152-3145727";

/// Attaches three chunks to an item of Alice's; gives the ids of item and slot.
fn attach(terminal: &Terminal) -> (String, String) {
    terminal.output_to(".alice.yaml", &["users:create", "-p", "supersecretpassword"]);
    terminal.write("item.yaml", "kind: Item\nmetadata: { template_name: vehicle }\nspec: { label: DeLorean }\n");
    let item = terminal.output(&["items:create", "-i", "item.yaml", "-a", ".alice.yaml"]);
    let item = field(&item, "id").to_owned();
    fs::write(terminal.folder.path().join("picture.png"), content()).unwrap();
    let config = format!("kind: FileAttachment\nmetadata: {{ item_id: {item} }}\nspec: {{ file: picture.png }}\n");
    terminal.write("attach.yaml", &config);
    let attached = terminal.output(&["items:attach-file", "-c", "attach.yaml", "-a", ".alice.yaml"]);
    let slot = field(attached.split_once("\nslots:").unwrap().1, "- id").to_owned();
    (item, slot)
}

fn content() -> Vec<u8> {
    (0..LENGTH).map(|at| (at % 251) as u8).collect()
}

/// The names of what is in a folder, hidden or not.
fn names_in(terminal: &Terminal, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(terminal.folder.path().join(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_ends_too_soon_leaves_nothing_and_is_read_whole_afterwards() {
    with_server(|terminal| {
        let (item, slot) = attach(terminal);
        let get = ["items:get-attachment", &item, &slot, "-o", "got", "-a", ".alice.yaml"];
        terminal.cut_short(LAST_CHUNK);
        let refused = terminal.refusal(&get);
        assert!(!refused.contains("cannot write"), "{refused}");
        assert!(refused.contains("the server sent another part of the file"), "{refused}");
        assert_eq!(names_in(terminal, "got"), [""; 0]);

        terminal.be_honest();
        assert_eq!(terminal.output(&get), "got/picture.png\n");
        assert!(fs::read(terminal.folder.path().join("got/picture.png")).unwrap() == content());
        assert_eq!(names_in(terminal, "got"), ["picture.png"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_stays_in_the_folder_whatever_the_server_calls_it() {
    with_server(|terminal| {
        let (item, slot) = attach(terminal);
        let get = ["items:get-attachment", &item, &slot, "-o", "got", "-a", ".alice.yaml"];
        let before = names_in(terminal, ".");
        let mut expected = Vec::new();
        for (told, name) in [
            ("../.alice.yaml", "_.alice.yaml"),
            ("/etc/passwd", "_etc_passwd"),
            (".bashrc", "bashrc"),
            ("a\u{202e}gnp.exe", "a_gnp.exe"),
            ("", "attachment"),
        ] {
            terminal.lie(move |_, path, json| {
                if path.starts_with("/vault/items/") {
                    json["attachments"][0]["filename"] = told.into();
                }
            });
            assert_eq!(terminal.output(&get), format!("got/{name}\n"), "{told:?}");
            expected.push(name.to_owned());
        }
        expected.sort();
        assert_eq!(names_in(terminal, "got"), expected);

        // As long as a name can be, in characters that are not shown.
        let long = "\u{202e}".repeat(255);
        terminal.lie(move |_, path, json| {
            if path.starts_with("/vault/items/") {
                json["attachments"][0]["filename"] = long.as_str().into();
            }
        });
        assert_eq!(terminal.output(&get), format!("got/{}\n", "_".repeat(255)));
        let beside: Vec<_> = names_in(terminal, ".").into_iter().filter(|name| name != "got").collect();
        assert_eq!(beside, before);
    })
    .await;
}
