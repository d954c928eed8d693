//! Copies: the items that recipients have. A copy has slots of its own that refer to the original's, and reads their
//! values from one share. Any number of copies takes the same few statements, and rows that equal their original are
//! not written again.

use std::collections::HashMap;

use sqlx::{AnyConnection, FromRow};

use super::{
    IDS_PER_STATEMENT,
    items::{ITEMS, ItemRow},
};
use crate::{
    clock::Clock,
    error::Result,
    store::{Statement, new_id, write_rows},
};

/// A selection of copies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Copies<'a> {
    /// All of an item.
    All { original_id: &'a str },
    /// By their ids.
    These(&'a [String]),
}

impl Copies<'_> {
    /// Adds the condition to a statement with a table alias `copies`.
    fn condition(self, statement: Statement) -> Statement {
        match self {
            Self::All { original_id } => statement.text(" AND copies.original_id = ?", original_id),
            Self::These(ids) => statement.any_of(" AND copies.id IN (?)", ids),
        }
    }
}

/// Inserts copies of an item for recipients, each with the id of a share to read its values from. A recipient who has a
/// copy keeps it as it is.
pub(crate) async fn insert(
    db: &mut AnyConnection,
    original_id: &str,
    recipients_and_shares: &[(&str, &str)],
    clock: &Clock,
) -> Result<()> {
    let ids: Vec<String> = recipients_and_shares.iter().map(|_| new_id()).collect();
    let row = |(id, (recipient_id, share_id)): (&String, &(&str, &str))| {
        let (id, recipient_id, share_id) = (id.as_str().into(), (*recipient_id).into(), (*share_id).into());
        [id, recipient_id, share_id, original_id.into(), clock.now().into(), clock.sequence().into()]
    };
    let rows = ids.iter().zip(recipients_and_shares).map(row).collect();
    write_rows(db, INSERT_COPIES, rows, OF_THEIR_ORIGINALS).await?;
    let inserted = Copies::These(&ids);
    add_missing_slots(db, inserted, clock).await?;
    inserted.condition(Statement::new(COPY_ITEM_NODES)).sql(" ON CONFLICT DO NOTHING").execute(db).await?;
    inserted.condition(Statement::new(COPY_SLOT_NODES)).sql(" ON CONFLICT DO NOTHING").execute(db).await
}

pub(crate) async fn find(db: &mut AnyConnection, original_id: &str, recipient_id: &str) -> Result<Option<ItemRow>> {
    let select = Statement::new(ITEMS).text(" AND original_id = ?", original_id).text(" AND user_id = ?", recipient_id);
    Ok(select.fetch(db).await?.pop())
}

/// The ids of the copies that read their values from these shares.
pub(crate) async fn ids_by_shares(db: &mut AnyConnection, share_ids: &[String]) -> Result<Vec<String>> {
    let mut copies = Vec::new();
    for share_ids in share_ids.chunks(IDS_PER_STATEMENT) {
        let select = Statement::new("SELECT id FROM items WHERE 1 = 1").any_of(" AND share_id IN (?)", share_ids);
        copies.extend(select.fetch(db).await?.into_iter().map(|(id,): (String,)| id));
    }
    Ok(copies)
}

/// A share by which a copy's item reached its user.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Source {
    pub(crate) copy_id: String,
    pub(crate) recipient_id: String,
    /// The one that the copy reads its values from now.
    read_from: String,
    pub(crate) share_id: String,
    pub(crate) slot_id: Option<String>,
    pub(crate) sender_id: String,
}

/// For each of these copies the shares by which its item reached its user, the best first: one that may be read before one that
/// is to be accepted; the whole item, of its owner or of whoever sent what is read now; what is read now; the owner's, the
/// whole item, the older. So nobody who shares on takes away what another has shared, and a copy does not go from slot to slot.
async fn find_sources(db: &mut AnyConnection, copies: Copies<'_>) -> Result<Vec<Source>> {
    copies.condition(Statement::new(SOURCES)).sql(BEST_FIRST).fetch(db).await
}

/// The copies of an item that these users have.
pub(crate) async fn ids_of_users(
    db: &mut AnyConnection,
    original_id: &str,
    user_ids: &[impl AsRef<str>],
) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(user_ids.len());
    for user_ids in user_ids.chunks(IDS_PER_STATEMENT) {
        let select = Statement::new("SELECT id FROM items WHERE 1 = 1").text(" AND original_id = ?", original_id);
        let copies: Vec<(String,)> = select.any_of(" AND user_id IN (?)", user_ids).fetch(db).await?;
        ids.extend(copies.into_iter().map(|(id,)| id));
    }
    Ok(ids)
}

/// Has each of these copies read its values from the best of its shares, and returns those that there are.
pub(crate) async fn choose_sources(db: &mut AnyConnection, ids: &[String], clock: &Clock) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        sources.extend(find_sources(db, Copies::These(ids)).await?);
    }
    let mut best = HashMap::new();
    for source in &sources {
        best.entry(source.copy_id.as_str()).or_insert(source);
    }
    let changed: Vec<&Source> = best.into_values().filter(|source| source.read_from != source.share_id).collect();
    let rows = changed.iter().map(|source| [source.copy_id.as_str().into(), source.share_id.as_str().into()]).collect();
    let before = "UPDATE items SET share_id = sources.column2 FROM (VALUES";
    write_rows(db, before, rows, ") AS sources WHERE items.id = sources.column1").await?;
    let changed: Vec<String> = changed.into_iter().map(|source| source.copy_id.clone()).collect();
    for ids in changed.chunks(IDS_PER_STATEMENT) {
        sync(db, Copies::These(ids), clock).await?;
    }
    Ok(sources)
}

/// Makes copies equal to their original: labels, classification, and slots (of a share of one slot that slot only).
pub(crate) async fn sync(db: &mut AnyConnection, copies: Copies<'_>, clock: &Clock) -> Result<()> {
    for (before, after) in [
        (COPY_LABELS, ")"),
        (DELETE_SLOTS, ")"),
        (COPY_SLOT_LABELS, ")"),
        (DELETE_ITEM_NODES, ")"),
        (COPY_ITEM_NODES, " ON CONFLICT DO NOTHING"),
        (DELETE_SLOT_NODES, ")"),
    ] {
        copies.condition(Statement::new(before)).sql(after).execute(db).await?;
    }
    add_missing_slots(db, copies, clock).await?;
    copies.condition(Statement::new(COPY_SLOT_NODES)).sql(" ON CONFLICT DO NOTHING").execute(db).await
}

/// Adds the slots that are missing in the copies.
async fn add_missing_slots(db: &mut AnyConnection, copies: Copies<'_>, clock: &Clock) -> Result<()> {
    let missing: Vec<Missing> = copies.condition(Statement::new(MISSING_SLOTS)).fetch(db).await?;
    let now = clock.now();
    let row = |slot: Missing| {
        [
            new_id().into(),
            slot.item_id.into(),
            slot.original_id.into(),
            slot.name.into(),
            slot.label.into(),
            slot.description.into(),
            slot.slot_type_name.into(),
            slot.creator.into(),
            slot.ordinal.into(),
            1.into(),
            slot.attachment_id.into(),
            now.into(),
            now.into(),
        ]
    };
    let insert = "INSERT INTO slots (id, item_id, original_id, name, label, description, slot_type_name, creator, \
         ordinal, visible, attachment_id, created_at, updated_at) VALUES";
    write_rows(db, insert, missing.into_iter().map(row).collect(), "").await
}

const INSERT_COPIES: &str = "INSERT INTO items (id, user_id, owner_id, original_id, share_id, template_id, \
     template_label, name, label, description, created_at, updated_at, sequence) \
     SELECT recipients.column1, recipients.column2, items.owner_id, items.id, recipients.column3, items.template_id, \
     items.template_label, items.name, items.label, items.description, recipients.column5, items.updated_at, \
     recipients.column6 FROM (VALUES";
const OF_THEIR_ORIGINALS: &str = ") AS recipients JOIN items ON items.id = recipients.column4 WHERE 1 = 1 \
     ON CONFLICT (user_id, original_id) DO NOTHING";

// Each of these is followed by conditions on `copies`.

const COPY_LABELS: &str = "UPDATE items SET name = original.name, label = original.label, \
     description = original.description, updated_at = original.updated_at FROM items AS original \
     WHERE original.id = items.original_id AND (items.name <> original.name OR items.label <> original.label \
     OR items.description IS DISTINCT FROM original.description OR items.updated_at <> original.updated_at) \
     AND items.id IN (SELECT copies.id FROM items AS copies WHERE 1 = 1";

const DELETE_SLOTS: &str = "DELETE FROM slots WHERE id IN (SELECT slots.id FROM items AS copies \
     JOIN shares ON shares.id = copies.share_id JOIN slots ON slots.item_id = copies.id \
     WHERE shares.slot_id IS NOT NULL AND slots.original_id <> shares.slot_id";

const COPY_SLOT_LABELS: &str = "UPDATE slots SET label = original.label, description = original.description, \
     slot_type_name = original.slot_type_name, ordinal = original.ordinal, \
     attachment_id = original.attachment_id, updated_at = original.updated_at \
     FROM slots AS original WHERE original.id = slots.original_id AND (slots.label <> original.label \
     OR slots.attachment_id IS DISTINCT FROM original.attachment_id \
     OR slots.description IS DISTINCT FROM original.description OR slots.slot_type_name <> original.slot_type_name \
     OR slots.ordinal <> original.ordinal OR slots.updated_at <> original.updated_at) \
     AND slots.item_id IN (SELECT copies.id FROM items AS copies WHERE 1 = 1";

const DELETE_ITEM_NODES: &str = "DELETE FROM item_classifications WHERE NOT EXISTS (SELECT 1 FROM items AS copy \
     JOIN item_classifications AS links ON links.item_id = copy.original_id \
     WHERE copy.id = item_classifications.item_id AND links.node_id = item_classifications.node_id) \
     AND item_id IN (SELECT copies.id FROM items AS copies WHERE 1 = 1";

const COPY_ITEM_NODES: &str = "INSERT INTO item_classifications (item_id, node_id) \
     SELECT copies.id, links.node_id FROM items AS copies \
     JOIN item_classifications AS links ON links.item_id = copies.original_id WHERE 1 = 1";

const DELETE_SLOT_NODES: &str = "DELETE FROM slot_classifications WHERE NOT EXISTS (SELECT 1 FROM slots AS copy \
     JOIN slot_classifications AS links ON links.slot_id = copy.original_id \
     WHERE copy.id = slot_classifications.slot_id AND links.node_id = slot_classifications.node_id) \
     AND slot_id IN (SELECT slots.id FROM items AS copies JOIN slots ON slots.item_id = copies.id WHERE 1 = 1";

const COPY_SLOT_NODES: &str = "INSERT INTO slot_classifications (slot_id, node_id) \
     SELECT slots.id, links.node_id FROM items AS copies JOIN slots AS original ON original.item_id = copies.original_id \
     JOIN slot_classifications AS links ON links.slot_id = original.id \
     JOIN slots ON slots.item_id = copies.id AND slots.original_id = original.id WHERE 1 = 1";

const SOURCES: &str = "SELECT copies.id AS copy_id, copies.user_id AS recipient_id, copies.share_id AS read_from, \
     shares.id AS share_id, shares.slot_id, shares.sender_id FROM items AS copies \
     JOIN shares ON shares.item_id = copies.original_id AND shares.recipient_id = copies.user_id \
     LEFT JOIN shares AS present ON present.id = copies.share_id WHERE 1 = 1";
const BEST_FIRST: &str = " ORDER BY CASE WHEN shares.acceptance_required = 'acceptance_required' THEN 1 ELSE 0 END, \
     CASE WHEN shares.slot_id IS NULL AND (shares.sender_id = shares.owner_id OR shares.sender_id = present.sender_id) \
     THEN 0 ELSE 1 END, CASE WHEN shares.id = copies.share_id THEN 0 ELSE 1 END, \
     CASE WHEN shares.sender_id = shares.owner_id THEN 0 ELSE 1 END, \
     CASE WHEN shares.slot_id IS NULL THEN 0 ELSE 1 END, shares.sequence";

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
