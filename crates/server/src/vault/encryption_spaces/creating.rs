//! Sharing an own item, or one slot of it, encrypted with the DEK of the connection's space.

use std::collections::{BTreeMap, BTreeSet, HashSet};

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
    clock::Millis,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::PAGE_BYTES,
    request::{Body, read_expiry},
    service::Service,
    store::new_id,
    vault::{
        Vault,
        quota::Quota,
        records::{
            connections, items,
            space_shares::{self, Shareable},
        },
    },
};

/// Creates all shares of the request, or none. If a share of the same thing with the same recipient exists, it gets the
/// new values and terms.
#[utoipa::path(
    post, path = "/shares",
    request_body = NewSpaceSharesRequest,
    params(Idempotency),
    responses((status = 201, body = SpaceSharesResponse), (status = 403), (status = 404)),
)]
pub(in crate::vault) async fn create(
    State(vault): State<Vault>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewSpaceSharesRequest>,
) -> Result<Response> {
    let now = vault.clock().now();
    let expiries = request.shares.iter().map(|new| new.expires_at.as_deref().map(|text| read_expiry(text, now)));
    let expiries = expiries.map(Option::transpose).collect::<Result<Vec<_>>>()?;
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let ids = share_all(db, &session.user_id, &request.shares, &expiries, &vault).await?;
    let rows = space_shares::find_all(db, &ids, &session.user_id, now).await?;
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

/// Makes or changes the shares, and returns their ids. Any number of them takes the same few statements.
async fn share_all(
    db: &mut AnyConnection,
    sender_id: &str,
    new: &[NewSpaceShare],
    expiries: &[Option<Millis>],
    vault: &Vault,
) -> Result<Vec<String>> {
    let shareables = shareables(db, sender_id, new).await?;
    let items = shareables.iter().map(|shareable| shareable.item_id.as_str()).collect();
    let quota = Quota::begin_all(db, vault, sender_id, items).await?;
    let recipients: Vec<&str> = new.iter().map(|new| new.user_id.as_str()).collect();
    let with_space = connections::with_space(db, sender_id, &recipients).await?;
    if !recipients.iter().all(|recipient| with_space.contains(*recipient)) {
        let message = "Sender and recipient are not connected, or the connection has no encryption space yet";
        return Err(Error::refused(Code::NoEncryptionSpace, message));
    }
    let values = shareables.iter().zip(new).map(|(shareable, new)| (shareable, &new.encrypted_values));
    check_values(db, &values.collect::<Vec<_>>()).await?;

    let mut ids = space_shares::find_same(db, &shareables, &recipients).await?;
    let (mut made, mut changed, mut of_request) = (BTreeMap::new(), BTreeMap::new(), Vec::with_capacity(new.len()));
    for (((shareable, new), recipient), expires_at) in shareables.iter().zip(new).zip(&recipients).zip(expiries) {
        let key = (shareable.clone(), (*recipient).to_owned());
        let (id, rows) = match ids.get(&key) {
            // What is named twice is made as it is named last.
            Some(id) if !made.contains_key(id) => (id.clone(), &mut changed),
            Some(id) => (id.clone(), &mut made),
            None => (new_id(), &mut made),
        };
        rows.insert(id.clone(), (shareable, new, *expires_at));
        ids.insert(key, id.clone());
        of_request.push(id);
    }
    space_shares::insert_all(db, sender_id, &made, vault.clock()).await?;
    space_shares::replace_terms(db, &changed, vault.clock().now()).await?;
    let values = made.iter().chain(&changed).map(|(id, (_, new, _))| (id.as_str(), &new.encrypted_values));
    space_shares::replace_values(db, &values.collect::<Vec<_>>()).await?;
    quota.settle(db).await?;
    Ok(of_request)
}

// Rules.

/// Refuses so many shares at once that nobody would read the reply, which repeats each one's item.
pub(super) fn check_weight(bytes: usize) -> Result<()> {
    if bytes > PAGE_BYTES {
        let message = format!("The shares and their items are above {PAGE_BYTES} bytes in all: share fewer at once");
        return Err(Error::refused(Code::TooManyShares, message).at("shares"));
    }
    Ok(())
}

/// The own items that are shared, each with its slot if only that is shared.
async fn shareables(db: &mut AnyConnection, sender_id: &str, new: &[NewSpaceShare]) -> Result<Vec<Shareable>> {
    let is_slot = |new: &&NewSpaceShare| new.shareable_type == ShareableType::Slot;
    let slot_ids: Vec<&str> = new.iter().filter(is_slot).map(|new| new.shareable_id.as_str()).collect();
    let items_of_slots = items::ids_of_slots(db, &slot_ids).await?;
    let mut shareables = Vec::with_capacity(new.len());
    for new in new {
        let id = new.shareable_id.as_str();
        shareables.push(match new.shareable_type {
            ShareableType::Item => Shareable { item_id: id.to_owned(), slot_id: None },
            ShareableType::Slot => {
                let item_id = items_of_slots.get(id).cloned().ok_or_else(items::slot_not_found)?;
                Shareable { item_id, slot_id: Some(id.to_owned()) }
            }
        });
    }
    let item_ids: BTreeSet<&str> = shareables.iter().map(|shareable| shareable.item_id.as_str()).collect();
    let found = items::find_all(db, &item_ids.into_iter().collect::<Vec<_>>()).await?;
    let own: HashSet<&str> =
        found.iter().filter(|item| item.is_own() && item.owner_id == sender_id).map(|item| item.id.as_str()).collect();
    if let Some(other) = shareables.iter().find(|shareable| !own.contains(shareable.item_id.as_str())) {
        // Which says what it is instead.
        if let Some(slot_id) = &other.slot_id {
            items::find_slot(db, slot_id, sender_id).await?;
        }
        items::find_own(db, &other.item_id, sender_id).await?;
    }
    Ok(shareables)
}

/// Checks that values are of slots of the item, or only of the one slot that is shared.
pub(super) async fn check_values(db: &mut AnyConnection, values: &[(&Shareable, &ValuesBySlot)]) -> Result<()> {
    let named: BTreeSet<&str> = values.iter().flat_map(|(_, values)| values.keys()).map(String::as_str).collect();
    let items = items::ids_of_slots(db, &named.into_iter().collect::<Vec<_>>()).await?;
    let is_shared = |(shareable, slot_id): (&Shareable, &String)| {
        items.get(slot_id) == Some(&shareable.item_id) && shareable.slot_id.as_ref().is_none_or(|only| only == slot_id)
    };
    if !values.iter().flat_map(|(shareable, values)| values.keys().map(|id| (*shareable, id))).all(is_shared) {
        let message = "names a slot that is not shared";
        return Err(Error::refused(Code::UnknownSlot, message).at("encrypted_values"));
    }
    Ok(())
}
