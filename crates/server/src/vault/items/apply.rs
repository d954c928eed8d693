//! Applies what [`super::changes`] planned: any number of slots in a few statements.

use std::collections::HashSet;

use sqlx::AnyConnection;

use super::changes::{Planned, PlannedSlot, SlotStep};
use crate::{
    clock::Clock,
    error::Result,
    store::new_id,
    vault::{
        classification,
        records::{
            classification::Classified,
            items::{ItemRow, SlotRow},
            slots,
        },
        sharing::ending,
    },
};

/// Inserts the slots of a new item, and returns them in their order.
pub(super) async fn insert_slots(
    db: &mut AnyConnection,
    item: &ItemRow,
    planned: Vec<PlannedSlot<'_>>,
    clock: &Clock,
) -> Result<Vec<SlotRow>> {
    let now = clock.now();
    let (mut rows, mut inserted, mut classified) = (Vec::new(), Vec::new(), Vec::new());
    for (ordinal, (slot, nodes)) in (1..).zip(planned) {
        let id = new_id();
        rows.push(SlotRow::inserted(id.clone(), item, slot.clone(), ordinal, now));
        inserted.push((id.clone(), slot, ordinal));
        classified.push((id, nodes));
    }
    slots::insert(db, &item.id, inserted, now).await?;
    let changes: Vec<_> = classified.iter().map(|(slot_id, nodes)| (Classified::Slot(slot_id), *nodes)).collect();
    classification::apply(db, &item.owner_id, &changes, clock).await?;
    rows.sort_by(|one, other| (one.ordinal, &one.id).cmp(&(other.ordinal, &other.id)));
    Ok(rows)
}

pub(super) async fn apply_steps(
    db: &mut AnyConnection,
    (item_id, user_id): (&str, &str),
    steps: Vec<Planned<'_>>,
    clock: &Clock,
) -> Result<()> {
    let mut ordinal = slots::highest_ordinal(db, item_id).await?;
    let (mut inserted, mut updated, mut deleted, mut classified) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (step, nodes) in steps {
        let slot_id = match step {
            SlotStep::Insert(slot) => {
                ordinal += 1;
                let id = new_id();
                inserted.push((id.clone(), slot, ordinal));
                id
            }
            SlotStep::Delete { id } => {
                deleted.push(id);
                continue;
            }
            SlotStep::Update { id, change } => {
                updated.push((id.clone(), change));
                id
            }
        };
        classified.push((slot_id, nodes));
    }
    slots::insert(db, item_id, inserted, clock.now()).await?;
    slots::update(db, updated, clock.now()).await?;
    delete_slots(db, &deleted, clock).await?;
    // A request may name a slot twice: one that it deletes cannot be classified.
    let deleted: HashSet<&String> = deleted.iter().collect();
    classified.retain(|(slot_id, _)| !deleted.contains(slot_id));
    let changes: Vec<_> = classified.iter().map(|(slot_id, nodes)| (Classified::Slot(slot_id), *nodes)).collect();
    classification::apply(db, user_id, &changes, clock).await
}

/// Deletes an original's slots and ends the shares of one of these slots alone.
pub(super) async fn delete_slots(db: &mut AnyConnection, ids: &[String], clock: &Clock) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    ending::end_all_of_slots(db, ids, clock).await?;
    slots::delete(db, ids).await
}
