//! Which row of an item each slot of a call means, and the rows that are made for the new ones.

use std::collections::{HashMap, HashSet};

use super::{
    Item, ItemChange, NewSlot, Slot,
    refusals::{bad_response, outdated_error},
};
use crate::{
    api::{
        Id, MAXIMUM_CIPHERTEXT_LENGTH,
        vault::{
            names::{MeantSlot, Named, NamedTwice, SlotReference, machine_name, meant_slots},
            slots::SlotChange,
        },
    },
    error::{Error, Result},
};

/// Bytes of the longest value, as UTF-8. Encrypted for whatever place it is a ciphertext that the wire takes
/// ([`MAXIMUM_CIPHERTEXT_LENGTH`]): base64 has four characters for three bytes, and its parameters have less than 4 KiB.
const LONGEST_VALUE: usize = (MAXIMUM_CIPHERTEXT_LENGTH - 4 * 1024) / 4 * 3;

/// The row that a slot of a call means.
#[derive(Clone, Debug)]
pub(super) enum SlotRow {
    /// One that the item has.
    Of(Id),
    /// One that is to be made so.
    ToMake(Box<SlotChange>),
}

impl Item {
    /// The slot that a text names: by its machine name, by its label as it was typed, or by another spelling of the machine
    /// name (`userName` for `username`).
    pub fn slot(&self, text: &str) -> Option<&Slot> {
        self.slots.get(Named::new(names_of(&self.slots)).find(text)?)
    }
}

/// Names and labels.
fn names_of<'a>(slots: impl IntoIterator<Item = &'a Slot>) -> impl Iterator<Item = (&'a str, &'a str)> {
    slots.into_iter().map(|slot| (slot.record.name.as_str(), slot.record.label.as_str()))
}

/// The rows to be made for the slots of a new item. What of the slots is of another item (ids, and when they were read) is
/// ignored.
pub(super) fn rows_of_new_item(slots: &[NewSlot]) -> Result<Vec<SlotChange>> {
    if let Some(index) = slots.iter().position(|slot| slot.remove) {
        return Err(Error::invalid_argument(format!("`slots[{index}].remove`: a new item has no slot to remove")));
    }
    let to_make: Vec<(usize, &NewSlot)> = slots.iter().enumerate().collect();
    let references = references(&to_make, |_, _| Ok(None))?;
    let meant = meant_slots(&[], &references, &|_, _| false).map_err(|twice| named_twice(&to_make, twice))?;
    let rows = slots.iter().zip(meant).filter_map(|(slot, meant)| match meant {
        MeantSlot::New(name) => Some(new_row(slot, name)),
        MeantSlot::Existing(_) => None,
    });
    Ok(rows.collect())
}

/// The rows that the slots of a change mean.
///
/// A label alone is a new slot, or one of this label that is empty: made by an attempt that did not come to its end, or by the
/// template. Where the call was attempted before, also one that holds the value already.
///
/// `CONFLICT` where a slot that was read before is gone; one that is to be overwritten is made again, and one that is to be
/// removed needs nothing more: its row is none of the item's.
pub(super) fn rows_of_change(item: &Item, change: &ItemChange, was_attempted_before: bool) -> Result<Vec<SlotRow>> {
    let ItemChange { slots, overwrite, .. } = change;
    let by_id: HashMap<&Id, usize> = item.slots.iter().enumerate().map(|(at, slot)| (&slot.record.id, at)).collect();
    let no_such_slot = || Error::invalid_argument("the item has no such slot");
    let removed_row = |slot: &NewSlot| {
        let is_known = slot.was_read() || was_attempted_before;
        slot.id.clone().filter(|id| slot.remove && is_known && !by_id.contains_key(id))
    };
    let to_find: Vec<(usize, &NewSlot)> =
        slots.iter().enumerate().filter(|(_, slot)| removed_row(slot).is_none()).collect();
    let references = references(&to_find, |index, slot| match slot.id.as_ref().map(|id| by_id.get(id)) {
        Some(Some(index)) => Ok(Some(*index)),
        Some(None) if !slot.was_read() => Err(no_such_slot()),
        Some(None) if !overwrite => Err(outdated_error(&[format!("`slots[{index}]`")])),
        Some(None) | None => Ok(None),
    })?;
    let names: Vec<_> = names_of(&item.slots).collect();
    refuse_other_names(item, &to_find, &references)?;
    let may_be_filled = |reference: usize, row: usize| {
        let (Some((_, reference)), Some(row)) = (to_find.get(reference), item.slots.get(row)) else { return false };
        row.value.is_none() || was_attempted_before && reference.keeps_value_of(row)
    };
    let meant = meant_slots(&names, &references, &may_be_filled).map_err(|twice| named_twice(&to_find, twice))?;
    let mut meant = meant.into_iter();
    let rows = slots.iter().filter_map(|slot| match removed_row(slot) {
        Some(id) => Some(Ok(SlotRow::Of(id))),
        None => Some(match meant.next()? {
            MeantSlot::Existing(index) => {
                item.slots.get(index).map(|row| SlotRow::Of(row.record.id.clone())).ok_or_else(no_such_slot)
            }
            MeantSlot::New(_) if slot.remove => Err(no_such_slot()),
            MeantSlot::New(name) => Ok(SlotRow::ToMake(Box::new(new_row(slot, name)))),
        }),
    });
    rows.collect()
}

/// Refuses a name that is not that of the slot with this id, for machine names do not change; and one that is the label of
/// several slots, of which a write would take the first.
fn refuse_other_names(item: &Item, slots: &[(usize, &NewSlot)], references: &[SlotReference<'_>]) -> Result<()> {
    let named = Named::new(names_of(&item.slots));
    for ((index, _), reference) in slots.iter().zip(references) {
        let Some(name) = reference.name else { continue };
        let is_of = |existing: usize| {
            // Another server may have two of one name.
            let is_its_own = item.slots.get(existing).is_some_and(|slot| slot.record.name == name);
            is_its_own || named.candidates(name).any(|found| found == existing)
        };
        if reference.existing.is_some_and(|existing| !is_of(existing)) {
            let message =
                format!("`slots[{index}].name` is not that of the slot, of which only the label can be changed");
            return Err(Error::invalid_argument(message));
        }
        if reference.existing.is_none() && named.is_ambiguous(name) {
            let message = format!("`slots[{index}]`: several slots have this label, and its id says which is meant");
            return Err(Error::invalid_argument(message));
        }
    }
    Ok(())
}

/// Of slots with their index in the call. `existing` gives the row that one means by its id.
fn references<'a>(
    slots: &[(usize, &'a NewSlot)],
    existing: impl Fn(usize, &NewSlot) -> Result<Option<usize>>,
) -> Result<Vec<SlotReference<'a>>> {
    let references = slots.iter().map(|&(index, slot)| {
        let existing = existing(index, slot)?;
        let (name, label) = (slot.name.as_deref(), slot.label.as_deref());
        if existing.is_none() && name.is_none() && label.is_none() {
            return Err(Error::invalid_argument(format!("`slots[{index}]` has neither a name nor a label")));
        }
        if existing.is_none() && name.is_none() && slot.remove {
            return Err(Error::invalid_argument(format!("`slots[{index}]`: a slot is removed by its id or name")));
        }
        if slot.value.iter().flatten().any(|value| value.len() > LONGEST_VALUE) {
            let message = format!("`slots[{index}].value` has more than {LONGEST_VALUE} bytes");
            return Err(Error::invalid_argument(message));
        }
        Ok(SlotReference { existing, name, label })
    });
    references.collect()
}

/// The server would keep one of the two values.
fn named_twice(slots: &[(usize, &NewSlot)], NamedTwice(first, second): NamedTwice) -> Error {
    let index = |reference: usize| slots.get(reference).map_or(reference, |(index, _)| *index);
    let (first, second) = (index(first), index(second));
    Error::invalid_argument(format!("`slots[{second}]` has the name of `slots[{first}]`"))
}

/// A row without its value. Its name is sent, since a server would give two slots of one label the same.
fn new_row(slot: &NewSlot, name: String) -> SlotChange {
    let label = slot.label.as_deref().map(str::trim).map(str::to_owned);
    let (name, label) = match &slot.name {
        // The server makes the same of it, and has the text for a label.
        Some(typed) if machine_name(typed) == name => (typed.trim().to_owned(), label),
        Some(typed) => (name, label.or_else(|| Some(typed.trim().to_owned()))),
        None => (name, label),
    };
    let description = slot.description.clone().filter(|description| !description.is_empty());
    let slot_type_name = slot.slot_type.clone();
    let attachment_id = slot.attachment_id.clone();
    SlotChange { name: Some(name), label, description, slot_type_name, attachment_id, ..SlotChange::default() }
}

/// The rows that a server made, none of which `was_there`.
pub(super) fn find_made_rows<'a>(
    item: &'a Item,
    rows: &[SlotChange],
    was_there: impl Fn(&Slot) -> bool,
) -> Result<Vec<&'a Slot>> {
    let new: Vec<&Slot> = item.slots.iter().filter(|slot| !was_there(slot)).collect();
    let named = Named::new(names_of(new.iter().copied()));
    let mut found = HashSet::new();
    let made = rows.iter().map(|row| {
        let name = row.name.as_deref().unwrap_or_default();
        let by_name = named.candidates(name).chain(named.find(&machine_name(name)));
        // Another server may make names otherwise.
        let by_label = row.label.as_deref().into_iter().flat_map(|label| named.candidates(label));
        let index = by_name.chain(by_label).find(|index| found.insert(*index))?;
        new.get(index).copied()
    });
    let made: Option<Vec<&Slot>> = made.collect();
    made.ok_or_else(|| bad_response("the server made other slots than were asked for"))
}
