//! Received shares: listing, reading, accepting (docs/protocol/http-api.md §8.2, §8.3, §9.4).

use axum::{Json, extract::State, response::Response};
use vaultshare::api::{
    Id, PageMeta,
    vault::shares::{ShareResponse, ShareWithItemResponse, SharesResponse},
};

use crate::{
    auth::Session,
    error::Result,
    pagination::{Order, PageParams},
    query::Query,
    request::Path,
    service::{Service, large_json},
    vault::{
        Vault,
        records::{
            copies, items,
            shares::{self, IncomingFilter, ShareRow},
        },
    },
    wire::Stored,
};

/// The shares that the user received, oldest first.
#[utoipa::path(
    get, path = "/incoming_shares",
    params(PageParams, IncomingFilter),
    responses((status = 200, body = SharesResponse)),
)]
pub(in crate::vault) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(filter): Query<IncomingFilter>,
) -> Result<Response> {
    let page = page.page(Order::Ascending);
    let mut db = vault.store().read_once().await?;
    let rows = shares::list_incoming(&mut db, &session.user_id, &filter, &page).await?;
    let (rows, next_page_after) = page.cut_by_weight(rows, |row: &ShareRow| row.sequence, ShareRow::weight);
    let shares = rows.into_iter().map(|row| row.wire(&session.user_id)).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    large_json(&SharesResponse { shares, next_page_after, meta })
}

/// One received share.
#[utoipa::path(get, path = "/incoming_shares/{id}", responses((status = 200, body = ShareResponse)))]
pub(in crate::vault) async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<Json<ShareResponse>> {
    let mut db = vault.store().read_once().await?;
    let share = shares::find_incoming(&mut db, &id, &session.user_id).await?.wire(&session.user_id)?;
    Ok(Json(ShareResponse { share }))
}

/// The share with the caller's copy of the item. If several shares brought the item, the copy has the values of one;
/// asked for another, the reply says which.
#[utoipa::path(get, path = "/incoming_shares/{id}/item", responses((status = 200, body = ShareWithItemResponse)))]
pub(in crate::vault) async fn show_with_item(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<Response> {
    let mut db = vault.store().read().await?;
    let share = shares::find_incoming(&mut db, &id, &session.user_id).await?;
    let copy = copies::find(&mut db, &share.item_id, &session.user_id).await?.ok_or_else(shares::not_found)?;
    let another_share = copy.share_id.clone().filter(|share_id| *share_id != share.id);
    let item = items::response_of(&mut db, copy, &session.user_id).await?;
    large_json(&ShareWithItemResponse {
        share: share.wire(&session.user_id)?,
        item_shared_via_another_share_id: Id::maybe(another_share)?,
        item: item.item,
        slots: item.slots,
        associations: vec![],
        associations_to: vec![],
        attachments: item.attachments,
        classification_nodes: item.classification_nodes,
        thumbnails: item.thumbnails,
    })
}

/// Accepts a share and its terms. A share that need not be accepted stays unchanged.
#[utoipa::path(put, path = "/incoming_shares/{id}/accept", responses((status = 200, body = ShareResponse)))]
pub(in crate::vault) async fn accept(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<Json<ShareResponse>> {
    let mut tx = vault.store().write().await?;
    let received = shares::find_incoming(&mut tx, &id, &session.user_id).await?;
    shares::accept(&mut tx, &id).await?;
    let copies = copies::ids_of_users(&mut tx, &received.item_id, &[&session.user_id]).await?;
    copies::choose_sources(&mut tx, &copies, vault.clock()).await?;
    let share = shares::find_incoming(&mut tx, &id, &session.user_id).await?.wire(&session.user_id)?;
    tx.commit().await?;
    Ok(Json(ShareResponse { share }))
}
