//! A connection's key pair of the user's, what it says of the key at the other end, and that key once it is accepted.

use std::{cell::RefCell, rc::Rc};

use serde::{Deserialize, Serialize};

use super::refusals::key_changed;
use crate::{
    api::{Id, vault::connections::Connection},
    crypto::{KeyPair, PublicKey, is_fingerprint, places::KeyRule, safety_number},
    error::{Error, ErrorCode, Result},
};

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
    pub(super) peer: String,
    pub(super) user: Id,
    pub(super) connection: Id,
    /// Milliseconds since 1970.
    pub(super) first: u64,
    pub(super) how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum How {
    /// At the first disclosure, by nobody's decision.
    Seen,
    Code,
    /// The user compared safety numbers.
    Compared,
    /// The user accepted it in the place of another key.
    Trusted,
}

impl How {
    /// Whether the user decided, which stands above whatever else is known of the key.
    pub(super) fn is_decision(self) -> bool {
        matches!(self, How::Compared | How::Trusted)
    }
}

/// A connection's key pair of the user's, with what it says of the other side.
pub(super) struct ConnectionKeyPair {
    pub(super) pair: KeyPair,
    pub(super) rule: KeyRule,
    pub(super) note: RefCell<Option<Note>>,
}

impl ConnectionKeyPair {
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

    pub(super) fn named_by_user(&self) -> Option<String> {
        let note = self.note.borrow();
        note.as_ref().filter(|note| note.how.is_decision()).map(|note| note.peer.clone())
    }

    fn verified(&self) -> Option<Verified> {
        match (&self.rule, &*self.note.borrow()) {
            (_, Some(note)) if note.how == How::Compared => Some(Verified::Compared),
            (_, Some(note)) if note.how == How::Trusted => None,
            (KeyRule::ToCode(_), _) => Some(Verified::Code),
            _ => None,
        }
    }
}

/// The other side of a connection, its key accepted.
pub(super) struct Recipient {
    pub(super) connection: Connection,
    pub(super) key: PublicKey,
    pub(super) own: Rc<ConnectionKeyPair>,
    /// Whether the other side proved to know the code of this user's invitation: looked at in every session anew.
    pub(super) has_proved_code: bool,
}

impl Recipient {
    pub(super) fn fingerprint(&self) -> String {
        self.key.fingerprint()
    }

    pub(super) fn safety_number(&self) -> String {
        safety_number(self.own.pair.public_key(), &self.key)
    }

    pub(super) fn verified(&self) -> Option<Verified> {
        if self.is_other_than_expected() {
            return None;
        }
        let named = self.own.named_by_user().is_some();
        self.own.verified().or_else(|| (self.has_proved_code && !named).then_some(Verified::Code))
    }

    /// Whether rule or note say another key than this: also a note that was written since this was fetched.
    pub(super) fn is_other_than_expected(&self) -> bool {
        self.own.expected().is_some_and(|expected| expected != self.fingerprint())
    }

    /// Whether nothing may be disclosed before the user has named a key.
    pub(super) fn is_unproven(&self) -> bool {
        self.own.rule == KeyRule::Code && !self.has_proved_code && self.own.expected().is_none()
    }

    /// `UNVERIFIED_KEY` where nothing may be disclosed to this key yet; `KEY_CHANGED` where it is not the reference's.
    pub(super) fn check_for_disclosure(&self, reference: &ConnectionRef) -> Result<()> {
        if self.is_unproven() {
            let message =
                "nothing proves that this key is the other user's: compare safety numbers, then mark it verified";
            return Err(Error::new(ErrorCode::UnverifiedKey, message));
        }
        if self.is_other_than_expected() {
            return Err(key_changed());
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
