//! Which encryption space of the Keystore each side of a connection uses, so that the other side knows where to claim
//! the DEK.

use axum::{extract::State, http::StatusCode};
use vaultshare::api::vault::encryption_spaces::EncryptionSpaceTwin;

use crate::{
    auth::Session,
    error::{Code, Error, Result},
    request::{Body, Path},
    service::Service,
    vault::{Vault, records::connections},
    wire::id_text,
};

/// Sets the caller's space. A caller may compare and set: 409 if the other side's space is not the one that the request
/// names, or if the own side has another one by now. So concurrent creators converge on one space.
#[utoipa::path(
    post, path = "/connections/{id}/encryption_space",
    request_body = EncryptionSpaceTwin,
    responses((status = 200), (status = 409)),
)]
pub(in crate::vault) async fn set(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
    Body(request): Body<EncryptionSpaceTwin>,
) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let spaces = connections::find_spaces(&mut tx, &id, &session.user_id).await?;
    let seen = request.other_user_connection_encryption_space_id;
    let has_another = spaces.own.as_deref().is_some_and(|own| own != request.encryption_space_id.as_str());
    if seen.is_some_and(|seen| has_another || id_text(&seen) != spaces.other.as_deref()) {
        let message = "One side of the connection has another encryption space than the request takes it to have";
        return Err(Error::refused(Code::EncryptionSpaceConflict, message));
    }
    connections::set_space(&mut tx, &id, request.encryption_space_id.as_str()).await?;
    tx.commit().await?;
    Ok(StatusCode::OK)
}
