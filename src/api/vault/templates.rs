//! Templates: named lists of empty slots that items are made from. `docs/protocol/http-api.md` §2.8 and §6.1–§6.3.

use serde::{Deserialize, Serialize};

use super::{
    items::ClassificationNode,
    slots::{Slot, SlotChange},
};
use crate::{
    api::{
        Id, JsonObject, PageMeta, PageQuery, Timestamp,
        reading::{bounded_list, null_as_default},
    },
    http::{Reply, Service},
};

/// One template.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ItemTemplate {
    /// For [`super::items::ItemFilter::template_ids`]; a new item names its template by `name`.
    pub id: Id,
    /// Machine name, by which a new item names its template.
    pub name: String,
    /// Text for people; not encrypted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub label: String,
    /// Longer text for people; not encrypted.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub description: Option<String>,
    /// Position among the templates.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub ordinal: i64,
    /// Whether to display it; our server sends true.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub visible: bool,
    /// Who created it; null for a system template.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub user_id: Option<Id>,
    /// ISO-8601, UTC.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub updated_at: Option<Timestamp>,
    /// URL of a picture; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub image: Option<String>,
    /// Ids of entries of `classification_nodes` in the same response.
    #[serde(default, deserialize_with = "bounded_list")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub classification_node_ids: Vec<Id>,
    /// Ids of entries of `slots` in the same response.
    #[serde(default, deserialize_with = "bounded_list")]
    pub slot_ids: Vec<Id>,
    /// CSS colour; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub background_color: Option<String>,
    /// How many of the reading user's items were created from it. Vault API ≥ 31.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub items_count: i64,
}

/// A page of templates with the slots of all of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct TemplatesResponse {
    /// The system's and the user's own, oldest first.
    #[serde(deserialize_with = "bounded_list")]
    pub item_templates: Vec<ItemTemplate>,
    /// The slots of all these templates; [`ItemTemplate::slot_ids`] says whose is which.
    #[serde(default, deserialize_with = "bounded_list")]
    pub slots: Vec<Slot>,
    /// The nodes that these templates are classified by, each once.
    #[serde(default, deserialize_with = "bounded_list")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub attachments: Vec<JsonObject>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub thumbnails: Vec<JsonObject>,
    /// The pagination cursor of the next page; null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// One template with its slots.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct TemplateResponse {
    /// Without slots: they are in `slots`.
    pub item_template: ItemTemplate,
    /// Its slots, all empty.
    #[serde(default, deserialize_with = "bounded_list")]
    pub slots: Vec<Slot>,
    /// The nodes that it is classified by.
    #[serde(default, deserialize_with = "bounded_list")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub attachments: Vec<JsonObject>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub thumbnails: Vec<JsonObject>,
}

/// Body of `POST /item_templates`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(extend("required" = ["label"])))]
#[serde(default)]
pub struct NewTemplateRequest {
    /// Machine name; derived from the label where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Text for people; not encrypted.
    pub label: String,
    /// Longer text for people; not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Scheme of the node to classify the template by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_scheme_name: Option<String>,
    /// Machine name of an existing node of that scheme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_node_name: Option<String>,
    /// Name or label, description and type of each slot; the rest is ignored.
    #[serde(deserialize_with = "null_as_default")]
    pub slots_attributes: Vec<SlotChange>,
}

/// Which templates to list; `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateFilter {
    /// Templates whose label contains this.
    pub like: Option<String>,
    /// Templates classified by a node of this scheme.
    pub scheme: Option<String>,
    /// Templates classified by the node of this machine name.
    pub classification: Option<String>,
}

/// A page of the system's templates and the user's own, oldest first.
pub fn list<'a>(vault: &'a Service, filter: &TemplateFilter, page: &PageQuery) -> Reply<'a, TemplatesResponse> {
    let request = vault
        .get(&["item_templates"])
        .query_if_any("like", filter.like.as_deref())
        .query_if_any("by_classification[scheme]", filter.scheme.as_deref())
        .query_if_any("by_classification[name]", filter.classification.as_deref());
    page.of(request).send()
}

/// One template. 404 for another user's.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, TemplateResponse> {
    vault.get(&["item_templates", id.as_str()]).send()
}

/// Creates a template of the user's own. With an idempotency key a retry returns the template that the first request
/// created.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewTemplateRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, TemplateResponse> {
    vault.post(&["item_templates"]).json(request).idempotency_key(idempotency_key).send()
}
