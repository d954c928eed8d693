//! An item's values, opened and sealed under one key.

use std::hint::black_box;

use anyhow::Context;
use futures_executor::block_on;
use vaultshare::crypto::DataKey;

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

/// The envelopes of an item, to their texts.
pub(crate) fn open() -> anyhow::Result<Path> {
    let key = DataKey::generate()?;
    let envelopes = sealed(&key)?;
    Ok(Box::new(move || {
        block_on(async {
            for envelope in &envelopes {
                black_box(key.decrypt_text(Some(envelope)).await?);
            }
            Ok(())
        })
    }))
}

/// The texts of an item, to envelopes.
pub(crate) fn seal() -> anyhow::Result<Path> {
    let key = DataKey::generate()?;
    Ok(Box::new(move || {
        block_on(async {
            for value in VALUES {
                black_box(key.encrypt_text(value).await?);
            }
            Ok(())
        })
    }))
}

/// The envelopes of all values.
pub(crate) fn sealed(key: &DataKey) -> anyhow::Result<Vec<String>> {
    VALUES.iter().map(|value| block_on(key.encrypt_text(value))?.context("a value was empty")).collect()
}
