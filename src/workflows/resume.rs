//! Staying signed in: what a device keeps of a session, so that its user need not type the passphrase again
//! (`docs/protocol/additional-data.md` §7).
//!
//! Whoever copies the device's files has what [`RememberedSession`] seals and, in browsers, the device's key. The other half
//! of the key lies with the session at the Keystore, and is gone with it.

use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use vaultshare_primitives::unpadded;
use zeroize::Zeroizing;

use super::{
    Client, Session,
    clock::{instant, milliseconds, now_milliseconds},
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

/// The server's code for a session that it does not know any more; a gateway's refusal is another.
const NOT_AUTHORIZED: &str = "not_authorized";

/// The server's code for a session whose half it does not hold any more.
const NO_HALF: &str = "session_half_not_found";

const HALF_BYTES: usize = 32;

type Half = Zeroizing<[u8; HALF_BYTES]>;

/// A key that the device uses and does not show.
pub trait DeviceKey {
    /// HMAC-SHA256 of the text.
    fn authenticate<'a>(&'a self, text: &'a [u8]) -> LocalBoxFuture<'a, Result<Zeroizing<Vec<u8>>>>;
}

/// What a device keeps of a session. Nobody opens it without the device's key, nor its keys once the session has ended.
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
    /// Milliseconds since 1970, where the user set a time.
    until: Option<u64>,
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
        let wanted = until.as_deref().map(end_of).transpose()?;
        let offered = NewSessionHalf { half: generate_half()?, expires_at: wanted.map(instant) };
        let held = match keystore::session::store_half(self.keystore(), &offered).await {
            Err(error) if error.status() == Some(404) => return Err(not_offered()),
            held => held?,
        };
        let half = read_half(&held.half).ok_or_else(bad_half)?;
        let held_until = milliseconds(&held.expires_at).ok_or_else(bad_half)?;

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
            until: wanted,
        };
        let token_key = token_key(device, self.vault(), self.keystore()).await?;
        let keys_key = keys_key(device, self.vault(), self.keystore(), &half).await?;
        let token = token_key.encrypt_note(&keystore_token.as_str(), &Place::SessionToken).await?;
        let keys = keys_key.encrypt_note(&session_keys, &Place::SessionKeys).await?;
        let until = wanted.map_or(held_until, |wanted| wanted.min(held_until));
        Ok((RememberedSession { token, keys }, instant(until)))
    }

    /// Ends another session that this device remembers no more, so that a copy of the device does not open it. Does nothing
    /// where it is this one.
    pub async fn end_remembered(&self, device: &dyn DeviceKey, other: &RememberedSession) -> Result<()> {
        let (vault, keystore) = (self.vault(), self.keystore().for_one_user());
        match open_token(device, vault, &keystore, other).await {
            Some(token) if self.keystore().token().as_ref() != Some(&token) => {
                keystore.set_token(token);
                keystore::session::delete(&keystore).await.map(drop)
            }
            _ => Ok(()),
        }
    }
}

impl Client {
    /// The session that was remembered. `None` where it has ended, at its time, by signing out, or by
    /// [`Session::end_other_sessions`]; and where device or Keystore have something else: it is of no use then.
    pub async fn resume(&self, device: &dyn DeviceKey, remembered: &RememberedSession) -> Result<Option<Session>> {
        let services = self.for_one_user();
        let Services { vault, keystore, .. } = &services;
        let Some(token) = open_token(device, vault, keystore, remembered).await else { return Ok(None) };
        keystore.set_token(token);
        let half = match keystore::session::half(keystore).await {
            Ok(held) => held.half,
            Err(error) if error.server_code() == Some(NOT_AUTHORIZED) => return Ok(None),
            Err(error) if error.server_code() == Some(NO_HALF) => {
                // Its time is over. Its token is good as long as the session lasts, so that ends too, if it can.
                let _ = keystore::session::delete(keystore).await;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Some(session_keys) = open_keys(device, vault, keystore, &half, remembered).await else { return Ok(None) };
        let read = serde_json::from_slice::<SessionKeys<'_>>(&session_keys).ok();
        let Some((user, read)) = read.and_then(|read| Some((Id::parse(read.user)?, read))) else { return Ok(None) };
        // A Keystore that lies holds the half longer than it was asked to.
        if read.until.is_some_and(|until| until <= now_milliseconds()) {
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

/// `None` where the device's key, or what it should open, is another.
async fn open_token(
    device: &dyn DeviceKey,
    vault: &Service,
    keystore: &Service,
    RememberedSession { token, .. }: &RememberedSession,
) -> Option<Zeroizing<String>> {
    let key = token_key(device, vault, keystore).await.ok()?;
    let token = key.decrypt_note(token, &Place::SessionToken).await.ok()?;
    serde_json::from_slice::<&str>(&token).ok().map(secret)
}

/// `None` likewise, and where the Keystore's half is another.
async fn open_keys(
    device: &dyn DeviceKey,
    vault: &Service,
    keystore: &Service,
    half: &str,
    RememberedSession { keys, .. }: &RememberedSession,
) -> Option<Zeroizing<Vec<u8>>> {
    let key = keys_key(device, vault, keystore, &read_half(half)?).await.ok()?;
    key.decrypt_note(keys, &Place::SessionKeys).await.ok()
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

fn read_half(text: &str) -> Option<Half> {
    let mut half = Zeroizing::new([0; HALF_BYTES]);
    let read = unpadded::decode_into(text, half.as_mut_slice())?.len();
    (read == HALF_BYTES).then_some(half)
}

fn end_of(until: &str) -> Result<u64> {
    let end = milliseconds(until).filter(|&end| end > now_milliseconds());
    end.ok_or_else(|| Error::invalid_argument("`until` is no instant between now and the end of the year 9999"))
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
