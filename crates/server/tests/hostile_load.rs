//! The attacks of docs/server-faults.md against the binary, each beside another user's requests, which go on and are all
//! answered rightly. Bounded in count and time, on loopback.
//!
//! With `VAULTSHARE_HOSTILE_LOAD_REPORT=FILE` each attack is made more often, and how long the other user waited and what memory
//! the server took are written to the file, as a table.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "server/common/mod.rs"]
mod common;

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::{
    body::Bytes,
    http::{Request, StatusCode},
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::{JoinHandle, JoinSet},
};
use vaultshare_server::{
    Config,
    testing::{self, Folder},
};

use common::{SEALED, Server, User, srp_client::SrpClient, text};

/// How often each attack is made: as often as the test has time for, or as the review did.
#[derive(Clone, Copy)]
struct Load {
    requests: usize,
    connections: usize,
}

struct World {
    server: Binary,
    alice: User,
    bob: User,
    carlos: User,
    item: Value,
    load: Load,
    /// Carlos's requests that were answered.
    probes: Arc<AtomicUsize>,
}

/// More memory than any of the attacks has the server take, in MB.
const MEMORY: u64 = 300;

/// How long 99 of 100 requests may take beside an attack, in milliseconds. Of a release build: one with debug
/// assertions, on a machine that has more to do, takes as long as it takes.
const P99: u128 = 250;

/// The server, in a process of its own.
struct Binary {
    child: Child,
    address: SocketAddr,
}

impl Binary {
    async fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_vaultshare-server"))
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = tokio::process::ChildStdout::from_std(child.stdout.take().unwrap()).unwrap();
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await.unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, address }
    }

    /// The most memory that it has had, in MB, where the system says.
    fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? / 1024)
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request over a connection of its own. None if the server closed it, as it may while a body is still being sent.
async fn send(address: SocketAddr, request: Request<Bytes>) -> Option<(StatusCode, bool, Value)> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let (mut parts, body) = request.into_parts();
    parts.headers.insert("host", "localhost".parse().unwrap());
    let response = sender.send_request(Request::from_parts(parts, Full::new(body))).await.ok();
    let reply = match response {
        Some(response) => {
            let (parts, body) = response.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            let retry_after = parts.headers.contains_key("retry-after");
            Some((parts.status, retry_after, serde_json::from_slice(&body).unwrap_or_default()))
        }
        None => None,
    };
    connection.abort();
    reply
}

fn request(method: &str, path: &str, user: Option<&User>, body: Option<String>) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(user) = user {
        request = request.header("authorization", user.token(path));
    }
    request.body(body.unwrap_or_default().into()).unwrap()
}

impl World {
    async fn new(load: Load, data: &Path) -> Self {
        let unused = Folder::new().unwrap();
        let server = Server(testing::server_on_files(Config::new(data), unused).await.unwrap());
        let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
        let carlos = server.sign_up("carlos").await;
        server.connect(&alice, &bob).await;
        let item = server.make_item(&carlos).await;
        // What Alice's slow readers do not read.
        let slots: Vec<_> = (0..2_000).map(|slot| json!({ "name": format!("f{slot}") })).collect();
        let large = json!({ "template_name": "custom", "item": { "label": "x", "slots_attributes": slots } });
        server.post(&alice, "/vault/items", large).await.ok();
        server.0.close().await;
        drop(server);
        Self { server: Binary::start(data).await, alice, bob, carlos, item, load, probes: Arc::default() }
    }

    /// So many requests at once.
    async fn flood(
        &self,
        count: usize,
        make: impl Fn(usize) -> Request<Bytes>,
    ) -> Vec<Option<(StatusCode, bool, Value)>> {
        let mut sent = JoinSet::new();
        for number in 0..count {
            sent.spawn(send(self.server.address, make(number)));
        }
        sent.join_all().await
    }

    /// Carlos reads, lists and changes until he is told to stop, and is answered rightly each time. Says how long he waited.
    fn probe(&self, stop: Arc<AtomicBool>) -> JoinHandle<Vec<Duration>> {
        let (address, carlos, item) = (self.server.address, self.carlos.clone(), self.item.clone());
        let probes = Arc::clone(&self.probes);
        tokio::spawn(async move {
            let mut waits = Vec::new();
            let id = text(&item["item"]["id"]);
            let path = format!("/vault/items/{id}");
            for number in 0.. {
                let change = json!({ "item": { "label": format!("DeLorean {number}"),
                    "slots_attributes": [{ "name": "vin", "encrypted_value": SEALED }] } });
                for request in [
                    request("GET", &path, Some(&carlos), None),
                    request("GET", "/vault/items", Some(&carlos), None),
                    request("PUT", &path, Some(&carlos), Some(change.to_string())),
                    request("GET", "/keystore/session", Some(&carlos), None),
                ] {
                    let what = format!("{} {}", request.method(), request.uri());
                    let begin = Instant::now();
                    let (status, _, reply) = send(address, request).await.unwrap();
                    waits.push(begin.elapsed());
                    probes.fetch_add(1, SeqCst);
                    assert_eq!(status, 200, "{what}: {reply}");
                    if what.starts_with("PUT") {
                        assert_eq!(reply["item"]["label"], format!("DeLorean {number}"));
                    }
                }
                if stop.load(SeqCst) {
                    return waits;
                }
            }
            unreachable!("the numbers end later")
        })
    }
}

/// That the server refuses a request, also while it is still being sent, for one of these reasons.
fn refused(replies: Vec<Option<(StatusCode, bool, Value)>>, codes: &[&str]) {
    for (status, retry_after, reply) in replies.into_iter().flatten() {
        let code = text(&reply["errors"][0]["error"]);
        assert!(codes.contains(&code.as_str()), "{status}: {reply}");
        assert!(status.as_u16() < 500 || status == 503 && retry_after, "{status}: {reply}");
    }
}

/// C2: slots, of which every pair was compared under the write lock.
async fn slots(world: &World) {
    let slots: Vec<_> = (0..40_000).map(|slot| json!({ "name": format!("f{slot}") })).collect();
    let body = json!({ "template_name": "custom", "skip_empty_template_slots": true,
        "item": { "label": "x", "slots_attributes": slots } });
    let body = body.to_string();
    let make = |_| request("POST", "/vault/items", Some(&world.alice), Some(body.clone()));
    refused(world.flood(world.load.requests, make).await, &["too_many_slots", "unavailable"]);
}

/// C2 within the bound: as many slots as an item may have.
async fn many_slots(world: &World) {
    let slots: Vec<_> = (0..3_000).map(|slot| json!({ "label": format!("Field {slot}") })).collect();
    let body = json!({ "template_name": "custom", "item": { "label": "x", "slots_attributes": slots } }).to_string();
    for (status, _, reply) in world
        .flood(2, |_| request("POST", "/vault/items", Some(&world.alice), Some(body.clone())))
        .await
        .into_iter()
        .flatten()
    {
        assert_eq!(status, 201, "{reply}");
    }
}

/// C3: names of 7.9 MB, which were remembered, of nobody.
async fn names(world: &World) {
    let body = json!({ "username": "x".repeat(7_900_000), "srp_a": "ff", "srp_m": "00" }).to_string();
    let make = |_| request("POST", "/keystore/srp/session", None, Some(body.clone()));
    refused(world.flood(world.load.requests, make).await, &["body_too_large"]);
}

/// H1: lists in queries, which took a reader or the writer for seconds each. They are refused so soon that it takes
/// many for the other user's requests to be enough to say how long one in a hundred took.
async fn queries(world: &World) {
    let list: String = (0..12_000).map(|value| format!("{value},")).collect();
    let paths = [format!("/vault/items?template_ids={list}"), format!("/vault/client_task_queue?state={list}")];
    let make = |number: usize| {
        let path = paths[number % 2].get(..60_000).unwrap_or(&paths[number % 2]);
        request("GET", path, Some(&world.alice), None)
    };
    let (before, began) = (world.probes.load(SeqCst), Instant::now());
    // Where the other user's requests have failed there are no more of them.
    while world.probes.load(SeqCst) < before + 100 && began.elapsed() < Duration::from_secs(120) {
        refused(world.flood(world.load.requests, make).await, &["too_many_values"]);
    }
}

/// H2: nodes, with which a sharer broke the recipient's list.
async fn nodes(world: &World) {
    let nodes: Vec<_> = (0..17_000).map(|node| json!({ "scheme": "tag", "label": format!("Node {node}") })).collect();
    let body = json!({ "template_name": "custom", "item": { "label": "x", "classification_nodes_attributes": nodes } });
    let body = body.to_string();
    let make = |_| request("POST", "/vault/items", Some(&world.alice), Some(body.clone()));
    refused(world.flood(world.load.requests, make).await, &["too_many_classifications", "unavailable"]);
    let list = send(world.server.address, request("GET", "/vault/items", Some(&world.bob), None)).await;
    assert_eq!(list.unwrap().0, 200);
}

/// H4: half-sent heads, and readers that do not read.
async fn connections(world: &World) {
    let mut open = Vec::new();
    for number in 0..world.load.connections {
        let mut stream = TcpStream::connect(world.server.address).await.unwrap();
        let head = match number % 2 {
            0 => "GET /vault/items HTTP/1.1\r\nhost: localhost\r\nx-more: ".to_owned(),
            _ => format!(
                "GET /vault/items HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\r\n",
                world.alice.vault_token
            ),
        };
        stream.write_all(head.as_bytes()).await.unwrap();
        open.push(stream);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// H5: templates of many slots, of which every pair was compared.
async fn templates(world: &World) {
    let slots: Vec<_> = (0..60_000).map(|slot| json!({ "name": format!("f{slot}") })).collect();
    let body = json!({ "label": "x", "slots_attributes": slots }).to_string();
    let make = |_| request("POST", "/vault/item_templates", Some(&world.alice), Some(body.clone()));
    refused(world.flood(world.load.requests, make).await, &["body_too_large"]);
}

/// What takes three bytes to send and hundreds to keep.
async fn values(world: &World) {
    let body = format!(
        r#"{{"template_name":"custom","item":{{"label":"x","slots_attributes":[{}{{}}]}}}}"#,
        "{},".repeat(2_700_000)
    );
    let make = |_| request("POST", "/vault/items", Some(&world.alice), Some(body.clone()));
    refused(world.flood(world.load.requests, make).await, &["too_many_values", "unavailable"]);
}

/// SRP, of nobody: each takes a millisecond of a processor, and a write.
async fn sign_ins(world: &World) {
    let a = SrpClient::start().public_a();
    let make = |number: usize| {
        let body = json!({ "username": format!("nobody-{number}"), "srp_a": a });
        request("POST", "/keystore/srp/challenges", None, Some(body.to_string()))
    };
    for (status, retry_after, reply) in world.flood(world.load.connections * 2, make).await.into_iter().flatten() {
        assert!(status == 200 || status == 503 && retry_after, "{status}: {reply}");
    }
}

async fn beside<Attack: Future<Output = ()>>(world: &World, attack: impl FnOnce() -> Attack) -> Vec<Duration> {
    let stop = Arc::new(AtomicBool::new(false));
    let probe = world.probe(stop.clone());
    attack().await;
    stop.store(true, SeqCst);
    let mut waits = probe.await.unwrap();
    waits.sort_unstable();
    waits
}

fn percentile(waits: &[Duration], percent: usize) -> u128 {
    waits[((waits.len() * percent).div_ceil(100)).max(1) - 1].as_millis()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_in_vain_while_somebody_attacks() {
    let report = std::env::var_os("VAULTSHARE_HOSTILE_LOAD_REPORT");
    let load = match &report {
        Some(_) => Load { requests: 100, connections: 200 },
        None => Load { requests: 8, connections: 40 },
    };
    let data = Folder::new().unwrap();
    let world = World::new(load, data.path()).await;
    let mut table = String::new();
    macro_rules! attack {
        ($name:literal, $attack:expr) => {
            let waits = beside(&world, || $attack(&world)).await;
            let memory = world.server.peak_memory();
            assert!(memory.is_none_or(|memory| memory < MEMORY), "{}: {memory:?} MB", $name);
            let memory = memory.map_or("?".to_owned(), |memory| memory.to_string());
            let (count, p50, p99) = (waits.len(), percentile(&waits, 50), percentile(&waits, 99));
            assert!(cfg!(debug_assertions) || p99 <= P99, "{}: {p99} ms", $name);
            writeln!(table, "| {} | {count} | {p50} | {p99} | {memory} |", $name).unwrap();
        };
    }
    attack!("none, 2 s", |_| tokio::time::sleep(Duration::from_secs(2)));
    attack!("C2: items of 40,000 slots", slots);
    attack!("C2: items of 3,000 slots, which are made", many_slots);
    attack!("C3: names of 7.9 MB", names);
    attack!("H1: lists of 12,000 values in queries", queries);
    attack!("H2: items with 17,000 nodes", nodes);
    attack!("H4: half-sent heads, and readers that do not read", connections);
    attack!("H5: templates of 60,000 slots", templates);
    attack!("bodies of 2,700,000 values", values);
    attack!("SRP challenges of nobody", sign_ins);
    if let Some(file) = report {
        let build = if cfg!(debug_assertions) { "a debug build" } else { "a release build" };
        let cores = std::thread::available_parallelism().unwrap();
        let load_average = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load_average = load_average.split(' ').next().unwrap_or_default();
        let page = format!(
            "# How long others wait while somebody attacks\n\n\
             Written by `VAULTSHARE_HOSTILE_LOAD_REPORT=docs/hostile-load.md cargo test --release -p vaultshare-server --test\n\
             hostile_load`, of {build} on {cores} processors, which the attacker and whatever else ran had to share (load \
             average\n{load_average} at the end). What the attacks are: [`server-faults.md`](server-faults.md). The other user \
             reads an item, lists items,\nchanges an item, and asks for the session, one after the other; every request was \
             answered rightly.\n\n\
             | attack | requests of the other user | p50 ms | p99 ms | memory so far, MB |\n|---|---:|---:|---:|---:|\n{table}"
        );
        std::fs::write(file, page).unwrap();
    }
}
