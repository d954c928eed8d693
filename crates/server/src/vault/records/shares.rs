//! Shares, and what each side sees of one.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use utoipa::IntoParams;
use vaultshare::api::{
    Ciphertext, Id,
    vault::shares::{Acceptance, ItemShare, Share, SharingMode},
};

use super::IDS_PER_STATEMENT;
use crate::{
    clock::{Millis, to_wire},
    error::{Code, Error, Result},
    pagination::Page,
    query,
    store::{Statement, Value, write_rows},
    wire::{Stored, maybe_time},
};

const COLUMNS: &str = "SELECT id, item_id, slot_id, owner_id, sender_id, recipient_id, public_key, \
     keypair_external_id, encrypted_dek, terms, acceptance_required, onsharing_permitted, created_at, expires_at, \
     owners_grant, on_sharers_grant, on_share, sequence";

/// What every query for shares starts with; conditions follow.
fn shares() -> Statement {
    Statement::new(COLUMNS).sql(" FROM shares WHERE 1 = 1")
}

/// The same with what their senders signed.
fn shares_with_proofs() -> Statement {
    Statement::new(COLUMNS).sql(
        ", share_proofs.proof, share_proofs.content_signature FROM shares \
         LEFT JOIN share_proofs ON share_proofs.share_id = shares.id WHERE 1 = 1",
    )
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct ShareRow {
    pub(crate) id: String,
    pub(crate) item_id: String,
    pub(crate) slot_id: Option<String>,
    pub(crate) owner_id: String,
    pub(crate) sender_id: String,
    pub(crate) recipient_id: String,
    pub(crate) public_key: String,
    keypair_external_id: Option<String>,
    encrypted_dek: Option<String>,
    terms: Option<String>,
    pub(crate) acceptance_required: String,
    onsharing_permitted: i64,
    created_at: Millis,
    pub(crate) expires_at: Option<Millis>,
    owners_grant: Option<String>,
    on_sharers_grant: Option<String>,
    on_share: Option<String>,
    pub(crate) sequence: i64,
    #[sqlx(default)]
    proof: Option<String>,
    #[sqlx(default)]
    content_signature: Option<String>,
}

impl ShareRow {
    /// Whether the recipient may read the values.
    pub(crate) fn is_open(&self) -> bool {
        self.acceptance_required == Acceptance::AcceptanceNotRequired.as_str()
            || self.acceptance_required == Acceptance::Accepted.as_str()
    }

    pub(crate) fn has_dek(&self, dek: &str) -> bool {
        self.encrypted_dek.as_deref() == Some(dek)
    }

    /// Whether the recipient may share on.
    pub(crate) fn permits_on_sharing(&self) -> bool {
        self.onsharing_permitted != 0
    }

    /// What it weighs in a list, in bytes of the reply: above all the terms, and what its sender chose.
    pub(crate) fn weight(&self) -> usize {
        let Self { terms, encrypted_dek, keypair_external_id, on_share, proof, content_signature, .. } = self;
        let texts = [terms, encrypted_dek, keypair_external_id, on_share, proof, content_signature];
        1024 + self.public_key.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }

    /// Sets what its owner may change besides when it expires.
    pub(crate) fn change(&mut self, onsharing_permitted: Option<bool>, owners_grant: Option<&str>) {
        self.onsharing_permitted = onsharing_permitted.map_or(self.onsharing_permitted, i64::from);
        self.owners_grant = owners_grant.map(str::to_owned).or(self.owners_grant.take());
    }

    /// The share after [`set_deks`] and [`set_grants`].
    pub(crate) fn with(mut self, dek: Option<&str>, owners_grant: Option<&str>) -> Self {
        self.encrypted_dek = dek.map(str::to_owned).or(self.encrypted_dek);
        self.owners_grant = owners_grant.map(str::to_owned).or(self.owners_grant);
        self
    }

    /// The grant that `reader` wrote, and what the on-sharer says, which only owner and on-sharer see.
    fn notes(&mut self, reader: &str) -> (Option<String>, Option<String>) {
        match reader {
            _ if reader == self.owner_id => (self.owners_grant.take(), self.on_share.take()),
            _ if reader == self.sender_id => (self.on_sharers_grant.take(), self.on_share.take()),
            _ => (None, None),
        }
    }

    /// The share as `reader` sees it: the recipient gets the DEK once they have accepted.
    pub(crate) fn wire(mut self, reader: &str) -> Result<Share> {
        let hidden = self.recipient_id == reader && !self.is_open();
        let permitted = self.permits_on_sharing();
        let (grant, on_share) = self.notes(reader);
        Ok(Share {
            id: Id::stored(self.id)?,
            owner_id: Some(Id::stored(self.owner_id)?),
            sender_id: Id::stored(self.sender_id)?,
            recipient_id: Id::stored(self.recipient_id)?,
            acceptance_required: serde_json::from_value(self.acceptance_required.into())?,
            item_id: Id::stored(self.item_id)?,
            slot_id: Id::maybe(self.slot_id)?,
            public_key: Some(self.public_key),
            keypair_external_id: self.keypair_external_id,
            encrypted_dek: Ciphertext::maybe(self.encrypted_dek.filter(|_| !hidden))?,
            terms: self.terms,
            sharing_mode: Some(if permitted { SharingMode::Anyone } else { SharingMode::Owner }),
            onsharing_permitted: Some(permitted),
            created_at: to_wire(self.created_at),
            expires_at: maybe_time(self.expires_at),
            grant,
            on_share,
            proof: self.proof,
            content_signature: self.content_signature,
        })
    }

    /// The share as the owner of its item needs it to refresh it.
    pub(crate) fn wire_of_item(mut self) -> Result<ItemShare> {
        let owner_id = self.owner_id.clone();
        let (grant, on_share) = self.notes(&owner_id);
        Ok(ItemShare {
            onsharing_permitted: Some(self.permits_on_sharing()),
            id: Id::stored(self.id)?,
            public_key: self.public_key,
            item_id: Some(Id::stored(self.item_id)?),
            slot_id: Id::maybe(self.slot_id)?,
            sender_id: Some(Id::stored(self.sender_id)?),
            recipient_id: Some(Id::stored(self.recipient_id)?),
            created_at: Some(to_wire(self.created_at)),
            expires_at: maybe_time(self.expires_at),
            grant,
            on_share,
        })
    }
}

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::ShareNotFound)
}

/// The share of this id, of whatever user.
pub(crate) async fn find(db: &mut AnyConnection, id: &str) -> Result<Option<ShareRow>> {
    Ok(shares().text(" AND id = ?", id).fetch(db).await?.pop())
}

/// The share of this id, if this user is its recipient.
pub(crate) async fn find_incoming(db: &mut AnyConnection, id: &str, recipient_id: &str) -> Result<ShareRow> {
    let share: Option<ShareRow> = shares_with_proofs().text(" AND id = ?", id).fetch(db).await?.pop();
    share.filter(|share| share.recipient_id == recipient_id).ok_or_else(not_found)
}

/// The shares of these ids, oldest first.
pub(crate) async fn find_all(db: &mut AnyConnection, ids: &[impl AsRef<str>]) -> Result<Vec<ShareRow>> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        rows.extend(shares().any_of(" AND id IN (?)", ids).fetch::<ShareRow>(db).await?);
    }
    rows.sort_by_key(|share| share.sequence);
    Ok(rows)
}

/// All shares of an item: its owner's and those that recipients made from them.
pub(crate) async fn of_item(db: &mut AnyConnection, item_id: &str) -> Result<Vec<ShareRow>> {
    shares().text(" AND item_id = ?", item_id).sql(" ORDER BY sequence").fetch(db).await
}

/// How many shares an item has: its owner's and those that recipients made from them.
pub(crate) async fn count_of_item(db: &mut AnyConnection, item_id: &str) -> Result<i64> {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM shares WHERE item_id = $1");
    Ok(count.bind(item_id).fetch_one(db).await?)
}

/// The parameters that filter a list of received shares.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct IncomingFilter {
    /// Shares with one of these ids.
    #[serde(alias = "share_ids[]", deserialize_with = "query::list")]
    share_ids: Vec<String>,
    /// Shares in one of these states of acceptance.
    #[serde(alias = "acceptance_required[]", deserialize_with = "query::list")]
    acceptance_required: Vec<String>,
    /// Shares through this connection, by the reading user's id of it.
    #[serde(deserialize_with = "query::text")]
    own_connection_id: Option<String>,
    /// Also what their senders signed.
    #[serde(deserialize_with = "query::flag")]
    with_proofs: Option<bool>,
}

/// A page of the shares that this user received.
pub(crate) async fn list_incoming(
    db: &mut AnyConnection,
    user_id: &str,
    filter: &IncomingFilter,
    page: &Page,
) -> Result<Vec<ShareRow>> {
    let select = if filter.with_proofs == Some(true) { shares_with_proofs() } else { shares() };
    let select = match filter.share_ids.is_empty() {
        true => select.text(" AND recipient_id = ?", user_id),
        // `|| ''` keeps SQLite from using the index on the recipient, who may have many more shares than these.
        false => select.any_of(" AND id IN (?)", &filter.share_ids).text(" AND recipient_id || '' = ?", user_id),
    };
    let mut select = select.any_of_if(" AND acceptance_required IN (?)", &filter.acceptance_required);
    if let Some(connection_id) = &filter.own_connection_id {
        select = select
            .text(" AND sender_id IN (SELECT other_user_id FROM connections WHERE id = ?", connection_id)
            .text(" AND user_id = ?)", user_id);
    }
    select.page("sequence", page).fetch(db).await
}

/// The parameters that filter a list of sent shares.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct OutgoingFilter {
    /// Shares of these items, by the owner's ids of them.
    #[serde(alias = "item_ids[]", deserialize_with = "query::list")]
    item_ids: Vec<String>,
    /// Shares through this connection, by the reading user's id of it.
    #[serde(deserialize_with = "query::text")]
    own_connection_id: Option<String>,
}

/// A page of the shares that this user sent.
pub(crate) async fn list_outgoing(
    db: &mut AnyConnection,
    user_id: &str,
    filter: &OutgoingFilter,
    page: &Page,
) -> Result<Vec<ShareRow>> {
    let select = shares();
    let mut select = match filter.item_ids.is_empty() {
        true => select.text(" AND sender_id = ?", user_id),
        // `|| ''` keeps SQLite from using the index on the sender, who may have many more shares than these.
        false => select.any_of(" AND item_id IN (?)", &filter.item_ids).text(" AND sender_id || '' = ?", user_id),
    };
    if let Some(connection_id) = &filter.own_connection_id {
        select = select
            .text(" AND recipient_id IN (SELECT other_user_id FROM connections WHERE id = ?", connection_id)
            .text(" AND user_id = ?)", user_id);
    }
    select.page("sequence", page).fetch(db).await
}

/// Inserts shares; the columns are those of the statement.
pub(crate) async fn insert(db: &mut AnyConnection, rows: Vec<[Value; 19]>) -> Result<()> {
    let insert = "INSERT INTO shares (id, item_id, slot_id, owner_id, sender_id, recipient_id, parent_share_id, \
         public_key, keypair_external_id, encrypted_dek, terms, acceptance_required, onsharing_permitted, created_at, \
         expires_at, owners_grant, on_sharers_grant, on_share, sequence) VALUES";
    write_rows(db, insert, rows, "").await
}

/// Accepts a share that has to be accepted; any other stays unchanged.
pub(crate) async fn accept(db: &mut AnyConnection, id: &str) -> Result<()> {
    sqlx::query("UPDATE shares SET acceptance_required = $1 WHERE id = $2 AND acceptance_required = $3")
        .bind(Acceptance::Accepted.as_str())
        .bind(id)
        .bind(Acceptance::AcceptanceRequired.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// Sets the DEKs of shares, given by share id.
pub(crate) async fn set_deks(db: &mut AnyConnection, deks: &HashMap<&str, &str>) -> Result<()> {
    let before = "UPDATE shares SET encrypted_dek = deks.column2 FROM (VALUES";
    let rows = deks.iter().map(|(share_id, dek)| [(*share_id).into(), (*dek).into()]).collect();
    write_rows(db, before, rows, ") AS deks WHERE shares.id = deks.column1").await
}

/// Sets the owner's grants of shares, given by share id.
pub(crate) async fn set_grants(db: &mut AnyConnection, grants: &HashMap<&str, &str>) -> Result<()> {
    let before = "UPDATE shares SET owners_grant = grants.column2 FROM (VALUES";
    let rows = grants.iter().map(|(share_id, grant)| [(*share_id).into(), (*grant).into()]).collect();
    write_rows(db, before, rows, ") AS grants WHERE shares.id = grants.column1").await
}

/// Removes the DEK of a share whose recipient has re-encrypted its values.
pub(crate) async fn clear_dek(db: &mut AnyConnection, id: &str) -> Result<()> {
    sqlx::query("UPDATE shares SET encrypted_dek = NULL WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

/// Writes what [`ShareRow::change`] and a change of its expiry made of these shares.
pub(crate) async fn update_all(db: &mut AnyConnection, shares: impl Iterator<Item = &ShareRow>) -> Result<()> {
    let row = |share: &ShareRow| {
        [
            share.id.as_str().into(),
            share.expires_at.into(),
            share.onsharing_permitted.into(),
            share.owners_grant.as_deref().into(),
        ]
    };
    // The cast is for PostgreSQL: a column of nulls only has no type.
    let before = "UPDATE shares SET expires_at = CAST(changes.column2 AS BIGINT), \
         onsharing_permitted = changes.column3, owners_grant = changes.column4 FROM (VALUES";
    write_rows(db, before, shares.map(row).collect(), ") AS changes WHERE shares.id = changes.column1").await
}

/// Has what was made from these shares expire no later than they do.
pub(crate) async fn shorten_children(db: &mut AnyConnection, parents: impl Iterator<Item = &ShareRow>) -> Result<()> {
    let row = |parent: &ShareRow| Some([parent.id.as_str().into(), parent.expires_at?.into()]);
    let before = "UPDATE shares SET expires_at = parents.column2 FROM (VALUES";
    let of_parents = ") AS parents WHERE shares.parent_share_id = parents.column1 \
         AND (shares.expires_at IS NULL OR shares.expires_at > parents.column2)";
    write_rows(db, before, parents.filter_map(row).collect(), of_parents).await
}

/// Deletes shares. Foreign keys delete their values.
pub(crate) async fn delete_all(db: &mut AnyConnection, ids: &[impl AsRef<str>]) -> Result<()> {
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        Statement::new("DELETE FROM shares WHERE 1 = 1").any_of(" AND id IN (?)", ids).execute(db).await?;
    }
    Ok(())
}

/// A column that is 1 where a share has expired by the time that stands for `?`.
pub(crate) const HAS_EXPIRED: &str = "CASE WHEN EXISTS (SELECT 1 FROM shares WHERE expires_at <= ?) THEN 1 ELSE 0 END";

/// The ids of at most 100 expired shares.
pub(crate) async fn find_expired(db: &mut AnyConnection, now: Millis) -> Result<Vec<String>> {
    let sql = "SELECT id FROM shares WHERE expires_at <= $1 LIMIT 100";
    Ok(sqlx::query_scalar(sql).bind(now).fetch_all(db).await?)
}

/// The ids of shares of one of these slots alone.
pub(crate) async fn ids_of_slots(db: &mut AnyConnection, slot_ids: &[String]) -> Result<Vec<String>> {
    ids_where(db, " AND slot_id IN (?)", slot_ids).await
}

/// The ids of the shares that recipients made from these shares.
pub(crate) async fn ids_of_children(db: &mut AnyConnection, share_ids: &[impl AsRef<str>]) -> Result<Vec<String>> {
    ids_where(db, " AND parent_share_id IN (?)", share_ids).await
}

async fn ids_where(db: &mut AnyConnection, condition: &'static str, ids: &[impl AsRef<str>]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        let select = Statement::new("SELECT id FROM shares WHERE 1 = 1").any_of(condition, ids);
        found.extend(select.fetch(db).await?.into_iter().map(|(id,): (String,)| id));
    }
    Ok(found)
}

/// The ids of the shares by which an item reached a recipient, oldest first.
pub(crate) async fn ids_with_recipient(
    db: &mut AnyConnection,
    item_id: &str,
    recipient_id: &str,
) -> Result<Vec<String>> {
    let ids = sqlx::query_scalar("SELECT id FROM shares WHERE item_id = $1 AND recipient_id = $2 ORDER BY sequence");
    Ok(ids.bind(item_id).bind(recipient_id).fetch_all(db).await?)
}

/// The ids of the shares that a user sent or received.
pub(crate) async fn ids_of_user(db: &mut AnyConnection, user_id: &str, count: i64) -> Result<Vec<String>> {
    let ids = sqlx::query_scalar("SELECT id FROM shares WHERE sender_id = $1 OR recipient_id = $1 LIMIT $2");
    Ok(ids.bind(user_id).bind(count).fetch_all(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(acceptance: Acceptance) -> ShareRow {
        ShareRow {
            id: "share".into(),
            item_id: "item".into(),
            slot_id: None,
            owner_id: "alice".into(),
            sender_id: "alice".into(),
            recipient_id: "bob".into(),
            public_key: "PEM".into(),
            keypair_external_id: None,
            encrypted_dek: Some("Rsa4096.AA==.QQUAAAAA".into()),
            terms: Some("be nice".into()),
            acceptance_required: acceptance.as_str().into(),
            onsharing_permitted: 1,
            created_at: 0,
            expires_at: None,
            owners_grant: Some("of alice".into()),
            on_sharers_grant: None,
            on_share: None,
            proof: None,
            content_signature: None,
            sequence: 1,
        }
    }

    #[test]
    fn the_recipient_gets_the_key_with_the_acceptance() {
        let seen = |acceptance, reader| share(acceptance).wire(reader).unwrap();
        let waiting = seen(Acceptance::AcceptanceRequired, "bob");
        assert!(waiting.encrypted_dek.is_none());
        assert_eq!(waiting.terms.as_deref(), Some("be nice"));
        assert!(seen(Acceptance::AcceptanceRequired, "alice").encrypted_dek.is_some());
        assert!(seen(Acceptance::Accepted, "bob").encrypted_dek.is_some());
        assert!(seen(Acceptance::AcceptanceNotRequired, "bob").encrypted_dek.is_some());
        assert!(seen(Acceptance::Rejected, "bob").encrypted_dek.is_none());
    }

    #[test]
    fn a_grant_is_shown_to_who_wrote_it_and_an_on_share_to_owner_and_on_sharer() {
        let notes = |share: &ShareRow, reader| {
            let seen = share.clone().wire(reader).unwrap();
            (seen.grant, seen.on_share)
        };
        let own = share(Acceptance::Accepted);
        assert_eq!(notes(&own, "alice"), (Some("of alice".into()), None));
        assert_eq!(notes(&own, "bob"), (None, None));
        let on_share = ShareRow {
            sender_id: "bob".into(),
            recipient_id: "carlos".into(),
            on_sharers_grant: Some("of bob".into()),
            on_share: Some("signed by bob".into()),
            ..own
        };
        let signed = Some("signed by bob".to_owned());
        assert_eq!(notes(&on_share, "alice"), (Some("of alice".into()), signed.clone()));
        assert_eq!(notes(&on_share, "bob"), (Some("of bob".into()), signed));
        assert_eq!(notes(&on_share, "carlos"), (None, None));
    }

    #[test]
    fn both_permission_fields_say_the_same() {
        let permitted = share(Acceptance::Accepted).wire("bob").unwrap();
        assert_eq!((permitted.sharing_mode, permitted.onsharing_permitted), (Some(SharingMode::Anyone), Some(true)));
        let forbidden = ShareRow { onsharing_permitted: 0, ..share(Acceptance::Accepted) }.wire("bob").unwrap();
        assert_eq!((forbidden.sharing_mode, forbidden.onsharing_permitted), (Some(SharingMode::Owner), Some(false)));
    }
}
