//! Sharing an own item, or one slot of it, encrypted with the DEK of the connection's space.

use axum::{extract::State, http::StatusCode, response::Response};
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::encryption_spaces::{
        NewSpaceShare, NewSpaceSharesRequest, ShareableType, SpaceSharesResponse, ValuesBySlot,
    },
};

use crate::{
    auth::Session,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::PAGE_BYTES,
    request::{Body, check_length, read_expiry},
    service::Service,
    vault::{
        Vault,
        quota::Quota,
        records::{connections, items, shares::LONGEST_TERMS, space_shares},
    },
};

/// Creates all shares of the request, or none. If a share of the same thing with the same recipient exists, it gets the
/// new values and terms.
pub(in crate::vault) async fn create(
    State(vault): State<Vault>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewSpaceSharesRequest>,
) -> Result<Response> {
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let now = vault.clock().now();
    let mut rows = Vec::with_capacity(request.shares.len());
    for new in &request.shares {
        let id = share(db, &session.user_id, new, &vault).await?;
        rows.push(space_shares::find(db, &id, &session.user_id, now).await?);
    }
    if rows.len() > 1 {
        let weights = space_shares::weights(db, &rows).await?;
        check_weight(rows.iter().filter_map(|row| weights.get(&row.id)).sum())?;
    }
    let (mut items, mut slots) = (Vec::new(), Vec::new());
    for (item, of_item) in space_shares::items_of(db, &rows, &session.user_id).await? {
        items.push(item.into());
        slots.extend(of_item);
    }
    let shares = space_shares::with_values(db, rows, &session.user_id).await?;
    let meta = PageMeta::of(None);
    let response = SpaceSharesResponse { shares, items, slots, users: vec![], next_page_after: None, meta };
    change.answer(StatusCode::CREATED, &response).await
}

async fn share(db: &mut AnyConnection, sender_id: &str, new: &NewSpaceShare, vault: &Vault) -> Result<String> {
    let now = vault.clock().now();
    let recipient_id = new.user_id.as_str();
    check_texts(new.note.as_deref(), new.terms.as_deref())?;
    let (item_id, slot_id) = shareable(db, sender_id, new).await?;
    if !connections::has_space(db, sender_id, recipient_id).await? {
        let message = "Sender and recipient are not connected, or the connection has no encryption space yet";
        return Err(Error::refused(Code::NoEncryptionSpace, message));
    }
    check_values(db, &item_id, slot_id.as_deref(), &new.encrypted_values).await?;
    let expires_at = new.expires_at.as_deref().map(|text| read_expiry(text, now)).transpose()?;
    let quota = Quota::begin(db, vault, sender_id, &item_id).await?;
    let id = match space_shares::find_same(db, &item_id, slot_id.as_deref(), recipient_id).await? {
        Some(id) => {
            space_shares::replace_terms(db, &id, new, expires_at, now).await?;
            id
        }
        None => {
            space_shares::insert(db, (&item_id, slot_id.as_deref()), sender_id, new, expires_at, vault.clock()).await?
        }
    };
    space_shares::replace_values(db, &id, &new.encrypted_values).await?;
    quota.settle(db).await?;
    Ok(id)
}

// Rules.

/// Refuses so many shares at once that nobody would read the reply, which repeats each one's item.
fn check_weight(bytes: usize) -> Result<()> {
    if bytes > PAGE_BYTES {
        let message = format!("The shares and their items are above {PAGE_BYTES} bytes in all: share fewer at once");
        return Err(Error::refused(Code::TooManyShares, message).at("shares"));
    }
    Ok(())
}

/// Refuses note and terms that would fill the recipient's lists.
pub(super) fn check_texts(note: Option<&str>, terms: Option<&str>) -> Result<()> {
    check_length("note", note, LONGEST_TERMS)?;
    check_length("terms", terms, LONGEST_TERMS)
}

/// The ids of the own item that is shared, and of the slot if only that is shared.
async fn shareable(db: &mut AnyConnection, sender_id: &str, new: &NewSpaceShare) -> Result<(String, Option<String>)> {
    let shareable_id = new.shareable_id.as_str();
    let (item_id, slot_id) = match new.shareable_type {
        ShareableType::Item => (shareable_id.to_owned(), None),
        ShareableType::Slot => {
            let slot = items::find_slot(db, shareable_id, sender_id).await?;
            (slot.item_id, Some(slot.id))
        }
    };
    items::find_own(db, &item_id, sender_id).await?;
    Ok((item_id, slot_id))
}

/// Checks that values are of slots of the item, or only of the one slot that is shared.
pub(super) async fn check_values(
    db: &mut AnyConnection,
    item_id: &str,
    only: Option<&str>,
    values: &ValuesBySlot,
) -> Result<()> {
    let slots = items::slots_of(db, item_id).await?;
    let is_shared = |id: &str| slots.iter().any(|slot| slot.id == id) && only.is_none_or(|only| only == id);
    if !values.iter().all(|(id, _)| is_shared(id)) {
        let message = "names a slot that is not shared";
        return Err(Error::refused(Code::UnknownSlot, message).at("encrypted_values"));
    }
    Ok(())
}
