//! Refreshing: the owner encrypts an item again for everyone it is shared with (docs/protocol/http-api.md §9.2, §9.3).
//! The server lists the shares, and takes for each a new DEK and the values encrypted with it.

use std::collections::{HashMap, HashSet};

use axum::{extract::State, response::Response};
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::shares::{ItemSharesChange, ItemSharesResponse, ShareSlotValue, SharesResponse},
};

use super::{
    creating::{Sharing, check_weight},
    values::{self, Sender},
};
use crate::{
    auth::Session,
    clock::Clock,
    error::{Code, Error, Result},
    request::{Body, Path},
    service::{Service, large_json},
    vault::{
        Vault, client_tasks,
        quota::Quota,
        records::{
            copies::{self, Copies},
            items, share_proofs, share_values,
            shares::{self, ShareRow},
        },
    },
    wire::id_text,
};

/// All shares of an own item: those the owner sent, and those that recipients made from them.
#[utoipa::path(get, path = "/items/{id}/shares", responses((status = 200, body = ItemSharesResponse), (status = 403)))]
pub(in crate::vault) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path,
) -> Result<Response> {
    let mut db = vault.store().read().await?;
    items::find_own(&mut db, &item_id, &session.user_id).await?;
    let rows = shares::of_item(&mut db, &item_id).await?;
    let shares = rows.into_iter().map(ShareRow::wire_of_item).collect::<Result<_>>()?;
    large_json(&ItemSharesResponse { shares })
}

/// Replaces DEKs and values of shares after a change of their item.
#[utoipa::path(
    put, path = "/items/{id}/shares",
    request_body = ItemSharesChange,
    responses((status = 200, body = SharesResponse), (status = 403), (status = 409)),
)]
pub(in crate::vault) async fn refresh(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path,
    Body(request): Body<ItemSharesChange>,
) -> Result<Response> {
    let mut tx = vault.store().write().await?;
    let sharing = Sharing::begin(&mut tx, &item_id, &session.user_id).await?;
    let quota = Quota::begin(&mut tx, &vault, &sharing.owner_id, &sharing.original_id).await?;
    let refreshed = replace(&mut tx, &sharing, &request, vault.clock()).await?;
    quota.settle(&mut tx).await?;
    client_tasks::set_states(&mut tx, &session.user_id, &request.client_tasks, vault.clock()).await?;
    let shares = refreshed.into_iter().map(|row| row.wire(&session.user_id)).collect::<Result<_>>()?;
    tx.commit().await?;
    large_json(&SharesResponse { shares, next_page_after: None, meta: PageMeta::of(None) })
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

    for continued in &request.continued_deks {
        let share = by_id.get(continued.share_id.as_str()).ok_or_else(shares::not_found)?;
        if !share.has_dek(continued.dek.as_str()) {
            let message = "Another client has set another DEK for a share meanwhile";
            return Err(Error::refused(Code::ShareChanged, message).at("continued_deks"));
        }
    }
    let mut deks = HashMap::with_capacity(request.share_deks.len());
    let mut grants = HashMap::new();
    for dek in &request.share_deks {
        let share = by_id.get(dek.share_id.as_str()).ok_or_else(shares::not_found)?;
        deks.insert(share.id.as_str(), dek.dek.as_str());
        if let Some(grant) = dek.grant.as_deref() {
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

    // What is signed goes with all the values of a share, and so ends with any of them.
    let continued: HashSet<&str> = request.continued_deks.iter().map(|dek| dek.share_id.as_str()).collect();
    let mut signatures: HashMap<&str, Option<&str>> =
        sent.keys().filter(|share_id| !continued.contains(*share_id)).map(|share_id| (*share_id, None)).collect();
    for dek in &request.share_deks {
        signatures.insert(dek.share_id.as_str(), dek.content_signature.as_deref());
    }

    let slots = values::by_id(&sharing.slots);
    let (mut stored, mut renewed, mut emptied) =
        (Vec::with_capacity(request.slot_values.len()), Vec::new(), Vec::new());
    for (share_id, values) in &sent {
        if deks.contains_key(share_id) {
            renewed.push(*share_id);
        } else {
            let empty = values.iter().filter(|value| value.encrypted_value.is_none());
            let ids = empty.filter_map(|value| Some(slots.get(id_text(&value.slot_id)?)?.original_id.as_str()));
            emptied.extend(ids.map(|slot_id| (*share_id, slot_id)));
        }
        let only = by_id.get(share_id).and_then(|share| share.slot_id.as_deref());
        stored.extend(values::check(sender, &slots, only, values)?.into_iter().map(|value| (*share_id, value)));
    }
    shares::set_deks(db, &deks).await?;
    shares::set_grants(db, &grants).await?;
    share_values::delete_all(db, &renewed).await?;
    share_values::delete(db, &emptied).await?;
    share_values::upsert(db, stored).await?;
    share_proofs::set_content_signatures(db, &signatures).await?;
    if sender == Sender::Owner {
        copies::sync(db, Copies::All { original_id: &sharing.original_id }, clock).await?;
    }
    let with_changes = |share: &ShareRow| {
        let id = share.id.as_str();
        share.clone().with(deks.get(id).copied(), grants.get(id).copied())
    };
    let refreshed = rows.iter().filter(|share| sent.contains_key(share.id.as_str()));
    let refreshed: Vec<_> = refreshed.map(with_changes).collect();
    check_weight("share_deks", &refreshed)?;
    Ok(refreshed)
}
