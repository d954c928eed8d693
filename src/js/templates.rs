use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, text_of},
    records,
    session::Handle,
};
use crate::{api::vault::templates::TemplateFilter, error::Result};

/// Templates of a session.
#[wasm_bindgen]
pub struct Templates {
    handle: Handle,
}

impl Templates {
    pub(super) fn new(handle: Handle) -> Self {
        Templates { handle }
    }
}

#[wasm_bindgen]
impl Templates {
    /// A page of templates.
    pub async fn list(&self, filter: JsValue, page: JsValue) -> Result<JsValue> {
        let (filter, page) = (Arguments::of(&filter)?, Arguments::of(&page)?);
        let filter = TemplateFilter {
            like: filter.text("like")?,
            scheme: filter.text("scheme")?,
            classification: filter.text("classification")?,
        };
        let call = self.handle.call(&page)?;
        let templates = call.run(self.handle.session.list_templates(&filter, &page.page()?)).await?;
        records::to_js(&records::Page::<records::Template>::of(&templates))
    }

    /// One template.
    pub async fn get(&self, name_or_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let template = call.run(self.handle.session.get_template(&text_of("nameOrId", &name_or_id)?)).await?;
        records::to_js(&records::Template::from(&template))
    }
}
