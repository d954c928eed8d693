//! From the wire's ciphertexts to values: which key opens what, and whether a received value is its owner's.

use std::rc::Rc;

use super::{Item, Session, Slot, Value, session::Keys, together::Together};
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

/// The key that an item's values are under.
pub(super) enum ItemKey {
    /// The user's own DEK: an own item, or a received one that was re-encrypted.
    Private(Rc<Keys>),
    /// The DEK of the share that brought the item.
    OfShare(Rc<DataKey>),
}

impl ItemKey {
    fn data_key(&self) -> &DataKey {
        match self {
            ItemKey::Private(keys) => &keys.dek,
            ItemKey::OfShare(key) => key,
        }
    }
}

/// The key to an item, of which the share that brought it is fetched where there is one.
pub(super) async fn key_of_item(session: &Session, item: &items::Item) -> Result<ItemKey> {
    let keys = session.keys()?;
    match &item.share_id {
        None => Ok(ItemKey::Private(keys)),
        Some(share_id) => {
            let share = vault::shares::get_incoming(session.vault(), share_id).await?;
            key_of_share(session, &share).await
        }
    }
}

/// The key to what a share brought. `ACCEPTANCE_REQUIRED` where its terms are not yet accepted.
pub(super) async fn key_of_share(session: &Session, share: &Share) -> Result<ItemKey> {
    let keys = session.keys()?;
    if share.acceptance_required == Acceptance::AcceptanceRequired {
        return Err(acceptance_required());
    }
    let Some(encrypted_dek) = &share.encrypted_dek else { return Ok(ItemKey::Private(keys)) };
    let keypair_id = share.keypair_external_id.as_deref();
    let keypair_id = keypair_id.ok_or_else(|| bad_response("a share names no key pair for its DEK"))?;
    let pair = session.key_pair(keypair_id).await?;
    Ok(ItemKey::OfShare(keys.share_key(encrypted_dek.as_str(), &pair).await?))
}

/// Fetches and decrypts the keys of many shares at once, each key pair once. What fails here fails again, and is then told,
/// when the key is asked for.
pub(super) async fn fetch_keys(session: &Session, shares: &[Share]) {
    let mut key_pairs: Vec<&str> = Vec::new();
    for keypair_id in shares.iter().filter_map(|share| share.keypair_external_id.as_deref()) {
        if !key_pairs.contains(&keypair_id) {
            key_pairs.push(keypair_id);
        }
    }
    let mut fetching = Together::default();
    for keypair_id in key_pairs {
        fetching.add(async move { _ = session.key_pair(keypair_id).await });
    }
    fetching.all().await;
    let mut decrypting = Together::default();
    for share in shares {
        decrypting.add(async move { _ = key_of_share(session, share).await });
    }
    decrypting.all().await;
}

/// An item with all its slots decrypted and, where received, authenticated. Slots that are not the item's are left out.
pub(super) async fn open_item(response: Box<items::ItemResponse>, key: &ItemKey) -> Result<Item> {
    let item = unopened_item(response);
    let received = item.record.share_id.is_some() || matches!(key, ItemKey::OfShare(_));
    let mut slots = Vec::with_capacity(item.slots.len());
    for slot in item.slots {
        slots.push(open_slot(slot.record, received, key).await?);
    }
    Ok(Item { slots, ..item })
}

/// An item and its slots, with nothing else that a response may hold.
pub(super) fn bare(item: items::Item, slots: Vec<slots::Slot>) -> items::ItemResponse {
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

/// An item without its values.
pub(super) fn unopened_item(response: Box<items::ItemResponse>) -> Item {
    let mut slots = Vec::with_capacity(response.slots.len());
    for record in response.slots {
        if response.item.slot_ids.contains(&record.id) {
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

async fn open_slot(record: slots::Slot, received: bool, key: &ItemKey) -> Result<Slot> {
    let envelope = record.encrypted_value.as_ref().map(|value| value.as_str());
    let value = key.data_key().decrypt_text(envelope).await?;
    let verification_key = match &value {
        Some(value) if received => Some(Rc::new(authenticate(&record, value, key.data_key()).await?)),
        _ => None,
    };
    Ok(Slot { record, value: value.map(Value::new), verification_key })
}

/// Proves that a received value is the one its owner wrote, and gives the key that proves it. A value without proof is refused like one with a wrong proof:
/// an on-sharer could otherwise alter it and leave the proof out.
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

/// The id under which the server must speak of what was asked for.
pub(super) fn expect_id(asked: &Id, answered: &Id) -> Result<()> {
    if asked == answered { Ok(()) } else { Err(bad_response("the server answered about another record")) }
}

pub(super) fn bad_response(message: &'static str) -> Error {
    Error::new(ErrorCode::BadResponse, message)
}
