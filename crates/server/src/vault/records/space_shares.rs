//! Shares of the first protocol, and what each side sees of one.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id,
    vault::{
        encryption_spaces::{NewSpaceShare, ShareableType, SpaceShare, ValuesBySlot, ValuesInAnyForm},
        items::Item,
        slots::Slot,
    },
};

use super::items;
use crate::{
    clock::{Clock, Millis, to_wire},
    error::{Code, Error, Result},
    pagination::Page,
    store::{Statement, new_id, write_rows},
    wire::{Stored, id_text, maybe_time},
};

/// Every query for these shares starts with this, then [`SENT`] or [`RECEIVED`], then conditions. The connection and
/// its space are the reading user's own.
const SHARES: &str = "SELECT space_shares.id, space_shares.item_id, space_shares.slot_id, \
     space_shares.sender_id, space_shares.recipient_id, space_shares.distributable, space_shares.tradeable, \
     space_shares.note, space_shares.terms, space_shares.expires_at, space_shares.created_at, \
     space_shares.updated_at, space_shares.sequence AS sequence, connections.id AS connection_id, \
     connections.encryption_space_id \
     FROM space_shares JOIN connections ON";

const SENT: &str = " connections.user_id = space_shares.sender_id \
     AND connections.other_user_id = space_shares.recipient_id WHERE space_shares.sender_id = ?";
const RECEIVED: &str = " connections.user_id = space_shares.recipient_id \
     AND connections.other_user_id = space_shares.sender_id WHERE space_shares.recipient_id = ?";

#[derive(Clone, Debug, FromRow)]
pub(crate) struct ShareRow {
    pub(crate) id: String,
    pub(crate) item_id: String,
    pub(crate) slot_id: Option<String>,
    pub(crate) sender_id: String,
    pub(crate) recipient_id: String,
    distributable: i64,
    tradeable: i64,
    note: Option<String>,
    terms: Option<String>,
    expires_at: Option<Millis>,
    created_at: Millis,
    updated_at: Millis,
    pub(crate) sequence: i64,
    connection_id: String,
    encryption_space_id: Option<String>,
}

impl ShareRow {
    fn wire(self, reader: &str, values: ValuesBySlot) -> Result<SpaceShare> {
        let shareable_type = if self.slot_id.is_some() { ShareableType::Slot } else { ShareableType::Item };
        let slotable_id = self.slot_id.is_some().then(|| self.item_id.clone());
        Ok(SpaceShare {
            id: Id::stored(self.id)?,
            connection_id: Id::stored(self.connection_id)?,
            shareable_type,
            shareable_id: Id::stored(self.slot_id.unwrap_or_else(|| self.item_id.clone()))?,
            item_id: Some(Id::stored(self.item_id)?),
            note: self.note,
            terms: self.terms,
            expires_at: maybe_time(self.expires_at),
            tradeable: self.tradeable != 0,
            distributable: self.distributable != 0,
            outgoing: self.sender_id == reader,
            encryption_space_id: Id::maybe(self.encryption_space_id)?,
            encrypted_values: values,
            user_id: Some(Id::stored(self.recipient_id.clone())?),
            shareable_user_id: Some(Id::stored(self.sender_id.clone())?),
            slotable_id: Id::maybe(slotable_id)?,
            sender_id: Some(Id::stored(self.sender_id)?),
            recipient_id: Some(Id::stored(self.recipient_id)?),
            created_at: Some(to_wire(self.created_at)),
            updated_at: Some(to_wire(self.updated_at)),
        })
    }
}

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::ShareNotFound)
}

/// The share of this id, if this user is its sender or its recipient and it has not expired.
pub(crate) async fn find(db: &mut AnyConnection, id: &str, user_id: &str, now: Millis) -> Result<ShareRow> {
    let of_this_id = |select: Statement| select.text(" AND space_shares.id = ?", id);
    let select = of_this_id(sent(Statement::new(SHARES), user_id, now)).sql(" UNION ALL ").sql(SHARES);
    of_this_id(received(select, user_id, now)).fetch(db).await?.pop().ok_or_else(not_found)
}

/// A page of the shares that this user sent, received, or both, and that have not expired at `now`.
pub(crate) async fn page_of(
    db: &mut AnyConnection,
    sides: Sides,
    user_id: &str,
    now: Millis,
    page: &Page,
) -> Result<Vec<ShareRow>> {
    let start = |select: Statement| select.behind("space_shares.sequence", page);
    let select = Statement::new(SHARES);
    let select = match sides {
        Sides::Sent => start(sent(select, user_id, now)),
        Sides::Received => start(received(select, user_id, now)),
        Sides::Both => {
            let select = start(sent(select, user_id, now)).sql(" UNION ALL ").sql(SHARES);
            start(received(select, user_id, now))
        }
    };
    select.in_order("sequence", page).fetch(db).await
}

/// Which of a user's shares are listed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sides {
    Sent,
    Received,
    Both,
}

fn sent(select: Statement, user_id: &str, now: Millis) -> Statement {
    select.text(SENT, user_id).number(NOT_EXPIRED, now)
}

fn received(select: Statement, user_id: &str, now: Millis) -> Statement {
    select.text(RECEIVED, user_id).number(NOT_EXPIRED, now)
}

const NOT_EXPIRED: &str = " AND (space_shares.expires_at IS NULL OR space_shares.expires_at > ?)";

/// What these shares weigh in a list with their items, in bytes of the reply, by their ids.
pub(crate) async fn weights(db: &mut AnyConnection, rows: &[ShareRow]) -> Result<HashMap<String, usize>> {
    let item_ids: Vec<&str> = rows.iter().map(|row| row.item_id.as_str()).collect();
    let items = items::weights(db, &item_ids).await?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let select = "SELECT share_id, COUNT(*), CAST(SUM(OCTET_LENGTH(encrypted_value)) AS BIGINT) \
         FROM space_share_values WHERE 1 = 1";
    let values: Vec<(String, i64, i64)> =
        Statement::new(select).any_of(" AND share_id IN (?)", &ids).sql(" GROUP BY share_id").fetch(db).await?;
    let value_bytes = |count: i64, bytes: i64| usize::try_from(count * BYTES_PER_VALUE + bytes).unwrap_or(usize::MAX);
    let values: HashMap<String, usize> =
        values.into_iter().map(|(id, count, bytes)| (id, value_bytes(count, bytes))).collect();
    let weight = |row: &ShareRow| {
        let texts = [&row.note, &row.terms].into_iter().flatten().map(String::len).sum::<usize>();
        let [item, values] = [items.get(&row.item_id), values.get(&row.id)].map(|found| found.copied().unwrap_or(0));
        BYTES_PER_SHARE + texts + item + values
    };
    Ok(rows.iter().map(|row| (row.id.clone(), weight(row))).collect())
}

/// What a share takes in a reply beside its texts and values, and its item beside its slots.
const BYTES_PER_SHARE: usize = 2048;

/// The key that a value stands behind.
const BYTES_PER_VALUE: i64 = 48;

/// The shares with their values, for one of their two users.
pub(crate) async fn with_values(db: &mut AnyConnection, rows: Vec<ShareRow>, reader: &str) -> Result<Vec<SpaceShare>> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut values = values_of(db, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let values = values.remove(&row.id).unwrap_or_default();
            row.wire(reader, values)
        })
        .collect()
}

/// The shared items, one for each share. Any number of them takes the same few statements.
pub(crate) async fn items_of(
    db: &mut AnyConnection,
    rows: &[ShareRow],
    reader: &str,
) -> Result<Vec<(Item, Vec<Slot>)>> {
    let mut ids: Vec<&str> = rows.iter().map(|row| row.item_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let originals = items::find_all(db, &ids).await?;
    let loaded = items::load(db, originals, reader).await?;
    let items: HashMap<&str, &Item> = loaded.items.iter().map(|item| (item.id.as_str(), item)).collect();
    let mut slots: HashMap<&str, Vec<&Slot>> = HashMap::new();
    for slot in &loaded.slots {
        slots.entry(id_text(&slot.item_id).unwrap_or_default()).or_default().push(slot);
    }
    let seen = |row: &ShareRow| {
        let item = items.get(row.item_id.as_str()).ok_or_else(|| Error::fault("a shared item is not there"))?;
        let slots = slots.get(row.item_id.as_str()).into_iter().flatten();
        item_as_seen(row, reader, (*item).clone(), slots.map(|slot| (*slot).clone()).collect())
    };
    rows.iter().map(seen).collect()
}

/// The owner sees the item as it is. The recipient sees it with the owner's ids, without values (they are in the
/// share), and of a share of one slot that slot only.
fn item_as_seen(row: &ShareRow, reader: &str, mut item: Item, mut slots: Vec<Slot>) -> Result<(Item, Vec<Slot>)> {
    if row.sender_id == reader {
        return Ok((item, slots));
    }
    let share_id = Id::stored(row.id.clone())?;
    if let Some(only) = &row.slot_id {
        slots.retain(|slot| slot.id.as_str() == only);
    }
    for slot in &mut slots {
        slot.own = false;
        slot.share_id = Some(share_id.clone());
        slot.encrypted_value = None;
        slot.classification_node_ids.clear();
    }
    item.own = false;
    item.share_id = Some(share_id);
    item.slot_ids = slots.iter().map(|slot| slot.id.clone()).collect();
    item.classification_node_ids.clear();
    Ok((item, slots))
}

async fn values_of(db: &mut AnyConnection, share_ids: &[&str]) -> Result<HashMap<String, ValuesBySlot>> {
    #[derive(FromRow)]
    struct Row {
        share_id: String,
        slot_id: String,
        encrypted_value: String,
    }
    let select = Statement::new("SELECT share_id, slot_id, encrypted_value FROM space_share_values WHERE 1 = 1");
    let rows: Vec<Row> = select.any_of(" AND share_id IN (?)", share_ids).fetch(db).await?;
    let mut values: HashMap<String, ValuesBySlot> = HashMap::new();
    for row in rows {
        let of_share = values.entry(row.share_id).or_default();
        of_share.insert(row.slot_id, Some(Ciphertext::stored(row.encrypted_value)?));
    }
    Ok(values)
}

/// Replaces the values of a share.
pub(crate) async fn replace_values(db: &mut AnyConnection, share_id: &str, values: &ValuesBySlot) -> Result<()> {
    sqlx::query("DELETE FROM space_share_values WHERE share_id = $1").bind(share_id).execute(&mut *db).await?;
    let filled = values.iter().filter_map(|(slot_id, value)| Some((slot_id, value.as_ref()?)));
    let rows = filled.map(|(slot_id, value)| [share_id.into(), slot_id.as_str().into(), value.as_str().into()]);
    let insert = "INSERT INTO space_share_values (share_id, slot_id, encrypted_value) VALUES";
    write_rows(db, insert, rows.collect(), "").await
}

/// Deletes a share that the user sent or received. False if there was none.
pub(crate) async fn delete(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM space_shares WHERE id = $1 AND (sender_id = $2 OR recipient_id = $2)");
    Ok(delete.bind(id).bind(user_id).execute(db).await?.rows_affected() == 1)
}

/// Deletes what two users share with each other.
pub(crate) async fn delete_between(db: &mut AnyConnection, one: &str, other: &str) -> Result<()> {
    sqlx::query(
        "DELETE FROM space_shares WHERE (sender_id = $1 AND recipient_id = $2) OR (sender_id = $2 AND recipient_id = $1)",
    )
    .bind(one)
    .bind(other)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn delete_expired(db: &mut AnyConnection, now: Millis) -> Result<()> {
    sqlx::query("DELETE FROM space_shares WHERE expires_at <= $1").bind(now).execute(db).await?;
    Ok(())
}

/// The id of the share of the same item or slot with the same recipient.
pub(crate) async fn find_same(
    db: &mut AnyConnection,
    item_id: &str,
    slot_id: Option<&str>,
    recipient_id: &str,
) -> Result<Option<String>> {
    let select = Statement::new("SELECT id FROM space_shares WHERE 1 = 1")
        .text(" AND item_id = ?", item_id)
        .text(" AND recipient_id = ?", recipient_id)
        .text(" AND COALESCE(slot_id, '') = ?", slot_id.unwrap_or_default());
    Ok(select.fetch::<(String,)>(db).await?.pop().map(|(id,)| id))
}

pub(crate) async fn insert(
    db: &mut AnyConnection,
    (item_id, slot_id): (&str, Option<&str>),
    sender_id: &str,
    new: &NewSpaceShare,
    expires_at: Option<Millis>,
    clock: &Clock,
) -> Result<String> {
    let id = new_id();
    sqlx::query(
        "INSERT INTO space_shares (id, item_id, slot_id, sender_id, recipient_id, distributable, tradeable, note, \
         terms, expires_at, created_at, updated_at, sequence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)",
    )
    .bind(&id)
    .bind(item_id)
    .bind(slot_id)
    .bind(sender_id)
    .bind(new.user_id.as_str())
    .bind(i64::from(new.distributable))
    .bind(i64::from(new.tradeable))
    .bind(&new.note)
    .bind(&new.terms)
    .bind(expires_at)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(id)
}

/// Replaces the terms of a share by those of a new one.
pub(crate) async fn replace_terms(
    db: &mut AnyConnection,
    id: &str,
    new: &NewSpaceShare,
    expires_at: Option<Millis>,
    now: Millis,
) -> Result<()> {
    sqlx::query(
        "UPDATE space_shares SET distributable = $1, tradeable = $2, note = $3, terms = $4, expires_at = $5, \
         updated_at = $6 WHERE id = $7",
    )
    .bind(i64::from(new.distributable))
    .bind(i64::from(new.tradeable))
    .bind(&new.note)
    .bind(&new.terms)
    .bind(expires_at)
    .bind(now)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

/// One share's change. What is absent stays unchanged; a null `expires_at` removes the expiry.
#[derive(Debug, Deserialize)]
pub(crate) struct SpaceShareChange {
    pub(crate) id: Id,
    pub(crate) encrypted_values: Option<ValuesInAnyForm>,
    pub(crate) distributable: Option<bool>,
    pub(crate) tradeable: Option<bool>,
    pub(crate) note: Option<String>,
    pub(crate) terms: Option<String>,
    #[serde(default, with = "serde_with::rust::double_option")]
    pub(crate) expires_at: Option<Option<String>>,
}

pub(crate) async fn set_expiry(db: &mut AnyConnection, id: &str, expires_at: Option<Millis>) -> Result<()> {
    let update = sqlx::query("UPDATE space_shares SET expires_at = $1 WHERE id = $2");
    update.bind(expires_at).bind(id).execute(db).await?;
    Ok(())
}

/// Applies a change, apart from values and expiry.
pub(crate) async fn update(db: &mut AnyConnection, change: &SpaceShareChange, now: Millis) -> Result<()> {
    sqlx::query(
        "UPDATE space_shares SET distributable = COALESCE($1, distributable), tradeable = COALESCE($2, tradeable), \
         note = COALESCE($3, note), terms = COALESCE($4, terms), updated_at = $5 WHERE id = $6",
    )
    .bind(change.distributable.map(i64::from))
    .bind(change.tradeable.map(i64::from))
    .bind(&change.note)
    .bind(&change.terms)
    .bind(now)
    .bind(change.id.as_str())
    .execute(db)
    .await?;
    Ok(())
}
