use std::{fmt, hash::Hash, ops::Deref, rc::Rc};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    api::{
        Id, Timestamp,
        vault::{self, attachments::Attachment, items::ClassificationNode, thumbnails::Thumbnail},
    },
    crypto::{
        Proof, VerificationKey,
        envelope::TAG_BYTES,
        places::{Birth, ShareKind, StateDigest, Written},
    },
};

/// A slot's plaintext: wiped when dropped, redacted in `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Value(Zeroizing<String>);

impl Value {
    /// Without a copy, so that no second plaintext is left to wipe.
    pub fn new(text: impl Into<Zeroizing<String>>) -> Self {
        Value(text.into())
    }
}

impl Deref for Value {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Hash for Value {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        str::hash(self, state);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Value(…)")
    }
}

/// An item with decrypted values.
#[derive(Clone, Debug)]
pub struct Item {
    /// From the Vault.
    pub record: vault::items::Item,
    /// In the Vault's order.
    pub slots: Vec<Slot>,
    /// Those of the item and those of its slots.
    pub classification_nodes: Vec<ClassificationNode>,
    /// The Vault's records of files.
    pub attachments: Vec<Attachment>,
    /// The Vault's records of small pictures, as they came.
    pub thumbnails: Vec<Thumbnail>,
    /// What the values vouch for.
    pub binding: Binding,
    /// Who shared it, of a received item with its values; `None` for an own one.
    pub origin: Option<Box<Origin>>,
}

/// A slot with its decrypted value.
#[derive(Clone, Debug)]
pub struct Slot {
    /// From the Vault.
    pub record: vault::slots::Slot,
    /// Never the empty text: `None` for an empty slot, also for one whose ciphertext says that it is.
    pub value: Option<Value>,
    /// Whether the value was written for this slot of this item, as far as its ciphertext says; true for an empty slot. A
    /// server can put a value that names no place into any slot of the same user's.
    pub is_bound: bool,
    /// The write that sealed the value for this place, or the empty text in an item without values; `None` for other empty
    /// slots, and for a value of a client that names no place.
    pub written: Option<Written>,
    /// The authentication tag of the value's ciphertext.
    pub(super) tag: Option<[u8; TAG_BYTES]>,
    /// The owner's key, which authenticated a received value; sharing on passes it on.
    pub verification_key: Option<Rc<VerificationKey>>,
    /// How a received value was authenticated; `None` for own and empty slots.
    pub proof: Option<Proof>,
}

impl Slot {
    /// The item's revision at which the value was written: 0 where there is none, `None` for a value that names no place.
    pub fn written_at(&self) -> Option<u32> {
        if self.value.is_none() { Some(0) } else { self.written.map(|written| written.revision) }
    }
}

/// What is proven of a received item.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Whoever shared it; `None` where nothing proves who that was.
    pub sender: Option<Sender>,
    /// Whether its values are known to be its owner's.
    pub owner: OwnerProof,
    /// Whether something was proven before over this connection, by what the session remembers.
    pub proven_before: bool,
    /// The owner's id of the one slot that was shared, as the server tells it.
    pub(super) scope: Option<Id>,
    /// The Keystore's id of the user's own key pair that the share is for, as the server tells it.
    pub(super) keypair_id: Option<String>,
    /// What was proven, to be passed on.
    pub(super) passed_on: Option<Rc<Proven>>,
}

/// The other side of the connection that an item was shared over, by what both sides of it have: one key may be at the other
/// end of two connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Of their key.
    pub fingerprint: String,
    /// The Keystore's id of the user's own key pair.
    pub keypair_id: String,
}

/// Whose word it is that the values are the owner's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnerProof {
    /// The owner's, who shared the item.
    Proven,
    /// That of whoever shared it on, for the owner's signature.
    Vouched,
    /// Nobody's.
    #[default]
    Unproven,
}

impl OwnerProof {
    /// As JavaScript shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            OwnerProof::Proven => "proven",
            OwnerProof::Vouched => "vouched",
            OwnerProof::Unproven => "unproven",
        }
    }
}

/// An author's signature of all the values of a share.
#[derive(Debug)]
pub(super) struct Proven {
    pub(super) kind: ShareKind,
    /// Their key, PEM.
    pub(super) author: String,
    /// As it travelled with the share.
    pub(super) content: String,
}

/// What the values of an item vouch for.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// When the item got its first value; `None` where no value names a place.
    pub birth: Option<Birth>,
    /// The highest of the values; 0 where none names a place.
    pub revision: u32,
    /// Whether words or rows are not those that the newest values were sealed with: another client wrote them, or two
    /// devices at once, or the server changed them.
    pub changed: bool,
    /// What the newest values were sealed with.
    pub(super) sealed: Option<StateDigest>,
    /// Digest of the ciphertexts of an own item that is not `changed`. A received one is encrypted anew by every refresh.
    pub(super) ciphertexts: Option<StateDigest>,
    /// Whether no words and rows would fit: the newest values disagree, or the session has seen another life or version.
    pub(super) contradicted: bool,
}

impl Binding {
    /// Another item was seen under this id before.
    pub(super) fn contradict(&mut self) {
        (self.changed, self.contradicted) = (true, true);
    }

    /// What a session remembers of it.
    pub(super) fn seen(&self) -> Option<Seen> {
        let (birth, state) = (self.birth?, self.sealed?);
        Some(Seen { birth, revision: self.revision, state, ciphertexts: self.ciphertexts })
    }
}

/// An item as it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) birth: Birth,
    pub(super) revision: u32,
    pub(super) state: StateDigest,
    /// As in [`Binding`]. Of a write that the server says to have failed and of the next, which have one revision and state,
    /// the server could otherwise show either.
    pub(super) ciphertexts: Option<StateDigest>,
}

impl Seen {
    /// Above the revision of every value: no value was left of this life of the item.
    pub(super) const EMPTIED: u32 = Written::NO_REVISION;

    /// This, or what another session saw later of the same life. Of another life nobody can tell which was first.
    pub(super) fn or_newer(self, other: Seen) -> Seen {
        match self.birth == other.birth {
            true if other.revision > self.revision => other,
            true if other.revision == self.revision => {
                Seen { ciphertexts: self.ciphertexts.or(other.ciphertexts), ..self }
            }
            _ => self,
        }
    }
}

/// Arguments of `create_item`.
#[derive(Clone, Debug, Default, Hash)]
pub struct NewItem {
    /// The machine name of the template whose slots the item starts with.
    pub template: String,
    /// Not encrypted.
    pub label: String,
    /// Values for the template's slots, and further slots.
    pub slots: Vec<NewSlot>,
    /// Nodes to put it under.
    pub classifications: Vec<Classification>,
}

/// A slot to create or change. `id`, or else `name`, selects an existing one.
#[derive(Clone, Debug, Default, Hash)]
pub struct NewSlot {
    /// Of an existing slot.
    pub id: Option<Id>,
    /// Machine name; the server derives a new slot's from the label where absent.
    pub name: Option<String>,
    /// Not encrypted.
    pub label: Option<String>,
    /// Longer text for people, an empty one for none; not encrypted, and no value vouches for it.
    pub description: Option<String>,
    /// One of the types in `docs/protocol/http-api.md` §2.3.
    pub slot_type: Option<String>,
    /// `None` leaves the value as it is; `Some(None)` and an empty text empty the slot.
    pub value: Option<Option<Value>>,
    /// The file that the slot stands for.
    pub attachment_id: Option<Id>,
    /// Removes the slot; only for an existing item.
    pub remove: bool,
    /// [`Slot::written_at`] as the slot was read, for a change that must not write over a newer one.
    pub revision: Option<u32>,
    /// The record's `updated_at` as it was read: what tells where the revision does not.
    pub updated_at: Option<Timestamp>,
}

impl NewSlot {
    /// Whether the slot was read before, and says when.
    pub(super) fn was_read(&self) -> bool {
        self.revision.is_some() || self.updated_at.is_some()
    }

    /// The description asked for, if it is not the slot's.
    pub(super) fn new_description(&self, slot: &Slot) -> Option<&str> {
        self.description.as_deref().filter(|asked| slot.record.description.as_deref().unwrap_or_default() != *asked)
    }

    /// Whether the value asked for is the slot's; an empty one is none.
    pub(super) fn keeps_value_of(&self, slot: &Slot) -> bool {
        let asked = self.value.as_ref().and_then(Option::as_ref).filter(|value| !value.is_empty());
        asked == slot.value.as_ref()
    }
}

/// Arguments of `update_item`; what is absent stays as it is.
#[derive(Clone, Debug, Default, Hash)]
pub struct ItemChange {
    /// Not encrypted.
    pub label: Option<String>,
    /// Slots to change, add or remove.
    pub slots: Vec<NewSlot>,
    /// Nodes to put it under or take it from.
    pub classifications: Vec<Classification>,
    /// The [`Item::version`] that was read, for a change that must not write over a newer one.
    pub version: Option<String>,
    /// Writes also over what was written since it was read.
    pub overwrite: bool,
}

/// A node to put an item under or take it from, selected by id, or else by hierarchy and name.
#[derive(Clone, Debug, Default, Hash)]
pub struct Classification {
    /// Of an existing node.
    pub id: Option<Id>,
    /// The hierarchy; in one of the user's own, such as `tag`, an unknown name creates a node.
    pub scheme: Option<String>,
    /// Machine name.
    pub name: Option<String>,
    /// Takes the item from the node; the Vault requires the id for that.
    pub remove: bool,
}

impl Classification {
    /// Whether the item, or one of its slots, stands under the node of this id.
    pub(super) fn is_of(&self, item: &Item) -> bool {
        self.id.as_ref().is_some_and(|id| item.classification_nodes.iter().any(|node| node.id == *id))
    }
}
