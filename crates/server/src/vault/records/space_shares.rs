//! Shares of the first protocol, and what each side sees of one.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
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
    store::{Statement, Value, write_rows},
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

/// An item that is shared, or one slot of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shareable {
    pub(crate) item_id: String,
    pub(crate) slot_id: Option<String>,
}

impl ShareRow {
    pub(crate) fn shareable(&self) -> Shareable {
        Shareable { item_id: self.item_id.clone(), slot_id: self.slot_id.clone() }
    }

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
    find_all(db, &[id.to_owned()], user_id, now).await?.pop().ok_or_else(not_found)
}

/// [`find`] for several, in the order of `ids`.
pub(crate) async fn find_all(
    db: &mut AnyConnection,
    ids: &[String],
    user_id: &str,
    now: Millis,
) -> Result<Vec<ShareRow>> {
    let of_these = |select: Statement| select.any_of(" AND space_shares.id IN (?)", ids);
    let select = of_these(sent(Statement::new(SHARES), user_id, now)).sql(" UNION ALL ").sql(SHARES);
    let rows: Vec<ShareRow> = of_these(received(select, user_id, now)).fetch(db).await?;
    let rows: HashMap<&str, &ShareRow> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    ids.iter().map(|id| rows.get(id.as_str()).map(|row| (*row).clone()).ok_or_else(not_found)).collect()
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

/// Replaces the values of shares, given by the shares' ids.
pub(crate) async fn replace_values(db: &mut AnyConnection, shares: &[(&str, &ValuesBySlot)]) -> Result<()> {
    let ids: Vec<&str> = shares.iter().map(|(id, _)| *id).collect();
    Statement::new("DELETE FROM space_share_values WHERE 1 = 1")
        .any_of(" AND share_id IN (?)", &ids)
        .execute(db)
        .await?;
    let of_share = |(id, values): &(&str, &ValuesBySlot)| {
        let filled = values.iter().filter_map(|(slot_id, value)| Some((slot_id.as_str(), value.as_ref()?.as_str())));
        let rows = filled.map(|(slot_id, value)| [(*id).into(), slot_id.into(), value.into()]);
        rows.collect::<Vec<[Value; 3]>>()
    };
    let insert = "INSERT INTO space_share_values (share_id, slot_id, encrypted_value) VALUES";
    write_rows(db, insert, shares.iter().flat_map(of_share).collect(), "").await
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

/// Deletes some of the expired shares, and returns how many: none when there are no more.
pub(crate) async fn delete_expired(db: &mut AnyConnection, now: Millis) -> Result<u64> {
    let delete = "DELETE FROM space_shares WHERE id IN (SELECT id FROM space_shares WHERE expires_at <= $1 LIMIT 100)";
    Ok(sqlx::query(delete).bind(now).execute(db).await?.rows_affected())
}

/// The ids of the shares of these items and slots with these recipients, by what they are of and with whom.
pub(crate) async fn find_same(
    db: &mut AnyConnection,
    shareables: &[Shareable],
    recipients: &[&str],
) -> Result<HashMap<(Shareable, String), String>> {
    let item_ids: Vec<&str> = shareables.iter().map(|shareable| shareable.item_id.as_str()).collect();
    let select = Statement::new("SELECT id, item_id, slot_id, recipient_id FROM space_shares WHERE 1 = 1")
        .any_of(" AND item_id IN (?)", &item_ids)
        .any_of(" AND recipient_id IN (?)", recipients);
    let rows: Vec<(String, String, Option<String>, String)> = select.fetch(db).await?;
    let by_what = |(id, item_id, slot_id, recipient)| ((Shareable { item_id, slot_id }, recipient), id);
    Ok(rows.into_iter().map(by_what).collect())
}

/// What is asked of a share, by its id: what it is of, its values and terms, and when it expires.
pub(crate) type Asked<'a> = BTreeMap<String, (&'a Shareable, &'a NewSpaceShare, Option<Millis>)>;

pub(crate) async fn insert_all(
    db: &mut AnyConnection,
    sender_id: &str,
    shares: &Asked<'_>,
    clock: &Clock,
) -> Result<()> {
    let now = clock.now();
    let row = |(id, (shareable, new, expires_at)): (&String, &(&Shareable, &NewSpaceShare, Option<Millis>))| {
        [
            id.as_str().into(),
            shareable.item_id.as_str().into(),
            shareable.slot_id.as_deref().into(),
            sender_id.into(),
            new.user_id.as_str().into(),
            i64::from(new.distributable).into(),
            i64::from(new.tradeable).into(),
            new.note.as_deref().into(),
            new.terms.as_deref().into(),
            (*expires_at).into(),
            now.into(),
            now.into(),
            clock.sequence().into(),
        ]
    };
    let insert = "INSERT INTO space_shares (id, item_id, slot_id, sender_id, recipient_id, distributable, tradeable, \
         note, terms, expires_at, created_at, updated_at, sequence) VALUES";
    write_rows(db, insert, shares.iter().map(row).collect(), "").await
}

/// Replaces the terms of shares by those of new ones.
pub(crate) async fn replace_terms(db: &mut AnyConnection, shares: &Asked<'_>, now: Millis) -> Result<()> {
    let row = |(id, (_, new, expires_at)): (&String, &(&Shareable, &NewSpaceShare, Option<Millis>))| {
        [
            id.as_str().into(),
            i64::from(new.distributable).into(),
            i64::from(new.tradeable).into(),
            new.note.as_deref().into(),
            new.terms.as_deref().into(),
            (*expires_at).into(),
            now.into(),
        ]
    };
    // The cast is for PostgreSQL: a column of nulls only has no type.
    let before = "UPDATE space_shares SET distributable = asked.column2, tradeable = asked.column3, \
         note = asked.column4, terms = asked.column5, expires_at = CAST(asked.column6 AS BIGINT), \
         updated_at = asked.column7 FROM (VALUES";
    write_rows(db, before, shares.iter().map(row).collect(), ") AS asked WHERE space_shares.id = asked.column1").await
}

/// One share's change. What is absent stays unchanged; a null `expires_at` removes the expiry.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct SpaceShareChange {
    /// The share.
    pub(crate) id: Id,
    /// The values, encrypted under the connection's DEK.
    pub(crate) encrypted_values: Option<ValuesInAnyForm>,
    /// False in all known clients.
    pub(crate) distributable: Option<bool>,
    /// False in all known clients.
    pub(crate) tradeable: Option<bool>,
    /// Text for the recipient; not encrypted.
    pub(crate) note: Option<String>,
    /// Text for the recipient; not encrypted.
    pub(crate) terms: Option<String>,
    /// When the share ends: ISO-8601, UTC; null means that it does not.
    #[serde(default, with = "serde_with::rust::double_option")]
    #[schemars(with = "Option<String>")]
    pub(crate) expires_at: Option<Option<String>>,
}

impl SpaceShareChange {
    /// Adds a later change of the same share.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.encrypted_values = later.encrypted_values.clone().or(self.encrypted_values.take());
        self.distributable = later.distributable.or(self.distributable);
        self.tradeable = later.tradeable.or(self.tradeable);
        self.note = later.note.clone().or(self.note.take());
        self.terms = later.terms.clone().or(self.terms.take());
    }
}

/// Applies changes, each with when its share is to expire, apart from values.
pub(crate) async fn update_all(
    db: &mut AnyConnection,
    changes: impl Iterator<Item = &(SpaceShareChange, Option<Option<Millis>>)>,
    now: Millis,
) -> Result<()> {
    let row = |(change, expires_at): &(SpaceShareChange, Option<Option<Millis>>)| {
        [
            change.id.as_str().into(),
            change.distributable.map(i64::from).into(),
            change.tradeable.map(i64::from).into(),
            change.note.as_deref().into(),
            change.terms.as_deref().into(),
            i64::from(expires_at.is_some()).into(),
            expires_at.flatten().into(),
            now.into(),
        ]
    };
    let before = "UPDATE space_shares SET \
         distributable = COALESCE(CAST(changes.column2 AS BIGINT), distributable), \
         tradeable = COALESCE(CAST(changes.column3 AS BIGINT), tradeable), note = COALESCE(changes.column4, note), \
         terms = COALESCE(changes.column5, terms), \
         expires_at = CASE WHEN changes.column6 = 1 THEN CAST(changes.column7 AS BIGINT) ELSE expires_at END, \
         updated_at = changes.column8 FROM (VALUES";
    write_rows(db, before, changes.map(row).collect(), ") AS changes WHERE space_shares.id = changes.column1").await
}
