//! Writing the slots of originals. Reading them is in [`super::items`], copies' slots are in [`super::copies`].

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::IDS_PER_STATEMENT;
use crate::{
    clock::Millis,
    error::Result,
    store::{Statement, Value, write_rows},
};

/// A slot to be inserted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NewSlot {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: Option<String>,
    pub(crate) slot_type_name: String,
    pub(crate) creator: &'static str,
    pub(crate) ordinal: Option<i64>,
    pub(crate) encrypted_value: Option<String>,
    pub(crate) attachment_id: Option<String>,
}

/// What changes of a slot. None leaves a field unchanged; `Some(None)` clears `encrypted_value`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SlotUpdate {
    pub(crate) label: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) slot_type_name: Option<String>,
    pub(crate) ordinal: Option<i64>,
    pub(crate) encrypted_value: Option<Option<String>>,
    pub(crate) attachment_id: Option<String>,
}

/// The highest ordinal of an item's slots, 0 without slots.
pub(crate) async fn highest_ordinal(db: &mut AnyConnection, item_id: &str) -> Result<i64> {
    let highest = sqlx::query_scalar("SELECT COALESCE(MAX(ordinal), 0) FROM slots WHERE item_id = $1");
    Ok(highest.bind(item_id).fetch_one(db).await?)
}

/// Inserts slots, each with its id and the ordinal it gets unless it has one.
pub(crate) async fn insert(
    db: &mut AnyConnection,
    item_id: &str,
    slots: Vec<(String, NewSlot, i64)>,
    now: Millis,
) -> Result<()> {
    let row = |(id, slot, next_ordinal): (String, NewSlot, i64)| {
        [
            id.into(),
            item_id.into(),
            slot.name.into(),
            slot.label.into(),
            slot.description.into(),
            slot.slot_type_name.into(),
            slot.creator.into(),
            slot.ordinal.unwrap_or(next_ordinal).into(),
            1.into(),
            slot.attachment_id.into(),
            slot.encrypted_value.into(),
            now.into(),
            now.into(),
        ]
    };
    let insert = "INSERT INTO slots (id, item_id, name, label, description, slot_type_name, creator, ordinal, \
         visible, attachment_id, encrypted_value, created_at, updated_at) VALUES";
    write_rows(db, insert, slots.into_iter().map(row).collect(), "").await
}

// The cast is for PostgreSQL: a column of nulls only has no type.
const UPDATE_SLOTS: &str = "UPDATE slots SET label = COALESCE(changes.column2, label), \
     description = COALESCE(changes.column3, description), \
     slot_type_name = COALESCE(changes.column4, slot_type_name), \
     ordinal = COALESCE(CAST(changes.column5 AS BIGINT), ordinal), \
     attachment_id = COALESCE(changes.column6, attachment_id), \
     encrypted_value = CASE WHEN changes.column7 = 1 THEN changes.column8 ELSE encrypted_value END, \
     updated_at = changes.column9 FROM (VALUES";
const UPDATE_SLOTS_WHERE: &str = ") AS changes WHERE slots.id = changes.column1";

/// Changes slots in one statement, or in more if a slot is changed more than once: `UPDATE … FROM` changes a row once.
pub(crate) async fn update(db: &mut AnyConnection, updates: Vec<(String, SlotUpdate)>, now: Millis) -> Result<()> {
    let mut rounds: Vec<Vec<[Value; 9]>> = Vec::new();
    let mut earlier_updates: HashMap<String, usize> = HashMap::new();
    for (id, change) in updates {
        let round = earlier_updates.entry(id.clone()).or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        if let Some(rows) = rounds.get_mut(*round) {
            rows.push([
                id.into(),
                change.label.into(),
                change.description.into(),
                change.slot_type_name.into(),
                change.ordinal.into(),
                change.attachment_id.into(),
                i64::from(change.encrypted_value.is_some()).into(),
                change.encrypted_value.flatten().into(),
                now.into(),
            ]);
        }
        *round += 1;
    }
    for rows in rounds {
        write_rows(db, UPDATE_SLOTS, rows, UPDATE_SLOTS_WHERE).await?;
    }
    Ok(())
}

/// Deletes an original's slots. Foreign keys delete the copies' slots and the values shared of them.
pub(crate) async fn delete(db: &mut AnyConnection, ids: &[String]) -> Result<()> {
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        Statement::new("DELETE FROM slots WHERE 1 = 1").any_of(" AND id IN (?)", ids).execute(db).await?;
    }
    Ok(())
}
