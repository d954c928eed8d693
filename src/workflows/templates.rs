//! Templates of items: `docs/protocol/http-api.md` §6.1 and §6.2.

use std::collections::HashMap;

use super::{
    NewSlot, Page, PageRequest, Session, Unreadable,
    decrypt::group_slots,
    pagination::{ListResponse, fetch_pages, read_records},
    refusals::bad_response,
    slot_rows::rows_of_new_item,
};
use crate::{
    api::vault::{
        self,
        names::Named,
        slots::Slot,
        templates::{NewTemplateRequest, TemplateFilter, TemplatesResponse},
    },
    error::{Error, ErrorCode, Result},
    http::Response,
};

/// A template with its slots.
#[derive(Clone, Debug)]
pub struct Template {
    /// From the Vault.
    pub record: vault::templates::ItemTemplate,
    /// In the Vault's order.
    pub slots: Vec<Slot>,
}

/// Arguments of `create_template`.
#[derive(Clone, Debug, Default, Hash)]
pub struct NewTemplate {
    /// Machine name; the server derives it from the label where absent.
    pub name: Option<String>,
    /// The name that people see.
    pub label: String,
    /// A longer text that people see.
    pub description: Option<String>,
    /// The slots that its items start with; values are ignored.
    pub slots: Vec<NewSlot>,
}

impl ListResponse for TemplatesResponse {
    type Entry = Template;

    fn into_page(self) -> Page<Template> {
        let entries = with_slots(self.item_templates, self.slots);
        Page { entries, next: self.next_page_after, unreadable: Vec::new() }
    }

    fn read_each(response: &Response) -> Option<Page<Template>> {
        let Page { entries, next, mut unreadable } = read_records(response, "item_templates")?;
        let slots = read_records(response, "slots").map(|slots| slots.entries).unwrap_or_default();
        let mut readable = Vec::new();
        for template in with_slots(entries, slots) {
            // Without one of its slots, items would be made that lack it.
            if template.slots.iter().map(|slot| &slot.id).eq(&template.record.slot_ids) {
                readable.push(template);
            } else {
                let error = bad_response("a slot of the template is not what the protocol says");
                unreadable.push(Unreadable { id: Some(template.record.id), error });
            }
        }
        Some(Page { entries: readable, next, unreadable })
    }
}

/// Each template with the slots that it names, in its order.
fn with_slots(records: Vec<vault::templates::ItemTemplate>, slots: Vec<Slot>) -> Vec<Template> {
    let mut templates = Vec::with_capacity(records.len());
    let mut places = HashMap::new();
    for (index, record) in records.into_iter().enumerate() {
        for (place, slot_id) in record.slot_ids.iter().enumerate() {
            places.entry(slot_id.clone()).or_insert((index, place));
        }
        templates.push(Template { record, slots: Vec::new() });
    }
    let owner = |slot: &Slot| places.get(&slot.id).map(|(index, _)| *index);
    group_slots(slots, &mut templates, owner, |template, slot| template.slots.push(slot));
    for template in &mut templates {
        template.slots.sort_by_key(|slot| places.get(&slot.id).map(|(_, place)| *place));
    }
    templates
}

impl Session {
    /// The system's templates and the user's own.
    pub async fn list_templates(&self, filter: &TemplateFilter, page: &PageRequest) -> Result<Page<Template>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::templates::list(self.vault(), filter, query)).await
    }

    /// Creates a template that only this user sees.
    pub async fn create_template(&self, template: &NewTemplate) -> Result<Template> {
        let slots = rows_of_new_item(&template.slots)?;
        let operation = self.keys()?.pending.begin(("templates.create", template))?;
        let request = NewTemplateRequest {
            name: template.name.clone(),
            label: template.label.clone(),
            description: template.description.clone(),
            slots_attributes: slots,
            ..NewTemplateRequest::default()
        };
        let created = vault::templates::create(self.vault(), &request, operation.idempotency_key()).await?;
        operation.complete();
        Ok(Template { record: created.item_template, slots: created.slots })
    }

    /// By id, machine name or label, looked for in the whole list.
    pub async fn get_template(&self, name_or_id: &str) -> Result<Template> {
        let all = PageRequest { all: true, ..PageRequest::default() };
        let Page { entries: mut templates, unreadable, .. } =
            self.list_templates(&TemplateFilter::default(), &all).await?;
        let by_id = templates.iter().position(|template| template.record.id.as_str() == name_or_id);
        match by_id.or_else(|| find_template(&templates, name_or_id)) {
            Some(index) => Ok(templates.swap_remove(index)),
            // It may be one of those: whoever creates what is missing would have it twice.
            None if !unreadable.is_empty() => {
                Err(bad_response("there is no template of this name or id among those that could be read"))
            }
            None => Err(Error::new(ErrorCode::NotFound, "there is no template of this name or id")),
        }
    }
}

/// The template that a text names, as [`Item::slot`] says of slots.
///
/// [`Item::slot`]: super::Item::slot
pub fn find_template(templates: &[Template], text: &str) -> Option<usize> {
    let records = templates.iter().map(|Template { record, .. }| (record.name.as_str(), record.label.as_str()));
    Named::new(records).find(text)
}
