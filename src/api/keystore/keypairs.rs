//! RSA key pairs: the public half in the clear, the private half wrapped. `docs/protocol/http-api.md` §4.7.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Ciphertext, Id, JsonObject, WrappedPrivateKey, reading::null_as_default},
    http::{Reply, Service},
};

/// The external identifier of the key pair that signs the user in to the Vault.
pub const AUTHENTICATION_KEY_PAIR: &str = "auth";

/// Body of `POST /keypairs`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewKeypair {
    /// PEM, kept byte for byte.
    pub public_key: String,
    /// The private key's PEM, sealed with the KEK.
    pub encrypted_serialized_key: Ciphertext<WrappedPrivateKey>,
    /// Always sent: an old server failed without it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: JsonObject,
    /// Names under which the key pair can be found again.
    #[serde(default, deserialize_with = "null_as_default")]
    pub external_identifiers: Vec<String>,
}

/// A key pair as the Keystore holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keypair {
    /// The Vault calls it `keypair_external_id`.
    pub id: Id,
    /// PEM, byte for byte as it was stored.
    pub public_key: String,
    /// The private key's PEM, sealed with the KEK.
    pub encrypted_serialized_key: Ciphertext<WrappedPrivateKey>,
    /// As stored.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: JsonObject,
    /// As stored. Old servers answer with objects here, which are skipped.
    #[serde(default, deserialize_with = "strings_only")]
    pub external_identifiers: Vec<String>,
}

/// Reply of every call here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeypairResponse {
    /// The record.
    pub keypair: Keypair,
}

fn strings_only<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let values: Vec<serde_json::Value> = null_as_default(deserializer)?;
    Ok(values.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
}

/// Stores a key pair. With an idempotency key a repeat answers with what was stored first: use what comes back.
pub fn store<'a>(keystore: &'a Service, keypair: &NewKeypair, idempotency_key: Option<&str>) -> Reply<'a, Keypair> {
    keystore.post(&["keypairs"]).json(keypair).idempotency_key(idempotency_key).send_for("keypair")
}

/// One of the user's key pairs. 404 for anyone else's.
pub fn get<'a>(keystore: &'a Service, id: &str) -> Reply<'a, Keypair> {
    keystore.get(&["keypairs", id]).send_for("keypair")
}

/// The newest of the user's key pairs with that external identifier.
pub fn get_by_external_id<'a>(keystore: &'a Service, external_id: &str) -> Reply<'a, Keypair> {
    keystore.get(&["keypairs", "external_id", external_id]).send_for("keypair")
}

#[derive(Serialize)]
struct MetadataChange {
    metadata: JsonObject,
}

/// Replaces what is noted beside one of the user's key pairs.
pub fn set_metadata<'a>(keystore: &'a Service, id: &str, metadata: JsonObject) -> Reply<'a, Keypair> {
    keystore.patch(&["keypairs", id]).json(&MetadataChange { metadata }).send_for("keypair")
}
