//! From the wire's ciphertexts to values: which key decrypts what, and whether a received value is its owner's.

use std::{
    collections::{BTreeSet, HashSet},
    rc::Rc,
};

use super::{Item, Session, Slot, Value, concurrency::join_all, session::Keys};
use crate::{
    api::{
        Id,
        vault::{
            self, items,
            shares::{Acceptance, Share},
            slots,
        },
    },
    crypto::{DataKey, VerificationKey},
    error::{Error, ErrorCode, Result},
};

/// The key that an item's values are encrypted under.
pub(super) enum ItemKey {
    /// The user's own DEK: an own item, or a received one that was re-encrypted.
    Private(Rc<Keys>),
    /// The DEK of the share that brought the item.
    Share(Rc<DataKey>),
}

impl ItemKey {
    fn data_key(&self) -> &DataKey {
        match self {
            ItemKey::Private(keys) => &keys.dek,
            ItemKey::Share(key) => key,
        }
    }
}

/// Fetches the share that brought the item, if one did.
pub(super) async fn item_key(session: &Session, item: &items::Item) -> Result<ItemKey> {
    let keys = session.keys()?;
    match &item.share_id {
        None => Ok(ItemKey::Private(keys)),
        Some(share_id) => {
            let share = vault::shares::get_incoming(session.vault(), share_id).await?;
            share_key(session, &share).await
        }
    }
}

/// `ACCEPTANCE_REQUIRED` where the terms are not yet accepted.
pub(super) async fn share_key(session: &Session, share: &Share) -> Result<ItemKey> {
    let keys = session.keys()?;
    if share.acceptance_required == Acceptance::AcceptanceRequired {
        return Err(acceptance_required());
    }
    let Some(encrypted_dek) = &share.encrypted_dek else { return Ok(ItemKey::Private(keys)) };
    let keypair_id = share.keypair_external_id.as_deref();
    let keypair_id = keypair_id.ok_or_else(|| bad_response("a share names no key pair for its DEK"))?;
    let pair = session.key_pair(keypair_id).await?;
    Ok(ItemKey::Share(keys.share_key(encrypted_dek.as_str(), &pair).await?))
}

/// Fills the session's cache with the keys of many shares, each key pair fetched once. Errors are ignored: they occur
/// again where the key is used.
pub(super) async fn prefetch_share_keys(session: &Session, shares: &[Share]) {
    let key_pairs: BTreeSet<&str> = shares.iter().filter_map(|share| share.keypair_external_id.as_deref()).collect();
    join_all(key_pairs.into_iter().map(|keypair_id| session.key_pair(keypair_id))).await;
    join_all(shares.iter().map(|share| share_key(session, share))).await;
}

/// Decrypts all slots and authenticates them where the item was received. Slots that the item does not name are
/// dropped.
pub(super) async fn decrypt_item(response: Box<items::ItemResponse>, key: &ItemKey) -> Result<Item> {
    let item = item_without_values(response);
    let received = item.record.share_id.is_some() || matches!(key, ItemKey::Share(_));
    let mut slots = Vec::with_capacity(item.slots.len());
    for slot in item.slots {
        slots.push(decrypt_slot(slot.record, received, key).await?);
    }
    Ok(Item { slots, ..item })
}

/// A response that holds an item and its slots only.
pub(super) fn item_response(item: items::Item, slots: Vec<slots::Slot>) -> items::ItemResponse {
    items::ItemResponse {
        item,
        slots,
        classification_nodes: Vec::new(),
        attachments: Vec::new(),
        thumbnails: Vec::new(),
        associations: Vec::new(),
        associations_to: Vec::new(),
    }
}

/// The item as the response has it, slots that it does not name dropped.
pub(super) fn item_without_values(response: Box<items::ItemResponse>) -> Item {
    let named: HashSet<&Id> = response.item.slot_ids.iter().collect();
    let mut slots = Vec::with_capacity(response.slots.len());
    for record in response.slots {
        if named.contains(&record.id) {
            slots.push(Slot { record, value: None, verification_key: None });
        }
    }
    Item {
        record: response.item,
        slots,
        classification_nodes: response.classification_nodes,
        attachments: response.attachments,
        thumbnails: response.thumbnails,
    }
}

async fn decrypt_slot(record: slots::Slot, received: bool, key: &ItemKey) -> Result<Slot> {
    let envelope = record.encrypted_value.as_ref().map(|value| value.as_str());
    let value = key.data_key().decrypt_text(envelope).await?;
    let verification_key = match &value {
        Some(value) if received => Some(Rc::new(authenticate(&record, value, key.data_key()).await?)),
        _ => None,
    };
    Ok(Slot { record, value: value.map(Value::new), verification_key })
}

/// Verifies the owner's HMAC of a received value and gives its key. A value without an HMAC is refused like one with a
/// wrong HMAC: an on-sharer could otherwise alter it and leave the HMAC out.
async fn authenticate(slot: &slots::Slot, value: &str, key: &DataKey) -> Result<VerificationKey> {
    let not_authentic = || Error::new(ErrorCode::ValueNotAuthentic, "a received value is not its owner's");
    let (Some(verification_key), Some(hash)) = (&slot.encrypted_value_verification_key, &slot.value_verification_hash)
    else {
        return Err(not_authentic());
    };
    let verification_key = key.unwrap_verification_key(verification_key.as_str()).await.map_err(|_| not_authentic())?;
    verification_key.verify(value, hash)?;
    Ok(verification_key)
}

pub(super) fn acceptance_required() -> Error {
    Error::new(ErrorCode::AcceptanceRequired, "the share has to be accepted, with its terms, before it can be read")
}

/// Refuses a response about another record than the one requested.
pub(super) fn expect_id(requested: &Id, received: &Id) -> Result<()> {
    if requested == received { Ok(()) } else { Err(bad_response("the server answered about another record")) }
}

pub(super) fn bad_response(message: &'static str) -> Error {
    Error::new(ErrorCode::BadResponse, message)
}

/// Gives each slot of a list to the record that owns it, by its index; a slot without an owner is dropped.
pub(super) fn group_slots<T>(
    slots: Vec<slots::Slot>,
    owners: &mut [T],
    owner: impl Fn(&slots::Slot) -> Option<usize>,
    add: fn(&mut T, slots::Slot),
) {
    for slot in slots {
        if let Some(owner) = owner(&slot).and_then(|index| owners.get_mut(index)) {
            add(owner, slot);
        }
    }
}
