//! Deleting a user: at once, or after a time in which they can cancel it (docs/protocol/http-api.md §5.3).

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::{Vault, records::users, sharing::ending};
use crate::{
    auth::Session,
    clock::{Clock, millis, to_wire},
    error::Result,
    service::Service,
};

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

pub(super) async fn enqueue(State(vault): State<Vault>, session: Session) -> Result<(StatusCode, Json<Value>)> {
    let mut tx = vault.store().write().await?;
    let after = vault.clock().now() + millis(vault.limits().deletion);
    let after = users::enqueue_deletion(&mut tx, &session.user_id, after).await?;
    tx.commit().await?;
    let item = json!({ "id": session.user_id, "queued_for_deletion_after": to_wire(after) });
    Ok((StatusCode::CREATED, Json(json!({ "deletion_queue_item": item }))))
}

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
