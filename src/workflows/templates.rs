//! Looking at templates. `protocol/http-api.md` §6.1 and §6.2.

use std::collections::HashMap;

use super::{NewSlot, Page, PageRequest, Session, pages::fetch_pages};
use crate::{
    api::{
        Id, PageQuery,
        vault::{
            self,
            slots::{Slot, SlotChange},
            templates::{NewTemplateRequest, TemplateFilter},
        },
    },
    error::{Error, ErrorCode, Result},
};

/// A template with its slots.
#[derive(Clone, Debug)]
pub struct Template {
    /// As the Vault holds it.
    pub record: vault::templates::ItemTemplate,
    /// Its slots, in the Vault's order.
    pub slots: Vec<Slot>,
}

/// A template to be made.
#[derive(Clone, Debug, Default, Hash)]
pub struct NewTemplate {
    /// Machine name; derived from the label where absent.
    pub name: Option<String>,
    /// The name for people.
    pub label: String,
    /// Longer text for people.
    pub description: Option<String>,
    /// The slots that items made from it start with; values are left out.
    pub slots: Vec<NewSlot>,
}

impl Session {
    /// The system's templates and the user's own.
    pub async fn list_templates(&self, filter: &TemplateFilter, page: &PageRequest) -> Result<Page<Template>> {
        self.keys()?;
        fetch_pages(page, async |query: PageQuery| {
            let response = vault::templates::list(self.vault(), filter, &query).await?;
            let mut slots: HashMap<Id, Slot> = response.slots.into_iter().map(|slot| (slot.id.clone(), slot)).collect();
            let with_slots = |record: vault::templates::ItemTemplate| Template {
                slots: record.slot_ids.iter().filter_map(|id| slots.remove(id)).collect(),
                record,
            };
            Ok((response.item_templates.into_iter().map(with_slots).collect(), response.next_page_after))
        })
        .await
    }

    /// Makes a template of the user's own.
    pub async fn create_template(&self, template: &NewTemplate) -> Result<Template> {
        let wish = self.keys()?.unfinished.wish(("templates.create", template))?;
        let slot = |slot: &NewSlot| SlotChange {
            name: slot.name.clone(),
            label: slot.label.clone(),
            slot_type_name: slot.slot_type.clone(),
            ..SlotChange::default()
        };
        let request = NewTemplateRequest {
            name: template.name.clone(),
            label: template.label.clone(),
            description: template.description.clone(),
            slots_attributes: template.slots.iter().map(slot).collect(),
            ..NewTemplateRequest::default()
        };
        let created = vault::templates::create(self.vault(), &request, wish.key()).await?;
        wish.fulfilled();
        Ok(Template { record: created.item_template, slots: created.slots })
    }

    /// One template, by its machine name or its id.
    pub async fn get_template(&self, name_or_id: &str) -> Result<Template> {
        let all = PageRequest { all: true, ..PageRequest::default() };
        let templates = self.list_templates(&TemplateFilter::default(), &all).await?;
        let is_meant =
            |template: &Template| template.record.name == name_or_id || template.record.id.as_str() == name_or_id;
        let not_found = || Error::new(ErrorCode::NotFound, "there is no template of this name or id");
        templates.entries.into_iter().find(is_meant).ok_or_else(not_found)
    }
}
