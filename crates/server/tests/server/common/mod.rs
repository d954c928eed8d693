//! A fresh server per test, spoken to in-process, and users who sign up as real clients do.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![allow(dead_code, unreachable_pub, reason = "every test file compiles this and uses its own part of it")]

pub mod document;
pub mod files;
#[cfg(unix)]
pub mod process;
pub mod srp_client;
pub mod statements;

use std::{collections::BTreeMap, sync::Mutex};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode},
};
use serde_json::{Value, json};
use tower::ServiceExt;
use vaultshare::crypto::KeyPair;
use vaultshare_server::testing::{FreshServer, fresh_server};

use document::Document;
use srp_client::SrpClient;

/// A ciphertext as far as the server is concerned.
pub const SEALED: &str = "Aes256Gcm.c2VhbGVk.QUFBQQ==";
/// A DEK encrypted for someone, as far as the server is concerned.
pub const DEK: &str = "Rsa4096.ZGVr.QQUAAAAA";

pub struct Server(pub FreshServer);

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub bytes: Bytes,
}

/// Someone signed in to both services.
#[derive(Clone)]
pub struct User {
    pub name: &'static str,
    pub id: String,
    pub public_key: String,
    pub username: String,
    pub keystore_token: String,
    pub vault_token: String,
}

pub async fn server() -> Server {
    Server(fresh_server().await.unwrap())
}

pub fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/fixtures/{name}.pem", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

impl Server {
    /// Sends a request. The reply has to be one that the service's OpenAPI document says.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let reply = self.send_unchecked(request).await;
        for service in ["/keystore", "/vault"] {
            let is_in_it = method != "OPTIONS" && path != format!("{service}/openapi.json");
            if let Some(path) = path.strip_prefix(service).filter(|_| is_in_it) {
                let is_readable = !reply.headers.contains_key("content-encoding");
                let body = is_readable.then_some(&reply.bytes[..]);
                self.document(service).await.check_reply(&method, path, reply.status, body);
            }
        }
        reply
    }

    pub async fn send_unchecked(&self, request: Request<Body>) -> Reply {
        let response = self.0.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, body, bytes }
    }

    /// The OpenAPI document of the service at this address.
    pub async fn document(&self, service: &'static str) -> &'static Document {
        static DOCUMENTS: Mutex<BTreeMap<&str, &Document>> = Mutex::new(BTreeMap::new());
        let known = DOCUMENTS.lock().unwrap().get(service).copied();
        if let Some(document) = known {
            return document;
        }
        let reply = self.send_unchecked(request("GET", &format!("{service}/openapi.json"), None, None, None)).await;
        *DOCUMENTS.lock().unwrap().entry(service).or_insert_with(|| Box::leak(Box::new(Document::new(reply.body))))
    }

    pub async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Reply {
        let reply = self.send(request(method, path, token, None, body.clone())).await;
        if let Some(body) = body.filter(|_| reply.status.is_success()) {
            for service in ["/keystore", "/vault"] {
                if let Some(path) = path.strip_prefix(service).and_then(|path| path.split('?').next()) {
                    self.document(service).await.check_body(method, path, &body);
                }
            }
        }
        reply
    }

    pub async fn call_once(&self, key: &str, method: &str, path: &str, token: &str, body: Value) -> Reply {
        self.send(request(method, path, Some(token), Some(key), Some(body))).await
    }

    pub async fn get(&self, user: &User, path: &str) -> Reply {
        self.call("GET", path, Some(user.token(path)), None).await
    }

    pub async fn post(&self, user: &User, path: &str, body: Value) -> Reply {
        self.call("POST", path, Some(user.token(path)), Some(body)).await
    }

    pub async fn put(&self, user: &User, path: &str, body: Value) -> Reply {
        self.call("PUT", path, Some(user.token(path)), Some(body)).await
    }

    pub async fn delete(&self, user: &User, path: &str) -> Reply {
        self.call("DELETE", path, Some(user.token(path)), None).await
    }

    /// Changes a database, `vault` or `keystore`, past the server.
    pub async fn sql(&self, database: &str, statement: &'static str) {
        let mut database = self.0.connect(database).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut database).await.unwrap();
    }

    /// How many rows a table has.
    pub async fn count(&self, database: &str, table: &str) -> i64 {
        let mut database = self.0.connect(database).await.unwrap();
        let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        sqlx::query_scalar(count).fetch_one(&mut database).await.unwrap()
    }

    /// Signs up as the SDKs do, request by request.
    pub async fn sign_up(&self, name: &'static str) -> User {
        let offered = self.call("POST", "/keystore/srp/username", None, Some(json!({}))).await.ok();
        let username = text(&offered["username"]);
        self.register(&username).await.ok();
        let session = self.sign_in_to_keystore(&username).await.ok();
        let mut user = User {
            name,
            id: String::new(),
            public_key: fixture(&format!("{name}-public")),
            username,
            keystore_token: text(&session["session"]["session_authentication_string"]),
            vault_token: String::new(),
        };
        let admission = self.admission_token(&user).await;
        let me = json!({ "public_key": user.public_key, "admission_token": admission });
        let me = self.call("POST", "/vault/me", None, Some(me)).await.ok();
        user.id = text(&me["user"]["id"]);
        user.vault_token = user.decrypt_token(&me["encrypted_session_authentication_string"]).await;
        user
    }

    /// What a user of the Keystore needs to become a user of the Vault.
    pub async fn admission_token(&self, user: &User) -> Value {
        let tokens = self.get(user, "/keystore/external_admission_tokens").await.ok();
        tokens["external_admission_token"]["vault_api_admission_token"].clone()
    }

    /// Registers a username whose passphrase is "passphrase".
    pub async fn register(&self, username: &str) -> Reply {
        let (salt, verifier) = srp_client::registration(username, "passphrase");
        let body = json!({ "username": username, "srp_salt": salt, "srp_verifier": verifier });
        self.call("POST", "/keystore/srp/users", None, Some(body)).await
    }

    pub async fn sign_in_to_keystore(&self, username: &str) -> Reply {
        let proof = self.proof(username, "passphrase").await;
        self.call("POST", "/keystore/srp/session", None, Some(proof)).await
    }

    /// The same user with a new token for the Vault.
    pub async fn sign_in_to_vault(&self, user: User) -> User {
        let body = json!({ "public_key": user.public_key });
        let session = self.call("POST", "/vault/session", None, Some(body)).await.ok();
        let vault_token = user.decrypt_token(&session["session"]["encrypted_session_authentication_string"]).await;
        User { vault_token, ..user }
    }

    /// The body of `POST /srp/session`, after asking for a challenge.
    pub async fn proof(&self, username: &str, passphrase: &str) -> Value {
        let client = SrpClient::start();
        let body = json!({ "username": username, "srp_a": client.public_a() });
        let challenge = self.call("POST", "/keystore/srp/challenges", None, Some(body)).await.ok()["challenge"].clone();
        let (salt, b) = (text(&challenge["challenge_salt"]), text(&challenge["challenge_b"]));
        let proof = client.prove(username, passphrase, &salt, &b);
        json!({ "username": username, "srp_a": client.public_a(), "srp_m": proof })
    }

    /// Connects two users by an invitation, and says each one's id of the connection.
    pub async fn connect(&self, inviter: &User, invitee: &User) -> (String, String) {
        let invitation = self.post(inviter, "/vault/invitations", invitation(inviter)).await.ok();
        let body = acceptance(invitee, &invitation["invitation"]["token"]);
        let connection = self.post(invitee, "/vault/connections", body).await.ok()["connection"].clone();
        (text(&connection["the_other_user"]["id"]), text(&connection["own"]["id"]))
    }

    /// Makes a vehicle with a value in `vin`, and returns the reply.
    pub async fn make_item(&self, user: &User) -> Value {
        let slots = json!([{ "name": "vin", "encrypted_value": SEALED }]);
        let body = json!({ "template_name": "vehicle", "item": { "label": "DeLorean", "slots_attributes": slots } });
        self.post(user, "/vault/items", body).await.ok()
    }

    /// Shares an item as its sender has it, with changes to the usual request, and returns the share.
    pub async fn share(&self, sender: &User, item: &Value, recipient: &User, changes: Value) -> Reply {
        let body = json!({ "shares": [new_share(sender, item, recipient, changes)] });
        self.post(sender, &format!("/vault/items/{}/shares", text(&item["item"]["id"])), body).await
    }
}

impl User {
    pub fn token(&self, path: &str) -> &str {
        if path.starts_with("/keystore") { &self.keystore_token } else { &self.vault_token }
    }

    pub async fn decrypt_token(&self, envelope: &Value) -> String {
        let pair = KeyPair::from_pem(&fixture(&format!("{}-private", self.name))).await.unwrap();
        pair.decrypt_token(envelope.as_str().unwrap()).await.unwrap().to_string()
    }
}

impl Reply {
    /// The body of a reply that must be a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        self.body
    }

    /// Checks that the reply is an error of the protocol's form, and returns its code.
    #[track_caller]
    pub fn refused(self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        if matches!(status, 429 | 503) && self.body["errors"][0]["error"] != "timeout" {
            assert!(self.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
        }
        let error = &self.body["errors"][0];
        assert_eq!(error["http_code"], status);
        assert_eq!(error["requested_language"], "en");
        assert_eq!(error["message_in_requested_language"], true);
        assert!(error["message"].is_string() && error["extra_info"].is_object());
        text(&error["error"])
    }
}

pub fn request(
    method: &str,
    path: &str,
    token: Option<&str>,
    idempotency_key: Option<&str>,
    body: Option<Value>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    if let Some(key) = idempotency_key {
        request = request.header("idempotency-key", key);
    }
    match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    }
    .unwrap()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

pub fn invitation(inviter: &User) -> Value {
    let key = json!({ "keypair_external_id": format!("{}-keys", inviter.name), "public_key": inviter.public_key });
    json!({ "public_key": key, "invitation": { "encrypted_recipient_name": SEALED } })
}

pub fn acceptance(invitee: &User, token: &Value) -> Value {
    let key = json!({ "keypair_external_id": format!("{}-keys", invitee.name), "public_key": invitee.public_key });
    json!({ "public_key": key, "connection": { "encrypted_recipient_name": SEALED, "invitation_token": token } })
}

/// The usual share of an item: every value, proved if the sender owns it. `changes` overrides fields.
pub fn new_share(sender: &User, item: &Value, recipient: &User, changes: Value) -> Value {
    let owner = item["item"]["owner_id"] == sender.id.as_str();
    let values: Vec<Value> = item["slots"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|slot| slot["encrypted"] == true)
        .map(|slot| {
            json!({
                "slot_id": slot["id"],
                "encrypted_value": format!("Aes256Gcm.{}.QUFBQQ==", recipient.name),
                "encrypted_value_verification_key": SEALED,
                "value_verification_hash": if owner { json!("ab".repeat(32)) } else { Value::Null },
            })
        })
        .collect();
    let mut share = json!({
        "recipient_id": recipient.id,
        "public_key": recipient.public_key,
        "keypair_external_id": format!("{}-keys", recipient.name),
        "encrypted_dek": DEK,
        "slot_values": values,
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        share[name] = value.clone();
    }
    share
}

/// The slot of this name in a reply.
pub fn slot<'a>(reply: &'a Value, name: &str) -> &'a Value {
    let slots = reply["slots"].as_array().unwrap();
    slots.iter().find(|slot| slot["name"] == name).unwrap_or_else(|| panic!("no slot {name}"))
}
