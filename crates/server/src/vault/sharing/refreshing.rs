//! Refreshing: the owner encrypts an item anew for everyone it is shared with (http-api §9.2, §9.3). The server hands
//! out the list of shares and takes back, for each, a key and the values under it.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use sqlx::AnyConnection;
use vaultshare::api::{
    Id, PageMeta,
    vault::shares::{ItemShare, ItemSharesChange, ItemSharesResponse, ShareSlotValue, SharesResponse},
};

use super::{
    copies::{self, Copies},
    records::{self, SHARES, ShareRow},
    values::{self, Forgotten, Sender, SharedSlot},
};
use crate::{
    clock::Clock,
    error::Result,
    request::Body,
    service::Service,
    sessions::Session,
    store::{Statement, write_rows},
    vault::{Vault, client_tasks, items},
    wire::{Stored, id_text},
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/items/{id}/shares", get(list).put(refresh))
}

/// Every share of an own item: those the owner made and those others made on from them.
async fn list(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path<String>,
) -> Result<Json<ItemSharesResponse>> {
    let mut db = vault.store().read().await?;
    items::find_own(&mut db, &item_id, &session.user_id).await?;
    let rows = shares_of(&mut db, &item_id).await?;
    let shares = rows.into_iter().map(|row| {
        Ok(ItemShare {
            id: Id::stored(row.id)?,
            public_key: row.public_key,
            item_id: Some(Id::stored(row.item_id)?),
            slot_id: Id::maybe(row.slot_id)?,
        })
    });
    Ok(Json(ItemSharesResponse { shares: shares.collect::<Result<_>>()? }))
}

async fn refresh(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path<String>,
    Body(request): Body<ItemSharesChange>,
) -> Result<Json<SharesResponse>> {
    let mut tx = vault.store().write().await?;
    items::find_own(&mut tx, &item_id, &session.user_id).await?;
    let refreshed = replace(&mut tx, &item_id, &request, vault.clock()).await?;
    client_tasks::set_states(&mut tx, &session.user_id, &request.client_tasks, vault.clock()).await?;
    let shares = refreshed.into_iter().map(|row| row.wire(&session.user_id)).collect::<Result<_>>()?;
    tx.commit().await?;
    Ok(Json(SharesResponse { shares, next_page_after: None, meta: PageMeta::of(None) }))
}

// The rules.

/// Replaces keys and values, and returns the shares as they are with them. A share that gets a new key loses all its old
/// values: they are under the old key, which its recipient no longer has.
async fn replace(
    db: &mut AnyConnection,
    item_id: &str,
    request: &ItemSharesChange,
    clock: &Clock,
) -> Result<Vec<ShareRow>> {
    let rows = shares_of(db, item_id).await?;
    let shares: HashMap<&str, &ShareRow> = rows.iter().map(|share| (share.id.as_str(), share)).collect();
    let slots: Vec<SharedSlot> = items::records::slots_of(db, item_id)
        .await?
        .into_iter()
        .map(|slot| SharedSlot { original_id: slot.id.clone(), id: slot.id, owners_hash: None })
        .collect();

    let mut deks = HashMap::with_capacity(request.share_deks.len());
    for dek in &request.share_deks {
        let share = shares.get(dek.share_id.as_str()).ok_or_else(records::not_found)?;
        deks.insert(share.id.as_str(), dek.dek.as_str());
    }
    let mut sent: HashMap<&str, Vec<&ShareSlotValue>> = deks.keys().map(|id| (*id, Vec::new())).collect();
    for value in &request.slot_values {
        let share_id =
            id_text(&value.share_id).and_then(|id| shares.get_key_value(id)).ok_or_else(records::not_found)?;
        sent.entry(share_id.0).or_default().push(value);
    }

    let mut kept = Vec::with_capacity(request.slot_values.len());
    let mut forgotten = Vec::with_capacity(sent.len());
    for (share_id, values) in &sent {
        let is_empty = |value: &&&ShareSlotValue| value.encrypted_value.is_none();
        let slot_ids = |empty: bool| {
            let mut ids: Vec<&str> = values
                .iter()
                .filter(|value| is_empty(value) == empty)
                .filter_map(|value| id_text(&value.slot_id))
                .collect();
            ids.sort_unstable();
            ids
        };
        if deks.contains_key(share_id) {
            forgotten.push((*share_id, Forgotten::AllBut(slot_ids(false))));
        } else if values.iter().any(|value| is_empty(&value)) {
            forgotten.push((*share_id, Forgotten::Of(slot_ids(true))));
        }
        let only = shares.get(share_id).and_then(|share| share.slot_id.as_deref());
        kept.extend(values::check(Sender::Owner, &slots, only, values)?.into_iter().map(|value| (*share_id, value)));
    }
    replace_deks(db, &deks).await?;
    values::forget(db, forgotten).await?;
    values::keep(db, kept).await?;
    copies::bring_up_to_date(db, Copies::All { original_id: item_id }, clock).await?;
    let refreshed = rows.iter().filter(|share| sent.contains_key(share.id.as_str()));
    Ok(refreshed.map(|share| share.with_dek(deks.get(share.id.as_str()).copied())).collect())
}

// The queries.

async fn replace_deks(db: &mut AnyConnection, deks: &HashMap<&str, &str>) -> Result<()> {
    let before = "UPDATE shares SET encrypted_dek = deks.column2 FROM (VALUES";
    let rows = deks.iter().map(|(share_id, dek)| [(*share_id).into(), (*dek).into()]).collect();
    write_rows(db, before, rows, ") AS deks WHERE shares.id = deks.column1").await
}

async fn shares_of(db: &mut AnyConnection, item_id: &str) -> Result<Vec<ShareRow>> {
    Statement::new(SHARES).text(" AND item_id = ?", item_id).sql(" ORDER BY sequence").fetch(db).await
}
