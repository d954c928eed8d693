//! Ending shares (docs/protocol/http-api.md §8.5, §8.6): on request, with their item, slot or user, or when they
//! expire. With a share end those that its recipient made from it, and the recipient's copy is deleted, unless the item
//! reached the recipient by another share too: then the copy reads its values from that one.

use std::collections::HashSet;

use axum::{extract::State, http::StatusCode};
use sqlx::AnyConnection;

use crate::{
    auth::{self, Session},
    clock::Clock,
    error::Result,
    request::Path,
    service::Service,
    vault::{
        Vault, quota,
        records::{
            copies, items,
            shares::{self, ShareRow},
            space_shares,
        },
    },
};

/// Ends a share of either protocol. Its owner, its sender and its recipient may.
#[utoipa::path(delete, path = "/shares/{id}", responses((status = 204)))]
pub(in crate::vault) async fn end(State(vault): State<Vault>, session: Session, Path(id): Path) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    if !space_shares::delete(&mut tx, &id, &session.user_id).await? {
        end_as(&mut tx, &id, &session.user_id, vault.clock()).await?;
    }
    tx.commit().await?;
    quota::has_made_room(&vault, &session.user_id);
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a share on behalf of a user, who must be its owner, sender or recipient.
async fn end_as(db: &mut AnyConnection, id: &str, user_id: &str, clock: &Clock) -> Result<()> {
    end_all_as(db, &[id], user_id, clock).await
}

/// Ends shares on behalf of a user, all or none.
pub(super) async fn end_all_as(db: &mut AnyConnection, ids: &[&str], user_id: &str, clock: &Clock) -> Result<()> {
    let found = shares::find_all(db, ids).await?;
    let has_part = |share: &ShareRow| {
        [&share.owner_id, &share.sender_id, &share.recipient_id].into_iter().any(|side| side == user_id)
    };
    let own: HashSet<&str> = found.iter().filter(|share| has_part(share)).map(|share| share.id.as_str()).collect();
    if !ids.iter().all(|id| own.contains(id)) {
        return Err(shares::not_found());
    }
    end_all(db, ids, clock).await
}

/// The session of `token`, once every expired share is ended. Whatever reads shares or items begins with this, so that
/// their queries need not check. Nearly always there is none, which the statement that finds the session tells.
pub(in crate::vault) async fn session_after_expired(vault: &Vault, token: &str) -> Result<Option<Session>> {
    let mut db = vault.store().read_once().await?;
    let found = auth::find_and(&mut db, token, vault.clock().now(), shares::HAS_EXPIRED).await?;
    drop(db);
    let Some((session, has_expired)) = found else { return Ok(None) };
    if has_expired != 0 {
        end_expired(vault).await?;
    }
    Ok(Some(session))
}

/// Ends every expired share.
pub(in crate::vault) async fn end_expired(vault: &Vault) -> Result<()> {
    loop {
        let mut db = vault.store().read_once().await?;
        if shares::find_expired(&mut db, vault.clock().now()).await?.is_empty() {
            return Ok(());
        }
        drop(db);
        let mut tx = vault.store().write().await?;
        // Again: while this waited, they may have been given more time.
        let expired = shares::find_expired(&mut tx, vault.clock().now()).await?;
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

/// Ends some of the shares that a user sent or received, and returns how many.
pub(in crate::vault) async fn end_some_of_user(
    db: &mut AnyConnection,
    user_id: &str,
    count: i64,
    clock: &Clock,
) -> Result<usize> {
    let shares = shares::ids_of_user(db, user_id, count).await?;
    end_all(db, &shares, clock).await?;
    Ok(shares.len())
}

/// Ends the shares that recipients made from these shares.
pub(super) async fn end_children(db: &mut AnyConnection, share_ids: &[&str], clock: &Clock) -> Result<()> {
    // An item is shared on only once: a child has no children.
    let children = shares::ids_of_children(db, share_ids).await?;
    remove(db, &children, clock).await
}

async fn end_all(db: &mut AnyConnection, share_ids: &[impl AsRef<str>], clock: &Clock) -> Result<()> {
    let mut ended = shares::ids_of_children(db, share_ids).await?;
    ended.extend(share_ids.iter().map(|id| id.as_ref().to_owned()));
    remove(db, &ended, clock).await
}

/// Removes shares, and the copies that read their values from them, or lets those read them from another share. Any number of
/// shares takes the same few statements.
async fn remove(db: &mut AnyConnection, ids: &[String], clock: &Clock) -> Result<()> {
    let copies = copies::ids_by_shares(db, ids).await?;
    shares::delete_all(db, ids).await?;
    let sources = copies::choose_sources(db, &copies, clock).await?;
    let kept: HashSet<&str> = sources.iter().map(|source| source.copy_id.as_str()).collect();
    let orphaned: Vec<String> = copies.iter().filter(|copy| !kept.contains(copy.as_str())).cloned().collect();
    items::delete_all(db, &orphaned).await
}
