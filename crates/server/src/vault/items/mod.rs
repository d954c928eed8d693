//! Items and their slots (docs/protocol/http-api.md §6.5–§6.10). A user's items are their own and those they received;
//! each has an id of its own for each of its users.

mod apply;
pub(super) mod changes;
pub(super) mod slots;

use axum::{extract::State, http::StatusCode, response::Response};
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::{
        items::{ItemChange, ItemChangeRequest, ItemResponse, ItemsResponse, NewItemRequest},
        names::MachineNames,
        slots::ClassificationNodeChange,
    },
};

use changes::{ExistingSlot, Planned, PlannedSlot};

use super::{
    Vault, classification, client_tasks, files,
    labels::{check_label, given_name},
    quota::Quota,
    records::{
        self,
        classification::Classified,
        items::{self, ItemFilter, ItemRow, NewItem, Size},
        templates,
    },
    sharing::ending,
};
use crate::{
    auth::Session,
    bounds::{CLASSIFICATIONS, check_slot_count},
    config::Limits,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::{Order, PageParams},
    query::Query,
    request::{Body, Path, check_unchanged},
    service::{Service, large_json},
    store::new_id,
};

/// Own and received items, newest first.
#[utoipa::path(get, path = "/items", params(PageParams, ItemFilter), responses((status = 200, body = ItemsResponse)))]
pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(filter): Query<ItemFilter>,
) -> Result<Response> {
    let page = page.page(Order::Descending);
    let mut db = vault.store().read().await?;
    let rows = items::list(&mut db, &session.user_id, &filter, &page).await?;
    let ids: Vec<&str> = page.shown(&rows).iter().map(|row| row.id.as_str()).collect();
    let weights = items::weights(&mut db, &ids).await?;
    let weight = |row: &ItemRow| {
        let description = row.description.as_ref().map_or(0, String::len);
        weights.get(&row.id).copied().unwrap_or_default() + description
    };
    let (rows, next_page_after) = page.cut_by_weight(rows, |row| row.sequence, weight);
    let loaded = items::load(&mut db, rows, &session.user_id).await?;
    let meta = PageMeta::of(next_page_after.as_deref());
    large_json(&ItemsResponse {
        items: loaded.items,
        slots: loaded.slots,
        classification_nodes: loaded.classification_nodes,
        attachments: loaded.files.attachments,
        thumbnails: loaded.files.thumbnails,
        associations: vec![],
        associations_to: vec![],
        next_page_after,
        meta,
    })
}

/// One item, by the caller's id of it.
#[utoipa::path(get, path = "/items/{id}", responses((status = 200, body = ItemResponse)))]
pub(super) async fn show(State(vault): State<Vault>, session: Session, Path(id): Path) -> Result<Response> {
    let mut db = vault.store().read().await?;
    large_json(&items::response(&mut db, &id, &session.user_id).await?)
}

/// Makes an item from a template.
#[utoipa::path(
    post, path = "/items",
    request_body = NewItemRequest,
    params(Idempotency),
    responses((status = 201, body = ItemResponse), (status = 403), (status = 404)),
)]
pub(super) async fn create(
    State(vault): State<Vault>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewItemRequest>,
) -> Result<Response> {
    let label = request.item.label.as_deref().ok_or_else(|| Error::missing("item.label"))?;
    check_label(label).map_err(|error| error.at("item.label"))?;
    let name = match &request.item.name {
        Some(name) => given_name(name).map_err(|error| error.at("item"))?,
        None => MachineNames::default().derive(label),
    };
    // Before there is a transaction that others wait for. A template does not change.
    let planned = plan_creation(&vault, &session.user_id, &request).await;
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let (template, slots) = planned?;
    let db = &mut *change.tx;
    let attributes = request.item.slots_attributes.as_deref().unwrap_or_default();
    files::check_attachments(db, attributes, &session.user_id).await.map_err(|error| error.at("item"))?;

    let id = new_id();
    let quota = Quota::begin(db, &vault, &session.user_id, &id).await?;
    let item = NewItem {
        id: &id,
        user_id: &session.user_id,
        name: &name,
        label,
        description: request.item.description.as_deref().or(template.description.as_deref()),
        template: &template,
    };
    let item = items::insert(db, &item, vault.clock()).await?;
    classify(db, &session.user_id, &id, &request.item, &vault).await?;
    let slots = apply::insert_slots(db, &item, slots, vault.clock()).await?;
    let response = items::response_of_new(db, item, slots, &session.user_id).await?;
    check_measured(Size::of(&response), Classification::Grows, vault.limits())?;
    quota.settle(db).await?;
    change.answer(StatusCode::CREATED, &response).await
}

/// Changes an own item. What is not sent stays.
#[utoipa::path(
    put, path = "/items/{id}",
    request_body = ItemChangeRequest,
    responses((status = 200, body = ItemResponse), (status = 403), (status = 409)),
)]
pub(super) async fn change(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
    Body(request): Body<ItemChangeRequest>,
) -> Result<Response> {
    if let Some(label) = &request.item.label {
        check_label(label).map_err(|error| error.at("item.label"))?;
    }
    // Before there is a transaction that others wait for, and again in it if somebody changed the item meanwhile.
    let seen = plan_change(&mut *vault.store().read().await?, &id, &session.user_id, &request.item).await?;
    let mut tx = vault.store().write().await?;
    let item = items::find_own(&mut tx, &id, &session.user_id).await?;
    let steps = match seen {
        (seen, steps) if seen.updated_at == item.updated_at => steps,
        _ => plan_change(&mut tx, &id, &session.user_id, &request.item).await?.1,
    };
    let attributes = request.item.slots_attributes.as_deref().unwrap_or_default();
    files::check_attachments(&mut tx, attributes, &session.user_id).await.map_err(|error| error.at("item"))?;
    let quota = Quota::begin(&mut tx, &vault, &session.user_id, &id).await?;
    let (label, description) = (request.item.label.as_deref(), request.item.description.as_deref());
    items::update(&mut tx, &id, label, description, vault.clock().now()).await?;
    classify(&mut tx, &session.user_id, &id, &request.item, &vault).await?;
    let classified = Classification::of(&steps, request.item.classification_nodes_attributes.as_deref());
    let grows = changes::may_grow(&steps) || classified == Classification::Grows;
    apply::apply_steps(&mut tx, (&id, &session.user_id), steps, vault.clock()).await?;
    if grows {
        check_size(&mut tx, &id, classified, vault.limits()).await?;
    }
    quota.settle(&mut tx).await?;
    client_tasks::queue_share_update(&mut tx, &session.user_id, &id, vault.clock()).await?;
    let response = items::response(&mut tx, &id, &session.user_id).await?;
    tx.commit().await?;
    large_json(&response)
}

/// Deletes an own item with every copy of it, or a received copy with the shares that brought it.
#[utoipa::path(delete, path = "/items/{id}", responses((status = 204)))]
pub(super) async fn delete(State(vault): State<Vault>, session: Session, Path(id): Path) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let item = items::find(&mut tx, &id, &session.user_id).await?;
    let quota = Quota::begin(&mut tx, &vault, &session.user_id, item.original()).await?;
    if item.is_own() {
        records::client_tasks::delete_all_of(&mut tx, &id).await?;
    } else {
        ending::end_all_with_recipient(&mut tx, item.original(), &session.user_id, vault.clock()).await?;
    }
    items::delete(&mut tx, &id).await?;
    quota.settle(&mut tx).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn plan_creation<'a>(
    vault: &Vault,
    user_id: &str,
    request: &'a NewItemRequest,
) -> Result<(templates::Row, Vec<PlannedSlot<'a>>)> {
    let mut db = vault.store().read().await?;
    let template = templates::find_named(&mut db, &request.template_name, user_id).await?;
    let template = template.ok_or_else(templates::not_found)?;
    let slots = templates::slots_of(&mut db, std::slice::from_ref(&template.id)).await?;
    drop(db);
    let attributes = request.item.slots_attributes.as_deref().unwrap_or_default();
    let skip_empty = request.skip_empty_template_slots;
    let planned = changes::plan_creation(&slots, template.creator(), attributes, skip_empty)?;
    Ok((template, planned))
}

/// The item as it is, and what a request changes of its slots.
async fn plan_change<'a>(
    db: &mut AnyConnection,
    id: &str,
    user_id: &str,
    change: &'a ItemChange,
) -> Result<(ItemRow, Vec<Planned<'a>>)> {
    let item = items::find_own(db, id, user_id).await?;
    check_unchanged(Code::ItemChanged, change.unchanged_since.as_deref(), item.updated_at)?;
    let existing: Vec<_> = items::slots_of(db, id).await?.into_iter().map(ExistingSlot::from).collect();
    let steps = changes::plan_update(&existing, change.slots_attributes.as_deref().unwrap_or_default())?;
    Ok((item, steps))
}

/// Whether a request adds to what an item or its slots stand under. One that an older server classified more often than this
/// one allows can still be changed otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Classification {
    Grows,
    Stays,
}

impl Classification {
    fn of(steps: &[Planned<'_>], nodes: Option<&[ClassificationNodeChange]>) -> Self {
        let mut nodes = steps.iter().flat_map(|(_, nodes)| *nodes).chain(nodes.unwrap_or_default());
        if nodes.any(|node| node.destroy != Some(true)) { Self::Grows } else { Self::Stays }
    }
}

/// Refuses what would make an item so large that a client could not read it again, nor those whom it is shared with.
pub(super) async fn check_size(
    db: &mut AnyConnection,
    item_id: &str,
    classification: Classification,
    limits: &Limits,
) -> Result<()> {
    check_measured(items::size_of(db, item_id).await?, classification, limits)
}

fn check_measured(size: Size, classification: Classification, limits: &Limits) -> Result<()> {
    let Size { slots, bytes, links, most_links } = size;
    check_slot_count(usize::try_from(slots).unwrap_or(usize::MAX), limits)?;
    if classification == Classification::Grows {
        let refused = |message| Error::refused(Code::TooManyClassifications, message);
        if usize::try_from(most_links).unwrap_or(usize::MAX) > CLASSIFICATIONS {
            return Err(refused(format!("An item or a slot is classified at most {CLASSIFICATIONS} times")));
        }
        if links > limits.item_slots {
            return Err(refused(format!("An item and its slots are classified at most {} times", limits.item_slots)));
        }
    }
    if bytes > limits.item_bytes {
        let message = format!("The slots of an item have at most {} bytes in all, values encrypted", limits.item_bytes);
        return Err(Error::refused(Code::ItemTooLarge, message));
    }
    Ok(())
}

async fn classify(
    db: &mut AnyConnection,
    user_id: &str,
    item_id: &str,
    change: &ItemChange,
    vault: &Vault,
) -> Result<()> {
    let nodes = change.classification_nodes_attributes.as_deref().unwrap_or_default();
    let applied = classification::apply(db, user_id, &[(Classified::Item(item_id), nodes)], vault.clock()).await;
    applied.map_err(|error| error.at("item"))
}
