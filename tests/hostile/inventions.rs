//! Lies that no single field makes: people, shares, tasks, spaces and values that never were.

use serde_json::{Value as Json, json};
use vaultshare::crypto::{
    DataKey, PublicKey, VerificationKey,
    places::{Birth, Place, SlotState, ValueKind, Written, state_digest},
};

use crate::{
    corpus::About,
    lies::Lie,
    scene::{Scene, Who},
    truth::FORGED,
    wire::Reply,
};

const INVENTED: &str = "94c27129-e179-4c69-a7f1-94438b920541";

/// In the place of a route: a lie about every item.
pub(crate) const ANY_ITEM: &str = "any item";

/// Lies with the route that a workflow must use to be told them.
pub(crate) async fn inventions(scene: &Scene) -> Vec<(About, Lie)> {
    let mut lies = Vec::new();
    let mut add = |route: &str, manner: &'static str, telling: Box<dyn Fn(&mut Json)>| {
        let (wanted, name) = (route.to_owned(), format!("{route}: {manner}"));
        let lie = Lie::told(name, move |_, reply| {
            if reply.route == wanted && reply.status < 300 {
                telling(&mut reply.json);
            }
        });
        lies.push(((route.to_owned(), String::new(), manner), lie));
    };
    let key = scene.attacker.public_key().pem().to_owned();

    for (route, list) in [("GET /vault/items/{id}/shares", "shares"), ("GET /vault/outgoing_shares", "shares")] {
        let ghost = key.clone();
        add(
            route,
            "invented shares, each with a genuine one's rest",
            Box::new(move |json| {
                let genuine = entries(json, list);
                let ghosts =
                    genuine.iter().map(|row| with(row, &[("id", json!(INVENTED)), ("public_key", json!(ghost))]));
                let ghosts: Vec<Json> = ghosts.chain([json!({ "id": INVENTED, "public_key": ghost })]).collect();
                json[list] = [genuine, ghosts].concat().into();
            }),
        );
        add(
            route,
            "every share is of the whole item",
            Box::new(move |json| {
                json[list] = entries(json, list).iter().map(|row| with(row, &[("slot_id", Json::Null)])).collect();
            }),
        );
        add(
            route,
            "grants and signatures exchanged",
            Box::new(move |json| {
                let genuine = entries(json, list);
                let exchanged = genuine.iter().zip(genuine.iter().cycle().skip(1)).map(|(row, other)| {
                    with(row, &[("grant", other["grant"].clone()), ("on_share", other["on_share"].clone())])
                });
                json[list] = exchanged.collect();
            }),
        );
        add(
            route,
            "shares of other items",
            Box::new(move |json| {
                let shares = entries(json, list);
                json[list] = [shares.clone(), shares].concat().into();
            }),
        );
    }

    let phantom = key.clone();
    add(
        "GET /vault/connections",
        "an invented connection",
        Box::new(move |json| {
            let genuine = entries(json, "connections");
            let phantoms = genuine.iter().map(|connection| {
                let mut phantom_one = connection.clone();
                phantom_one["own"]["id"] = json!(INVENTED);
                phantom_one["the_other_user"]["user_public_key"] = json!(phantom);
                phantom_one
            });
            let phantoms: Vec<Json> = phantoms.collect();
            json["connections"] = [genuine, phantoms].concat().into();
        }),
    );
    let everyone = key.clone();
    add(
        "GET /vault/connections",
        "everyone has the attacker's key",
        Box::new(move |json| {
            for connection in json["connections"].as_array_mut().into_iter().flatten() {
                connection["the_other_user"]["user_public_key"] = json!(everyone);
            }
        }),
    );
    // Notes are withheld as well, so that only the rule and the memory are left.
    for route in ["GET /vault/connections/{id}", "GET /vault/connections"] {
        let key = key.clone();
        let manner = "the attacker's key, and no note";
        let lie = Lie::told(format!("{route}: {manner}"), move |_, reply| {
            if reply.status >= 300 {
                return;
            }
            let json = &mut reply.json;
            match reply.route.as_str() {
                "GET /vault/connections/{id}" => {
                    json["connection"]["the_other_user"]["user_public_key"] = json!(key);
                }
                "GET /vault/connections" => {
                    for connection in json["connections"].as_array_mut().into_iter().flatten() {
                        connection["the_other_user"]["user_public_key"] = json!(key);
                    }
                }
                "GET /keystore/keypairs/{id}" => json["keypair"]["metadata"] = json!({}),
                _ => {}
            }
        });
        lies.push(((route.to_owned(), String::new(), manner), lie));
    }
    lies.extend(other_records(scene));
    lies.extend(tasks(scene));
    lies.extend(new_item_is_another(scene));
    lies.extend(invented_rows());
    lies.extend(deleted_shares(scene));
    lies.extend(forged_spaces(scene).await);
    for claims_places in [true, false] {
        lies.push(forged_share(scene, claims_places).await);
    }
    lies.extend(other_proofs(scene));
    lies
}

/// The genuine signatures of other shares, and those of before, with what is genuine of this one.
fn other_proofs(scene: &Scene) -> Vec<(About, Lie)> {
    let routes =
        ["GET /vault/incoming_shares/{id}/item", "GET /vault/incoming_shares/{id}", "GET /vault/incoming_shares"];
    let mut signed: Vec<(Json, Json)> = Vec::new();
    for sent in &scene.sent {
        let body: Json = serde_json::from_str(&sent.body).unwrap_or_default();
        for share in [entries(&body, "shares"), entries(&body, "share_deks")].concat() {
            signed.push((share["proof"].clone(), share["content_signature"].clone()));
        }
    }
    let mut lies = Vec::new();
    for (number, (proof, content)) in signed.into_iter().enumerate() {
        let (manner, proof, content) = match number % 2 {
            _ if proof.is_null() => ("another share's signature of values", proof, content),
            0 => ("another share's proof", proof, Json::Null),
            _ => ("another share's proof and signature", proof, content),
        };
        if proof.is_null() && content.is_null() {
            continue;
        }
        let lie = Lie::told(format!("{manner}, {number}"), move |_, reply| {
            if !routes.contains(&reply.route.as_str()) {
                return;
            }
            let set = |share: &mut Json| {
                for (field, value) in [("proof", &proof), ("content_signature", &content)] {
                    if !value.is_null() && share.is_object() {
                        share[field] = value.clone();
                    }
                }
            };
            reply.json.get_mut("share").into_iter().for_each(set);
            reply.json.get_mut("shares").and_then(Json::as_array_mut).into_iter().flatten().for_each(set);
        });
        lies.extend(routes.map(|route| ((route.to_owned(), String::new(), manner), lie.clone())));
    }
    lies
}

fn entries(json: &Json, list: &str) -> Vec<Json> {
    json[list].as_array().cloned().unwrap_or_default()
}

fn with(record: &Json, fields: &[(&str, Json)]) -> Json {
    let mut record = record.clone();
    for (name, value) in fields {
        record[*name] = value.clone();
    }
    record
}

/// The last honest reply of this route about a record.
fn last(scene: &Scene, who: Who, route: &str, id: &str) -> Json {
    let is_it = |reply: &&Reply| reply.route == route && reply.path.contains(id) && reply.status < 300;
    let found = scene.past.iter().filter(|(owner, _)| *owner == who).map(|(_, reply)| reply).rfind(is_it);
    found.unwrap_or_else(|| panic!("no {route} about {id} in the past")).json.clone()
}

/// Throughout a run, one record is answered for with another of the same kind: the accomplice's connection for Bob's, the
/// diary for what is shared.
fn other_records(scene: &Scene) -> Vec<(About, Lie)> {
    let pairs = [
        ("alice to bob", "alice to accomplice"),
        ("bob to carlos", "bob to accomplice"),
        ("bob to alice", "bob to accomplice"),
        ("car", "diary"),
        ("gift", "diary"),
        ("notable", "diary"),
        ("diary", "gift"),
        ("car to bob", "book to bob"),
        ("book to bob", "car to bob"),
        ("gift to accomplice", "car to bob"),
        ("bob's car", "bob's book"),
        ("bob's book", "notes"),
        ("notes", "bob's car"),
    ];
    let id = |name: &str| scene.names[name].split('~').next().unwrap().to_owned();
    let mut lies = Vec::new();
    for (from, to) in pairs {
        for renamed in [true, false] {
            let about = (ANY_ITEM.to_owned(), format!("{from} is {to}"), "another record under this id, throughout");
            lies.push((about, Lie::Redirected { from: id(from), to: id(to), renamed }));
        }
    }
    lies
}

fn tasks(scene: &Scene) -> Vec<(About, Lie)> {
    let route = "GET /vault/client_task_queue";
    let mut lies = Vec::new();
    for name in ["car", "diary", "gift", "legacy"] {
        let task = json!({
            "id": INVENTED, "state": "todo", "work_type": "update_item_shares", "target_id": scene.names[name],
        });
        let key = scene.attacker.public_key().pem().to_owned();
        let lie =
            Lie::told(format!("a task for {name}, with a share and a connection for the attacker"), move |_, reply| {
                match reply.route.as_str() {
                    "GET /vault/client_task_queue" => reply.json["client_tasks"] = json!([task]),
                    "GET /vault/items/{id}/shares" if reply.status < 300 => {
                        let genuine = entries(&reply.json, "shares");
                        let grant = genuine.first().map(|share| share["grant"].clone()).unwrap_or_default();
                        let ghost = json!({ "id": INVENTED, "public_key": key, "grant": grant });
                        reply.json["shares"] = [genuine, vec![ghost]].concat().into();
                    }
                    "GET /vault/connections" if reply.status < 300 => {
                        for connection in reply.json["connections"].as_array_mut().into_iter().flatten() {
                            connection["the_other_user"]["user_public_key"] = json!(key);
                        }
                    }
                    _ => {}
                }
            });
        lies.push(((route.to_owned(), String::new(), "an invented task"), lie));
    }
    lies
}

/// The creation of an item is answered with one that is shared already, emptied.
fn new_item_is_another(scene: &Scene) -> Vec<(About, Lie)> {
    let route = "POST /vault/items";
    let mut lies = Vec::new();
    for name in ["gift", "car"] {
        let answer = last(scene, Who::Alice, "GET /vault/items/{id}", &scene.names[name]);
        for emptied in [true, false] {
            let mut answer = answer.clone();
            for slot in answer["slots"].as_array_mut().into_iter().flatten().filter(|_| emptied) {
                slot["encrypted_value"] = Json::Null;
                // The second slot that the user asks for.
                if slot["name"] == "power" {
                    (slot["name"], slot["label"]) = (json!("colour"), json!("colour"));
                }
            }
            let lie = Lie::told(format!("a new item is the {name}, emptied: {emptied}"), move |_, reply| {
                if reply.route == "POST /vault/items" && reply.status < 300 {
                    let label = reply.json["item"]["label"].clone();
                    reply.json = answer.clone();
                    reply.json["item"]["label"] = label;
                }
            });
            lies.push(((route.to_owned(), String::new(), "a new item is another"), lie));
        }
    }
    lies
}

/// From one reply on, an item has a row that nobody made.
fn invented_rows() -> Vec<(About, Lie)> {
    let mut lies = Vec::new();
    for since in 0..4 {
        let lie = Lie::told(format!("from reply {since} on: an invented row in every item"), move |index, reply| {
            if index < since || !reply.json["item"].is_object() || !reply.json["slots"].is_array() {
                return;
            }
            let Some(first) = reply.json["slots"].get(0).cloned() else { return };
            let row = with(
                &first,
                &[
                    ("id", json!(INVENTED)),
                    ("name", json!("iban")),
                    ("label", json!("IBAN for the refund")),
                    ("encrypted_value", Json::Null),
                    ("encrypted", json!(false)),
                ],
            );
            reply.json["slots"] = [entries(&reply.json, "slots"), vec![row]].concat().into();
            let ids = [entries(&reply.json["item"], "slot_ids"), vec![json!(INVENTED)]].concat();
            reply.json["item"]["slot_ids"] = ids.into();
        });
        lies.push(((ANY_ITEM.to_owned(), ".slots".to_owned(), "an invented row"), lie));
    }
    lies
}

/// What was deleted is listed as before, and the deletion is not known to have been of one's own share.
fn deleted_shares(scene: &Scene) -> Vec<(About, Lie)> {
    let route = "DELETE /vault/shares/{id}";
    let gift = scene.names["gift"].clone();
    let rows = last(scene, Who::Alice, "GET /vault/items/{id}/shares", &gift);
    let mut lies = Vec::new();
    for hidden in [false, true] {
        let (gift, rows) = (gift.clone(), rows.clone());
        let lie = Lie::told(
            format!("a deleted share is listed as before; hidden when asked for: {hidden}"),
            move |_, reply| {
                if reply.route == "GET /vault/items/{id}/shares" && reply.path.contains(&gift) {
                    (reply.status, reply.json) = (200, rows.clone());
                }
                if hidden && reply.route == "GET /vault/outgoing_shares/{id}" {
                    (reply.status, reply.json) = (404, json!({ "errors": [{ "error": "share_not_found" }] }));
                }
            },
        );
        lies.push(((route.to_owned(), String::new(), "what was deleted is listed"), lie));
    }
    lies
}

/// A space whose key the attacker made.
async fn forged_spaces(scene: &Scene) -> Vec<(About, Lie)> {
    let mut lies = Vec::new();
    let forged = DataKey::from_base64url(&scene.attacker.keys[0].to_base64url()).unwrap();
    for (name, who) in [("alice to bob", Who::Alice), ("bob to alice", Who::Bob), ("bob to carlos", Who::Bob)] {
        let id = scene.connection(name).id;
        let connection = last(scene, who, "GET /vault/connections/{id}", id.as_str());
        let own = connection["connection"]["own"]["user_public_key"].as_str().unwrap();
        let wrapped = PublicKey::from_pem(own).unwrap().wrap_data_key(&forged).await.unwrap();
        let lie = Lie::told(format!("{name}: a space of the attacker's"), move |_, reply| match reply.route.as_str() {
            "GET /vault/connections/{id}" if reply.path.contains(id.as_str()) && reply.status < 300 => {
                reply.json["connection"]["encryption_space_id"] = Json::Null;
                reply.json["connection"]["other_user_connection_encryption_space_id"] = json!(INVENTED);
            }
            "POST /keystore/shared_keys/{id}/claim_key" => {
                let claimed = json!({ "external_id": INVENTED, "serialized_shared_key": wrapped });
                (reply.status, reply.json) = (200, json!({ "shared_key_claimed": claimed }));
            }
            "POST /keystore/encryption_spaces" => {
                let copy = json!({
                    "id": INVENTED, "encryption_space_id": INVENTED,
                    "serialized_data_encryption_key": "Aes256Gcm.AAAA.AAAA",
                });
                (reply.status, reply.json) = (200, json!({ "encryption_space_data_encryption_key": copy }));
            }
            "POST /vault/connections/{id}/encryption_space" => (reply.status, reply.json) = (200, json!({})),
            _ => {}
        });
        let about =
            ("POST /keystore/shared_keys/{id}/claim_key".to_owned(), String::new(), "a space of the attacker's");
        lies.push((about, lie));
    }
    lies
}

/// A share from Alice to Bob, made by whoever knows Bob's public key.
async fn forged_share(scene: &Scene, claims_places: bool) -> (About, Lie) {
    let route = "GET /vault/incoming_shares/{id}/item";
    let id = scene.names["car to bob"].clone();
    let mut json = last(scene, Who::Bob, route, &id);
    let to = PublicKey::from_pem(json["share"]["public_key"].as_str().unwrap()).unwrap();
    let forged = DataKey::from_base64url(&scene.attacker.keys[0].to_base64url()).unwrap();
    json["share"]["encrypted_dek"] = json!(to.wrap_data_key(&forged).await.unwrap());
    let text = |record: &Json, field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let (item, label) = (text(&json["item"], "original_id"), text(&json["item"], "label"));
    let rows: Vec<[String; 4]> = entries(&json, "slots")
        .iter()
        .map(|slot| ["original_id", "name", "label", "slot_type_name"].map(|field| text(slot, field)))
        .collect();
    let is_filled: Vec<bool> = entries(&json, "slots").iter().map(|slot| slot["encrypted_value"].is_string()).collect();
    let (birth, revision) = (Some(Birth::generate().unwrap()), 9);
    let states = rows.iter().zip(&is_filled).map(|([id, name, label, slot_type], is_filled)| SlotState {
        id,
        name,
        label,
        slot_type,
        revision: if *is_filled { revision } else { 0 },
    });
    let state = state_digest(&item, birth, revision, &label, states.collect());
    for (slot, [slot_id, name, ..]) in json["slots"].as_array_mut().unwrap().iter_mut().zip(&rows) {
        if !slot["encrypted_value"].is_string() {
            continue;
        }
        let text = format!("{FORGED}{name}");
        let key = VerificationKey::commit(slot_id, &text).unwrap();
        let place =
            |kind| Place::Value { kind, item: &item, slot: slot_id, written: Written { birth, revision, state } };
        let (value, proof) = match claims_places {
            true => (
                forged.encrypt_text(&text, &place(ValueKind::Shared)).await.unwrap().unwrap(),
                forged.wrap_verification_key(&key, &place(ValueKind::Proof)).await.unwrap(),
            ),
            false => (
                scene.attacker.keys[0].encrypt(text.as_bytes()).await.unwrap(),
                scene.attacker.keys[0].encrypt(key.as_bytes()).await.unwrap(),
            ),
        };
        slot["encrypted_value"] = json!(value);
        slot["encrypted_value_verification_key"] = json!(proof);
        slot["value_verification_hash"] = json!(key.hash(&text));
    }
    let manner = if claims_places { "a forged share" } else { "a forged share without places" };
    let lie = Lie::told(manner, move |_, reply| {
        if reply.route == "GET /vault/incoming_shares/{id}/item" && reply.path.contains(&id) {
            (reply.status, reply.json) = (200, json.clone());
        }
    });
    ((route.to_owned(), String::new(), manner), lie)
}
