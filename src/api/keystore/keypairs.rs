//! RSA key pairs: the public half in the clear, the private half wrapped. `docs/protocol/http-api.md` §4.7.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Ciphertext, Id, JsonObject, Timestamp, WrappedPrivateKey,
        reading::{bounded_list, null_as_default},
    },
    http::{Reply, Service},
};

/// The external identifier of the key pair that signs the user in to the Vault.
pub const AUTHENTICATION_KEY_PAIR: &str = "auth";

/// Body of `POST /keypairs`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewKeypair {
    /// PEM (SPKI), kept byte for byte.
    pub public_key: String,
    /// The private key's PEM, wrapped by the KEK.
    pub encrypted_serialized_key: Ciphertext<WrappedPrivateKey>,
    /// Free-form. Serialized also when empty: an old server failed without it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: JsonObject,
    /// Names under which the key pair can be found again, such as [`AUTHENTICATION_KEY_PAIR`]. Our server takes at most
    /// 20.
    #[serde(default, deserialize_with = "bounded_list")]
    pub external_identifiers: Vec<String>,
}

/// A key pair as the Keystore holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Keypair {
    /// What the Vault stores as `keypair_external_id`.
    pub id: Id,
    /// PEM, byte for byte as it was stored.
    pub public_key: String,
    /// The private key's PEM, wrapped by the KEK.
    pub encrypted_serialized_key: Ciphertext<WrappedPrivateKey>,
    /// Free-form, as stored; empty where the server sends null.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: JsonObject,
    /// As stored. Servers of early 2020 send objects here, which are skipped.
    #[serde(default, deserialize_with = "strings_only")]
    pub external_identifiers: Vec<String>,
    /// When it last changed: ISO-8601, UTC, never the same after two changes. An extension of this repository's server.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

/// Reply of every endpoint here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeypairResponse {
    /// As stored, which after a repeated `POST` may be what the first one sent.
    pub keypair: Keypair,
}

fn strings_only<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let values: Vec<serde_json::Value> = bounded_list(deserializer)?;
    Ok(values.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
}

/// Stores a key pair. With an idempotency key a retry returns the key pair that was stored first: use what comes back.
pub fn store<'a>(keystore: &'a Service, keypair: &NewKeypair, idempotency_key: Option<&str>) -> Reply<'a, Keypair> {
    keystore.post(&["keypairs"]).json(keypair).idempotency_key(idempotency_key).send_for("keypair")
}

/// One of the user's key pairs. 404 for somebody else's.
pub fn get<'a>(keystore: &'a Service, id: &str) -> Reply<'a, Keypair> {
    keystore.get(&["keypairs", id]).send_for("keypair")
}

/// The newest of the user's key pairs with that external identifier.
pub fn get_by_external_id<'a>(keystore: &'a Service, external_id: &str) -> Reply<'a, Keypair> {
    keystore.get(&["keypairs", "external_id", external_id]).send_for("keypair")
}

#[derive(Serialize)]
struct MetadataChange<'a> {
    metadata: JsonObject,
    #[serde(skip_serializing_if = "Option::is_none")]
    unchanged_since: Option<&'a str>,
}

/// Replaces the metadata of one of the user's key pairs; its keys and names stay. `unchanged_since` is
/// [`Keypair::updated_at`] as last seen: 409 with the server code `keypair_changed` where it is another by now. An
/// extension of this repository's server; others change it in any case.
pub fn set_metadata<'a>(
    keystore: &'a Service,
    id: &str,
    metadata: JsonObject,
    unchanged_since: Option<&str>,
) -> Reply<'a, Keypair> {
    keystore.patch(&["keypairs", id]).json(&MetadataChange { metadata, unchanged_since }).send_for("keypair")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Keypair;

    #[test]
    fn names_are_texts_and_not_endless() {
        let read = |names: Value| {
            let record = json!({ "id": "1", "public_key": "", "encrypted_serialized_key": "A.QUJD.QUJD",
                "external_identifiers": names });
            serde_json::from_value::<Keypair>(record).map(|keypair| keypair.external_identifiers).ok()
        };
        assert_eq!(read(json!(["auth", { "id": 1 }, null])), Some(vec!["auth".to_owned()]));
        assert_eq!(read(Value::Null), Some(Vec::new()));
        assert_eq!(read(json!(vec![0; 20_001])), None);
    }
}
