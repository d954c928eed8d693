//! The two longest texts of everyday use: a page of items as it arrives, and the body that brings an item's shares up to date.

use std::hint::black_box;

use anyhow::Context;
use futures_executor::block_on;
use serde_json::json;
use vaultshare::{
    api::{
        Ciphertext, Id, PageQuery,
        vault::{
            items::{self, Item, ItemFilter, ItemsResponse},
            shares::{self, ItemSharesChange, ItemSharesRefresh, ShareDek, ShareSlotValue},
            slots::Slot,
        },
    },
    crypto::DataKey,
};

use crate::{Path, offline, slots};

const ITEMS: usize = 50;
const SHARES: usize = 25;

/// A page of items, from the reply's bytes to its types.
pub(crate) fn read_items() -> anyhow::Result<Path> {
    let vault = offline::vault_answering(items_reply()?)?;
    Ok(Box::new(move || {
        let items = block_on(items::list(&vault, &ItemFilter::default(), &PageQuery::default()))?;
        black_box(items);
        Ok(())
    }))
}

/// A refresh of many shares, from its types to the request's bytes.
pub(crate) fn write_refresh() -> anyhow::Result<Path> {
    let vault = offline::vault_answering(br#"{"shares":[]}"#.to_vec())?;
    let (item, change) = (id(1)?, refresh()?);
    Ok(Box::new(move || {
        let of_their_share =
            change.slot_values.iter().filter_map(|value| Some(value.of_share(value.share_id.as_ref()?)));
        let refresh = ItemSharesRefresh {
            share_deks: change.share_deks.clone(),
            continued_deks: Vec::new(),
            slot_values: of_their_share.collect(),
            client_tasks: Vec::new(),
        };
        black_box(block_on(shares::update_of_item(&vault, &item, &refresh)))?;
        Ok(())
    }))
}

/// What the server writes, which is every field that its types have.
pub(crate) fn items_reply() -> anyhow::Result<Vec<u8>> {
    let envelopes = slots::sealed(&DataKey::generate()?)?;
    let mut response: ItemsResponse = serde_json::from_value(json!({ "items": [] }))?;
    for number in 0..ITEMS {
        let own_slots = envelopes.iter().enumerate().map(|(place, envelope)| slot(number, place, envelope));
        let own_slots = own_slots.collect::<anyhow::Result<Vec<_>>>()?;
        response.items.push(item(number, &own_slots)?);
        response.slots.extend(own_slots);
    }
    Ok(serde_json::to_vec(&response)?)
}

fn item(number: usize, slots: &[Slot]) -> anyhow::Result<Item> {
    let slot_ids: Vec<&Id> = slots.iter().map(|slot| &slot.id).collect();
    Ok(serde_json::from_value(json!({
        "id": id(number)?, "own": true, "name": "delorean", "label": "DeLorean", "created_at": "2020-10-12T05:52:45.395Z",
        "updated_at": "2020-10-12T05:52:45.395Z", "item_template_id": id(0)?, "item_template_label": "Vehicle", "ordinal": 1,
        "visible": true, "slot_ids": slot_ids, "owner_id": id(0)?,
    }))?)
}

fn slot(item: usize, place: usize, envelope: &str) -> anyhow::Result<Slot> {
    Ok(serde_json::from_value(json!({
        "id": id(ITEMS + item * slots::VALUES.len() + place)?, "own": true, "name": format!("licence_plate_{place}"),
        "label": "Licence plate", "encrypted": true, "ordinal": place, "visible": true, "item_id": id(item)?,
        "created_at": "2020-10-12T05:52:45.395Z", "updated_at": "2020-10-12T05:52:45.395Z", "slot_type_name": "key_value",
        "creator": "user", "encrypted_value": envelope, "owner_id": id(0)?,
    }))?)
}

/// The values of one item, for everyone it is shared with.
pub(crate) fn refresh() -> anyhow::Result<ItemSharesChange> {
    let envelopes = slots::sealed(&DataKey::generate()?)?;
    let rsa_block = "A".repeat(683) + "=";
    let mut change = ItemSharesChange::default();
    for share in 0..SHARES {
        let dek = Ciphertext::parse(format!("Rsa4096.{rsa_block}.QQUAAAAA")).context("not a ciphertext")?;
        change.share_deks.push(ShareDek { share_id: id(share)?, dek, grant: None, content_signature: None });
        for (place, envelope) in envelopes.iter().enumerate() {
            change.slot_values.push(ShareSlotValue {
                share_id: Some(id(share)?),
                slot_id: Some(id(place)?),
                encrypted_value: Ciphertext::parse(envelope.as_str()),
                encrypted_value_verification_key: Ciphertext::parse(envelope.as_str()),
                value_verification_hash: Some("0123456789abcdef".repeat(4)),
            });
        }
    }
    Ok(change)
}

fn id(number: usize) -> anyhow::Result<Id> {
    Ok(serde_json::from_value(json!(format!("3f2b8a10-6c1d-4e5f-9a7b-{number:012}")))?)
}
