use js_sys::Promise;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{self, Argument, object, object_or_default},
    call::work,
    results::{page, to_js},
    session_handle::SessionHandle,
};
use crate::api::{
    Id,
    vault::{
        self,
        classification_nodes::{NewNode, NodeFilter},
    },
};

#[wasm_bindgen]
pub struct Classifications {
    session: SessionHandle,
}

impl Classifications {
    pub(super) fn new(session: &SessionHandle) -> Self {
        Classifications { session: session.clone() }
    }
}

#[wasm_bindgen]
impl Classifications {
    pub fn list(&self, filter: JsValue, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            let ClassificationFilter { scheme, name, own } = object_or_default("filter", &filter)?;
            let filter = NodeFilter { scheme, name, own };
            work(async move {
                let nodes = session.list_classifications(&filter, &request).await?;
                self::page(&nodes, |node| Ok(Classification::new(node)))
            })
        })
    }

    pub fn get(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            work(async move { to_js(&Classification::new(&*session.get_classification(&id).await?)) })
        })
    }

    pub fn create(&self, node: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let NewClassification { scheme, name, label, description, image } = object("node", &node)?;
            let node = NewNode { classification_scheme_name: scheme, name, label, description, image };
            work(async move { to_js(&Classification::new(&*session.create_classification(&node).await?)) })
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassificationFilter {
    scheme: Option<String>,
    name: Option<String>,
    own: Option<bool>,
}

impl Argument for ClassificationFilter {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClassification {
    scheme: String,
    name: Option<String>,
    label: Option<String>,
    description: Option<String>,
    image: Option<String>,
}

impl Argument for NewClassification {
    const OF_RESULTS: &'static [&'static str] = &["id", "own"];
}

#[derive(Serialize)]
pub(super) struct Classification<'a> {
    id: &'a Id,
    name: &'a str,
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'a str>,
    own: bool,
}

impl<'a> Classification<'a> {
    pub(super) fn new(node: &'a vault::items::ClassificationNode) -> Self {
        Classification {
            id: &node.id,
            name: &node.name,
            label: &node.label,
            description: node.description.as_deref(),
            scheme: node.scheme.as_deref(),
            own: node.own,
        }
    }
}
