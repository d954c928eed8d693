//! Reading items: the row of an item, its slots with the values this reader may see, its classification. Any number of
//! items takes the same few queries.

use std::collections::HashMap;

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id,
    vault::{
        items::{ClassificationNode, Item, ItemResponse},
        slots::Slot,
    },
};

use crate::{
    clock::{Millis, to_wire},
    error::{Error, Result},
    store::Statement,
    vault::classification,
    wire::Stored,
};

/// The beginning of every query for items; conditions follow.
pub(in crate::vault) const ITEMS: &str = "SELECT items.id, items.owner_id, items.original_id, \
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

/// An item as the database holds it.
#[derive(Clone, Debug, FromRow)]
pub(in crate::vault) struct ItemRow {
    pub(in crate::vault) id: String,
    pub(in crate::vault) owner_id: String,
    pub(in crate::vault) original_id: Option<String>,
    pub(in crate::vault) share_id: Option<String>,
    pub(in crate::vault) template_id: String,
    pub(in crate::vault) template_label: String,
    pub(in crate::vault) name: String,
    pub(in crate::vault) label: String,
    pub(in crate::vault) description: Option<String>,
    created_at: Millis,
    updated_at: Millis,
    pub(in crate::vault) sequence: i64,
}

impl ItemRow {
    /// The owner's id of this item, whoever's copy this is.
    pub(in crate::vault) fn original(&self) -> &str {
        self.original_id.as_deref().unwrap_or(&self.id)
    }

    /// Whether this is the original, in its owner's hands.
    pub(in crate::vault) fn is_own(&self) -> bool {
        self.original_id.is_none()
    }
}

/// A slot as the database holds it.
#[derive(Clone, Debug, FromRow)]
pub(in crate::vault) struct SlotRow {
    pub(in crate::vault) id: String,
    pub(in crate::vault) item_id: String,
    pub(in crate::vault) original_id: Option<String>,
    pub(in crate::vault) name: String,
    pub(in crate::vault) label: String,
    pub(in crate::vault) description: Option<String>,
    pub(in crate::vault) slot_type_name: String,
    pub(in crate::vault) creator: String,
    pub(in crate::vault) ordinal: i64,
    pub(in crate::vault) attachment_id: Option<String>,
    created_at: Millis,
    updated_at: Millis,
    pub(in crate::vault) owner_id: String,
    share_id: Option<String>,
    acceptance_required: Option<String>,
    pub(in crate::vault) encrypted_value: Option<String>,
    encrypted_value_verification_key: Option<String>,
    pub(in crate::vault) value_verification_hash: Option<String>,
}

/// Items with all that is sent beside them.
pub(in crate::vault) struct Loaded {
    pub(in crate::vault) items: Vec<Item>,
    pub(in crate::vault) slots: Vec<Slot>,
    pub(in crate::vault) classification_nodes: Vec<ClassificationNode>,
}

/// The item that this user knows by this id, an original or a copy.
pub(in crate::vault) async fn find(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<ItemRow> {
    let select = Statement::new(ITEMS).text(" AND id = ?", id).text(" AND user_id = ?", user_id);
    select.fetch(db).await?.pop().ok_or_else(|| Error::not_found("item_not_found"))
}

/// The slots of one item, in order.
pub(in crate::vault) async fn slots_of(db: &mut AnyConnection, item_id: &str) -> Result<Vec<SlotRow>> {
    Statement::new(SLOTS)
        .text(" AND slots.item_id = ?", item_id)
        .sql(" ORDER BY slots.ordinal, slots.id")
        .fetch(db)
        .await
}

/// The slot that this user knows by this id.
pub(in crate::vault) async fn find_slot(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<SlotRow> {
    let select = Statement::new(SLOTS).text(" AND slots.id = ?", id).text(" AND items.user_id = ?", user_id);
    select.fetch(db).await?.pop().ok_or_else(|| Error::not_found("slot_not_found"))
}

/// One item with all that belongs to it, as its user sees it.
pub(in crate::vault) async fn response(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<ItemResponse> {
    let row = find(db, id, user_id).await?;
    response_of(db, row, user_id).await
}

/// The same for an item that was found already.
pub(in crate::vault) async fn response_of(db: &mut AnyConnection, row: ItemRow, user_id: &str) -> Result<ItemResponse> {
    let mut loaded = load(db, vec![row], user_id).await?;
    let item = loaded.items.pop().ok_or_else(|| Error::fault("an item vanished while it was read"))?;
    Ok(ItemResponse {
        item,
        slots: loaded.slots,
        classification_nodes: loaded.classification_nodes,
        attachments: vec![],
        thumbnails: vec![],
        associations: vec![],
        associations_to: vec![],
    })
}

/// The slot as its user sees it, with its classification.
pub(in crate::vault) async fn slot_response(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Slot> {
    let row = find_slot(db, id, user_id).await?;
    let mut links = links_of(db, std::slice::from_ref(&row.item_id)).await?;
    slot(row, &mut links)
}

/// Brings together what belongs to these items.
pub(in crate::vault) async fn load(db: &mut AnyConnection, rows: Vec<ItemRow>, reader: &str) -> Result<Loaded> {
    if rows.is_empty() {
        return Ok(Loaded { items: vec![], slots: vec![], classification_nodes: vec![] });
    }
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let slot_rows: Vec<SlotRow> = Statement::new(SLOTS)
        .any_of(" AND slots.item_id IN (?)", &ids)
        .sql(" ORDER BY slots.item_id, slots.ordinal, slots.id")
        .fetch(db)
        .await?;
    let mut links = links_of(db, &ids).await?;
    let mut node_ids: Vec<&str> = links.values().flatten().map(Id::as_str).collect();
    node_ids.sort_unstable();
    node_ids.dedup();
    let nodes = classification::find_all(db, &node_ids).await?;
    let mut slot_ids: HashMap<String, Vec<Id>> = HashMap::new();
    for slot in &slot_rows {
        slot_ids.entry(slot.item_id.clone()).or_default().push(Id::stored(slot.id.clone())?);
    }
    let mut take_slot_ids = |id: &str| slot_ids.remove(id).unwrap_or_default();
    let items = rows.into_iter().map(|row| item(take_slot_ids(&row.id), row, &mut links)).collect::<Result<_>>()?;
    let slots = slot_rows.into_iter().map(|row| slot(row, &mut links)).collect::<Result<_>>()?;
    Ok(Loaded { items, slots, classification_nodes: classification::wire(nodes, reader)? })
}

/// The nodes that items and slots stand under. An id means one of them only, so that both fit in here.
type Links = HashMap<String, Vec<Id>>;

/// The nodes that these items and their slots stand under.
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

/// A slot as its user sees it. Until the share's terms are accepted there is no value to see.
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
