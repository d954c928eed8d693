//! The end of a user: at once, or after a time in which they can think better of it (http-api §5.3).

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{delete, post},
};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::{Vault, sharing};
use crate::{
    clock::{Clock, Millis, millis, to_wire},
    error::Result,
    service::Service,
    sessions::Session,
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/me", delete(now)).route("/me/deletion_queue", post(later).delete(not_at_all))
}

async fn now(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    remove(&mut tx, &session.user_id, vault.clock()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Queues the user. Who is queued already stays where they are.
async fn later(State(vault): State<Vault>, session: Session) -> Result<(StatusCode, Json<Value>)> {
    let mut tx = vault.store().write().await?;
    let after = vault.clock().now() + millis(vault.limits().deletion);
    sqlx::query("UPDATE users SET queued_for_deletion_after = COALESCE(queued_for_deletion_after, $1) WHERE id = $2")
        .bind(after)
        .bind(&session.user_id)
        .execute(&mut *tx)
        .await?;
    let queued = sqlx::query_scalar("SELECT queued_for_deletion_after FROM users WHERE id = $1");
    let after: Millis = queued.bind(&session.user_id).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    let item = json!({ "id": session.user_id, "queued_for_deletion_after": to_wire(after) });
    Ok((StatusCode::CREATED, Json(json!({ "deletion_queue_item": item }))))
}

async fn not_at_all(State(vault): State<Vault>, session: Session) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let update = sqlx::query("UPDATE users SET queued_for_deletion_after = NULL WHERE id = $1");
    update.bind(&session.user_id).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes those whose time has come.
pub(super) async fn remove_queued(db: &mut AnyConnection, clock: &Clock) -> Result<()> {
    let due = sqlx::query_scalar("SELECT id FROM users WHERE queued_for_deletion_after <= $1");
    let due: Vec<String> = due.bind(clock.now()).fetch_all(&mut *db).await?;
    for user_id in due {
        remove(db, &user_id, clock).await?;
    }
    Ok(())
}

/// Removes a user with everything that is theirs: items, shares, what they shared, connections, sessions.
async fn remove(db: &mut AnyConnection, user_id: &str, clock: &Clock) -> Result<()> {
    sharing::ending::end_all_of_user(db, user_id, clock).await?;
    sqlx::query("DELETE FROM users WHERE id = $1").bind(user_id).execute(db).await?;
    Ok(())
}
