//! A terminal in an empty folder, where `meeco` is our command line and a fresh server is the environment.

use std::{
    env, fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use nix::pty::{OpenptyResult, openpty};
use serde_norway::Value;
use tokio::{net::TcpListener, sync::oneshot};
use vaultshare_server::testing::{Folder, fresh_server};

pub(crate) struct Terminal {
    folder: Folder,
}

/// Runs a guide's story with a terminal. The server goes when the story ends.
pub(crate) async fn follow(story: impl FnOnce(&Terminal) + Send + 'static) {
    let server = fresh_server().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(vaultshare_server::App::clone(&server).serve(listener, async { drop(stopped.await) }));
    tokio::task::spawn_blocking(move || {
        let terminal = Terminal { folder: Folder::new().unwrap() };
        terminal.set_up(&url);
        story(&terminal);
    })
    .await
    .unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

impl Terminal {
    fn set_up(&self, url: &str) {
        let environment = format!(
            "vault:\n  url: {url}/vault\n  subscription_key: environment_subscription_key\n\
             keystore:\n  url: {url}/keystore\n  subscription_key: environment_subscription_key\n"
        );
        fs::write(self.path(".environment.yaml"), environment).unwrap();
        fs::create_dir(self.path("programs")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vaultshare"), self.path("programs/meeco")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shell(&self, lines: &str, variables: &[(&str, &str)]) -> Command {
        let path = format!("{}:{}", self.path("programs").display(), env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command
            .args(["-e", "-c", &format!("umask 077\n{lines}")])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env_remove("VAULTSHARE_MEMORY")
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// Types these lines, which succeed, and gives what they print.
    pub(crate) fn types(&self, lines: &str, variables: &[(&str, &str)]) -> String {
        printed(lines, self.shell(lines, variables).output().unwrap())
    }

    /// Types these lines at a terminal, where a question is answered with yes.
    pub(crate) fn types_and_agrees(&self, lines: &str, variables: &[(&str, &str)]) -> String {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        fs::File::from(master.try_clone().unwrap()).write_all(b"y\n").unwrap();
        let output = self.shell(lines, variables).stdin(slave).output().unwrap();
        drop(master);
        printed(lines, output)
    }

    /// Types these lines, which fail, and gives the error.
    pub(crate) fn is_refused(&self, lines: &str, variables: &[(&str, &str)]) -> String {
        let output = self.shell(lines, variables).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{lines}");
        String::from_utf8(output.stderr).unwrap().lines().last().unwrap_or_default().to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> Value {
        yaml(&fs::read_to_string(self.path(name)).unwrap())
    }

    /// Edits a file by hand, as the guides ask for in between.
    pub(crate) fn edits(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut document = self.read(name);
        edit(&mut document);
        fs::write(self.path(name), serde_norway::to_string(&document).unwrap()).unwrap();
    }
}

fn printed(lines: &str, output: Output) -> String {
    assert!(output.status.success(), "{lines}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn yaml(text: &str) -> Value {
    serde_norway::from_str(text).unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text but {value:?}"))
}

/// The value of the slot of this name, in a list of slots.
pub(crate) fn slot<'a>(slots: &'a Value, name: &str) -> &'a Value {
    let slots = slots.as_sequence().unwrap();
    slots.iter().find(|slot| slot["name"].as_str() == Some(name)).unwrap_or_else(|| panic!("no slot {name}"))
}

/// Checks that a record has at least these fields, in this order, as the guide prints them.
pub(crate) fn has_fields(record: &Value, fields: &[&str]) {
    let found: Vec<_> = record.as_mapping().unwrap().keys().filter_map(Value::as_str).collect();
    for field in fields {
        assert!(found.contains(field), "{field} is missing in {found:?}");
    }
}

/// Fills in the empty item that items:create-config printed.
pub(crate) fn fill_in(item: &mut Value) {
    item["spec"]["label"] = "DeLorean".into();
    for slot in item["spec"]["slots"].as_sequence_mut().unwrap() {
        match slot["name"].as_str().unwrap() {
            "licence_plate" => slot["value"] = "NotACatDefsACar".into(),
            "model_make" => slot["value"] = "DeLorean DMC-12".into(),
            _ => {}
        }
    }
}
