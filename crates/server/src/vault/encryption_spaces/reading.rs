//! Lists of shares, and one share with its item, in the shapes of the first clients and of the second: one reply has the
//! fields of both.

use super::records::{self, ShareRow};
use crate::error::Result;
use crate::paging::{Order, Page};
use crate::request::Parameters;
use crate::service::Service;
use crate::sessions::Session;
use crate::store::Select;
use crate::vault::Vault;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use vaultshare::api::PageMeta;
use vaultshare::api::vault::encryption_spaces::{SpaceShareResponse, SpaceSharesResponse};

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
    let select = records::visible_to(&session.user_id, vault.clock().now());
    page_of(&vault, &session, &parameters, select).await
}

async fn list_incoming(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<SpaceSharesResponse>> {
    let select = records::visible_to(&session.user_id, vault.clock().now())
        .text(" AND space_shares.recipient_id = ?", &session.user_id);
    page_of(&vault, &session, &parameters, select).await
}

/// With `with_expired` also those that have ended, as long as housekeeping has not cleared them away.
async fn list_outgoing(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<SpaceSharesResponse>> {
    let still = if parameters.flag("with_expired") == Some(true) { i64::MIN } else { vault.clock().now() };
    let select = records::visible_to(&session.user_id, still).text(" AND space_shares.sender_id = ?", &session.user_id);
    page_of(&vault, &session, &parameters, select).await
}

async fn page_of(
    vault: &Vault,
    session: &Session,
    parameters: &Parameters,
    select: Select,
) -> Result<Json<SpaceSharesResponse>> {
    let page = Page::of(parameters, Order::Ascending);
    let mut db = vault.store().read().await?;
    let rows = select.page("space_shares.sequence", &page).fetch(&mut db).await?;
    let (rows, next_page_after) = page.cut(rows, |row: &ShareRow| row.sequence);
    let (mut items, mut slots) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let (item, of_item) = records::item_of(&mut db, row, &session.user_id).await?;
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
    let (item, slots) = records::item_of(&mut db, &row, &session.user_id).await?;
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
