//! Attachments: a file, the IVs and tags of its blocks, and thumbnails of it. Who may read one: its owner, and who has a slot
//! that stands for it.

use std::collections::{BTreeMap, HashSet};

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Id,
    vault::{attachments::Attachment, slots::Slot, thumbnails::Thumbnail},
};

use super::{
    IDS_PER_STATEMENT,
    blobs::{self, ARTIFACT, MAIN},
};
use crate::{
    clock::{Clock, Millis, to_wire},
    error::{Code, Error, Result},
    pagination::Page,
    store::Statement,
    wire::{Stored, id_text},
};

/// What every query for attachments asks for, with [`PARTS`].
const COLUMNS: &str = " attachments.id, attachments.user_id, attachments.created_at, \
     attachments.sequence, main.key AS main_key, main.filename, main.content_type, main.size AS bytes, \
     main.touched_at AS uploaded_at, artifact.key AS artifact_key, artifact.filename AS artifact_filename, \
     artifact.content_type AS artifact_content_type, artifact.size AS artifact_bytes";
const PARTS: &str = " JOIN blobs AS main ON main.attachment_id = attachments.id AND main.part = 'main' \
     LEFT JOIN blobs AS artifact ON artifact.attachment_id = attachments.id AND artifact.part = 'artifact'";

#[derive(Clone, Debug, FromRow)]
pub(crate) struct AttachmentRow {
    pub(crate) id: String,
    user_id: String,
    created_at: Millis,
    pub(crate) sequence: i64,
    pub(crate) main_key: String,
    pub(crate) filename: String,
    pub(crate) content_type: String,
    pub(crate) bytes: Option<i64>,
    uploaded_at: Millis,
    pub(crate) artifact_key: Option<String>,
    pub(crate) artifact_filename: Option<String>,
    pub(crate) artifact_content_type: Option<String>,
    pub(crate) artifact_bytes: Option<i64>,
}

impl AttachmentRow {
    /// As lists have it.
    pub(crate) fn wire(self) -> Result<Attachment> {
        let is_direct_upload = self.artifact_key.is_some();
        let url = (!is_direct_upload).then(|| format!("/vault/attachments/{}/download", self.id));
        Ok(Attachment {
            id: Id::stored(self.id)?,
            filename: self.filename,
            content_type: self.content_type,
            bytesize: byte_count(self.bytes),
            bytesize_checked_at: Some(to_wire(self.uploaded_at)),
            user_id: Some(Id::stored(self.user_id)?),
            created_at: to_wire(self.created_at),
            is_direct_upload,
            main: None,
            encryption_artifact: None,
            attachment_uid: None,
            url,
        })
    }
}

pub(crate) fn byte_count(bytes: Option<i64>) -> Option<u64> {
    bytes.and_then(|bytes| u64::try_from(bytes).ok())
}

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::AttachmentNotFound)
}

/// Makes an attachment of a file, which no slot stands for yet.
pub(crate) async fn insert(
    db: &mut AnyConnection,
    id: &str,
    user_id: &str,
    (main, artifact): (i64, Option<i64>),
    clock: &Clock,
) -> Result<()> {
    let insert =
        "INSERT INTO attachments (id, user_id, created_at, unused_since, sequence) VALUES ($1, $2, $3, $3, $4)";
    let insert = sqlx::query(insert).bind(id).bind(user_id).bind(clock.now()).bind(clock.sequence());
    insert.execute(&mut *db).await?;
    blobs::attach(db, main, id, MAIN).await?;
    match artifact {
        Some(artifact) => blobs::attach(db, artifact, id, ARTIFACT).await,
        None => Ok(()),
    }
}

/// Begins a query for attachments, to which conditions are added.
fn select() -> Statement {
    Statement::new("SELECT").sql(COLUMNS).sql(" FROM attachments").sql(PARTS).sql(" WHERE 1 = 1")
}

/// The attachment of this id and this user.
pub(crate) async fn find_own(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<AttachmentRow> {
    let select = select().text(" AND attachments.id = ?", id).text(" AND attachments.user_id = ?", user_id);
    select.fetch(db).await?.pop().ok_or_else(not_found)
}

/// What a user may read: their own, and that of a slot whose value they may read.
const READABLE: &str = " AND (attachments.user_id = ? OR EXISTS (SELECT 1 FROM slots \
     JOIN items ON items.id = slots.item_id JOIN shares ON shares.id = items.share_id \
     WHERE slots.attachment_id = attachments.id AND items.user_id = ? AND items.owner_id = attachments.user_id \
     AND shares.acceptance_required <> 'acceptance_required') OR EXISTS (SELECT 1 FROM slots \
     JOIN space_shares ON space_shares.item_id = slots.item_id WHERE slots.attachment_id = attachments.id \
     AND space_shares.recipient_id = ? AND space_shares.sender_id = attachments.user_id \
     AND (space_shares.slot_id IS NULL OR space_shares.slot_id = slots.id) \
     AND (space_shares.expires_at IS NULL OR space_shares.expires_at >";

/// The attachment of this id, if this user may read it now.
pub(crate) async fn find_readable(
    db: &mut AnyConnection,
    id: &str,
    user_id: &str,
    now: Millis,
) -> Result<AttachmentRow> {
    let select = select().text(" AND attachments.id = ?", id).text(READABLE, user_id).number(" ?)))", now);
    select.fetch(db).await?.pop().ok_or_else(not_found)
}

/// A page of a user's own.
pub(crate) async fn list(db: &mut AnyConnection, user_id: &str, page: &Page) -> Result<Vec<AttachmentRow>> {
    select().text(" AND attachments.user_id = ?", user_id).page("attachments.sequence", page).fetch(db).await
}

/// Which of these ids are of attachments of this user.
pub(crate) async fn own_among(db: &mut AnyConnection, ids: &[&str], user_id: &str) -> Result<HashSet<String>> {
    let mut own = HashSet::new();
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        let select = Statement::new("SELECT id FROM attachments WHERE 1 = 1").any_of(" AND id IN (?)", ids);
        let found: Vec<(String,)> = select.text(" AND user_id || '' = ?", user_id).fetch(db).await?;
        own.extend(found.into_iter().map(|(id,)| id));
    }
    Ok(own)
}

/// A thumbnail.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ThumbnailRow {
    pub(crate) key: String,
    pub(crate) attachment_id: String,
    pub(crate) size_type: String,
    pub(crate) created_at: Millis,
}

const THUMBNAILS: &str = "SELECT blobs.key, blobs.attachment_id, blobs.part AS size_type, blobs.created_at FROM blobs \
     WHERE blobs.attachment_id IS NOT NULL AND blobs.part NOT IN ('main', 'artifact')";

/// The thumbnail of this id, of whoever it is.
pub(crate) async fn find_thumbnail(db: &mut AnyConnection, id: &str) -> Result<ThumbnailRow> {
    let select = Statement::new(THUMBNAILS).text(" AND blobs.key = ?", id);
    select.fetch(db).await?.pop().ok_or_else(|| Error::not_found(Code::ThumbnailNotFound))
}

/// The thumbnail of an attachment that has this size.
pub(crate) async fn thumbnail_of_size(
    db: &mut AnyConnection,
    attachment_id: &str,
    size_type: &str,
) -> Result<Option<ThumbnailRow>> {
    let select = Statement::new(THUMBNAILS).text(" AND blobs.attachment_id = ?", attachment_id);
    Ok(select.text(" AND blobs.part = ?", size_type).fetch(db).await?.pop())
}

impl ThumbnailRow {
    pub(crate) fn wire(self) -> Result<Thumbnail> {
        let attachment_id = Id::stored(self.attachment_id)?;
        Ok(Thumbnail {
            url: Some(format!("/vault/thumbnails/{}", self.key)),
            id: Id::stored(self.key)?,
            binary_id: Some(attachment_id.clone()),
            attachment_id,
            size_type: self.size_type,
            created_at: to_wire(self.created_at),
            updated_at: to_wire(self.created_at),
        })
    }
}

/// Of what is shown of items: the attachments that slots stand for, and their thumbnails.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfItems {
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) thumbnails: Vec<Thumbnail>,
}

#[derive(FromRow)]
struct OfItem {
    #[sqlx(flatten)]
    attachment: AttachmentRow,
    thumbnail_id: Option<String>,
    size_type: Option<String>,
    thumbnail_created_at: Option<Millis>,
}

/// A recipient sees none before they have accepted.
const OF_ITEMS: &str = ", thumbnails.key AS thumbnail_id, thumbnails.part AS size_type, \
     thumbnails.created_at AS thumbnail_created_at FROM slots JOIN items ON items.id = slots.item_id \
     LEFT JOIN shares ON shares.id = items.share_id \
     JOIN attachments ON attachments.id = slots.attachment_id AND attachments.user_id = items.owner_id";
const OF_READABLE_ITEMS: &str = " LEFT JOIN blobs AS thumbnails ON thumbnails.attachment_id = attachments.id \
     AND thumbnails.part NOT IN ('main', 'artifact') \
     WHERE (items.original_id IS NULL OR shares.acceptance_required <> 'acceptance_required')";

/// The attachments of these items, as whoever has the items may see them.
pub(crate) async fn of_items(db: &mut AnyConnection, item_ids: &[String]) -> Result<OfItems> {
    let rows: Vec<OfItem> = Statement::new("SELECT DISTINCT")
        .sql(COLUMNS)
        .sql(OF_ITEMS)
        .sql(PARTS)
        .sql(OF_READABLE_ITEMS)
        .any_of(" AND slots.item_id IN (?)", item_ids)
        .fetch(db)
        .await?;
    let (mut attachments, mut thumbnails) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let (attachment_id, sequence) = (row.attachment.id.clone(), row.attachment.sequence);
        if let (Some(key), Some(size_type), Some(created_at)) =
            (row.thumbnail_id, row.size_type, row.thumbnail_created_at)
        {
            let thumbnail = ThumbnailRow { key: key.clone(), attachment_id, size_type, created_at };
            thumbnails.insert((sequence, key), thumbnail.wire()?);
        }
        attachments.insert(sequence, row.attachment);
    }
    let attachments = attachments.into_values().map(AttachmentRow::wire).collect::<Result<_>>()?;
    Ok(OfItems { attachments, thumbnails: thumbnails.into_values().collect() })
}

/// [`of_items`], of some slots of an item.
pub(crate) async fn of_slots(db: &mut AnyConnection, item_id: &str, slots: &[Slot]) -> Result<OfItems> {
    let shown: HashSet<&str> = slots.iter().filter_map(|slot| id_text(&slot.attachment_id)).collect();
    if shown.is_empty() {
        return Ok(OfItems::default());
    }
    let OfItems { mut attachments, mut thumbnails } = of_items(db, &[item_id.to_owned()]).await?;
    attachments.retain(|attachment| shown.contains(attachment.id.as_str()));
    thumbnails.retain(|thumbnail| shown.contains(thumbnail.attachment_id.as_str()));
    Ok(OfItems { attachments, thumbnails })
}

/// Deletes an attachment with its blobs. Slots that stand for it stay, without one.
pub(crate) async fn delete(db: &mut AnyConnection, id: &str, now: Millis) -> Result<()> {
    sqlx::query(
        "UPDATE items SET updated_at = CASE WHEN updated_at < $1 THEN $1 ELSE updated_at + 1 END \
         WHERE id IN (SELECT item_id FROM slots WHERE attachment_id = $2)",
    )
    .bind(now)
    .bind(id)
    .execute(&mut *db)
    .await?;
    sqlx::query("UPDATE slots SET attachment_id = NULL, updated_at = $1 WHERE attachment_id = $2")
        .bind(now)
        .bind(id)
        .execute(&mut *db)
        .await?;
    let keys = blobs::keys_of(db, id).await?;
    blobs::delete(db, &keys, now).await?;
    sqlx::query("DELETE FROM attachments WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

/// Deletes attachments of a user that have no blobs any more.
pub(crate) async fn delete_emptied_of(db: &mut AnyConnection, user_id: &str) -> Result<()> {
    sqlx::query(
        "DELETE FROM attachments WHERE user_id = $1 \
         AND NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.attachment_id = attachments.id)",
    )
    .bind(user_id)
    .execute(db)
    .await?;
    Ok(())
}

const USED: &str = " EXISTS (SELECT 1 FROM slots WHERE slots.attachment_id = attachments.id)";

/// Some attachments behind an id that a slot stands for and that are noted as unused, or the other way round.
pub(crate) async fn some_misnoted(db: &mut AnyConnection, behind: &str, count: i64) -> Result<Vec<String>> {
    let found: Vec<(String,)> = Statement::new("SELECT id FROM attachments WHERE 1 = 1")
        .text(" AND id > ?", behind)
        .sql(" AND CASE WHEN unused_since IS NULL THEN 0 ELSE 1 END = CASE WHEN")
        .sql(USED)
        .number(" THEN 1 ELSE 0 END ORDER BY id LIMIT ?", count)
        .fetch(db)
        .await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Notes of these whether they are used.
pub(crate) async fn note_use(db: &mut AnyConnection, ids: &[String], now: Millis) -> Result<()> {
    Statement::new("UPDATE attachments SET unused_since = CASE WHEN")
        .sql(USED)
        .number(" THEN NULL ELSE COALESCE(unused_since, CAST(? AS BIGINT)) END WHERE 1 = 1", now)
        .any_of(" AND id IN (?)", ids)
        .execute(db)
        .await
}

/// An attachment that was noted as unused before a time, and is.
pub(crate) async fn one_unused(db: &mut AnyConnection, since: Millis) -> Result<Option<String>> {
    let found: Vec<(String,)> = Statement::new("SELECT id FROM attachments WHERE 1 = 1")
        .number(" AND unused_since <= ?", since)
        .sql(" AND NOT")
        .sql(USED)
        .sql(" ORDER BY unused_since LIMIT 1")
        .fetch(db)
        .await?;
    Ok(found.into_iter().map(|(id,)| id).next())
}
