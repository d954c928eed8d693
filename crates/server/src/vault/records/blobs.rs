//! Blobs: what is uploaded in blocks, each of which is an object, and in which order they are a file.

use sqlx::{AnyConnection, FromRow};

use super::{IDS_PER_STATEMENT, deleted_objects};
use crate::{
    clock::Millis,
    error::{Code, Error, Result},
    store::{Statement, write_rows},
};

/// What a blob is of its attachment. The rest of them are thumbnails, by their size.
pub(crate) const MAIN: &str = "main";
/// See [`MAIN`].
pub(crate) const ARTIFACT: &str = "artifact";

/// What a block, and also a blob, counts of a quota beside its bytes: its rows, and its file or folder, of which each takes an inode
/// and a page of most disks. Else empty ones would fill them.
pub(crate) const OVERHEAD: i64 = 4096;

#[derive(Clone, Debug, FromRow)]
pub(crate) struct BlobRow {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) user_id: String,
    pub(crate) attachment_id: Option<String>,
    pub(crate) part: Option<String>,
    pub(crate) encrypted_resume: Option<String>,
    pub(crate) bytes: i64,
    pub(crate) blocks: i64,
    /// None until it is committed.
    pub(crate) size: Option<i64>,
    pub(crate) touched_at: Millis,
}

const BLOBS: &str = "SELECT blobs.id, blobs.key, blobs.user_id, blobs.attachment_id, blobs.part, \
     blobs.encrypted_resume, blobs.bytes, blobs.blocks, blobs.size, blobs.touched_at FROM blobs WHERE 1 = 1";

/// What a blob's objects begin with.
pub(crate) fn folder(key: &str) -> String {
    format!("blobs/{key}/")
}

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::BlobNotFound)
}

/// A blob to be inserted.
pub(crate) struct NewBlob<'a> {
    pub(crate) id: i64,
    pub(crate) key: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) filename: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) encrypted_resume: Option<&'a str>,
}

pub(crate) async fn insert(db: &mut AnyConnection, blob: &NewBlob<'_>, now: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO blobs (id, key, user_id, filename, content_type, encrypted_resume, bytes, blocks, created_at, \
         touched_at) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $7)",
    )
    .bind(blob.id)
    .bind(blob.key)
    .bind(blob.user_id)
    .bind(blob.filename)
    .bind(blob.content_type)
    .bind(blob.encrypted_resume)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// The blob of this key, of whoever it is.
pub(crate) async fn find(db: &mut AnyConnection, key: &str) -> Result<BlobRow> {
    Statement::new(BLOBS).text(" AND blobs.key = ?", key).fetch(db).await?.pop().ok_or_else(not_found)
}

/// The blob of this id and this user.
pub(crate) async fn find_own(db: &mut AnyConnection, id: i64, user_id: &str) -> Result<BlobRow> {
    let select = Statement::new(BLOBS).number(" AND blobs.id = ?", id).text(" AND blobs.user_id = ?", user_id);
    select.fetch(db).await?.pop().ok_or_else(not_found)
}

/// How many blobs of a user belong to no attachment.
pub(crate) async fn count_unattached(db: &mut AnyConnection, user_id: &str) -> Result<i64> {
    let count = "SELECT COUNT(*) FROM blobs WHERE user_id = $1 AND attachment_id IS NULL";
    Ok(sqlx::query_scalar(count).bind(user_id).fetch_one(db).await?)
}

/// The newest of a user's blobs that belong to no attachment and have what to go on with.
pub(crate) async fn find_unfinished(db: &mut AnyConnection, user_id: &str, count: i64) -> Result<Vec<BlobRow>> {
    Statement::new(BLOBS)
        .text(" AND blobs.user_id = ?", user_id)
        .sql(" AND blobs.attachment_id IS NULL AND blobs.encrypted_resume IS NOT NULL")
        .number(" ORDER BY blobs.created_at DESC LIMIT ?", count)
        .fetch(db)
        .await
}

/// The ids of the blocks of these blobs, each with the key of its blob.
pub(crate) async fn block_ids(db: &mut AnyConnection, keys: &[&str]) -> Result<Vec<(String, String)>> {
    Statement::new(
        "SELECT blobs.key, blob_blocks.block_id FROM blobs JOIN blob_blocks ON blob_blocks.blob_id = blobs.id",
    )
    .any_of(" WHERE blobs.key IN (?) ORDER BY blob_blocks.block_id", keys)
    .fetch(db)
    .await
}

/// What a user has of what a quota limits: all that is stored, also while it is deleted and not gone yet.
pub(crate) async fn usage_of(db: &mut AnyConnection, user_id: &str) -> Result<i64> {
    let usage = "SELECT CAST(COALESCE((SELECT SUM(bytes + (blocks + 1) * $2) FROM blobs WHERE user_id = $1), 0) \
         + COALESCE((SELECT SUM(bytes) FROM deleted_objects WHERE user_id = $1), 0) AS BIGINT)";
    Ok(sqlx::query_scalar(usage).bind(user_id).bind(OVERHEAD).fetch_one(db).await?)
}

/// A block of a blob.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct BlockRow {
    pub(crate) object: String,
    pub(crate) block_id: String,
    pub(crate) size: i64,
    pub(crate) begins_at: Option<i64>,
}

const BLOCKS: &str = "SELECT object, block_id, size, begins_at FROM blob_blocks WHERE 1 = 1";

pub(crate) async fn find_block(db: &mut AnyConnection, blob_id: i64, block_id: &str) -> Result<Option<BlockRow>> {
    let select = Statement::new(BLOCKS).number(" AND blob_id = ?", blob_id).text(" AND block_id = ?", block_id);
    Ok(select.fetch(db).await?.pop())
}

pub(crate) async fn blocks_of(db: &mut AnyConnection, blob_id: i64) -> Result<Vec<BlockRow>> {
    Statement::new(BLOCKS).number(" AND blob_id = ?", blob_id).fetch(db).await
}

/// Some blocks that are not empty, in order, from the one in which a position of the file is.
pub(crate) async fn blocks_from(
    db: &mut AnyConnection,
    blob_id: i64,
    position: i64,
    count: i64,
) -> Result<Vec<BlockRow>> {
    Statement::new(BLOCKS)
        .number(" AND blob_id = ?", blob_id)
        .number(" AND begins_at >= (SELECT MAX(begins_at) FROM blob_blocks WHERE blob_id = ?", blob_id)
        .number(" AND begins_at <= ? AND size > 0)", position)
        .number(" AND size > 0 ORDER BY begins_at LIMIT ?", count)
        .fetch(db)
        .await
}

/// Inserts a block, or has another object in its place, which is noted as deleted. What was committed is not any more.
pub(crate) async fn set_block(
    db: &mut AnyConnection,
    blob: &BlobRow,
    block: &BlockRow,
    replaced: Option<&BlockRow>,
    now: Millis,
) -> Result<()> {
    if let Some(replaced) = replaced {
        deleted_objects::insert(db, &replaced.object, (&blob.user_id, replaced.size + OVERHEAD), now).await?;
    }
    sqlx::query(
        "INSERT INTO blob_blocks (object, blob_id, block_id, size) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (blob_id, block_id) DO UPDATE SET object = excluded.object, size = excluded.size, begins_at = NULL",
    )
    .bind(&block.object)
    .bind(blob.id)
    .bind(&block.block_id)
    .bind(block.size)
    .execute(&mut *db)
    .await?;
    let (bytes, blocks) = (replaced.map_or(0, |block| block.size), i64::from(replaced.is_none()));
    sqlx::query("UPDATE blobs SET bytes = $1, blocks = $2, size = NULL, touched_at = $3 WHERE id = $4")
        .bind(blob.bytes + block.size - bytes)
        .bind(blob.blocks + blocks)
        .bind(now)
        .bind(blob.id)
        .execute(db)
        .await?;
    Ok(())
}

/// Makes a blob of these blocks, each with where it begins, and notes the others as deleted.
pub(crate) async fn commit(
    db: &mut AnyConnection,
    blob: &BlobRow,
    blocks: &[(&BlockRow, i64)],
    size: i64,
    now: Millis,
) -> Result<()> {
    sqlx::query("UPDATE blob_blocks SET begins_at = NULL WHERE blob_id = $1").bind(blob.id).execute(&mut *db).await?;
    let rows = blocks.iter().map(|(block, begins_at)| [block.object.as_str().into(), (*begins_at).into()]).collect();
    let before = "UPDATE blob_blocks SET begins_at = changes.column2 FROM (VALUES";
    write_rows(db, before, rows, ") AS changes WHERE blob_blocks.object = changes.column1").await?;
    sqlx::query(
        "INSERT INTO deleted_objects (object, deleted_at, user_id, bytes) SELECT object, $1, $2, size + $3 \
         FROM blob_blocks WHERE blob_id = $4 AND begins_at IS NULL",
    )
    .bind(now)
    .bind(&blob.user_id)
    .bind(OVERHEAD)
    .bind(blob.id)
    .execute(&mut *db)
    .await?;
    let rest = "DELETE FROM blob_blocks WHERE blob_id = $1 AND begins_at IS NULL";
    sqlx::query(rest).bind(blob.id).execute(&mut *db).await?;
    sqlx::query("UPDATE blobs SET size = $1, bytes = $1, blocks = $2, touched_at = $3 WHERE id = $4")
        .bind(size)
        .bind(i64::try_from(blocks.len()).unwrap_or(i64::MAX))
        .bind(now)
        .bind(blob.id)
        .execute(db)
        .await?;
    Ok(())
}

/// Sets what a blob is called.
pub(crate) async fn rename(db: &mut AnyConnection, id: i64, filename: &str, content_type: &str) -> Result<()> {
    let update = sqlx::query("UPDATE blobs SET filename = $1, content_type = $2 WHERE id = $3");
    update.bind(filename).bind(content_type).bind(id).execute(db).await?;
    Ok(())
}

/// Makes a blob a part of an attachment. What there was to go on with is of no more use.
pub(crate) async fn attach(db: &mut AnyConnection, id: i64, attachment_id: &str, part: &str) -> Result<()> {
    sqlx::query("UPDATE blobs SET attachment_id = $1, part = $2, encrypted_resume = NULL WHERE id = $3")
        .bind(attachment_id)
        .bind(part)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// The keys of the blobs of an attachment.
pub(crate) async fn keys_of(db: &mut AnyConnection, attachment_id: &str) -> Result<Vec<String>> {
    let keys = sqlx::query_scalar("SELECT key FROM blobs WHERE attachment_id = $1");
    Ok(keys.bind(attachment_id).fetch_all(db).await?)
}

/// The keys of some blobs of a user, each with how many blocks it has.
pub(crate) async fn some_of_user(db: &mut AnyConnection, user_id: &str, count: i64) -> Result<Vec<(String, i64)>> {
    let some = "SELECT key, blocks FROM blobs WHERE user_id = $1 LIMIT $2";
    Ok(sqlx::query_as(some).bind(user_id).bind(count).fetch_all(db).await?)
}

/// As [`some_of_user`], of those that belong to no attachment and were not touched since.
pub(crate) async fn some_forgotten(db: &mut AnyConnection, since: Millis, count: i64) -> Result<Vec<(String, i64)>> {
    let some = "SELECT key, blocks FROM blobs WHERE touched_at <= $1 AND attachment_id IS NULL LIMIT $2";
    Ok(sqlx::query_as(some).bind(since).bind(count).fetch_all(db).await?)
}

/// Deletes blobs with their blocks, and notes their objects as deleted.
pub(crate) async fn delete(db: &mut AnyConnection, keys: &[impl AsRef<str>], now: Millis) -> Result<()> {
    for keys in keys.chunks(IDS_PER_STATEMENT) {
        // Of each its folder.
        Statement::new("INSERT INTO deleted_objects (object, deleted_at, user_id, bytes)")
            .number(" SELECT 'blobs/' || key || '/', ?, user_id,", now)
            .number(" bytes + (blocks + 1) * ? FROM blobs WHERE 1 = 1", OVERHEAD)
            .any_of(" AND key IN (?)", keys)
            .execute(db)
            .await?;
        Statement::new("DELETE FROM blob_blocks WHERE blob_id IN (SELECT blobs.id FROM blobs WHERE 1 = 1")
            .any_of(" AND blobs.key IN (?))", keys)
            .execute(db)
            .await?;
        Statement::new("DELETE FROM blobs WHERE 1 = 1").any_of(" AND key IN (?)", keys).execute(db).await?;
    }
    Ok(())
}
