//! Items: originals and the copies that recipients have, each with its slots, the values that this reader may see, and
//! its classification. Loading any number of items takes the same few queries.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use utoipa::IntoParams;
use vaultshare::api::{
    Ciphertext, Id,
    vault::{
        items::{ClassificationNode, Item, ItemResponse},
        slots::Slot,
    },
};

use super::{
    IDS_PER_STATEMENT,
    attachments::{self, OfItems},
    classification,
    slots::NewSlot,
    templates,
};
use crate::{
    clock::{Clock, Millis, to_wire},
    error::{Code, Error, Result},
    pagination::Page,
    query,
    store::Statement,
    wire::Stored,
};

/// Every query for items starts with this; conditions follow.
pub(super) const ITEMS: &str = "SELECT items.id, items.owner_id, items.original_id, \
     items.share_id, items.template_id, items.template_label, items.name, items.label, items.description, \
     items.created_at, items.updated_at, items.sequence FROM items WHERE 1 = 1";

/// An original's own values, or a copy's from the share that backs it.
const SLOTS: &str = "SELECT slots.id, slots.item_id, slots.original_id, slots.name, slots.label, slots.description, \
     slots.slot_type_name, slots.creator, slots.ordinal, slots.attachment_id, slots.created_at, slots.updated_at, \
     items.owner_id, items.share_id, shares.acceptance_required, \
     COALESCE(slots.encrypted_value, share_values.encrypted_value) AS encrypted_value, \
     share_values.encrypted_value_verification_key, share_values.value_verification_hash \
     FROM slots JOIN items ON items.id = slots.item_id \
     LEFT JOIN shares ON shares.id = items.share_id \
     LEFT JOIN share_values ON share_values.share_id = items.share_id AND share_values.slot_id = slots.original_id \
     WHERE 1 = 1";

#[derive(Clone, Debug, FromRow)]
pub(crate) struct ItemRow {
    pub(crate) id: String,
    pub(crate) owner_id: String,
    pub(crate) original_id: Option<String>,
    pub(crate) share_id: Option<String>,
    pub(crate) template_id: String,
    pub(crate) template_label: String,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: Option<String>,
    created_at: Millis,
    pub(crate) updated_at: Millis,
    pub(crate) sequence: i64,
}

impl ItemRow {
    /// The owner's id of this item, whoever's copy this is.
    pub(crate) fn original(&self) -> &str {
        self.original_id.as_deref().unwrap_or(&self.id)
    }

    /// Whether this is the original, not a recipient's copy.
    pub(crate) fn is_own(&self) -> bool {
        self.original_id.is_none()
    }
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct SlotRow {
    pub(crate) id: String,
    pub(crate) item_id: String,
    pub(crate) original_id: Option<String>,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: Option<String>,
    pub(crate) slot_type_name: String,
    pub(crate) creator: String,
    pub(crate) ordinal: i64,
    pub(crate) attachment_id: Option<String>,
    created_at: Millis,
    updated_at: Millis,
    pub(crate) owner_id: String,
    share_id: Option<String>,
    acceptance_required: Option<String>,
    pub(crate) encrypted_value: Option<String>,
    encrypted_value_verification_key: Option<String>,
    pub(crate) value_verification_hash: Option<String>,
}

impl SlotRow {
    /// As it is read once [`super::slots::insert`] has inserted it into a new item.
    pub(crate) fn inserted(id: String, item: &ItemRow, slot: NewSlot, next_ordinal: i64, now: Millis) -> Self {
        Self {
            id,
            item_id: item.id.clone(),
            original_id: None,
            name: slot.name,
            label: slot.label,
            description: slot.description,
            slot_type_name: slot.slot_type_name,
            creator: slot.creator.to_owned(),
            ordinal: slot.ordinal.unwrap_or(next_ordinal),
            attachment_id: slot.attachment_id,
            created_at: now,
            updated_at: now,
            owner_id: item.owner_id.clone(),
            share_id: None,
            acceptance_required: None,
            encrypted_value: slot.encrypted_value,
            encrypted_value_verification_key: None,
            value_verification_hash: None,
        }
    }
}

/// How much an item is.
#[derive(Clone, Copy, Debug, Default, FromRow)]
pub(crate) struct Size {
    pub(crate) slots: i64,
    /// Of the texts of the slots.
    pub(crate) bytes: i64,
    /// How often the item and its slots are classified.
    pub(crate) links: i64,
    /// How often the one of them is that is classified most often.
    pub(crate) most_links: i64,
}

/// What a slot adds to a reply besides its texts.
const BYTES_PER_SLOT: i64 = 1600;

/// What a slot adds that stands for a file, with a thumbnail of each size.
const BYTES_PER_ATTACHMENT: i64 = 4096;

/// What a node adds to a reply besides its texts; its id stands with the item or slot too.
const BYTES_PER_NODE: i64 = 512;

/// The nodes that items and their slots stand under, and the bytes of their texts, of links from items to nodes.
const NODE_BYTES: &str = "SELECT links.item_id, COUNT(*), CAST(SUM(OCTET_LENGTH(nodes.name) \
     + OCTET_LENGTH(nodes.label) + COALESCE(OCTET_LENGTH(nodes.description), 0) \
     + COALESCE(OCTET_LENGTH(nodes.image), 0)) AS BIGINT) FROM (";

/// The bytes of a slot's texts. They are known without reading the texts.
const SLOT_BYTES: &str = "CAST(COALESCE(SUM(OCTET_LENGTH(slots.name) + OCTET_LENGTH(slots.label) \
     + COALESCE(OCTET_LENGTH(slots.description), 0) \
     + COALESCE(OCTET_LENGTH(slots.encrypted_value), OCTET_LENGTH(share_values.encrypted_value), 0)), 0) AS BIGINT) \
     AS bytes FROM slots JOIN items ON items.id = slots.item_id \
     LEFT JOIN share_values ON share_values.share_id = items.share_id AND share_values.slot_id = slots.original_id \
     WHERE 1 = 1";

/// How often an item, and each of its slots, is classified. The item's id is the first parameter.
const LINKS: &str = "SELECT COUNT(*) AS links FROM item_classifications WHERE item_id = $1 \
     UNION ALL SELECT COUNT(*) AS links FROM slots AS own JOIN slot_classifications \
     ON slot_classifications.slot_id = own.id WHERE own.item_id = $1 GROUP BY own.id";

impl Size {
    /// What [`size_of`] says, of a reply that has the whole item.
    pub(crate) fn of(reply: &ItemResponse) -> Self {
        let bytes = |slot: &Slot| {
            let texts = [slot.description.as_deref(), slot.encrypted_value.as_ref().map(Ciphertext::as_str)];
            slot.name.len() + slot.label.len() + texts.into_iter().flatten().map(str::len).sum::<usize>()
        };
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let links: Vec<usize> = std::iter::once(&reply.item.classification_node_ids)
            .chain(reply.slots.iter().map(|slot| &slot.classification_node_ids))
            .map(Vec::len)
            .collect();
        Self {
            slots: count(reply.slots.len()),
            bytes: count(reply.slots.iter().map(bytes).sum()),
            links: count(links.iter().sum()),
            most_links: count(links.into_iter().max().unwrap_or_default()),
        }
    }
}

/// How much an item is, after a change.
pub(crate) async fn size_of(db: &mut AnyConnection, item_id: &str) -> Result<Size> {
    let select = Statement::new("SELECT COUNT(*) AS slots, ")
        .text("(SELECT CAST(COALESCE(SUM(links), 0) AS BIGINT) FROM (", item_id)
        .sql(LINKS)
        .sql(") AS counted) AS links, (SELECT COALESCE(MAX(links), 0) FROM (")
        .sql(LINKS)
        .sql(") AS counted) AS most_links, ")
        .sql(SLOT_BYTES)
        .text(" AND slots.item_id = ?", item_id);
    Ok(select.fetch(db).await?.pop().unwrap_or_default())
}

/// What these items weigh in a list, in bytes of the reply, by their ids.
pub(crate) async fn weights(db: &mut AnyConnection, ids: &[&str]) -> Result<HashMap<String, usize>> {
    let nodes: Vec<(String, i64, i64)> = Statement::new(NODE_BYTES)
        .any_of(
            "SELECT item_id, node_id FROM item_classifications WHERE item_id IN (?) \
             UNION SELECT slots.item_id, slot_classifications.node_id FROM slots JOIN slot_classifications \
             ON slot_classifications.slot_id = slots.id WHERE slots.item_id IN (?)",
            ids,
        )
        .sql(") AS links JOIN classification_nodes AS nodes ON nodes.id = links.node_id GROUP BY links.item_id")
        .fetch(db)
        .await?;
    let slots: Vec<(String, i64, i64, i64)> =
        Statement::new("SELECT slots.item_id, COUNT(*), COUNT(slots.attachment_id), ")
            .sql(SLOT_BYTES)
            .any_of(" AND slots.item_id IN (?)", ids)
            .sql(" GROUP BY slots.item_id")
            .fetch(db)
            .await?;
    let weight = |bytes: i64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut weights: HashMap<String, usize> = HashMap::new();
    for (id, count, attachments, bytes) in slots {
        let bytes = count * BYTES_PER_SLOT + attachments * BYTES_PER_ATTACHMENT + bytes;
        *weights.entry(id).or_default() += weight(bytes);
    }
    for (id, count, bytes) in nodes {
        *weights.entry(id).or_default() += weight(count * BYTES_PER_NODE + bytes);
    }
    Ok(weights)
}

/// Items and the records that are sent with them.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) items: Vec<Item>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) classification_nodes: Vec<ClassificationNode>,
    /// What slots stand for, as far as the reader may see it.
    pub(crate) files: OfItems,
}

/// The item, original or copy, of this user and id.
pub(crate) async fn find(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<ItemRow> {
    let select = Statement::new(ITEMS).text(" AND id = ?", id).text(" AND user_id = ?", user_id);
    select.fetch(db).await?.pop().ok_or_else(|| Error::not_found(Code::ItemNotFound))
}

/// The slots of one item, in order.
pub(crate) async fn slots_of(db: &mut AnyConnection, item_id: &str) -> Result<Vec<SlotRow>> {
    Statement::new(SLOTS)
        .text(" AND slots.item_id = ?", item_id)
        .sql(" ORDER BY slots.ordinal, slots.id")
        .fetch(db)
        .await
}

/// The slot of an item of this user.
pub(crate) async fn find_slot(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<SlotRow> {
    let select = Statement::new(SLOTS).text(" AND slots.id = ?", id).text(" AND items.user_id = ?", user_id);
    select.fetch(db).await?.pop().ok_or_else(slot_not_found)
}

pub(crate) fn slot_not_found() -> Error {
    Error::not_found(Code::SlotNotFound)
}

/// The item if the user owns it: recipients can read an item, not change it.
pub(crate) async fn find_own(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<ItemRow> {
    let item = find(db, id, user_id).await?;
    if !item.is_own() {
        return Err(Error::refused(Code::NotOwner, "Only the owner of an item can do this"));
    }
    Ok(item)
}

/// The parameters that filter a list of items.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct ItemFilter {
    /// Items with one of these ids, by the reading user's id of them.
    #[serde(alias = "item_ids[]", deserialize_with = "query::list")]
    item_ids: Vec<String>,
    /// Items made from one of these templates.
    #[serde(alias = "template_ids[]", deserialize_with = "query::list")]
    template_ids: Vec<String>,
    /// Items classified by a node with one of these machine names.
    #[serde(alias = "classification_node_names[]", deserialize_with = "query::list")]
    classification_node_names: Vec<String>,
    /// The same, by its older name.
    #[serde(alias = "classification_node_name[]", deserialize_with = "query::list")]
    classification_node_name: Vec<String>,
    /// Items classified by a node of this scheme.
    #[serde(deserialize_with = "query::text")]
    classification_scheme_name: Option<String>,
    /// Items that this user owns.
    #[serde(deserialize_with = "query::text")]
    owner_id: Option<String>,
    /// Items of this machine name.
    #[serde(deserialize_with = "query::text")]
    name: Option<String>,
    /// Items that the reading user shares with this user.
    #[serde(deserialize_with = "query::text")]
    shared_with: Option<String>,
    /// True: items that the reading user owns; false: received ones.
    #[serde(deserialize_with = "query::flag")]
    own: Option<bool>,
}

/// A page of the user's items, originals and copies.
pub(crate) async fn list(
    db: &mut AnyConnection,
    user_id: &str,
    filter: &ItemFilter,
    page: &Page,
) -> Result<Vec<ItemRow>> {
    let select = Statement::new(ITEMS);
    let select = match filter.item_ids.is_empty() {
        true => select.text(" AND items.user_id = ?", user_id),
        // `|| ''` keeps SQLite from using the index on the user, who may have many more items than these.
        false => select.any_of(" AND items.id IN (?)", &filter.item_ids).text(" AND items.user_id || '' = ?", user_id),
    };
    let nodes = [filter.classification_node_names.as_slice(), &filter.classification_node_name].concat();
    let mut select = select
        .any_of_if(" AND items.template_id IN (?)", &filter.template_ids)
        .text_if(" AND items.owner_id = ?", filter.owner_id.as_deref())
        .text_if(" AND items.name = ?", filter.name.as_deref())
        .text_if(UNDER_SCHEME, filter.classification_scheme_name.as_deref())
        .any_of_if(UNDER_NODES, &nodes);
    if let Some(recipient) = &filter.shared_with {
        select = select.text(SHARED_BY, user_id).text(" AND shares.recipient_id = ?)", recipient);
    }
    let select = match filter.own {
        Some(true) => select.sql(" AND items.original_id IS NULL"),
        Some(false) => select.sql(" AND items.original_id IS NOT NULL"),
        None => select,
    };
    select.page("items.sequence", page).fetch(db).await
}

const UNDER_SCHEME: &str = " AND EXISTS (SELECT 1 FROM item_classifications \
     JOIN classification_nodes ON classification_nodes.id = item_classifications.node_id \
     WHERE item_classifications.item_id = items.id AND classification_nodes.scheme = ?)";
const UNDER_NODES: &str = " AND EXISTS (SELECT 1 FROM item_classifications \
     JOIN classification_nodes ON classification_nodes.id = item_classifications.node_id \
     WHERE item_classifications.item_id = items.id \
     AND (classification_nodes.name IN (?) OR classification_nodes.label IN (?)))";
const SHARED_BY: &str = " AND EXISTS (SELECT 1 FROM shares \
     WHERE shares.item_id = COALESCE(items.original_id, items.id) AND shares.sender_id = ?";

/// Originals by their ids.
pub(crate) async fn find_all(db: &mut AnyConnection, ids: &[&str]) -> Result<Vec<ItemRow>> {
    Statement::new(ITEMS).any_of(" AND items.id IN (?)", ids).fetch(db).await
}

/// The ids of the items of these slots, by the slots' ids.
pub(crate) async fn ids_of_slots(db: &mut AnyConnection, slot_ids: &[&str]) -> Result<HashMap<String, String>> {
    let mut items = HashMap::new();
    for slot_ids in slot_ids.chunks(IDS_PER_STATEMENT) {
        let select = Statement::new("SELECT id, item_id FROM slots WHERE 1 = 1").any_of(" AND id IN (?)", slot_ids);
        items.extend(select.fetch::<(String, String)>(db).await?);
    }
    Ok(items)
}

/// An original to be inserted.
pub(crate) struct NewItem<'a> {
    pub(crate) id: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) template: &'a templates::Row,
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) description: Option<&'a str>,
}

/// Inserts an item, classified like its template.
pub(crate) async fn insert(db: &mut AnyConnection, item: &NewItem<'_>, clock: &Clock) -> Result<ItemRow> {
    let (now, sequence) = (clock.now(), clock.sequence());
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
    .bind(now)
    .bind(sequence)
    .execute(&mut *db)
    .await?;
    if let Some(node_id) = &item.template.classification_node_id {
        classification::link_all(db, &[(classification::Classified::Item(item.id), node_id)]).await?;
    }
    Ok(ItemRow {
        id: item.id.to_owned(),
        owner_id: item.user_id.to_owned(),
        original_id: None,
        share_id: None,
        template_id: item.template.id.clone(),
        template_label: item.template.label.clone(),
        name: item.name.to_owned(),
        label: item.label.to_owned(),
        description: item.description.map(str::to_owned),
        created_at: now,
        updated_at: now,
        sequence,
    })
}

/// Sets `updated_at`, and label and description where given. Every change of an item or its slots comes here, and none
/// leaves the time as it was, so that clients can tell by it whether something changed.
pub(crate) async fn update(
    db: &mut AnyConnection,
    id: &str,
    label: Option<&str>,
    description: Option<&str>,
    now: Millis,
) -> Result<()> {
    sqlx::query(
        "UPDATE items SET label = COALESCE($1, label), description = COALESCE($2, description), \
         updated_at = CASE WHEN updated_at < $3 THEN $3 ELSE updated_at + 1 END WHERE id = $4",
    )
    .bind(label)
    .bind(description)
    .bind(now)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes an item. Foreign keys delete its slots, and of an original its copies and shares.
pub(crate) async fn delete(db: &mut AnyConnection, id: &str) -> Result<()> {
    sqlx::query("DELETE FROM items WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

/// Deletes items, as [`delete`] does.
pub(crate) async fn delete_all(db: &mut AnyConnection, ids: &[String]) -> Result<()> {
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        Statement::new("DELETE FROM items WHERE 1 = 1").any_of(" AND id IN (?)", ids).execute(db).await?;
    }
    Ok(())
}

/// Deletes some items of a user, and returns how many.
pub(crate) async fn delete_some_of_user(db: &mut AnyConnection, user_id: &str, count: i64) -> Result<u64> {
    let delete = "DELETE FROM items WHERE id IN (SELECT id FROM items WHERE user_id = $1 LIMIT $2)";
    Ok(sqlx::query(delete).bind(user_id).bind(count).execute(db).await?.rows_affected())
}

/// One item of this user as a reply.
pub(crate) async fn response(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<ItemResponse> {
    let row = find(db, id, user_id).await?;
    response_of(db, row, user_id).await
}

/// [`response`] for a row that was loaded before.
pub(crate) async fn response_of(db: &mut AnyConnection, row: ItemRow, user_id: &str) -> Result<ItemResponse> {
    let loaded = load(db, vec![row], user_id).await?;
    only_one(loaded)
}

/// [`response`] for an item that was just inserted, with its slots in their order: no more than what it stands under is
/// read.
pub(crate) async fn response_of_new(
    db: &mut AnyConnection,
    row: ItemRow,
    slots: Vec<SlotRow>,
    user_id: &str,
) -> Result<ItemResponse> {
    only_one(load_classification(db, vec![row], slots, user_id).await?)
}

fn only_one(mut loaded: Loaded) -> Result<ItemResponse> {
    let item = loaded.items.pop().ok_or_else(|| Error::fault("an item vanished while it was read"))?;
    Ok(ItemResponse {
        item,
        slots: loaded.slots,
        classification_nodes: loaded.classification_nodes,
        attachments: loaded.files.attachments,
        thumbnails: loaded.files.thumbnails,
        associations: vec![],
        associations_to: vec![],
    })
}

pub(crate) async fn slot_response(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Slot> {
    let row = find_slot(db, id, user_id).await?;
    let mut links = links_of(db, std::slice::from_ref(&row.item_id)).await?;
    slot(row, &mut links)
}

/// Loads slots and classification of these items.
pub(crate) async fn load(db: &mut AnyConnection, rows: Vec<ItemRow>, reader: &str) -> Result<Loaded> {
    if rows.is_empty() {
        return Ok(Loaded::default());
    }
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let slot_rows: Vec<SlotRow> = Statement::new(SLOTS)
        .any_of(" AND slots.item_id IN (?)", &ids)
        .sql(" ORDER BY slots.item_id, slots.ordinal, slots.id")
        .fetch(db)
        .await?;
    load_classification(db, rows, slot_rows, reader).await
}

/// Loads what these items and their slots stand under.
async fn load_classification(
    db: &mut AnyConnection,
    rows: Vec<ItemRow>,
    slot_rows: Vec<SlotRow>,
    reader: &str,
) -> Result<Loaded> {
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let mut links = links_of(db, &ids).await?;
    let mut node_ids: Vec<&str> = links.values().flatten().map(Id::as_str).collect();
    node_ids.sort_unstable();
    node_ids.dedup();
    let nodes = classification::find_all(db, &node_ids).await?;
    let mut slot_ids: HashMap<String, Vec<Id>> = HashMap::new();
    for slot in &slot_rows {
        slot_ids.entry(slot.item_id.clone()).or_default().push(Id::stored(slot.id.clone())?);
    }
    let files = match slot_rows.iter().any(|slot| slot.attachment_id.is_some()) {
        true => attachments::of_items(db, &ids).await?,
        false => OfItems::default(),
    };
    let mut take_slot_ids = |id: &str| slot_ids.remove(id).unwrap_or_default();
    let items = rows.into_iter().map(|row| item(take_slot_ids(&row.id), row, &mut links)).collect::<Result<_>>()?;
    let slots = slot_rows.into_iter().map(|row| slot(row, &mut links)).collect::<Result<_>>()?;
    Ok(Loaded { items, slots, classification_nodes: classification::wire(nodes, reader)?, files })
}

/// The classification nodes of items and slots, by the id of the item or slot.
type Links = HashMap<String, Vec<Id>>;

async fn links_of(db: &mut AnyConnection, item_ids: &[String]) -> Result<Links> {
    let rows: Vec<(String, String)> = Statement::new("SELECT item_id AS target_id, node_id FROM item_classifications")
        .any_of(
            " WHERE item_id IN (?) UNION ALL SELECT slots.id AS target_id, slot_classifications.node_id FROM slots \
             JOIN slot_classifications ON slot_classifications.slot_id = slots.id WHERE slots.item_id IN (?) \
             ORDER BY target_id, node_id",
            item_ids,
        )
        .fetch(db)
        .await?;
    let mut links = Links::new();
    for (target_id, node_id) in rows {
        links.entry(target_id).or_default().push(Id::stored(node_id)?);
    }
    Ok(links)
}

fn item(slot_ids: Vec<Id>, row: ItemRow, links: &mut Links) -> Result<Item> {
    Ok(Item {
        slot_ids,
        classification_node_ids: links.remove(&row.id).unwrap_or_default(),
        own: row.is_own(),
        id: Id::stored(row.id)?,
        name: row.name,
        label: row.label,
        description: row.description,
        created_at: to_wire(row.created_at),
        updated_at: to_wire(row.updated_at),
        item_template_id: Some(Id::stored(row.template_id)?),
        item_template_label: Some(row.template_label),
        ordinal: 1,
        visible: true,
        image: None,
        item_image: None,
        item_image_background_colour: None,
        background_color: None,
        me: false,
        original_id: Id::maybe(row.original_id)?,
        owner_id: Some(Id::stored(row.owner_id)?),
        share_id: Id::maybe(row.share_id)?,
        association_ids: vec![],
        associations_to_ids: vec![],
    })
}

/// Until the share's terms are accepted its values are hidden.
fn slot(row: SlotRow, links: &mut Links) -> Result<Slot> {
    let hidden = row.acceptance_required.as_deref() == Some("acceptance_required");
    let shown = |text: Option<String>| text.filter(|_| !hidden);
    let encrypted_value = Ciphertext::maybe(shown(row.encrypted_value))?;
    Ok(Slot {
        classification_node_ids: links.remove(&row.id).unwrap_or_default(),
        id: Id::stored(row.id)?,
        own: row.original_id.is_none(),
        share_id: Id::maybe(row.share_id)?,
        name: row.name,
        label: row.label,
        description: row.description,
        encrypted: encrypted_value.is_some(),
        ordinal: row.ordinal,
        visible: true,
        required: false,
        attachment_id: Id::maybe(row.attachment_id)?,
        attachments_folder_id: None,
        attachment_uid: None,
        item_id: Some(Id::stored(row.item_id)?),
        created_at: to_wire(row.created_at),
        updated_at: to_wire(row.updated_at),
        slot_type_name: row.slot_type_name,
        creator: Some(row.creator),
        encrypted_value,
        encrypted_value_verification_key: Ciphertext::maybe(shown(row.encrypted_value_verification_key))?,
        value_verification_hash: shown(row.value_verification_hash),
        image: None,
        original_id: Id::maybe(row.original_id)?,
        owner_id: Some(Id::stored(row.owner_id)?),
        config: None,
    })
}
