//! From keys and values to the wire's ciphertexts.

use super::{
    Item, Slot,
    binding::Ids,
    refusals::{bad_response, ciphertext, not_authentic},
};
use crate::{
    api::{Id, vault::shares::ShareSlotValue},
    crypto::{
        DataKey, VerificationKey,
        places::{Place, ValueKind, Written, state_digest},
    },
    error::{Error, ErrorCode, Result},
};

/// The values of an item under a share's DEK.
pub(super) struct EncryptedForShare {
    /// One for each of [`slots_to_share`].
    pub(super) values: Vec<ShareSlotValue>,
    /// What each of them says of the write that sealed it.
    pub(super) written: Written,
}

/// Encrypts the values of an item, or of one of its slots, under a share's DEK, with what authenticates each as the owner's.
///
/// The owner generates a verification key and the value's HMAC under it. Who shares on passes the owner's key on; the
/// Vault keeps the owner's HMAC, so that recipients detect an altered value.
///
/// Where there is no value, the empty text is sealed in one slot: something has to vouch for what the recipient sees.
///
/// `ITEM_CHANGED` and `UNBOUND_VALUE` as [`Item::check_may_be_disclosed`] says.
pub(super) async fn encrypt_for_share(dek: &DataKey, item: &Item, only: Option<&Id>) -> Result<EncryptedForShare> {
    let slots = slots_to_share(item, only)?;
    let vouching = empty_slot_that_vouches(item, &slots);
    let written = written_in_share(item, &slots, vouching, only)?;
    let mut values = Vec::with_capacity(slots.len());
    for slot in slots {
        let mut value = ShareSlotValue { slot_id: Some(slot.record.id.clone()), ..ShareSlotValue::default() };
        let empty = (vouching == Some(&slot.record.id)).then_some("");
        if let Some(text) = slot.value.as_deref().or(empty) {
            let place = |kind| original_place(kind, item, slot, written);
            let (envelope, _) = dek.encrypt_value(text, &place(ValueKind::Shared)?).await?;
            value.encrypted_value = Some(ciphertext(envelope)?);
            let generated;
            let key = if item.is_received() {
                slot.verification_key.as_deref().ok_or_else(not_authentic)?
            } else {
                generated = VerificationKey::commit(slot.record.id.as_str(), text)?;
                value.value_verification_hash = Some(generated.hash(text));
                &generated
            };
            let envelope = dek.wrap_verification_key(key, &place(ValueKind::Proof)?).await?;
            value.encrypted_value_verification_key = Some(ciphertext(envelope)?);
        }
        values.push(value);
    }
    Ok(EncryptedForShare { values, written })
}

/// All slots, or the one that is shared.
pub(super) fn slots_to_share<'a>(item: &'a Item, only: Option<&Id>) -> Result<Vec<&'a Slot>> {
    let Some(only) = only else { return Ok(item.slots.iter().collect()) };
    let slot = item.slots.iter().find(|slot| slot.record.id == *only);
    let slot = slot.ok_or_else(|| Error::new(ErrorCode::NotFound, "the item has no slot of this id"))?;
    Ok(vec![slot])
}

/// `None` where a value does. Who shares on passes on what the owner sealed.
fn empty_slot_that_vouches<'a>(item: &Item, slots: &[&'a Slot]) -> Option<&'a Id> {
    let may = |slot: &&&Slot| !item.is_received() || slot.verification_key.is_some();
    let has_value = slots.iter().any(|slot| slot.value.is_some());
    slots.iter().filter(may).map(|slot| &slot.record.id).min().filter(|_| !has_value)
}

/// What the values of a share say of the write that sealed them: all of them the item's revision, and the state of the
/// slots that are shared.
fn written_in_share(item: &Item, slots: &[&Slot], vouching: Option<&Id>, only: Option<&Id>) -> Result<Written> {
    let names_no_place = item.is_received() && item.slots.iter().all(|slot| slot.written.is_none());
    let (birth, revision) = match item.binding.birth {
        // Its owner's client names no places. As a whole it can be passed on: a server has nothing else under that DEK.
        None if names_no_place && only.is_none() && !item.binding.changed => (None, Written::NO_REVISION),
        birth => {
            item.check_may_be_disclosed(slots.iter().copied())?;
            (birth, item.binding.revision)
        }
    };
    let ids = if item.is_received() { Ids::Original } else { Ids::Own };
    let rows = slots.iter().map(|slot| {
        let is_sealed = slot.value.is_some() || vouching == Some(&slot.record.id);
        slot.state(ids, if is_sealed { revision } else { 0 })
    });
    let state = state_digest(original_id(item)?.as_str(), birth, revision, &item.record.label, rows.collect());
    Ok(Written { birth, revision, state })
}

/// A value's place in shares: by the owner's ids, whoever shares it.
fn original_place<'a>(kind: ValueKind, item: &'a Item, slot: &'a Slot, written: Written) -> Result<Place<'a>> {
    let slot_id = if item.is_received() { slot.record.original_id.as_ref() } else { Some(&slot.record.id) };
    let slot_id = slot_id.ok_or_else(|| bad_response("a received slot has no original"))?;
    Ok(Place::Value { kind, item: original_id(item)?.as_str(), slot: slot_id.as_str(), written })
}

/// The owner's id of an item.
pub(super) fn original_id(item: &Item) -> Result<&Id> {
    let id = if item.is_received() { item.record.original_id.as_ref() } else { Some(&item.record.id) };
    id.ok_or_else(|| bad_response("a received item has no original"))
}
