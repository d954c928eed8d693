//! Creating and changing own items, and adopting what another client or the server made of them.
//! `docs/protocol/http-api.md` §6.5 and §6.8, `docs/protocol/additional-data.md`.
//!
//! A value is sealed with the ids of its item and slot, and with the state of the whole item. So rows without values are
//! made first, and the values are written in a second request. A crash between the two leaves empty rows, and the same call
//! goes on from there.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Binding, Classification, Item, ItemChange, NewItem, NewSlot, OutstandingTasks, ProgressListener, Session, Slot,
    binding::Ids,
    decrypt::{ItemKey, decrypt_item, decrypt_values},
    idempotency::PendingOperation,
    item::Seen,
    refusals::{bad_response, ciphertext, expect_id},
    session::Keys,
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
const MAX_ATTEMPTS: usize = 5;

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
        refuse_equal_names(&new.slots)?;
        let keys = self.keys()?;
        let operation = keys.pending.begin(("items.create", new))?;

        progress.report("storing the item", 0, 2);
        let change = items::ItemChange {
            label: Some(new.label.trim().to_owned()),
            classification_nodes_attributes: node_changes(&new.classifications),
            slots_attributes: Some(new.slots.iter().map(row).collect::<Result<_>>()?),
            ..Default::default()
        };
        let request =
            NewItemRequest { template_name: new.template.clone(), skip_empty_template_slots: false, item: change };
        let response = items::create(self.vault(), &request, operation.idempotency_key()).await?;
        let mut item = decrypt_values(&keys, response, &ItemKey::Own).await?;
        if keys.memory.borrow().has_seen_item(item.record.id.as_str()) {
            return Err(bad_response("the server gave a new item the id of another"));
        }

        progress.report("encrypting and storing the values", 1, 2);
        let change = ItemChange { slots: new.slots.clone(), label: Some(new.label.clone()), ..ItemChange::default() };
        for _ in 0..MAX_ATTEMPTS {
            let rows = match_slots(&item, &new.slots);
            let Some(rows) = rows.into_iter().collect::<Option<Vec<Id>>>() else {
                return Err(bad_response("the server made other slots than were asked for"));
            };
            if item.slots.iter().any(|slot| slot.record.encrypted_value.is_some()) {
                // Those of an attempt whose response was lost. Those of an older item could be the same: what is written to it
                // later would go to whom that one is shared with.
                let are_of_this_call = item.binding.birth == Some(operation.birth());
                if !are_of_this_call || !has_exactly(&item, &new.slots, &rows) {
                    return Err(bad_response("the server's new item holds values already"));
                }
                operation.complete();
                return Ok(item);
            }
            item.binding.birth = Some(operation.birth());
            match self.write(&item, &change, &rows, &[]).await {
                Err(error) if error.code() == ErrorCode::Conflict => item = self.get_own_item(&item.record.id).await?,
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

    /// `NOT_OWNER` for a received item; `CONFLICT` where others change it again and again meanwhile.
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

    async fn change_item(
        &self,
        id: &Id,
        change: &ItemChange,
        operation: &PendingOperation,
        progress: &ProgressListener,
    ) -> Result<Item> {
        if let Some(label) = &change.label {
            refuse_blank("label", label)?;
        }
        refuse_equal_names(&change.slots)?;
        let rows = change.slots.iter().map(row).collect::<Result<Vec<_>>>()?;
        let mut item = self.get_own_item(id).await?;
        let mut made = Vec::new();
        for _ in 0..MAX_ATTEMPTS {
            let attempt = async {
                progress.report("storing the change", 1, 3);
                let ids = self.add_missing_rows(&mut item, (&change.slots, &rows), &mut made).await?;
                if operation.was_attempted_before() {
                    // An attempt whose response was lost may have made them.
                    made.extend(
                        ids.iter().zip(&change.slots).filter(|(_, slot)| slot.id.is_none()).map(|(id, _)| id.clone()),
                    );
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
        let item = self.get_own_item(id).await?;
        if item.version() != version {
            return Err(Error::new(ErrorCode::Conflict, "the item shows something else now: look at it again"));
        }
        if item.slots.iter().all(|slot| slot.value.is_none()) {
            // There is nothing to seal: from now on nothing vouches for the item, and the session expects nothing else.
            self.keys()?.memory.borrow_mut().emptied_item(id);
            return Ok(Item { binding: Binding::default(), ..item });
        }
        let slots = item.slots.iter().map(|slot| NewSlot {
            id: Some(slot.record.id.clone()),
            value: slot.value.clone().filter(|value| !value.is_empty()).map(Some),
            ..NewSlot::default()
        });
        let change = ItemChange { slots: slots.collect(), ..ItemChange::default() };
        let rows: Vec<Id> = item.slots.iter().map(|slot| slot.record.id.clone()).collect();
        self.write_as(&item, &change, &rows, Vouching::ForWhatIsShown).await
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

    /// Makes rows for the slots that the item does not have, and gives the row of every slot of the change.
    async fn add_missing_rows(
        &self,
        item: &mut Item,
        (slots, rows): (&[NewSlot], &[SlotChange]),
        made: &mut Vec<Id>,
    ) -> Result<Vec<Id>> {
        let matched = match_slots(item, slots);
        let missing = matched.iter().zip(rows).filter(|(id, _)| id.is_none()).map(|(_, row)| row.clone());
        let missing: Vec<SlotChange> = missing.collect();
        if missing.is_empty() {
            return Ok(matched.into_iter().flatten().collect());
        }
        if slots.iter().zip(&matched).any(|(slot, id)| id.is_none() && (slot.id.is_some() || slot.remove)) {
            return Err(Error::invalid_argument("the item has no such slot"));
        }
        let change = items::ItemChange { slots_attributes: Some(missing), ..Default::default() };
        let response = self.put_item(item, change).await?;
        let with_rows = decrypt_item(&*self.keys()?, response, &ItemKey::Own).await?;
        let matched = match_slots(&with_rows, slots).into_iter().collect::<Option<Vec<Id>>>();
        let matched = matched.ok_or_else(|| bad_response("the server made other slots than were asked for"))?;
        // Not all that are new: this write would vouch for rows that only the server asked for.
        let is_new = |id: &&Id| item.slots.iter().all(|before| before.record.id != **id);
        made.extend(matched.iter().filter(is_new).cloned());
        *item = with_rows;
        Ok(matched)
    }

    /// Seals and writes a change whose slots have rows.
    async fn write(&self, item: &Item, change: &ItemChange, rows: &[Id], made: &[Id]) -> Result<Item> {
        // Who writes an item that is not as its values say must not vouch for it.
        let vouching = match item.is_changed_but_for(made) {
            true => Vouching::ForNothing,
            false => Vouching::ForWhatIsShown,
        };
        self.write_as(item, change, rows, vouching).await
    }

    async fn write_as(&self, item: &Item, change: &ItemChange, rows: &[Id], vouching: Vouching) -> Result<Item> {
        let keys = self.keys()?;
        let sealed = seal(&keys, item, change, rows, vouching).await?;
        if sealed.is_empty {
            return Ok(item.clone());
        }
        let response = self.put_item(item, sealed.change).await?;
        // A slot that the item does not name is not shown.
        let named: BTreeSet<&Id> = response.item.slot_ids.iter().collect();
        let shown = response.slots.iter().filter(|slot| named.contains(&slot.id));
        let held: BTreeMap<&Id, _> = shown.map(|slot| (&slot.id, slot.encrypted_value.as_ref())).collect();
        if sealed.values.iter().any(|(id, value)| held.get(id).copied().flatten() != value.as_ref()) {
            return Err(bad_response("the server does not hold what was written"));
        }
        match sealed.seen {
            Some(seen) => keys.memory.borrow_mut().wrote_item(&item.record.id, seen),
            None if sealed.is_emptied => keys.memory.borrow_mut().emptied_item(&item.record.id),
            // What was seen before stands: what only the server shows does not become what was written.
            None => {}
        }
        decrypt_item(&keys, response, &ItemKey::Own).await
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

/// What a write vouches for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vouching {
    ForWhatIsShown,
    /// The item is not as its values say, and stays so.
    ForNothing,
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
    value: RowValue<'a>,
}

#[derive(Clone, Copy)]
enum RowValue<'a> {
    Kept,
    Emptied,
    Sealed(&'a str),
}

impl<'a> Row<'a> {
    fn new(slot: &'a Slot, wish: Option<&'a NewSlot>) -> Self {
        let value = match wish.and_then(|wish| wish.value.as_ref()) {
            None => RowValue::Kept,
            Some(Some(value)) if !value.is_empty() => RowValue::Sealed(value),
            Some(_) => RowValue::Emptied,
        };
        let label = wish.and_then(|wish| wish.label.as_deref()).map_or(slot.record.label.as_str(), str::trim);
        let slot_type = wish.and_then(|wish| wish.slot_type.as_deref()).unwrap_or(&slot.record.slot_type_name);
        Row { slot, label, slot_type, value }
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
            encrypted_value: value,
            ..SlotChange::default()
        };
        let is_one = self.changes_words() || change.encrypted_value.is_some();
        is_one.then(|| SlotChange { id: Some(record.id.clone()), ..change })
    }
}

async fn seal(keys: &Keys, item: &Item, change: &ItemChange, ids: &[Id], vouching: Vouching) -> Result<Sealed> {
    let wishes: BTreeMap<&Id, &NewSlot> = ids.iter().zip(&change.slots).collect();
    if wishes.len() < ids.len() {
        return Err(Error::invalid_argument("two of the slots are one and the same"));
    }
    let is_removed = |slot: &&Slot| wishes.get(&slot.record.id).is_some_and(|wish| wish.remove);
    let (removed, kept): (Vec<&Slot>, Vec<&Slot>) = item.slots.iter().partition(is_removed);
    let mut rows: Vec<Row<'_>> =
        kept.into_iter().map(|slot| Row::new(slot, wishes.get(&slot.record.id).copied())).collect();
    rows.sort_unstable_by(|one, other| one.slot.record.id.cmp(&other.slot.record.id));
    let label = change.label.as_deref().map_or(item.record.label.as_str(), str::trim);
    let changes_words = label != item.record.label || !removed.is_empty() || rows.iter().any(Row::changes_words);
    vouch_by_first_value(&mut rows, changes_words);

    let revision = item.binding.revision.checked_add(1).filter(|&revision| revision != Written::NO_REVISION);
    let revision = revision.ok_or_else(|| bad_response("the item has too many revisions"))?;
    let birth = match item.binding.birth {
        Some(birth) => birth,
        None => Birth::generate()?,
    };
    let state = match vouching {
        Vouching::ForNothing => StateDigest::FITS_NOTHING,
        Vouching::ForWhatIsShown => {
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
    let is_emptied = !seals && !rows.iter().any(is_kept_and_bound);
    let new_label = (label != item.record.label).then(|| label.to_owned());
    let is_empty = slots.is_empty() && new_label.is_none() && change.classifications.is_empty();
    let change = items::ItemChange {
        label: new_label,
        classification_nodes_attributes: node_changes(&change.classifications),
        slots_attributes: Some(slots),
        ..Default::default()
    };
    Ok(Sealed { change, is_empty, values, seen, is_emptied })
}

/// Where words or rows change and no value does, the first value is sealed again, so that one of the new revision vouches for
/// them. Not one that names no place: that would vouch for it.
fn vouch_by_first_value(rows: &mut [Row<'_>], changes_words: bool) {
    let seals = rows.iter().any(|row| matches!(row.value, RowValue::Sealed(_)));
    let empties = rows.iter().any(|row| matches!(row.value, RowValue::Emptied) && row.slot.value.is_some());
    if seals || !(changes_words || empties) {
        return;
    }
    let first = rows.iter_mut().find(|row| matches!(row.value, RowValue::Kept) && row.slot.written.is_some());
    if let Some(row) = first
        && let Some(value) = &row.slot.value
    {
        row.value = RowValue::Sealed(value);
    }
}

/// The row of each slot: by its id, or by its name, or else by its label.
fn match_slots(item: &Item, slots: &[NewSlot]) -> Vec<Option<Id>> {
    let find = |wish: &NewSlot| {
        let is_it = |slot: &&Slot| match (&wish.id, &wish.name, &wish.label) {
            (Some(id), ..) => slot.record.id == *id,
            (None, Some(name), _) => slot.record.name == *name || slot.record.name == machine_name(name),
            (None, None, Some(label)) => slot.record.name == machine_name(label),
            (None, None, None) => false,
        };
        let by_label = |slot: &&Slot| {
            let word = wish.label.as_ref().or(wish.name.as_ref());
            wish.id.is_none() && word.is_some_and(|word| slot.record.label == word.trim())
        };
        let found = item.slots.iter().find(is_it).or_else(|| item.slots.iter().find(by_label));
        found.map(|slot| slot.record.id.clone())
    };
    slots.iter().map(find).collect()
}

/// The name that the protocol derives from a label (`docs/protocol/http-api.md` §6.5).
fn machine_name(label: &str) -> String {
    let words = label
        .split_whitespace()
        .map(|word| word.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_').collect::<String>());
    match words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_").to_lowercase() {
        empty if empty.is_empty() => "unnamed".to_owned(),
        name => name,
    }
}

/// Slots that would be one row: the server would keep the value of one of them.
fn refuse_equal_names(slots: &[NewSlot]) -> Result<()> {
    let mut names = BTreeSet::new();
    for slot in slots.iter().filter(|slot| slot.id.is_none()) {
        let word = slot.name.as_ref().or(slot.label.as_ref());
        if word.is_some_and(|word| !names.insert(machine_name(word))) {
            return Err(Error::invalid_argument("two of the slots have the same name"));
        }
    }
    Ok(())
}

/// Whether an item holds the values asked for, and no others.
fn has_exactly(item: &Item, slots: &[NewSlot], rows: &[Id]) -> bool {
    let wishes: BTreeMap<&Id, &NewSlot> = rows.iter().zip(slots).collect();
    item.slots.iter().all(|slot| {
        let wished = wishes.get(&slot.record.id).and_then(|wish| wish.value.as_ref()?.as_ref());
        slot.value.as_ref().filter(|value| !value.is_empty()) == wished.filter(|value| !value.is_empty())
            && slot.is_bound
    })
}

/// A slot's row, without its value.
fn row(slot: &NewSlot) -> Result<SlotChange> {
    if slot.id.is_none() && slot.name.is_none() && slot.label.is_none() {
        return Err(Error::invalid_argument("a slot has neither an id nor a name nor a label"));
    }
    Ok(SlotChange {
        id: slot.id.clone(),
        name: slot.name.clone(),
        label: slot.label.as_deref().map(str::trim).map(str::to_owned),
        slot_type_name: slot.slot_type.clone(),
        destroy: slot.remove.then_some(true),
        ..SlotChange::default()
    })
}

fn node_changes(classifications: &[Classification]) -> Option<Vec<ClassificationNodeChange>> {
    let mut changes = Vec::with_capacity(classifications.len());
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
