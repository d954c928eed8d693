//! Reading shares, and what each side sees of one.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id,
    vault::shares::{Acceptance, Share, SharingMode},
};

use crate::{
    clock::{Millis, to_wire},
    error::{Error, Result},
    store::Statement,
    wire::{Stored, maybe_time},
};

/// The beginning of every query for shares; conditions follow.
pub(super) const SHARES: &str = "SELECT id, item_id, slot_id, owner_id, sender_id, recipient_id, public_key, \
     keypair_external_id, encrypted_dek, terms, acceptance_required, onsharing_permitted, created_at, expires_at, \
     sequence FROM shares WHERE 1 = 1";

/// A share as the database holds it.
#[derive(Clone, Debug, FromRow)]
pub(super) struct ShareRow {
    pub(super) id: String,
    pub(super) item_id: String,
    pub(super) slot_id: Option<String>,
    pub(super) owner_id: String,
    pub(super) sender_id: String,
    pub(super) recipient_id: String,
    pub(super) public_key: String,
    keypair_external_id: Option<String>,
    encrypted_dek: Option<String>,
    terms: Option<String>,
    pub(super) acceptance_required: String,
    onsharing_permitted: i64,
    created_at: Millis,
    pub(super) expires_at: Option<Millis>,
    pub(super) sequence: i64,
}

impl ShareRow {
    /// Whether the recipient may see the values.
    pub(super) fn is_open(&self) -> bool {
        self.acceptance_required == Acceptance::AcceptanceNotRequired.as_str()
            || self.acceptance_required == Acceptance::Accepted.as_str()
    }

    /// Whether the recipient may share on.
    pub(super) fn permits_on_sharing(&self) -> bool {
        self.onsharing_permitted != 0
    }

    /// The share after it got a new key, if it did.
    pub(super) fn with_dek(&self, dek: Option<&str>) -> Self {
        let mut share = self.clone();
        if let Some(dek) = dek {
            share.encrypted_dek = Some(dek.to_owned());
        }
        share
    }

    /// The share as `reader` sees it: the recipient gets the key with the acceptance.
    pub(super) fn wire(self, reader: &str) -> Result<Share> {
        let hidden = self.recipient_id == reader && !self.is_open();
        let permitted = self.permits_on_sharing();
        Ok(Share {
            id: Id::stored(self.id)?,
            owner_id: Some(Id::stored(self.owner_id)?),
            sender_id: Id::stored(self.sender_id)?,
            recipient_id: Id::stored(self.recipient_id)?,
            acceptance_required: serde_json::from_value(self.acceptance_required.into())?,
            item_id: Id::stored(self.item_id)?,
            slot_id: Id::maybe(self.slot_id)?,
            public_key: Some(self.public_key),
            keypair_external_id: self.keypair_external_id,
            encrypted_dek: Ciphertext::maybe(self.encrypted_dek.filter(|_| !hidden))?,
            terms: self.terms,
            sharing_mode: Some(if permitted { SharingMode::Anyone } else { SharingMode::Owner }),
            onsharing_permitted: Some(permitted),
            created_at: to_wire(self.created_at),
            expires_at: maybe_time(self.expires_at),
        })
    }
}

pub(super) fn not_found() -> Error {
    Error::not_found("share_not_found")
}

/// The share of this id, whoever asks.
pub(super) async fn find(db: &mut AnyConnection, id: &str) -> Result<Option<ShareRow>> {
    Ok(Statement::new(SHARES).text(" AND id = ?", id).fetch(db).await?.pop())
}

/// The share of this id that was made for this user.
pub(super) async fn find_incoming(db: &mut AnyConnection, id: &str, recipient_id: &str) -> Result<ShareRow> {
    let share = find(db, id).await?;
    share.filter(|share| share.recipient_id == recipient_id).ok_or_else(not_found)
}

/// The shares of these ids, in the order they were made.
pub(super) async fn find_all(db: &mut AnyConnection, ids: &[String]) -> Result<Vec<ShareRow>> {
    Statement::new(SHARES).any_of(" AND id IN (?)", ids).sql(" ORDER BY sequence").fetch(db).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(acceptance: Acceptance) -> ShareRow {
        ShareRow {
            id: "share".into(),
            item_id: "item".into(),
            slot_id: None,
            owner_id: "alice".into(),
            sender_id: "alice".into(),
            recipient_id: "bob".into(),
            public_key: "PEM".into(),
            keypair_external_id: None,
            encrypted_dek: Some("Rsa4096.AA==.QQUAAAAA".into()),
            terms: Some("be nice".into()),
            acceptance_required: acceptance.as_str().into(),
            onsharing_permitted: 1,
            created_at: 0,
            expires_at: None,
            sequence: 1,
        }
    }

    #[test]
    fn the_recipient_gets_the_key_with_the_acceptance() {
        let seen = |acceptance, reader| share(acceptance).wire(reader).unwrap();
        let waiting = seen(Acceptance::AcceptanceRequired, "bob");
        assert!(waiting.encrypted_dek.is_none());
        assert_eq!(waiting.terms.as_deref(), Some("be nice"));
        assert!(seen(Acceptance::AcceptanceRequired, "alice").encrypted_dek.is_some());
        assert!(seen(Acceptance::Accepted, "bob").encrypted_dek.is_some());
        assert!(seen(Acceptance::AcceptanceNotRequired, "bob").encrypted_dek.is_some());
        assert!(seen(Acceptance::Rejected, "bob").encrypted_dek.is_none());
    }

    #[test]
    fn both_permission_fields_say_the_same() {
        let permitted = share(Acceptance::Accepted).wire("bob").unwrap();
        assert_eq!((permitted.sharing_mode, permitted.onsharing_permitted), (Some(SharingMode::Anyone), Some(true)));
        let forbidden = ShareRow { onsharing_permitted: 0, ..share(Acceptance::Accepted) }.wire("bob").unwrap();
        assert_eq!((forbidden.sharing_mode, forbidden.onsharing_permitted), (Some(SharingMode::Owner), Some(false)));
    }
}
