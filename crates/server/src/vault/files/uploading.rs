//! What an upload is, whoever sends it: a blob that is begun, blocks that are stored, and the list that makes a file of them.

use std::collections::{HashMap, HashSet};

use sqlx::AnyConnection;

use super::too_large;
use crate::{
    bounds::{BLOB_BLOCKS, UNFINISHED_UPLOADS},
    error::{Code, Error, Result},
    service::Service,
    store::new_id,
    token,
    vault::{
        Vault,
        records::{
            blobs::{self, BlobRow, BlockRow, NewBlob, OVERHEAD, folder},
            deleted_objects,
        },
    },
};

/// How long who has begun too many uploads waits: abandoning one is quicker.
const UNTIL_SOME_ARE_DONE: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// A file that is to be uploaded.
#[derive(Clone, Copy, Default)]
pub(super) struct Named<'a> {
    pub(super) filename: &'a str,
    pub(super) content_type: &'a str,
    pub(super) encrypted_resume: Option<&'a str>,
    /// What the client says of its length. What comes is counted.
    pub(super) bytes: i64,
}

/// Begins an upload, and returns the id and the key of its blob.
pub(super) async fn begin(vault: &Vault, user_id: &str, named: Named<'_>) -> Result<(i64, String)> {
    // Numbers that any client can read.
    let id = i64::from_be_bytes(token::random().map_err(Error::fault)?) & ((1 << 53) - 1);
    let (id, key) = (id.max(1), new_id());
    let Named { filename, content_type, encrypted_resume, bytes } = named;
    // Clients of others know what to do with a refusal here, and not of a block.
    if bytes > vault.limits().file_bytes {
        return Err(too_large(vault));
    }
    let mut tx = vault.store().write().await?;
    check_quota(&mut tx, vault, user_id, bytes.saturating_add(OVERHEAD)).await?;
    if blobs::count_unattached(&mut tx, user_id).await? >= UNFINISHED_UPLOADS {
        let message = "Too many uploads are unfinished: finish or abandon one, or";
        return Err(Error::TooMany { code: Code::TooManyUploads, message, retry_after: UNTIL_SOME_ARE_DONE });
    }
    let blob = NewBlob { id, key: &key, user_id, filename, content_type, encrypted_resume };
    blobs::insert(&mut tx, &blob, vault.clock().now()).await?;
    tx.commit().await?;
    Ok((id, key))
}

/// Refuses to change what an attachment is made of.
pub(super) fn check_unattached(blob: &BlobRow) -> Result<()> {
    match blob.attachment_id {
        None => Ok(()),
        Some(_) => Err(Error::refused(Code::UploadFinished, "A file was made of this upload, which stays as it is")),
    }
}

/// Stores a block. One of the same id is replaced.
pub(super) async fn store_block(vault: &Vault, key: &str, block_id: &str, bytes: Vec<u8>) -> Result<()> {
    let size = i64::try_from(bytes.len()).map_err(Error::fault)?;
    let object = format!("{}{}", folder(key), new_id());
    let block = BlockRow { object, block_id: block_id.to_owned(), size, begins_at: None };
    // Before it is there: who cuts the request off leaves nothing that is neither counted nor deleted.
    let mut tx = vault.store().write().await?;
    let blob = blobs::find(&mut tx, key).await?;
    check_unattached(&blob)?;
    // Whether there is room for it, is known when what it replaces is.
    check_quota(&mut tx, vault, &blob.user_id, 0).await?;
    deleted_objects::insert(&mut tx, &block.object, (&blob.user_id, size + OVERHEAD), vault.clock().now()).await?;
    tx.commit().await?;
    vault.storage().put(&block.object, bytes).await?;
    match note_block(vault, key, &block).await {
        Ok(None) => Ok(()),
        Ok(Some(replaced)) => {
            if let Err(error) = delete_replaced(vault, replaced.object).await {
                tracing::warn!(%error, "a block that was replaced stays until housekeeping deletes it");
            }
            Ok(())
        }
        // After another error nobody knows whether the row is there: if not, the object is noted as one that is to be deleted.
        Err(refused @ Error::Refused { .. }) => {
            if let Err(error) = delete_replaced(vault, block.object).await {
                tracing::warn!(%error, "a block that was refused stays until housekeeping deletes it");
            }
            Err(refused)
        }
        Err(error) => Err(error),
    }
}

/// Deletes the object of a block that was replaced or refused, for which nobody waits: only what is attached can be read, and of that no block
/// is replaced.
async fn delete_replaced(vault: &Vault, object: String) -> Result<()> {
    vault.storage().delete(&object).await?;
    let mut tx = vault.store().write().await?;
    deleted_objects::forget(&mut tx, &[object]).await?;
    Ok(tx.commit().await?)
}

/// Notes a block, and returns the one that it replaces.
async fn note_block(vault: &Vault, key: &str, block: &BlockRow) -> Result<Option<BlockRow>> {
    let mut tx = vault.store().write().await?;
    let blob = blobs::find(&mut tx, key).await?;
    check_unattached(&blob)?;
    // It counts as a block from now on.
    deleted_objects::forget(&mut tx, std::slice::from_ref(&block.object)).await?;
    let replaced = blobs::find_block(&mut tx, blob.id, &block.block_id).await?;
    let bytes = block.size - replaced.as_ref().map_or(0, |block| block.size);
    if replaced.is_none() && usize::try_from(blob.blocks).is_ok_and(|blocks| blocks >= BLOB_BLOCKS) {
        return Err(Error::refused(Code::TooManyValues, format!("A file has at most {BLOB_BLOCKS} blocks")));
    }
    if blob.bytes + bytes > vault.limits().file_bytes {
        return Err(too_large(vault));
    }
    let more = if replaced.is_some() { bytes } else { bytes + OVERHEAD };
    check_quota(&mut tx, vault, &blob.user_id, more).await?;
    blobs::set_block(&mut tx, &blob, block, replaced.as_ref(), vault.clock().now()).await?;
    tx.commit().await?;
    Ok(replaced)
}

/// Refuses what a user has no room for, also a block in place of one as large: the object of that one may be there still.
async fn check_quota(db: &mut AnyConnection, vault: &Vault, user_id: &str, more: i64) -> Result<()> {
    let quota = vault.limits().quota_file_bytes;
    if quota > 0 && blobs::usage_of(db, user_id).await?.saturating_add(more) > quota {
        let message = format!(
            "A user of this server has at most {quota} bytes of files, with those that were deleted within the last hour"
        );
        return Err(Error::refused(Code::QuotaExceeded, message));
    }
    Ok(())
}

/// Makes a blob of these of its blocks, in this order. Said again, it is done already, also where a file was made of it.
pub(super) async fn commit(vault: &Vault, key: &str, block_ids: &[String]) -> Result<()> {
    let mut db = vault.store().read().await?;
    let seen = blobs::find(&mut db, key).await?;
    let blocks = blobs::blocks_of(&mut db, seen.id).await?;
    drop(db);
    let (placed, size) = place(&blocks, block_ids)?;
    let is_done = seen.size == Some(size)
        && placed.len() == blocks.len()
        && placed.iter().all(|(block, begins_at)| block.begins_at == Some(*begins_at));
    if is_done {
        return Ok(());
    }
    let mut tx = vault.store().write().await?;
    let blob = blobs::find(&mut tx, key).await?;
    check_unattached(&blob)?;
    let is_as_seen = (seen.bytes, seen.blocks, seen.touched_at) == (blob.bytes, blob.blocks, blob.touched_at);
    let blocks = if is_as_seen { blocks } else { blobs::blocks_of(&mut tx, blob.id).await? };
    let (placed, size) = place(&blocks, block_ids)?;
    blobs::commit(&mut tx, &blob, &placed, size, vault.clock().now()).await?;
    Ok(tx.commit().await?)
}

/// The blocks of these ids, each with where it begins, and the length of all.
fn place<'a>(blocks: &'a [BlockRow], block_ids: &[String]) -> Result<(Vec<(&'a BlockRow, i64)>, i64)> {
    let by_id: HashMap<&str, &BlockRow> = blocks.iter().map(|block| (block.block_id.as_str(), block)).collect();
    let (mut placed, mut size, mut seen) = (Vec::with_capacity(block_ids.len()), 0, HashSet::new());
    for id in block_ids {
        let unknown = || Error::refused(Code::UnknownBlock, "A block of the list was not uploaded");
        let block = by_id.get(id.as_str()).ok_or_else(unknown)?;
        if !seen.insert(id) {
            return Err(Error::refused(Code::InvalidBlockList, "A block is twice in the list"));
        }
        placed.push((*block, size));
        size += block.size;
    }
    Ok((placed, size))
}

/// Deletes an upload that nothing was made of.
pub(super) async fn abandon(vault: &Vault, key: &str) -> Result<()> {
    let mut tx = vault.store().write().await?;
    check_unattached(&blobs::find(&mut tx, key).await?)?;
    blobs::delete(&mut tx, &[key], vault.clock().now()).await?;
    Ok(tx.commit().await?)
}
