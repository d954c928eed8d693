//! Results as the guides print them: `kind` and `spec`.

use serde::Serialize;
use vaultshare::{
    api::{
        JsonObject,
        vault::{self, items::ClassificationNode},
    },
    workflows::{Item, Slot},
};

#[derive(Serialize)]
pub(crate) struct Document<T> {
    pub(crate) kind: &'static str,
    pub(crate) spec: T,
}

/// An item with its slots, and those with their values.
#[derive(Serialize)]
pub(crate) struct ItemSpec<'a> {
    #[serde(flatten)]
    item: &'a vault::items::Item,
    slots: Vec<SlotSpec<'a>>,
    thumbnails: &'a [JsonObject],
    attachments: &'a [JsonObject],
    classification_nodes: &'a [ClassificationNode],
}

impl<'a> ItemSpec<'a> {
    pub(crate) fn new(item: &'a Item) -> Self {
        ItemSpec {
            item: &item.record,
            slots: item.slots.iter().map(SlotSpec::new).collect(),
            thumbnails: &item.thumbnails,
            attachments: &item.attachments,
            classification_nodes: &item.classification_nodes,
        }
    }
}

/// A slot with its value; if received, with the owner's verification key.
#[derive(Serialize)]
pub(crate) struct SlotSpec<'a> {
    #[serde(flatten)]
    slot: &'a vault::slots::Slot,
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_verification_key: Option<String>,
}

impl<'a> SlotSpec<'a> {
    pub(crate) fn new(slot: &'a Slot) -> Self {
        // One character for each byte, as the guides' tools print it.
        let key = slot.verification_key.as_ref();
        SlotSpec {
            slot: &slot.record,
            value: slot.value.as_deref(),
            value_verification_key: key.map(|key| key.as_bytes().iter().copied().map(char::from).collect()),
        }
    }
}

/// Prints YAML on standard output.
pub(crate) fn print(document: &impl Serialize) -> anyhow::Result<()> {
    print!("{}", serde_norway::to_string(document)?);
    Ok(())
}
