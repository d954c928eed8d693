//! The Vault's part of the first sharing protocol: which encryption space a connection uses, and shares whose values
//! are under its DEK. `docs/protocol/encryption-spaces-and-setup.md` §1.4.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::Value;

use super::{attachments::Attachment, items::Item, slots::Slot, thumbnails::Thumbnail};
use crate::{
    api::{Ciphertext, Id, JsonObject, PageMeta, PageQuery, SlotValue, Timestamp, reading::bounded_list},
    http::{Reply, Service},
};

/// Body of `POST /connections/{id}/encryption_space`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EncryptionSpaceTwin {
    /// The caller's own space, by its id in the Keystore.
    pub encryption_space_id: Id,
    /// The other side's space as the client saw it when it chose this one. The server compares, and answers 409 where
    /// it has changed: of two users who make a space at the same time one wins the race. An extension of this
    /// repository's server.
    #[serde(default, deserialize_with = "crate::api::reading::null_or_value", skip_serializing_if = "Option::is_none")]
    pub other_user_connection_encryption_space_id: Option<Option<Id>>,
}

/// What a share is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewSpaceShare {
    /// Whether `shareable_id` names an item or a slot.
    pub shareable_type: ShareableType,
    /// The item or slot, by its owner's id.
    pub shareable_id: Id,
    /// The recipient, who must be connected with the sender.
    pub user_id: Id,
    /// The values, encrypted under the connection's DEK. On the wire a string that holds JSON.
    #[serde(serialize_with = "values_as_text", deserialize_with = "read_values")]
    #[cfg_attr(feature = "openapi", schemars(with = "ValuesInAnyForm"))]
    pub encrypted_values: ValuesBySlot,
    /// False in all known clients.
    #[serde(default, skip_deserializing)]
    pub distributable: bool,
    /// Vault API 0.9: true, because the sender asks.
    #[serde(default, skip_deserializing)]
    pub outgoing: bool,
    /// False in all known clients.
    #[serde(default, skip_deserializing)]
    pub tradeable: bool,
    /// Text for the recipient; not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Text for the recipient; not encrypted. Unlike terms of the current protocol they need no acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// When the share ends, in the future: ISO-8601, UTC. `None`: it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Body of `POST /shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewSpaceSharesRequest {
    /// All are created, or none.
    #[serde(deserialize_with = "bounded_list")]
    pub shares: Vec<NewSpaceShare>,
}

/// A share of the first protocol. Its ids are the owner's: the recipient gets no copy of the item.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SpaceShare {
    /// The same for both users.
    pub id: Id,
    /// The connection between its two users, by the reading user's id of it.
    pub connection_id: Id,
    /// Whether `shareable_id` names an item or a slot.
    pub shareable_type: ShareableType,
    /// The item or slot, by its owner's id.
    pub shareable_id: Id,
    /// The item, also where one slot is shared. Vault API ≥ 0.10; null in older responses.
    #[serde(default)]
    pub item_id: Option<Id>,
    /// Text for the recipient; not encrypted.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub note: Option<String>,
    /// Text for the recipient; not encrypted, and needs no acceptance.
    #[serde(default)]
    pub terms: Option<String>,
    /// When the share ends: ISO-8601, UTC; null if it does not.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// False in all known clients.
    #[serde(default, skip_deserializing)]
    pub tradeable: bool,
    /// False in all known clients.
    #[serde(default, skip_deserializing)]
    pub distributable: bool,
    /// Whether the reading user sent it.
    #[serde(default, deserialize_with = "crate::api::reading::null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub outgoing: bool,
    /// The reading user's space of the connection; null before its DEK is claimed.
    #[serde(default)]
    pub encryption_space_id: Option<Id>,
    /// The values, encrypted under the connection's DEK.
    #[serde(default, deserialize_with = "read_values")]
    pub encrypted_values: ValuesBySlot,
    /// The recipient. Vault API 0.9; superseded by `recipient_id`.
    #[serde(default)]
    pub user_id: Option<Id>,
    /// The owner. Vault API 0.9; superseded by `sender_id`.
    #[serde(default)]
    pub shareable_user_id: Option<Id>,
    /// The item of a shared slot. Vault API 0.9; superseded by `item_id`.
    #[serde(default)]
    pub slotable_id: Option<Id>,
    /// The owner. Vault API ≥ 0.10.
    #[serde(default)]
    pub sender_id: Option<Id>,
    /// The recipient. Vault API ≥ 0.10.
    #[serde(default)]
    pub recipient_id: Option<Id>,
    /// ISO-8601, UTC. Vault API 0.9.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it last changed: ISO-8601, UTC. Vault API 0.9.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub updated_at: Option<Timestamp>,
}

/// An item with the fields that only the first protocol's models have. Our server knows nothing to put in them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(from = "Item")]
pub struct ItemInFirstForm {
    /// The fields of the current protocol.
    #[serde(flatten)]
    pub item: Item,
    /// False.
    pub shareable: bool,
    /// Null.
    pub image_background_colour: Option<String>,
    /// Null.
    pub slot_image: Option<String>,
    /// Null.
    pub slot_image_background_colour: Option<String>,
    /// Null.
    pub activity_image: Option<String>,
    /// Null.
    pub activity_image_background_colour: Option<String>,
    /// Null.
    pub category_image: Option<String>,
    /// Null.
    pub category_image_background_colour: Option<String>,
    /// Null.
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

/// Reply of every endpoint for several shares.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SpaceSharesResponse {
    /// Oldest first.
    #[serde(deserialize_with = "bounded_list")]
    pub shares: Vec<SpaceShare>,
    /// The items that are shared, or whose slot is.
    #[serde(default, deserialize_with = "bounded_list")]
    pub items: Vec<ItemInFirstForm>,
    /// The slots of these items; for the recipient without values, which are in [`SpaceShare::encrypted_values`].
    #[serde(default, deserialize_with = "bounded_list")]
    pub slots: Vec<Slot>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub users: Vec<JsonObject>,
    /// The pagination cursor of the next page; null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Reply of `GET /shares/{id}`, for two versions at once: the singular fields are those of Vault API ≥ 0.10, the plural
/// ones those of 0.9.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SpaceShareResponse {
    /// As the reading user sees it.
    pub share: SpaceShare,
    /// The item that is shared, or whose slot is.
    pub item: Item,
    /// Its slots; for the recipient without values, which are in [`SpaceShare::encrypted_values`].
    #[serde(default, deserialize_with = "bounded_list")]
    pub slots: Vec<Slot>,
    /// `share` as a list of one.
    #[serde(default, deserialize_with = "bounded_list")]
    pub shares: Vec<SpaceShare>,
    /// `item` as a list of one.
    #[serde(default, deserialize_with = "bounded_list")]
    pub items: Vec<ItemInFirstForm>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub users: Vec<JsonObject>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations_to: Vec<JsonObject>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub attachments: Vec<Attachment>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub thumbnails: Vec<Thumbnail>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub classification_nodes: Vec<JsonObject>,
}

/// Which shares are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Those that the reading user received.
    Incoming,
    /// Those that the reading user sent.
    Outgoing,
}

/// Sets the encryption space of the caller's side of a connection. May be retried.
pub fn set_space<'a>(vault: &'a Service, connection: &Id, twin: &EncryptionSpaceTwin) -> Reply<'a, ()> {
    let request = vault.post(&["connections", connection.as_str(), "encryption_space"]).json(twin);
    request.safe_to_repeat().send_void()
}

/// Shares. What is shared with the recipient already gets the new values and terms instead of a second share. With an
/// idempotency key a retry returns the first response.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewSpaceSharesRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, SpaceSharesResponse> {
    vault.post(&["shares"]).json(request).idempotency_key(idempotency_key).send()
}

/// A page of shares with their items, oldest first.
pub fn list<'a>(vault: &'a Service, direction: Direction, page: &PageQuery) -> Reply<'a, SpaceSharesResponse> {
    let direction = match direction {
        Direction::Incoming => "incoming",
        Direction::Outgoing => "outgoing",
    };
    page.of(vault.get(&["shares", direction])).send()
}

/// One share with its item. 404 unless the caller sent or received it.
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

#[cfg(feature = "openapi")]
impl schemars::JsonSchema for ValuesInAnyForm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ValuesInAnyForm".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let value = generator.subschema_for::<Option<Ciphertext<SlotValue>>>();
        schemars::json_schema!({
            "description": "Values by the id of their slot: an object, a list, or either of them as a text of JSON.",
            "anyOf": [
                { "type": "string", "contentMediaType": "application/json" },
                { "type": "object", "additionalProperties": value },
                { "type": "array", "items": {
                    "type": "object",
                    "properties": { "slot_id": { "type": "string" }, "encrypted_value": value },
                    "required": ["slot_id"],
                } },
                { "type": "null" },
            ],
        })
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
