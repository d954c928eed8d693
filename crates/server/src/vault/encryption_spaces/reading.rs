//! Lists of shares, and one share with its item, in the shapes of the first clients and of the second: one reply has the
//! fields of both.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use vaultshare::api::{
    PageMeta,
    vault::encryption_spaces::{SpaceShareResponse, SpaceSharesResponse},
};

use super::records::{self, ShareRow, Sides};
use crate::{
    clock::Millis,
    error::Result,
    paging::{Order, Page},
    request::Parameters,
    service::Service,
    sessions::Session,
    vault::Vault,
};

pub(super) fn routes() -> Router<Vault> {
    Router::new()
        .route("/shares", get(list_all))
        .route("/shares/incoming", get(list_incoming))
        .route("/shares/outgoing", get(list_outgoing))
        .route("/shares/{id}", get(show))
        .route("/items/incoming", get(list_incoming))
        .route("/shared/items/incoming", get(list_incoming))
        .route("/shared/items/outgoing", get(list_outgoing))
}

async fn list_all(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<SpaceSharesResponse>> {
    page_of(&vault, &session, &parameters, Sides::Both, vault.clock().now()).await
}

async fn list_incoming(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<SpaceSharesResponse>> {
    page_of(&vault, &session, &parameters, Sides::Received, vault.clock().now()).await
}

/// With `with_expired` also those that have ended, as long as housekeeping has not cleared them away.
async fn list_outgoing(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<SpaceSharesResponse>> {
    let still = if parameters.flag("with_expired") == Some(true) { i64::MIN } else { vault.clock().now() };
    page_of(&vault, &session, &parameters, Sides::Sent, still).await
}

async fn page_of(
    vault: &Vault,
    session: &Session,
    parameters: &Parameters,
    sides: Sides,
    still: Millis,
) -> Result<Json<SpaceSharesResponse>> {
    let page = Page::of(parameters, Order::Ascending);
    let mut db = vault.store().read().await?;
    let rows = records::page_of(&mut db, sides, &session.user_id, still, &page).await?;
    let (rows, next_page_after) = page.cut(rows, |row: &ShareRow| row.sequence);
    let (mut items, mut slots) = (Vec::with_capacity(rows.len()), Vec::new());
    for (item, of_item) in records::items_of(&mut db, &rows, &session.user_id).await? {
        items.push(item.into());
        slots.extend(of_item);
    }
    let shares = records::with_values(&mut db, rows, &session.user_id).await?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(SpaceSharesResponse { shares, items, slots, users: vec![], next_page_after, meta }))
}

async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<SpaceShareResponse>> {
    let mut db = vault.store().read().await?;
    let row = records::find(&mut db, &id, &session.user_id, vault.clock().now()).await?;
    let mut items = records::items_of(&mut db, std::slice::from_ref(&row), &session.user_id).await?;
    let (item, slots) = items.pop().ok_or_else(records::not_found)?;
    let mut shares = records::with_values(&mut db, vec![row], &session.user_id).await?;
    let share = shares.pop().ok_or_else(records::not_found)?;
    Ok(Json(SpaceShareResponse {
        shares: vec![share.clone()],
        items: vec![item.clone().into()],
        share,
        item,
        slots,
        users: vec![],
        associations: vec![],
        associations_to: vec![],
        attachments: vec![],
        thumbnails: vec![],
        classification_nodes: vec![],
    }))
}
