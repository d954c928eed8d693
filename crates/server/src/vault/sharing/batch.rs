//! Several changes of shares in one request (docs/protocol/http-api.md §9.7): all of them are made, or none.

use axum::{extract::State, http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::Deserialize;
use vaultshare::api::{
    Id, PageMeta,
    vault::shares::{NewShare, ShareChange, SharesResponse},
};

use super::{creating::Sharing, ending, outgoing};
use crate::{
    auth::Session,
    bounds::{Bounded, SHARES, check_count, check_list},
    config::Limits,
    error::{Error, Result},
    idempotency::{Begun, Idempotency},
    request::Body,
    service::Service,
    vault::{Vault, quota::Quota, records::shares},
};

/// Changes of shares.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SharesBatch")]
pub(in crate::vault) struct Batch {
    /// Shares to end.
    shares_to_delete: Option<Vec<Id>>,
    /// Shares to change.
    shares_to_reconfigure: Option<Vec<ShareChange>>,
    /// The item that is shared.
    item_to_share_id: Option<Id>,
    /// Shares of that item.
    shares_to_create: Option<Vec<NewShare>>,
}

vaultshare::describe!(READ: Batch);

impl Bounded for Batch {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_count("shares_to_delete", self.shares_to_delete.as_ref().map_or(0, Vec::len), SHARES)?;
        let changed = self.shares_to_reconfigure.as_deref().unwrap_or_default();
        check_list("shares_to_reconfigure", changed, SHARES, |share| share.check_bounds(limits))?;
        let created = self.shares_to_create.as_deref().unwrap_or_default();
        check_list("shares_to_create", created, SHARES, |share| share.check_bounds(limits))
    }
}

/// Ends, changes and makes shares, all or none. Returns those that were changed or made.
#[utoipa::path(
    patch, path = "/shares",
    request_body = Batch,
    params(Idempotency),
    responses((status = 200, body = SharesResponse), (status = 403), (status = 404)),
)]
pub(in crate::vault) async fn apply(
    State(vault): State<Vault>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<Batch>,
) -> Result<Response> {
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let ended = request.shares_to_delete.unwrap_or_default();
    let ended: Vec<&str> = ended.iter().map(Id::as_str).collect();
    ending::end_all_as(db, &ended, &session.user_id, vault.clock()).await?;
    let changes = request.shares_to_reconfigure.unwrap_or_default();
    let mut changed = outgoing::change_all(db, &session.user_id, ("shares_to_reconfigure", &changes), &vault).await?;
    let new = request.shares_to_create.unwrap_or_default();
    if !new.is_empty() {
        let item_id = request.item_to_share_id.ok_or_else(|| Error::missing("item_to_share_id"))?;
        let sharing = Sharing::begin(db, item_id.as_str(), &session.user_id).await?;
        let quota = Quota::begin(db, &vault, &sharing.owner_id, &sharing.original_id).await?;
        let ids = sharing.create(db, ("shares_to_create", &new), vault.clock()).await?;
        quota.settle(db).await?;
        changed.extend(shares::find_all(db, &ids).await?);
    }
    let shares = changed.into_iter().map(|share| share.wire(&session.user_id)).collect::<Result<_>>()?;
    change.answer(StatusCode::OK, &SharesResponse { shares, next_page_after: None, meta: PageMeta::of(None) }).await
}
