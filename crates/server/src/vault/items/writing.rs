//! Writing items and slots: the queries, and carrying out what [`super::changes`] planned.

use super::changes::{NewSlot, Planned, SlotStep};
use crate::clock::Clock;
use crate::error::Result;
use crate::store::new_id;
use crate::vault::classification::{self, Classified};
use crate::vault::sharing;
use crate::vault::templates;
use sqlx::AnyConnection;

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

/// Carries out the steps, in order.
pub(super) async fn carry_out(
    db: &mut AnyConnection,
    (item_id, user_id): (&str, &str),
    steps: Vec<Planned<'_>>,
    clock: &Clock,
) -> Result<()> {
    let highest = sqlx::query_scalar("SELECT COALESCE(MAX(ordinal), 0) FROM slots WHERE item_id = $1");
    let mut ordinal: i64 = highest.bind(item_id).fetch_one(&mut *db).await?;
    for (step, nodes) in steps {
        let slot_id = match step {
            SlotStep::Insert(slot) => {
                ordinal += 1;
                let id = new_id();
                insert_slot(db, &id, item_id, &slot, ordinal, clock).await?;
                id
            }
            SlotStep::Delete { id } => {
                delete_slot(db, &id, clock).await?;
                continue;
            }
            SlotStep::Update { .. } => update_slot(db, step, clock).await?,
        };
        classification::apply(db, user_id, Classified::Slot(&slot_id), nodes, clock).await?;
    }
    Ok(())
}

async fn insert_slot(
    db: &mut AnyConnection,
    id: &str,
    item_id: &str,
    slot: &NewSlot,
    next_ordinal: i64,
    clock: &Clock,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO slots (id, item_id, name, label, description, slot_type_name, creator, ordinal, visible, \
         attachment_id, encrypted_value, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $11)",
    )
    .bind(id)
    .bind(item_id)
    .bind(&slot.name)
    .bind(&slot.label)
    .bind(&slot.description)
    .bind(&slot.slot_type_name)
    .bind(slot.creator)
    .bind(slot.ordinal.unwrap_or(next_ordinal))
    .bind(&slot.attachment_id)
    .bind(&slot.encrypted_value)
    .bind(clock.now())
    .execute(db)
    .await?;
    Ok(())
}

/// Changes a slot and says which.
async fn update_slot(db: &mut AnyConnection, step: SlotStep, clock: &Clock) -> Result<String> {
    let SlotStep::Update { id, label, description, slot_type_name, ordinal, encrypted_value, attachment_id } = step
    else {
        return Err(crate::error::Error::fault("only updates update"));
    };
    let replaces_value = encrypted_value.is_some();
    sqlx::query(
        "UPDATE slots SET label = COALESCE($1, label), description = COALESCE($2, description), \
         slot_type_name = COALESCE($3, slot_type_name), ordinal = COALESCE($4, ordinal), \
         attachment_id = COALESCE($5, attachment_id), \
         encrypted_value = CASE WHEN $6 = 1 THEN $7 ELSE encrypted_value END, updated_at = $8 WHERE id = $9",
    )
    .bind(label)
    .bind(description)
    .bind(slot_type_name)
    .bind(ordinal)
    .bind(attachment_id)
    .bind(i64::from(replaces_value))
    .bind(encrypted_value.flatten())
    .bind(clock.now())
    .bind(&id)
    .execute(db)
    .await?;
    Ok(id)
}

/// Deletes an original's slot. The copies' slots and the values shared of it go with it; a share of this one slot ends.
pub(super) async fn delete_slot(db: &mut AnyConnection, id: &str, clock: &Clock) -> Result<()> {
    sharing::ending::end_all_of_slot(db, id, clock).await?;
    sqlx::query("DELETE FROM slots WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}
