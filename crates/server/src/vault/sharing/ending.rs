//! The end of shares (http-api §8.5, §8.6). With a share goes what was shared on from it, and the recipient's copy,
//! unless the item reached the recipient by another share too: then that one takes the copy over.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::delete,
};
use sqlx::AnyConnection;

use super::{
    copies::{self, Copies},
    records,
};
use crate::{
    clock::Clock,
    error::Result,
    service::Service,
    sessions::Session,
    store::Statement,
    vault::{Vault, encryption_spaces},
};

/// How many expired shares are ended in one transaction.
const AT_ONCE: usize = 100;

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/shares/{id}", delete(end))
}

/// Ends a share of either protocol: its owner, its sender and its recipient may.
async fn end(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    if encryption_spaces::records::delete(&mut tx, &id, &session.user_id).await? {
        tx.commit().await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    end_as(&mut tx, &id, &session.user_id, vault.clock()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a share in the name of a user, who must be one of its sides.
pub(super) async fn end_as(db: &mut AnyConnection, id: &str, user_id: &str, clock: &Clock) -> Result<()> {
    let share = records::find(db, id).await?.ok_or_else(records::not_found)?;
    if ![&share.owner_id, &share.sender_id, &share.recipient_id].iter().any(|side| *side == user_id) {
        return Err(records::not_found());
    }
    end_share(db, id, clock).await
}

/// Ends every share whose time has come. What reads shares calls this first, so that nobody ever sees an expired one.
pub(in crate::vault) async fn end_expired(vault: &Vault) -> Result<()> {
    loop {
        let now = vault.clock().now();
        let sql = "SELECT id FROM shares WHERE expires_at <= $1 LIMIT 100";
        let mut db = vault.store().read_once().await?;
        let expired: Vec<String> = sqlx::query_scalar(sql).bind(now).fetch_all(&mut *db).await?;
        drop(db);
        if expired.is_empty() {
            return Ok(());
        }
        let mut tx = vault.store().write().await?;
        for id in &expired {
            end_share(&mut tx, id, vault.clock()).await?;
        }
        tx.commit().await?;
        if expired.len() < AT_ONCE {
            return Ok(());
        }
    }
}

/// Ends every share of one of these slots alone.
pub(in crate::vault) async fn end_all_of_slots(
    db: &mut AnyConnection,
    slot_ids: &[String],
    clock: &Clock,
) -> Result<()> {
    let select = Statement::new("SELECT id FROM shares WHERE 1 = 1").any_of(" AND slot_id IN (?)", slot_ids);
    let shares: Vec<String> = select.fetch(db).await?.into_iter().map(|(id,)| id).collect();
    end_all(db, &shares, clock).await
}

/// Ends every share by which an item reached a recipient.
pub(in crate::vault) async fn end_all_with_recipient(
    db: &mut AnyConnection,
    item_id: &str,
    recipient_id: &str,
    clock: &Clock,
) -> Result<()> {
    let shares = sqlx::query_scalar("SELECT id FROM shares WHERE item_id = $1 AND recipient_id = $2");
    let shares: Vec<String> = shares.bind(item_id).bind(recipient_id).fetch_all(&mut *db).await?;
    end_all(db, &shares, clock).await
}

/// Ends every share that a user made or got.
pub(in crate::vault) async fn end_all_of_user(db: &mut AnyConnection, user_id: &str, clock: &Clock) -> Result<()> {
    let shares = sqlx::query_scalar("SELECT id FROM shares WHERE sender_id = $1 OR recipient_id = $1");
    let shares: Vec<String> = shares.bind(user_id).fetch_all(&mut *db).await?;
    end_all(db, &shares, clock).await
}

/// Ends what was shared on from a share.
pub(super) async fn end_on_shares(db: &mut AnyConnection, share_id: &str, clock: &Clock) -> Result<()> {
    let on_shares = sqlx::query_scalar("SELECT id FROM shares WHERE parent_share_id = $1");
    let on_shares: Vec<String> = on_shares.bind(share_id).fetch_all(&mut *db).await?;
    for on_share in &on_shares {
        // Nothing is shared on twice: this is as deep as it goes.
        remove(db, on_share, clock).await?;
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
    end_on_shares(db, id, clock).await?;
    remove(db, id, clock).await
}

/// Removes one share, and the copy it backs or its hold on it. One that is gone already is no matter.
async fn remove(db: &mut AnyConnection, id: &str, clock: &Clock) -> Result<()> {
    let Some(share) = records::find(db, id).await? else { return Ok(()) };
    sqlx::query("DELETE FROM shares WHERE id = $1").bind(id).execute(&mut *db).await?;
    let copy = copies::find(db, &share.item_id, &share.recipient_id).await?;
    let Some(copy) = copy.filter(|copy| copy.share_id.as_deref() == Some(id)) else { return Ok(()) };
    let next =
        sqlx::query_scalar("SELECT id FROM shares WHERE item_id = $1 AND recipient_id = $2 ORDER BY sequence LIMIT 1");
    let next: Option<String> = next.bind(&share.item_id).bind(&share.recipient_id).fetch_optional(&mut *db).await?;
    match next {
        Some(next) => {
            let update = sqlx::query("UPDATE items SET share_id = $1 WHERE id = $2");
            update.bind(&next).bind(&copy.id).execute(&mut *db).await?;
            let copy = Copies::Of { original_id: &share.item_id, recipient_id: &share.recipient_id };
            copies::bring_up_to_date(db, copy, clock).await
        }
        None => {
            sqlx::query("DELETE FROM items WHERE id = $1").bind(&copy.id).execute(db).await?;
            Ok(())
        }
    }
}
