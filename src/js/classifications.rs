use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    records,
    session::Handle,
};
use crate::{
    api::vault::classification_nodes::{NewNode, NodeFilter},
    error::Result,
};

/// Classification nodes of a session.
#[wasm_bindgen]
pub struct Classifications {
    handle: Handle,
}

impl Classifications {
    pub(super) fn new(handle: Handle) -> Self {
        Classifications { handle }
    }
}

#[wasm_bindgen]
impl Classifications {
    /// A page of nodes.
    pub async fn list(&self, filter: JsValue, page: JsValue) -> Result<JsValue> {
        let (filter, page) = (Arguments::of(&filter)?, Arguments::of(&page)?);
        let filter =
            NodeFilter { scheme: filter.text("scheme")?, name: filter.text("name")?, own: filter.flag("own")? };
        let call = self.handle.call(&page)?;
        let nodes = call.run(self.handle.session.list_classifications(&filter, &page.page()?)).await?;
        records::to_js(&records::Page::<records::Classification>::of(&nodes))
    }

    /// One node.
    pub async fn get(&self, id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let node = call.run(self.handle.session.get_classification(&id_of("id", &id)?)).await?;
        records::to_js(&records::Classification::from(&node))
    }

    /// Makes a node.
    pub async fn create(&self, node: JsValue, options: JsValue) -> Result<JsValue> {
        let node = Arguments::of(&node)?;
        let node = NewNode {
            classification_scheme_name: node.required_text("scheme")?,
            name: node.text("name")?,
            label: node.text("label")?,
            description: node.text("description")?,
            image: node.text("image")?,
        };
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let node = call.run(self.handle.session.create_classification(&node)).await?;
        records::to_js(&records::Classification::from(&node))
    }
}
