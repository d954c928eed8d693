//! Items and their slots (http-api §6.5–§6.10). A user's items are their own and those they received; each is known to
//! its user by an id of its own.

mod changes;
pub(super) mod records;
mod slots;
mod writing;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::items::{ItemChange, ItemChangeRequest, ItemResponse, ItemsResponse, NewItemRequest},
};

use super::{
    Vault,
    classification::{self, Classified},
    client_tasks,
    naming::{check_label, machine_name},
    sharing, templates,
};
use crate::{
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    paging::{Order, Page},
    request::{Body, Parameters},
    service::Service,
    sessions::Session,
    store::{Statement, new_id},
};
use records::{ITEMS, ItemRow};

pub(super) fn routes() -> Router<Vault> {
    Router::new()
        .route("/items", get(list).post(create))
        .route("/fast_items", get(list))
        .route("/items/{id}", get(show).put(change).delete(delete))
        .merge(slots::routes())
}

async fn list(State(vault): State<Vault>, session: Session, parameters: Parameters) -> Result<Json<ItemsResponse>> {
    let page = Page::of(&parameters, Order::Descending);
    let select = filtered(&session.user_id, &parameters).page("items.sequence", &page);
    let mut db = vault.store().read().await?;
    let (rows, next_page_after) = page.cut(select.fetch(&mut db).await?, |row: &ItemRow| row.sequence);
    let loaded = records::load(&mut db, rows, &session.user_id).await?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(ItemsResponse {
        items: loaded.items,
        slots: loaded.slots,
        classification_nodes: loaded.classification_nodes,
        attachments: vec![],
        thumbnails: vec![],
        associations: vec![],
        associations_to: vec![],
        next_page_after,
        meta,
    }))
}

async fn show(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<Json<ItemResponse>> {
    let mut db = vault.store().read().await?;
    records::response(&mut db, &id, &session.user_id).await.map(Json)
}

async fn create(
    State(vault): State<Vault>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<NewItemRequest>,
) -> Result<Response> {
    let label = request.item.label.as_deref().ok_or_else(|| Error::invalid("A new item needs a label"))?;
    check_label(label)?;
    let mut change = match repeatable.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let template = templates::find_by_name(db, &request.template_name, &session.user_id).await?;
    let template = template.ok_or_else(|| Error::not_found("template_not_found"))?;
    let template_slots = templates::slots_of(db, std::slice::from_ref(&template.id)).await?;
    let attributes = request.item.slots_attributes.as_deref().unwrap_or_default();
    let skip_empty = request.skip_empty_template_slots;
    let steps = changes::plan_creation(&template_slots, template.creator(), attributes, skip_empty)?;

    let id = new_id();
    let item = writing::NewItem {
        id: &id,
        user_id: &session.user_id,
        name: &machine_name(request.item.name.as_deref().unwrap_or(label)),
        label,
        description: request.item.description.as_deref().or(template.description.as_deref()),
        template: &template,
    };
    writing::insert(db, &item, vault.clock()).await?;
    classify(db, &session.user_id, &id, &request.item, &vault).await?;
    writing::carry_out(db, (&id, &session.user_id), steps, vault.clock()).await?;
    let response = records::response(db, &id, &session.user_id).await?;
    change.answer(StatusCode::CREATED, &response).await
}

async fn change(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path<String>,
    Body(request): Body<ItemChangeRequest>,
) -> Result<Json<ItemResponse>> {
    if let Some(label) = &request.item.label {
        check_label(label)?;
    }
    let mut tx = vault.store().write().await?;
    find_own(&mut tx, &id, &session.user_id).await?;
    let existing: Vec<_> =
        records::slots_of(&mut tx, &id).await?.into_iter().map(|slot| (slot.id, slot.name)).collect();
    let attributes = request.item.slots_attributes.as_deref().unwrap_or_default();
    let steps = changes::plan_update(&existing, attributes)?;

    let (label, description) = (request.item.label.as_deref(), request.item.description.as_deref());
    writing::update(&mut tx, &id, label, description, vault.clock()).await?;
    classify(&mut tx, &session.user_id, &id, &request.item, &vault).await?;
    writing::carry_out(&mut tx, (&id, &session.user_id), steps, vault.clock()).await?;
    client_tasks::ask_for_update_of_shares(&mut tx, &session.user_id, &id, vault.clock()).await?;
    let response = records::response(&mut tx, &id, &session.user_id).await?;
    tx.commit().await?;
    Ok(Json(response))
}

/// Deletes an own item and with it every copy; of a received one the copy, and with it the shares that brought it.
async fn delete(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let item = records::find(&mut tx, &id, &session.user_id).await?;
    if item.is_own() {
        client_tasks::delete_all_of(&mut tx, &id).await?;
    } else {
        sharing::ending::end_all_with_recipient(&mut tx, item.original(), &session.user_id, vault.clock()).await?;
    }
    sqlx::query("DELETE FROM items WHERE id = $1").bind(&id).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

// The rules.

/// The item, if it is this user's own: a received one can be read and not written.
pub(super) async fn find_own(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<ItemRow> {
    let item = records::find(db, id, user_id).await?;
    if !item.is_own() {
        return Err(Error::forbidden("not_owner", "Only the owner of an item can do this"));
    }
    Ok(item)
}

async fn classify(
    db: &mut AnyConnection,
    user_id: &str,
    item_id: &str,
    change: &ItemChange,
    vault: &Vault,
) -> Result<()> {
    let nodes = change.classification_nodes_attributes.as_deref().unwrap_or_default();
    classification::apply(db, user_id, Classified::Item(item_id), nodes, vault.clock()).await
}

fn filtered(user_id: &str, parameters: &Parameters) -> Statement {
    let mut nodes = parameters.list("classification_node_names");
    nodes.extend(parameters.list("classification_node_name"));
    let ids = parameters.list("item_ids");
    let select = Statement::new(ITEMS);
    let select = match ids.is_empty() {
        true => select.text(" AND items.user_id = ?", user_id),
        // The ids find the items, not the user, who may have many more.
        false => select.any_of(" AND items.id IN (?)", &ids).text(" AND items.user_id || '' = ?", user_id),
    };
    let mut select = select
        .any_of_if(" AND items.template_id IN (?)", &parameters.list("template_ids"))
        .text_if(" AND items.owner_id = ?", parameters.one("owner_id"))
        .text_if(" AND items.name = ?", parameters.one("name"))
        .text_if(UNDER_SCHEME, parameters.one("classification_scheme_name"))
        .any_of_if(UNDER_NODES, &nodes);
    if let Some(recipient) = parameters.one("shared_with") {
        select = select.text(SHARED_BY, user_id).text(" AND shares.recipient_id = ?)", recipient);
    }
    match parameters.flag("own") {
        // In a form that no index is for: it would find the originals of all users.
        Some(true) => select.sql(" AND COALESCE(items.original_id, '') = ''"),
        Some(false) => select.sql(" AND COALESCE(items.original_id, '') <> ''"),
        None => select,
    }
}

const UNDER_SCHEME: &str = " AND EXISTS (SELECT 1 FROM item_classifications \
     JOIN classification_nodes ON classification_nodes.id = item_classifications.node_id \
     WHERE item_classifications.item_id = items.id AND classification_nodes.scheme = ?)";
const UNDER_NODES: &str = " AND EXISTS (SELECT 1 FROM item_classifications \
     JOIN classification_nodes ON classification_nodes.id = item_classifications.node_id \
     WHERE item_classifications.item_id = items.id AND classification_nodes.name IN (?))";
const SHARED_BY: &str = " AND EXISTS (SELECT 1 FROM shares \
     WHERE shares.item_id = COALESCE(items.original_id, items.id) AND shares.sender_id = ?";
