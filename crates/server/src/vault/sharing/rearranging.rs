//! Ending, changing and making shares in one step (http-api §9.7): all of it is done, or none.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::patch};
use serde::Deserialize;
use vaultshare::api::{
    Id, PageMeta,
    vault::shares::{NewShare, ShareChange, SharesResponse},
};

use super::{creating::Sharing, ending, outgoing, records};
use crate::{
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    request::Body,
    service::Service,
    sessions::Session,
    vault::Vault,
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/shares", patch(rearrange))
}

#[derive(Deserialize)]
struct Rearrangement {
    shares_to_delete: Option<Vec<Id>>,
    shares_to_reconfigure: Option<Vec<ShareChange>>,
    item_to_share_id: Option<Id>,
    shares_to_create: Option<Vec<NewShare>>,
}

/// Answers with what was changed and made.
async fn rearrange(
    State(vault): State<Vault>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<Rearrangement>,
) -> Result<Response> {
    let mut change = match repeatable.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    for id in request.shares_to_delete.unwrap_or_default() {
        ending::end_as(db, id.as_str(), &session.user_id, vault.clock()).await?;
    }
    let changes = request.shares_to_reconfigure.unwrap_or_default();
    let mut shares = outgoing::change_all(db, &session.user_id, &changes, vault.clock()).await?;
    let new = request.shares_to_create.unwrap_or_default();
    if !new.is_empty() {
        let item_id =
            request.item_to_share_id.ok_or_else(|| Error::invalid("shares_to_create needs item_to_share_id"))?;
        let sharing = Sharing::begin(db, item_id.as_str(), &session.user_id).await?;
        let ids = sharing.share(db, &new, vault.clock()).await?;
        shares.extend(records::find_all(db, &ids).await?);
    }
    let shares = shares.into_iter().map(|share| share.wire(&session.user_id)).collect::<Result<_>>()?;
    change.answer(StatusCode::OK, &SharesResponse { shares, next_page_after: None, meta: PageMeta::of(None) }).await
}
