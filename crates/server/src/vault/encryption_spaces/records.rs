//! Shares of the first protocol as rows, and what each side sees of one.

use std::collections::HashMap;

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id,
    vault::{
        encryption_spaces::{ShareableType, SpaceShare, ValuesBySlot},
        items::Item,
        slots::Slot,
    },
};

use crate::{
    clock::{Millis, to_wire},
    error::{Error, Result},
    paging::Page,
    store::{Statement, write_rows},
    vault::items,
    wire::{Stored, id_text, maybe_time},
};

/// The beginning of every query for these shares: with the reading user's ids of connection and space.
const SHARES: &str = "SELECT space_shares.id, space_shares.item_id, space_shares.slot_id, \
     space_shares.sender_id, space_shares.recipient_id, space_shares.distributable, space_shares.tradeable, \
     space_shares.note, space_shares.terms, space_shares.expires_at, space_shares.created_at, \
     space_shares.updated_at, space_shares.sequence AS sequence, connections.id AS connection_id, \
     connections.encryption_space_id \
     FROM space_shares JOIN connections ON";

/// How it goes on for what the reading user sent, and for what they got; conditions follow.
const SENT: &str = " connections.user_id = space_shares.sender_id \
     AND connections.other_user_id = space_shares.recipient_id WHERE space_shares.sender_id = ?";
const RECEIVED: &str = " connections.user_id = space_shares.recipient_id \
     AND connections.other_user_id = space_shares.sender_id WHERE space_shares.recipient_id = ?";

#[derive(Clone, Debug, FromRow)]
pub(super) struct ShareRow {
    pub(super) id: String,
    pub(super) item_id: String,
    pub(super) slot_id: Option<String>,
    pub(super) sender_id: String,
    pub(super) recipient_id: String,
    distributable: i64,
    tradeable: i64,
    note: Option<String>,
    terms: Option<String>,
    expires_at: Option<Millis>,
    created_at: Millis,
    updated_at: Millis,
    pub(super) sequence: i64,
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

pub(super) fn not_found() -> Error {
    Error::not_found("share_not_found")
}

/// The share of this id, if this user is its sender or its recipient and it has not expired.
pub(super) async fn find(db: &mut AnyConnection, id: &str, user_id: &str, now: Millis) -> Result<ShareRow> {
    let of_this_id = |select: Statement| select.text(" AND space_shares.id = ?", id);
    let select = of_this_id(sent(Statement::new(SHARES), user_id, now)).sql(" UNION ALL ").sql(SHARES);
    of_this_id(received(select, user_id, now)).fetch(db).await?.pop().ok_or_else(not_found)
}

/// A page of what this user sent, got, or both, and has not expired at `still`.
pub(super) async fn page_of(
    db: &mut AnyConnection,
    sides: Sides,
    user_id: &str,
    still: Millis,
    page: &Page,
) -> Result<Vec<ShareRow>> {
    let start = |select: Statement| select.behind("space_shares.sequence", page);
    let select = Statement::new(SHARES);
    let select = match sides {
        Sides::Sent => start(sent(select, user_id, still)),
        Sides::Received => start(received(select, user_id, still)),
        Sides::Both => {
            let select = start(sent(select, user_id, still)).sql(" UNION ALL ").sql(SHARES);
            start(received(select, user_id, still))
        }
    };
    select.in_order("sequence", page).fetch(db).await
}

/// Which of a user's shares are listed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sides {
    Sent,
    Received,
    Both,
}

fn sent(select: Statement, user_id: &str, still: Millis) -> Statement {
    select.text(SENT, user_id).number(NOT_EXPIRED, still)
}

fn received(select: Statement, user_id: &str, still: Millis) -> Statement {
    select.text(RECEIVED, user_id).number(NOT_EXPIRED, still)
}

const NOT_EXPIRED: &str = " AND (space_shares.expires_at IS NULL OR space_shares.expires_at > ?)";

/// The shares with their values, for one of their two users.
pub(super) async fn with_values(db: &mut AnyConnection, rows: Vec<ShareRow>, reader: &str) -> Result<Vec<SpaceShare>> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut values = values_of(db, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let values = values.remove(&row.id).unwrap_or_default();
            row.wire(reader, values)
        })
        .collect()
}

/// The items that are shared, one for each share. Any number of them takes the same few statements.
pub(super) async fn items_of(
    db: &mut AnyConnection,
    rows: &[ShareRow],
    reader: &str,
) -> Result<Vec<(Item, Vec<Slot>)>> {
    let mut ids: Vec<&str> = rows.iter().map(|row| row.item_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let originals = Statement::new(items::records::ITEMS).any_of(" AND items.id IN (?)", &ids).fetch(db).await?;
    let loaded = items::records::load(db, originals, reader).await?;
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

/// The item that is shared: for its owner as it is, for the recipient by the owner's ids, without values (they are in
/// the share), and of a shared slot no other slots.
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
        of_share.insert(&row.slot_id, Some(Ciphertext::stored(row.encrypted_value)?));
    }
    Ok(values)
}

/// Replaces the values of a share.
pub(super) async fn keep_values(db: &mut AnyConnection, share_id: &str, values: &ValuesBySlot) -> Result<()> {
    sqlx::query("DELETE FROM space_share_values WHERE share_id = $1").bind(share_id).execute(&mut *db).await?;
    let filled = values.iter().filter_map(|(slot_id, value)| Some((slot_id, value.as_ref()?)));
    let rows = filled.map(|(slot_id, value)| [share_id.into(), slot_id.into(), value.as_str().into()]);
    let insert = "INSERT INTO space_share_values (share_id, slot_id, encrypted_value) VALUES";
    write_rows(db, insert, rows.collect(), "").await
}

/// Deletes a share of which the user is a side; says whether there was one.
pub(in crate::vault) async fn delete(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM space_shares WHERE id = $1 AND (sender_id = $2 OR recipient_id = $2)");
    Ok(delete.bind(id).bind(user_id).execute(db).await?.rows_affected() == 1)
}

/// Deletes what two users share with each other, as their connection ends: without it neither finds the space.
pub(in crate::vault) async fn delete_between(db: &mut AnyConnection, one: &str, other: &str) -> Result<()> {
    sqlx::query(
        "DELETE FROM space_shares WHERE (sender_id = $1 AND recipient_id = $2) OR (sender_id = $2 AND recipient_id = $1)",
    )
    .bind(one)
    .bind(other)
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes what has expired.
pub(in crate::vault) async fn clear_expired(db: &mut AnyConnection, now: Millis) -> Result<()> {
    sqlx::query("DELETE FROM space_shares WHERE expires_at <= $1").bind(now).execute(db).await?;
    Ok(())
}
