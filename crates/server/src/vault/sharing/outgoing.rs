//! Sent shares, and shares of the caller's items: listing, reading, changing (docs/protocol/http-api.md §9.5, §9.7).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::{Json, extract::State, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::{
        encryption_spaces::SpaceSharesResponse,
        shares::{ShareChange, ShareResponse, SharesChange, SharesResponse},
    },
};

use super::{creating::check_weight, ending};
use crate::{
    auth::Session,
    bounds::{Bounded, SLOT_VALUES, SPACE_SHARES, check_count, check_list},
    clock::Millis,
    config::Limits,
    error::{Code, Error, Result},
    pagination::{Order, PageParams},
    query::Query,
    request::{Body, Path, read_expiry},
    service::{Service, large_json},
    vault::{
        Vault, encryption_spaces,
        quota::Quota,
        records::{
            shares::{self, OutgoingFilter, ShareRow},
            space_shares::SpaceShareChange,
        },
    },
};

/// The shares that the user sent, oldest first.
#[utoipa::path(
    get, path = "/outgoing_shares",
    params(PageParams, OutgoingFilter),
    responses((status = 200, body = SharesResponse)),
)]
pub(in crate::vault) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(filter): Query<OutgoingFilter>,
) -> Result<Response> {
    let page = page.page(Order::Ascending);
    let mut db = vault.store().read_once().await?;
    let rows = shares::list_outgoing(&mut db, &session.user_id, &filter, &page).await?;
    let (rows, next_page_after) = page.cut_by_weight(rows, |row: &ShareRow| row.sequence, ShareRow::weight);
    let shares = rows.into_iter().map(|row| row.wire(&session.user_id)).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    large_json(&SharesResponse { shares, next_page_after, meta })
}

/// One sent share.
#[utoipa::path(get, path = "/outgoing_shares/{id}", responses((status = 200, body = ShareResponse)))]
pub(in crate::vault) async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<Json<ShareResponse>> {
    let mut db = vault.store().read_once().await?;
    let share = shares::find(&mut db, &id).await?;
    let share = share.filter(|share| share.sender_id == session.user_id).ok_or_else(shares::not_found)?;
    Ok(Json(ShareResponse { share: share.wire(&session.user_id)? }))
}

/// The body of `PUT /shares`: the first protocol names shares by `id`, the second by `share_id`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "AnySharesChange")]
pub(in crate::vault) enum AnyChange {
    OfCopies(SharesChange),
    InSpaces { shares: Vec<SpaceShareChange> },
}

/// The reply, in the form of the request.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "AnySharesResponse")]
pub(in crate::vault) enum AnyChanged {
    OfCopies(SharesResponse),
    InSpaces(SpaceSharesResponse),
}

vaultshare::describe!(READ: AnyChange);
vaultshare::describe!(SENT: AnyChanged);

impl Bounded for AnyChange {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        match self {
            Self::OfCopies(request) => request.check_bounds(limits),
            Self::InSpaces { shares } => {
                check_list("shares", shares, SPACE_SHARES, |share| share.check_bounds(limits))?;
                let values =
                    shares.iter().filter_map(|share| share.encrypted_values.as_ref()).map(|values| values.0.len());
                check_count("shares", values.sum(), SLOT_VALUES)
            }
        }
    }
}

/// Changes shares, all or none: those of the second protocol by `share_id`, those of the first by `id`.
#[utoipa::path(
    put, path = "/shares",
    request_body = AnyChange,
    responses((status = 200, body = AnyChanged), (status = 403), (status = 404)),
)]
pub(in crate::vault) async fn change(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<AnyChange>,
) -> Result<Response> {
    large_json(&match request {
        AnyChange::OfCopies(request) => AnyChanged::OfCopies(change_copies(&vault, &session, request).await?),
        AnyChange::InSpaces { shares } => {
            AnyChanged::InSpaces(encryption_spaces::change(&vault, &session, shares).await?)
        }
    })
}

async fn change_copies(vault: &Vault, session: &Session, request: SharesChange) -> Result<SharesResponse> {
    let mut tx = vault.store().write().await?;
    let shares = change_all(&mut tx, &session.user_id, ("shares", &request.shares), vault).await?;
    tx.commit().await?;
    let shares = shares.into_iter().map(|share| share.wire(&session.user_id)).collect::<Result<_>>()?;
    Ok(SharesResponse { shares, next_page_after: None, meta: PageMeta::of(None) })
}

/// Changes when shares of the user's items expire and whether they may be shared on, and with them the shares that
/// recipients made from them. Any number of shares takes the same few statements.
pub(super) async fn change_all(
    db: &mut AnyConnection,
    user_id: &str,
    (field, changes): (&str, &[ShareChange]),
    vault: &Vault,
) -> Result<Vec<ShareRow>> {
    let clock = vault.clock();
    let ids: Vec<&str> = changes.iter().map(|change| change.share_id.as_str()).collect();
    let found = shares::find_all(db, &ids).await?.into_iter();
    let mut rows: HashMap<String, ShareRow> =
        found.filter(|share| share.owner_id == user_id).map(|share| (share.id.clone(), share)).collect();
    let with_grants = changes.iter().filter(|change| change.grant.is_some());
    let items: BTreeSet<String> = with_grants
        .filter_map(|change| rows.get(change.share_id.as_str()))
        .map(|share| share.item_id.clone())
        .collect();
    let quota = Quota::begin_all(db, vault, user_id, items.iter().map(String::as_str).collect()).await?;
    let (mut shortened, mut withdrawn) = (BTreeSet::new(), BTreeSet::new());
    for (index, change) in changes.iter().enumerate() {
        let id = change.share_id.as_str();
        let share = rows.get_mut(id).ok_or_else(shares::not_found)?;
        plan_change(share, change, clock.now()).map_err(|error| error.at(&format!("{field}[{index}]")))?;
        if change.expires_at.is_some() {
            shortened.insert(id);
        }
        if change.onsharing_permitted == Some(false) {
            withdrawn.insert(id);
        }
    }
    let changed: BTreeMap<&str, &ShareRow> = rows.iter().map(|(id, row)| (id.as_str(), row)).collect();
    shares::update_all(db, changed.values().copied()).await?;
    shares::shorten_children(db, shortened.iter().filter_map(|id| changed.get(id).copied())).await?;
    ending::end_children(db, &withdrawn.into_iter().collect::<Vec<_>>(), clock).await?;
    quota.settle(db).await?;
    // As they are now: one may have been shortened, or ended, with the share it was made from.
    let now: HashMap<String, ShareRow> =
        shares::find_all(db, &ids).await?.into_iter().map(|share| (share.id.clone(), share)).collect();
    let changed: Vec<ShareRow> = ids.iter().filter_map(|id| now.get(*id).cloned()).collect();
    check_weight(field, &changed)?;
    Ok(changed)
}

fn plan_change(share: &mut ShareRow, change: &ShareChange, now: Millis) -> Result<()> {
    if let Some(expires_at) = &change.expires_at {
        share.expires_at = expires_at.as_ref().map(|text| read_expiry(text, now)).transpose()?;
    }
    if change.onsharing_permitted == Some(true) && share.sender_id != share.owner_id {
        let refusal = Error::refused(Code::SharedOnAlready, "What was shared on cannot be shared on again");
        return Err(refusal.at("onsharing_permitted"));
    }
    share.change(change.onsharing_permitted, change.grant.as_deref());
    Ok(())
}
