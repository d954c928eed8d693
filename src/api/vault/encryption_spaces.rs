//! The Vault's part of the first sharing protocol: which encryption space a connection uses, and shares whose values are
//! under its DEK. `docs/protocol/encryption-spaces-and-setup.md` §1.4.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::Value;

use super::{items::Item, slots::Slot};
use crate::{
    api::{Ciphertext, Id, JsonObject, PageMeta, PageQuery, SlotValue, Timestamp, reading::null_as_default},
    http::{Reply, Service},
};

/// Body of `POST /connections/{id}/encryption_space`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EncryptionSpaceTwin {
    /// The space in the Keystore.
    pub encryption_space_id: Id,
    /// What the client saw as the other side's space when it decided on this one. Where it is no longer so, the Vault
    /// refuses: two users who make a space at the same time end with one. An extension of this repository's server.
    #[serde(default, deserialize_with = "crate::api::reading::null_or_value", skip_serializing_if = "Option::is_none")]
    pub other_user_connection_encryption_space_id: Option<Option<Id>>,
}

/// What a share is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShareableType {
    /// A whole item.
    Item,
    /// One slot of an item.
    Slot,
}

/// Values by the id of their slot; an empty slot has null or is left out.
pub type ValuesBySlot = BTreeMap<String, Option<Ciphertext<SlotValue>>>;

/// Values as any version of the protocol writes them: a text of JSON, an object, or a list of slot ids with values.
#[derive(Clone, Debug, Default)]
pub struct ValuesInAnyForm(pub ValuesBySlot);

/// One share to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSpaceShare {
    /// What is shared.
    pub shareable_type: ShareableType,
    /// The item or slot, by its owner's id.
    pub shareable_id: Id,
    /// The recipient.
    pub user_id: Id,
    /// The values under the connection's DEK: sent as a text that holds JSON.
    #[serde(serialize_with = "values_as_text", deserialize_with = "read_values")]
    pub encrypted_values: ValuesBySlot,
    /// Always false.
    #[serde(default, skip_deserializing)]
    pub distributable: bool,
    /// Always true.
    #[serde(default, skip_deserializing)]
    pub outgoing: bool,
    /// Always false.
    #[serde(default, skip_deserializing)]
    pub tradeable: bool,
    /// Not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Not encrypted; for the recipient to read, nothing has to be accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Body of `POST /shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSpaceSharesRequest {
    /// The shares.
    pub shares: Vec<NewSpaceShare>,
}

/// A share of the first protocol. It has the owner's ids: no copy of the item is made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SpaceShare {
    /// The share.
    pub id: Id,
    /// The connection between its two users, by the reading user's id of it.
    pub connection_id: Id,
    /// What is shared.
    pub shareable_type: ShareableType,
    /// The item or slot.
    pub shareable_id: Id,
    /// The item, also where one slot is shared. Null in answers of the first versions.
    #[serde(default)]
    pub item_id: Option<Id>,
    /// Not encrypted.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub note: Option<String>,
    /// Not encrypted.
    #[serde(default)]
    pub terms: Option<String>,
    /// When it ends.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Always false.
    #[serde(default, skip_deserializing)]
    pub tradeable: bool,
    /// Always false.
    #[serde(default, skip_deserializing)]
    pub distributable: bool,
    /// Whether the reading user made it.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub outgoing: bool,
    /// The reading user's space of the connection; null before its DEK was claimed.
    #[serde(default)]
    pub encryption_space_id: Option<Id>,
    /// The values, under the connection's DEK.
    #[serde(default, deserialize_with = "read_values")]
    pub encrypted_values: ValuesBySlot,
    /// The recipient.
    #[serde(default)]
    pub user_id: Option<Id>,
    /// The owner.
    #[serde(default)]
    pub shareable_user_id: Option<Id>,
    /// The item of a shared slot.
    #[serde(default)]
    pub slotable_id: Option<Id>,
    /// The owner, by its later name.
    #[serde(default)]
    pub sender_id: Option<Id>,
    /// The recipient, by its later name.
    #[serde(default)]
    pub recipient_id: Option<Id>,
    /// Instant.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// Instant.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub updated_at: Option<Timestamp>,
}

/// An item as the first protocol wrote it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Item")]
pub struct ItemInFirstForm {
    /// What later versions kept.
    #[serde(flatten)]
    pub item: Item,
    /// Always false.
    pub shareable: bool,
    /// Always null.
    pub image_background_colour: Option<String>,
    /// Always null.
    pub slot_image: Option<String>,
    /// Always null.
    pub slot_image_background_colour: Option<String>,
    /// Always null.
    pub activity_image: Option<String>,
    /// Always null.
    pub activity_image_background_colour: Option<String>,
    /// Always null.
    pub category_image: Option<String>,
    /// Always null.
    pub category_image_background_colour: Option<String>,
    /// Always null.
    pub category_label: Option<String>,
}

impl From<Item> for ItemInFirstForm {
    fn from(item: Item) -> Self {
        ItemInFirstForm {
            item,
            shareable: false,
            image_background_colour: None,
            slot_image: None,
            slot_image_background_colour: None,
            activity_image: None,
            activity_image_background_colour: None,
            category_image: None,
            category_image_background_colour: None,
            category_label: None,
        }
    }
}

/// Reply of every call for many shares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SpaceSharesResponse {
    /// The shares.
    pub shares: Vec<SpaceShare>,
    /// What is shared, in the order of the shares.
    #[serde(default, deserialize_with = "null_as_default")]
    pub items: Vec<ItemInFirstForm>,
    /// The slots of it, without their values.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slots: Vec<Slot>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub users: Vec<JsonObject>,
    /// The cursor of the next page, null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Reply of `GET /shares/{id}`: as one of many, and by itself, for clients of either time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SpaceShareResponse {
    /// The share.
    pub share: SpaceShare,
    /// Its item.
    pub item: Item,
    /// The item's slots: without values for the recipient, for whom they are in the share.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slots: Vec<Slot>,
    /// Just the share.
    #[serde(default, deserialize_with = "null_as_default")]
    pub shares: Vec<SpaceShare>,
    /// Just the item.
    #[serde(default, deserialize_with = "null_as_default")]
    pub items: Vec<ItemInFirstForm>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub users: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations_to: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub attachments: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub thumbnails: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub classification_nodes: Vec<JsonObject>,
}

/// Which way shares go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From others to the reading user.
    Incoming,
    /// From the reading user to others.
    Outgoing,
}

/// Says which space of the Keystore a connection uses, by the user's own id of it.
pub fn set_space<'a>(vault: &'a Service, connection: &Id, twin: &EncryptionSpaceTwin) -> Reply<'a, ()> {
    let request = vault.post(&["connections", connection.as_str(), "encryption_space"]).json(twin);
    request.safe_to_repeat().send_void()
}

/// Makes shares. With an idempotency key a repeat answers with those that were made first.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewSpaceSharesRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, Vec<SpaceShare>> {
    vault.post(&["shares"]).json(request).idempotency_key(idempotency_key).send_for("shares")
}

/// A page of shares with their items, without values.
pub fn list<'a>(vault: &'a Service, direction: Direction, page: &PageQuery) -> Reply<'a, SpaceSharesResponse> {
    let direction = match direction {
        Direction::Incoming => "incoming",
        Direction::Outgoing => "outgoing",
    };
    page.of(vault.get(&["shares", direction])).send()
}

/// One share with its item.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, SpaceShareResponse> {
    vault.get(&["shares", id.as_str()]).send()
}

fn values_as_text<S: Serializer>(values: &ValuesBySlot, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&serde_json::to_string(values).map_err(ser::Error::custom)?)
}

fn read_values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ValuesBySlot, D::Error> {
    ValuesInAnyForm::deserialize(deserializer).map(|values| values.0)
}

impl<'de> Deserialize<'de> for ValuesInAnyForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = match Value::deserialize(deserializer)? {
            // One text within another is a form; more are not.
            Value::String(text) => match serde_json::from_slice(text.as_bytes()).map_err(de::Error::custom)? {
                Value::String(_) => return Err(de::Error::custom("a text within a text")),
                values => values_of(values),
            },
            values => values_of(values),
        };
        values.map(ValuesInAnyForm).ok_or_else(|| de::Error::custom("not values by slot"))
    }
}

fn values_of(values: Value) -> Option<ValuesBySlot> {
    match values {
        Value::Null => Some(ValuesBySlot::default()),
        Value::Object(values) => values.into_iter().map(|(slot, value)| Some((slot, sealed(value)?))).collect(),
        Value::Array(values) => values
            .into_iter()
            .map(|mut value| {
                let value = value.as_object_mut()?;
                let Value::String(slot) = value.remove("slot_id")? else { return None };
                Some((slot, sealed(value.remove("encrypted_value").unwrap_or_default())?))
            })
            .collect(),
        _ => None,
    }
}

/// A value's ciphertext, `Some(None)` for null.
fn sealed(value: Value) -> Option<Option<Ciphertext<SlotValue>>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) => Ciphertext::parse(text).map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{NewSpaceShare, SpaceShare};

    #[test]
    fn values_are_read_as_text_as_an_object_and_as_a_list() {
        let sealed = "Aes256Gcm.RZue.QUAAAAAF";
        let object = json!({ "a": sealed, "b": null });
        let list = json!([{ "slot_id": "a", "encrypted_value": sealed }, { "slot_id": "b", "encrypted_value": null }]);
        for values in [json!(object.to_string()), object.clone(), list] {
            let share = json!({ "id": "1", "connection_id": "2", "shareable_type": "Item", "shareable_id": "3",
                "encrypted_values": values });
            let share: SpaceShare = serde_json::from_value(share).unwrap();
            assert_eq!(share.encrypted_values.get("a").unwrap().as_ref().unwrap().as_str(), sealed);
            assert!(share.encrypted_values.get("b").unwrap().is_none());
        }
        let none = json!({ "id": "1", "connection_id": "2", "shareable_type": "Item", "shareable_id": "3" });
        assert!(serde_json::from_value::<SpaceShare>(none).unwrap().encrypted_values.is_empty());
    }

    #[test]
    fn values_are_sent_as_text() {
        let share = json!({ "shareable_type": "Item", "shareable_id": "3", "user_id": "4",
            "encrypted_values": "{\"a\":null}" });
        let share: NewSpaceShare = serde_json::from_value(share).unwrap();
        assert_eq!(serde_json::to_value(&share).unwrap()["encrypted_values"], "{\"a\":null}");
    }
}
