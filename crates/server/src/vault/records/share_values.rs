//! The values of shares, each encrypted with the DEK of its share.

use std::collections::BTreeMap;

use sqlx::AnyConnection;
use vaultshare::api::vault::items::ReencryptedSlot;

use crate::{
    error::Result,
    store::{Statement, write_rows},
    wire::ciphertext_text,
};

/// Bounds the number of bound values of one statement.
const MAX_SHARES_PER_STATEMENT: usize = 500;

/// A value of a share, with the owner's id of its slot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShareValue {
    pub(crate) slot_id: String,
    pub(crate) encrypted_value: String,
    pub(crate) verification_key: String,
    pub(crate) verification_hash: String,
}

/// Which of a share's values are deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deletion<'a> {
    /// Those of these slots.
    Of(Vec<&'a str>),
    /// All but those of these slots.
    AllBut(Vec<&'a str>),
}

/// Deletes values of shares, in one statement for all shares with the same deletion: usually all of an item.
pub(crate) async fn delete(db: &mut AnyConnection, of_shares: Vec<(&str, Deletion<'_>)>) -> Result<()> {
    let mut by_deletion: BTreeMap<Deletion<'_>, Vec<&str>> = BTreeMap::new();
    for (share_id, deletion) in of_shares {
        by_deletion.entry(deletion).or_default().push(share_id);
    }
    for (deletion, share_ids) in by_deletion {
        for share_ids in share_ids.chunks(MAX_SHARES_PER_STATEMENT) {
            let delete =
                Statement::new("DELETE FROM share_values WHERE 1 = 1").any_of(" AND share_id IN (?)", share_ids);
            let delete = match &deletion {
                Deletion::Of(slot_ids) => delete.any_of(" AND slot_id IN (?)", slot_ids),
                Deletion::AllBut(slot_ids) => delete.any_of_if(" AND slot_id NOT IN (?)", slot_ids),
            };
            delete.execute(db).await?;
        }
    }
    Ok(())
}

/// Inserts values, each with the id of its share, or replaces those of the same slots: many in one statement, because a
/// refresh of an item brings one for each slot of each share.
pub(crate) async fn upsert(db: &mut AnyConnection, values: Vec<(&str, ShareValue)>) -> Result<()> {
    let row = |(share_id, value): (&str, ShareValue)| {
        [
            share_id.into(),
            value.slot_id.into(),
            value.encrypted_value.into(),
            value.verification_key.into(),
            value.verification_hash.into(),
        ]
    };
    write_rows(
        db,
        "INSERT INTO share_values (share_id, slot_id, encrypted_value, encrypted_value_verification_key, \
         value_verification_hash) VALUES",
        values.into_iter().map(row).collect(),
        " ON CONFLICT (share_id, slot_id) DO UPDATE SET encrypted_value = excluded.encrypted_value, \
         encrypted_value_verification_key = excluded.encrypted_value_verification_key, \
         value_verification_hash = excluded.value_verification_hash",
    )
    .await
}

/// Replaces ciphertexts by those of a recipient who re-encrypted them. The owner's verification hash stays.
pub(crate) async fn reencrypt(
    db: &mut AnyConnection,
    share_id: &str,
    slot_id: &str,
    sent: &ReencryptedSlot,
) -> Result<()> {
    sqlx::query(
        "UPDATE share_values SET encrypted_value = $1, encrypted_value_verification_key = $2 \
         WHERE share_id = $3 AND slot_id = $4",
    )
    .bind(sent.encrypted_value.as_str())
    .bind(ciphertext_text(&sent.encrypted_value_verification_key))
    .bind(share_id)
    .bind(slot_id)
    .execute(db)
    .await?;
    Ok(())
}
