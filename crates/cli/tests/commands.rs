//! The commands, run as a terminal runs them, against a real server.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tokio::{net::TcpListener, sync::oneshot};
use vaultshare_server::testing::{Folder, fresh_server};

struct Terminal {
    folder: Folder,
    url: String,
}

impl Terminal {
    fn run(&self, arguments: &[&str]) -> Output {
        let (vault, keystore) = (format!("{}/vault", self.url), format!("{}/keystore", self.url));
        Command::new(env!("CARGO_BIN_EXE_vaultshare"))
            .args(["--vault-url", &vault, "--keystore-url", &keystore])
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// The standard output of a command that succeeds.
    fn output(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that fails says.
    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn write(&self, name: &str, content: &str) {
        write_private(&self.folder.path().join(name), content);
    }
}

fn write_private(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn field<'a>(yaml: &'a str, name: &str) -> &'a str {
    let line = yaml.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {yaml}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_made_signs_in_looks_around_and_leaves() {
    let server = fresh_server().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let app = vaultshare_server::App::clone(&server);
    let serving = tokio::spawn(app.serve(listener, async { drop(stopped.await) }));

    let terminal = Terminal { folder: Folder::new().unwrap(), url };
    let story = move || {
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
    };
    tokio::task::spawn_blocking(story).await.unwrap();

    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
