use js_sys::Promise;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Argument, object, object_or_default, text},
    call::work,
    results::{page, to_js},
    session_handle::SessionHandle,
    slots::{TemplateSlot, slots},
};
use crate::{
    api::{Id, vault},
    error::Result,
    workflows,
};

#[wasm_bindgen]
pub struct Templates {
    session: SessionHandle,
}

impl Templates {
    pub(super) fn new(session: &SessionHandle) -> Self {
        Templates { session: session.clone() }
    }
}

#[wasm_bindgen]
impl Templates {
    pub fn list(&self, filter: JsValue, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            let filter = object_or_default::<TemplateFilter>("filter", &filter)?.into();
            work(async move {
                let templates = session.list_templates(&filter, &request).await?;
                self::page(&templates, |template| Ok(Template::new(template)))
            })
        })
    }

    pub fn get(&self, name_or_id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let name_or_id = text("nameOrId", &name_or_id)?;
            work(async move { to_js(&Template::new(&session.get_template(&name_or_id).await?)) })
        })
    }

    pub fn create(&self, template: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let template = object::<NewTemplate>("template", &template)?.read()?;
            work(async move { to_js(&Template::new(&session.create_template(&template).await?)) })
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateFilter {
    like: Option<String>,
    scheme: Option<String>,
    classification: Option<String>,
}

impl Argument for TemplateFilter {}

impl From<TemplateFilter> for vault::templates::TemplateFilter {
    fn from(filter: TemplateFilter) -> Self {
        let TemplateFilter { like, scheme, classification } = filter;
        vault::templates::TemplateFilter { like, scheme, classification }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTemplate {
    name: Option<String>,
    label: String,
    description: Option<String>,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    slots: JsValue,
}

impl Argument for NewTemplate {
    const OF_RESULTS: &'static [&'static str] = &["id"];
}

impl NewTemplate {
    fn read(self) -> Result<workflows::NewTemplate> {
        let slots = slots("template.slots", &self.slots)?;
        Ok(workflows::NewTemplate { name: self.name, label: self.label, description: self.description, slots })
    }
}

#[derive(Serialize)]
struct Template<'a> {
    id: &'a Id,
    name: &'a str,
    label: &'a str,
    slots: Vec<TemplateSlot<'a>>,
}

impl<'a> Template<'a> {
    fn new(template: &'a workflows::Template) -> Self {
        let workflows::Template { record, slots } = template;
        let slots = slots.iter().map(TemplateSlot::new).collect();
        Template { id: &record.id, name: &record.name, label: &record.label, slots }
    }
}
