//! Slots: the named, encrypted values that an item is made of. `docs/protocol/http-api.md` §2.3, §6.5, §6.8 and §6.10.

use serde::{Deserialize, Deserializer, Serialize};
#[cfg(feature = "whole-records")]
use serde_json::Value;

use crate::{
    api::{
        Ciphertext, Id, JsonObject, SlotValue, Timestamp, ValueVerificationKey,
        reading::{null_as_default, null_or_value},
    },
    http::{Reply, Service},
};

/// One slot as the reading user sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// The id for the reading user.
    pub id: Id,
    /// Whether the reading user owns it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub own: bool,
    /// On a received slot, the share that brought it.
    #[serde(default)]
    pub share_id: Option<Id>,
    /// Machine name, unique within the item.
    pub name: String,
    /// The name for people.
    #[serde(default, deserialize_with = "null_as_default")]
    pub label: String,
    /// Longer text for people.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub description: Option<String>,
    /// True exactly when there is a value (rule 4); old clients decrypt no slot without it.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub encrypted: bool,
    /// The place among the item's slots.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub ordinal: i64,
    /// Always true.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub visible: bool,
    /// Always false.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub required: bool,
    /// Ids of nodes in the list that comes with the slot.
    #[serde(default, deserialize_with = "null_as_default")]
    pub classification_node_ids: Vec<Id>,
    /// The file that the slot stands for.
    #[serde(default)]
    pub attachment_id: Option<Id>,
    /// Since 22.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub attachments_folder_id: Option<Id>,
    /// 19.3 to 22.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub attachment_uid: Option<Id>,
    /// Null on a template's slot.
    #[serde(default)]
    pub item_id: Option<Id>,
    /// Instant.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
    /// Instant.
    #[serde(default, deserialize_with = "null_as_default")]
    pub updated_at: Timestamp,
    /// One of the slot types of §2.3; a hint for display.
    #[serde(default = "key_value", deserialize_with = "key_value_if_null")]
    pub slot_type_name: String,
    /// `system` when cloned from a system template, else `user`.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub creator: Option<String>,
    /// Under the user's DEK, or, when received, under the share's.
    #[serde(default)]
    pub encrypted_value: Option<Ciphertext<SlotValue>>,
    /// On a received slot, the key that proves the value, under the share's DEK.
    #[serde(default)]
    pub encrypted_value_verification_key: Option<Ciphertext<ValueVerificationKey>>,
    /// On a received slot, the owner's proof of the value, hexadecimal.
    #[serde(default)]
    pub value_verification_hash: Option<String>,
    /// Until 22.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub image: Option<String>,
    /// On a received slot, the owner's id of it.
    #[serde(default)]
    pub original_id: Option<Id>,
    /// Who owns the original.
    #[serde(default)]
    pub owner_id: Option<Id>,
    /// Settings of some system slots; where they are no object, they are not read.
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

/// One slot of an item that is created or changed. Absent means "as it was"; see [`SlotChange::encrypted_value`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SlotChange {
    /// Only when changing: which slot is meant; else `name` tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Which slot is meant, or what a new one is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name for people; a new slot's `name` is derived from it where that is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Longer text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// One of the slot types of §2.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_type_name: Option<String>,
    /// The place among the item's slots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<i64>,
    /// Accepted and ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visible: Option<bool>,
    /// Absent: the value stays. Null: the slot becomes empty. Else the new value.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_or_value")]
    pub encrypted_value: Option<Option<Ciphertext<SlotValue>>>,
    /// Never sent by this client. Some send `""` here to empty a slot; anything else is plaintext and refused (§6.8).
    #[serde(skip_serializing)]
    pub value: Option<String>,
    /// True deletes the slot.
    #[serde(rename = "_destroy", skip_serializing_if = "Option::is_none")]
    pub destroy: Option<bool>,
    /// The file that the slot stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment_id: Option<Id>,
    /// Classification of the slot (§4.2 of the set-up document).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_nodes_attributes: Option<Vec<ClassificationNodeChange>>,
}

/// How an item or a slot is put under a node, or taken from it. Each field has two names on the wire.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClassificationNodeChange {
    /// An existing node.
    #[serde(alias = "node_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// An existing node's name, or a new one's.
    #[serde(alias = "node_name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Which hierarchy.
    #[serde(alias = "scheme_name", skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Longer text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// True takes the classification away.
    #[serde(rename = "_destroy", skip_serializing_if = "Option::is_none")]
    pub destroy: Option<bool>,
}

/// Reply of `GET /slots/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SlotResponse {
    /// The slot.
    pub slot: Slot,
}

/// Removes a slot from an own item.
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["slots", id.as_str()]).send_void()
}
