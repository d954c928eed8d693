//! Deleting a user: at once, or after a time in which they can cancel it (docs/protocol/http-api.md §5.3).

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::AnyConnection;
use vaultshare::api::Timestamp;

use super::{Vault, records::users, sharing::ending};
use crate::{
    auth::Session,
    clock::{Clock, millis, to_wire},
    error::Result,
    service::Service,
};

/// Deletes the user at once, with all that is theirs.
#[utoipa::path(delete, path = "/me", responses((status = 204)))]
pub(super) async fn delete_now(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    delete(&mut tx, &session.user_id, vault.clock()).await?;
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

/// Deletes the queued users whose time has come, each in a transaction: others write between them.
pub(super) async fn delete_due(vault: &Vault) -> Result<()> {
    loop {
        let mut tx = vault.store().write().await?;
        let Some(user_id) = users::find_due_for_deletion(&mut tx, vault.clock().now()).await? else { return Ok(()) };
        delete(&mut tx, &user_id, vault.clock()).await?;
        tx.commit().await?;
    }
}

/// Deletes a user with all their items, shares, connections and sessions, and notes that the Keystore has to. Ending the shares first hands copies on to
/// other shares of the same item.
pub(super) async fn delete(db: &mut AnyConnection, user_id: &str, clock: &Clock) -> Result<()> {
    ending::end_all_of_user(db, user_id, clock).await?;
    users::depart_if_last(db, user_id).await?;
    users::delete(db, user_id).await
}
