//! What the server bears: requests a second at 64 connections, by wrk, and the processor's time for each. Release builds of the
//! program, one process on SQLite and two on PostgreSQL, share the machine with wrk and the database.
//!
//! `cargo bench -p vaultshare-server --bench load` prints it, and with `VAULTSHARE_LOAD_REPORT=FILE` writes it there.
//! `VAULTSHARE_LOAD_OTHERS=N` has N more users with a thousand items each. wrk has to be in PATH (on Debian:
//! `apt-get install wrk`).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what goes wrong ends the measurement")]

#[cfg(unix)]
#[path = "../tests/server/common/mod.rs"]
mod common;

#[cfg(not(unix))]
fn main() {
    panic!("the load is made by wrk, which is for systems like Linux");
}

#[cfg(unix)]
#[tokio::main]
async fn main() {
    measured::run().await;
}

#[cfg(unix)]
mod measured {
    use std::{env, fmt::Write as _, fs, path::Path, process::Stdio, sync::Arc};

    use axum::body::Body;
    use serde_json::{Value, json};
    use sqlx::{AssertSqlSafe, Connection};
    use tokio::process::Command;
    use tower::ServiceExt;
    use vaultshare_server::{
        Config,
        testing::{Database, Folder, FreshServer, server_on_files},
    };

    use crate::common::{Server, User, new_share, process::Process, request, text};

    const ITEMS: usize = 10_000;
    const ITEMS_OF_OTHERS: usize = 1000;
    /// Every so many items one is shared.
    const SHARED: usize = 10;
    const SLOTS: usize = 8;
    const CONNECTIONS: usize = 64;
    const SECONDS: usize = 20;
    /// Of the system's clock, in which a process's time is counted.
    const TICKS_PER_SECOND: f64 = 100.0;

    /// A kind of request, and how many a second are wanted on each database.
    struct Case {
        name: &'static str,
        token: String,
        method: &'static str,
        paths: Vec<String>,
        body: Option<Value>,
        wanted: [Option<u32>; 2],
    }

    pub(super) async fn run() {
        let others = env::var("VAULTSHARE_LOAD_OTHERS").map_or(0, |others| others.parse().unwrap());
        let mut table = String::new();
        let folder = Folder::new().unwrap();
        let on_files = server_on_files(Config::new(folder.path()), folder).await.unwrap();
        measure("SQLite", 0, on_files, 1, others, &mut table).await;
        let on_postgres = FreshServer::on(Database::new().await.unwrap()).await.unwrap();
        measure("PostgreSQL", 1, on_postgres, 2, others, &mut table).await;
        let cores = std::thread::available_parallelism().unwrap();
        let of_others = match others {
            0 => String::new(),
            _ => format!(" Another {others} users had {ITEMS_OF_OTHERS} items each.",),
        };
        let page = format!(
            "# What the server bears\n\nWritten by `VAULTSHARE_LOAD_REPORT=docs/load.md cargo bench -p vaultshare-server --bench \
             load`, on {cores} processors, which the\nserver, its database and wrk share: {CONNECTIONS} connections for {SECONDS} \
             seconds, after {ITEMS} items of {SLOTS} slots were made and each\n{SHARED}th was shared.{of_others} The time is the \
             processor's, of the server's processes alone. PostgreSQL is\nthat of the tests, with `fsync` and \
             `full_page_writes` off: it waits for no disk, as one in use does at each write.\n\n\
             | database | request | a second | wanted | ms of processor each | 99 % within | refused |\n\
             |---|---|---:|---:|---:|---:|---:|\n{table}"
        );
        print!("{page}");
        if let Some(file) = env::var_os("VAULTSHARE_LOAD_REPORT") {
            fs::write(file, page).unwrap();
        }
    }

    async fn measure(
        name: &str,
        engine: usize,
        server: FreshServer,
        processes: usize,
        others: usize,
        table: &mut String,
    ) {
        let server = Server(server);
        let cases = set_up(&server, others).await;
        let (data, database) = server.0.stop().await;
        let limits = ["--limits-sessions-per-address", "0"];
        let start = |_| Process::start_on(database.as_deref(), "127.0.0.1:0", &limits, data.path());
        let processes: Vec<Process> = (0..processes).map(start).collect();
        for case in &cases {
            let outcome = load(case, &processes, data.path()).await;
            let wanted = case.wanted[engine].map_or("–".to_owned(), |wanted| format!("≥ {wanted}"));
            let Outcome { per_second, milliseconds, slowest, refused } = outcome;
            let row = format!(
                "| {name} | {} | {per_second:.0} | {wanted} | {milliseconds:.2} | {slowest} | {refused} |",
                case.name
            );
            eprintln!("{row}");
            writeln!(table, "{row}").unwrap();
        }
    }

    async fn set_up(server: &Server, others: usize) -> Vec<Case> {
        let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
        server.connect(&alice, &bob).await;
        let mut shares = Vec::new();
        for number in 0..ITEMS {
            let item = send(server, &alice, "/vault/items", new_item(number)).await;
            assert_eq!(item["slots"].as_array().unwrap().len(), SLOTS);
            if number % SHARED == 0 {
                let body = json!({ "shares": [new_share(&alice, &item, &bob, json!({}))] });
                let path = format!("/vault/items/{}/shares", text(&item["item"]["id"]));
                let share = send(server, &alice, &path, body).await;
                shares.push(format!("/vault/incoming_shares/{}/item", text(&share["shares"][0]["id"])));
            }
        }
        add_others(server, others).await;
        let case = |name, user: &User, method, paths, body, wanted| Case {
            name,
            token: user.vault_token.clone(),
            method,
            paths,
            body,
            wanted,
        };
        let list = |length: usize| vec![format!("/vault/items?per_page={length}")];
        vec![
            case("a share with its item", &bob, "GET", shares, None, [Some(3000), Some(1000)]),
            case("a list of 20 items", &alice, "GET", list(20), None, [Some(1500), None]),
            case("a list of 200 items", &alice, "GET", list(200), None, [Some(150), None]),
            case("a new item", &alice, "POST", vec!["/vault/items".to_owned()], Some(new_item(0)), [Some(800), None]),
        ]
    }

    fn new_item(number: usize) -> Value {
        let value = format!("Aes256Gcm.{}.QUFBQQ==", "c2VhbGVk".repeat(8));
        let slot =
            |slot| json!({ "name": format!("slot_{slot}"), "label": format!("Slot {slot}"), "encrypted_value": value });
        let slots: Vec<Value> = (0..SLOTS).map(slot).collect();
        // Without those of the template, which are none of the eight.
        json!({ "template_name": "custom", "skip_empty_template_slots": true,
            "item": { "label": format!("item {number}"), "slots_attributes": slots } })
    }

    async fn send(server: &Server, user: &User, path: &str, body: Value) -> Value {
        let request = request("POST", path, Some(user.token(path)), None, Some(body));
        let reply = server.0.router().oneshot(request).await.unwrap();
        assert!(reply.status().is_success(), "{path}: {}", reply.status());
        let body = axum::body::to_bytes(Body::new(reply.into_body()), usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Past the server, which would take an hour for a million. Ids are random, as all are: rows lie anywhere in an
    /// index, and not one beside the other.
    async fn add_others(server: &Server, others: usize) {
        let mut database = server.0.connect("vault").await.unwrap();
        let id = if server.0.is_on_postgres() { RANDOM_ID_ON_POSTGRES } else { RANDOM_ID_ON_SQLITE };
        let numbers = |count: usize| {
            format!("WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})")
        };
        if others > 0 {
            for statement in [
                format!(
                    "INSERT INTO users (id, public_key, public_key_hash, created_at) {} \
                     SELECT {id}, 'none', 'other-' || n, 0 FROM numbers",
                    numbers(others)
                ),
                format!(
                    "INSERT INTO items (id, user_id, owner_id, template_id, template_label, name, label, created_at, \
                     updated_at, sequence) {} SELECT {id}, users.id, users.id, template_id, template_label, \
                     items.name, items.label, items.created_at, items.updated_at, items.sequence \
                     FROM users, numbers, (SELECT * FROM items WHERE name = 'item_1' LIMIT 1) AS items \
                     WHERE users.public_key = 'none'",
                    numbers(ITEMS_OF_OTHERS)
                ),
                format!(
                    "INSERT INTO slots (id, item_id, name, label, slot_type_name, creator, ordinal, visible, \
                     encrypted_value, created_at, updated_at) SELECT {id}, items.id, slots.name, slots.label, \
                     slot_type_name, creator, ordinal, visible, encrypted_value, slots.created_at, slots.updated_at \
                     FROM items JOIN users ON users.id = items.user_id, \
                     (SELECT slots.* FROM slots JOIN items ON items.id = item_id \
                     JOIN users ON users.id = items.user_id WHERE items.name = 'item_1' \
                     AND users.public_key <> 'none') AS slots \
                     WHERE users.public_key = 'none'"
                ),
            ] {
                sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await.unwrap();
            }
        }
        sqlx::raw_sql("ANALYZE").execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    }

    const RANDOM_ID_ON_POSTGRES: &str = "CAST(gen_random_uuid() AS TEXT)";
    const RANDOM_ID_ON_SQLITE: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' \
         || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

    struct Outcome {
        per_second: f64,
        milliseconds: f64,
        slowest: String,
        refused: u64,
    }

    /// One wrk for each process, at the same time.
    async fn load(case: &Case, processes: &[Process], folder: &Path) -> Outcome {
        let script = folder.join("requests.lua");
        fs::write(&script, script_of(case)).unwrap();
        let before: f64 = processes.iter().map(seconds_of_processor).sum();
        let each = (CONNECTIONS / processes.len()).to_string();
        let runs: Vec<_> = processes
            .iter()
            .map(|process| {
                let mut wrk = Command::new("wrk");
                wrk.args(["--threads", "1", "--latency", "--connections", &each, "--script"]).arg(&script);
                wrk.args(["--duration", &format!("{SECONDS}s"), "--timeout", "30s"])
                    .arg(format!("http://{}", process.address));
                let run = wrk.stdout(Stdio::piped()).spawn();
                run.unwrap_or_else(|error| panic!("wrk is needed (on Debian, apt-get install wrk): {error}"))
            })
            .collect();
        let mut printed = Vec::new();
        for run in runs {
            let output = run.wait_with_output().await.unwrap();
            assert!(output.status.success());
            printed.push(Arc::<str>::from(String::from_utf8(output.stdout).unwrap()));
        }
        let took: f64 = processes.iter().map(seconds_of_processor).sum::<f64>() - before;
        let number =
            |start: &str| -> f64 { printed.iter().filter_map(|text| after(text, start)?.parse::<f64>().ok()).sum() };
        let requests: f64 = printed
            .iter()
            .filter_map(|text| text.lines().find_map(|line| line.trim().split_once(" requests in")))
            .map(|(count, _)| count.parse::<f64>().unwrap())
            .sum();
        Outcome {
            per_second: number("Requests/sec:"),
            milliseconds: took * 1000.0 / requests,
            slowest: printed.iter().filter_map(|text| after(text, "99%")).collect::<Vec<_>>().join(", "),
            refused: number("Non-2xx or 3xx responses:") as u64,
        }
    }

    fn after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
        text.lines().find_map(|line| line.trim().strip_prefix(start)).map(str::trim)
    }

    fn script_of(case: &Case) -> String {
        let paths: Vec<String> = case.paths.iter().map(|path| format!("\"{path}\"")).collect();
        let body = case.body.as_ref().map_or("nil".to_owned(), |body| format!("[[{body}]]"));
        format!(
            "local paths = {{ {} }}\nlocal headers = {{ authorization = \"{}\", [\"content-type\"] = \"application/json\" }}\n\
             request = function() return wrk.format(\"{}\", paths[math.random(#paths)], headers, {body}) end\n",
            paths.join(", "),
            case.token,
            case.method
        )
    }

    fn seconds_of_processor(process: &Process) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
        // The name of the program, which stands in brackets, may hold spaces.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
        ticks / TICKS_PER_SECOND
    }
}
