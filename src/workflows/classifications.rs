//! Nodes to classify items under: `docs/protocol/http-api.md` §6.4.

use super::{Page, PageRequest, Session, pagination::fetch_pages};
use crate::{
    api::{
        Id,
        vault::{
            self,
            classification_nodes::{NewNode, NewNodeRequest, NodeFilter},
            items::ClassificationNode,
        },
    },
    error::Result,
};

impl Session {
    /// The system's nodes and the user's own.
    pub async fn list_classifications(
        &self,
        filter: &NodeFilter,
        page: &PageRequest,
    ) -> Result<Page<ClassificationNode>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::classification_nodes::list(self.vault(), filter, query)).await
    }

    /// By id, the system's or the user's own.
    pub async fn get_classification(&self, id: &Id) -> Result<Box<ClassificationNode>> {
        self.keys()?;
        vault::classification_nodes::get(self.vault(), id).await
    }

    /// Creates a node in a hierarchy of the user's own, or gives the existing one of this name.
    pub async fn create_classification(&self, node: &NewNode) -> Result<Box<ClassificationNode>> {
        let operation = self.keys()?.pending.begin(("classifications.create", node))?;
        let request = NewNodeRequest { classification_node: node.clone() };
        let created = vault::classification_nodes::create(self.vault(), &request, operation.idempotency_key()).await?;
        operation.complete();
        Ok(created)
    }
}
