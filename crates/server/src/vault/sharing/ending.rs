//! Ending shares (docs/protocol/http-api.md §8.5, §8.6): on request, with their item, slot or user, or when they
//! expire. With a share end those that its recipient made from it, and the recipient's copy is deleted, unless the item
//! reached the recipient by another share too: then the copy reads its values from that one.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use sqlx::AnyConnection;

use crate::{
    auth::Session,
    clock::Clock,
    error::Result,
    service::Service,
    vault::{
        Vault,
        records::{
            copies::{self, Copies},
            items, shares, space_shares,
        },
    },
};

/// Ends a share of either protocol. Its owner, its sender and its recipient may.
pub(in crate::vault) async fn end(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    if !space_shares::delete(&mut tx, &id, &session.user_id).await? {
        end_as(&mut tx, &id, &session.user_id, vault.clock()).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a share on behalf of a user, who must be its owner, sender or recipient.
pub(super) async fn end_as(db: &mut AnyConnection, id: &str, user_id: &str, clock: &Clock) -> Result<()> {
    let share = shares::find(db, id).await?.ok_or_else(shares::not_found)?;
    if ![&share.owner_id, &share.sender_id, &share.recipient_id].iter().any(|side| *side == user_id) {
        return Err(shares::not_found());
    }
    end_share(db, id, clock).await
}

/// Ends every expired share. Whatever reads shares or items calls this first, so that their queries need not check.
pub(in crate::vault) async fn end_expired(vault: &Vault) -> Result<()> {
    loop {
        let mut db = vault.store().read_once().await?;
        let expired = shares::find_expired(&mut db, vault.clock().now()).await?;
        drop(db);
        if expired.is_empty() {
            return Ok(());
        }
        let mut tx = vault.store().write().await?;
        end_all(&mut tx, &expired, vault.clock()).await?;
        tx.commit().await?;
    }
}

/// Ends every share of one of these slots alone.
pub(in crate::vault) async fn end_all_of_slots(
    db: &mut AnyConnection,
    slot_ids: &[String],
    clock: &Clock,
) -> Result<()> {
    let shares = shares::ids_of_slots(db, slot_ids).await?;
    end_all(db, &shares, clock).await
}

/// Ends every share by which an item reached a recipient.
pub(in crate::vault) async fn end_all_with_recipient(
    db: &mut AnyConnection,
    item_id: &str,
    recipient_id: &str,
    clock: &Clock,
) -> Result<()> {
    let shares = shares::ids_with_recipient(db, item_id, recipient_id).await?;
    end_all(db, &shares, clock).await
}

/// Ends every share that a user sent or received.
pub(in crate::vault) async fn end_all_of_user(db: &mut AnyConnection, user_id: &str, clock: &Clock) -> Result<()> {
    let shares = shares::ids_of_user(db, user_id).await?;
    end_all(db, &shares, clock).await
}

/// Ends the shares that the recipient made from a share.
pub(super) async fn end_children(db: &mut AnyConnection, share_id: &str, clock: &Clock) -> Result<()> {
    for child in shares::ids_of_children(db, share_id).await? {
        // An item is shared on only once: a child has no children.
        remove(db, &child, clock).await?;
    }
    Ok(())
}

async fn end_all(db: &mut AnyConnection, shares: &[String], clock: &Clock) -> Result<()> {
    for share in shares {
        end_share(db, share, clock).await?;
    }
    Ok(())
}

async fn end_share(db: &mut AnyConnection, id: &str, clock: &Clock) -> Result<()> {
    end_children(db, id, clock).await?;
    remove(db, id, clock).await
}

/// Removes one share if it exists, and the copy that reads its values from it, or lets it read them from another share.
async fn remove(db: &mut AnyConnection, id: &str, clock: &Clock) -> Result<()> {
    let Some(share) = shares::find(db, id).await? else { return Ok(()) };
    shares::delete(db, id).await?;
    let copy = copies::find(db, &share.item_id, &share.recipient_id).await?;
    let Some(copy) = copy.filter(|copy| copy.share_id.as_deref() == Some(id)) else { return Ok(()) };
    match shares::ids_with_recipient(db, &share.item_id, &share.recipient_id).await?.first() {
        Some(next) => {
            items::set_share(db, &copy.id, next).await?;
            let copy = Copies::Of { original_id: &share.item_id, recipient_id: &share.recipient_id };
            copies::sync(db, copy, clock).await
        }
        None => items::delete(db, &copy.id).await,
    }
}
