//! Templates: named lists of empty slots that items are made from (http-api §6.1–§6.3). Everybody has the system's,
//! and may add their own.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Id, PageMeta,
    vault::{
        items::ClassificationNode,
        slots::{Slot, SlotChange},
        templates::{ItemTemplate, NewTemplateRequest, TemplateResponse, TemplatesResponse},
    },
};

use super::{
    Vault, classification,
    naming::{check_label, machine_name},
};
use crate::{
    clock::{Millis, to_wire},
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    paging::{Order, Page},
    request::{Body, Parameters},
    service::Service,
    sessions::Session,
    store::{Statement, new_id, write_rows},
    wire::Stored,
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/item_templates", get(list).post(create)).route("/item_templates/{id}", get(show))
}

pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<TemplatesResponse>> {
    let page = Page::of(&parameters, Order::Ascending);
    let like = parameters.one("like").map(|text| text.to_lowercase().replace(['%', '_', '\\'], ""));
    let filtered = |select: Statement| {
        select
            .text_if(" AND LOWER(label) LIKE '%' || ? || '%'", like.as_deref())
            .text_if(IN_SCHEME, parameters.one("by_classification[scheme]"))
            .text_if(UNDER_NODE, parameters.one("by_classification[name]"))
            .behind("sequence", &page)
    };
    // The system's and the user's own, each from its place in an index.
    let select = filtered(Statement::new(TEMPLATES).sql(" AND user_id IS NULL")).sql(" UNION ALL ").sql(TEMPLATES);
    let select = filtered(select.text(" AND user_id = ?", &session.user_id)).in_order("sequence", &page);
    let mut db = vault.store().read().await?;
    let (rows, next_page_after) = page.cut(select.fetch(&mut db).await?, |row: &Row| row.sequence);
    let (item_templates, slots, classification_nodes) = load(&mut db, rows, &session.user_id).await?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(TemplatesResponse {
        item_templates,
        slots,
        classification_nodes,
        attachments: vec![],
        thumbnails: vec![],
        next_page_after,
        meta,
    }))
}

async fn show(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<Json<TemplateResponse>> {
    let mut db = vault.store().read().await?;
    response(&mut db, &id, &session.user_id).await.map(Json)
}

async fn create(
    State(vault): State<Vault>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<NewTemplateRequest>,
) -> Result<Response> {
    check_label(&request.label)?;
    let name = machine_name(request.name.as_deref().unwrap_or(&request.label));
    let slots = new_slots(&request.slots_attributes)?;
    let mut change = match repeatable.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    if find_by_name(db, &name, &session.user_id).await?.is_some() {
        return Err(Error::invalid("There is a template of this name"));
    }
    let node_id = match (&request.classification_scheme_name, &request.classification_node_name) {
        (Some(scheme), Some(node)) => Some(
            classification::find_global(db, scheme, node)
                .await?
                .ok_or_else(|| Error::invalid("There is no such classification node"))?,
        ),
        _ => None,
    };
    let (id, now) = (new_id(), vault.clock().now());
    sqlx::query(
        "INSERT INTO item_templates \
         (id, user_id, name, label, description, ordinal, classification_node_id, updated_at, sequence) \
         VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8)",
    )
    .bind(&id)
    .bind(&session.user_id)
    .bind(&name)
    .bind(&request.label)
    .bind(&request.description)
    .bind(node_id)
    .bind(now)
    .bind(vault.clock().sequence())
    .execute(&mut *db)
    .await?;
    insert_slots(db, &id, &slots, now).await?;
    let response = response(db, &id, &session.user_id).await?;
    change.answer(StatusCode::CREATED, &response).await
}

// The rules.

/// What a new template slot is made of: name, label, description, type.
type NewSlot<'a> = (String, &'a str, Option<&'a str>, &'a str);

fn new_slots(attributes: &[SlotChange]) -> Result<Vec<NewSlot<'_>>> {
    let mut slots: Vec<NewSlot<'_>> = Vec::new();
    for slot in attributes {
        let text = slot.label.as_deref().or(slot.name.as_deref());
        let label = text.ok_or_else(|| Error::invalid("A slot needs a name or a label"))?;
        check_label(label)?;
        let name = machine_name(slot.name.as_deref().unwrap_or(label));
        if slots.iter().any(|(other, ..)| *other == name) {
            return Err(Error::invalid("The slots of a template have different names"));
        }
        let kind = slot.slot_type_name.as_deref().unwrap_or("key_value");
        slots.push((name, label, slot.description.as_deref(), kind));
    }
    Ok(slots)
}

// The queries.

const TEMPLATES: &str = "SELECT id, user_id, name, label, description, ordinal, classification_node_id, updated_at, \
     sequence FROM item_templates WHERE 1 = 1";
const IN_SCHEME: &str = " AND classification_node_id IN (SELECT id FROM classification_nodes WHERE scheme = ?)";
const UNDER_NODE: &str = " AND classification_node_id IN (SELECT id FROM classification_nodes WHERE name = ?)";

/// A template as the database holds it.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Row {
    pub(super) id: String,
    user_id: Option<String>,
    name: String,
    pub(super) label: String,
    pub(super) description: Option<String>,
    ordinal: i64,
    pub(super) classification_node_id: Option<String>,
    updated_at: Millis,
    sequence: i64,
}

impl Row {
    /// Who made what is cloned from this template.
    pub(super) fn creator(&self) -> &'static str {
        if self.user_id.is_none() { "system" } else { "user" }
    }
}

/// A template's slot as the database holds it.
#[derive(Clone, Debug, FromRow)]
pub(super) struct SlotRow {
    id: String,
    template_id: String,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) description: Option<String>,
    pub(super) slot_type_name: String,
    ordinal: i64,
    updated_at: Millis,
}

/// The template that items of this user mean by `name`: their own before the system's.
pub(super) async fn find_by_name(db: &mut AnyConnection, name: &str, user_id: &str) -> Result<Option<Row>> {
    let select = Statement::new(TEMPLATES)
        .text(" AND name = ?", name)
        .text(" AND (user_id IS NULL OR user_id = ?)", user_id)
        .sql(" ORDER BY user_id IS NULL, sequence LIMIT 1");
    Ok(select.fetch(db).await?.pop())
}

/// The slots of these templates, in order.
pub(super) async fn slots_of(db: &mut AnyConnection, template_ids: &[String]) -> Result<Vec<SlotRow>> {
    Statement::new(
        "SELECT id, template_id, name, label, description, slot_type_name, ordinal, updated_at FROM template_slots \
         WHERE 1 = 1",
    )
    .any_of(" AND template_id IN (?)", template_ids)
    .sql(" ORDER BY template_id, ordinal")
    .fetch(db)
    .await
}

async fn response(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<TemplateResponse> {
    let select =
        Statement::new(TEMPLATES).text(" AND id = ?", id).text(" AND (user_id IS NULL OR user_id = ?)", user_id);
    let rows = select.fetch(db).await?;
    let (mut templates, slots, classification_nodes) = load(db, rows, user_id).await?;
    let item_template = templates.pop().ok_or_else(|| Error::not_found("template_not_found"))?;
    Ok(TemplateResponse { item_template, slots, classification_nodes, attachments: vec![], thumbnails: vec![] })
}

type Loaded = (Vec<ItemTemplate>, Vec<Slot>, Vec<ClassificationNode>);

async fn load(db: &mut AnyConnection, rows: Vec<Row>, reader: &str) -> Result<Loaded> {
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
async fn items_made_from(db: &mut AnyConnection, template_ids: &[String], user_id: &str) -> Result<Vec<(String, i64)>> {
    Statement::new("SELECT template_id, COUNT(*) FROM items WHERE original_id IS NULL")
        .text(" AND user_id = ?", user_id)
        .any_of(" AND template_id IN (?)", template_ids)
        .sql(" GROUP BY template_id")
        .fetch(db)
        .await
}

fn template(slot_ids: Vec<Id>, items_count: i64, row: Row) -> Result<ItemTemplate> {
    Ok(ItemTemplate {
        slot_ids,
        id: Id::stored(row.id)?,
        name: row.name,
        label: row.label,
        // Generated clients type it as a text that is always there.
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

fn slot(creator: &str, row: SlotRow) -> Result<Slot> {
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

async fn insert_slots(db: &mut AnyConnection, template_id: &str, slots: &[NewSlot<'_>], now: Millis) -> Result<()> {
    let row = |(ordinal, (name, label, description, kind)): (i64, &NewSlot<'_>)| {
        [
            new_id().into(),
            template_id.into(),
            name.as_str().into(),
            (*label).into(),
            (*description).into(),
            (*kind).into(),
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
    pub(super) fn for_test(name: &str) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_one_template_have_different_names() {
        let slot = |label: &str| SlotChange { label: Some(label.into()), ..SlotChange::default() };
        assert_eq!(new_slots(&[slot("Blood type"), slot("Vet")]).unwrap()[0].0, "blood_type");
        assert!(new_slots(&[slot("Vet"), slot("vet")]).is_err());
        assert!(new_slots(&[SlotChange::default()]).is_err());
    }
}
