//! Sent shares, and shares of the caller's items: listing, reading, changing (docs/protocol/http-api.md §9.5, §9.7).

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::shares::{ShareChange, ShareResponse, SharesChange, SharesResponse},
};

use super::{creating::check_grant, ending};
use crate::{
    auth::Session,
    clock::Clock,
    error::{Code, Error, Result},
    pagination::{Order, PageParams},
    query::Query,
    request::{Body, read_expiry},
    service::Service,
    vault::{
        Vault, encryption_spaces,
        records::{
            shares::{self, OutgoingFilter, ShareRow},
            space_shares::SpaceShareChange,
        },
    },
};

pub(in crate::vault) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(filter): Query<OutgoingFilter>,
) -> Result<Json<SharesResponse>> {
    let page = page.page(Order::Ascending);
    let mut db = vault.store().read_once().await?;
    let rows = shares::list_outgoing(&mut db, &session.user_id, &filter, &page).await?;
    let (rows, next_page_after) = page.cut_by_weight(rows, |row: &ShareRow| row.sequence, ShareRow::weight);
    let shares = rows.into_iter().map(|row| row.wire(&session.user_id)).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(SharesResponse { shares, next_page_after, meta }))
}

pub(in crate::vault) async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<ShareResponse>> {
    let mut db = vault.store().read_once().await?;
    let share = shares::find(&mut db, &id).await?;
    let share = share.filter(|share| share.sender_id == session.user_id).ok_or_else(shares::not_found)?;
    Ok(Json(ShareResponse { share: share.wire(&session.user_id)? }))
}

/// The body of `PUT /shares`: the first protocol names shares by `id`, the second by `share_id`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(in crate::vault) enum AnyChange {
    OfCopies(SharesChange),
    InSpaces { shares: Vec<SpaceShareChange> },
}

pub(in crate::vault) async fn change(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<AnyChange>,
) -> Result<Response> {
    match request {
        AnyChange::OfCopies(request) => Ok(change_copies(&vault, &session, request).await?.into_response()),
        AnyChange::InSpaces { shares } => {
            Ok(Json(encryption_spaces::change(&vault, &session, shares).await?).into_response())
        }
    }
}

async fn change_copies(vault: &Vault, session: &Session, request: SharesChange) -> Result<Json<SharesResponse>> {
    let mut tx = vault.store().write().await?;
    let shares = change_all(&mut tx, &session.user_id, ("shares", &request.shares), vault.clock()).await?;
    tx.commit().await?;
    let shares = shares.into_iter().map(|share| share.wire(&session.user_id)).collect::<Result<_>>()?;
    Ok(Json(SharesResponse { shares, next_page_after: None, meta: PageMeta::of(None) }))
}

/// Changes when shares of the user's items expire and whether they may be shared on, and with them the shares that
/// recipients made from them.
pub(super) async fn change_all(
    db: &mut AnyConnection,
    user_id: &str,
    (field, changes): (&str, &[ShareChange]),
    clock: &Clock,
) -> Result<Vec<ShareRow>> {
    let mut changed = Vec::with_capacity(changes.len());
    for (index, change) in changes.iter().enumerate() {
        let at_share = |error: Error| error.at(&format!("{field}[{index}]"));
        let id = change.share_id.as_str();
        let share = shares::find(db, id).await?;
        let share = share.filter(|share| share.owner_id == user_id).ok_or_else(shares::not_found)?;
        if let Some(expires_at) = &change.expires_at {
            let expires_at =
                expires_at.as_ref().map(|text| read_expiry(text, clock.now())).transpose().map_err(at_share)?;
            shares::set_expiry(db, id, expires_at).await?;
        }
        match change.onsharing_permitted {
            Some(true) if share.sender_id != share.owner_id => {
                let refusal = Error::refused(Code::SharedOnAlready, "What was shared on cannot be shared on again");
                return Err(at_share(refusal.at("onsharing_permitted")));
            }
            Some(permitted) => {
                shares::permit_on_sharing(db, id, permitted).await?;
            }
            None => {}
        }
        if let Some(grant) = check_grant(change.grant.as_deref()).map_err(at_share)? {
            shares::set_grants(db, &HashMap::from([(id, grant)])).await?;
        }
        if change.onsharing_permitted == Some(false) {
            ending::end_children(db, id, clock).await?;
        }
        changed.push(shares::find(db, id).await?.ok_or_else(shares::not_found)?);
    }
    Ok(changed)
}
