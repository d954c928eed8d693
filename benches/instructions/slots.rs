//! An item's values, opened and sealed under one key.

use std::hint::black_box;

use anyhow::Context;
use futures_executor::block_on;
use vaultshare::crypto::{
    DataKey,
    places::{Birth, Place, ValueKind, Written, state_digest},
};

use crate::Path;

/// What people keep in the slots of an item.
pub(crate) const VALUES: [&str; 8] = [
    "DeLorean",
    "NotACatDefsACar",
    "1981-01-21",
    "SCEDT26T8BD005261",
    "Brushed stainless steel",
    "12 Riverside Drive, Hill Valley",
    "+61 491 570 156",
    "No",
];

/// Where a value of an own item belongs.
fn place() -> anyhow::Result<Place<'static>> {
    let (item, slot) = ("94c27129-e179-4c69-a7f1-94438b920541", "6d8e45fe-3b0c-4f6a-8e1b-2f7b1a3c4d5e");
    let birth = Some(Birth::generate()?);
    let written = Written { birth, revision: 1, state: state_digest(item, birth, 1, "DeLorean", Vec::new()) };
    Ok(Place::Value { kind: ValueKind::Own, item, slot, written })
}

/// The envelopes of an item, to their texts.
pub(crate) fn open() -> anyhow::Result<Path> {
    let key = DataKey::generate()?;
    let envelopes = sealed(&key)?;
    Ok(Box::new(move || {
        block_on(async {
            for envelope in &envelopes {
                black_box(key.decrypt_text(envelope).await?);
            }
            Ok(())
        })
    }))
}

/// The texts of an item, to envelopes.
pub(crate) fn seal() -> anyhow::Result<Path> {
    let (key, place) = (DataKey::generate()?, place()?);
    Ok(Box::new(move || {
        block_on(async {
            for value in VALUES {
                black_box(key.encrypt_text(value, &place).await?);
            }
            Ok(())
        })
    }))
}

/// The envelopes of all values.
pub(crate) fn sealed(key: &DataKey) -> anyhow::Result<Vec<String>> {
    let place = place()?;
    VALUES.iter().map(|value| block_on(key.encrypt_text(value, &place))?.context("a value was empty")).collect()
}
