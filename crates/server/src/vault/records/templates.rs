//! Item templates and their slots.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use utoipa::IntoParams;
use vaultshare::api::{
    Id,
    vault::{
        items::ClassificationNode,
        names::spelled_name,
        slots::Slot,
        templates::{ItemTemplate, TemplateResponse},
    },
};

use super::{classification, naming};
use crate::{
    clock::{Clock, Millis, to_wire},
    error::{Code, Error, Result},
    pagination::Page,
    query,
    store::{Statement, new_id, write_rows},
    wire::Stored,
};

/// The parameters that filter a list of templates.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct TemplateFilter {
    /// Part of the label.
    #[serde(deserialize_with = "query::text")]
    like: Option<String>,
    /// Templates classified by a node of this scheme.
    #[serde(rename = "by_classification[scheme]", deserialize_with = "query::text")]
    scheme: Option<String>,
    /// Templates classified by the node of this machine name.
    #[serde(rename = "by_classification[name]", deserialize_with = "query::text")]
    node_name: Option<String>,
}

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::TemplateNotFound)
}

/// A page of the system's templates and the user's own.
pub(crate) async fn list(
    db: &mut AnyConnection,
    user_id: &str,
    filter: &TemplateFilter,
    page: &Page,
) -> Result<Vec<Row>> {
    let filtered = |select: Statement| {
        naming::called_like(select, filter.like.as_deref())
            .text_if(IN_SCHEME, filter.scheme.as_deref())
            .text_if(UNDER_NODE, filter.node_name.as_deref())
            .behind("sequence", page)
    };
    // A union, so that each half uses an index.
    let select = filtered(Statement::new(TEMPLATES).sql(" AND user_id IS NULL")).sql(" UNION ALL ").sql(TEMPLATES);
    filtered(select.text(" AND user_id = ?", user_id)).in_order("sequence", page).fetch(db).await
}

/// A template to be inserted.
pub(crate) struct NewTemplate<'a> {
    pub(crate) id: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) description: Option<&'a str>,
    pub(crate) classification_node_id: Option<&'a str>,
}

/// A slot of a template to be inserted.
#[derive(Debug)]
pub(crate) struct NewSlot<'a> {
    pub(crate) name: String,
    pub(crate) label: &'a str,
    pub(crate) description: Option<&'a str>,
    pub(crate) slot_type_name: &'a str,
}

pub(crate) async fn insert(
    db: &mut AnyConnection,
    template: &NewTemplate<'_>,
    slots: &[NewSlot<'_>],
    clock: &Clock,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO item_templates \
         (id, user_id, name, label, description, ordinal, classification_node_id, updated_at, sequence) \
         VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8)",
    )
    .bind(template.id)
    .bind(template.user_id)
    .bind(template.name)
    .bind(template.label)
    .bind(template.description)
    .bind(template.classification_node_id)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(&mut *db)
    .await?;
    insert_slots(db, template.id, slots, clock.now()).await
}

const TEMPLATES: &str = "SELECT id, user_id, name, label, description, ordinal, classification_node_id, updated_at, \
     sequence FROM item_templates WHERE 1 = 1";
const IN_SCHEME: &str = " AND classification_node_id IN (SELECT id FROM classification_nodes WHERE scheme = ?)";
const UNDER_NODE: &str = " AND classification_node_id IN (SELECT id FROM classification_nodes WHERE name = ?)";

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: Option<String>,
    pub(crate) ordinal: i64,
    pub(crate) classification_node_id: Option<String>,
    pub(crate) updated_at: Millis,
    pub(crate) sequence: i64,
}

impl Row {
    /// The creator of slots that are cloned from this template.
    pub(crate) fn creator(&self) -> &'static str {
        if self.user_id.is_none() { "system" } else { "user" }
    }
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct SlotRow {
    pub(crate) id: String,
    pub(crate) template_id: String,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: Option<String>,
    pub(crate) slot_type_name: String,
    pub(crate) ordinal: i64,
    pub(crate) updated_at: Millis,
}

/// The template of this name: the user's own, or else the system's.
pub(crate) async fn find_by_name(db: &mut AnyConnection, name: &str, user_id: &str) -> Result<Option<Row>> {
    let select = Statement::new(TEMPLATES)
        .text(" AND name = ?", name)
        .text(" AND (user_id IS NULL OR user_id = ?)", user_id)
        .sql(" ORDER BY user_id IS NULL, sequence LIMIT 1");
    Ok(select.fetch(db).await?.pop())
}

/// The template that a text names: by name, by the label as it was typed, or by another spelling of the name. Of several the
/// user's own.
pub(crate) async fn find_named(db: &mut AnyConnection, text: &str, user_id: &str) -> Result<Option<Row>> {
    let select = Statement::new(TEMPLATES)
        .text(" AND (user_id IS NULL OR user_id = ?)", user_id)
        .text(" AND (label = ?", text.trim())
        .text(" OR name = ?)", &spelled_name(text))
        .text(" ORDER BY CASE WHEN name = ? THEN 0", text)
        .text(" WHEN label = ? THEN 1 ELSE 2 END, user_id IS NULL, sequence LIMIT 1", text.trim());
    Ok(select.fetch(db).await?.pop())
}

/// The names of the system's templates and the user's own that this name, with a number behind it, could be the same as.
pub(crate) async fn names_like(db: &mut AnyConnection, user_id: &str, name: &str) -> Result<Vec<String>> {
    let visible = Statement::new("SELECT name FROM item_templates WHERE 1 = 1");
    naming::names_like(db, visible.text(" AND (user_id IS NULL OR user_id = ?)", user_id), name).await
}

/// The slots of these templates, in order.
pub(crate) async fn slots_of(db: &mut AnyConnection, template_ids: &[String]) -> Result<Vec<SlotRow>> {
    Statement::new(
        "SELECT id, template_id, name, label, description, slot_type_name, ordinal, updated_at FROM template_slots \
         WHERE 1 = 1",
    )
    .any_of(" AND template_id IN (?)", template_ids)
    .sql(" ORDER BY template_id, ordinal")
    .fetch(db)
    .await
}

pub(crate) async fn response(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<TemplateResponse> {
    let select =
        Statement::new(TEMPLATES).text(" AND id = ?", id).text(" AND (user_id IS NULL OR user_id = ?)", user_id);
    let rows = select.fetch(db).await?;
    let (mut templates, slots, classification_nodes) = load(db, rows, user_id).await?;
    let item_template = templates.pop().ok_or_else(not_found)?;
    Ok(TemplateResponse { item_template, slots, classification_nodes, attachments: vec![], thumbnails: vec![] })
}

/// What these templates weigh in a list, in bytes of the reply, by their ids.
pub(crate) async fn weights(db: &mut AnyConnection, rows: &[Row]) -> Result<HashMap<String, usize>> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let slots: Vec<(String, i64, i64)> = Statement::new(
        "SELECT template_id, COUNT(*), CAST(SUM(OCTET_LENGTH(name) + OCTET_LENGTH(label) \
         + COALESCE(OCTET_LENGTH(description), 0)) AS BIGINT) FROM template_slots WHERE 1 = 1",
    )
    .any_of(" AND template_id IN (?)", &ids)
    .sql(" GROUP BY template_id")
    .fetch(db)
    .await?;
    let weight = |count: i64, bytes: i64| usize::try_from(count * BYTES_PER_SLOT + bytes).unwrap_or(usize::MAX);
    let mut weights: HashMap<String, usize> =
        slots.into_iter().map(|(id, count, bytes)| (id, weight(count, bytes))).collect();
    for row in rows {
        // Its node, of any texts, is sent with it.
        let texts = row.name.len() + row.label.len() + row.description.as_ref().map_or(0, String::len);
        *weights.entry(row.id.clone()).or_default() += 1024 + texts;
    }
    Ok(weights)
}

/// What a slot adds to a reply besides its texts.
const BYTES_PER_SLOT: i64 = 1024;

/// Templates, their slots and their classification nodes.
pub(crate) type Loaded = (Vec<ItemTemplate>, Vec<Slot>, Vec<ClassificationNode>);

pub(crate) async fn load(db: &mut AnyConnection, rows: Vec<Row>, reader: &str) -> Result<Loaded> {
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let node_ids: Vec<String> = rows.iter().filter_map(|row| row.classification_node_id.clone()).collect();
    let slots = slots_of(db, &ids).await?;
    let nodes = classification::find_all(db, &node_ids).await?;
    let creators: HashMap<String, &str> = rows.iter().map(|row| (row.id.clone(), row.creator())).collect();
    let counts: HashMap<String, i64> = items_made_from(db, &ids, reader).await?.into_iter().collect();
    let mut slot_ids: HashMap<String, Vec<Id>> = HashMap::new();
    for slot in &slots {
        slot_ids.entry(slot.template_id.clone()).or_default().push(Id::stored(slot.id.clone())?);
    }
    let mut take_slot_ids = |id: &str| slot_ids.remove(id).unwrap_or_default();
    let count = |id: &str| counts.get(id).copied().unwrap_or(0);
    let templates =
        rows.into_iter().map(|row| template(take_slot_ids(&row.id), count(&row.id), row)).collect::<Result<_>>()?;
    let creator = |slot: &SlotRow| creators.get(&slot.template_id).copied().unwrap_or("system");
    let slots = slots.into_iter().map(|row| slot(creator(&row), row)).collect::<Result<_>>()?;
    Ok((templates, slots, classification::wire(nodes, reader)?))
}

/// How many items of this user were made from each of these templates.
pub(crate) async fn items_made_from(
    db: &mut AnyConnection,
    template_ids: &[String],
    user_id: &str,
) -> Result<Vec<(String, i64)>> {
    Statement::new("SELECT template_id, COUNT(*) FROM items WHERE original_id IS NULL")
        .text(" AND user_id = ?", user_id)
        .any_of(" AND template_id IN (?)", template_ids)
        .sql(" GROUP BY template_id")
        .fetch(db)
        .await
}

pub(crate) fn template(slot_ids: Vec<Id>, items_count: i64, row: Row) -> Result<ItemTemplate> {
    Ok(ItemTemplate {
        slot_ids,
        id: Id::stored(row.id)?,
        name: row.name,
        label: row.label,
        // Other people's generated clients expect a string.
        description: Some(row.description.unwrap_or_default()),
        ordinal: row.ordinal,
        visible: true,
        user_id: Id::maybe(row.user_id)?,
        updated_at: Some(to_wire(row.updated_at)),
        image: None,
        classification_node_ids: Id::maybe(row.classification_node_id)?.into_iter().collect(),
        background_color: None,
        items_count,
    })
}

pub(crate) fn slot(creator: &str, row: SlotRow) -> Result<Slot> {
    Ok(Slot {
        id: Id::stored(row.id)?,
        own: false,
        share_id: None,
        name: row.name,
        label: row.label,
        description: row.description,
        encrypted: false,
        ordinal: row.ordinal,
        visible: true,
        required: false,
        classification_node_ids: vec![],
        attachment_id: None,
        attachments_folder_id: None,
        attachment_uid: None,
        item_id: None,
        created_at: to_wire(row.updated_at),
        updated_at: to_wire(row.updated_at),
        slot_type_name: row.slot_type_name,
        creator: Some(creator.to_owned()),
        encrypted_value: None,
        encrypted_value_verification_key: None,
        value_verification_hash: None,
        image: None,
        original_id: None,
        owner_id: None,
        config: None,
    })
}

pub(crate) async fn insert_slots(
    db: &mut AnyConnection,
    template_id: &str,
    slots: &[NewSlot<'_>],
    now: Millis,
) -> Result<()> {
    let row = |(ordinal, slot): (i64, &NewSlot<'_>)| {
        [
            new_id().into(),
            template_id.into(),
            slot.name.as_str().into(),
            slot.label.into(),
            slot.description.into(),
            slot.slot_type_name.into(),
            ordinal.into(),
            now.into(),
        ]
    };
    let insert = "INSERT INTO template_slots (id, template_id, name, label, description, slot_type_name, ordinal, \
         updated_at) VALUES";
    write_rows(db, insert, (1..).zip(slots).map(row).collect(), "").await
}

#[cfg(test)]
impl SlotRow {
    /// A slot with a name and nothing else, for tests of what uses templates.
    pub(crate) fn for_test(name: &str) -> Self {
        Self {
            id: name.to_owned(),
            template_id: String::new(),
            name: name.to_owned(),
            label: name.to_owned(),
            description: None,
            slot_type_name: "key_value".to_owned(),
            ordinal: 1,
            updated_at: 0,
        }
    }
}
