//! Re-encrypting a received item under the recipient's own key: `docs/protocol/http-api.md` §9.8.

use std::collections::BTreeMap;

use super::{
    Item, Session, Slot,
    binding::Ids,
    decrypt::{ItemKey, decrypt_item},
    refusals::{ciphertext, expect_id},
};
use crate::{
    api::{
        Id,
        vault::{
            self,
            items::{ReencryptedSlot, ReencryptionRequest},
        },
    },
    crypto::{
        DataKey,
        places::{Place, ValueKind, Written},
    },
    error::{Error, ErrorCode, Result},
};

impl Session {
    /// Re-encrypts a received item under the user's own DEK, so that reading it no longer needs the share's. The
    /// owner's verification keys are kept.
    pub async fn reencrypt_item(&self, id: &Id) -> Result<Item> {
        let keys = self.keys()?;
        let item = self.get_item(id).await?;
        let origin = item.origin.clone();
        if item.record.share_id.is_none() {
            return Err(Error::invalid_argument("an own item is under the own key already"));
        }
        // Written beside each other they would be of two lives of the item, and could not be read again.
        let names_no_place = |slot: &Slot| slot.record.encrypted_value.is_some() && slot.written.is_none();
        if item.slots.iter().any(|slot| slot.written.is_some()) && item.slots.iter().any(names_no_place) {
            return Err(Error::new(ErrorCode::UnboundValue, "some values say where they belong, and others do not"));
        }
        let mut slots = Vec::with_capacity(item.slots.len());
        for slot in &item.slots {
            slots.extend(reencrypt(&keys.dek, &item, slot).await?);
        }
        let known = keys.remembered();
        let response = vault::items::reencrypt(self.vault(), id, &ReencryptionRequest { slots }).await?;
        expect_id(id, &response.item.id)?;
        let kept = decrypt_item(&keys, &known, response, &ItemKey::Kept).await?;
        // What the owner signed is neither key nor ciphertext, so that it holds for the same values. Of others nothing is known.
        let is_same =
            !kept.binding.changed && kept.binding.sealed == item.binding.sealed && signed(&kept) == signed(&item);
        Ok(Item { origin: if is_same { origin } else { Some(Box::default()) }, ..kept })
    }
}

/// What an author's signature is of, besides the state of the item.
fn signed(item: &Item) -> BTreeMap<&Id, (Option<&str>, Option<&str>)> {
    let values = item
        .slots
        .iter()
        .map(|slot| (&slot.record.id, (slot.value.as_deref(), slot.record.value_verification_hash.as_deref())));
    values.collect()
}

/// The value keeps what its owner's client said of the write that sealed it; where that said nothing, it is sealed as the
/// item is shown, without a birth.
async fn reencrypt(dek: &DataKey, item: &Item, slot: &Slot) -> Result<Option<ReencryptedSlot>> {
    if slot.record.encrypted_value.is_none() {
        return Ok(None);
    }
    // Also the empty text, which vouches for the item where there is no value.
    let value = slot.value.as_deref().unwrap_or_default();
    let written = slot.written.unwrap_or_else(|| {
        let state = item.state(Ids::Original, None, Written::NO_REVISION, |_| true);
        Written { birth: None, revision: Written::NO_REVISION, state }
    });
    let (item, slot_id) = (item.record.id.as_str(), slot.record.id.as_str());
    let place = |kind| Place::Value { kind, item, slot: slot_id, written };
    let (encrypted, _) = dek.encrypt_value(value, &place(ValueKind::Kept)).await?;
    let key = match &slot.verification_key {
        Some(key) => Some(ciphertext(dek.wrap_verification_key(key, &place(ValueKind::KeptProof)).await?)?),
        None => None,
    };
    Ok(Some(ReencryptedSlot {
        id: slot.record.id.clone(),
        encrypted_value: ciphertext(encrypted)?,
        encrypted_value_verification_key: key,
    }))
}
