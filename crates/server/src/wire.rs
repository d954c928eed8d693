//! From what the databases hold to what crosses the wire.

use vaultshare::api::{Ciphertext, Id, Timestamp};

use crate::{
    clock::{Millis, to_wire},
    error::{Error, Result},
};

/// What is kept as text and has a form on the wire.
pub trait Stored: Sized {
    /// Reads the text. It was checked before it was stored, so a failure is a fault of the server.
    fn stored(text: String) -> Result<Self>;

    /// Reads a text that may be absent.
    fn maybe(text: Option<String>) -> Result<Option<Self>> {
        text.map(Self::stored).transpose()
    }
}

impl Stored for Id {
    fn stored(text: String) -> Result<Self> {
        Self::parse(text).ok_or_else(|| Error::fault("the database holds an id that is none"))
    }
}

impl<Of> Stored for Ciphertext<Of> {
    fn stored(text: String) -> Result<Self> {
        Self::parse(text).ok_or_else(|| Error::fault("the database holds a ciphertext that is none"))
    }
}

/// A time that may be absent.
pub fn maybe_time(time: Option<Millis>) -> Option<Timestamp> {
    time.map(to_wire)
}

/// The text of an id that may be absent.
pub fn id_text(id: &Option<Id>) -> Option<&str> {
    id.as_ref().map(Id::as_str)
}

/// The text of a ciphertext that may be absent.
pub fn ciphertext_text<Of>(ciphertext: &Option<Ciphertext<Of>>) -> Option<&str> {
    ciphertext.as_ref().map(Ciphertext::as_str)
}
