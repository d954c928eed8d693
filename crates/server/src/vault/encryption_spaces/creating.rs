//! Sharing an own item, or one slot of it, under the DEK of the connection's space.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::encryption_spaces::{
        NewSpaceShare, NewSpaceSharesRequest, ShareableType, SpaceSharesResponse, ValuesBySlot,
    },
};

use super::records;
use crate::{
    clock::{Clock, Millis},
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    request::Body,
    service::Service,
    sessions::Session,
    store::{Statement, new_id},
    vault::{Vault, connections, items, sharing::read_expiry},
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/shares", post(create))
}

/// Makes all the shares of the request, or none. What is shared with someone already is not shared twice: its share
/// gets the new values and terms.
async fn create(
    State(vault): State<Vault>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<NewSpaceSharesRequest>,
) -> Result<Response> {
    let mut change = match repeatable.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let now = vault.clock().now();
    let mut rows = Vec::with_capacity(request.shares.len());
    for new in &request.shares {
        let id = share(db, &session.user_id, new, vault.clock()).await?;
        rows.push(records::find(db, &id, &session.user_id, now).await?);
    }
    let (mut items, mut slots) = (Vec::new(), Vec::new());
    for (item, of_item) in records::items_of(db, &rows, &session.user_id).await? {
        items.push(item.into());
        slots.extend(of_item);
    }
    let shares = records::with_values(db, rows, &session.user_id).await?;
    let meta = PageMeta::of(None);
    let response = SpaceSharesResponse { shares, items, slots, users: vec![], next_page_after: None, meta };
    change.answer(StatusCode::CREATED, &response).await
}

async fn share(db: &mut AnyConnection, sender_id: &str, new: &NewSpaceShare, clock: &Clock) -> Result<String> {
    let now = clock.now();
    let recipient_id = new.user_id.as_str();
    let (item_id, slot_id) = shareable(db, sender_id, new).await?;
    if !connections::has_space(db, sender_id, recipient_id).await? {
        let message = "Sender and recipient are not connected, or the connection has no encryption space yet";
        return Err(Error::refused(StatusCode::BAD_REQUEST, "encryption_space_not_found", message));
    }
    check_values(db, &item_id, slot_id.as_deref(), &new.encrypted_values).await?;
    let expires_at = new.expires_at.as_deref().map(|text| read_expiry(text, now)).transpose()?;
    let id = match find_same(db, &item_id, slot_id.as_deref(), recipient_id).await? {
        Some(id) => {
            update(db, &id, new, expires_at, now).await?;
            id
        }
        None => insert(db, (&item_id, slot_id.as_deref()), sender_id, new, expires_at, clock).await?,
    };
    records::keep_values(db, &id, &new.encrypted_values).await?;
    Ok(id)
}

// The rules.

/// The own item that is meant, and the slot of it if it is one.
async fn shareable(db: &mut AnyConnection, sender_id: &str, new: &NewSpaceShare) -> Result<(String, Option<String>)> {
    let shareable_id = new.shareable_id.as_str();
    let (item_id, slot_id) = match new.shareable_type {
        ShareableType::Item => (shareable_id.to_owned(), None),
        ShareableType::Slot => {
            let slot = items::records::find_slot(db, shareable_id, sender_id).await?;
            (slot.item_id, Some(slot.id))
        }
    };
    items::find_own(db, &item_id, sender_id).await?;
    Ok((item_id, slot_id))
}

/// Values are of slots of the item, and of a shared slot of that one.
pub(super) async fn check_values(
    db: &mut AnyConnection,
    item_id: &str,
    only: Option<&str>,
    values: &ValuesBySlot,
) -> Result<()> {
    let slots = items::records::slots_of(db, item_id).await?;
    let is_shared = |id: &str| slots.iter().any(|slot| slot.id == id) && only.is_none_or(|only| only == id);
    if !values.iter().all(|(id, _)| is_shared(id)) {
        return Err(Error::invalid("encrypted_values names a slot that is not shared"));
    }
    Ok(())
}

// The queries.

async fn find_same(
    db: &mut AnyConnection,
    item_id: &str,
    slot_id: Option<&str>,
    recipient_id: &str,
) -> Result<Option<String>> {
    let select = Statement::new("SELECT id FROM space_shares WHERE 1 = 1")
        .text(" AND item_id = ?", item_id)
        .text(" AND recipient_id = ?", recipient_id)
        .text(" AND COALESCE(slot_id, '') = ?", slot_id.unwrap_or_default());
    Ok(select.fetch::<(String,)>(db).await?.pop().map(|(id,)| id))
}

async fn insert(
    db: &mut AnyConnection,
    (item_id, slot_id): (&str, Option<&str>),
    sender_id: &str,
    new: &NewSpaceShare,
    expires_at: Option<Millis>,
    clock: &Clock,
) -> Result<String> {
    let id = new_id();
    sqlx::query(
        "INSERT INTO space_shares (id, item_id, slot_id, sender_id, recipient_id, distributable, tradeable, note, \
         terms, expires_at, created_at, updated_at, sequence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)",
    )
    .bind(&id)
    .bind(item_id)
    .bind(slot_id)
    .bind(sender_id)
    .bind(new.user_id.as_str())
    .bind(i64::from(new.distributable))
    .bind(i64::from(new.tradeable))
    .bind(&new.note)
    .bind(&new.terms)
    .bind(expires_at)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(id)
}

async fn update(
    db: &mut AnyConnection,
    id: &str,
    new: &NewSpaceShare,
    expires_at: Option<Millis>,
    now: Millis,
) -> Result<()> {
    sqlx::query(
        "UPDATE space_shares SET distributable = $1, tradeable = $2, note = $3, terms = $4, expires_at = $5, \
         updated_at = $6 WHERE id = $7",
    )
    .bind(i64::from(new.distributable))
    .bind(i64::from(new.tradeable))
    .bind(&new.note)
    .bind(&new.terms)
    .bind(expires_at)
    .bind(now)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}
