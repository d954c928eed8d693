//! Converting stored values to the types of the wire, and back.

use vaultshare::api::{Ciphertext, Id, Timestamp};

use crate::{
    clock::{Millis, to_wire},
    error::{Error, Result},
};

/// A type of the wire that is stored as text.
pub trait Stored: Sized {
    /// Parses a stored text. It was checked before it was stored: a failure is a fault of the server.
    fn stored(text: String) -> Result<Self>;

    /// Parses a column that may be null.
    fn maybe(text: Option<String>) -> Result<Option<Self>> {
        text.map(Self::stored).transpose()
    }
}

impl Stored for Id {
    fn stored(text: String) -> Result<Self> {
        Self::parse(text).ok_or_else(|| Error::fault("the database has an invalid id"))
    }
}

impl<Of> Stored for Ciphertext<Of> {
    fn stored(text: String) -> Result<Self> {
        Self::parse(text).ok_or_else(|| Error::fault("the database has an invalid ciphertext"))
    }
}

/// A nullable time.
pub fn maybe_time(time: Option<Millis>) -> Option<Timestamp> {
    time.map(to_wire)
}

/// The text of an optional id, to bind.
pub fn id_text(id: &Option<Id>) -> Option<&str> {
    id.as_ref().map(Id::as_str)
}

/// The text of an optional ciphertext, to bind.
pub fn ciphertext_text<Of>(ciphertext: &Option<Ciphertext<Of>>) -> Option<&str> {
    ciphertext.as_ref().map(Ciphertext::as_str)
}
