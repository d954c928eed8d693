//! Single slots: reading one, and of an own item changing and removing one (http-api §6.10).

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use vaultshare::api::{
    Id,
    vault::slots::{SlotChange, SlotResponse},
};

use super::{changes, find_own, records, writing};
use crate::{
    error::Result,
    request::Body,
    service::Service,
    sessions::Session,
    vault::{Vault, client_tasks},
    wire::Stored,
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/slots/{id}", get(show).put(change).delete(delete))
}

async fn show(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<Json<SlotResponse>> {
    let mut db = vault.store().read().await?;
    let slot = records::slot_response(&mut db, &id, &session.user_id).await?;
    Ok(Json(SlotResponse { slot }))
}

/// Changes one slot as a change of its item would.
async fn change(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path<String>,
    Body(request): Body<SlotChange>,
) -> Result<Json<SlotResponse>> {
    let mut tx = vault.store().write().await?;
    let slot = records::find_slot(&mut tx, &id, &session.user_id).await?;
    find_own(&mut tx, &slot.item_id, &session.user_id).await?;
    let change = [SlotChange { id: Some(Id::stored(slot.id)?), destroy: None, ..request }];
    let steps = changes::plan_update(&[(id.clone(), slot.name)], &change)?;
    writing::update(&mut tx, &slot.item_id, None, None, vault.clock()).await?;
    writing::carry_out(&mut tx, (&slot.item_id, &session.user_id), steps, vault.clock()).await?;
    client_tasks::ask_for_update_of_shares(&mut tx, &session.user_id, &slot.item_id, vault.clock()).await?;
    let slot = records::slot_response(&mut tx, &id, &session.user_id).await?;
    tx.commit().await?;
    Ok(Json(SlotResponse { slot }))
}

async fn delete(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let slot = records::find_slot(&mut tx, &id, &session.user_id).await?;
    find_own(&mut tx, &slot.item_id, &session.user_id).await?;
    writing::delete_slots(&mut tx, std::slice::from_ref(&id), vault.clock()).await?;
    writing::update(&mut tx, &slot.item_id, None, None, vault.clock()).await?;
    client_tasks::ask_for_update_of_shares(&mut tx, &session.user_id, &slot.item_id, vault.clock()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
