//! Registration: a free username, and a user with the SRP verifier of their passphrase (docs/protocol/http-api.md
//! §4.1–4.2).

use std::convert::Infallible;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
};
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Type,
        path::{Parameter, ParameterIn},
    },
};
use vaultshare::api::{
    Id,
    keystore::srp::{NewSrpUser, ReservedUsername, SrpUser, SrpUserResponse, UsernameRequest},
};

use super::{
    Keystore, deletion,
    records::{retired_usernames, sign_up_invitations, users},
    srp::{NUMBER_LENGTH, number_from_hex},
};
use crate::{
    client_address::ClientAddress,
    clock::{Millis, to_wire},
    config::SignUps,
    error::{Code, Error, Result},
    openapi,
    request::Body,
    service::Service,
    store::new_id,
    token,
    wire::Stored,
};

const USERNAME_LENGTH: usize = 11;
/// Base58: no look-alikes, because people read usernames aloud.
const USERNAME_ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const TOO_MANY_SIGN_UPS: &str = "Too many users have signed up from this address";
const RESERVED_FOR: Millis = 60 * 60 * 1000;

/// Offers a name that nobody has.
#[utoipa::path(
    post, path = "/srp/username",
    request_body = UsernameRequest,
    params(SignUpInvitation),
    responses((status = 200, body = ReservedUsername), (status = 403)),
    security(()),
)]
pub(super) async fn offer_username(
    State(keystore): State<Keystore>,
    invitation: SignUpInvitation,
    Body(_): Body<UsernameRequest>,
) -> Result<Json<ReservedUsername>> {
    let now = keystore.clock().now();
    // Here already, so that nobody notes a secret that is none.
    invitation.check(&keystore, now).await?;
    let expires_at = to_wire(now + RESERVED_FOR);
    Ok(Json(ReservedUsername { username: generate_username()?, expires_at: Some(expires_at) }))
}

/// Signs up: a user with the verifier of their passphrase.
#[utoipa::path(
    post, path = "/srp/users",
    request_body = NewSrpUser,
    params(SignUpInvitation),
    responses((status = 201, body = SrpUserResponse), (status = 403), (status = 429)),
    security(()),
)]
pub(super) async fn register(
    State(keystore): State<Keystore>,
    address: ClientAddress,
    invitation: SignUpInvitation,
    Body(user): Body<NewSrpUser>,
) -> Result<(StatusCode, Json<SrpUserResponse>)> {
    check(&user)?;
    if keystore.sign_ups() == SignUps::Closed {
        return Err(closed());
    }
    let (id, now) = (new_id(), keystore.clock().now());
    let limit = keystore.rate_limits().sign_ups(&address.network());
    // Before the one writer is asked for: refusals are to cost little.
    if let Some(retry_after) = limit.wait(&mut *keystore.store().read_once().await?, now).await? {
        return Err(Error::TooMany { code: Code::TooManyRequests, message: TOO_MANY_SIGN_UPS, retry_after });
    }
    let mut tx = keystore.store().write().await?;
    limit.require(&mut tx, now, Code::TooManyRequests, TOO_MANY_SIGN_UPS).await?;
    let retired = deletion::retired(keystore.rate_limits(), &user.username);
    if retired_usernames::contain(&mut tx, &retired).await? || !users::insert(&mut tx, &id, &user, now).await? {
        let message = "Username has already been taken";
        return Err(Error::refused(Code::UsernameTaken, message));
    }
    if keystore.sign_ups() == SignUps::Invite {
        let token = invitation.0.ok_or_else(invitation_required)?;
        if !sign_up_invitations::consume(&mut tx, &token, now).await? {
            return Err(invitation_required());
        }
    }
    tx.commit().await?;
    let user = SrpUser { id: Id::stored(id)?, username: user.username };
    Ok((StatusCode::CREATED, Json(SrpUserResponse { user })))
}

/// The invitation of a request to sign up. It comes in the header that every client of the protocol can be told to send,
/// and has no other use here.
pub(super) struct SignUpInvitation(Option<String>);

impl<S: Sync> FromRequestParts<S> for SignUpInvitation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let token = parts.headers.get("meeco-subscription-key").and_then(|value| value.to_str().ok());
        Ok(Self(token.map(|token| token.trim().to_owned())))
    }
}

impl IntoParams for SignUpInvitation {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "An invitation of the operator, where they want one.";
        vec![openapi::header("Meeco-Subscription-Key", description, ObjectBuilder::new().schema_type(Type::String))]
    }
}

impl SignUpInvitation {
    /// Refuses who could not sign up.
    async fn check(&self, keystore: &Keystore, now: Millis) -> Result<()> {
        match (keystore.sign_ups(), &self.0) {
            (SignUps::Open, _) => Ok(()),
            (SignUps::Closed, _) => Err(closed()),
            (SignUps::Invite, None) => Err(invitation_required()),
            (SignUps::Invite, Some(token)) => {
                let mut db = keystore.store().read_once().await?;
                match sign_up_invitations::is_open(&mut db, token, now).await? {
                    true => Ok(()),
                    false => Err(invitation_required()),
                }
            }
        }
    }
}

// Rules.

fn closed() -> Error {
    Error::refused(Code::SignUpsClosed, "This server takes no new users")
}

/// The same for none and for one that is unknown, used or too old.
fn invitation_required() -> Error {
    let message = "This server takes new users by invitation: ask those who run it for one that is not used or too old";
    Error::refused(Code::InvitationRequired, message)
}

/// Of 58^11 usernames no two are the same in practice, so offered ones are not stored.
fn generate_username() -> Result<String> {
    // Rejection sampling: 232 is the largest multiple of 58 in a byte.
    let mut letters = Vec::with_capacity(USERNAME_LENGTH);
    while letters.len() < USERNAME_LENGTH {
        let bytes = token::random::<32>().map_err(Error::fault)?;
        let unbiased = bytes.iter().filter(|byte| **byte < 232);
        letters.extend(
            unbiased.filter_map(|byte| USERNAME_ALPHABET.get(usize::from(byte % 58))).map(|byte| char::from(*byte)),
        );
    }
    Ok(letters.into_iter().take(USERNAME_LENGTH).collect())
}

/// A dot would end the username inside the user's secret.
pub(super) fn check_username(username: &str) -> Result<()> {
    let fits =
        (1..=100).contains(&username.len()) && username.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.');
    if !fits {
        let message = "must be 1 to 100 visible ASCII characters without a dot";
        return Err(Error::refused(Code::InvalidUsername, message).at("username"));
    }
    Ok(())
}

fn check(user: &NewSrpUser) -> Result<()> {
    check_username(&user.username)?;
    check_verifier(&user.srp_salt, &user.srp_verifier)
}

/// What a passphrase is proven by.
pub(super) fn check_verifier(salt: &str, verifier: &str) -> Result<()> {
    let salt_fits = (16..=128).contains(&salt.len()) && base16ct::mixed::decode_vec(salt).is_ok();
    if !salt_fits {
        return Err(Error::refused(Code::InvalidSrpSalt, "must be 8 to 64 bytes in hexadecimal").at("srp_salt"));
    }
    match number_from_hex(verifier) {
        Some(verifier) if verifier.iter().any(|byte| *byte > 0) => Ok(()),
        _ => {
            let message = format!("must be {NUMBER_LENGTH} bytes in hexadecimal, and not 0");
            Err(Error::refused(Code::InvalidSrpVerifier, message).at("srp_verifier"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offered_usernames_have_no_dot_and_no_look_alikes() {
        for _ in 0..100 {
            let username = generate_username().unwrap();
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
