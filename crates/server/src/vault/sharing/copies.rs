//! Copies: an item in its recipient's hands, kept like its original. Each has slots of its own that name the
//! originals; the values come from the share that backs it.

use crate::clock::Clock;
use crate::error::Result;
use crate::store::{Select, new_id};
use crate::vault::items::records::ItemRow;
use sqlx::{AnyConnection, FromRow};

/// Makes a copy of `original` for `recipient_id`, backed by the share, if the recipient has none. (If there is one
/// already the share waits behind the one that backs it.)
pub(super) async fn make(
    db: &mut AnyConnection,
    original_id: &str,
    recipient_id: &str,
    share_id: &str,
    clock: &Clock,
) -> Result<()> {
    let inserted = sqlx::query(
        "INSERT INTO items (id, user_id, owner_id, original_id, share_id, template_id, template_label, name, label, \
         description, created_at, updated_at, sequence) \
         SELECT $1, $2, owner_id, id, $3, template_id, template_label, name, label, description, $4, $4, $5 \
         FROM items WHERE id = $6 ON CONFLICT (user_id, original_id) DO NOTHING",
    )
    .bind(new_id())
    .bind(recipient_id)
    .bind(share_id)
    .bind(clock.now())
    .bind(clock.sequence())
    .bind(original_id)
    .execute(&mut *db)
    .await?;
    if inserted.rows_affected() == 1 {
        bring_up_to_date(db, original_id, Some(recipient_id), clock).await?;
    }
    Ok(())
}

/// The copy of an item that this recipient has.
pub(super) async fn find(db: &mut AnyConnection, original_id: &str, recipient_id: &str) -> Result<Option<ItemRow>> {
    let select = Select::new(crate::vault::items::records::ITEMS)
        .text(" AND original_id = ?", original_id)
        .text(" AND user_id = ?", recipient_id);
    Ok(select.fetch(db).await?.pop())
}

/// Makes the copies of an item, or one recipient's, like the original: names and classification, slots that are new,
/// slots that are gone. A share of one slot has that slot only.
pub(super) async fn bring_up_to_date(
    db: &mut AnyConnection,
    original_id: &str,
    recipient_id: Option<&str>,
    clock: &Clock,
) -> Result<()> {
    for sql in [COPY_LABELS, REMOVE_SLOTS, COPY_SLOT_LABELS] {
        sqlx::query(sql).bind(original_id).bind(recipient_id.unwrap_or("")).execute(&mut *db).await?;
    }
    let missing: Vec<Missing> = Select::new(MISSING_SLOTS)
        .text(" AND copies.original_id = ?", original_id)
        .text_if(" AND copies.user_id = ?", recipient_id)
        .fetch(db)
        .await?;
    for slot in missing {
        insert_slot(db, &slot, clock).await?;
    }
    for sql in [FORGET_ITEM_NODES, COPY_ITEM_NODES, FORGET_SLOT_NODES, COPY_SLOT_NODES] {
        sqlx::query(sql).bind(original_id).bind(recipient_id.unwrap_or("")).execute(&mut *db).await?;
    }
    Ok(())
}

// In these $1 is the original and $2 the recipient whose copy is meant, empty for all.

const COPY_LABELS: &str = "UPDATE items SET \
     name = (SELECT name FROM items AS original WHERE original.id = $1), \
     label = (SELECT label FROM items AS original WHERE original.id = $1), \
     description = (SELECT description FROM items AS original WHERE original.id = $1), \
     updated_at = (SELECT updated_at FROM items AS original WHERE original.id = $1) \
     WHERE original_id = $1 AND ($2 = '' OR user_id = $2)";

const REMOVE_SLOTS: &str = "DELETE FROM slots WHERE id IN (SELECT slots.id FROM slots \
     JOIN items AS copies ON copies.id = slots.item_id JOIN shares ON shares.id = copies.share_id \
     WHERE copies.original_id = $1 AND ($2 = '' OR copies.user_id = $2) \
     AND shares.slot_id IS NOT NULL AND slots.original_id <> shares.slot_id)";

const COPY_SLOT_LABELS: &str = "UPDATE slots SET \
     label = (SELECT label FROM slots AS original WHERE original.id = slots.original_id), \
     description = (SELECT description FROM slots AS original WHERE original.id = slots.original_id), \
     slot_type_name = (SELECT slot_type_name FROM slots AS original WHERE original.id = slots.original_id), \
     ordinal = (SELECT ordinal FROM slots AS original WHERE original.id = slots.original_id), \
     updated_at = (SELECT updated_at FROM slots AS original WHERE original.id = slots.original_id) \
     WHERE item_id IN (SELECT id FROM items WHERE original_id = $1 AND ($2 = '' OR user_id = $2))";

const FORGET_ITEM_NODES: &str = "DELETE FROM item_classifications \
     WHERE item_id IN (SELECT id FROM items WHERE original_id = $1 AND ($2 = '' OR user_id = $2))";

const COPY_ITEM_NODES: &str = "INSERT INTO item_classifications (item_id, node_id) \
     SELECT copies.id, item_classifications.node_id FROM items AS copies \
     JOIN item_classifications ON item_classifications.item_id = copies.original_id \
     WHERE copies.original_id = $1 AND ($2 = '' OR copies.user_id = $2)";

const FORGET_SLOT_NODES: &str = "DELETE FROM slot_classifications WHERE slot_id IN (SELECT slots.id FROM slots \
     JOIN items AS copies ON copies.id = slots.item_id \
     WHERE copies.original_id = $1 AND ($2 = '' OR copies.user_id = $2))";

const COPY_SLOT_NODES: &str = "INSERT INTO slot_classifications (slot_id, node_id) \
     SELECT slots.id, slot_classifications.node_id FROM slots JOIN items AS copies ON copies.id = slots.item_id \
     JOIN slot_classifications ON slot_classifications.slot_id = slots.original_id \
     WHERE copies.original_id = $1 AND ($2 = '' OR copies.user_id = $2)";

const MISSING_SLOTS: &str = "SELECT copies.id AS item_id, original.id AS original_id, original.name, original.label, \
     original.description, original.slot_type_name, original.creator, original.ordinal, original.attachment_id \
     FROM items AS copies JOIN shares ON shares.id = copies.share_id \
     JOIN slots AS original ON original.item_id = copies.original_id \
     AND (shares.slot_id IS NULL OR shares.slot_id = original.id) \
     WHERE NOT EXISTS (SELECT 1 FROM slots WHERE slots.item_id = copies.id AND slots.original_id = original.id)";

#[derive(FromRow)]
struct Missing {
    item_id: String,
    original_id: String,
    name: String,
    label: String,
    description: Option<String>,
    slot_type_name: String,
    creator: String,
    ordinal: i64,
    attachment_id: Option<String>,
}

async fn insert_slot(db: &mut AnyConnection, slot: &Missing, clock: &Clock) -> Result<()> {
    sqlx::query(
        "INSERT INTO slots (id, item_id, original_id, name, label, description, slot_type_name, creator, ordinal, \
         visible, attachment_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $11)",
    )
    .bind(new_id())
    .bind(&slot.item_id)
    .bind(&slot.original_id)
    .bind(&slot.name)
    .bind(&slot.label)
    .bind(&slot.description)
    .bind(&slot.slot_type_name)
    .bind(&slot.creator)
    .bind(slot.ordinal)
    .bind(&slot.attachment_id)
    .bind(clock.now())
    .execute(db)
    .await?;
    Ok(())
}
