//! Shares that the caller made, or whose item the caller owns: listing, reading, changing (http-api §9.5, §9.7).

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use serde::Deserialize;
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::shares::{ShareChange, ShareResponse, SharesChange, SharesResponse},
};

use super::{
    creating::read_expiry,
    ending,
    records::{self, SHARES, ShareRow},
};
use crate::{
    clock::{Clock, Millis},
    error::{Error, Result},
    paging::{Order, Page},
    request::{Body, Parameters},
    service::Service,
    sessions::Session,
    store::Statement,
    vault::{
        Vault,
        encryption_spaces::{self, SpaceShareChange},
    },
};

pub(super) fn routes() -> Router<Vault> {
    Router::new()
        .route("/outgoing_shares", get(list))
        .route("/outgoing_shares/{id}", get(show))
        .route("/shares", put(change))
}

async fn list(State(vault): State<Vault>, session: Session, parameters: Parameters) -> Result<Json<SharesResponse>> {
    let page = Page::of(&parameters, Order::Ascending);
    let item_ids = parameters.list("item_ids");
    let select = Statement::new(SHARES);
    let mut select = match item_ids.is_empty() {
        true => select.text(" AND sender_id = ?", &session.user_id),
        // The items find the shares, not the sender, who may have many more.
        false => select.any_of(" AND item_id IN (?)", &item_ids).text(" AND sender_id || '' = ?", &session.user_id),
    };
    if let Some(connection_id) = parameters.one("own_connection_id") {
        select = select
            .text(" AND recipient_id IN (SELECT other_user_id FROM connections WHERE id = ?", connection_id)
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
    let share = records::find(&mut db, &id).await?;
    let share = share.filter(|share| share.sender_id == session.user_id).ok_or_else(records::not_found)?;
    Ok(Json(ShareResponse { share: share.wire(&session.user_id)? }))
}

/// What `PUT /shares` changes: shares of the first protocol name themselves by `id`, others by `share_id`.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyChange {
    OfCopies(SharesChange),
    InSpaces { shares: Vec<SpaceShareChange> },
}

async fn change(State(vault): State<Vault>, session: Session, Body(request): Body<AnyChange>) -> Result<Response> {
    match request {
        AnyChange::OfCopies(request) => Ok(change_copies(&vault, &session, request).await?.into_response()),
        AnyChange::InSpaces { shares } => {
            Ok(Json(encryption_spaces::change(&vault, &session, shares).await?).into_response())
        }
    }
}

async fn change_copies(vault: &Vault, session: &Session, request: SharesChange) -> Result<Json<SharesResponse>> {
    let mut tx = vault.store().write().await?;
    let shares = change_all(&mut tx, &session.user_id, &request.shares, vault.clock()).await?;
    tx.commit().await?;
    let shares = shares.into_iter().map(|share| share.wire(&session.user_id)).collect::<Result<_>>()?;
    Ok(Json(SharesResponse { shares, next_page_after: None, meta: PageMeta::of(None) }))
}

/// Changes how long shares of the user's items last and whether they may be shared on. What was shared on follows.
pub(super) async fn change_all(
    db: &mut AnyConnection,
    user_id: &str,
    changes: &[ShareChange],
    clock: &Clock,
) -> Result<Vec<ShareRow>> {
    let mut shares = Vec::with_capacity(changes.len());
    for change in changes {
        let id = change.share_id.as_str();
        let share = records::find(db, id).await?;
        let share = share.filter(|share| share.owner_id == user_id).ok_or_else(records::not_found)?;
        if let Some(expires_at) = &change.expires_at {
            let expires_at = expires_at.as_ref().map(|text| read_expiry(text, clock.now())).transpose()?;
            set_expiry(db, id, expires_at).await?;
        }
        match change.onsharing_permitted {
            Some(true) if share.sender_id != share.owner_id => {
                return Err(Error::invalid("What was shared on cannot be shared on again"));
            }
            Some(permitted) => {
                sqlx::query("UPDATE shares SET onsharing_permitted = $1 WHERE id = $2")
                    .bind(i64::from(permitted))
                    .bind(id)
                    .execute(&mut *db)
                    .await?;
            }
            None => {}
        }
        if change.onsharing_permitted == Some(false) {
            ending::end_on_shares(db, id, clock).await?;
        }
        shares.push(records::find(db, id).await?.ok_or_else(records::not_found)?);
    }
    Ok(shares)
}

async fn set_expiry(db: &mut AnyConnection, id: &str, expires_at: Option<Millis>) -> Result<()> {
    sqlx::query("UPDATE shares SET expires_at = $1 WHERE id = $2").bind(expires_at).bind(id).execute(&mut *db).await?;
    if let Some(expires_at) = expires_at {
        let shorten = "UPDATE shares SET expires_at = $1 \
             WHERE parent_share_id = $2 AND (expires_at IS NULL OR expires_at > $1)";
        sqlx::query(shorten).bind(expires_at).bind(id).execute(db).await?;
    }
    Ok(())
}
