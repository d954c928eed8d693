//! Whether a change would write over what somebody else wrote since it was read. `docs/protocol/additional-data.md` §2.
//!
//! A page or a file that gives back what it read says when that was: each slot by the revision of its value, the item by its
//! version. What is not said to have been read is written as it is given.

use std::collections::HashMap;

use super::{Classification, Item, ItemChange, NewSlot, Slot, refusals::outdated_error, slot_rows::SlotRow};
use crate::{api::Id, crypto::places::revision_in, error::Result};

/// Refuses a change of what was written since it was read (`CONFLICT`), and names it by its path. What another device wrote
/// beside it is kept, and does not stand in the way.
pub(super) fn refuse_outdated(item: &Item, change: &ItemChange, rows: &[SlotRow]) -> Result<()> {
    if change.overwrite {
        return Ok(());
    }
    let mut outdated = Vec::new();
    let changes_label = change.label.as_ref().is_some_and(|label| label.trim() != item.record.label);
    if changes_label && change.version.as_ref().is_some_and(|version| is_label_written_since(item, version)) {
        outdated.push("`label`".to_owned());
    }
    let slots: HashMap<&Id, &Slot> = item.slots.iter().map(|slot| (&slot.record.id, slot)).collect();
    for (index, (given, row)) in change.slots.iter().zip(rows).enumerate() {
        let SlotRow::Of(id) = row else { continue };
        let Some(slot) = slots.get(id) else { continue };
        let (is_written, is_labelled) =
            (is_written_since(item, slot, given, change.version.as_deref()), is_changed_since(slot, given));
        if changes_value(slot, given) && is_written || changes_words(slot, given) && is_labelled.unwrap_or(is_written) {
            outdated.push(format!("`slots[{index}]`"));
        }
    }
    // A node that is asked for and is not there was added by this change, or was taken away by somebody since.
    if change.version.as_ref().is_some_and(|version| !item.nodes().is_in(version)) {
        let is_gone = |node: &Classification| !node.remove && node.id.is_some() && !node.is_of(item);
        let gone = change.classifications.iter().enumerate().filter(|(_, node)| is_gone(node));
        outdated.extend(gone.map(|(index, _)| format!("`classifications[{index}]`")));
    }
    if outdated.is_empty() { Ok(()) } else { Err(outdated_error(&outdated)) }
}

/// Rows that an earlier attempt of this very call made change the version, and not the revision.
fn is_label_written_since(item: &Item, version: &str) -> bool {
    match item.binding.birth {
        Some(birth) => revision_in(version, Some(birth)) != item.binding.revision,
        None => !item.shows(version),
    }
}

fn is_written_since(item: &Item, slot: &Slot, given: &NewSlot, version: Option<&str>) -> bool {
    match (given.revision, &given.updated_at, version) {
        (Some(read), ..) => slot.written_at() != Some(read),
        (None, Some(read), _) => slot.record.updated_at != *read,
        (None, None, Some(version)) => match slot.written_at() {
            Some(written) => written > revision_in(version, item.binding.birth),
            None => !item.shows(version),
        },
        (None, None, None) => false,
    }
}

/// Whether words or value of a slot are others than when it was read, where that is known. The revision is of the value alone.
fn is_changed_since(slot: &Slot, given: &NewSlot) -> Option<bool> {
    given.updated_at.as_ref().map(|read| slot.record.updated_at != *read)
}

/// Whether a slot has not yet the value asked for. A repeated call finds its own values, and is no conflict.
fn changes_value(slot: &Slot, given: &NewSlot) -> bool {
    given.remove || given.value.is_some() && !given.keeps_value_of(slot)
}

/// The same of its words.
fn changes_words(slot: &Slot, given: &NewSlot) -> bool {
    let record = &slot.record;
    given.label.as_ref().is_some_and(|label| label.trim() != record.label)
        || given.slot_type.as_ref().is_some_and(|slot_type| *slot_type != record.slot_type_name)
        || given.new_description(slot).is_some()
}
