//! Single slots: reading one, and changing or deleting one of an own item (docs/protocol/http-api.md §6.10).

use axum::{Json, extract::State, http::StatusCode};
use vaultshare::api::{
    Id,
    vault::slots::{SlotChange, SlotResponse},
};

use super::{Classification, apply, changes, check_size};
use crate::{
    auth::Session,
    error::Result,
    request::{Body, Path},
    service::Service,
    vault::{Vault, client_tasks, files, quota::Quota, records::items},
    wire::Stored,
};

/// One slot.
#[utoipa::path(get, path = "/slots/{id}", responses((status = 200, body = SlotResponse)))]
pub(in crate::vault) async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<Json<SlotResponse>> {
    let mut db = vault.store().read().await?;
    let slot = items::slot_response(&mut db, &id, &session.user_id).await?;
    Ok(Json(SlotResponse { slot }))
}

/// Changes one slot, with the same rules as a change of its item.
#[utoipa::path(
    put, path = "/slots/{id}",
    request_body = SlotChange,
    responses((status = 200, body = SlotResponse), (status = 403)),
)]
pub(in crate::vault) async fn change(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
    Body(request): Body<SlotChange>,
) -> Result<Json<SlotResponse>> {
    let mut tx = vault.store().write().await?;
    let slot = items::find_slot(&mut tx, &id, &session.user_id).await?;
    items::find_own(&mut tx, &slot.item_id, &session.user_id).await?;
    let item_id = slot.item_id.clone();
    let change = SlotChange { id: Some(Id::stored(slot.id.clone())?), destroy: None, ..request };
    let steps = vec![changes::plan_slot(&slot.into(), &change)?];
    files::check_attachment(&mut tx, &change, &session.user_id).await?;
    let quota = Quota::begin(&mut tx, &vault, &session.user_id, &item_id).await?;
    items::update(&mut tx, &item_id, None, None, vault.clock().now()).await?;
    let (grows, classified) = (changes::may_grow(&steps), Classification::of(&steps, None));
    apply::apply_steps(&mut tx, (&item_id, &session.user_id), steps, vault.clock()).await?;
    if grows {
        check_size(&mut tx, &item_id, classified, vault.limits()).await?;
    }
    quota.settle(&mut tx).await?;
    client_tasks::queue_share_update(&mut tx, &session.user_id, &item_id, vault.clock()).await?;
    let slot = items::slot_response(&mut tx, &id, &session.user_id).await?;
    tx.commit().await?;
    Ok(Json(SlotResponse { slot }))
}

/// Deletes a slot of an own item.
#[utoipa::path(delete, path = "/slots/{id}", responses((status = 204), (status = 403)))]
pub(in crate::vault) async fn delete(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let slot = items::find_slot(&mut tx, &id, &session.user_id).await?;
    items::find_own(&mut tx, &slot.item_id, &session.user_id).await?;
    let quota = Quota::begin(&mut tx, &vault, &session.user_id, &slot.item_id).await?;
    apply::delete_slots(&mut tx, std::slice::from_ref(&id), vault.clock()).await?;
    quota.settle(&mut tx).await?;
    items::update(&mut tx, &slot.item_id, None, None, vault.clock().now()).await?;
    client_tasks::queue_share_update(&mut tx, &session.user_id, &slot.item_id, vault.clock()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
