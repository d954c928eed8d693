//! Deleting a user: at once, or after a time in which they can cancel it (docs/protocol/http-api.md §5.3).

use axum::{Json, extract::State, http::StatusCode};
use sqlx::AnyConnection;
use vaultshare::api::{
    Id,
    deletion_queue::{DeletionQueueItem, QueuedDeletion},
};

use super::{
    Vault, files,
    records::{items, users},
    sharing::ending,
};
use crate::{
    auth::{self, Session},
    clock::{Clock, Millis, millis, to_wire},
    error::{Code, Error, Result},
    service::Service,
    wire::Stored,
};

/// How many shares of a user who is deleted end in one transaction, and how many items go.
const SHARES: i64 = 200;
const ITEMS: i64 = 100;

/// For how long after signing in a user can be deleted at once. Signing in takes the passphrase, and a token that somebody took
/// along is older.
const RECENT: Millis = 10 * 60 * 1000;

/// Deletes the user at once, with all that is theirs.
#[utoipa::path(delete, path = "/me", responses((status = 204), (status = 403)))]
pub(super) async fn delete_now(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    if session.signed_in_at + RECENT < vault.clock().now() {
        let message = "Sign in again, and then at once: or queue the user for deletion";
        return Err(Error::refused(Code::SignInNotRecent, message));
    }
    let mut tx = vault.store().write().await?;
    // It may have waited for its turn, and been ended meanwhile.
    auth::require(&mut tx, &session).await?;
    begin(&mut tx, &session.user_id, &vault).await?;
    tx.commit().await?;
    finish(&vault, &session.user_id).await?;
    // The user is gone here. If the Keystore cannot follow now, housekeeping has it do so.
    if let Err(error) = vault.delete_departed().await {
        tracing::warn!(%error, "a user is still to be deleted in the Keystore");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Has the user deleted after some days.
#[utoipa::path(post, path = "/me/deletion_queue", responses((status = 201, body = QueuedDeletion)))]
pub(super) async fn enqueue(
    State(vault): State<Vault>,
    session: Session,
) -> Result<(StatusCode, Json<QueuedDeletion>)> {
    let mut tx = vault.store().write().await?;
    auth::require(&mut tx, &session).await?;
    let after = vault.clock().now() + millis(vault.limits().deletion);
    let after = users::enqueue_deletion(&mut tx, &session.user_id, after).await?;
    tx.commit().await?;
    let id = Id::stored(session.user_id)?;
    let deletion_queue_item = DeletionQueueItem { id, queued_for_deletion_after: to_wire(after) };
    Ok((StatusCode::CREATED, Json(QueuedDeletion { deletion_queue_item })))
}

/// Takes that back.
#[utoipa::path(delete, path = "/me/deletion_queue", responses((status = 204)))]
pub(super) async fn cancel(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    auth::require(&mut tx, &session).await?;
    users::cancel_deletion(&mut tx, &session.user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes the queued users whose time has come. One who cannot be deleted is no reason to keep the others, and the error.
pub(super) async fn delete_due(vault: &Vault) -> Result<()> {
    let (mut last, mut outcome) = (String::new(), Ok(()));
    loop {
        let mut tx = vault.store().write().await?;
        let due = users::find_due_for_deletion(&mut tx, vault.clock().now(), &last).await?;
        let Some(user_id) = due else { return outcome };
        begin(&mut tx, &user_id, vault).await?;
        tx.commit().await?;
        outcome = outcome.and(finish(vault, &user_id).await);
        last = user_id;
    }
}

/// The point of no return: the user's sessions end, and who is due for deletion can open no other.
pub(super) async fn begin(db: &mut AnyConnection, user_id: &str, vault: &Vault) -> Result<()> {
    users::set_due_for_deletion(db, user_id, vault.clock().now()).await?;
    auth::end_all_of(db, user_id).await
}

/// Ends the shares and deletes the items of a user whose deletion has begun, some at a time: others write in between. And then
/// the user. Cut off here, housekeeping goes on.
async fn finish(vault: &Vault, user_id: &str) -> Result<()> {
    empty(vault, user_id).await?;
    let mut tx = vault.store().write().await?;
    delete(&mut tx, user_id, vault.clock()).await?;
    Ok(tx.commit().await?)
}

pub(super) async fn empty(vault: &Vault, user_id: &str) -> Result<()> {
    loop {
        let mut tx = vault.store().write().await?;
        let ended = ending::end_some_of_user(&mut tx, user_id, SHARES, vault.clock()).await?;
        let deleted = items::delete_some_of_user(&mut tx, user_id, ITEMS).await?;
        let now = vault.clock().now();
        let has_no_files = files::clearing::delete_some_of_user(&mut tx, user_id, now).await?;
        tx.commit().await?;
        let has_no_shares = i64::try_from(ended).is_ok_and(|ended| ended < SHARES);
        if has_no_shares && deleted < ITEMS.unsigned_abs() && has_no_files {
            return Ok(());
        }
    }
}

/// Deletes an emptied user with all that is left of them, connections among it, and notes that the Keystore has to. Ending
/// shares hands copies on to other shares of the same item.
pub(super) async fn delete(db: &mut AnyConnection, user_id: &str, clock: &Clock) -> Result<()> {
    ending::end_some_of_user(db, user_id, i64::MAX, clock).await?;
    while !files::clearing::delete_some_of_user(db, user_id, clock.now()).await? {}
    users::depart_if_last(db, user_id).await?;
    users::delete(db, user_id).await
}
