//! URLs that hold what permits to write or to read one blob, until they end: whoever has one needs no session.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    clock::Millis,
    error::{Code, Error, Result},
    own_address::OwnAddress,
    service::Service,
    vault::Vault,
};

const HOUR: Millis = 60 * 60 * 1000;

#[derive(Clone, Copy, Debug)]
pub(super) enum Permission {
    /// A large file goes slowly.
    Write,
    Read,
}

impl Permission {
    fn lasts(self) -> Millis {
        match self {
            Self::Write => 24 * HOUR,
            Self::Read => HOUR,
        }
    }

    fn name(self) -> &'static [u8] {
        match self {
            Self::Write => b"write",
            Self::Read => b"read",
        }
    }
}

/// The URL of a blob. It has a query, to which clients append parameters of their own.
pub(super) fn url(vault: &Vault, OwnAddress(own): &OwnAddress, key: &str, permission: Permission) -> Result<String> {
    let expires = (vault.clock().now() + permission.lasts()) / 1000;
    let signature = mac(vault, key, permission, expires)?.finalize().into_bytes();
    let signature = Base64UrlUnpadded::encode_string(&signature);
    Ok(format!("{own}/vault/blobs/{key}?signature={signature}&expires={expires}"))
}

/// Refuses a request whose URL was not made by this server for this blob and permission, or has ended.
pub(super) fn check(
    vault: &Vault,
    key: &str,
    permission: Permission,
    signature: Option<&str>,
    expires: Option<&str>,
) -> Result<()> {
    let expires: Option<i64> = expires.and_then(|expires| expires.parse().ok());
    let signature = signature.and_then(|signature| Base64UrlUnpadded::decode_vec(signature).ok());
    let (Some(expires), Some(signature)) = (expires, signature) else { return Err(refused()) };
    let is_genuine = mac(vault, key, permission, expires)?.verify_slice(&signature).is_ok();
    if is_genuine && vault.clock().now() / 1000 < expires { Ok(()) } else { Err(refused()) }
}

fn refused() -> Error {
    Error::refused(Code::UrlNotValid, "This URL permits nothing, or not this, or no more: ask for another one")
}

/// Over what the URL permits, in parts that cannot run into each other: neither a name nor a key has a line break.
fn mac(vault: &Vault, key: &str, permission: Permission, expires: i64) -> Result<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(&vault.0.files.url_key).map_err(Error::fault)?;
    let parts = [permission.name(), b"\n", key.as_bytes(), b"\n"];
    Ok(parts.into_iter().fold(mac, Mac::chain_update).chain_update(expires.to_string()))
}
