//! How a server lies in the tests of `lies_about_*`, and what it or whoever works with it can then read.
//!
//! It may give any reply, keeps every record that it ever had, and knows the keys of every user but the victim.

use std::{collections::BTreeSet, rc::Rc};

use serde_json::{Value as Json, json};
use vaultshare::{
    api::Id,
    crypto::{
        AesKey, DataKey, KeyEncryptionKey, KeyPair,
        places::{Place, StateDigest},
    },
    http::{BaseUrl, RequestPolicy, Service},
    workflows::{Item, Session},
};

use crate::harness::{Harness, Network, quiet, vehicle};

/// An id of no record.
pub(crate) const INVENTED: &str = "94c27129-e179-4c69-a7f1-94438b920541";

pub(crate) fn alter(body: Vec<u8>, change: impl FnOnce(&mut Json)) -> Vec<u8> {
    let mut json: Json = serde_json::from_slice(&body).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}

impl Network {
    /// Alters each reply to a request of this method and path, by which the last lie ends.
    pub(crate) fn lie(&self, method: &'static str, path: impl Into<String>, change: impl Fn(&mut Json) + 'static) {
        self.lie_where(move |sent, _| sent == method, path, change);
    }

    fn lie_where(
        &self,
        is_lied_to: impl Fn(&str, &str) -> bool + 'static,
        path: impl Into<String>,
        change: impl Fn(&mut Json) + 'static,
    ) {
        let wanted = path.into();
        self.tamper(move |method, path, body| {
            let is_wanted = path == wanted || wanted.strip_suffix('*').is_some_and(|start| path.starts_with(start));
            if is_wanted && is_lied_to(method, path) { alter(body, &change) } else { body }
        });
    }

    /// Gives an earlier reply again.
    pub(crate) fn replay(&self, path: impl Into<String>, reply: &Json) {
        let reply = reply.clone();
        self.lie("GET", path, move |json| *json = reply.clone());
    }
}

impl Harness {
    /// A service as a user reaches it without our workflows, and as it really answers.
    pub(crate) fn service(&self, user: &Session, name: &str) -> Service {
        let url = BaseUrl::parse(&format!("http://localhost/{name}")).unwrap();
        let network = Rc::new(self.honest_network());
        let service = Service::new(url, network, RequestPolicy::default(), None).unwrap();
        let keys = user.export().unwrap();
        service.set_token(if name == "vault" { keys.vault_access_token } else { keys.keystore_access_token });
        service
    }

    /// The true reply to a user's request of this path, for instance `/vault/items/<id>`.
    pub(crate) async fn reply(&self, user: &Session, path: &str) -> Json {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        *self.service(user, segments[0]).get(&segments[1..]).send::<Json>().await.unwrap()
    }

    /// The private key of one of a user's connection key pairs, for users who work with the server.
    pub(crate) async fn pair_of(&self, user: &Session, keypair_id: &str) -> KeyPair {
        let record = self.reply(user, &format!("/keystore/keypairs/{keypair_id}")).await;
        let text = |field: &str| record["keypair"][field].as_str().unwrap();
        let pair = kek_of(user).unwrap_connection_key(text("encrypted_serialized_key"), text("public_key")).await;
        pair.unwrap().0
    }

    /// The private key of a user's only connection.
    pub(crate) async fn only_pair_of(&self, user: &Session) -> KeyPair {
        let connections = self.reply(user, "/vault/connections").await;
        let id = connections["connections"][0]["own"]["user_keypair_external_id"].as_str().unwrap().to_owned();
        self.pair_of(user, &id).await
    }
}

pub(crate) fn kek_of(user: &Session) -> KeyEncryptionKey {
    KeyEncryptionKey::from_base64url(&user.export().unwrap().key_encryption_key, true).unwrap()
}

pub(crate) fn dek_of(user: &Session) -> DataKey {
    DataKey::from_base64url(&user.export().unwrap().data_encryption_key).unwrap()
}

/// The user's private DEK as the key that other clients encrypt with: they name no place.
pub(crate) fn plain_dek_of(user: &Session) -> AesKey {
    AesKey::from_base64url(&user.export().unwrap().data_encryption_key).unwrap()
}

/// A key pair whose private half the server has.
pub(crate) async fn servers_pair() -> KeyPair {
    KeyPair::generate(2048).await.unwrap()
}

/// Every plaintext that whoever has these private keys reads in what was sent.
pub(crate) async fn readable(sent: &[Vec<u8>], pairs: &[&KeyPair]) -> BTreeSet<String> {
    let mut texts = Vec::new();
    for body in sent {
        collect(&serde_json::from_slice(body).unwrap(), &mut texts);
    }
    let mut deks = Vec::new();
    for text in texts.iter().filter(|text| text.starts_with("Rsa")) {
        for pair in pairs {
            deks.extend(pair.unwrap_data_key(text).await.ok());
        }
    }
    let mut readable = BTreeSet::new();
    for text in texts.iter().filter(|text| text.starts_with("Aes256Gcm.")) {
        for dek in &deks {
            let decrypted = dek.decrypt_text(text).await.ok();
            // Not the verification keys beside the values, which are no text.
            let is_value = |place: &Option<Place<'_>>| match place {
                Some(Place::Value { kind, .. }) => *kind == vaultshare::crypto::places::ValueKind::Shared,
                _ => true,
            };
            readable.extend(
                decrypted
                    .filter(|decrypted| decrypted.place().is_ok_and(|place| is_value(&place)))
                    .map(|decrypted| decrypted.content.to_string()),
            );
        }
    }
    readable
}

fn collect(json: &Json, texts: &mut Vec<String>) {
    match json {
        Json::String(text) => match serde_json::from_str(text) {
            // Values in a space are an object written as text.
            Ok(inner @ Json::Object(_)) => collect(&inner, texts),
            _ => texts.push(text.clone()),
        },
        Json::Array(entries) => entries.iter().for_each(|entry| collect(entry, texts)),
        Json::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        _ => {}
    }
}

pub(crate) fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// An item with two values.
pub(crate) async fn car(owner: &Session) -> Item {
    owner.create_item(&vehicle(&[("licence_plate", "OUTATIME"), ("vin", "123")]), &quiet()).await.unwrap()
}

pub(crate) fn slot_id(item: &Item, name: &str) -> Id {
    item.slots.iter().find(|slot| slot.record.name == name).unwrap().record.id.clone()
}

/// The slot of this name in a reply about an item.
pub(crate) fn slot_of<'a>(reply: &'a mut Json, name: &str) -> &'a mut Json {
    reply["slots"].as_array_mut().unwrap().iter_mut().find(|slot| slot["name"] == name).unwrap()
}

pub(crate) fn sealed_in(reply: &Json, name: &str) -> Json {
    let slot = reply["slots"].as_array().unwrap().iter().find(|slot| slot["name"] == name).unwrap();
    slot["encrypted_value"].clone()
}

pub(crate) fn item_path(item: &Item) -> String {
    format!("/vault/items/{}", item.record.id)
}

pub(crate) fn shares_path(item: &Item) -> String {
    format!("/vault/items/{}/shares", item.record.id)
}

/// A grant as the user's clients seal it.
pub(crate) async fn grant(owner: &Session, item: &Item, content: Json) -> String {
    let mut grant = json!({ "to": "", "scope": null, "on": false, "until": null, "at": 1, "author": null });
    grant.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    let place = Place::Grant { item: item.record.id.as_str(), birth: item.binding.birth.unwrap() };
    dek_of(owner).encrypt_note(&grant, &place).await.unwrap()
}

/// A state that no item has.
pub(crate) const NO_STATE: StateDigest = StateDigest::FITS_NOTHING;
