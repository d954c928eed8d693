//! From the wire's ciphertexts to values: which key decrypts what, and whether a received value is its owner's.

use std::{
    collections::{BTreeSet, HashSet},
    rc::Rc,
};

use super::{
    Binding, Item, Session, Slot, Value,
    concurrency::join_all,
    memory::Memory,
    refusals::{acceptance_required, bad_response, expect_id, not_authentic},
    session::Keys,
};
use crate::{
    api::{
        Id,
        vault::{
            self, items,
            shares::{Acceptance, Share},
            slots,
        },
    },
    crypto::{
        DataKey, Decrypted, Proof, VerificationKey,
        places::{Place, ValueKind, Written, misplaced},
    },
    error::Result,
};

/// What an item's values are encrypted under, and so what their ciphertexts must be.
pub(super) enum ItemKey {
    /// An own item, under the user's own DEK.
    Own,
    /// A received item that was re-encrypted under the user's own DEK.
    Kept,
    /// A received item, under the DEK of the share that brought it.
    Shared(Rc<DataKey>),
}

impl ItemKey {
    fn data_key<'a>(&'a self, keys: &'a Keys) -> &'a DataKey {
        match self {
            ItemKey::Own | ItemKey::Kept => &keys.dek,
            ItemKey::Shared(key) => key,
        }
    }

    fn value_kind(&self) -> ValueKind {
        match self {
            ItemKey::Own => ValueKind::Own,
            ItemKey::Kept => ValueKind::Kept,
            ItemKey::Shared(_) => ValueKind::Shared,
        }
    }
}

/// Fetches the share that brought the item, if one did.
pub(super) async fn source_of(session: &Session, item: &items::Item) -> Result<Option<Box<Share>>> {
    let Some(share_id) = &item.share_id else { return Ok(None) };
    let share = vault::shares::get_incoming(session.vault(), share_id).await?;
    expect_id(share_id, &share.id)?;
    Ok(Some(share))
}

impl Session {
    /// Decrypts an item as [`decrypt_item`] does, and looks at who shared it. `source` is the share that brought it.
    pub(super) async fn decrypt_shown(
        &self,
        known: &Memory,
        response: Box<items::ItemResponse>,
        source: Option<&Share>,
    ) -> Result<Item> {
        let key = match source {
            None => ItemKey::Own,
            Some(share) => share_key(self, share).await?,
        };
        let mut item = decrypt_item(&*self.keys()?, known, response, &key).await?;
        if let Some(share) = source {
            self.check_origin(share, &mut item).await?;
        }
        Ok(item)
    }
}

/// `ACCEPTANCE_REQUIRED` where the terms are not yet accepted.
pub(super) async fn share_key(session: &Session, share: &Share) -> Result<ItemKey> {
    let keys = session.keys()?;
    if share.acceptance_required == Acceptance::AcceptanceRequired {
        return Err(acceptance_required());
    }
    let Some(encrypted_dek) = &share.encrypted_dek else { return Ok(ItemKey::Kept) };
    let keypair_id = share.keypair_external_id.as_deref();
    let keypair_id = keypair_id.ok_or_else(|| bad_response("a share names no key pair for its DEK"))?;
    let own = session.key_pair(keypair_id).await?;
    Ok(ItemKey::Shared(keys.share_key(encrypted_dek.as_str(), &own.pair).await?))
}

/// Fills the session's cache with the keys of many shares, each key pair fetched once. Errors are ignored: they occur
/// again where the key is used.
pub(super) async fn prefetch_share_keys(session: &Session, shares: &[Share]) {
    let key_pairs: BTreeSet<&str> = shares.iter().filter_map(|share| share.keypair_external_id.as_deref()).collect();
    join_all(key_pairs.into_iter().map(|keypair_id| session.key_pair(keypair_id))).await;
    join_all(shares.iter().map(|share| share_key(session, share))).await;
}

/// Decrypts all slots, authenticates them where the item was received, and judges what they vouch for. Slots that the
/// item does not name are dropped.
///
/// `known` is what the session remembered when it sent the request. `MISPLACED` where a value belongs elsewhere,
/// `ROLLED_BACK` where the session had seen a newer item by then.
pub(super) async fn decrypt_item(
    keys: &Keys,
    known: &Memory,
    response: Box<items::ItemResponse>,
    key: &ItemKey,
) -> Result<Item> {
    let mut item = decrypt_values(keys, response, key).await?;
    let has_values = item.slots.iter().any(|slot| slot.value.is_some());
    let mut memory = keys.memory.borrow_mut();
    memory.check_item(known, &item.record, &mut item.binding, has_values)?;
    if let Some(original) = item.record.original_id.as_ref().filter(|_| item.record.share_id.is_some()) {
        memory.check_original(known, original.as_str(), &mut item.binding);
    }
    Ok(item)
}

/// As [`decrypt_item`], for a response whose item this session is about to compare with what it wrote.
pub(super) async fn decrypt_values(keys: &Keys, response: Box<items::ItemResponse>, key: &ItemKey) -> Result<Item> {
    let mut item = item_without_values(response);
    if item.is_received() == matches!(key, ItemKey::Own) {
        return Err(bad_response("the server does not say by which share the item was received"));
    }
    let mut slots = Vec::with_capacity(item.slots.len());
    for slot in item.slots {
        slots.push(decrypt_slot(keys, &item.record, slot.record, key).await?);
    }
    item.slots = slots;
    item.binding = Binding::of(&item, key.value_kind())?;
    Ok(item)
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
            slots.push(Slot::empty(record));
        }
    }
    Item {
        record: response.item,
        slots,
        classification_nodes: response.classification_nodes,
        attachments: response.attachments,
        thumbnails: response.thumbnails,
        binding: Binding::default(),
        origin: None,
    }
}

impl Slot {
    fn empty(record: slots::Slot) -> Self {
        let (value, written, tag, verification_key, proof) = (None, None, None, None, None);
        Slot { record, value, is_bound: true, written, tag, verification_key, proof }
    }
}

async fn decrypt_slot(keys: &Keys, item: &items::Item, record: slots::Slot, key: &ItemKey) -> Result<Slot> {
    let Some(envelope) = &record.encrypted_value else { return Ok(Slot::empty(record)) };
    let kind = key.value_kind();
    let decrypted = key.data_key(keys).decrypt_text(envelope.as_str()).await?;
    let written = written_at(&decrypted, kind, item, &record)?;
    let authenticated = match key {
        ItemKey::Own => None,
        // Whatever names no place, this client did not re-encrypt: the server could pass an own value off as received.
        ItemKey::Kept if written.is_none() => return Err(not_authentic()),
        ItemKey::Kept | ItemKey::Shared(_) => {
            Some(authenticate(keys, item, &record, (&decrypted.content, written), key).await?)
        }
    };
    let (verification_key, proof) = authenticated.map(|(key, proof)| (Rc::new(key), proof)).unzip();
    let is_bound = written.is_some() || decrypted.content.is_empty();
    let (tag, content) = (Some(decrypted.tag), decrypted.content);
    let value = (!content.is_empty()).then(|| Value::new(content));
    let proof = proof.filter(|_| value.is_some());
    Ok(Slot { record, value, is_bound, written, tag, verification_key, proof })
}

/// The write that sealed a value for this slot of this item; `None` where its ciphertext names no place, `MISPLACED` where it
/// names another.
fn written_at<T>(
    decrypted: &Decrypted<T>,
    expected: ValueKind,
    item: &items::Item,
    slot: &slots::Slot,
) -> Result<Option<Written>> {
    let Some(place) = decrypted.place()? else { return Ok(None) };
    let Place::Value { kind, item: item_id, slot: slot_id, written } = place else { return Err(misplaced()) };
    let is_here = match kind {
        ValueKind::Own | ValueKind::Kept | ValueKind::KeptProof => {
            item.id.as_str() == item_id && slot.id.as_str() == slot_id
        }
        ValueKind::Shared | ValueKind::Proof => {
            let is = |id: &Option<Id>, named: &str| id.as_ref().is_some_and(|id| id.as_str() == named);
            is(&item.original_id, item_id) && is(&slot.original_id, slot_id)
        }
    };
    // An own value has always had a birth; a shared one may be of an owner whose client knows none.
    let is_possible = kind != ValueKind::Own || written.birth.is_some();
    if kind == expected && is_here && is_possible { Ok(Some(written)) } else { Err(misplaced()) }
}

/// Verifies the owner's HMAC of a received value and gives its key. A value without an HMAC is refused like one with a
/// wrong HMAC: an on-sharer could otherwise alter it and leave the HMAC out.
async fn authenticate(
    keys: &Keys,
    item: &items::Item,
    slot: &slots::Slot,
    (value, written): (&str, Option<Written>),
    key: &ItemKey,
) -> Result<(VerificationKey, Proof)> {
    let (Some(envelope), Some(hash)) = (&slot.encrypted_value_verification_key, &slot.value_verification_hash) else {
        return Err(not_authentic());
    };
    let decrypted = key.data_key(keys).unwrap_verification_key(envelope.as_str()).await.map_err(|_| not_authentic())?;
    let kind = if matches!(key, ItemKey::Kept) { ValueKind::KeptProof } else { ValueKind::Proof };
    if written_at(&decrypted, kind, item, slot)? != written {
        return Err(misplaced());
    }
    // Without it a key that commits to a slot fits nothing.
    let original = slot.original_id.as_ref().map_or("", Id::as_str);
    let proof = decrypted.content.verify(original, value, hash)?;
    Ok((decrypted.content, proof))
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
