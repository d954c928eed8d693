//! Making a user of the Keystore: a name that nobody has, and what a passphrase can be checked with (http-api §4.1–4.2).

use axum::{Json, Router, http::StatusCode, routing::post};
use sqlx::AnyConnection;
use vaultshare::api::{
    Id,
    keystore::srp::{NewSrpUser, ReservedUsername, SrpUser, SrpUserResponse, UsernameRequest},
};

use super::{
    Keystore,
    srp::{NUMBER_LENGTH, number_from_hex},
};
use crate::{
    clock::{Millis, to_wire},
    error::{Error, Result},
    request::Body,
    service::Service,
    store::new_id,
    token,
    wire::Stored,
};

const USERNAME_LENGTH: usize = 11;
/// The Bitcoin alphabet, without look-alikes: people read usernames aloud. It holds no dot, which ends a username.
const USERNAME_ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RESERVED_FOR: Millis = 60 * 60 * 1000;

pub(super) fn routes() -> Router<Keystore> {
    Router::new().route("/srp/username", post(offer_username)).route("/srp/users", post(register))
}

async fn offer_username(
    keystore: axum::extract::State<Keystore>,
    Body(_): Body<UsernameRequest>,
) -> Result<Json<ReservedUsername>> {
    let expires_at = to_wire(keystore.clock().now() + RESERVED_FOR);
    Ok(Json(ReservedUsername { username: make_username()?, expires_at: Some(expires_at) }))
}

async fn register(
    keystore: axum::extract::State<Keystore>,
    Body(user): Body<NewSrpUser>,
) -> Result<(StatusCode, Json<SrpUserResponse>)> {
    check(&user)?;
    let id = new_id();
    let mut tx = keystore.store().write().await?;
    if !insert(&mut tx, &id, &user, keystore.clock().now()).await? {
        let message = "Username has already been taken";
        return Err(Error::refused(StatusCode::BAD_REQUEST, "username_taken", message));
    }
    tx.commit().await?;
    let user = SrpUser { id: Id::stored(id)?, username: user.username };
    Ok((StatusCode::CREATED, Json(SrpUserResponse { user })))
}

// The rules.

/// 58^11 names, of which nobody meets one twice: there is no list of reserved names to keep.
fn make_username() -> Result<String> {
    // Bytes above the last multiple of 58 would make some letters likelier than others.
    let mut letters = Vec::with_capacity(USERNAME_LENGTH);
    while letters.len() < USERNAME_LENGTH {
        let bytes = token::random::<32>().map_err(Error::fault)?;
        let fair = bytes.iter().filter(|byte| **byte < 232);
        letters.extend(
            fair.filter_map(|byte| USERNAME_ALPHABET.get(usize::from(byte % 58))).map(|byte| char::from(*byte)),
        );
    }
    Ok(letters.into_iter().take(USERNAME_LENGTH).collect())
}

/// What [`username_fits`] checks, in words.
pub(super) const USERNAME_RULE: &str = "A username is 1 to 100 visible ASCII characters without a dot";

/// Whether somebody can have this name. A dot would end the name inside the user's secret.
pub(super) fn username_fits(username: &str) -> bool {
    (1..=100).contains(&username.len()) && username.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

fn check(user: &NewSrpUser) -> Result<()> {
    if !username_fits(&user.username) {
        return Err(Error::invalid(USERNAME_RULE));
    }
    let salt_fits = (16..=128).contains(&user.srp_salt.len()) && base16ct::mixed::decode_vec(&user.srp_salt).is_ok();
    if !salt_fits {
        return Err(Error::invalid("srp_salt must be 8 to 64 bytes in hexadecimal"));
    }
    match number_from_hex(&user.srp_verifier) {
        Some(verifier) if verifier.iter().any(|byte| *byte > 0) => Ok(()),
        _ => Err(Error::invalid(format!("srp_verifier must be {NUMBER_LENGTH} bytes in hexadecimal"))),
    }
}

// The queries.

async fn insert(db: &mut AnyConnection, id: &str, user: &NewSrpUser, now: Millis) -> Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, username, srp_salt, srp_verifier, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (username) DO NOTHING",
    )
    .bind(id)
    .bind(&user.username)
    .bind(user.srp_salt.to_ascii_lowercase())
    .bind(user.srp_verifier.to_ascii_lowercase())
    .bind(now)
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offered_usernames_have_no_dot_and_no_look_alikes() {
        for _ in 0..100 {
            let username = make_username().unwrap();
            assert_eq!(username.len(), USERNAME_LENGTH);
            assert!(username.bytes().all(|byte| USERNAME_ALPHABET.contains(&byte)));
        }
    }

    #[test]
    fn what_cannot_sign_in_cannot_register() {
        let user = |username: &str, salt: &str, verifier: &str| NewSrpUser {
            username: username.into(),
            srp_salt: salt.into(),
            srp_verifier: verifier.into(),
        };
        let (salt, verifier) = ("22".repeat(32), "7f".repeat(256));
        assert!(check(&user("M9znjHbD5Xi", &salt, &verifier)).is_ok());
        assert!(check(&user("with.dot", &salt, &verifier)).is_err());
        assert!(check(&user("", &salt, &verifier)).is_err());
        assert!(check(&user("alice", "not hex", &verifier)).is_err());
        assert!(check(&user("alice", &salt, &"00".repeat(256))).is_err());
        assert!(check(&user("alice", &salt, &"7f".repeat(257))).is_err());
    }
}
