//! Re-encrypting: a recipient replaces the received values by the same encrypted with a DEK of their own, and no longer
//! needs the share's (docs/protocol/http-api.md §9.8). The owner's verification hash of each value stays.

use std::collections::HashMap;

use axum::{extract::State, response::Response};
use vaultshare::api::vault::items::{ItemResponse, ReencryptedSlot, ReencryptionRequest};

use crate::{
    auth::Session,
    error::{Code, Error, Result},
    request::{Body, Path},
    service::{Service, large_json},
    vault::{
        Vault,
        quota::Quota,
        records::{items, share_values, shares},
    },
};

/// Replaces the values of a received item by the same under a DEK of the recipient.
#[utoipa::path(
    post, path = "/items/{id}/encrypt",
    request_body = ReencryptionRequest,
    responses((status = 200, body = ItemResponse), (status = 403)),
)]
pub(in crate::vault) async fn encrypt(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path,
    Body(request): Body<ReencryptionRequest>,
) -> Result<Response> {
    let mut tx = vault.store().write().await?;
    let item = items::find(&mut tx, &item_id, &session.user_id).await?;
    let original_id = item.original().to_owned();
    let share_id =
        item.share_id.ok_or_else(|| Error::refused(Code::NotReceived, "Only a received item can be encrypted anew"))?;
    let share = shares::find_incoming(&mut tx, &share_id, &session.user_id).await?;
    if !share.is_open() {
        return Err(Error::refused(Code::AcceptanceRequired, "The share has to be accepted first"));
    }
    // The share's values become the recipient's own.
    let quota = Quota::begin(&mut tx, &vault, &session.user_id, &original_id).await?;
    let sent: HashMap<&str, &ReencryptedSlot> = request.slots.iter().map(|slot| (slot.id.as_str(), slot)).collect();
    // All values or none: the share's DEK is deleted, and a value left encrypted with it could never be read again.
    let mut reencrypted = Vec::with_capacity(sent.len());
    for slot in items::slots_of(&mut tx, &item_id).await? {
        match (sent.get(slot.id.as_str()).copied(), slot.encrypted_value, slot.original_id) {
            (Some(sent), Some(_), Some(original_id)) => reencrypted.push((original_id, sent)),
            (None, Some(_), _) => {
                let message = "Every slot that has a value must be encrypted anew";
                return Err(Error::refused(Code::ValueMissing, message).at("slots"));
            }
            _ => {}
        }
    }
    share_values::reencrypt(&mut tx, &share_id, &reencrypted).await?;
    shares::clear_dek(&mut tx, &share_id).await?;
    quota.settle(&mut tx).await?;
    let response = items::response(&mut tx, &item_id, &session.user_id).await?;
    tx.commit().await?;
    large_json(&response)
}
