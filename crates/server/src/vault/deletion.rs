//! Deleting a user: at once, or after a time in which they can cancel it (docs/protocol/http-api.md §5.3).

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::AnyConnection;
use vaultshare::api::Timestamp;

use super::{
    Vault,
    records::{items, users},
    sharing::ending,
};
use crate::{
    auth::Session,
    clock::{millis, to_wire},
    error::Result,
    service::Service,
};

/// How many shares of a user who is deleted end in one transaction, and how many items go.
const SHARES: i64 = 200;
const ITEMS: i64 = 100;

/// Deletes the user at once, with all that is theirs.
#[utoipa::path(delete, path = "/me", responses((status = 204)))]
pub(super) async fn delete_now(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    empty(&vault, &session.user_id).await?;
    let mut tx = vault.store().write().await?;
    delete(&mut tx, &session.user_id).await?;
    tx.commit().await?;
    // The user is gone here. If the Keystore cannot follow now, housekeeping has it do so.
    if let Err(error) = vault.delete_departed().await {
        tracing::warn!(%error, "a user is still to be deleted in the Keystore");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Reply of `POST /me/deletion_queue`.
#[derive(Serialize, JsonSchema)]
pub(super) struct QueuedDeletion {
    /// As it is queued now.
    deletion_queue_item: DeletionQueueItem,
}

/// When a user is deleted.
#[derive(Serialize, JsonSchema)]
struct DeletionQueueItem {
    /// The user's.
    id: String,
    /// When at the earliest: ISO-8601, UTC.
    queued_for_deletion_after: Timestamp,
}

vaultshare::describe!(SENT: QueuedDeletion);

/// Has the user deleted after some days.
#[utoipa::path(post, path = "/me/deletion_queue", responses((status = 201, body = QueuedDeletion)))]
pub(super) async fn enqueue(
    State(vault): State<Vault>,
    session: Session,
) -> Result<(StatusCode, Json<QueuedDeletion>)> {
    let mut tx = vault.store().write().await?;
    let after = vault.clock().now() + millis(vault.limits().deletion);
    let after = users::enqueue_deletion(&mut tx, &session.user_id, after).await?;
    tx.commit().await?;
    let deletion_queue_item = DeletionQueueItem { id: session.user_id, queued_for_deletion_after: to_wire(after) };
    Ok((StatusCode::CREATED, Json(QueuedDeletion { deletion_queue_item })))
}

/// Takes that back.
#[utoipa::path(delete, path = "/me/deletion_queue", responses((status = 204)))]
pub(super) async fn cancel(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    users::cancel_deletion(&mut tx, &session.user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes the queued users whose time has come.
pub(super) async fn delete_due(vault: &Vault) -> Result<()> {
    loop {
        let due = users::find_due_for_deletion(&mut *vault.store().read_once().await?, vault.clock().now()).await?;
        let Some(user_id) = due else { return Ok(()) };
        empty(vault, &user_id).await?;
        let mut tx = vault.store().write().await?;
        delete(&mut tx, &user_id).await?;
        tx.commit().await?;
    }
}

/// Ends the shares and deletes the items of a user who is to be deleted, some at a time: others write in between. Cut off here,
/// housekeeping goes on. Ending the shares first hands copies on to other shares of the same item.
pub(super) async fn empty(vault: &Vault, user_id: &str) -> Result<()> {
    loop {
        let mut tx = vault.store().write().await?;
        users::set_due_for_deletion(&mut tx, user_id, vault.clock().now()).await?;
        let ended = ending::end_some_of_user(&mut tx, user_id, SHARES, vault.clock()).await?;
        let deleted = if ended == 0 { items::delete_some_of_user(&mut tx, user_id, ITEMS).await? } else { 0 };
        tx.commit().await?;
        if ended == 0 && deleted < ITEMS.unsigned_abs() {
            return Ok(());
        }
    }
}

/// Deletes an emptied user with all that is left of them, connections and sessions among it, and notes that the Keystore has
/// to.
pub(super) async fn delete(db: &mut AnyConnection, user_id: &str) -> Result<()> {
    users::depart_if_last(db, user_id).await?;
    users::delete(db, user_id).await
}
