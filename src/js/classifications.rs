use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    records,
    session::Handle,
};
use crate::api::vault::classification_nodes::{NewNode, NodeFilter};

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
    pub fn list(&self, filter: JsValue, page: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&page);
        call.promise(async move {
            let filter = Arguments::of(&filter)?;
            let filter =
                NodeFilter { scheme: filter.text("scheme")?, name: filter.text("name")?, own: filter.flag("own")? };
            let nodes = session.list_classifications(&filter, &Arguments::of(&page)?.page()?).await?;
            records::to_js(&records::Page::<records::Classification>::of(&nodes))
        })
    }

    /// One node.
    pub fn get(&self, id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let node = session.get_classification(&id_of("id", &id)?).await?;
            records::to_js(&records::Classification::from(&node))
        })
    }

    /// Makes a node.
    pub fn create(&self, node: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let node = Arguments::of(&node)?;
            let node = NewNode {
                classification_scheme_name: node.required_text("scheme")?,
                name: node.text("name")?,
                label: node.text("label")?,
                description: node.text("description")?,
                image: node.text("image")?,
            };
            let node = session.create_classification(&node).await?;
            records::to_js(&records::Classification::from(&node))
        })
    }
}
