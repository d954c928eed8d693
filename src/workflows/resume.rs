//! Staying signed in: what a device keeps of a session, so that its user need not type the passphrase again
//! (`docs/protocol/additional-data.md` §7).
//!
//! Whoever copies the device's files has what [`RememberedSession`] seals and, in browsers, the device's key. The other half
//! of the key lies with the session at the Keystore, and is gone with it.

use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use vaultshare_fast::unpadded;
use zeroize::Zeroizing;

use super::{
    Client, Session,
    clock::{milliseconds, now_milliseconds},
    services::Services,
    session::UserKeys,
};
use crate::{
    api::{
        Id, Timestamp,
        keystore::{self, session::NewSessionHalf},
    },
    crypto::{
        AesKey, DataKey, KeyEncryptionKey, Spelling,
        places::{Place, session_keys_text, session_token_text},
    },
    error::{Error, ErrorCode, Result},
    http::Service,
};

const HALF_BYTES: usize = 32;

type Half = Zeroizing<[u8; HALF_BYTES]>;

/// A key that the device uses and does not show.
pub trait DeviceKey {
    /// HMAC-SHA256 of the text.
    fn authenticate<'a>(&'a self, text: &'a [u8]) -> LocalBoxFuture<'a, Result<Zeroizing<Vec<u8>>>>;
}

/// What a device keeps of a session. Nobody opens it without the device's key, and after the session has ended nobody who
/// has that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedSession {
    /// The Keystore's session token, sealed under the device's key.
    pub token: String,
    /// The user's keys and the Vault's session token, sealed under the device's key and the Keystore's half.
    pub keys: String,
}

/// What [`RememberedSession::keys`] holds. Neither passphrase, secret, nor anything that is derived from them.
#[derive(Serialize, Deserialize)]
struct SessionKeys<'a> {
    user: &'a str,
    kek: &'a str,
    strict: bool,
    dek: &'a str,
    login_key: &'a str,
    vault_token: &'a str,
    until: u64,
}

impl Session {
    /// Seals the session for this device. It can be resumed until `until`, and no longer than the Keystore keeps it: until when,
    /// is given too. Where the device has one of before, that is opened by the same half, the first that was stored: a call that
    /// fails half-way loses none.
    pub async fn remember(
        &self,
        device: &dyn DeviceKey,
        until: Option<Timestamp>,
    ) -> Result<(RememberedSession, Timestamp)> {
        let keys = self.keys()?;
        let offered = NewSessionHalf { half: generate_half()?, expires_at: until.clone() };
        let held = match keystore::session::store_half(self.keystore(), &offered).await {
            Err(error) if error.status() == Some(404) => return Err(not_offered()),
            held => held?,
        };
        let half = read_half(&held.half)?;
        let end = milliseconds(&held.expires_at).ok_or_else(bad_half)?;
        let end = until.as_deref().and_then(milliseconds).map_or(end, |until| until.min(end));

        let no_token = || Error::internal("the session has no token");
        let (keystore_token, vault_token) =
            (self.keystore().token().ok_or_else(no_token)?, self.vault().token().ok_or_else(no_token)?);
        let (kek, dek) = (keys.kek.to_base64url(), keys.dek.to_base64url());
        let session_keys = SessionKeys {
            user: self.user_id().as_str(),
            kek: &kek,
            strict: keys.kek.is_strict(),
            dek: &dek,
            login_key: &keys.login_key,
            vault_token: &vault_token,
            until: end,
        };
        let token_key = token_key(device, self.vault(), self.keystore()).await?;
        let keys_key = keys_key(device, self.vault(), self.keystore(), &half).await?;
        let token = token_key.encrypt_note(&keystore_token.as_str(), &Place::SessionToken).await?;
        let keys = keys_key.encrypt_note(&session_keys, &Place::SessionKeys).await?;
        Ok((RememberedSession { token, keys }, held.expires_at))
    }
}

impl Client {
    /// The session that was remembered. `None` where it has ended, at its time, by signing out, or by
    /// [`Session::end_other_sessions`]; and where device or Keystore have something else: it is of no use then.
    pub async fn resume(&self, device: &dyn DeviceKey, remembered: &RememberedSession) -> Result<Option<Session>> {
        let services = self.for_one_user();
        let Services { vault, keystore, .. } = &services;
        let token =
            token_key(device, vault, keystore).await?.decrypt_note(&remembered.token, &Place::SessionToken).await;
        let Some(token) = token.ok().as_ref().and_then(|token| serde_json::from_slice::<&str>(token).ok()).map(secret)
        else {
            return Ok(None);
        };
        keystore.set_token(token);
        let half = match keystore::session::half(keystore).await {
            Ok(held) => read_half(&held.half)?,
            Err(error) if matches!(error.code(), ErrorCode::Unauthorized | ErrorCode::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let session_keys = keys_key(device, vault, keystore, &half).await?;
        let Ok(session_keys) = session_keys.decrypt_note(&remembered.keys, &Place::SessionKeys).await else {
            return Ok(None);
        };
        let read = serde_json::from_slice::<SessionKeys<'_>>(&session_keys).ok();
        let Some((user, read)) = read.and_then(|read| Some((Id::parse(read.user)?, read))) else { return Ok(None) };
        // A Keystore that lies holds the half longer than it was asked to.
        if read.until <= now_milliseconds() {
            return Ok(None);
        }
        let keys = UserKeys {
            secret: None,
            kek: KeyEncryptionKey::from_base64url(read.kek, read.strict)?,
            dek: DataKey::from_base64url(read.dek)?,
            login_key: read.login_key.to_owned(),
            spelling: Spelling::AsTyped,
            server: None,
        };
        vault.set_token(secret(read.vault_token));
        Ok(Some(Session::new(services, user, keys)))
    }
}

/// Both services are in what the device authenticates: a page that was given others sends its token to none of them.
async fn token_key(device: &dyn DeviceKey, vault: &Service, keystore: &Service) -> Result<DataKey> {
    key_of(device, &session_token_text(vault.base_url(), keystore.base_url())).await
}

async fn keys_key(device: &dyn DeviceKey, vault: &Service, keystore: &Service, half: &Half) -> Result<DataKey> {
    key_of(device, &session_keys_text(vault.base_url(), keystore.base_url(), half.as_slice())).await
}

async fn key_of(device: &dyn DeviceKey, text: &[u8]) -> Result<DataKey> {
    AesKey::from_bytes(&device.authenticate(text).await?).map(DataKey::from_aes_key)
}

fn generate_half() -> Result<String> {
    let mut half = Zeroizing::new([0; HALF_BYTES]);
    getrandom::fill(half.as_mut_slice())?;
    Ok(unpadded::encode(half.as_slice()))
}

fn read_half(text: &str) -> Result<Half> {
    let mut half = Zeroizing::new([0; HALF_BYTES]);
    match unpadded::decode_into(text, half.as_mut_slice()) {
        Some(read) if read.len() == HALF_BYTES => Ok(half),
        _ => Err(bad_half()),
    }
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn bad_half() -> Error {
    Error::new(ErrorCode::BadResponse, "what the Keystore holds for this session is no half of a key")
}

fn not_offered() -> Error {
    Error::new(ErrorCode::NotFound, "this Keystore keeps nothing for devices: nobody can stay signed in with it")
}
