//! A terminal before a real server, which can be made to lie.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "each test file uses some of it")]

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::header::{CONTENT_LENGTH, RANGE},
    middleware::{self, Next},
    response::Response,
};
use serde_json::Value as Json;
use tokio::{net::TcpListener, sync::oneshot};
use vaultshare_server::testing::{Folder, fresh_server};

/// Gets method and path of a request, and alters what is answered.
type Lie = Box<dyn Fn(&str, &str, &mut Json) + Send>;

pub(crate) struct Terminal {
    pub(crate) folder: Folder,
    url: String,
    lies: Lies,
}

/// How a server's replies are altered.
#[derive(Clone, Default)]
struct Lies {
    json: Arc<Mutex<Option<Lie>>>,
    cut_short: Arc<Mutex<Option<&'static str>>>,
}

impl Terminal {
    pub(crate) fn without_server() -> Terminal {
        Terminal { folder: Folder::new().unwrap(), url: "http://127.0.0.1:9".to_owned(), lies: Lies::default() }
    }

    /// From now on the server's replies in JSON are altered.
    pub(crate) fn lie(&self, lie: impl Fn(&str, &str, &mut Json) + Send + 'static) {
        *self.lies.json.lock().unwrap() = Some(Box::new(lie));
    }

    /// From now on replies to requests for this range of bytes have half of them.
    pub(crate) fn cut_short(&self, range: &'static str) {
        *self.lies.cut_short.lock().unwrap() = Some(range);
    }

    pub(crate) fn be_honest(&self) {
        *self.lies.json.lock().unwrap() = None;
        *self.lies.cut_short.lock().unwrap() = None;
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let (vault, keystore) = (format!("{}/vault", self.url), format!("{}/keystore", self.url));
        let mut command = Command::new(env!("CARGO_BIN_EXE_vaultshare"));
        command
            .args(["--vault-url", &vault, "--keystore-url", &keystore])
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("VAULTSHARE_MEMORY")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The standard output of a command that succeeds.
    pub(crate) fn output(&self, arguments: &[&str]) -> String {
        self.both(arguments).0
    }

    /// Standard output and standard error of a command that succeeds.
    pub(crate) fn both(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        (String::from_utf8(output.stdout).unwrap(), errors)
    }

    /// What a command that fails says.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        write_private(&self.folder.path().join(name), content);
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Runs a command and writes what it prints.
    pub(crate) fn output_to(&self, name: &str, arguments: &[&str]) {
        self.write(name, &self.output(arguments));
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

pub(crate) fn field<'a>(yaml: &'a str, name: &str) -> &'a str {
    let line = yaml.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {yaml}"))
}

/// Makes `.alice.yaml` and `.bob.yaml`, and connects them.
pub(crate) fn connect(terminal: &Terminal) {
    for name in [".alice.yaml", ".bob.yaml"] {
        terminal.output_to(name, &["users:create", "-p", "supersecretpassword"]);
    }
    let config = ["connections:create-config", "-f", ".alice.yaml", "-t", ".bob.yaml"];
    terminal.output_to("connecting.yaml", &config);
    terminal.output_to("connection.yaml", &["connections:create", "-c", "connecting.yaml"]);
}

/// Runs a story at a terminal before a fresh server.
pub(crate) async fn with_server(story: impl FnOnce(&Terminal) + Send + 'static) {
    let server = fresh_server().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let lies = Lies::default();
    let (stop, stopped) = oneshot::channel::<()>();
    let lying = middleware::from_fn_with_state(lies.clone(), answer);
    let app = server.router().layer(lying).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
    let serving = tokio::spawn(async { serving.await });
    tokio::task::spawn_blocking(move || story(&Terminal { folder: Folder::new().unwrap(), url, lies })).await.unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    server.close().await;
}

async fn answer(axum::extract::State(lies): axum::extract::State<Lies>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let range = request.headers().get(RANGE).cloned();
    let (mut parts, body) = next.run(request).await.into_parts();
    let mut body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    if let (Some(lie), Ok(mut reply)) = (&*lies.json.lock().unwrap(), serde_json::from_slice::<Json>(&body)) {
        lie(&method, &path, &mut reply);
        body = serde_json::to_vec(&reply).unwrap();
    }
    if range.is_some_and(|range| lies.cut_short.lock().unwrap().is_some_and(|cut| range == cut)) {
        body.truncate(body.len() / 2);
    }
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}
