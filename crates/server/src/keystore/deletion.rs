//! Deleting a user of the Keystore (docs/protocol/http-api.md §4.8, docs/decisions/0021-deleting-an-account.md). Without these
//! keys a user of the Vault could never sign in again, so that who is one is deleted there first.

use axum::{Json, extract::State, http::StatusCode};
use sqlx::AnyConnection;
use vaultshare::api::{
    Id,
    deletion_queue::{DeletionQueueItem, QueuedDeletion},
};

use super::{
    Keystore,
    records::{retired_usernames, users},
};
use crate::{
    auth::{self, Session},
    clock::{millis, to_wire},
    error::Result,
    rate_limit::RateLimits,
    service::Service,
    wire::Stored,
};

/// Has the user deleted after some days, once they are no user of the Vault any more.
#[utoipa::path(post, path = "/users/deletion_queue", responses((status = 201, body = QueuedDeletion)))]
pub(super) async fn enqueue(
    State(keystore): State<Keystore>,
    session: Session,
) -> Result<(StatusCode, Json<QueuedDeletion>)> {
    let mut tx = keystore.store().write().await?;
    auth::require(&mut tx, &session).await?;
    let after = keystore.clock().now() + millis(keystore.limits().deletion);
    let after = users::enqueue_deletion(&mut tx, &session.user_id, after).await?;
    tx.commit().await?;
    let id = Id::stored(session.user_id)?;
    let deletion_queue_item = DeletionQueueItem { id, queued_for_deletion_after: to_wire(after) };
    Ok((StatusCode::CREATED, Json(QueuedDeletion { deletion_queue_item })))
}

/// Takes that back.
#[utoipa::path(delete, path = "/users/deletion_queue", responses((status = 204)))]
pub(super) async fn cancel(State(keystore): State<Keystore>, session: Session) -> Result<StatusCode> {
    let mut tx = keystore.store().write().await?;
    auth::require(&mut tx, &session).await?;
    users::cancel_deletion(&mut tx, &session.user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes the queued users whose time has come and who are not in the Vault. The Vault has the others deleted together with
/// their last user there.
pub(super) async fn delete_due(keystore: &Keystore) -> Result<()> {
    let mut last = String::new();
    loop {
        let now = keystore.clock().now();
        let due = users::due_for_deletion(&mut *keystore.store().read_once().await?, now, &last).await?;
        let Some(id) = due.last() else { return Ok(()) };
        last.clone_from(id);
        let in_vault = keystore.0.admissions.users_among(&due).await?;
        let gone: Vec<String> = due.into_iter().filter(|id| !in_vault.contains(id)).collect();
        let mut tx = keystore.store().write().await?;
        // Somebody may have thought better of it meanwhile.
        let gone = users::still_due(&mut tx, &gone, now).await?;
        delete(&mut tx, &gone, keystore.rate_limits()).await?;
        tx.commit().await?;
    }
}

/// Deletes users with all their keys. Their names are nobody's from then on.
pub(super) async fn delete(db: &mut AnyConnection, ids: &[String], hashes: &RateLimits) -> Result<()> {
    for username in users::usernames_of(db, ids).await? {
        retired_usernames::insert(db, &retired(hashes, &username)).await?;
    }
    users::delete(db, ids).await
}

/// A deleted user's name as it is stored. Another server cannot tell of it whose it was.
pub(super) fn retired(hashes: &RateLimits, username: &str) -> String {
    hashes.hash("retired", username)
}
