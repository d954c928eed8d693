//! What crosses the wire: one file per resource, with its request and response types and the call that sends them.
//!
//! The types are the wire format's one definition: the client sends and reads them, and the server of this repository
//! answers with them. A ciphertext is here no more than a checked text ([`Ciphertext`]); decrypting it is the
//! business of `crypto`, which this room does not import.
//!
//! Deserializing is tolerant where versions of the protocol differ (unknown fields are ignored, fields that some
//! versions lack have defaults) and strict where a lying server could do harm (ids, enums, the form of ciphertexts).
//! Serializing writes every field of `docs/protocol/http-api.md` §2, because generated clients refuse replies that lack
//! one.
//!
//! "Vault API ≤ 31" names the versions of the protocol that have a field; `docs/protocol/README.md` lists them. Fields
//! that only other clients read are not deserialized here, or only with the feature `whole-records` (the command line).

mod ciphertext;
pub mod deletion_queue;
mod id;
pub mod keystore;
#[cfg(feature = "openapi")]
pub mod openapi;
mod paging;
mod reading;
pub mod vault;

pub(crate) use reading::MAX_LIST_LENGTH;

pub use ciphertext::{
    Ciphertext, DataKeyForRecipient, MAXIMUM_CIPHERTEXT_LENGTH, RecipientName, SessionToken, SlotValue,
    ValueVerificationKey, WrappedDataKey, WrappedKeyEncryptionKey, WrappedPrivateKey,
};
pub use id::Id;
pub use paging::{PageMeta, PageQuery};

/// An object whose fields this protocol does not define (`metadata`, `report`, …).
pub type JsonObject = serde_json::Map<String, serde_json::Value>;

/// A time as the wire writes it: ISO-8601 in UTC with milliseconds, `2020-10-12T05:52:45.395Z`.
pub type Timestamp = String;
