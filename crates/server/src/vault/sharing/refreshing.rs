//! Refreshing: the owner encrypts an item again for everyone it is shared with (docs/protocol/http-api.md §9.2, §9.3).
//! The server lists the shares, and takes for each a new DEK and the values encrypted with it.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State},
};
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::shares::{ItemSharesChange, ItemSharesResponse, ShareSlotValue, SharesResponse},
};

use super::{
    creating::{Sharing, check_grant},
    values::{self, Sender},
};
use crate::{
    auth::Session,
    clock::Clock,
    error::{Code, Error, Result},
    request::Body,
    service::Service,
    vault::{
        Vault, client_tasks,
        quota::Quota,
        records::{
            copies::{self, Copies},
            items,
            share_values::{self, Deletion},
            shares::{self, ShareRow},
        },
    },
    wire::id_text,
};

/// All shares of an own item: those the owner sent, and those that recipients made from them.
pub(in crate::vault) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path<String>,
) -> Result<Json<ItemSharesResponse>> {
    let mut db = vault.store().read().await?;
    items::find_own(&mut db, &item_id, &session.user_id).await?;
    let rows = shares::of_item(&mut db, &item_id).await?;
    let shares = rows.into_iter().map(ShareRow::wire_of_item).collect::<Result<_>>()?;
    Ok(Json(ItemSharesResponse { shares }))
}

pub(in crate::vault) async fn refresh(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path<String>,
    Body(request): Body<ItemSharesChange>,
) -> Result<Json<SharesResponse>> {
    let mut tx = vault.store().write().await?;
    let sharing = Sharing::begin(&mut tx, &item_id, &session.user_id).await?;
    let quota = Quota::begin(&mut tx, &vault, &sharing.owner_id, &sharing.original_id).await?;
    let refreshed = replace(&mut tx, &sharing, &request, vault.clock()).await?;
    quota.settle(&mut tx).await?;
    client_tasks::set_states(&mut tx, &session.user_id, &request.client_tasks, vault.clock()).await?;
    let shares = refreshed.into_iter().map(|row| row.wire(&session.user_id)).collect::<Result<_>>()?;
    tx.commit().await?;
    Ok(Json(SharesResponse { shares, next_page_after: None, meta: PageMeta::of(None) }))
}

// Rules.

/// Replaces DEKs and values, and returns the shares that changed. A share that gets a new DEK loses all its old values:
/// they are encrypted with the old one, which its recipient no longer has. The owner does so for all shares of the item,
/// whoever shared it on for those that they made.
async fn replace(
    db: &mut AnyConnection,
    sharing: &Sharing,
    request: &ItemSharesChange,
    clock: &Clock,
) -> Result<Vec<ShareRow>> {
    let sender = sharing.sender();
    let mut rows = shares::of_item(db, &sharing.original_id).await?;
    rows.retain(|share| sender == Sender::Owner || share.sender_id == sharing.sender_id);
    let by_id: HashMap<&str, &ShareRow> = rows.iter().map(|share| (share.id.as_str(), share)).collect();
    let originals: HashMap<&str, &str> =
        sharing.slots.iter().map(|slot| (slot.id.as_str(), slot.original_id.as_str())).collect();

    let mut deks = HashMap::with_capacity(request.share_deks.len());
    let mut grants = HashMap::new();
    for dek in &request.share_deks {
        let share = by_id.get(dek.share_id.as_str()).ok_or_else(shares::not_found)?;
        deks.insert(share.id.as_str(), dek.dek.as_str());
        if let Some(grant) = check_grant(dek.grant.as_deref())? {
            if sender == Sender::OnSharer {
                let message = "Only the owner of an item sends a grant with a new DEK";
                return Err(Error::refused(Code::GrantNotAllowed, message).at("grant"));
            }
            grants.insert(share.id.as_str(), grant);
        }
    }
    let mut sent: HashMap<&str, Vec<&ShareSlotValue>> = deks.keys().map(|id| (*id, Vec::new())).collect();
    for value in &request.slot_values {
        let share_id = id_text(&value.share_id).and_then(|id| by_id.get_key_value(id)).ok_or_else(shares::not_found)?;
        sent.entry(share_id.0).or_default().push(value);
    }

    let mut stored = Vec::with_capacity(request.slot_values.len());
    let mut deleted = Vec::with_capacity(sent.len());
    for (share_id, values) in &sent {
        let is_empty = |value: &&&ShareSlotValue| value.encrypted_value.is_none();
        let slot_ids = |empty: bool| {
            let mut ids: Vec<&str> = values
                .iter()
                .filter(|value| is_empty(value) == empty)
                .filter_map(|value| originals.get(id_text(&value.slot_id)?).copied())
                .collect();
            ids.sort_unstable();
            ids
        };
        if deks.contains_key(share_id) {
            deleted.push((*share_id, Deletion::AllBut(slot_ids(false))));
        } else if values.iter().any(|value| is_empty(&value)) {
            deleted.push((*share_id, Deletion::Of(slot_ids(true))));
        }
        let only = by_id.get(share_id).and_then(|share| share.slot_id.as_deref());
        stored.extend(values::check(sender, &sharing.slots, only, values)?.into_iter().map(|value| (*share_id, value)));
    }
    shares::set_deks(db, &deks).await?;
    shares::set_grants(db, &grants).await?;
    share_values::delete(db, deleted).await?;
    share_values::upsert(db, stored).await?;
    if sender == Sender::Owner {
        copies::sync(db, Copies::All { original_id: &sharing.original_id }, clock).await?;
    }
    let refreshed = rows.iter().filter(|share| sent.contains_key(share.id.as_str()));
    let with_changes = |share: &ShareRow| {
        let id = share.id.as_str();
        share.clone().with(deks.get(id).copied(), grants.get(id).copied())
    };
    Ok(refreshed.map(with_changes).collect())
}
