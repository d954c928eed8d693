//! Classification nodes: the names that items, slots and templates are sorted under. `docs/protocol/http-api.md` §6.4.

use serde::{Deserialize, Serialize};

use super::items::{ClassificationNode, true_or_false};
use crate::{
    api::{Id, PageQuery, reading::bounded_list},
    http::{Reply, Service},
};

/// A node to be made.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(extend("required" = ["classification_scheme_name"])))]
#[serde(default)]
pub struct NewNode {
    /// The scheme (set of names) that it belongs to: `tag` is for users' own nodes, the others may be the server's.
    #[serde(alias = "scheme")]
    pub classification_scheme_name: String,
    /// Machine name; derived from the label where absent. Name or label is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Text for people; not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Longer text for people; not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Body of `POST /classification_nodes`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewNodeRequest {
    /// What to create.
    pub classification_node: NewNode,
}

/// Reply about one node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NodeResponse {
    /// As the reading user sees it.
    pub classification_node: ClassificationNode,
}

/// A page of nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NodesResponse {
    /// The server's nodes and the reading user's own, oldest first.
    #[serde(deserialize_with = "bounded_list")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// The pagination cursor of the next page; null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// Counts; see [`NodesMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: NodesMeta,
}

/// This list's `meta`: an object, unlike that of every other list (`docs/protocol/http-api.md` §1.5).
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NodesMeta {
    /// How many pages of `per_page` nodes there are.
    pub pages: i64,
    /// How many nodes match the filter, on all pages.
    pub total_count: i64,
    /// `total_count` once more, for clients of Vault API ≥ 37.
    pub records_count: i64,
    /// Whether there is a page behind `next_page_after`.
    pub next_page_exists: bool,
    /// The page size that was applied, 1 or more.
    pub per_page: i64,
    /// Null: our server does not repeat the request.
    pub per_page_from_params: Option<i64>,
    /// Null, like the three below: our server does not repeat the request.
    pub order_by: Option<String>,
    /// Null.
    pub order: Option<String>,
    /// Null.
    pub order_from_params: Option<String>,
    /// Null.
    pub current_cursor: Option<String>,
    /// Null: pagination is by cursor, pages have no numbers.
    pub page: Option<i64>,
    /// Null; see `pages`.
    pub page_count: Option<i64>,
}

impl NodesMeta {
    /// The `meta` of one page of a list of `total_count` nodes.
    pub fn of(total_count: i64, per_page: i64, next_page_after: Option<&str>) -> Self {
        let per_page = per_page.max(1);
        NodesMeta {
            pages: (total_count + per_page - 1) / per_page,
            total_count,
            records_count: total_count,
            next_page_exists: next_page_after.is_some(),
            per_page,
            ..NodesMeta::default()
        }
    }
}

/// Which nodes to list; `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFilter {
    /// Nodes of this scheme.
    pub scheme: Option<String>,
    /// Nodes whose machine name contains this.
    pub name: Option<String>,
    /// True: the user's own nodes; false: the server's.
    pub own: Option<bool>,
}

/// A page of the server's nodes and the user's own, oldest first.
pub fn list<'a>(vault: &'a Service, filter: &NodeFilter, page: &PageQuery) -> Reply<'a, NodesResponse> {
    let request = vault
        .get(&["classification_nodes"])
        .query_if_any("scheme_name", filter.scheme.as_deref())
        .query_if_any("name", filter.name.as_deref())
        .query_if_any("own", filter.own.map(true_or_false));
    page.of(request).send()
}

/// One node. 404 for another user's.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ClassificationNode> {
    vault.get(&["classification_nodes", id.as_str()]).send_for("classification_node")
}

/// Creates a node, or returns the one of this scheme and name that exists. With an idempotency key a retry returns the
/// first response.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewNodeRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, ClassificationNode> {
    vault.post(&["classification_nodes"]).json(request).idempotency_key(idempotency_key).send_for("classification_node")
}
