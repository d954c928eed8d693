use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use futures_util::lock::Mutex;
use zeroize::Zeroizing;

use super::{
    KeyPairPool,
    clock::now_milliseconds,
    connection_keys::{ConnectionKeyPair, Recipient},
    idempotency::PendingOperations,
    memory::{KeptMemory, Memory, ServerProof},
    refusals::{expect_id, expect_time},
    services::Services,
    unattached::UnattachedFiles,
};
use crate::{
    api::{Id, keystore, vault},
    crypto::{DataKey, KeyEncryptionKey, KeyPair, Spelling, UserSecret},
    error::{Error, ErrorCode, Result},
    http::{Reply, Service},
};

/// Entries of each cache; one that is full is emptied. As many as the session's memory: with one received item more than
/// this, each list unwraps all their DEKs again.
const MAX_CACHED: usize = 20_000;

/// How many records are decrypted, judged or converted without yielding to the page.
const RECORDS_AT_ONCE: usize = 32;

/// A signed-in user.
///
/// Cloning gives another handle to the same session. [`Session::close`] wipes the keys; calls fail with
/// `SESSION_CLOSED` afterwards.
#[derive(Clone)]
pub struct Session {
    state: Rc<State>,
}

struct State {
    vault: Service,
    keystore: Service,
    user_id: Id,
    key_pairs: Rc<KeyPairPool>,
    keys: RefCell<Option<Rc<Keys>>>,
    /// Held while an item of this id is changed.
    changing: Cache<Mutex<()>>,
}

impl Drop for State {
    /// Ends the prefetch of key pairs, which holds no handle to the session.
    fn drop(&mut self) {
        self.key_pairs.close();
    }
}

/// What signing in gives.
pub(super) struct UserKeys {
    /// `None` for a session that was resumed, which is done without.
    pub(super) secret: Option<UserSecret>,
    pub(super) kek: KeyEncryptionKey,
    pub(super) dek: DataKey,
    /// Fingerprint of the key pair that signs the user in to the Vault.
    pub(super) login_key: String,
    /// Of the passphrase that signed in.
    pub(super) spelling: Spelling,
    /// Whether the Keystore proved itself when the user signed in; `None` for a session that was restored or resumed.
    pub(super) server: Option<ServerProof>,
}

/// What a session has that no server does.
pub(super) struct Keys {
    secret: Option<UserSecret>,
    pub(super) kek: KeyEncryptionKey,
    pub(super) dek: DataKey,
    pub(super) pending: PendingOperations,
    /// Files whose upload ended and whose slot was not made, by the operation.
    pub(super) unattached: UnattachedFiles,
    /// Fingerprint of the key pair that signs the user in to the Vault.
    pub(super) login_key: String,
    pub(super) spelling: Cell<Spelling>,
    pub(super) server: Option<ServerProof>,
    /// What was seen, so that a server cannot go back behind it.
    pub(super) memory: RefCell<Memory>,
    /// As much of it as a device has kept.
    pub(super) kept: RefCell<KeptMemory>,
    /// Fingerprints of the connection key pairs that this session has generated.
    pub(super) generated: RefCell<BTreeSet<String>>,
    /// The user's connection key pairs, by their Keystore id.
    unwrapped: Cache<ConnectionKeyPair>,
    /// The DEKs of received shares, by their ciphertext.
    share_keys: Cache<DataKey>,
    /// Connections as last fetched, so that sharing saves a request.
    connections: Cache<Recipient>,
    /// The key pair that signs what the user shares, once it was needed.
    pub(super) author: Mutex<Option<Rc<KeyPair>>>,
    /// Connections as the server lists them, by the Keystore's id of the user's key pair; once they were needed.
    pub(super) connections_by_key_pair: Mutex<BTreeMap<String, Vec<vault::connections::Connection>>>,
}

/// Ordered and not hashed: a server chooses the keys, and could make them collide.
type Cache<T> = RefCell<BTreeMap<String, Rc<T>>>;

impl Session {
    pub(super) fn new(
        Services { vault, keystore, key_pairs, .. }: Services,
        user_id: Id,
        UserKeys { secret, kek, dek, login_key, spelling, server }: UserKeys,
    ) -> Session {
        let keys = Keys {
            secret,
            kek,
            dek,
            pending: PendingOperations::default(),
            unattached: UnattachedFiles::default(),
            login_key,
            spelling: Cell::new(spelling),
            memory: RefCell::new(Memory::of_sign_in(server, now_milliseconds())),
            server,
            kept: RefCell::default(),
            generated: RefCell::default(),
            unwrapped: RefCell::default(),
            share_keys: RefCell::default(),
            connections: RefCell::default(),
            author: Mutex::default(),
            connections_by_key_pair: Mutex::default(),
        };
        let key_pairs = Rc::new(KeyPairPool::new(key_pairs));
        Session {
            state: Rc::new(State {
                vault,
                keystore,
                user_id,
                key_pairs,
                keys: RefCell::new(Some(Rc::new(keys))),
                changing: RefCell::default(),
            }),
        }
    }

    /// The user's id in the Vault, as in shares and connections.
    pub fn user_id(&self) -> &Id {
        &self.state.user_id
    }

    /// The user's record in the Vault, fetched anew.
    pub async fn user(&self) -> Result<Box<vault::me::User>> {
        self.keys()?;
        let user = vault::me::get(self.vault()).await?;
        expect_id(self.user_id(), &user.id)?;
        user.queued_for_deletion_after.as_deref().map_or(Ok(()), expect_time)?;
        Ok(user)
    }

    /// The user's secret: the one that is given, or else the session's own, which one that was resumed does not have.
    pub(super) fn secret_or(&self, given: Option<UserSecret>) -> Result<UserSecret> {
        given.map_or_else(|| UserSecret::parse(&self.secret()?), Ok)
    }

    /// `1.username.groups`: with the passphrase the only way back in. `NOT_FOUND` in a session that was resumed: a device does
    /// not keep it.
    pub fn secret(&self) -> Result<Zeroizing<String>> {
        let keys = self.keys()?;
        let secret = keys.secret.as_ref().ok_or_else(|| {
            Error::new(ErrorCode::NotFound, "a session that was resumed does not have the user's secret")
        })?;
        Ok(Zeroizing::new(secret.as_str().to_owned()))
    }

    /// The spelling of the passphrase that signed in, for those who derive a key from it too.
    pub fn passphrase_spelling(&self) -> Result<Spelling> {
        Ok(self.keys()?.spelling.get())
    }

    /// Ends both server sessions, then closes. On an error the session stays open, for a retry.
    pub async fn sign_out(&self) -> Result<()> {
        self.keys()?;
        // `UNAUTHORIZED`: that session has ended already.
        let is_ended = |result: Result<Box<()>>| match result {
            Err(error) if error.code() != ErrorCode::Unauthorized => Err(error),
            _ => Ok(()),
        };
        let (vault, keystore) =
            futures_util::join!(vault::session::delete(self.vault()), keystore::session::delete(self.keystore()));
        is_ended(vault)?;
        is_ended(keystore)?;
        self.close();
        Ok(())
    }

    /// Ends every other session of this user, at both services: for when a device was lost.
    pub async fn end_other_sessions(&self) -> Result<()> {
        self.keys()?;
        // One that fails keeps no session of the other open.
        let (vault, keystore) = futures_util::join!(
            vault::session::delete_others(self.vault()),
            keystore::session::delete_others(self.keystore())
        );
        vault?;
        keystore.map(drop)
    }

    /// Wipes the keys and forgets the tokens. Calls in flight that hold keys release them when they end.
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

    /// Yields to the event loop.
    pub(super) async fn pause(&self) {
        self.vault().pause().await;
    }

    /// Yields to the event loop before each of many records that is the first of another few: those take some ten milliseconds.
    /// Also for callers that go on computing after a workflow.
    pub async fn pause_between(&self, index: usize) {
        if index > 0 && index.is_multiple_of(RECORDS_AT_ONCE) {
            self.pause().await;
        }
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

    /// For prefetching key pairs while idle. The pool does not keep the session alive.
    pub fn key_pair_pool(&self) -> Rc<KeyPairPool> {
        Rc::clone(&self.state.key_pairs)
    }

    /// The prefetched key pair, or a new one.
    pub(super) async fn new_key_pair(&self) -> Result<KeyPair> {
        let prefetched = self.key_pair_pool().take().await;
        // Closing the session ends what waits for the pool.
        self.keys()?;
        let pair = match prefetched {
            Some(pair) => pair,
            None => self.key_pair_pool().generate().await?,
        };
        self.keys()?;
        Ok(pair)
    }

    /// Sends a deletion. When the response to an earlier attempt was lost, `NOT_FOUND` is success.
    pub(super) async fn delete_once(&self, content: (&'static str, &Id), deletion: Reply<'_, ()>) -> Result<()> {
        let operation = self.keys()?.pending.begin(content)?;
        match deletion.await {
            Err(error) if error.code() == ErrorCode::NotFound && !operation.was_attempted_before() => {
                operation.complete();
                return Err(error);
            }
            Err(error) if error.code() != ErrorCode::NotFound => return Err(error),
            _ => {}
        }
        operation.complete();
        self.keys()?.pending.forget_idle();
        Ok(())
    }

    /// To be locked by whoever changes the item: changes of one session would only be refused because of each other.
    pub(super) fn changes_of(&self, item_id: &Id) -> Rc<Mutex<()>> {
        let known = self.state.changing.borrow().get(item_id.as_str()).cloned();
        known.unwrap_or_else(|| {
            let changes = Rc::default();
            insert_bounded(&self.state.changing, item_id.as_str(), Rc::clone(&changes));
            changes
        })
    }
}

impl Keys {
    /// What is remembered now, to judge the reply to a request by that is sent now.
    pub(super) fn remembered(&self) -> Memory {
        self.memory.borrow().clone()
    }

    pub(super) fn known_key_pair(&self, keypair_id: &str) -> Option<Rc<ConnectionKeyPair>> {
        self.unwrapped.borrow().get(keypair_id).cloned()
    }

    pub(super) fn remember_key_pair(&self, keypair_id: &str, pair: ConnectionKeyPair) -> Rc<ConnectionKeyPair> {
        let pair = Rc::new(pair);
        insert_bounded(&self.unwrapped, keypair_id, Rc::clone(&pair));
        pair
    }

    /// Decrypts a share's `encrypted_dek`, once per session.
    pub(super) async fn share_key(&self, encrypted_dek: &str, pair: &KeyPair) -> Result<Rc<DataKey>> {
        let known = self.share_keys.borrow().get(encrypted_dek).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let key = Rc::new(pair.unwrap_data_key(encrypted_dek).await?);
        insert_bounded(&self.share_keys, encrypted_dek, Rc::clone(&key));
        Ok(key)
    }

    pub(super) fn remember_connection(&self, recipient: Recipient) -> Rc<Recipient> {
        let recipient = Rc::new(recipient);
        insert_bounded(&self.connections, recipient.connection.own.id.as_str(), Rc::clone(&recipient));
        recipient
    }

    pub(super) fn known_connection(&self, id: &Id) -> Option<Rc<Recipient>> {
        self.connections.borrow().get(id.as_str()).cloned()
    }

    pub(super) fn forget_connections(&self) {
        self.connections.borrow_mut().clear();
    }

    pub(super) fn forget_connection(&self, id: &Id) {
        self.connections.borrow_mut().remove(id.as_str());
    }
}

fn insert_bounded<T>(cache: &Cache<T>, key: &str, value: Rc<T>) {
    let mut entries = cache.borrow_mut();
    if entries.len() >= MAX_CACHED {
        entries.clear();
    }
    entries.insert(key.to_owned(), value);
}
