//! The owner's decisions to share, sealed. `docs/protocol/additional-data.md`.
//!
//! A refresh encrypts an item for everyone the server lists, and the server could list recipients of its own making. So a
//! share of an own item carries a grant: whom it is for, how much of the item, until when, and whether they may share it on.
//! It is encrypted under the user's DEK for one item and birth, so that only this user's clients can write one. What was
//! shared on by others is signed by a connection key that a grant names.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Item,
    clock::{milliseconds, now_milliseconds},
    memory::RevokedKey,
    session::Keys,
};
use crate::{
    api::{Id, Timestamp},
    crypto::{
        KeyPair, PublicKey,
        places::{Birth, OnShare, Place},
    },
    error::{Error, ErrorCode, Result},
};

/// Why somebody may read an own item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    /// Fingerprint of the recipient's key.
    pub(super) to: String,
    /// The one slot; `None` for the whole item.
    pub(super) scope: Option<Id>,
    /// Whether they may share it on.
    pub(super) on: bool,
    /// When it ends.
    pub(super) until: Option<Timestamp>,
    /// When it was given: milliseconds since 1970.
    pub(super) at: u64,
    /// Fingerprint of the author's key that the recipient was told of; none where nothing was signed.
    pub(super) author: Option<String>,
}

impl Grant {
    pub(super) fn new(to: String, scope: Option<Id>, on: bool, until: Option<Timestamp>) -> Self {
        Grant { to, scope, on, until, at: now_milliseconds(), author: None }
    }

    /// Whether it has ended by this device's clock. A time that cannot be read has.
    pub(super) fn has_expired(&self) -> bool {
        self.until.as_deref().is_some_and(has_passed)
    }
}

/// Whether an instant has passed; one that cannot be read has.
pub(super) fn has_passed(instant: &str) -> bool {
    milliseconds(instant).is_none_or(|instant| instant <= now_milliseconds())
}

/// `INVALID_ARGUMENT` where the end of a share is no instant. Whether it has passed, the server's clock decides.
pub(super) fn check_until(until: Option<&Timestamp>) -> Result<()> {
    match until {
        Some(until) if milliseconds(until).is_none() => Err(Error::invalid_argument(
            "the end of the share is no instant in RFC 3339 between the years 1970 and 9999",
        )),
        _ => Ok(()),
    }
}

impl Keys {
    pub(super) async fn seal_grant(&self, grant: &Grant, item: &Item) -> Result<String> {
        let place = Place::Grant { item: item.record.id.as_str(), birth: birth_of(item)? };
        self.dek.encrypt_note(grant, &place).await
    }

    /// The grant of a share of this item; `None` where there is none that this user has written for it.
    pub(super) async fn open_grant(&self, sealed: Option<&str>, item: &Item) -> Option<Grant> {
        let place = Place::Grant { item: item.record.id.as_str(), birth: item.binding.birth? };
        let text = self.dek.decrypt_note(sealed?, &place).await.ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The grant of a share of an item that has not been fetched, with its birth.
    pub(super) async fn open_grant_of(&self, sealed: Option<&str>, item_id: &Id) -> Option<(Grant, Birth)> {
        let note = self.dek.decrypt_note_with_place(sealed?).await.ok()?;
        let Ok(Some(Place::Grant { item, birth })) = note.place() else { return None };
        let grant = serde_json::from_slice(&note.content).ok()?;
        (item == item_id.as_str()).then_some((grant, birth))
    }

    /// A grant that is given now. It is of after whatever this session took back, also where that was granted by a device whose
    /// clock is ahead: it would else count as taken back too.
    pub(super) fn new_grant(&self, grant: Grant, item: &Id, birth: Birth) -> Grant {
        let memory = self.memory.borrow();
        let keys = [RevokedKey::of_grant(item, birth, &grant.to, grant.scope.as_ref()), RevokedKey::of_peer(&grant.to)];
        let revoked = keys.iter().filter_map(|key| memory.revoked_at(key)).max();
        Grant { at: revoked.map_or(grant.at, |revoked| grant.at.max(revoked.saturating_add(1))), ..grant }
    }

    /// Whether this session took the grant back after it was given.
    pub(super) fn is_revoked(&self, grant: &Grant, item: &Id, birth: Birth) -> bool {
        let memory = self.memory.borrow();
        memory.is_revoked(&RevokedKey::of_grant(item, birth, &grant.to, grant.scope.as_ref()), grant.at)
            || memory.is_revoked(&RevokedKey::of_peer(&grant.to), grant.at)
    }

    /// Takes back what was granted like this until then, in milliseconds since 1970; also a grant of a device whose clock is
    /// ahead.
    pub(super) fn revoke(&self, grant: &Grant, item: &Id, birth: Birth, at: u64) {
        let key = RevokedKey::of_grant(item, birth, &grant.to, grant.scope.as_ref());
        self.memory.borrow_mut().revoke(&key, at.max(grant.at));
    }

    /// Remembers which grant a share has. Ids of shares are the server's, and could later be said to be another's.
    pub(super) fn check_share(&self, share: &Id, grant: &Grant, item: &Id, birth: Birth) -> Result<()> {
        let key = RevokedKey::of_grant(item, birth, &grant.to, grant.scope.as_ref());
        self.memory.borrow_mut().check_share(share, key, grant.at)
    }

    /// As [`Keys::check_share`], for a grant that the user has just given.
    pub(super) fn remember_share(&self, share: &Id, grant: &Grant, item: &Id, birth: Birth) {
        let key = RevokedKey::of_grant(item, birth, &grant.to, grant.scope.as_ref());
        self.memory.borrow_mut().remember_share(share, key, grant.at);
    }
}

/// An item whose values name no place has none: `UNBOUND_VALUE`.
pub(super) fn birth_of(item: &Item) -> Result<Birth> {
    item.binding.birth.ok_or_else(|| {
        let message = "no value of the item says where it belongs: write or adopt it before it is shared";
        Error::new(ErrorCode::UnboundValue, message)
    })
}

/// What is signed for other users' clients, as it travels.
pub(super) fn signed_text(signed: &impl Serialize) -> Result<String> {
    serde_json::to_string(signed).map_err(|_| Error::internal("a signature could not be serialized"))
}

/// What cannot be read is as if it were not there.
pub(super) fn parse_signed<T: DeserializeOwned>(text: &str) -> Option<T> {
    // As bytes, because `from_str` would compile a second reader.
    serde_json::from_slice(text.as_bytes()).ok()
}

/// What travels with a share that was made from a received item, for its owner.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OnShareSignature {
    /// Fingerprint of the key that signed.
    pub(super) by: String,
    /// Milliseconds since 1970.
    at: u64,
    /// Of [`OnShare`], base64url.
    signature: String,
}

impl OnShareSignature {
    /// By the key of the connection that the item came through.
    pub(super) async fn sign(
        pair: &KeyPair,
        (item, birth): (&Id, Birth),
        scope: Option<&Id>,
        recipient: &PublicKey,
    ) -> Result<Self> {
        let (at, sharer) = (now_milliseconds(), pair.public_key());
        let text = OnShare { item: item.as_str(), birth, scope: scope.map(Id::as_str), sharer, recipient, at };
        let signature = pair.sign_detached(&text.to_bytes()).await?;
        Ok(OnShareSignature { by: pair.fingerprint(), at, signature })
    }

    /// What it gives its recipient: it ends, and the owner takes it back, as a grant of the owner's.
    pub(super) fn grant(&self, recipient: &PublicKey, scope: Option<&Id>, until: Option<Timestamp>) -> Grant {
        Grant { to: recipient.fingerprint(), scope: scope.cloned(), on: false, until, at: self.at, author: None }
    }

    /// Whether this key signed that the recipient may read this much of the item.
    pub(super) async fn is_of(
        &self,
        sharer: &PublicKey,
        (item, birth): (&Id, Birth),
        scope: Option<&Id>,
        recipient: &PublicKey,
    ) -> bool {
        let text = OnShare { item: item.as_str(), birth, scope: scope.map(Id::as_str), sharer, recipient, at: self.at };
        sharer.verify_detached(&text.to_bytes(), &self.signature).await.is_ok()
    }
}
