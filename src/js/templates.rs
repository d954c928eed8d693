use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, text_of},
    items::slots,
    records,
    session::Handle,
};
use crate::{api::vault::templates::TemplateFilter, workflows::NewTemplate};

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
    pub fn list(&self, filter: JsValue, page: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&page);
        call.promise(async move {
            let filter = Arguments::of(&filter)?;
            let filter = TemplateFilter {
                like: filter.text("like")?,
                scheme: filter.text("scheme")?,
                classification: filter.text("classification")?,
            };
            let templates = session.list_templates(&filter, &Arguments::of(&page)?.page()?).await?;
            records::to_js(&records::Page::<records::Template>::of(&templates))
        })
    }

    /// Makes a template of the user's own.
    pub fn create(&self, template: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let template = Arguments::of(&template)?;
            let template = NewTemplate {
                name: template.text("name")?,
                label: template.required_text("label")?,
                description: template.text("description")?,
                slots: slots(&template)?,
            };
            let template = session.create_template(&template).await?;
            records::to_js(&records::Template::from(&template))
        })
    }

    /// One template.
    pub fn get(&self, name_or_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let template = session.get_template(&text_of("nameOrId", &name_or_id)?).await?;
            records::to_js(&records::Template::from(&template))
        })
    }
}
