//! Slots: the named, encrypted values that an item is made of. `docs/protocol/http-api.md` §2.3, §6.5, §6.8 and §6.10.

use serde::{Deserialize, Deserializer, Serialize};
#[cfg(feature = "whole-records")]
use serde_json::Value;

use crate::{
    api::{
        Ciphertext, Id, JsonObject, SlotValue, Timestamp, ValueVerificationKey,
        reading::{bounded_list, null_as_default, null_or_value},
    },
    http::{Reply, Service},
};

/// One slot as the reading user sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Slot {
    /// The reading user's id of it, as [`super::items::Item::id`].
    pub id: Id,
    /// Whether the reading user owns it; false on received slots and those of templates.
    #[serde(default, deserialize_with = "null_as_default")]
    pub own: bool,
    /// The share that brought it; null on an own slot.
    #[serde(default)]
    pub share_id: Option<Id>,
    /// Machine name, unique within the item.
    pub name: String,
    /// Text for people; not encrypted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub label: String,
    /// Longer text for people; not encrypted.
    #[serde(default)]
    pub description: Option<String>,
    /// True exactly when there is a value (`docs/protocol/http-api.md` §0, rule 4): clients of Vault API 0.19 decrypt
    /// no slot without it.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub encrypted: bool,
    /// Position among the slots of the item, from 1.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub ordinal: i64,
    /// Whether to display it; our server sends true.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub visible: bool,
    /// Whether it must have a value; our server sends false.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub required: bool,
    /// Ids of entries of `classification_nodes` in the same response.
    #[serde(default, deserialize_with = "bounded_list")]
    pub classification_node_ids: Vec<Id>,
    /// The file that the slot stands for, on the platform; null for none.
    #[serde(default)]
    pub attachment_id: Option<Id>,
    /// Vault API ≥ 22; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub attachments_folder_id: Option<Id>,
    /// Vault API 19.3 to 22; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub attachment_uid: Option<Id>,
    /// The item, by the reading user's id of it; null on a slot of a template.
    #[serde(default)]
    pub item_id: Option<Id>,
    /// ISO-8601, UTC.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
    /// When it last changed: ISO-8601, UTC.
    #[serde(default, deserialize_with = "null_as_default")]
    pub updated_at: Timestamp,
    /// A hint for display, one of the types in `docs/protocol/http-api.md` §2.3; `key_value` where absent or null.
    #[serde(default = "key_value", deserialize_with = "key_value_if_null")]
    pub slot_type_name: String,
    /// `system` where cloned from a system template, otherwise `user`.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub creator: Option<String>,
    /// The value; null while empty or hidden. Own: encrypted under the private DEK. Received: under the share's DEK,
    /// until re-encrypted.
    #[serde(default)]
    pub encrypted_value: Option<Ciphertext<SlotValue>>,
    /// The verification key of a received value, encrypted under the same DEK; null on an own slot.
    #[serde(default)]
    pub encrypted_value_verification_key: Option<Ciphertext<ValueVerificationKey>>,
    /// The owner's HMAC of a received value under that key, lower-case hexadecimal; null on an own slot.
    #[serde(default)]
    pub value_verification_hash: Option<String>,
    /// URL of a picture. Vault API ≤ 22; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub image: Option<String>,
    /// The owner's id of the slot; null on an own slot.
    #[serde(default)]
    pub original_id: Option<Id>,
    /// Who owns the original; null on a slot of a template.
    #[serde(default)]
    pub owner_id: Option<Id>,
    /// Settings of some system slots of the first protocol. What is no object is read as null.
    #[cfg_attr(feature = "whole-records", serde(default, deserialize_with = "object_only"))]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub config: Option<JsonObject>,
}

#[cfg(feature = "whole-records")]
fn object_only<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<JsonObject>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(object) => Some(object),
        _ => None,
    })
}

fn key_value_if_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(key_value))
}

fn key_value() -> String {
    "key_value".to_owned()
}

/// One slot in a `POST` or `PUT` of an item. What is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct SlotChange {
    /// The slot to change; without it `name` says which. Refused in a `POST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// The slot to fill or change by its machine name; without a match a new slot gets this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Text for people; not encrypted. A new slot's `name` is derived from it where that is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(example = &"Engine"))]
    pub label: Option<String>,
    /// Longer text for people; not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A hint for display, one of the types in `docs/protocol/http-api.md` §2.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_type_name: Option<String>,
    /// Position among the slots of the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<i64>,
    /// Accepted and ignored by our server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visible: Option<bool>,
    /// The value, encrypted under the owner's private DEK. `None`: the value stays. `Some(None)`, null on the wire: the
    /// slot becomes empty.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_or_value")]
    pub encrypted_value: Option<Option<Ciphertext<SlotValue>>>,
    /// A plaintext value. Not serialized by this client. Clients of 2023 send `""` to empty a slot; the server refuses
    /// anything else (`docs/protocol/http-api.md` §6.8).
    #[serde(skip_serializing)]
    pub value: Option<String>,
    /// True deletes the slot. Refused in a `POST`.
    #[serde(rename = "_destroy", skip_serializing_if = "Option::is_none")]
    pub destroy: Option<bool>,
    /// The file that the slot stands for, as clients of versions 19.3 to 22 say it.
    #[serde(skip_serializing)]
    pub attachment_attributes: Option<AttachmentReference>,
    /// The same in a list of one, as clients before Vault API 0.19 say it. Not serialized by this client.
    #[serde(skip_serializing)]
    pub attachments_attributes: Option<Vec<AttachmentReference>>,
    /// The file that the slot stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment_id: Option<Id>,
    /// Nodes to classify the slot by, or no longer; the others stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_nodes_attributes: Option<Vec<ClassificationNodeChange>>,
}

/// An attachment by its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttachmentReference {
    /// Of the user's own.
    pub id: Id,
}

/// A node to classify an item or slot by, or no longer. Found by id, or by scheme and name; versions of the protocol
/// differ in the names of these fields.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ClassificationNodeChange {
    /// An existing node.
    #[serde(alias = "node_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Machine name of an existing node, or of a new one of the user's.
    #[serde(alias = "node_name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Text for people; not encrypted. Of a new node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The scheme that `name` or `label` belongs to.
    #[serde(alias = "scheme_name", skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Longer text for people; not encrypted. Of a new node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// True, with an `id`, takes the classification away; the node stays.
    #[serde(rename = "_destroy", skip_serializing_if = "Option::is_none")]
    pub destroy: Option<bool>,
}

/// Reply of `GET /slots/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SlotResponse {
    /// As the reading user sees it.
    pub slot: Slot,
}

/// One slot, by the reading user's id of it.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Slot> {
    vault.get(&["slots", id.as_str()]).send_for("slot")
}
