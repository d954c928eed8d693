//! Writing items and slots: the queries, and carrying out what [`super::changes`] planned.

use std::collections::{HashMap, HashSet};

use sqlx::AnyConnection;

use super::changes::{NewSlot, Planned, SlotStep, SlotUpdate};
use crate::{
    clock::{Clock, Millis},
    error::Result,
    store::{Statement, Value, new_id, write_rows},
    vault::{
        classification::{self, Classified},
        sharing, templates,
    },
};

/// A new item of `user_id`.
pub(super) struct NewItem<'a> {
    pub(super) id: &'a str,
    pub(super) user_id: &'a str,
    pub(super) template: &'a templates::Row,
    pub(super) name: &'a str,
    pub(super) label: &'a str,
    pub(super) description: Option<&'a str>,
}

pub(super) async fn insert(db: &mut AnyConnection, item: &NewItem<'_>, clock: &Clock) -> Result<()> {
    sqlx::query(
        "INSERT INTO items (id, user_id, owner_id, template_id, template_label, name, label, description, \
         created_at, updated_at, sequence) VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
    )
    .bind(item.id)
    .bind(item.user_id)
    .bind(&item.template.id)
    .bind(&item.template.label)
    .bind(item.name)
    .bind(item.label)
    .bind(item.description)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(&mut *db)
    .await?;
    if let Some(node_id) = &item.template.classification_node_id {
        sqlx::query("INSERT INTO item_classifications (item_id, node_id) VALUES ($1, $2)")
            .bind(item.id)
            .bind(node_id)
            .execute(db)
            .await?;
    }
    Ok(())
}

pub(super) async fn update(
    db: &mut AnyConnection,
    id: &str,
    label: Option<&str>,
    description: Option<&str>,
    clock: &Clock,
) -> Result<()> {
    sqlx::query(
        "UPDATE items SET label = COALESCE($1, label), description = COALESCE($2, description), updated_at = $3 \
         WHERE id = $4",
    )
    .bind(label)
    .bind(description)
    .bind(clock.now())
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

/// Carries out the steps: slots in few statements, however many there are.
pub(super) async fn carry_out(
    db: &mut AnyConnection,
    (item_id, user_id): (&str, &str),
    steps: Vec<Planned<'_>>,
    clock: &Clock,
) -> Result<()> {
    let highest = sqlx::query_scalar("SELECT COALESCE(MAX(ordinal), 0) FROM slots WHERE item_id = $1");
    let mut ordinal: i64 = highest.bind(item_id).fetch_one(&mut *db).await?;
    let now = clock.now();
    let (mut inserted, mut updated, mut deleted, mut classified) =
        (Vec::new(), Updates::default(), Vec::new(), Vec::new());
    for (step, nodes) in steps {
        let slot_id = match step {
            SlotStep::Insert(slot) => {
                ordinal += 1;
                let id = new_id();
                inserted.push(insertion(&id, item_id, slot, ordinal, now));
                id
            }
            SlotStep::Delete { id } => {
                deleted.push(id);
                continue;
            }
            SlotStep::Update { id, change } => {
                updated.add(&id, change, now);
                id
            }
        };
        classified.push((slot_id, nodes));
    }
    write_rows(db, INSERT_SLOTS, inserted, "").await?;
    for rows in updated.rounds {
        write_rows(db, UPDATE_SLOTS, rows, OF_THESE_IDS).await?;
    }
    delete_slots(db, &deleted, clock).await?;
    // A request may name a slot twice: what it takes away, it does not classify.
    let gone: HashSet<&String> = deleted.iter().collect();
    classified.retain(|(slot_id, _)| !gone.contains(slot_id));
    for (slot_id, nodes) in classified {
        classification::apply(db, user_id, Classified::Slot(&slot_id), nodes, clock).await?;
    }
    Ok(())
}

const INSERT_SLOTS: &str = "INSERT INTO slots (id, item_id, name, label, description, slot_type_name, creator, ordinal, \
     visible, attachment_id, encrypted_value, created_at, updated_at) VALUES";

fn insertion(id: &str, item_id: &str, slot: NewSlot, next_ordinal: i64, now: Millis) -> [Value; 13] {
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
}

// A row that only has nulls in a column does not say what type they are of.
const UPDATE_SLOTS: &str = "UPDATE slots SET label = COALESCE(changes.column2, label), \
     description = COALESCE(changes.column3, description), \
     slot_type_name = COALESCE(changes.column4, slot_type_name), \
     ordinal = COALESCE(CAST(changes.column5 AS BIGINT), ordinal), \
     attachment_id = COALESCE(changes.column6, attachment_id), \
     encrypted_value = CASE WHEN changes.column7 = 1 THEN changes.column8 ELSE encrypted_value END, \
     updated_at = changes.column9 FROM (VALUES";
const OF_THESE_IDS: &str = ") AS changes WHERE slots.id = changes.column1";

/// Changes of slots. A request may change a slot more than once: the later change then follows in a statement of its own,
/// since one statement changes a row once.
#[derive(Default)]
struct Updates {
    rounds: Vec<Vec<[Value; 9]>>,
    earlier: HashMap<String, usize>,
}

impl Updates {
    fn add(&mut self, id: &str, change: SlotUpdate, now: Millis) {
        let earlier = self.earlier.entry(id.to_owned()).or_default();
        if self.rounds.len() == *earlier {
            self.rounds.push(Vec::new());
        }
        if let Some(round) = self.rounds.get_mut(*earlier) {
            round.push([
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
        *earlier += 1;
    }
}

/// Deletes an original's slots. The copies' slots and the values shared of them go with them; shares of one of these
/// slots alone end.
pub(super) async fn delete_slots(db: &mut AnyConnection, ids: &[String], clock: &Clock) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sharing::ending::end_all_of_slots(db, ids, clock).await?;
    Statement::new("DELETE FROM slots WHERE 1 = 1").any_of(" AND id IN (?)", ids).execute(db).await
}
