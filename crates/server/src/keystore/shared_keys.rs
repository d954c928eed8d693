//! Shared keys (docs/protocol/encryption-spaces-and-setup.md §1.4): how the DEK of a space gets from its creator to the
//! other user. The creator leaves it encrypted for the other's public key; a claim is signed with the private key, so
//! that only its holder succeeds. After the first claim only the same user can repeat it.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
};
use vaultshare::{
    api::{
        Ciphertext, Id,
        keystore::encryption_spaces::{
            CLAIM_TIMESTAMP, ClaimedKey, ClaimedKeyResponse, KeyClaim, NewSharedKey, SharedKey, SharedKeyResponse,
        },
    },
    crypto::PublicKey,
};

use super::{
    Keystore,
    keys::check_quota,
    records::{encryption_spaces, shared_keys},
};
use crate::{
    auth::Session,
    clock::{Millis, from_wire, millis},
    error::{Code, Error, Result},
    public_key,
    request::{Body, Path},
    service::Service,
    wire::Stored,
};

/// Stores the key of a space for the holder of a public key. Until it is claimed, a second request replaces it.
#[utoipa::path(
    post, path = "/shared_keys",
    request_body = NewSharedKey,
    responses((status = 201, body = SharedKeyResponse), (status = 403), (status = 404)),
)]
pub(super) async fn create(
    State(keystore): State<Keystore>,
    session: Session,
    Body(request): Body<NewSharedKey>,
) -> Result<(StatusCode, Json<SharedKeyResponse>)> {
    public_key::check(&keystore.work().requests, &request.public_key).await?;
    let mut tx = keystore.store().write().await?;
    let space_id = request.external_id.as_str();
    encryption_spaces::require_member(&mut tx, space_id, &session.user_id).await?;
    check_quota(&mut tx, &keystore, &session.user_id).await?;
    shared_keys::upsert(&mut tx, &session.user_id, &request, keystore.clock().now()).await?;
    let row = shared_keys::find(&mut tx, space_id, &request.public_key).await?;
    let row = row.filter(|row| row.user_id == session.user_id).ok_or_else(not_found)?;
    tx.commit().await?;
    let shared_key =
        SharedKey { id: Id::stored(row.id)?, serialized_shared_key: Ciphertext::stored(row.encrypted_key)? };
    Ok((StatusCode::CREATED, Json(SharedKeyResponse { shared_key })))
}

/// Returns a key to whoever proves to hold the private key it is encrypted for.
#[utoipa::path(
    post, path = "/shared_keys/{space_id}/claim_key",
    request_body = KeyClaim,
    responses((status = 200, body = ClaimedKeyResponse), (status = 403)),
)]
pub(super) async fn claim(
    State(keystore): State<Keystore>,
    session: Session,
    Path(space_id): Path,
    Body(request): Body<KeyClaim>,
) -> Result<Json<ClaimedKeyResponse>> {
    let mut db = keystore.store().read_once().await?;
    let row = shared_keys::find(&mut db, &space_id, &request.public_key).await?.ok_or_else(not_found)?;
    drop(db);
    // Outside of any transaction: checking a signature takes time.
    let (public_key, signature) = (row.public_key.clone(), request.request_signature);
    let (space, now) = (space_id.clone(), keystore.clock().now());
    let checked = keystore.work().requests.run_future(async move { check(&public_key, &signature, &space, now).await });
    checked.await??;

    let mut tx = keystore.store().write().await?;
    // Again: the maker of the space may have exchanged it since.
    let row = shared_keys::find(&mut tx, &space_id, &request.public_key).await?.ok_or_else(not_found)?;
    if !shared_keys::claim(&mut tx, &row.id, &session.user_id).await? {
        return Err(not_found());
    }
    tx.commit().await?;
    let shared_key_claimed = ClaimedKey {
        external_id: Id::stored(space_id)?,
        serialized_shared_key: Ciphertext::stored(row.encrypted_key)?,
        signature: row.signature,
    };
    Ok(Json(ClaimedKeyResponse { shared_key_claimed }))
}

// Rules.

/// How far a claim's timestamp may be from the server's clock: clocks differ, and an old claim may be a replay.
const CLAIM_TOLERANCE: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// Checks that the claim was signed for this space, within [`CLAIM_TOLERANCE`], by the holder of the private key.
async fn check(public_key: &str, signature: &str, space_id: &str, now: Millis) -> Result<()> {
    let refused = || {
        let message = "request_signature is not a fresh signature of this request's address and time by public_key";
        Error::refused(Code::InvalidRequestSignature, message)
    };
    let key = PublicKey::from_pem(public_key).map_err(Error::fault)?;
    let signed = key.verify(signature).await.map_err(|_| refused())?;
    let signed = String::from_utf8(signed).map_err(|_| refused())?;
    let (address, time) = signed.rsplit_once(CLAIM_TIMESTAMP).ok_or_else(refused)?;
    let time = from_wire(time).ok_or_else(refused)?;
    if !is_address_of_claim(address, space_id) || now.abs_diff(time) > millis(CLAIM_TOLERANCE).unsigned_abs() {
        return Err(refused());
    }
    Ok(())
}

/// Whether this is the URL of a claim of this space. The host is not compared: behind a proxy the server does not know
/// its own name, and a space's id exists on one server only.
fn is_address_of_claim(address: &str, space_id: &str) -> bool {
    let Ok(uri) = address.parse::<Uri>() else { return false };
    let path = uri.path().strip_suffix("/claim_key").and_then(|path| path.strip_suffix(space_id));
    uri.scheme().is_some() && uri.query().is_none() && path.is_some_and(|path| path.ends_with("/shared_keys/"))
}

fn not_found() -> Error {
    Error::not_found(Code::SharedKeyNotFound)
}

#[cfg(test)]
mod tests {
    use super::is_address_of_claim;

    #[test]
    fn only_the_address_of_this_claim_will_do() {
        for address in
            ["https://a.test/keystore/shared_keys/S1/claim_key", "http://localhost:1/shared_keys/S1/claim_key"]
        {
            assert!(is_address_of_claim(address, "S1"), "{address}");
        }
        for address in [
            "https://a.test/keystore/shared_keys/S2/claim_key",
            "https://a.test/keystore/shared_keys/xS1/claim_key",
            "https://a.test/keystore/shared_keys/S1",
            "https://a.test/keystore/other/S1/claim_key",
            "https://a.test/x?y=/shared_keys/S1/claim_key",
            "https://a.test/keystore/shared_keys/S1/claim_key?x=1",
            "/shared_keys/S1/claim_key",
            "",
        ] {
            assert!(!is_address_of_claim(address, "S1"), "{address}");
        }
    }
}
