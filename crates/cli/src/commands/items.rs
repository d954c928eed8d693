use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_norway::{Mapping, Value as Yaml};
use vaultshare::{
    ErrorCode,
    api::{
        Id, Timestamp,
        vault::{self, items::ItemFilter},
    },
    workflows::{Item, ItemChange, NewItem, NewSlot, Value},
};

use super::{Terminal, progress, shown, warn_of_incomplete};
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
    others: BTreeMap<String, Yaml>,
}

#[derive(Deserialize)]
struct TypedSlot {
    id: Option<Id>,
    name: Option<String>,
    label: Option<String>,
    // As the value.
    #[serde(default, with = "serde_with::rust::double_option")]
    description: Option<Option<String>>,
    slot_type_name: Option<String>,
    // Null clears the value, absent leaves it unchanged.
    #[serde(default, with = "serde_with::rust::double_option")]
    value: Option<Option<String>>,
    #[serde(default, rename = "_destroy")]
    destroy: bool,
    revision: Option<u32>,
    updated_at: Option<Timestamp>,
    #[serde(flatten)]
    others: BTreeMap<String, Yaml>,
}

/// What people would change in a file, and neither command does.
const WORDS_OF_ITEM: [&str; 3] = ["name", "description", "classification_nodes"];
const WORDS_OF_SLOT: [&str; 2] = ["ordinal", "visible"];

const TAKEN_BY_UPDATE: &str = "items:update changes labels, and descriptions, types and values of slots";

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

    /// The paths of words that were typed and would be lost: those that are not the `stored` ones.
    fn lost_words(&self, stored: Option<&Item>) -> anyhow::Result<Vec<String>> {
        let printed = match stored {
            Some(item) => serde_norway::to_value(ItemSpec::new(item))?,
            None => Yaml::Null,
        };
        let is_lost = |typed: &BTreeMap<String, Yaml>, stored: &Yaml, word: &str| {
            typed.get(word).is_some_and(|typed| meaning(typed) != meaning(stored.get(word).unwrap_or(&Yaml::Null)))
        };
        let words = WORDS_OF_ITEM.iter().filter(|word| is_lost(&self.others, &printed, word));
        let mut lost: Vec<String> = words.map(|word| format!("spec.{word}")).collect();
        let slots = printed.get("slots").and_then(Yaml::as_sequence).map(Vec::as_slice).unwrap_or_default();
        for (index, typed) in self.slots.iter().enumerate() {
            let is_it = |slot: &&Yaml| match (&typed.id, &typed.name) {
                (Some(id), _) => slot.get("id").and_then(Yaml::as_str) == Some(id.as_str()),
                (None, name) => slot.get("name").and_then(Yaml::as_str) == name.as_deref(),
            };
            let stored = match slots.iter().find(is_it) {
                Some(stored) => stored,
                // Printed, and not there now: its place goes with it.
                None if typed.id.is_some() => continue,
                None => &Yaml::Null,
            };
            let words = WORDS_OF_SLOT.iter().filter(|word| is_lost(&typed.others, stored, word));
            lost.extend(words.map(|word| format!("spec.slots[{index}].{word}")));
        }
        Ok(lost)
    }

    fn has_words(&self) -> bool {
        let has = |others: &BTreeMap<String, Yaml>, words: &[&str]| words.iter().any(|word| others.contains_key(*word));
        has(&self.others, &WORDS_OF_ITEM) || self.slots.iter().any(|slot| has(&slot.others, &WORDS_OF_SLOT))
    }
}

/// A word of an item or a slot; of nodes their ids, for what is printed of them besides is not the item's.
fn meaning(word: &Yaml) -> Yaml {
    match word.as_sequence() {
        Some(nodes) if nodes.is_empty() => Yaml::Null,
        Some(nodes) => {
            let id_of = |node: &Yaml| node.get("id").and_then(Yaml::as_str).unwrap_or("a new one").to_owned();
            let ids: BTreeSet<String> = nodes.iter().map(id_of).collect();
            ids.into_iter().map(Yaml::from).collect()
        }
        None => word.clone(),
    }
}

/// The fields of a record as it is printed.
fn printed_fields<Record: DeserializeOwned + Serialize>() -> anyhow::Result<Mapping> {
    let record: Record = serde_norway::from_str("{ id: any, name: any }")?;
    Ok(serde_norway::from_value(serde_norway::to_value(record)?)?)
}

fn unknown_field<'a>(typed: &'a BTreeMap<String, Yaml>, of_record: &Mapping, printed_with: &[&str]) -> Option<&'a str> {
    typed.keys().map(String::as_str).find(|name| !of_record.contains_key(name) && !printed_with.contains(name))
}

impl From<TypedSlot> for NewSlot {
    fn from(slot: TypedSlot) -> Self {
        NewSlot {
            id: slot.id,
            name: slot.name,
            label: slot.label,
            description: slot.description.map(Option::unwrap_or_default),
            slot_type: slot.slot_type_name,
            value: slot.value.map(|value| value.map(Value::new)),
            attachment_id: None,
            remove: slot.destroy,
            revision: slot.revision,
            updated_at: slot.updated_at,
        }
    }
}

fn refuse_lost(words: &[String], what_is_taken: &str) -> anyhow::Result<()> {
    match words.is_empty() {
        true => Ok(()),
        false => bail!("{} would be lost: {what_is_taken}", words.join(", ")),
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
    // A file that items:get printed is copied: the new item has a name, an order and nodes of its own.
    if item.id.is_none() {
        refuse_lost(
            &item.lost_words(None)?,
            "items:create takes the label, and labels, descriptions, types and values of slots",
        )?;
    }
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
    warn_of_incomplete(&items);
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
    match &item.origin {
        Some(origin) if origin.sender.is_none() && origin.proven_before => {
            eprintln!("Warning: whoever shared this item proved before that it was them, and does not now");
        }
        Some(origin) if origin.sender.is_none() => {
            eprintln!("Note: nothing proves who shared this item: that is the server's word");
        }
        _ => {}
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
    let id =
        item.id.clone().with_context(|| format!("{} has no spec.id: which item is to change?", shown(&input.file)))?;
    let session = terminal.session(&input.auth).await?;
    if item.has_words() {
        let stored = session.get_item(&id).await?;
        let lost = item.lost_words(Some(&stored))?;
        let printed_at = item.others.get("updated_at").and_then(Yaml::as_str);
        match printed_at.is_none_or(|printed| printed == stored.record.updated_at) {
            true => refuse_lost(&lost, TAKEN_BY_UPDATE)?,
            // Others may have changed them since, and not whoever edited the file.
            false if !lost.is_empty() => eprintln!("Note: {} stay as they are: {TAKEN_BY_UPDATE}", lost.join(", ")),
            false => {}
        }
    }
    let change = ItemChange {
        label: item.label,
        slots: item.slots.into_iter().map(NewSlot::from).collect(),
        version: item.version,
        overwrite,
        ..ItemChange::default()
    };
    let updated = session.update_item(&id, &change, &progress()).await;
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
