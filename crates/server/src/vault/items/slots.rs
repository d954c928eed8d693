//! Single slots: reading one, and removing one from an own item (http-api §6.10).

use super::{find_own, records, writing};
use crate::error::Result;
use crate::service::Service;
use crate::sessions::Session;
use crate::vault::{Vault, client_tasks};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use vaultshare::api::vault::slots::SlotResponse;

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/slots/{id}", get(show).delete(delete))
}

async fn show(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<Json<SlotResponse>> {
    let mut db = vault.store().read().await?;
    let slot = records::slot_response(&mut db, &id, &session.user_id).await?;
    Ok(Json(SlotResponse { slot }))
}

async fn delete(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let slot = records::find_slot(&mut tx, &id, &session.user_id).await?;
    find_own(&mut tx, &slot.item_id, &session.user_id).await?;
    writing::delete_slot(&mut tx, &id, vault.clock()).await?;
    writing::update(&mut tx, &slot.item_id, None, None, vault.clock()).await?;
    client_tasks::ask_for_update_of_shares(&mut tx, &session.user_id, &slot.item_id, vault.clock()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
