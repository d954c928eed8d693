//! The values of shares, each encrypted with the DEK of its share.

use sqlx::AnyConnection;
use vaultshare::api::vault::items::ReencryptedSlot;

use super::IDS_PER_STATEMENT;
use crate::{
    error::Result,
    store::{Statement, write_rows},
    wire::ciphertext_text,
};

/// A value of a share, with the owner's id of its slot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShareValue {
    pub(crate) slot_id: String,
    pub(crate) encrypted_value: String,
    pub(crate) verification_key: String,
    pub(crate) verification_hash: String,
}

/// Deletes all values of shares.
pub(crate) async fn delete_all(db: &mut AnyConnection, share_ids: &[&str]) -> Result<()> {
    for share_ids in share_ids.chunks(IDS_PER_STATEMENT) {
        let delete = Statement::new("DELETE FROM share_values WHERE 1 = 1").any_of(" AND share_id IN (?)", share_ids);
        delete.execute(db).await?;
    }
    Ok(())
}

/// Deletes values, given by share and the owner's id of the slot.
pub(crate) async fn delete(db: &mut AnyConnection, values: &[(&str, &str)]) -> Result<()> {
    let rows = values.iter().map(|(share_id, slot_id)| [(*share_id).into(), (*slot_id).into()]).collect();
    write_rows(db, "DELETE FROM share_values WHERE (share_id, slot_id) IN (VALUES", rows, ")").await
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

/// Replaces ciphertexts of a share by those of a recipient who re-encrypted them, given by the owner's ids of their slots. The
/// owner's verification hashes stay.
pub(crate) async fn reencrypt(
    db: &mut AnyConnection,
    share_id: &str,
    sent: &[(String, &ReencryptedSlot)],
) -> Result<()> {
    let row = |(slot_id, slot): &(String, &ReencryptedSlot)| {
        let key = ciphertext_text(&slot.encrypted_value_verification_key);
        [share_id.into(), slot_id.as_str().into(), slot.encrypted_value.as_str().into(), key.into()]
    };
    let before = "UPDATE share_values SET encrypted_value = sent.column3, \
         encrypted_value_verification_key = sent.column4 FROM (VALUES";
    let of_slots = ") AS sent WHERE share_values.share_id = sent.column1 AND share_values.slot_id = sent.column2";
    write_rows(db, before, sent.iter().map(row).collect(), of_slots).await
}
