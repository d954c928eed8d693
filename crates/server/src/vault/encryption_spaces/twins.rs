//! Which encryption space of the Keystore each side of a connection uses. The Keystore keeps the DEK; this is how the
//! other side learns where to claim it.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use vaultshare::api::vault::encryption_spaces::EncryptionSpaceTwin;

use crate::{
    error::{Error, Result},
    request::Body,
    service::Service,
    sessions::Session,
    vault::{Vault, connections},
    wire::id_text,
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/connections/{id}/encryption_space", post(set))
}

/// Notes the caller's space. A caller who says what the other side's was is refused when it is no longer that, or when the
/// own side has got another meanwhile: of two clients that make a space at the same time, the second finds the first's
/// and uses that.
async fn set(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path<String>,
    Body(request): Body<EncryptionSpaceTwin>,
) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let spaces = connections::find_spaces(&mut tx, &id, &session.user_id).await?;
    let seen = request.other_user_connection_encryption_space_id;
    let is_settled = spaces.own.as_deref().is_some_and(|own| own != request.encryption_space_id.as_str());
    if seen.is_some_and(|seen| is_settled || id_text(&seen) != spaces.others.as_deref()) {
        let message = "One side of the connection has another encryption space than the request takes it to have";
        return Err(Error::refused(StatusCode::CONFLICT, "encryption_space_conflict", message));
    }
    sqlx::query("UPDATE connections SET encryption_space_id = $1 WHERE id = $2")
        .bind(request.encryption_space_id.as_str())
        .bind(&id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(StatusCode::OK)
}
