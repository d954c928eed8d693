//! Shares made for the caller: listing, reading, accepting (http-api §8.2, §8.3, §9.4).

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, put},
};
use vaultshare::api::{
    Id, PageMeta,
    vault::shares::{Acceptance, ShareResponse, ShareWithItemResponse, SharesResponse},
};

use super::{
    copies,
    records::{self, SHARES, ShareRow},
};
use crate::{
    error::Result,
    paging::{Order, Page},
    request::Parameters,
    service::Service,
    sessions::Session,
    store::Statement,
    vault::{Vault, items},
    wire::Stored,
};

pub(super) fn routes() -> Router<Vault> {
    Router::new()
        .route("/incoming_shares", get(list))
        .route("/incoming_shares/{id}", get(show))
        .route("/incoming_shares/{id}/item", get(show_with_item))
        .route("/incoming_shares/{id}/accept", put(accept))
}

async fn list(State(vault): State<Vault>, session: Session, parameters: Parameters) -> Result<Json<SharesResponse>> {
    let page = Page::of(&parameters, Order::Ascending);
    let ids = parameters.list("share_ids");
    let select = Statement::new(SHARES);
    let select = match ids.is_empty() {
        true => select.text(" AND recipient_id = ?", &session.user_id),
        // The ids find the shares, not the recipient, who may have many more.
        false => select.any_of(" AND id IN (?)", &ids).text(" AND recipient_id || '' = ?", &session.user_id),
    };
    let mut select = select.any_of_if(" AND acceptance_required IN (?)", &parameters.list("acceptance_required"));
    if let Some(connection_id) = parameters.one("own_connection_id") {
        select = select
            .text(" AND sender_id IN (SELECT other_user_id FROM connections WHERE id = ?", connection_id)
            .text(" AND user_id = ?)", &session.user_id);
    }
    let mut db = vault.store().read_once().await?;
    let rows = select.page("sequence", &page).fetch(&mut db).await?;
    let (rows, next_page_after) = page.cut(rows, |row: &ShareRow| row.sequence);
    let shares = rows.into_iter().map(|row| row.wire(&session.user_id)).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(SharesResponse { shares, next_page_after, meta }))
}

async fn show(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<Json<ShareResponse>> {
    let mut db = vault.store().read_once().await?;
    let share = records::find_incoming(&mut db, &id, &session.user_id).await?.wire(&session.user_id)?;
    Ok(Json(ShareResponse { share }))
}

/// The share with the caller's copy of the item. Of several shares of one item one backs the copy; asked through
/// another, the reply says which.
async fn show_with_item(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<ShareWithItemResponse>> {
    let mut db = vault.store().read().await?;
    let share = records::find_incoming(&mut db, &id, &session.user_id).await?;
    let copy = copies::find(&mut db, &share.item_id, &session.user_id).await?.ok_or_else(records::not_found)?;
    let backed_by_another = copy.share_id.clone().filter(|share_id| *share_id != share.id);
    let item = items::records::response_of(&mut db, copy, &session.user_id).await?;
    Ok(Json(ShareWithItemResponse {
        share: share.wire(&session.user_id)?,
        item_shared_via_another_share_id: Id::maybe(backed_by_another)?,
        item: item.item,
        slots: item.slots,
        associations: vec![],
        associations_to: vec![],
        attachments: item.attachments,
        classification_nodes: item.classification_nodes,
        thumbnails: item.thumbnails,
    }))
}

/// Accepts a share and its terms. Where there is nothing to accept it changes nothing.
async fn accept(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<Json<ShareResponse>> {
    let mut tx = vault.store().write().await?;
    records::find_incoming(&mut tx, &id, &session.user_id).await?;
    sqlx::query("UPDATE shares SET acceptance_required = $1 WHERE id = $2 AND acceptance_required = $3")
        .bind(Acceptance::Accepted.as_str())
        .bind(&id)
        .bind(Acceptance::AcceptanceRequired.as_str())
        .execute(&mut *tx)
        .await?;
    let share = records::find_incoming(&mut tx, &id, &session.user_id).await?.wire(&session.user_id)?;
    tx.commit().await?;
    Ok(Json(ShareResponse { share }))
}
