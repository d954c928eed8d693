//! Creating and changing own items, and adopting what another client or the server made of them.
//! `docs/protocol/http-api.md` §6.5 and §6.8, `docs/protocol/additional-data.md`.
//!
//! A value is sealed with the ids of its item and slot, and with the state of the whole item. So rows without values are
//! made first, and the values are written in a second request. A crash between the two leaves empty rows, and the same call
//! goes on from there.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    Binding, Classification, Item, ItemChange, NewItem, NewSlot, OutstandingTasks, ProgressListener, Session, Slot,
    binding::Ids,
    decrypt::{ItemKey, decrypt_item, decrypt_values},
    idempotency::PendingOperation,
    item::Seen,
    outdated::refuse_outdated,
    refusals::{bad_response, ciphertext, expect_id},
    session::Keys,
    share_requests::BYTES_AT_ONCE,
    slot_rows::{SlotRow, find_made_rows, rows_of_change, rows_of_new_item},
    tasks::count_outstanding,
};
use crate::{
    api::{
        Ciphertext, Id, SlotValue,
        vault::{
            self,
            items::{self, ItemChangeRequest, NewItemRequest},
            slots::{ClassificationNodeChange, SlotChange},
        },
    },
    crypto::places::{Birth, Place, SlotState, StateDigest, ValueKind, Written, ciphertexts_digest, state_digest},
    error::{Error, ErrorCode, Result},
};

/// How often a write is attempted of an item that others write meanwhile.
const MAX_ATTEMPTS: usize = 8;

/// What `update_item` gives.
#[derive(Clone, Debug)]
pub struct UpdatedItem {
    /// After the change.
    pub item: Item,
    /// All that are not done, those that the change caused among them.
    pub outstanding_tasks: OutstandingTasks,
}

impl Session {
    /// Makes the item with its rows, then encrypts the values under the user's DEK and writes them.
    pub async fn create_item(&self, new: &NewItem, progress: &ProgressListener) -> Result<Item> {
        refuse_blank("template", &new.template)?;
        refuse_blank("label", &new.label)?;
        let rows = rows_of_new_item(&new.slots)?;
        let keys = self.keys()?;
        let operation = keys.pending.begin(("items.create", new))?;

        progress.report("storing the item", 0, 2);
        let change = items::ItemChange {
            label: Some(new.label.trim().to_owned()),
            classification_nodes_attributes: node_changes(&new.classifications),
            slots_attributes: Some(rows.clone()),
            ..Default::default()
        };
        let request =
            NewItemRequest { template_name: new.template.clone(), skip_empty_template_slots: false, item: change };
        let response = items::create(self.vault(), &request, operation.idempotency_key()).await?;
        let mut item = decrypt_values(&keys, response, &ItemKey::Own).await?;
        if keys.memory.borrow().has_seen_another_life(&item.record.id, operation.birth()) {
            return Err(bad_response("the server gave a new item the id of another"));
        }

        if rows.is_empty() && item.slots.is_empty() {
            // There is nothing to seal in, so that it has no birth yet.
            operation.complete();
            return Ok(item);
        }

        progress.report("encrypting and storing the values", 1, 2);
        let change = ItemChange { slots: new.slots.clone(), label: Some(new.label.clone()), ..ItemChange::default() };
        for _ in 0..MAX_ATTEMPTS {
            let made = find_made_rows(&item, &rows, |_| false)?;
            let made: Vec<Id> = made.into_iter().map(|slot| slot.record.id.clone()).collect();
            if item.slots.iter().any(|slot| slot.record.encrypted_value.is_some()) {
                // Those of an attempt whose response was lost. Those of an older item could be the same: what is written to it
                // later would go to whom that one is shared with.
                let are_of_this_call = item.binding.birth == Some(operation.birth());
                if !are_of_this_call || !has_exactly(&item, &new.slots, &made) {
                    return Err(bad_response("the server's new item holds values already"));
                }
                operation.complete();
                return Ok(item);
            }
            item.binding.birth = Some(operation.birth());
            match self.write(&item, &change, &made, &[]).await {
                Err(error) if error.code() == ErrorCode::Conflict => item = self.get_own_item(&item.record.id).await?,
                Err(error) if error.code() == ErrorCode::InvalidArgument => {
                    // The server refuses the values, as too many or too large say: no empty item stays behind.
                    let _ = vault::items::delete(self.vault(), &item.record.id).await;
                    operation.complete();
                    return Err(error);
                }
                written => {
                    let item = written?;
                    operation.complete();
                    progress.report("stored", 2, 2);
                    return Ok(item);
                }
            }
        }
        Err(keeps_changing())
    }

    /// `NOT_OWNER` for a received item; `CONFLICT` where the change is of what somebody wrote since it was read, and where
    /// others change it again and again meanwhile.
    pub async fn update_item(&self, id: &Id, change: &ItemChange, progress: &ProgressListener) -> Result<UpdatedItem> {
        progress.report("fetching the item", 0, 3);
        let operation = self.keys()?.pending.begin(("items.update", id, change))?;
        let item = self.change_item(id, change, &operation, progress).await?;
        progress.report("counting tasks", 2, 3);
        let outstanding_tasks = count_outstanding(self).await?;
        operation.complete();
        progress.report("stored", 3, 3);
        Ok(UpdatedItem { item, outstanding_tasks })
    }

    pub(super) async fn change_item(
        &self,
        id: &Id,
        change: &ItemChange,
        operation: &PendingOperation,
        progress: &ProgressListener,
    ) -> Result<Item> {
        if let Some(label) = &change.label {
            refuse_blank("label", label)?;
        }
        let changes = self.changes_of(id);
        let _in_turn = changes.lock().await;
        let mut item = self.get_own_item(id).await?;
        let mut made = Vec::new();
        for _ in 0..MAX_ATTEMPTS {
            let rows = rows_of_change(&item, change, operation.was_attempted_before())?;
            refuse_outdated(&item, change, &rows)?;
            let attempt = async {
                progress.report("storing the change", 1, 3);
                let ids = self.make_missing_rows(&mut item, rows, &mut made).await?;
                if operation.was_attempted_before() {
                    // An attempt whose response was lost may have made them.
                    let meant = ids.iter().zip(&change.slots);
                    made.extend(meant.filter(|(id, slot)| slot.id.as_ref() != Some(*id)).map(|(id, _)| id.clone()));
                }
                self.write(&item, change, &ids, &made).await
            };
            match attempt.await {
                Err(error) if error.code() == ErrorCode::Conflict => item = self.get_own_item(id).await?,
                written => return written,
            }
        }
        Err(keeps_changing())
    }

    /// Seals what the item shows: its words, its rows and every value, whoever wrote them. `version` is the
    /// [`Item::version`] that the user was shown; `CONFLICT` where the item shows anything else now.
    pub async fn adopt_item(&self, id: &Id, version: &str) -> Result<Item> {
        let changes = self.changes_of(id);
        let _in_turn = changes.lock().await;
        let item = self.get_own_item(id).await?;
        if !item.shows(version) {
            return Err(Error::new(ErrorCode::Conflict, "the item shows something else now: look at it again"));
        }
        if item.slots.is_empty() {
            // There is nothing to seal in: from now on nothing vouches for the item, and the session expects nothing else.
            self.keys()?.memory.borrow_mut().emptied_item(id, None);
            return Ok(Item { binding: Binding::default(), ..item });
        }
        let slots = item.slots.iter().map(|slot| NewSlot {
            id: Some(slot.record.id.clone()),
            value: slot.value.clone().map(Some),
            ..NewSlot::default()
        });
        let change = ItemChange { slots: slots.collect(), ..ItemChange::default() };
        let rows: Vec<Id> = item.slots.iter().map(|slot| slot.record.id.clone()).collect();
        self.write_as(&item, &change, &rows, Vouching::AllThatIsShown).await
    }

    /// `NOT_OWNER` for a slot of a received item.
    pub async fn remove_slot(&self, slot_id: &Id) -> Result<()> {
        let operation = self.keys()?.pending.begin(("slots.delete", slot_id))?;
        let slot = match vault::slots::get(self.vault(), slot_id).await {
            Err(error) if error.code() == ErrorCode::NotFound && operation.was_attempted_before() => {
                operation.complete();
                return Ok(());
            }
            slot => slot?,
        };
        expect_id(slot_id, &slot.id)?;
        let item_id = slot.item_id.ok_or_else(|| bad_response("the server does not say whose slot this is"))?;
        let removed = NewSlot { id: Some(slot_id.clone()), remove: true, ..NewSlot::default() };
        let change = ItemChange { slots: vec![removed], ..ItemChange::default() };
        self.change_item(&item_id, &change, &operation, &ProgressListener::none()).await?;
        operation.complete();
        Ok(())
    }

    /// Makes rows for the slots that the item does not have, and gives the row of every slot of the change. `CONFLICT` where
    /// somebody else made one of them meanwhile, and has given it a value.
    async fn make_missing_rows(&self, item: &mut Item, rows: Vec<SlotRow>, made: &mut Vec<Id>) -> Result<Vec<Id>> {
        let missing = rows.iter().filter_map(|row| match row {
            SlotRow::ToMake(row) => Some(row.as_ref().clone()),
            SlotRow::Of(_) => None,
        });
        let missing: Vec<SlotChange> = missing.collect();
        let mut new = Vec::new();
        if !missing.is_empty() {
            let change = items::ItemChange { slots_attributes: Some(missing.clone()), ..Default::default() };
            let known = self.keys()?.remembered();
            let response = self.put_item(item, change).await?;
            let with_rows = decrypt_item(&*self.keys()?, &known, response, &ItemKey::Own).await?;
            let before: HashSet<&Id> = item.slots.iter().map(|slot| &slot.record.id).collect();
            let slots = find_made_rows(&with_rows, &missing, |slot| before.contains(&slot.record.id))?;
            if slots.iter().any(|slot| slot.record.encrypted_value.is_some()) {
                return Err(Error::new(ErrorCode::Conflict, "somebody else made the same slot meanwhile"));
            }
            new.extend(slots.into_iter().map(|slot| slot.record.id.clone()));
            // Not all that are new: this write would vouch for rows that only the server asked for.
            made.extend(new.iter().cloned());
            *item = with_rows;
        }
        let mut new = new.into_iter();
        let ids = rows.into_iter().filter_map(|row| match row {
            SlotRow::Of(id) => Some(id),
            SlotRow::ToMake(_) => new.next(),
        });
        Ok(ids.collect())
    }

    /// Seals and writes a change whose slots have rows.
    async fn write(&self, item: &Item, change: &ItemChange, rows: &[Id], made: &[Id]) -> Result<Item> {
        // Who writes an item that is not as its values say must not vouch for it.
        let vouching = match item.is_changed_but_for(made) {
            true => Vouching::Nothing,
            false => Vouching::WhatIsShown,
        };
        self.write_as(item, change, rows, vouching).await
    }

    async fn write_as(&self, item: &Item, change: &ItemChange, rows: &[Id], vouching: Vouching) -> Result<Item> {
        let keys = self.keys()?;
        let sealed = seal(&keys, item, change, rows, vouching).await?;
        if sealed.is_empty {
            return Ok(item.clone());
        }
        let mut known = keys.remembered();
        let response = match vouching {
            Vouching::AllThatIsShown => self.put_in_parts(item, sealed.change).await?,
            Vouching::WhatIsShown | Vouching::Nothing => self.put_item(item, sealed.change).await?,
        };
        // A slot that the item does not name is not shown.
        let named: BTreeSet<&Id> = response.item.slot_ids.iter().collect();
        let shown = response.slots.iter().filter(|slot| named.contains(&slot.id));
        let held: BTreeMap<&Id, _> = shown.map(|slot| (&slot.id, slot.encrypted_value.as_ref())).collect();
        if sealed.values.iter().any(|(id, value)| held.get(id).copied().flatten() != value.as_ref()) {
            return Err(bad_response("the server does not hold what was written"));
        }
        // The reply has to show what was written, and not only what was known before.
        for memory in [&mut known, &mut *keys.memory.borrow_mut()] {
            match sealed.seen {
                Some(seen) => memory.wrote_item(&item.record.id, seen),
                None if sealed.is_emptied => memory.emptied_item(&item.record.id, item.binding.birth),
                // What was seen before stands: what only the server shows does not become what was written.
                None => {}
            }
        }
        decrypt_item(&keys, &known, response, &ItemKey::Own).await
    }

    /// A write of every value, which may outgrow one request. One that is cut off leaves an item that is `changed`.
    async fn put_in_parts(&self, item: &Item, change: items::ItemChange) -> Result<Box<items::ItemResponse>> {
        let mut slots = change.slots_attributes.unwrap_or_default().into_iter().peekable();
        let mut item = item.clone();
        loop {
            let (mut part, mut bytes) = (Vec::new(), 0);
            while let Some(slot) = slots.next_if(|slot| bytes == 0 || bytes + length(slot) <= BYTES_AT_ONCE) {
                bytes += length(&slot);
                part.push(slot);
            }
            let part = items::ItemChange { slots_attributes: Some(part), ..Default::default() };
            let response = self.put_item(&item, part).await?;
            if slots.peek().is_none() {
                return Ok(response);
            }
            item.record.updated_at.clone_from(&response.item.updated_at);
        }
    }

    /// `CONFLICT` where the server knows the condition and somebody changed the item meanwhile.
    async fn put_item(&self, item: &Item, change: items::ItemChange) -> Result<Box<items::ItemResponse>> {
        let unchanged_since = Some(item.record.updated_at.clone());
        let request = ItemChangeRequest { item: items::ItemChange { unchanged_since, ..change } };
        let response = items::update(self.vault(), &item.record.id, &request).await.map_err(not_owner)?;
        expect_id(&item.record.id, &response.item.id)?;
        Ok(response)
    }
}

fn length(slot: &SlotChange) -> usize {
    slot.encrypted_value.iter().flatten().map(|value| value.as_str().len()).sum()
}

/// What a write vouches for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vouching {
    WhatIsShown,
    /// The same, by writing every value.
    AllThatIsShown,
    /// The item is not as its values say, and stays so.
    Nothing,
}

/// A change, sealed.
struct Sealed {
    change: items::ItemChange,
    /// Whether there is nothing to write.
    is_empty: bool,
    /// What the slots hold afterwards, of those that change.
    values: Vec<(Id, Option<Ciphertext<SlotValue>>)>,
    /// What vouches for the item afterwards; `None` where no value was sealed.
    seen: Option<Seen>,
    /// Whether no value that vouches for the item is left.
    is_emptied: bool,
}

/// A row after the change.
struct Row<'a> {
    slot: &'a Slot,
    label: &'a str,
    slot_type: &'a str,
    /// A new one.
    description: Option<&'a str>,
    /// Another one.
    attachment: Option<&'a Id>,
    value: RowValue<'a>,
}

#[derive(Clone, Copy)]
enum RowValue<'a> {
    Kept,
    Emptied,
    Sealed(&'a str),
}

impl<'a> Row<'a> {
    fn new(slot: &'a Slot, given: Option<&'a NewSlot>) -> Self {
        // What is given back as it was read is not written again, so that it does not count as written.
        let is_given_back = given.is_some_and(|given| given.was_read() && given.keeps_value_of(slot));
        let value = match given.and_then(|given| given.value.as_ref()) {
            None => RowValue::Kept,
            Some(_) if is_given_back => RowValue::Kept,
            Some(Some(value)) if !value.is_empty() => RowValue::Sealed(value),
            // It says that the slot is empty, and may be what vouches for the item.
            Some(_) if slot.value.is_none() && slot.written.is_some() => RowValue::Kept,
            Some(_) => RowValue::Emptied,
        };
        let label = given.and_then(|given| given.label.as_deref()).map_or(slot.record.label.as_str(), str::trim);
        let slot_type = given.and_then(|given| given.slot_type.as_deref()).unwrap_or(&slot.record.slot_type_name);
        let description = given.and_then(|given| given.new_description(slot));
        let attachment = given.and_then(|given| given.attachment_id.as_ref());
        let attachment = attachment.filter(|id| slot.record.attachment_id.as_ref() != Some(id));
        Row { slot, label, slot_type, description, attachment, value }
    }

    fn changes_words(&self) -> bool {
        self.label != self.slot.record.label || self.slot_type != self.slot.record.slot_type_name
    }

    fn state(&self, revision: u32) -> SlotState<'_> {
        let revision = match self.value {
            RowValue::Kept => self.slot.revision(),
            RowValue::Emptied => 0,
            RowValue::Sealed(_) => revision,
        };
        SlotState { label: self.label, slot_type: self.slot_type, ..self.slot.state(Ids::Own, revision) }
    }

    fn change(&self, value: Option<Option<Ciphertext<SlotValue>>>) -> Option<SlotChange> {
        let record = &self.slot.record;
        let change = SlotChange {
            label: (self.label != record.label).then(|| self.label.to_owned()),
            slot_type_name: (self.slot_type != record.slot_type_name).then(|| self.slot_type.to_owned()),
            description: self.description.map(str::to_owned),
            attachment_id: self.attachment.cloned(),
            encrypted_value: value,
            ..SlotChange::default()
        };
        let is_one = self.changes_words()
            || self.description.is_some()
            || self.attachment.is_some()
            || change.encrypted_value.is_some();
        is_one.then(|| SlotChange { id: Some(record.id.clone()), ..change })
    }
}

async fn seal(keys: &Keys, item: &Item, change: &ItemChange, ids: &[Id], vouching: Vouching) -> Result<Sealed> {
    let given_by_id: BTreeMap<&Id, &NewSlot> = ids.iter().zip(&change.slots).collect();
    if given_by_id.len() < ids.len() {
        return Err(Error::invalid_argument("two of the slots are one and the same"));
    }
    let is_removed = |slot: &&Slot| given_by_id.get(&slot.record.id).is_some_and(|given| given.remove);
    let (removed, kept): (Vec<&Slot>, Vec<&Slot>) = item.slots.iter().partition(is_removed);
    let mut rows: Vec<Row<'_>> =
        kept.into_iter().map(|slot| Row::new(slot, given_by_id.get(&slot.record.id).copied())).collect();
    rows.sort_unstable_by(|one, other| one.slot.record.id.cmp(&other.slot.record.id));
    // Servers may do so: the state is of what they keep.
    let label = change.label.as_deref().map_or(item.record.label.as_str(), str::trim);
    let changes_words = label != item.record.label || !removed.is_empty() || rows.iter().any(Row::changes_words);
    let is_born = item.binding.birth.is_some() || vouching == Vouching::AllThatIsShown;
    vouch_by_a_value(&mut rows, changes_words || vouching == Vouching::AllThatIsShown, is_born);

    let revision = item.binding.revision.checked_add(1).filter(|&revision| revision != Written::NO_REVISION);
    let revision = revision.ok_or_else(|| bad_response("the item has too many revisions"))?;
    let birth = match item.binding.birth {
        Some(birth) => birth,
        None => Birth::generate()?,
    };
    let state = match vouching {
        Vouching::Nothing => StateDigest::FITS_NOTHING,
        Vouching::WhatIsShown | Vouching::AllThatIsShown => {
            let states = rows.iter().map(|row| row.state(revision)).collect();
            state_digest(item.record.id.as_str(), Some(birth), revision, label, states)
        }
    };
    let written = Written { birth: Some(birth), revision, state };

    let (mut slots, mut values) = (Vec::new(), Vec::new());
    let (mut seals, mut tags) = (false, Vec::new());
    for row in &rows {
        let value = match row.value {
            RowValue::Kept => {
                tags.extend(row.slot.tag.filter(|_| row.slot.written.is_some()));
                None
            }
            RowValue::Emptied => Some(None),
            RowValue::Sealed(value) => {
                let (item, slot) = (item.record.id.as_str(), row.slot.record.id.as_str());
                let place = Place::Value { kind: ValueKind::Own, item, slot, written };
                seals = true;
                let (envelope, tag) = keys.dek.encrypt_value(value, &place).await?;
                tags.push(tag);
                Some(Some(ciphertext(envelope)?))
            }
        };
        slots.extend(row.change(value.clone()));
        values.extend(value.map(|value| (row.slot.record.id.clone(), value)));
    }
    slots.extend(removed.iter().map(|slot| SlotChange {
        id: Some(slot.record.id.clone()),
        destroy: Some(true),
        ..SlotChange::default()
    }));
    let is_kept_and_bound = |row: &Row<'_>| matches!(row.value, RowValue::Kept) && row.slot.written.is_some();
    let seen = seals.then(|| Seen { birth, revision, state, ciphertexts: Some(ciphertexts_digest(tags)) });
    let is_emptied = vouching != Vouching::Nothing && !seals && !rows.iter().any(is_kept_and_bound);
    let new_label = (label != item.record.label).then(|| label.to_owned());
    // An item that is given back has its nodes, and those of its slots, which are not its own.
    let is_there = |node: &&Classification| !node.remove && node.is_of(item);
    let nodes = node_changes(change.classifications.iter().filter(|node| !is_there(node)));
    let is_empty = slots.is_empty() && new_label.is_none() && nodes.is_none();
    let change = items::ItemChange {
        label: new_label,
        classification_nodes_attributes: nodes,
        slots_attributes: Some(slots),
        ..Default::default()
    };
    Ok(Sealed { change, is_empty, values, seen, is_emptied })
}

/// Where words or rows change and no value does, the first value is sealed again, so that one of the new revision vouches for
/// them. Not one that names no place: that would vouch for it.
///
/// Where no value is left, the empty text is sealed in the first slot. Other clients read it as no value. Without it the next
/// value would begin another life of the item, and reach nobody with whom the item is shared.
fn vouch_by_a_value(rows: &mut [Row<'_>], changes: bool, is_born: bool) {
    let seals = rows.iter().any(|row| matches!(row.value, RowValue::Sealed(_)));
    let empties =
        rows.iter().any(|row| matches!(row.value, RowValue::Emptied) && row.slot.record.encrypted_value.is_some());
    if seals {
        return;
    }
    let is_bound = |row: &&mut Row<'_>| matches!(row.value, RowValue::Kept) && row.slot.written.is_some();
    if let Some(row) = rows.iter_mut().find(is_bound) {
        if changes || empties {
            row.value = RowValue::Sealed(row.slot.value.as_deref().unwrap_or_default());
        }
        return;
    }
    let is_empty = |row: &&mut Row<'_>| matches!(row.value, RowValue::Emptied) || row.slot.value.is_none();
    if let Some(row) = rows.iter_mut().find(is_empty).filter(|_| is_born) {
        row.value = RowValue::Sealed("");
    }
}

/// Whether an item holds the values asked for, and no others.
fn has_exactly(item: &Item, slots: &[NewSlot], rows: &[Id]) -> bool {
    let given_by_id: BTreeMap<&Id, &NewSlot> = rows.iter().zip(slots).collect();
    item.slots.iter().all(|slot| {
        let value = given_by_id.get(&slot.record.id).and_then(|given| given.value.as_ref()?.as_ref());
        slot.value.as_ref() == value.filter(|value| !value.is_empty()) && slot.is_bound
    })
}

fn node_changes<'a>(
    classifications: impl IntoIterator<Item = &'a Classification>,
) -> Option<Vec<ClassificationNodeChange>> {
    let mut changes = Vec::new();
    for node in classifications {
        changes.push(ClassificationNodeChange {
            id: node.id.clone(),
            scheme: node.scheme.clone(),
            name: node.name.clone(),
            destroy: node.remove.then_some(true),
            ..ClassificationNodeChange::default()
        });
    }
    (!changes.is_empty()).then_some(changes)
}

fn refuse_blank(what: &str, text: &str) -> Result<()> {
    if text.trim_ascii().is_empty() { Err(Error::invalid_argument(format!("the {what} is empty"))) } else { Ok(()) }
}

fn keeps_changing() -> Error {
    Error::new(ErrorCode::Conflict, "the item keeps changing while it is written")
}

/// The server's only reason to forbid a change of an item is that it is somebody else's.
fn not_owner(error: Error) -> Error {
    match (error.code(), error.status()) {
        (ErrorCode::Forbidden, Some(status)) => {
            Error::new(ErrorCode::NotOwner, "only the item's owner may do this").with_status(status)
        }
        _ => error,
    }
}
