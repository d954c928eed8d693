//! Results as the guides print them: `kind` and `spec`.

use serde::Serialize;
use vaultshare::{api::vault, workflows::Item};

/// A result and what it is.
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
}

#[derive(Serialize)]
struct SlotSpec<'a> {
    #[serde(flatten)]
    slot: &'a vault::slots::Slot,
    value: Option<&'a str>,
}

impl<'a> ItemSpec<'a> {
    pub(crate) fn new(item: &'a Item) -> Self {
        let slots = item.slots.iter();
        ItemSpec {
            item: &item.record,
            slots: slots.map(|slot| SlotSpec { slot: &slot.record, value: slot.value.as_deref() }).collect(),
        }
    }
}

/// Prints YAML on standard output.
pub(crate) fn print(document: &impl Serialize) -> anyhow::Result<()> {
    print!("{}", serde_norway::to_string(document)?);
    Ok(())
}
