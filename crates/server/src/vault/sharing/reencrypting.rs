//! Re-encrypting: a recipient puts the received values under a key of their own, and no longer needs the share's
//! (http-api §9.8). The owner's proof of each value stays.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use sqlx::AnyConnection;
use vaultshare::api::vault::items::{ItemResponse, ReencryptedSlot, ReencryptionRequest};

use super::records;
use crate::{
    error::{Error, Result},
    request::Body,
    service::Service,
    sessions::Session,
    vault::{Vault, items},
    wire::ciphertext_text,
};

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/items/{id}/encrypt", post(encrypt))
}

async fn encrypt(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path<String>,
    Body(request): Body<ReencryptionRequest>,
) -> Result<Json<ItemResponse>> {
    let mut tx = vault.store().write().await?;
    let item = items::records::find(&mut tx, &item_id, &session.user_id).await?;
    let share_id = item.share_id.ok_or_else(|| Error::invalid("Only a received item can be encrypted anew"))?;
    let share = records::find_incoming(&mut tx, &share_id, &session.user_id).await?;
    if !share.is_open() {
        return Err(Error::forbidden("acceptance_required", "The share has to be accepted first"));
    }
    // All values or none: with the share's key gone, one left under it could never be read again.
    for slot in items::records::slots_of(&mut tx, &item_id).await? {
        let sent = request.slots.iter().find(|sent| sent.id.as_str() == slot.id);
        match (sent, slot.encrypted_value, slot.original_id) {
            (Some(sent), Some(_), Some(original_id)) => replace(&mut tx, &share_id, &original_id, sent).await?,
            (None, Some(_), _) => return Err(Error::invalid("Every slot that has a value must be encrypted anew")),
            _ => {}
        }
    }
    sqlx::query("UPDATE shares SET encrypted_dek = NULL WHERE id = $1").bind(&share_id).execute(&mut *tx).await?;
    let response = items::records::response(&mut tx, &item_id, &session.user_id).await?;
    tx.commit().await?;
    Ok(Json(response))
}

async fn replace(db: &mut AnyConnection, share_id: &str, slot_id: &str, sent: &ReencryptedSlot) -> Result<()> {
    sqlx::query(
        "UPDATE share_values SET encrypted_value = $1, encrypted_value_verification_key = $2 \
         WHERE share_id = $3 AND slot_id = $4",
    )
    .bind(sent.encrypted_value.as_str())
    .bind(ciphertext_text(&sent.encrypted_value_verification_key))
    .bind(share_id)
    .bind(slot_id)
    .execute(db)
    .await?;
    Ok(())
}
