//! What the senders of shares sign, for their recipients to check. They are read with the shares, where somebody asks for them.

use std::collections::HashMap;

use sqlx::AnyConnection;
use vaultshare::api::vault::shares::NewShare;

use crate::{error::Result, store::write_rows};

/// Inserts the proofs of new shares, given with their ids.
pub(crate) async fn insert(db: &mut AnyConnection, new: impl Iterator<Item = (&str, &NewShare)>) -> Result<()> {
    let row = |(share_id, new): (&str, &NewShare)| {
        let proof = new.proof.as_deref()?;
        Some([share_id.into(), proof.into(), new.content_signature.as_deref().into()])
    };
    let insert = "INSERT INTO share_proofs (share_id, proof, content_signature) VALUES";
    write_rows(db, insert, new.filter_map(row).collect(), "").await
}

/// Sets what is signed of the values of shares, or removes it, given by share id. A share without a proof has no use for it.
pub(crate) async fn set_content_signatures(
    db: &mut AnyConnection,
    signatures: &HashMap<&str, Option<&str>>,
) -> Result<()> {
    // The cast is for PostgreSQL: a column of nulls only has no type.
    let before = "UPDATE share_proofs SET content_signature = CAST(signatures.column2 AS TEXT) FROM (VALUES";
    let rows = signatures.iter().map(|(share_id, signature)| [(*share_id).into(), (*signature).into()]).collect();
    write_rows(db, before, rows, ") AS signatures WHERE share_proofs.share_id = signatures.column1").await
}
