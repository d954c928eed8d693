//! Which public key is accepted at the other end of a connection. `docs/protocol/additional-data.md`.
//!
//! The server hands out public keys, so it can hand out its own. What is known when a connection's key pair is made is part
//! of that pair's private key (the rule), of which there is only one version. What is learnt later is a note, sealed under
//! the DEK in the key pair's metadata, and in the session's memory.

use std::{cell::RefCell, rc::Rc};

use serde::{Deserialize, Serialize};

use super::{
    Session,
    clock::now_milliseconds,
    decrypt::{bad_response, expect_id},
    session::Keys,
};
use crate::{
    api::{
        Id, JsonObject, keystore,
        vault::{self, connections::Connection},
    },
    crypto::{
        DataKey, KeyPair, PublicKey, is_fingerprint,
        places::{KeyRule, Place},
        safety_number,
    },
    error::{Error, ErrorCode, Result},
};

/// The field of a key pair's metadata that holds the sealed note.
const NOTE: &str = "vaultshare_pin";

/// How often a note is written that others write meanwhile.
const MAX_ATTEMPTS: usize = 5;

/// A connection as an app keeps it between sessions: `<id>~<fingerprint of the other side's key>`, or the id alone. Ids are
/// the server's, which could answer for one person's with the genuine connection to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionRef {
    /// The user's own id of the connection.
    pub id: Id,
    /// [`PublicKey::fingerprint`] of the key that the other side must have.
    pub peer: Option<String>,
}

impl ConnectionRef {
    /// The reference in a text, or `None` where the text cannot be one: a reference that was cut short is not taken for an
    /// id, with which nothing would be checked.
    pub fn parse(text: &str) -> Option<Self> {
        match text.rsplit_once('~') {
            Some((id, peer)) if is_fingerprint(peer) => {
                Some(ConnectionRef { id: Id::parse(id)?, peer: Some(peer.to_owned()) })
            }
            Some(_) => None,
            None => Some(ConnectionRef { id: Id::parse(text)?, peer: None }),
        }
    }
}

impl From<Id> for ConnectionRef {
    fn from(id: Id) -> Self {
        ConnectionRef { id, peer: None }
    }
}

/// Why a key is taken for the other user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verified {
    /// The key came with, or proved to know, the invitation's code.
    Code,
    /// The user compared safety numbers.
    Compared,
}

/// The user's note on a key: what it was, and how it came to be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// Fingerprint of the other side's key.
    peer: String,
    user: Id,
    connection: Id,
    /// Milliseconds since 1970.
    first: u64,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum How {
    /// At the first disclosure, by nobody's decision.
    Seen,
    Code,
    /// The user compared safety numbers.
    Compared,
    /// The user accepted it in the place of another key.
    Trusted,
}

/// A connection's key pair of the user's, with what it says of the other side.
pub(super) struct ConnectionKeyPair {
    pub(super) pair: KeyPair,
    pub(super) rule: KeyRule,
    pub(super) note: RefCell<Option<Note>>,
}

impl ConnectionKeyPair {
    /// Unwraps a record of the Keystore.
    pub(super) async fn of(keys: &Keys, record: &keystore::keypairs::Keypair) -> Result<Self> {
        let envelope = record.encrypted_serialized_key.as_str();
        let (pair, rule) = keys.kek.unwrap_connection_key(envelope, &record.public_key).await?;
        keys.refuse_login_key(&pair)?;
        let note = read_note(&keys.dek, &pair.fingerprint(), &record.metadata).await?;
        Ok(ConnectionKeyPair { pair, rule, note: RefCell::new(note) })
    }

    /// The fingerprint that the other side must have; `None` where nothing is known of it.
    pub(super) fn expected(&self) -> Option<String> {
        // What the user named stands above what was known when the pair was made.
        if let Some(named) = self.named_by_user() {
            return Some(named);
        }
        match (&self.rule, &*self.note.borrow()) {
            (KeyRule::To(peer) | KeyRule::ToCode(peer), _) => Some(peer.clone()),
            (KeyRule::Open, Some(note)) => Some(note.peer.clone()),
            (KeyRule::Open, None) | (KeyRule::Code, _) => None,
        }
    }

    fn named_by_user(&self) -> Option<String> {
        let note = self.note.borrow();
        note.as_ref().filter(|note| matches!(note.how, How::Compared | How::Trusted)).map(|note| note.peer.clone())
    }

    fn verified(&self) -> Option<Verified> {
        match (&self.rule, &*self.note.borrow()) {
            (_, Some(note)) if note.how == How::Compared => Some(Verified::Compared),
            (_, Some(note)) if note.how == How::Trusted => None,
            (KeyRule::ToCode(_), _) => Some(Verified::Code),
            _ => None,
        }
    }

    /// Whether nothing may be disclosed before the user has named a key.
    fn is_unproven(&self) -> bool {
        self.rule == KeyRule::Code && self.expected().is_none()
    }
}

/// The other side of a connection, its key accepted.
pub(super) struct Recipient {
    pub(super) connection: Connection,
    pub(super) key: PublicKey,
    pub(super) own: Rc<ConnectionKeyPair>,
}

impl Recipient {
    pub(super) fn fingerprint(&self) -> String {
        self.key.fingerprint()
    }

    pub(super) fn safety_number(&self) -> String {
        safety_number(self.own.pair.public_key(), &self.key)
    }

    pub(super) fn verified(&self) -> Option<Verified> {
        self.own.verified()
    }

    /// `UNVERIFIED_KEY` where nothing may be disclosed to this key yet; `KEY_CHANGED` where it is not the reference's.
    pub(super) fn check_for_disclosure(&self, reference: &ConnectionRef) -> Result<()> {
        if self.own.is_unproven() {
            let message =
                "nothing proves that this key is the other user's: compare safety numbers, then mark it verified";
            return Err(Error::new(ErrorCode::UnverifiedKey, message));
        }
        self.check_reference(reference)
    }

    pub(super) fn check_reference(&self, reference: &ConnectionRef) -> Result<()> {
        match &reference.peer {
            Some(peer) if *peer != self.fingerprint() => Err(key_changed()),
            _ => Ok(()),
        }
    }
}

impl Session {
    /// The other side of a connection, past the cache.
    ///
    /// `KEY_CHANGED` where its key is not the one that the rule, the note, or this session's memory says.
    pub(super) async fn fetch_recipient(&self, id: &Id) -> Result<Rc<Recipient>> {
        let connection = vault::connections::get(self.vault(), id).await?;
        expect_id(id, &connection.own.id)?;
        self.accept_key(*connection).await
    }

    /// Checks a connection's key, and remembers it where it is the first that was seen.
    pub(super) async fn accept_key(&self, connection: Connection) -> Result<Rc<Recipient>> {
        let keys = self.keys()?;
        let id = connection.own.id.clone();
        let looked_at = self.look_at(connection).await;
        match looked_at.and_then(|recipient| keys.check_peer(&recipient).map(|()| recipient)) {
            Ok(recipient) => Ok(keys.remember_connection(recipient)),
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
        Ok(Recipient { connection, key, own })
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

    /// Accepts another key than before for a connection: the one of this fingerprint, which the user was shown. `KEY_CHANGED`
    /// where the server shows a third.
    pub async fn trust_new_key(&self, id: &Id, fingerprint: &str) -> Result<super::Connection> {
        let recipient = self.recipient_as_shown(id).await?;
        if recipient.fingerprint() != fingerprint {
            return Err(key_changed());
        }
        self.write_note(&recipient, How::Trusted).await?;
        self.decrypt_connection(recipient.connection).await
    }

    /// Notes that the user compared the safety number over another channel. `KEY_CHANGED` where the keys that the server
    /// shows now have another.
    pub async fn mark_verified(&self, id: &Id, safety_number: &str) -> Result<super::Connection> {
        let recipient = self.recipient_as_shown(id).await?;
        let digits = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
        if digits(&recipient.safety_number()) != digits(safety_number) {
            return Err(key_changed());
        }
        self.write_note(&recipient, How::Compared).await?;
        self.decrypt_connection(recipient.connection).await
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
        if recipient.own.note.borrow().is_some() {
            return Ok(());
        }
        self.write_note(recipient, How::Seen).await
    }

    async fn write_note(&self, recipient: &Recipient, how: How) -> Result<()> {
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
            let text = serde_json::to_vec(&note).map_err(|_| Error::internal("a note could not be serialized"))?;
            let sealed = keys.dek.encrypt_note(&text, &Place::Pin { own: &own }).await?;
            let mut metadata = record.metadata;
            metadata.insert(NOTE.to_owned(), sealed.into());
            match keystore::keypairs::set_metadata(self.keystore(), keypair_id, metadata, record.updated_at.as_deref())
                .await
            {
                Err(error) if error.code() == ErrorCode::Conflict => {}
                written => {
                    written?;
                    keys.memory.borrow_mut().pin(&own, &note.peer);
                    recipient.own.note.replace(Some(note));
                    return Ok(());
                }
            }
        }
        Err(Error::new(ErrorCode::Conflict, "the key pair's metadata keeps changing while a note is written"))
    }
}

impl Keys {
    /// Whether the other side's key is refused.
    pub(super) fn is_other_key(&self, recipient: &Recipient) -> bool {
        let own = recipient.own.pair.fingerprint();
        let peer = recipient.fingerprint();
        recipient.own.expected().or_else(|| self.memory.borrow().peer_of(&own)).is_some_and(|expected| expected != peer)
    }

    /// Compares the other side's key with the note, the rule and what this session has seen.
    fn check_peer(&self, recipient: &Recipient) -> Result<()> {
        let own = recipient.own.pair.fingerprint();
        let peer = recipient.fingerprint();
        let id = &recipient.connection.own.id;
        let is_elsewhere = recipient.own.note.borrow().as_ref().is_some_and(|note| note.connection != *id);
        if is_elsewhere || recipient.own.expected().is_some_and(|expected| expected != peer) {
            return Err(key_changed());
        }
        let mut memory = self.memory.borrow_mut();
        if recipient.own.named_by_user().is_some() {
            // Also on another device, where this session saw the key before.
            memory.pin(&own, &peer);
        }
        memory.check_peer(id, &own, &peer)
    }
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

pub(super) fn key_changed() -> Error {
    let message = "the server hands out another public key for this connection than before";
    Error::new(ErrorCode::KeyChanged, message)
}
