//! Sorting items: classification nodes. `protocol/http-api.md` §6.4.

use super::{Page, PageRequest, Session, pages::fetch_pages};
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
    /// Everybody's nodes and the user's own.
    pub async fn list_classifications(
        &self,
        filter: &NodeFilter,
        page: &PageRequest,
    ) -> Result<Page<ClassificationNode>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::classification_nodes::list(self.vault(), filter, query)).await
    }

    /// One node.
    pub async fn get_classification(&self, id: &Id) -> Result<Box<ClassificationNode>> {
        self.keys()?;
        vault::classification_nodes::get(self.vault(), id).await
    }

    /// Makes a node in a hierarchy of the user's own, or gives the one of this name that is there.
    pub async fn create_classification(&self, node: &NewNode) -> Result<Box<ClassificationNode>> {
        let wish = self.keys()?.unfinished.wish(("classifications.create", node))?;
        let request = NewNodeRequest { classification_node: node.clone() };
        let created = vault::classification_nodes::create(self.vault(), &request, wish.key()).await?;
        wish.fulfilled();
        Ok(created)
    }
}
