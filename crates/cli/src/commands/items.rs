use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail};
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_norway::Mapping;
use vaultshare::{
    ErrorCode,
    api::{
        Id, Timestamp,
        vault::{self, items::ItemFilter},
    },
    workflows::{Item, ItemChange, NewItem, NewSlot, Value},
};

use super::{Terminal, progress, shown, warn_of_more};
use crate::{
    arguments::{ItemInput, ItemList, OneRecord},
    config_file::{self, ConfigFile},
    output::{self, Document, ItemSpec, printable},
};

const KIND: &str = "Item";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    template_name: Option<String>,
}

/// An item as it is typed, or as items:get printed it: of what that prints, only what can be changed is read.
#[derive(Deserialize)]
struct TypedItem {
    id: Option<Id>,
    label: Option<String>,
    #[serde(default)]
    slots: Vec<TypedSlot>,
    /// As items:get printed it: with the revisions beside the slots it says what the file knows.
    version: Option<String>,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct TypedSlot {
    id: Option<Id>,
    name: Option<String>,
    label: Option<String>,
    slot_type_name: Option<String>,
    // Null clears the value, absent leaves it unchanged.
    #[serde(default, with = "serde_with::rust::double_option")]
    value: Option<Option<String>>,
    #[serde(default, rename = "_destroy")]
    destroy: bool,
    revision: Option<u32>,
    updated_at: Option<Timestamp>,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

/// What items:get of this and of other tools prints besides, and no update reads.
const PRINTED_WITH_ITEM: [&str; 5] =
    ["thumbnails", "attachments", "classification_nodes", "associations", "associations_to"];
const PRINTED_WITH_SLOT: [&str; 3] = ["value_verification_key", "encrypted_value", "encrypted_value_verification_key"];

impl TypedItem {
    /// What was typed under a misspelt name would be lost.
    fn refuse_unknown_fields(&self) -> anyhow::Result<()> {
        let item = printed_fields::<vault::items::Item>()?;
        if let Some(name) = unknown_field(&self.others, &item, &PRINTED_WITH_ITEM) {
            bail!("spec.{} is no field of an item", printable(name));
        }
        let slot = printed_fields::<vault::slots::Slot>()?;
        for (index, typed) in self.slots.iter().enumerate() {
            if let Some(name) = unknown_field(&typed.others, &slot, &PRINTED_WITH_SLOT) {
                bail!("spec.slots[{index}].{} is no field of a slot", printable(name));
            }
        }
        Ok(())
    }
}

/// The fields of a record as it is printed.
fn printed_fields<Record: DeserializeOwned + Serialize>() -> anyhow::Result<Mapping> {
    let record: Record = serde_norway::from_str("{ id: any, name: any }")?;
    Ok(serde_norway::from_value(serde_norway::to_value(record)?)?)
}

fn unknown_field<'a>(
    typed: &'a BTreeMap<String, IgnoredAny>,
    of_record: &Mapping,
    printed_with: &[&str],
) -> Option<&'a str> {
    typed.keys().map(String::as_str).find(|name| !of_record.contains_key(name) && !printed_with.contains(name))
}

impl From<TypedSlot> for NewSlot {
    fn from(slot: TypedSlot) -> Self {
        NewSlot {
            id: slot.id,
            name: slot.name,
            label: slot.label,
            slot_type: slot.slot_type_name,
            value: slot.value.map(|value| value.map(Value::new)),
            remove: slot.destroy,
            revision: slot.revision,
            updated_at: slot.updated_at,
        }
    }
}

fn read(input: &ItemInput) -> anyhow::Result<(Metadata, TypedItem)> {
    let file: ConfigFile<Option<Metadata>, TypedItem> = config_file::read(&input.file, KIND)
        .context("an item has a label and slots with a name and a value each, texts all of them, numbers in quotes")?;
    file.spec.refuse_unknown_fields().with_context(|| format!("cannot read {}", shown(&input.file)))?;
    Ok((file.metadata.unwrap_or_default(), file.spec))
}

pub(super) async fn create(terminal: &Terminal, input: &ItemInput) -> anyhow::Result<()> {
    let (metadata, item) = read(input)?;
    let no_template = || format!("{} has no metadata.template_name", shown(&input.file));
    let item = NewItem {
        template: metadata.template_name.with_context(no_template)?,
        label: item.label.unwrap_or_default(),
        slots: item.slots.into_iter().map(NewSlot::from).collect(),
        ..NewItem::default()
    };
    let item = terminal.session(&input.auth).await?.create_item(&item, &progress()).await?;
    output::print(&Document { kind: KIND, spec: ItemSpec::new(&item) })
}

pub(super) async fn list(terminal: &Terminal, list: ItemList) -> anyhow::Result<()> {
    let session = terminal.session(&list.listing.auth).await?;
    let page = list.listing.page();
    let filter = ItemFilter {
        template_ids: list.templates,
        scheme: list.scheme,
        classifications: list.classifications,
        shared_with: list.shared_with,
        ..ItemFilter::default()
    };
    let items = session.list_items(&filter, &page).await?;
    output::print(&Document { kind: "Items", spec: &items.entries })?;
    for record in &items.unreadable {
        let id = record.id.as_ref().map_or("without an id", Id::as_str);
        eprintln!("Warning: a record of the list ({id}) could not be read: {}", record.error);
    }
    warn_of_more(items.next.is_some());
    Ok(())
}

pub(super) async fn get(terminal: &Terminal, record: &OneRecord) -> anyhow::Result<()> {
    let item = terminal.session(&record.auth).await?.get_item(&record.id).await?;
    output::print(&Document { kind: KIND, spec: ItemSpec::new(&item) })?;
    warn_of_unvouched(&item);
    Ok(())
}

/// Says on standard error what of an item nobody vouches for, and how its owner accepts it.
pub(super) fn warn_of_unvouched(item: &Item) {
    let unbound: Vec<_> =
        item.slots.iter().filter(|slot| !slot.is_bound).map(|slot| printable(&slot.record.name)).collect();
    if item.binding.changed {
        eprintln!(
            "Warning: the item is not as its values say that it was written: another client or the server changed it"
        );
    }
    if !unbound.is_empty() {
        let slots = unbound.join(", ");
        eprintln!("Warning: nothing says that these values were written for this item and slot: {slots}");
    }
    if item.record.own && (item.binding.changed || !unbound.is_empty()) {
        let (id, version) = (&item.record.id, item.version());
        eprintln!("If it is as it should be: vaultshare items:adopt {id} --version {version}");
    }
}

pub(super) async fn adopt(terminal: &Terminal, record: &OneRecord, version: &str) -> anyhow::Result<()> {
    let item = terminal.session(&record.auth).await?.adopt_item(&record.id, version).await?;
    output::print(&Document { kind: KIND, spec: ItemSpec::new(&item) })
}

pub(super) async fn update(terminal: &Terminal, input: &ItemInput, overwrite: bool) -> anyhow::Result<()> {
    let (_, item) = read(input)?;
    let id = item.id.with_context(|| format!("{} has no spec.id: which item is to change?", shown(&input.file)))?;
    let change = ItemChange {
        label: item.label,
        slots: item.slots.into_iter().map(NewSlot::from).collect(),
        version: item.version,
        overwrite,
        ..ItemChange::default()
    };
    let updated = terminal.session(&input.auth).await?.update_item(&id, &change, &progress()).await;
    let updated = updated.map_err(|error| match error.code() {
        ErrorCode::Conflict => {
            anyhow!("{error} (items:get shows it as it is now, --overwrite writes the file over it)")
        }
        _ => error.into(),
    })?;
    output::print(&Document { kind: KIND, spec: ItemSpec::new(&updated.item) })?;
    warn_of_unvouched(&updated.item);
    let (todo, in_progress) = (updated.outstanding_tasks.todo, updated.outstanding_tasks.in_progress);
    let outstanding = todo + in_progress;
    output::write(&format!(
        "# Item updated. There are {outstanding} outstanding client tasks. Todo: {todo} & InProgress: {in_progress}\n"
    ))
}

pub(super) async fn delete(terminal: &Terminal, record: &OneRecord) -> anyhow::Result<()> {
    terminal.session(&record.auth).await?.delete_item(&record.id).await?;
    output::write("Item successfully deleted\n")
}

pub(super) async fn remove_slot(terminal: &Terminal, record: &OneRecord) -> anyhow::Result<()> {
    terminal.session(&record.auth).await?.remove_slot(&record.id).await?;
    output::write("Slot successfully deleted\n")
}
