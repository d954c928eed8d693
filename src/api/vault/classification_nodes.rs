//! Classification nodes: the names that items, slots and templates are sorted under. `docs/protocol/http-api.md` §6.4.

use serde::{Deserialize, Serialize};

use super::items::{ClassificationNode, true_or_false};
use crate::{
    api::{Id, PageQuery},
    http::{Reply, Service},
};

/// A node to be made.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct NewNode {
    /// The hierarchy that it belongs to: `tag` is the user's own, others may be everybody's.
    #[serde(alias = "scheme")]
    pub classification_scheme_name: String,
    /// Machine name; derived from the label where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Longer text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Body of `POST /classification_nodes`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewNodeRequest {
    /// The node.
    pub classification_node: NewNode,
}

/// Reply about one node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeResponse {
    /// The node.
    pub classification_node: ClassificationNode,
}

/// A page of nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodesResponse {
    /// The nodes.
    pub classification_nodes: Vec<ClassificationNode>,
    /// The cursor of the next page, null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// How many nodes there are.
    #[serde(default, skip_deserializing)]
    pub meta: NodesMeta,
}

/// What this list's `meta` says: an object, unlike that of every other list (`docs/protocol/http-api.md` §1.5).
#[derive(Clone, Debug, Default, Serialize)]
pub struct NodesMeta {
    /// How many pages of this size.
    pub pages: i64,
    /// How many nodes on all of them.
    pub total_count: i64,
    /// The same for the clients of 2023.
    pub records_count: i64,
    /// Whether `next_page_after` leads to another page.
    pub next_page_exists: bool,
    /// The size of a page.
    pub per_page: i64,
    /// Always null.
    pub per_page_from_params: Option<i64>,
    /// Always null.
    pub order_by: Option<String>,
    /// Always null.
    pub order: Option<String>,
    /// Always null.
    pub order_from_params: Option<String>,
    /// Always null.
    pub current_cursor: Option<String>,
    /// Always null.
    pub page: Option<i64>,
    /// Always null: there are no numbered pages.
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

/// Which nodes a list is to hold; absent means "any".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFilter {
    /// Of this hierarchy.
    pub scheme: Option<String>,
    /// A part of the machine name.
    pub name: Option<String>,
    /// The user's own, or everybody's.
    pub own: Option<bool>,
}

/// A page of everybody's nodes and the user's own.
pub fn list<'a>(vault: &'a Service, filter: &NodeFilter, page: &PageQuery) -> Reply<'a, NodesResponse> {
    let request = vault
        .get(&["classification_nodes"])
        .query_if_any("scheme_name", filter.scheme.as_deref())
        .query_if_any("name", filter.name.as_deref())
        .query_if_any("own", filter.own.map(true_or_false));
    page.of(request).send()
}

/// One node.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ClassificationNode> {
    vault.get(&["classification_nodes", id.as_str()]).send_for("classification_node")
}

/// Makes a node, or gives the one of this name that is there.
pub fn create<'a>(
    vault: &'a Service,
    request: &NewNodeRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, ClassificationNode> {
    vault.post(&["classification_nodes"]).json(request).idempotency_key(idempotency_key).send_for("classification_node")
}
