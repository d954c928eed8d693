//! Items. `docs/protocol/http-api.md` §2.2 and §6.5–§6.9.

use serde::{Deserialize, Serialize};

use super::{
    attachments::Attachment,
    slots::{ClassificationNodeChange, Slot, SlotChange},
    thumbnails::Thumbnail,
};
use crate::{
    api::{
        Ciphertext, Id, JsonObject, PageMeta, PageQuery, SlotValue, Timestamp, ValueVerificationKey,
        reading::{bounded_list, null_as_default},
    },
    http::{Reply, RequestBuilder, Service},
};

/// One item as the reading user sees it. Its values are in the slots of the same response.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Item {
    /// The reading user's id of it: a recipient's copy has another than the original.
    pub id: Id,
    /// Whether the reading user owns it; false on a received copy.
    #[serde(default, deserialize_with = "null_as_default")]
    pub own: bool,
    /// Machine name, derived from the label when the item was created.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// Text for people; not encrypted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub label: String,
    /// Longer text for people; not encrypted. The template's unless given.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub description: Option<String>,
    /// ISO-8601, UTC.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
    /// When it last changed: ISO-8601, UTC. From this repository's server never the same after two changes of an item
    /// or its slots.
    #[serde(default, deserialize_with = "null_as_default")]
    pub updated_at: Timestamp,
    /// The template that it was created from.
    #[serde(default)]
    pub item_template_id: Option<Id>,
    /// That template's label.
    #[serde(default)]
    pub item_template_label: Option<String>,
    /// Position in a list; our server sends 1.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub ordinal: i64,
    /// Whether to display it; our server sends true.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub visible: bool,
    /// URL of a picture; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub image: Option<String>,
    /// URL of a picture; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub item_image: Option<String>,
    /// CSS colour. Vault API ≤ 31; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub item_image_background_colour: Option<String>,
    /// CSS colour. Vault API ≤ 31; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub background_color: Option<String>,
    /// Vault API ≤ 31; our server sends false.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub me: bool,
    /// Ids of entries of `classification_nodes` in the same response.
    #[serde(default, deserialize_with = "bounded_list")]
    pub classification_node_ids: Vec<Id>,
    /// The slots of this item, all of them: a slot of the same response that is not named here belongs to another item.
    #[serde(default, deserialize_with = "bounded_list")]
    pub slot_ids: Vec<Id>,
    /// The owner's id of the item; null on an own item.
    #[serde(default)]
    pub original_id: Option<Id>,
    /// Who owns the original. Vault API ≥ 37 may send null to the recipient of an on-share.
    #[serde(default)]
    pub owner_id: Option<Id>,
    /// The share that brought it; null on an own item.
    #[serde(default)]
    pub share_id: Option<Id>,
    /// Vault API ≤ 22; empty.
    #[serde(default, deserialize_with = "bounded_list")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub association_ids: Vec<Id>,
    /// Vault API ≤ 22; empty.
    #[serde(default, deserialize_with = "bounded_list")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub associations_to_ids: Vec<Id>,
}

/// A name in a scheme, by which templates, items and slots can be found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ClassificationNode {
    /// For an entry of an item's `classification_node_ids`.
    pub id: Id,
    /// Machine name, unique in its scheme among the nodes of one user, or of the server.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// Text for people; not encrypted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub label: String,
    /// Longer text for people; not encrypted.
    #[serde(default)]
    pub description: Option<String>,
    /// Position among its siblings; our server sends 1.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub ordinal: i64,
    /// CSS colour for display.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub background_color: Option<String>,
    /// URL of a picture.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub image: Option<String>,
    /// The set of names that it belongs to: `tag` for users' own.
    #[serde(default)]
    pub scheme: Option<String>,
    /// How many records are classified by it. Vault API ≥ 31; our server does not count and sends 0.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub classifications_count: i64,
    /// Whether the reading user created it. Vault API ≥ 37.6; false where absent.
    #[serde(default, deserialize_with = "null_as_default")]
    pub own: bool,
}

/// One item with its slots and nodes. The server sends every array, also an empty one (`docs/protocol/http-api.md` §0,
/// rule 3).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ItemResponse {
    /// Without values: they are in `slots`.
    pub item: Item,
    /// The slots that [`Item::slot_ids`] names.
    #[serde(default, deserialize_with = "bounded_list")]
    pub slots: Vec<Slot>,
    /// The nodes that the item and its slots are classified by.
    #[serde(default, deserialize_with = "bounded_list")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// The attachments that slots of this reply stand for (`docs/protocol/http-api.md` §12.1).
    #[serde(default, deserialize_with = "bounded_list")]
    pub attachments: Vec<Attachment>,
    /// The thumbnails of these attachments.
    #[serde(default, deserialize_with = "bounded_list")]
    pub thumbnails: Vec<Thumbnail>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations_to: Vec<JsonObject>,
}

/// A page of items with the slots and nodes of all of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ItemsResponse {
    /// Own and received items, newest first unless the filter says otherwise.
    #[serde(deserialize_with = "bounded_list")]
    pub items: Vec<Item>,
    /// The slots of all these items; [`Item::slot_ids`] says whose is which.
    #[serde(default, deserialize_with = "bounded_list")]
    pub slots: Vec<Slot>,
    /// The nodes that these items and slots are classified by, each once.
    #[serde(default, deserialize_with = "bounded_list")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// The attachments that slots of this reply stand for (`docs/protocol/http-api.md` §12.1).
    #[serde(default, deserialize_with = "bounded_list")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub attachments: Vec<Attachment>,
    /// The thumbnails of these attachments.
    #[serde(default, deserialize_with = "bounded_list")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub thumbnails: Vec<Thumbnail>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations_to: Vec<JsonObject>,
    /// The pagination cursor of the next page; null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// A page of items without what belongs to them: their slots may be many, and are not read.
#[derive(Clone, Debug, Deserialize)]
pub struct ItemsPage {
    /// As [`ItemsResponse::items`].
    #[serde(deserialize_with = "bounded_list")]
    pub items: Vec<Item>,
    /// The pagination cursor of the next page; null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
}

/// The item in a `POST` or `PUT`. In a `PUT` what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ItemChange {
    /// Text for people; not encrypted. Required in a `POST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(example = &"DeLorean"))]
    pub label: Option<String>,
    /// Machine name; derived from the label where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Longer text for people; not encrypted. The template's where absent in a `POST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Nodes to classify the item by, or no longer; the others stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_nodes_attributes: Option<Vec<ClassificationNodeChange>>,
    /// The slots to fill, add, change or delete; the others stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots_attributes: Option<Vec<SlotChange>>,
    /// [`Item::updated_at`] as last seen, in a `PUT`: 409 with the server code `item_changed` where it is another by
    /// now. An extension of this repository's server; others change the item in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unchanged_since: Option<Timestamp>,
}

/// Body of `POST /items`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewItemRequest {
    /// Machine name of the template, whose slots the item starts with.
    #[cfg_attr(feature = "openapi", schemars(example = &"vehicle"))]
    pub template_name: String,
    /// Leaves out those of the template's slots that `item` does not name.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "std::ops::Not::not")]
    pub skip_empty_template_slots: bool,
    /// What the item has beside the template's.
    pub item: ItemChange,
}

/// Body of `PUT /items/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ItemChangeRequest {
    /// What to change.
    pub item: ItemChange,
}

/// Which items to list, all conditions at once; empty and `None` do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemFilter {
    /// Items created from one of these templates.
    pub template_ids: Vec<Id>,
    /// Items classified by a node of this scheme.
    pub scheme: Option<String>,
    /// Items classified by a node with one of these machine names.
    pub classifications: Vec<String>,
    /// Items that the reading user shares with this user.
    pub shared_with: Option<Id>,
    /// Items that this user owns.
    pub owner_id: Option<Id>,
    /// True: items that the reading user owns; false: received ones.
    pub own: Option<bool>,
    /// Items with one of these ids, by the reading user's id of them.
    pub item_ids: Vec<Id>,
    /// Items of this machine name.
    pub name: Option<String>,
    /// By creation; `None`: newest first.
    pub order: Option<Order>,
}

/// Sort order of a list, by creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

impl Order {
    /// As the query parameter spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Order::Asc => "asc",
            Order::Desc => "desc",
        }
    }
}

fn joined<'a>(parts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut whole = String::new();
    for part in parts {
        if !whole.is_empty() {
            whole.push(',');
        }
        whole.push_str(part);
    }
    (!whole.is_empty()).then_some(whole)
}

/// As one query parameter; `None` where there are no ids.
pub(super) fn comma_joined(ids: &[Id]) -> Option<String> {
    joined(ids.iter().map(Id::as_str))
}

/// A flag as query parameters spell it.
pub(super) fn true_or_false(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// Creates an item. With an idempotency key a retry returns the item that the first request created.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewItemRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, ItemResponse> {
    vault.post(&["items"]).json(request).idempotency_key(idempotency_key).send()
}

/// A page of the user's own and received items. It may have fewer than were asked for, and a next one all the same.
pub fn list<'a>(vault: &'a Service, filter: &ItemFilter, page: &PageQuery) -> Reply<'a, ItemsResponse> {
    list_request(vault, filter, page).send()
}

/// The same, without reading their slots.
pub fn list_alone<'a>(vault: &'a Service, filter: &ItemFilter, page: &PageQuery) -> Reply<'a, ItemsPage> {
    list_request(vault, filter, page).send()
}

fn list_request<'a>(vault: &'a Service, filter: &ItemFilter, page: &PageQuery) -> RequestBuilder<'a> {
    let classifications = joined(filter.classifications.iter().map(String::as_str));
    let request = vault
        .get(&["items"])
        .query_if_any("template_ids", comma_joined(&filter.template_ids).as_deref())
        .query_if_any("item_ids", comma_joined(&filter.item_ids).as_deref())
        .query_if_any("classification_node_names", classifications.as_deref())
        .query_if_any("classification_scheme_name", filter.scheme.as_deref())
        .query_if_any("shared_with", filter.shared_with.as_ref().map(Id::as_str))
        .query_if_any("owner_id", filter.owner_id.as_ref().map(Id::as_str))
        .query_if_any("own", filter.own.map(true_or_false))
        .query_if_any("name", filter.name.as_deref())
        .query_if_any("order", filter.order.map(Order::as_str));
    page.of(request)
}

/// One item, by the reading user's id of it. 404 by another user's id.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ItemResponse> {
    vault.get(&["items", id.as_str()]).send()
}

/// Changes an own item. 403 for a received one.
pub fn update<'a>(vault: &'a Service, id: &Id, request: &ItemChangeRequest) -> Reply<'a, ItemResponse> {
    vault.put(&["items", id.as_str()]).json(request).send()
}

/// Deletes an own item with all its shares, or a received one with the shares that brought it.
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["items", id.as_str()]).send_void()
}

/// One slot of `POST /items/{id}/encrypt`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ReencryptedSlot {
    /// The slot of the copy, by the recipient's id of it.
    pub id: Id,
    /// The value, encrypted under the recipient's private DEK.
    pub encrypted_value: Ciphertext<SlotValue>,
    /// The owner's verification key of the value, encrypted under the same DEK.
    #[serde(default)]
    pub encrypted_value_verification_key: Option<Ciphertext<ValueVerificationKey>>,
}

/// Body of `POST /items/{id}/encrypt`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ReencryptionRequest {
    /// Every slot that has a value: one that is left under the old DEK could not be decrypted again.
    #[serde(deserialize_with = "bounded_list")]
    pub slots: Vec<ReencryptedSlot>,
}

/// Replaces a received item's values by the same values under the recipient's private DEK. May be retried.
pub fn reencrypt<'a>(vault: &'a Service, id: &Id, request: &ReencryptionRequest) -> Reply<'a, ItemResponse> {
    vault.post(&["items", id.as_str(), "encrypt"]).json(request).safe_to_repeat().send()
}
