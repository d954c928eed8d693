use anyhow::bail;
use serde::Serialize;
use vaultshare::{
    api::vault::{
        slots::Slot,
        templates::{ItemTemplate, TemplateFilter},
    },
    workflows::{Page, Template, find_template},
};

use super::{Terminal, everything, warn_of_incomplete};
use crate::{
    arguments::{Auth, Sorted},
    output::{self, Document},
};

/// Slots of these types are made by the system and not filled in by hand.
const HIDDEN: [&str; 2] = ["image", "classification_node"];

pub(super) async fn list(
    terminal: &Terminal,
    auth: &Auth,
    sorted: Sorted,
    label: Option<String>,
) -> anyhow::Result<()> {
    let templates = matching(terminal, auth, TemplateFilter { like: label, ..filter(sorted) }).await?;
    let names: Vec<_> = templates.entries.iter().map(|template| template.record.name.as_str()).collect();
    output::print(&Document { kind: "Templates", spec: names })?;
    warn_of_incomplete(&templates);
    Ok(())
}

#[derive(Serialize)]
struct TemplateSpec<'a> {
    #[serde(flatten)]
    template: &'a ItemTemplate,
    slots: &'a [Slot],
}

pub(super) async fn info(terminal: &Terminal, name: &str, auth: &Auth, sorted: Sorted) -> anyhow::Result<()> {
    let template = named(terminal, name, auth, sorted).await?;
    let spec = TemplateSpec { template: &template.record, slots: &template.slots };
    output::print(&Document { kind: "Template", spec })
}

#[derive(Serialize)]
struct ItemConfig<'a> {
    kind: &'static str,
    metadata: ItemMetadata<'a>,
    spec: EmptyItem<'a>,
}

#[derive(Serialize)]
struct ItemMetadata<'a> {
    template_name: &'a str,
}

#[derive(Serialize)]
struct EmptyItem<'a> {
    label: &'static str,
    slots: Vec<EmptySlot<'a>>,
}

#[derive(Serialize)]
struct EmptySlot<'a> {
    name: &'a str,
    value: &'static str,
}

pub(super) async fn item_config(terminal: &Terminal, name: &str, auth: &Auth, sorted: Sorted) -> anyhow::Result<()> {
    let template = named(terminal, name, auth, sorted).await?;
    let slots = template.slots.iter().filter(|slot| !HIDDEN.contains(&slot.slot_type_name.as_str()));
    output::print(&ItemConfig {
        kind: "Item",
        metadata: ItemMetadata { template_name: name },
        spec: EmptyItem { label: "", slots: slots.map(|slot| EmptySlot { name: &slot.name, value: "" }).collect() },
    })
}

async fn named(terminal: &Terminal, name: &str, auth: &Auth, sorted: Sorted) -> anyhow::Result<Template> {
    let mut templates = matching(terminal, auth, filter(sorted)).await?;
    match find_template(&templates.entries, name) {
        Some(index) => Ok(templates.entries.swap_remove(index)),
        None => {
            warn_of_incomplete(&templates);
            bail!("Template '{name}' not found")
        }
    }
}

async fn matching(terminal: &Terminal, auth: &Auth, filter: TemplateFilter) -> anyhow::Result<Page<Template>> {
    Ok(terminal.session(auth).await?.list_templates(&filter, &everything()).await?)
}

fn filter(sorted: Sorted) -> TemplateFilter {
    TemplateFilter { like: None, scheme: sorted.scheme, classification: sorted.node }
}
