//! Templates: named lists of empty slots that items are made from. `docs/protocol/http-api.md` §2.8 and §6.1–§6.3.

use serde::{Deserialize, Serialize};

use super::{
    items::ClassificationNode,
    slots::{Slot, SlotChange},
};
use crate::{
    api::{Id, JsonObject, PageMeta, PageQuery, Timestamp, reading::null_as_default},
    http::{Reply, Service},
};

/// One template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemTemplate {
    /// The template's id.
    pub id: Id,
    /// Machine name, by which items name their template.
    pub name: String,
    /// The name for people.
    #[serde(default, deserialize_with = "null_as_default")]
    pub label: String,
    /// Longer text for people.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub description: Option<String>,
    /// The place among the templates.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub ordinal: i64,
    /// Always true.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub visible: bool,
    /// Who made it; null for a system template.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_id: Option<Id>,
    /// Instant.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub updated_at: Option<Timestamp>,
    /// URL.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub image: Option<String>,
    /// Ids of nodes in the list that comes with the template.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub classification_node_ids: Vec<Id>,
    /// Its slots, in the list that comes with it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slot_ids: Vec<Id>,
    /// For display.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub background_color: Option<String>,
    /// How many of the reading user's items were made from it (since 31).
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub items_count: i64,
}

/// A page of templates with the slots of all of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplatesResponse {
    /// The templates.
    pub item_templates: Vec<ItemTemplate>,
    /// The slots of all of them.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slots: Vec<Slot>,
    /// The nodes they stand under.
    #[serde(default, deserialize_with = "null_as_default")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// Always empty.
    #[serde(default, skip_deserializing)]
    pub attachments: Vec<JsonObject>,
    /// Always empty.
    #[serde(default, skip_deserializing)]
    pub thumbnails: Vec<JsonObject>,
    /// The cursor of the next page, null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// One template with its slots.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateResponse {
    /// The template.
    pub item_template: ItemTemplate,
    /// Its slots.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slots: Vec<Slot>,
    /// The nodes it stands under.
    #[serde(default, deserialize_with = "null_as_default")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// Always empty.
    #[serde(default, skip_deserializing)]
    pub attachments: Vec<JsonObject>,
    /// Always empty.
    #[serde(default, skip_deserializing)]
    pub thumbnails: Vec<JsonObject>,
}

/// Body of `POST /item_templates`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewTemplateRequest {
    /// Machine name, unique; derived from the label where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name for people.
    pub label: String,
    /// Longer text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An existing hierarchy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_scheme_name: Option<String>,
    /// An existing node of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_node_name: Option<String>,
    /// The slots.
    #[serde(deserialize_with = "null_as_default")]
    pub slots_attributes: Vec<SlotChange>,
}

/// Which templates a list is to hold; absent means "any".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateFilter {
    /// A part of the label.
    pub like: Option<String>,
    /// Standing in this hierarchy.
    pub scheme: Option<String>,
    /// Standing under the node of this name.
    pub classification: Option<String>,
}

/// A page of the system's templates and the user's own.
pub fn list<'a>(vault: &'a Service, filter: &TemplateFilter, page: &PageQuery) -> Reply<'a, TemplatesResponse> {
    let request = vault
        .get(&["item_templates"])
        .query_if_any("like", filter.like.as_deref())
        .query_if_any("by_classification[scheme]", filter.scheme.as_deref())
        .query_if_any("by_classification[name]", filter.classification.as_deref());
    page.of(request).send()
}

/// One template.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, TemplateResponse> {
    vault.get(&["item_templates", id.as_str()]).send()
}

/// Makes a template of the user's own.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewTemplateRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, TemplateResponse> {
    vault.post(&["item_templates"]).json(request).idempotency_key(idempotency_key).send()
}
