use std::{cell::RefCell, rc::Rc};

use zeroize::Zeroizing;

use super::{KeyPairSource, ReadyKeyPairs, sealing, unfinished::Unfinished};
use crate::{
    api::{ByName, Id, keystore, vault},
    crypto::{DataKey, KeyEncryptionKey, KeyPair, PublicKey, UserSecret},
    error::{Error, ErrorCode, Result},
    http::Service,
};

/// How many unwrapped key pairs and share DEKs a session keeps at hand.
const MOST_CACHED: usize = 512;

/// A signed-in user.
///
/// Cloning gives another handle to the same session. The keys stay in here; [`Session::close`] wipes them, and everything
/// asked afterwards is answered with `SESSION_CLOSED`.
#[derive(Clone)]
pub struct Session {
    state: Rc<State>,
}

struct State {
    vault: Service,
    keystore: Service,
    user_id: Id,
    key_pairs: Rc<ReadyKeyPairs>,
    keys: RefCell<Option<Rc<Keys>>>,
}

impl Drop for State {
    /// A session that nobody holds any more needs no key pairs either.
    fn drop(&mut self) {
        self.key_pairs.close();
    }
}

/// What a session knows that no server does.
pub(super) struct Keys {
    pub(super) secret: UserSecret,
    pub(super) kek: KeyEncryptionKey,
    pub(super) dek: DataKey,
    pub(super) unfinished: Unfinished,
    /// The user's connection key pairs, by their Keystore id.
    unwrapped: RefCell<ByName<Rc<KeyPair>>>,
    /// The DEKs of received shares, by the ciphertext that they came in.
    share_keys: RefCell<ByName<Rc<DataKey>>>,
    /// The other side's key of each connection, as first seen in this session.
    seen_keys: RefCell<ByName<String>>,
    /// Connections as they were last seen, so that sharing need not ask for one each time.
    connections: RefCell<ByName<Rc<Recipient>>>,
}

/// The other side of a connection, with whom to share: all that a share needs of it, checked.
pub(super) struct Recipient {
    pub(super) connection: vault::connections::Connection,
    pub(super) key: PublicKey,
}

impl Session {
    pub(super) fn new(
        (vault, keystore): (Service, Service),
        user_id: Id,
        key_pairs: Rc<dyn KeyPairSource>,
        (secret, kek, dek): (UserSecret, KeyEncryptionKey, DataKey),
    ) -> Session {
        let keys = Keys {
            secret,
            kek,
            dek,
            unfinished: Unfinished::default(),
            unwrapped: RefCell::default(),
            share_keys: RefCell::default(),
            seen_keys: RefCell::default(),
            connections: RefCell::default(),
        };
        let key_pairs = Rc::new(ReadyKeyPairs::new(key_pairs));
        Session {
            state: Rc::new(State { vault, keystore, user_id, key_pairs, keys: RefCell::new(Some(Rc::new(keys))) }),
        }
    }

    /// The user's id in the Vault, by which shares and connections name them.
    pub fn user_id(&self) -> &Id {
        &self.state.user_id
    }

    /// The user's secret, which together with the passphrase is the only way back in.
    pub fn secret(&self) -> Result<Zeroizing<String>> {
        Ok(Zeroizing::new(self.keys()?.secret.as_str().to_owned()))
    }

    /// Ends both server sessions, then closes. Where one cannot be ended the session stays open, so that it can be tried again.
    pub async fn sign_out(&self) -> Result<()> {
        self.keys()?;
        let ended_before = |result: Result<Box<()>>| match result {
            Err(error) if error.code() != ErrorCode::Unauthorized => Err(error),
            _ => Ok(()),
        };
        let (vault, keystore) =
            futures_util::join!(vault::session::delete(self.vault()), keystore::session::delete(self.keystore()));
        ended_before(vault)?;
        ended_before(keystore)?;
        self.close();
        Ok(())
    }

    /// Ends every other session of this user, at both services: for when a device was lost.
    pub async fn end_other_sessions(&self) -> Result<()> {
        self.keys()?;
        vault::session::delete_others(self.vault()).await?;
        keystore::session::delete_others(self.keystore()).await.map(drop)
    }

    /// Wipes the keys and forgets the tokens. Work that is under way with the keys lets go of them when it ends.
    pub fn close(&self) {
        self.state.keys.replace(None);
        self.state.key_pairs.close();
        self.state.vault.clear_token();
        self.state.keystore.clear_token();
    }

    /// Whether [`Session::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.state.keys.borrow().is_none()
    }

    /// Lets others have their turn; for who goes on with long work where a workflow ended.
    pub async fn pause(&self) {
        self.vault().pause().await;
    }

    pub(super) fn vault(&self) -> &Service {
        &self.state.vault
    }

    pub(super) fn keystore(&self) -> &Service {
        &self.state.keystore
    }

    pub(super) fn keys(&self) -> Result<Rc<Keys>> {
        self.state.keys.borrow().clone().ok_or_else(Error::session_closed)
    }

    /// The key pairs for this session's next connections, to be made when there is time. They do not keep the session.
    pub fn ready_key_pairs(&self) -> Rc<ReadyKeyPairs> {
        Rc::clone(&self.state.key_pairs)
    }

    /// A new key pair for a connection, or the one that the caller names.
    pub(super) async fn connection_key_pair(
        &self,
        keypair_id: Option<&str>,
        key: Option<&str>,
    ) -> Result<StoredKeyPair> {
        let Some(keypair_id) = keypair_id else { return self.store_new_key_pair(key).await };
        let id = Id::parse(keypair_id).ok_or_else(|| Error::invalid_argument("the key pair's id is not an id"))?;
        // Unwrapped, not only looked up: to publish whatever public key the Keystore names would let it read along.
        let pair = self.key_pair(keypair_id).await?;
        Ok(StoredKeyPair { id, public_key_pem: pair.public_key_pem().to_owned() })
    }

    async fn store_new_key_pair(&self, idempotency_key: Option<&str>) -> Result<StoredKeyPair> {
        let made = match self.state.key_pairs.take().await {
            Some(made) => made,
            None => {
                self.keys()?;
                self.state.key_pairs.make().await?
            }
        };
        let keys = self.keys()?;
        let (id, pair) = sealing::store_key_pair(self.keystore(), &keys.kek, made, None, idempotency_key).await?;
        let stored = StoredKeyPair { id, public_key_pem: pair.public_key_pem().to_owned() };
        keys.remember_key_pair(stored.id.as_str(), pair);
        Ok(stored)
    }

    /// One of the user's key pairs, fetched and unwrapped once per session.
    pub(super) async fn key_pair(&self, keypair_id: &str) -> Result<Rc<KeyPair>> {
        let keys = self.keys()?;
        let known = keys.unwrapped.borrow().get(keypair_id).cloned();
        if let Some(pair) = known {
            return Ok(pair);
        }
        let record = keystore::keypairs::get(self.keystore(), keypair_id).await?;
        let pair = keys.kek.unwrap_key_pair(record.encrypted_serialized_key.as_str(), &record.public_key).await?;
        Ok(keys.remember_key_pair(keypair_id, pair))
    }
}

/// A key pair that the Keystore holds.
pub(super) struct StoredKeyPair {
    pub(super) id: Id,
    pub(super) public_key_pem: String,
}

impl Keys {
    fn remember_key_pair(&self, keypair_id: &str, pair: KeyPair) -> Rc<KeyPair> {
        let pair = Rc::new(pair);
        insert_bounded(&mut self.unwrapped.borrow_mut(), keypair_id, Rc::clone(&pair));
        pair
    }

    /// The DEK in a share's `encrypted_dek`, decrypted once per session.
    pub(super) async fn share_key(&self, encrypted_dek: &str, pair: &KeyPair) -> Result<Rc<DataKey>> {
        let known = self.share_keys.borrow().get(encrypted_dek).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let key = Rc::new(pair.unwrap_data_key(encrypted_dek).await?);
        insert_bounded(&mut self.share_keys.borrow_mut(), encrypted_dek, Rc::clone(&key));
        Ok(key)
    }

    pub(super) fn remember_connection(
        &self,
        connection: &vault::connections::Connection,
        key: &PublicKey,
    ) -> Rc<Recipient> {
        let recipient = Rc::new(Recipient { connection: connection.clone(), key: key.clone() });
        insert_bounded(&mut self.connections.borrow_mut(), connection.own.id.as_str(), Rc::clone(&recipient));
        recipient
    }

    pub(super) fn known_connection(&self, id: &Id) -> Option<Rc<Recipient>> {
        self.connections.borrow().get(id.as_str()).cloned()
    }

    pub(super) fn forget_connection(&self, id: &Id) {
        self.connections.borrow_mut().remove(id.as_str());
    }

    /// Refuses a public key that is not the one this session saw first for the connection.
    pub(super) fn check_key_is_unchanged(&self, connection: &Id, key: &PublicKey) -> Result<()> {
        let fingerprint = key.fingerprint();
        let mut seen = self.seen_keys.borrow_mut();
        match seen.get(connection.as_str()) {
            Some(first) if *first != fingerprint => {
                let message = "the server hands out another public key for this connection than before";
                Err(Error::new(ErrorCode::KeyChanged, message))
            }
            Some(_) => Ok(()),
            None => {
                seen.insert(connection.as_str(), fingerprint);
                Ok(())
            }
        }
    }
}

fn insert_bounded<T>(cache: &mut ByName<Rc<T>>, name: &str, value: Rc<T>) {
    if cache.len() >= MOST_CACHED {
        cache.clear();
    }
    cache.insert(name, value);
}
