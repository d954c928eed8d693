//! Servers and PostgreSQL are killed while clients write: what was acknowledged is there, and nothing is there twice.
//!
//! `VAULTSHARE_TEST_KILLS` says how often; a few times without it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "server/common/mod.rs"]
mod common;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use reqwest::Client;
use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::ring;
use vaultshare_server::testing;

use common::{SEALED, process::Process, server, text};

const CLIENTS: usize = 4;

/// How long one request may be repeated until it is acknowledged, and how long the last ones may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What all clients know.
struct Load {
    client: Client,
    token: String,
    /// Where servers are, each written anew when it was started again.
    servers: Mutex<Vec<SocketAddr>>,
    is_over: AtomicBool,
    requests: AtomicU32,
    repeated: AtomicU32,
    /// The ids that were acknowledged, by the label of the item.
    acknowledged: Mutex<HashMap<String, String>>,
}

impl Load {
    /// Makes items until the load is over, each with a label of its own, and repeats each request until it is answered.
    async fn write(self: Arc<Self>, client: usize) {
        while !self.is_over.load(SeqCst) {
            let label = format!("item-{}", self.requests.fetch_add(1, SeqCst));
            let made = tokio::time::timeout(PATIENCE, self.make(client, &label)).await;
            let id = made.unwrap_or_else(|_| panic!("{label} is never acknowledged"));
            assert_eq!(self.acknowledged.lock().unwrap().insert(label, id), None);
        }
    }

    async fn make(&self, client: usize, label: &str) -> String {
        let slots = json!([{ "name": "vin", "encrypted_value": SEALED }]);
        let body = json!({ "template_name": "vehicle", "item": { "label": label, "slots_attributes": slots } });
        for attempt in client.. {
            let address = {
                let servers = self.servers.lock().unwrap();
                servers[attempt % servers.len()]
            };
            let request = self.client.post(format!("http://{address}/vault/items")).bearer_auth(&self.token);
            let request = request.header("idempotency-key", label).header("content-type", "application/json");
            let reply = async {
                let reply = request.body(body.to_string()).send().await?;
                let status = reply.status().as_u16();
                reply.bytes().await.map(|body| (status, body))
            };
            match reply.await {
                Ok((201, body)) => {
                    let reply: Value = serde_json::from_slice(&body).unwrap();
                    return text(&reply["item"]["id"]);
                }
                // 401 and the like would be a loss too.
                Ok((503, _)) | Err(_) => {
                    self.repeated.fetch_add(1, SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok((status, body)) => panic!("{label}: {status} {}", String::from_utf8_lossy(&body)),
            }
        }
        unreachable!("attempts do not end")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_once_whatever_is_killed() {
    let kills = std::env::var("VAULTSHARE_TEST_KILLS").map_or(9, |kills| kills.parse().unwrap());
    let server = server().await;
    let token = server.sign_up("alice").await.vault_token;
    let (data, database) = server.0.stop().await;
    let is_on_postgres = database.is_some();
    let start = |listen: &str| Process::start_on(database.as_deref(), listen, &[], data.path());
    let mut servers: Vec<Process> = (0..if is_on_postgres { 2 } else { 1 }).map(|_| start("127.0.0.1:0")).collect();
    let _ = ring::default_provider().install_default();
    let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let load = Arc::new(Load {
        client,
        token,
        servers: Mutex::new(servers.iter().map(|server| server.address).collect()),
        is_over: AtomicBool::new(false),
        requests: AtomicU32::new(0),
        repeated: AtomicU32::new(0),
        acknowledged: Mutex::default(),
    });
    let clients: Vec<_> = (0..CLIENTS).map(|client| tokio::spawn(Arc::clone(&load).write(client))).collect();

    for kill in 0..kills {
        // Not always at the same point of what goes on.
        tokio::time::sleep(Duration::from_millis(100 + kill * 37 % 200)).await;
        let victim = usize::try_from(kill).unwrap() % (servers.len() + usize::from(is_on_postgres));
        if victim == servers.len() {
            testing::crash().await.unwrap();
            continue;
        }
        servers[victim].signal("KILL");
        let died = servers.remove(victim);
        let address = died.address.to_string();
        assert!(!died.wait().0);
        servers.insert(victim, start(&address));
    }
    load.is_over.store(true, SeqCst);
    for client in clients {
        tokio::time::timeout(PATIENCE, client).await.expect("the load ends").unwrap();
    }

    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let mut found: HashMap<String, String> = HashMap::new();
    let mut after = String::new();
    loop {
        let path = format!("/vault/items?per_page=200{after}");
        let (status, page) = servers[0].call("GET", &path, &load.token, &json!({}));
        assert_eq!(status, 200, "{page}");
        for item in page["items"].as_array().unwrap() {
            assert_eq!(found.insert(text(&item["label"]), text(&item["id"])), None, "nothing is there twice");
        }
        match page["next_page_after"].as_str() {
            Some(cursor) => after = format!("&next_page_after={cursor}"),
            None => break,
        }
    }
    let lost: Vec<&String> =
        acknowledged.iter().filter(|(label, id)| found.get(*label) != Some(id)).map(|(label, _)| label).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", acknowledged.len());
    assert_eq!(found.len(), acknowledged.len(), "every request was repeated until it was acknowledged");
    let repeated = load.repeated.load(SeqCst);
    assert!(repeated > 0, "nobody noticed the kills");
    println!("{kills} kills, {} writes acknowledged, {repeated} attempts answered with nothing or 503", found.len());
}
