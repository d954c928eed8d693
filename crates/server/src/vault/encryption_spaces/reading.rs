//! Lists of shares, and one share with its item. The first and the second generation of clients expect different
//! fields: replies have both.

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;
use vaultshare::api::{
    PageMeta,
    vault::encryption_spaces::{SpaceShareResponse, SpaceSharesResponse},
};

use crate::{
    auth::Session,
    clock::Millis,
    error::Result,
    pagination::{Order, PageParams},
    query::{self, Query},
    request::Path,
    service::{Service, large_json},
    vault::{
        Vault,
        records::{
            attachments,
            space_shares::{self, ShareRow, Sides},
        },
    },
};

/// The shares of the first protocol, received and sent, oldest first.
#[utoipa::path(get, path = "/shares", params(PageParams), responses((status = 200, body = SpaceSharesResponse)))]
pub(in crate::vault) async fn list_all(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
) -> Result<Response> {
    page_of(&vault, &session, &page, Sides::Both, vault.clock().now()).await
}

/// The shares of the first protocol that the user received, oldest first.
#[utoipa::path(
    get, path = "/shares/incoming",
    params(PageParams),
    responses((status = 200, body = SpaceSharesResponse)),
)]
pub(in crate::vault) async fn list_incoming(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
) -> Result<Response> {
    page_of(&vault, &session, &page, Sides::Received, vault.clock().now()).await
}

/// The query parameters of lists of sent shares.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(in crate::vault) struct ExpiredParams {
    /// True lists also those that have expired and not yet been deleted.
    #[serde(deserialize_with = "query::flag")]
    with_expired: Option<bool>,
}

/// The shares of the first protocol that the user sent, oldest first.
#[utoipa::path(
    get, path = "/shares/outgoing",
    params(PageParams, ExpiredParams),
    responses((status = 200, body = SpaceSharesResponse)),
)]
pub(in crate::vault) async fn list_outgoing(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(params): Query<ExpiredParams>,
) -> Result<Response> {
    let now = if params.with_expired == Some(true) { Millis::MIN } else { vault.clock().now() };
    page_of(&vault, &session, &page, Sides::Sent, now).await
}

async fn page_of(vault: &Vault, session: &Session, page: &PageParams, sides: Sides, now: Millis) -> Result<Response> {
    let page = page.page(Order::Ascending);
    let mut db = vault.store().read().await?;
    let rows = space_shares::page_of(&mut db, sides, &session.user_id, now, &page).await?;
    let weights = space_shares::weights(&mut db, page.shown(&rows)).await?;
    let weight = |row: &ShareRow| weights.get(&row.id).copied().unwrap_or_default();
    let (rows, next_page_after) = page.cut_by_weight(rows, |row| row.sequence, weight);
    let (mut items, mut slots) = (Vec::with_capacity(rows.len()), Vec::new());
    for (item, of_item) in space_shares::items_of(&mut db, &rows, &session.user_id).await? {
        items.push(item.into());
        slots.extend(of_item);
    }
    let shares = space_shares::with_values(&mut db, rows, &session.user_id).await?;
    let meta = PageMeta::of(next_page_after.as_deref());
    large_json(&SpaceSharesResponse { shares, items, slots, users: vec![], next_page_after, meta })
}

/// One share of the first protocol.
#[utoipa::path(get, path = "/shares/{id}", responses((status = 200, body = SpaceShareResponse)))]
pub(in crate::vault) async fn show(State(vault): State<Vault>, session: Session, Path(id): Path) -> Result<Response> {
    let mut db = vault.store().read().await?;
    let row = space_shares::find(&mut db, &id, &session.user_id, vault.clock().now()).await?;
    let mut items = space_shares::items_of(&mut db, std::slice::from_ref(&row), &session.user_id).await?;
    let (item, slots) = items.pop().ok_or_else(space_shares::not_found)?;
    let files = attachments::of_slots(&mut db, &row.item_id, &slots).await?;
    let mut shares = space_shares::with_values(&mut db, vec![row], &session.user_id).await?;
    let share = shares.pop().ok_or_else(space_shares::not_found)?;
    large_json(&SpaceShareResponse {
        shares: vec![share.clone()],
        items: vec![item.clone().into()],
        share,
        item,
        slots,
        users: vec![],
        associations: vec![],
        associations_to: vec![],
        attachments: files.attachments,
        thumbnails: files.thumbnails,
        classification_nodes: vec![],
    })
}
