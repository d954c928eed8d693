//! Items. `docs/protocol/http-api.md` §2.2 and §6.5–§6.9.

use serde::{Deserialize, Serialize};

use super::slots::{ClassificationNodeChange, Slot, SlotChange};
use crate::{
    api::{
        Ciphertext, Id, JsonObject, PageMeta, PageQuery, SlotValue, Timestamp, ValueVerificationKey,
        reading::null_as_default,
    },
    http::{Reply, Service},
};

/// One item as the reading user sees it; its values are in the slots that come beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    /// The id for the reading user: a recipient's copy has another than the original.
    pub id: Id,
    /// Whether the reading user owns it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub own: bool,
    /// Machine name, derived from the label.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// The name for people. Not encrypted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub label: String,
    /// Longer text for people. Not encrypted.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub description: Option<String>,
    /// Instant.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
    /// Instant.
    #[serde(default, deserialize_with = "null_as_default")]
    pub updated_at: Timestamp,
    /// The template it was made from.
    #[serde(default)]
    pub item_template_id: Option<Id>,
    /// Its label.
    #[serde(default)]
    pub item_template_label: Option<String>,
    /// 1.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub ordinal: i64,
    /// Always true.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub visible: bool,
    /// URL.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub image: Option<String>,
    /// URL.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub item_image: Option<String>,
    /// Until 31.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub item_image_background_colour: Option<String>,
    /// Until 31.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub background_color: Option<String>,
    /// Until 31; always false.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub me: bool,
    /// Ids of nodes in the list that comes with the item.
    #[serde(default, deserialize_with = "null_as_default")]
    pub classification_node_ids: Vec<Id>,
    /// Exactly the slots of this item; those in the list beside it that are not here are not its.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slot_ids: Vec<Id>,
    /// On a received item, the owner's id of it.
    #[serde(default)]
    pub original_id: Option<Id>,
    /// Who owns the original.
    #[serde(default)]
    pub owner_id: Option<Id>,
    /// On a received item, the share that brought it.
    #[serde(default)]
    pub share_id: Option<Id>,
    /// Until 22; always empty.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub association_ids: Vec<Id>,
    /// Until 22; always empty.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub associations_to_ids: Vec<Id>,
}

/// A named place in a hierarchy under which templates, items and slots can be found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassificationNode {
    /// The node's id.
    pub id: Id,
    /// Machine name.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// The name for people.
    #[serde(default, deserialize_with = "null_as_default")]
    pub label: String,
    /// Longer text for people.
    #[serde(default)]
    pub description: Option<String>,
    /// The place among its siblings.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub ordinal: i64,
    /// For display.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub background_color: Option<String>,
    /// URL.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub image: Option<String>,
    /// Which hierarchy.
    #[serde(default)]
    pub scheme: Option<String>,
    /// How many things stand under it (since 31).
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub classifications_count: i64,
    /// Whether the reading user made it (since 37.6).
    #[serde(default, deserialize_with = "null_as_default")]
    pub own: bool,
}

/// One item with all that belongs to it; the arrays are always there (rule 3).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemResponse {
    /// The item.
    pub item: Item,
    /// Its slots.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slots: Vec<Slot>,
    /// The nodes it and its slots stand under.
    #[serde(default, deserialize_with = "null_as_default")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// Files.
    #[serde(default, deserialize_with = "null_as_default")]
    pub attachments: Vec<JsonObject>,
    /// Small pictures of files.
    #[serde(default, deserialize_with = "null_as_default")]
    pub thumbnails: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations_to: Vec<JsonObject>,
}

/// A page of items.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemsResponse {
    /// The items.
    pub items: Vec<Item>,
    /// The slots of all of them.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slots: Vec<Slot>,
    /// The nodes they stand under.
    #[serde(default, deserialize_with = "null_as_default")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// Files.
    #[serde(default, deserialize_with = "null_as_default")]
    pub attachments: Vec<JsonObject>,
    /// Small pictures of files.
    #[serde(default, deserialize_with = "null_as_default")]
    pub thumbnails: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations_to: Vec<JsonObject>,
    /// The cursor of the next page, null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// The item part of a creation or a change.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemChange {
    /// The name for people; needed when creating.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Machine name; derived from the label where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Longer text for people; the template's where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where the item stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_nodes_attributes: Option<Vec<ClassificationNodeChange>>,
    /// The slots that are filled, added, changed or removed; the others stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots_attributes: Option<Vec<SlotChange>>,
}

/// Body of `POST /items`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewItemRequest {
    /// The template whose slots the item starts with.
    pub template_name: String,
    /// Leaves out the template's slots that nothing was given for.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "std::ops::Not::not")]
    pub skip_empty_template_slots: bool,
    /// The item.
    pub item: ItemChange,
}

/// Body of `PUT /items/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemChangeRequest {
    /// The change.
    pub item: ItemChange,
}

/// Which items a list is to hold; absent means "any".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemFilter {
    /// Made from one of these templates.
    pub template_ids: Vec<Id>,
    /// Standing under a node of this hierarchy.
    pub scheme: Option<String>,
    /// Standing under one of the nodes of these names.
    pub classifications: Vec<String>,
    /// Shared by the reading user to this one.
    pub shared_with: Option<Id>,
    /// Owned by this user.
    pub owner_id: Option<Id>,
    /// Owned by the reading user, or not.
    pub own: Option<bool>,
    /// Only these.
    pub item_ids: Vec<Id>,
    /// Of this machine name.
    pub name: Option<String>,
    /// `asc` or `desc` by creation; newest first where absent.
    pub order: Option<Order>,
}

/// The direction of a list.
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

/// As one query parameter; none where there are no ids.
pub(super) fn comma_joined(ids: &[Id]) -> Option<String> {
    joined(ids.iter().map(Id::as_str))
}

/// As a query parameter.
pub(super) fn true_or_false(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// Makes an item. With an idempotency key a repeat answers with the item that was made first.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewItemRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, ItemResponse> {
    vault.post(&["items"]).json(request).idempotency_key(idempotency_key).send()
}

/// A page of the user's own and received items.
pub fn list<'a>(vault: &'a Service, filter: &ItemFilter, page: &PageQuery) -> Reply<'a, ItemsResponse> {
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
    page.of(request).send()
}

/// One item, by the id that the reading user has for it.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ItemResponse> {
    vault.get(&["items", id.as_str()]).send()
}

/// Changes an own item.
pub fn update<'a>(vault: &'a Service, id: &Id, request: &ItemChangeRequest) -> Reply<'a, ItemResponse> {
    vault.put(&["items", id.as_str()]).json(request).send()
}

/// Deletes an own item with all its shares, or a received one with the share that brought it.
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["items", id.as_str()]).send_void()
}

/// One slot of `POST /items/{id}/encrypt`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReencryptedSlot {
    /// The user's own id of the slot.
    pub id: Id,
    /// The value, under the user's own DEK.
    pub encrypted_value: Ciphertext<SlotValue>,
    /// The owner's key that proves it, under the same DEK.
    #[serde(default)]
    pub encrypted_value_verification_key: Option<Ciphertext<ValueVerificationKey>>,
}

/// Body of `POST /items/{id}/encrypt`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReencryptionRequest {
    /// Every slot that has a value.
    pub slots: Vec<ReencryptedSlot>,
}

/// Replaces a received item's values by the same under the recipient's own DEK. Doing it twice does no harm.
pub fn reencrypt<'a>(vault: &'a Service, id: &Id, request: &ReencryptionRequest) -> Reply<'a, ItemResponse> {
    vault.post(&["items", id.as_str(), "encrypt"]).json(request).safe_to_repeat().send()
}
