//! Classification nodes: the names that items, slots and templates are sorted under. `protocol/http-api.md` §6.4.

use serde::{Deserialize, Serialize};

use super::items::ClassificationNode;
use crate::{
    api::{Id, PageMeta, PageQuery},
    error::Result,
    http::Service,
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
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
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
pub async fn list(vault: &Service, filter: &NodeFilter, page: &PageQuery) -> Result<NodesResponse> {
    let own = [
        ("scheme_name", filter.scheme.clone()),
        ("name", filter.name.clone()),
        ("own", filter.own.map(|own| own.to_string())),
    ];
    let parameters = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
    vault.get(&["classification_nodes"]).query(parameters).query(page.parameters()).send().await
}

/// One node.
pub async fn get(vault: &Service, id: &Id) -> Result<ClassificationNode> {
    let response: NodeResponse = vault.get(&["classification_nodes", id.as_str()]).send().await?;
    Ok(response.classification_node)
}

/// Makes a node, or gives the one of this name that is there.
pub async fn create(
    vault: &Service,
    request: &NewNodeRequest,
    idempotency_key: Option<&str>,
) -> Result<ClassificationNode> {
    let response: NodeResponse =
        vault.post(&["classification_nodes"]).json(request)?.idempotency_key(idempotency_key).send().await?;
    Ok(response.classification_node)
}
