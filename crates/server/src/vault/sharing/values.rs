//! Checks the values that a sender sends for the slots of a share.

use std::collections::{HashMap, HashSet};

use vaultshare::api::vault::shares::ShareSlotValue;

use crate::{
    error::{Code, Error, Result},
    vault::records::share_values::ShareValue,
};

/// A slot of the item that is shared.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedSlot {
    /// The sender's id of it.
    pub(super) id: String,
    /// The owner's id of it.
    pub(super) original_id: String,
    /// The owner's verification hash of its value, which the sender received; none if the sender is the owner.
    pub(super) owners_hash: Option<String>,
}

/// Who sends values. It decides where their verification hash comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// The owner sends the hash of each value.
    Owner,
    /// A recipient who shares on. They cannot compute the hash: the owner's is copied, so that recipients detect a
    /// value that is not the owner's.
    OnSharer,
}

/// Slots by the sender's ids.
pub(super) fn by_id(slots: &[SharedSlot]) -> HashMap<&str, &SharedSlot> {
    slots.iter().map(|slot| (slot.id.as_str(), slot)).collect()
}

/// Checks the values sent for a share of `slots`, or of the one slot `only`. Empty ones are not stored; those of other
/// slots than `only` are ignored, because clients send them all.
pub(super) fn check(
    sender: Sender,
    slots: &HashMap<&str, &SharedSlot>,
    only: Option<&str>,
    sent: &[&ShareSlotValue],
) -> Result<Vec<ShareValue>> {
    let mut values: Vec<ShareValue> = Vec::with_capacity(sent.len());
    let mut with_values = HashSet::new();
    for value in sent {
        let slot = value.slot_id.as_ref().and_then(|id| slots.get(id.as_str()).copied());
        let slot =
            slot.ok_or_else(|| Error::refused(Code::UnknownSlot, "is not of this item").at("slot_values.slot_id"))?;
        if only.is_some_and(|only| only != slot.original_id) {
            continue;
        }
        if with_values.contains(slot.id.as_str()) {
            return Err(Error::refused(Code::SlotRepeated, "is named twice").at("slot_values.slot_id"));
        }
        if let Some(value) = check_one(sender, slot, value).map_err(|error| error.at("slot_values"))? {
            with_values.insert(slot.id.as_str());
            values.push(value);
        }
    }
    Ok(values)
}

fn check_one(sender: Sender, slot: &SharedSlot, sent: &ShareSlotValue) -> Result<Option<ShareValue>> {
    let Some(encrypted_value) = &sent.encrypted_value else { return Ok(None) };
    let key = sent.encrypted_value_verification_key.as_ref();
    let needed = "is needed for a shared value";
    let key =
        key.ok_or_else(|| Error::refused(Code::VerificationKeyMissing, needed).at("encrypted_value_verification_key"))?;
    let of_hash = |code, message| Error::refused(code, message).at("value_verification_hash");
    let hash = match (sender, &sent.value_verification_hash) {
        (Sender::Owner, Some(hash)) if is_hash(hash) => hash.clone(),
        (Sender::Owner, _) => {
            return Err(of_hash(Code::VerificationHashMissing, "must be 64 hexadecimal digits for a shared value"));
        }
        (Sender::OnSharer, Some(_)) => {
            return Err(of_hash(Code::VerificationHashNotAllowed, "is for the owner of an item to send"));
        }
        (Sender::OnSharer, None) => slot.owners_hash.clone().ok_or_else(|| {
            let message = "A slot that its owner left empty cannot be given a value";
            Error::refused(Code::ValueNotFromOwner, message).at("encrypted_value")
        })?,
    };
    Ok(Some(ShareValue {
        slot_id: slot.original_id.clone(),
        encrypted_value: encrypted_value.as_str().to_owned(),
        verification_key: key.as_str().to_owned(),
        verification_hash: hash,
    }))
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vaultshare::api::{Ciphertext, Id};

    fn slots() -> Vec<SharedSlot> {
        let slot = |id: &str, hash: Option<&str>| SharedSlot {
            id: id.into(),
            original_id: format!("original-{id}"),
            owners_hash: hash.map(Into::into),
        };
        vec![slot("1", Some("owners")), slot("2", None)]
    }

    fn value(slot: &str, hash: Option<&str>) -> ShareSlotValue {
        ShareSlotValue {
            slot_id: Id::parse(slot),
            encrypted_value: Ciphertext::parse("Aes256Gcm.AA==.QQ=="),
            encrypted_value_verification_key: Ciphertext::parse("Aes256Gcm.AA==.QQ=="),
            value_verification_hash: hash.map(Into::into),
            ..ShareSlotValue::default()
        }
    }

    fn checked(sender: Sender, only: Option<&str>, values: &[ShareSlotValue]) -> Result<Vec<ShareValue>> {
        check(sender, &by_id(&slots()), only, &values.iter().collect::<Vec<_>>())
    }

    #[test]
    fn an_owner_proves_every_value() {
        let proof = "ab".repeat(32);
        let kept = checked(Sender::Owner, None, &[value("1", Some(&proof))]).unwrap();
        assert_eq!((kept[0].slot_id.as_str(), &kept[0].verification_hash), ("original-1", &proof));
        assert!(checked(Sender::Owner, None, &[value("1", None)]).is_err());
        assert!(checked(Sender::Owner, None, &[value("1", Some("short"))]).is_err());
        let keyless = ShareSlotValue { encrypted_value_verification_key: None, ..value("1", Some(&proof)) };
        assert!(checked(Sender::Owner, None, &[keyless]).is_err());
    }

    #[test]
    fn an_on_sharer_proves_nothing_and_the_owners_proof_goes_on() {
        let kept = checked(Sender::OnSharer, None, &[value("1", None)]).unwrap();
        assert_eq!(kept[0].verification_hash, "owners");
        assert!(checked(Sender::OnSharer, None, &[value("1", Some(&"ab".repeat(32)))]).is_err());
        assert!(checked(Sender::OnSharer, None, &[value("2", None)]).is_err());
    }

    #[test]
    fn only_slots_of_the_item_have_values_and_each_once() {
        let proof = "ab".repeat(32);
        assert!(checked(Sender::Owner, None, &[value("3", Some(&proof))]).is_err());
        assert!(checked(Sender::Owner, None, &[value("1", Some(&proof)), value("1", Some(&proof))]).is_err());
    }

    #[test]
    fn a_share_of_one_slot_has_that_slots_value() {
        let proof = "ab".repeat(32);
        let sent = [value("1", Some(&proof)), value("2", Some(&proof))];
        let kept = checked(Sender::Owner, Some("original-2"), &sent).unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].slot_id, "original-2");
    }

    #[test]
    fn empty_slots_need_nothing() {
        let empty = ShareSlotValue { slot_id: Id::parse("1"), ..ShareSlotValue::default() };
        assert_eq!(checked(Sender::Owner, None, &[empty]).unwrap(), []);
    }
}
