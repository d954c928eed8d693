//! Keys that wait to be claimed (encryption-spaces §1.4): how the DEK of a space gets from its maker to the other user.
//! A claim is signed with the private half of the key that the DEK is encrypted for, so that only its holder takes it;
//! the first who does is the only one who can do so again.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, Uri},
    routing::post,
};
use sqlx::{AnyConnection, FromRow};
use vaultshare::{
    api::{
        Ciphertext, Id,
        keystore::encryption_spaces::{
            CLAIM_TIMESTAMP, ClaimedKey, ClaimedKeyResponse, KeyClaim, NewSharedKey, SharedKey, SharedKeyResponse,
        },
    },
    crypto::PublicKey,
};

use super::{Keystore, encryption_spaces};
use crate::{
    clock::{Millis, from_wire, millis},
    error::{Error, Result},
    request::Body,
    service::Service,
    sessions::Session,
    store::new_id,
    token,
    wire::Stored,
};

pub(super) fn routes() -> Router<Keystore> {
    Router::new().route("/shared_keys", post(create)).route("/shared_keys/{space_id}/claim_key", post(claim))
}

/// Leaves the key of a space for the holder of another key. Left again it replaces what was left, until it is claimed.
async fn create(
    State(keystore): State<Keystore>,
    session: Session,
    Body(request): Body<NewSharedKey>,
) -> Result<(StatusCode, Json<SharedKeyResponse>)> {
    PublicKey::from_pem(&request.public_key).map_err(|error| {
        Error::invalid(format!("public_key must be an RSA key of 2048 bits or more in PEM: {error}"))
    })?;
    if request.key_metadata.key_type.len() > 64 {
        return Err(Error::invalid("key_metadata.key_type has at most 64 characters"));
    }
    let mut tx = keystore.store().write().await?;
    let space_id = request.external_id.as_str();
    if !encryption_spaces::is_member(&mut tx, space_id, &session.user_id).await? {
        return Err(encryption_spaces::not_found());
    }
    upsert(&mut tx, &session.user_id, &request, keystore.clock().now()).await?;
    let row = find(&mut tx, space_id, &request.public_key).await?;
    let row = row.filter(|row| row.user_id == session.user_id).ok_or_else(not_found)?;
    tx.commit().await?;
    let shared_key =
        SharedKey { id: Id::stored(row.id)?, serialized_shared_key: Ciphertext::stored(row.encrypted_key)? };
    Ok((StatusCode::CREATED, Json(SharedKeyResponse { shared_key })))
}

/// Hands a key to whoever proves to hold the private half that opens it.
async fn claim(
    State(keystore): State<Keystore>,
    session: Session,
    Path(space_id): Path<String>,
    Body(request): Body<KeyClaim>,
) -> Result<Json<ClaimedKeyResponse>> {
    let mut db = keystore.store().read_once().await?;
    let row = find(&mut db, &space_id, &request.public_key).await?.ok_or_else(not_found)?;
    drop(db);
    // Outside of any transaction: checking a signature takes its time.
    check(&row.public_key, &request.request_signature, &space_id, keystore.clock().now()).await?;

    let mut tx = keystore.store().write().await?;
    let take = "UPDATE shared_keys SET claimed_by = $1 WHERE id = $2 AND (claimed_by IS NULL OR claimed_by = $1)";
    let taken = sqlx::query(take).bind(&session.user_id).bind(&row.id).execute(&mut *tx).await?.rows_affected();
    if taken == 0 {
        return Err(not_found());
    }
    tx.commit().await?;
    let shared_key_claimed = ClaimedKey {
        external_id: Id::stored(space_id)?,
        serialized_shared_key: Ciphertext::stored(row.encrypted_key)?,
    };
    Ok(Json(ClaimedKeyResponse { shared_key_claimed }))
}

// The rules.

/// How far a claim's time may be from the server's: clocks differ, and an old claim may have been overheard.
const CLAIM_IS_FRESH: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// Checks that the claim was signed for this space, just now, by the holder of the private key.
async fn check(public_key: &str, signature: &str, space_id: &str, now: Millis) -> Result<()> {
    let refused = || {
        let message = "request_signature is not a fresh signature of this request's address and time by public_key";
        Error::forbidden("invalid_request_signature", message)
    };
    let key = PublicKey::from_pem(public_key).map_err(Error::fault)?;
    let signed = key.verify(signature).await.map_err(|_| refused())?;
    let signed = String::from_utf8(signed).map_err(|_| refused())?;
    let (address, time) = signed.rsplit_once(CLAIM_TIMESTAMP).ok_or_else(refused)?;
    let time = from_wire(time).ok_or_else(refused)?;
    if !is_address_of_claim(address, space_id) || now.abs_diff(time) > millis(CLAIM_IS_FRESH).unsigned_abs() {
        return Err(refused());
    }
    Ok(())
}

/// Whether this is the address of a claim of this space. Which host it names is not asked: behind a proxy the server
/// does not know what it is called, and a space's id is of one server only.
fn is_address_of_claim(address: &str, space_id: &str) -> bool {
    let Ok(uri) = address.parse::<Uri>() else { return false };
    let path = uri.path().strip_suffix("/claim_key").and_then(|path| path.strip_suffix(space_id));
    uri.scheme().is_some() && uri.query().is_none() && path.is_some_and(|path| path.ends_with("/shared_keys/"))
}

fn not_found() -> Error {
    Error::not_found("shared_key_not_found")
}

// The queries.

#[derive(FromRow)]
struct Row {
    id: String,
    user_id: String,
    public_key: String,
    encrypted_key: String,
}

async fn find(db: &mut AnyConnection, space_id: &str, public_key: &str) -> Result<Option<Row>> {
    let row = sqlx::query_as(
        "SELECT id, user_id, public_key, encrypted_key FROM shared_keys \
         WHERE space_id = $1 AND public_key_hash = $2 AND public_key = $3",
    );
    Ok(row.bind(space_id).bind(token::hash(public_key)).bind(public_key).fetch_optional(db).await?)
}

/// Whether the user has taken a key of this space.
pub(super) async fn was_claimed_by(db: &mut AnyConnection, space_id: &str, user_id: &str) -> Result<bool> {
    let claims = sqlx::query_scalar("SELECT COUNT(*) FROM shared_keys WHERE space_id = $1 AND claimed_by = $2");
    let claims: i64 = claims.bind(space_id).bind(user_id).fetch_one(db).await?;
    Ok(claims > 0)
}

async fn upsert(db: &mut AnyConnection, user_id: &str, key: &NewSharedKey, now: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO shared_keys (id, space_id, user_id, public_key, public_key_hash, encrypted_key, key_type, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (space_id, public_key_hash) DO UPDATE SET encrypted_key = excluded.encrypted_key \
         WHERE shared_keys.claimed_by IS NULL AND shared_keys.user_id = excluded.user_id",
    )
    .bind(new_id())
    .bind(key.external_id.as_str())
    .bind(user_id)
    .bind(&key.public_key)
    .bind(token::hash(&key.public_key))
    .bind(key.encrypted_key.as_str())
    .bind(&key.key_metadata.key_type)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
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
