use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, text_of},
    items::slots,
    records,
    session::Handle,
};
use crate::{api::vault::templates::TemplateFilter, error::Result, workflows::NewTemplate};

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

    /// Makes a template of the user's own.
    pub async fn create(&self, template: JsValue, options: JsValue) -> Result<JsValue> {
        let template = Arguments::of(&template)?;
        let template = NewTemplate {
            name: template.text("name")?,
            label: template.required_text("label")?,
            description: template.text("description")?,
            slots: slots(&template)?,
        };
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let template = call.run(self.handle.session.create_template(&template)).await?;
        records::to_js(&records::Template::from(&template))
    }

    /// One template.
    pub async fn get(&self, name_or_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let template = call.run(self.handle.session.get_template(&text_of("nameOrId", &name_or_id)?)).await?;
        records::to_js(&records::Template::from(&template))
    }
}
