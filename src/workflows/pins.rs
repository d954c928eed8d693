//! Which public key is accepted at the other end of a connection. `docs/protocol/additional-data.md`.
//!
//! The server hands out public keys, so it can hand out its own. What is known when a connection's key pair is made is part
//! of that pair's private key (the rule), of which there is only one version. What is learnt later is a note, sealed under
//! the DEK in the key pair's metadata, and in the session's memory.

use std::{cell::RefCell, rc::Rc};

use super::{
    Session,
    clock::now_milliseconds,
    connection_keys::{ConnectionKeyPair, How, Note, Recipient},
    idempotency::PendingOperation,
    refusals::{bad_response, ciphertext, expect_id, key_changed, not_connected},
    session::Keys,
};
use crate::{
    api::{
        Id, JsonObject,
        keystore::{
            self,
            keypairs::{Keypair, NewKeypair},
        },
        vault::{self, connections::Connection},
    },
    crypto::{
        DataKey, InvitationSecret, PublicKey,
        places::{KeyRule, Place, misplaced},
    },
    error::{Error, ErrorCode, Result},
};

/// The field of a key pair's metadata that holds the sealed note.
const NOTE: &str = "vaultshare_pin";

/// How often a note is written that others write meanwhile.
const MAX_ATTEMPTS: usize = 5;

impl Session {
    /// A new key pair for a connection, or the one that the caller names, which must not have been used before: two
    /// connections with one key pair could not be told apart.
    pub(super) async fn connection_key_pair(
        &self,
        keypair_id: Option<&str>,
        rule: &KeyRule,
        operation: &PendingOperation,
    ) -> Result<StoredKeyPair> {
        let Some(keypair_id) = keypair_id else { return self.store_new_key_pair(rule, operation).await };
        let id = Id::parse(keypair_id).ok_or_else(|| Error::invalid_argument("the key pair's id is not an id"))?;
        // Unwrapped, not only looked up: a public key that the Keystore merely claims could be its own.
        let own = self.key_pair(keypair_id).await?;
        // Only what is part of the private key's additional data holds the other side to a code.
        let may_be_open = matches!(rule, KeyRule::Open | KeyRule::To(_));
        let is_of_other_rule = own.rule != *rule && !(own.rule == KeyRule::Open && may_be_open);
        if is_of_other_rule || self.keys()?.was_used(&own) {
            return Err(Error::invalid_argument("this key pair is another connection's: each has one of its own"));
        }
        Ok(StoredKeyPair { id, own })
    }

    async fn store_new_key_pair(&self, rule: &KeyRule, operation: &PendingOperation) -> Result<StoredKeyPair> {
        let generated = self.new_key_pair().await?;
        let keys = self.keys()?;
        keys.generated.borrow_mut().insert(generated.fingerprint());
        let request = NewKeypair {
            public_key: generated.public_key_pem().to_owned(),
            encrypted_serialized_key: ciphertext(keys.kek.wrap_connection_key(&generated, rule).await?)?,
            metadata: JsonObject::new(),
            external_identifiers: Vec::new(),
        };
        let record = keystore::keypairs::store(self.keystore(), &request, operation.idempotency_key()).await?;
        let own = if record.public_key == generated.public_key_pem() {
            ConnectionKeyPair { pair: generated.without_export(), rule: rule.clone(), note: RefCell::default() }
        } else if operation.was_attempted_before() {
            // The first attempt's, or another connection's, whose code somebody else knows.
            let own = unwrap_pair(&keys, &record).await?;
            if keys.was_used(&own) || !keys.generated.borrow().contains(&own.pair.fingerprint()) {
                return Err(bad_response("the server stored another key pair than it was given"));
            }
            own
        } else {
            return Err(bad_response("the server stored another key pair than it was given"));
        };
        if own.rule != *rule {
            return Err(key_changed());
        }
        Ok(StoredKeyPair { own: keys.remember_key_pair(record.id.as_str(), own), id: record.id })
    }

    /// Fetched and unwrapped once per session.
    pub(super) async fn key_pair(&self, keypair_id: &str) -> Result<Rc<ConnectionKeyPair>> {
        let keys = self.keys()?;
        if let Some(pair) = keys.known_key_pair(keypair_id) {
            return Ok(pair);
        }
        let record = keystore::keypairs::get(self.keystore(), keypair_id).await?;
        let pair = unwrap_pair(&keys, &record).await?;
        Ok(keys.remember_key_pair(keypair_id, pair))
    }

    /// The other side of a connection, past the cache.
    ///
    /// `KEY_CHANGED` where its key is not the one that the rule, the note, or this session's memory says.
    pub(super) async fn fetch_recipient(&self, id: &Id) -> Result<Rc<Recipient>> {
        let connection = vault::connections::get(self.vault(), id).await?;
        expect_id(id, &connection.own.id)?;
        self.accept_key(*connection).await
    }

    /// The other side of a connection, fetched unless the session knows it. What was not proved then may be by now, or was the
    /// server's.
    pub(super) async fn recipient(&self, id: &Id) -> Result<Rc<Recipient>> {
        match self.keys()?.known_connection(id).filter(|known| !known.is_unproven()) {
            Some(known) => Ok(known),
            None => self.fetch_recipient(id).await.map_err(not_connected),
        }
    }

    /// Checks a connection's key, and remembers it where it is the first that was seen.
    pub(super) async fn accept_key(&self, connection: Connection) -> Result<Rc<Recipient>> {
        let keys = self.keys()?;
        let id = connection.own.id.clone();
        match self.look_at(connection).await {
            Ok(recipient) => keys.accept(recipient),
            Err(error) => {
                keys.forget_connection(&id);
                Err(error)
            }
        }
    }

    /// A connection with its keys, whether or not the other side's is accepted.
    pub(super) async fn look_at(&self, connection: Connection) -> Result<Recipient> {
        let key = public_key(&connection.the_other_user.user_public_key)?;
        let own = self.own_key_pair(&connection).await?;
        let has_proved_code = own.rule == KeyRule::Code && {
            let (inviter, proof) = (own.pair.public_key(), connection.the_other_user.proof.as_deref());
            let secret = InvitationSecret::derive(&self.keys()?.dek, inviter);
            proof.is_some_and(|proof| secret.is_proved_by(proof, inviter, &key))
        };
        Ok(Recipient { connection, key, own, has_proved_code })
    }

    /// The user's own key pair of a connection. Taken from the private key, which only the user can unwrap: a server
    /// could choose the safety number of public keys that it merely claims.
    async fn own_key_pair(&self, record: &Connection) -> Result<Rc<ConnectionKeyPair>> {
        let keypair_id = record.own.user_keypair_external_id.as_deref();
        let keypair_id = keypair_id.ok_or_else(|| bad_response("a connection names no key pair of the user's"))?;
        let own = self.key_pair(keypair_id).await?;
        if *own.pair.public_key() != public_key(&record.own.user_public_key)? {
            let message = "the server states another public key for this user than the user's own";
            return Err(Error::new(ErrorCode::KeyChanged, message));
        }
        Ok(own)
    }

    pub(super) async fn recipient_as_shown(&self, id: &Id) -> Result<Recipient> {
        self.keys()?;
        let connection = vault::connections::get(self.vault(), id).await?;
        expect_id(id, &connection.own.id)?;
        self.look_at(*connection).await
    }

    /// Before the first thing is disclosed over a connection, its key becomes a note. Not when it is listed: a list of 200
    /// connections costs no 200 writes.
    pub(super) async fn note_first_disclosure(&self, recipient: &Recipient) -> Result<()> {
        let is_noted = recipient.own.note.borrow().is_some();
        let noted = if is_noted { Ok(()) } else { self.write_note(recipient, How::Seen).await };
        // The note may be of another device that was shown another key, or of the user's decision meanwhile.
        if recipient.is_other_than_expected() {
            self.keys()?.forget_connection(&recipient.connection.own.id);
            return Err(key_changed());
        }
        noted
    }

    pub(super) async fn write_note(&self, recipient: &Recipient, how: How) -> Result<()> {
        let keys = self.keys()?;
        let own = recipient.own.pair.fingerprint();
        let keypair_id = recipient.connection.own.user_keypair_external_id.as_deref();
        let keypair_id = keypair_id.ok_or_else(|| bad_response("a connection names no key pair of the user's"))?;
        for _ in 0..MAX_ATTEMPTS {
            let record = keystore::keypairs::get(self.keystore(), keypair_id).await?;
            let before = read_note(&keys.dek, &own, &record.metadata).await?;
            if how == How::Seen
                && let Some(before) = before
            {
                // Another device was first: with another key, one of the two was shown a wrong one.
                let is_the_same = before.peer == recipient.fingerprint();
                recipient.own.note.replace(Some(before));
                return if is_the_same { Ok(()) } else { Err(key_changed()) };
            }
            let note = Note {
                peer: recipient.fingerprint(),
                user: recipient.connection.the_other_user.user_id.clone(),
                connection: recipient.connection.own.id.clone(),
                first: now_milliseconds(),
                how,
            };
            let sealed = keys.dek.encrypt_note(&note, &Place::Pin { own: &own }).await?;
            let mut metadata = record.metadata;
            metadata.insert(NOTE.to_owned(), sealed.into());
            match keystore::keypairs::set_metadata(self.keystore(), keypair_id, metadata, record.updated_at.as_deref())
                .await
            {
                Err(error) if error.code() == ErrorCode::Conflict => {}
                written => {
                    written?;
                    let mut memory = keys.memory.borrow_mut();
                    if how.is_decision() {
                        memory.name(&own, &note.peer);
                    } else {
                        memory.pin(&own, &note.peer);
                    }
                    recipient.own.note.replace(Some(note));
                    return Ok(());
                }
            }
        }
        Err(Error::new(ErrorCode::Conflict, "the key pair's metadata keeps changing while a note is written"))
    }
}

/// A connection's key pair that the Keystore holds.
pub(super) struct StoredKeyPair {
    pub(super) id: Id,
    pub(super) own: Rc<ConnectionKeyPair>,
}

impl Keys {
    /// Whether a key pair is a connection's already, as far as this user's clients have noted it.
    fn was_used(&self, own: &ConnectionKeyPair) -> bool {
        own.note.borrow().is_some() || self.memory.borrow().is_published(&own.pair.fingerprint())
    }

    /// Whether the server shows another connection's key pair of the user's: a note on it would be about the wrong person.
    pub(super) fn is_other_pair(&self, recipient: &Recipient) -> bool {
        let (own, id) = (recipient.own.pair.fingerprint(), &recipient.connection.own.id);
        let memory = self.memory.borrow();
        let is_of_another = match &*recipient.own.note.borrow() {
            Some(note) => note.connection != *id,
            None => memory.knows_another_connection(&own, id),
        };
        is_of_another || memory.knows_another_pair(id, &own)
    }

    /// Whether the other side's key is refused: by the note, the rule, or what this session has seen.
    pub(super) fn is_other_key(&self, recipient: &Recipient) -> bool {
        let (own, peer) = (recipient.own.pair.fingerprint(), recipient.fingerprint());
        let memory = self.memory.borrow();
        // What the user named, perhaps on another device, stands above what this session saw before.
        let is_named = recipient.own.named_by_user().is_some();
        let note = recipient.own.note.borrow();
        let is_of_another_user =
            note.as_ref().is_some_and(|note| note.user != recipient.connection.the_other_user.user_id);
        self.is_other_pair(recipient)
            || is_of_another_user
            || recipient.is_other_than_expected()
            || !is_named && memory.knows_another_peer(&own, &peer)
    }

    /// Remembers a connection whose key is not refused, and forgets one whose key is.
    pub(super) fn accept(&self, recipient: Recipient) -> Result<Rc<Recipient>> {
        let id = &recipient.connection.own.id;
        if self.is_other_key(&recipient) {
            self.forget_connection(id);
            return Err(key_changed());
        }
        // What has yet to be proved is not what was seen first: the server could make the genuine connection the second.
        if !recipient.is_unproven() {
            let (own, peer) = (recipient.own.pair.fingerprint(), recipient.fingerprint());
            self.memory.borrow_mut().see_connection(id, &own, &peer);
        }
        Ok(self.remember_connection(recipient))
    }
}

/// Unwraps a record of the Keystore.
async fn unwrap_pair(keys: &Keys, record: &Keypair) -> Result<ConnectionKeyPair> {
    let envelope = record.encrypted_serialized_key.as_str();
    let (pair, rule) = keys.kek.unwrap_connection_key(envelope, &record.public_key).await?;
    // A key pair is for one purpose. In a legacy account the login key pair names none, and the server could offer it as a
    // connection's.
    if pair.fingerprint() == keys.login_key {
        return Err(misplaced());
    }
    let note = read_note(&keys.dek, &pair.fingerprint(), &record.metadata).await?;
    Ok(ConnectionKeyPair { pair, rule, note: RefCell::new(note) })
}

async fn read_note(dek: &DataKey, own: &str, metadata: &JsonObject) -> Result<Option<Note>> {
    let Some(sealed) = metadata.get(NOTE) else { return Ok(None) };
    let not_a_note = || bad_response("a note on a key cannot be read");
    let sealed = sealed.as_str().ok_or_else(not_a_note)?;
    let note = dek.decrypt_note(sealed, &Place::Pin { own }).await?;
    serde_json::from_slice::<Note>(&note).map(Some).map_err(|_| not_a_note())
}

/// Parses a public key from the server: malformed, it is a bad response and not an invalid argument.
pub(super) fn public_key(pem: &str) -> Result<PublicKey> {
    PublicKey::from_pem(pem).map_err(|error| match error.code() {
        ErrorCode::InvalidArgument => bad_response("the server handed out something that is no public key"),
        _ => error,
    })
}
