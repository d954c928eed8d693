//! How much users have, of what quotas limit. What is shared of an item is its owner's, whoever sends it, since the owner
//! encrypts it anew and ends it; it fills no recipient's account, until the recipient encrypts it anew: then its values are
//! the recipient's.

use sqlx::{AnyConnection, FromRow};

use crate::{error::Result, store::Statement};

/// Own items, and bytes of texts and ciphertexts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub(crate) struct Usage {
    pub(crate) items: i64,
    pub(crate) bytes: i64,
}

const ITEMS: &str = "SELECT CAST(COALESCE(SUM(items), 0) AS BIGINT) AS items, \
     CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM (\
     SELECT 1 AS items, OCTET_LENGTH(items.name) + OCTET_LENGTH(items.label) \
     + COALESCE(OCTET_LENGTH(items.description), 0) AS bytes FROM items WHERE items.original_id IS NULL";
const SLOTS: &str = " UNION ALL SELECT 0 AS items, OCTET_LENGTH(slots.name) + OCTET_LENGTH(slots.label) \
     + COALESCE(OCTET_LENGTH(slots.description), 0) + COALESCE(OCTET_LENGTH(slots.encrypted_value), 0) AS bytes \
     FROM items JOIN slots ON slots.item_id = items.id WHERE items.original_id IS NULL";
const SHARES: &str = " UNION ALL SELECT 0 AS items, OCTET_LENGTH(shares.public_key) \
     + COALESCE(OCTET_LENGTH(shares.encrypted_dek), 0) + COALESCE(OCTET_LENGTH(shares.terms), 0) \
     + COALESCE(OCTET_LENGTH(shares.owners_grant), 0) + COALESCE(OCTET_LENGTH(shares.on_sharers_grant), 0) \
     + COALESCE(OCTET_LENGTH(shares.on_share), 0) AS bytes FROM shares WHERE 1 = 1";
const COPIED_SLOTS: &str = " UNION ALL SELECT 0 AS items, OCTET_LENGTH(slots.name) + OCTET_LENGTH(slots.label) \
     + COALESCE(OCTET_LENGTH(slots.description), 0) AS bytes FROM shares JOIN items ON items.share_id = shares.id \
     JOIN slots ON slots.item_id = items.id WHERE 1 = 1";
const SHARED_VALUES: &str = " UNION ALL SELECT 0 AS items, OCTET_LENGTH(share_values.encrypted_value) \
     + COALESCE(OCTET_LENGTH(share_values.encrypted_value_verification_key), 0) \
     + COALESCE(OCTET_LENGTH(share_values.value_verification_hash), 0) AS bytes \
     FROM shares JOIN share_values ON share_values.share_id = shares.id WHERE shares.encrypted_dek IS NOT NULL";
const REENCRYPTED_VALUES: &str = " UNION ALL SELECT 0 AS items, OCTET_LENGTH(share_values.encrypted_value) \
     + COALESCE(OCTET_LENGTH(share_values.encrypted_value_verification_key), 0) \
     + COALESCE(OCTET_LENGTH(share_values.value_verification_hash), 0) AS bytes \
     FROM shares JOIN share_values ON share_values.share_id = shares.id WHERE shares.encrypted_dek IS NULL";
const PROOFS: &str = " UNION ALL SELECT 0 AS items, OCTET_LENGTH(share_proofs.proof) \
     + COALESCE(OCTET_LENGTH(share_proofs.content_signature), 0) AS bytes \
     FROM shares JOIN share_proofs ON share_proofs.share_id = shares.id WHERE 1 = 1";
/// Here the sender is the owner.
const SPACE_SHARES: &str = " UNION ALL SELECT 0 AS items, COALESCE(OCTET_LENGTH(space_shares.note), 0) \
     + COALESCE(OCTET_LENGTH(space_shares.terms), 0) AS bytes FROM space_shares WHERE 1 = 1";
const SPACE_VALUES: &str = " UNION ALL SELECT 0 AS items, OCTET_LENGTH(space_share_values.encrypted_value) AS bytes \
     FROM space_shares JOIN space_share_values ON space_share_values.share_id = space_shares.id WHERE 1 = 1";

/// What a user has of an original, of whoever it is. `|| ''` keeps SQLite from using the index on the user, who may have
/// many more items and shares than of this one.
pub(crate) async fn of_item(db: &mut AnyConnection, user_id: &str, item_id: &str) -> Result<Usage> {
    let (owned, owned_in_space) = (" AND shares.owner_id || '' = ?", " AND space_shares.sender_id || '' = ?");
    let (shared, shared_in_space) = (" AND shares.item_id = ?", " AND space_shares.item_id = ?");
    let own = " AND items.user_id || '' = ?";
    let found = Statement::new(ITEMS)
        .text(" AND items.id = ?", item_id)
        .text(own, user_id)
        .sql(SLOTS)
        .text(" AND items.id = ?", item_id)
        .text(own, user_id)
        .sql(SHARES)
        .text(shared, item_id)
        .text(owned, user_id)
        .sql(COPIED_SLOTS)
        .text(shared, item_id)
        .text(owned, user_id)
        .sql(PROOFS)
        .text(shared, item_id)
        .text(owned, user_id)
        .sql(SHARED_VALUES)
        .text(shared, item_id)
        .text(owned, user_id)
        .sql(REENCRYPTED_VALUES)
        .text(shared, item_id)
        .text(" AND shares.recipient_id || '' = ?", user_id)
        .sql(SPACE_SHARES)
        .text(shared_in_space, item_id)
        .text(owned_in_space, user_id)
        .sql(SPACE_VALUES)
        .text(shared_in_space, item_id)
        .text(owned_in_space, user_id);
    one(db, found).await
}

/// All that a user has: reads through everything of theirs.
pub(crate) async fn of_user(db: &mut AnyConnection, user_id: &str) -> Result<Usage> {
    let (owned, owned_in_space) = (" AND shares.owner_id = ?", " AND space_shares.sender_id = ?");
    let found = Statement::new(ITEMS)
        .text(" AND items.user_id = ?", user_id)
        .sql(SLOTS)
        .text(" AND items.user_id = ?", user_id)
        .sql(SHARES)
        .text(owned, user_id)
        .sql(COPIED_SLOTS)
        .text(owned, user_id)
        .sql(PROOFS)
        .text(owned, user_id)
        .sql(SHARED_VALUES)
        .text(owned, user_id)
        .sql(REENCRYPTED_VALUES)
        .text(" AND shares.recipient_id = ?", user_id)
        .sql(SPACE_SHARES)
        .text(owned_in_space, user_id)
        .sql(SPACE_VALUES)
        .text(owned_in_space, user_id);
    one(db, found).await
}

async fn one(db: &mut AnyConnection, statement: Statement) -> Result<Usage> {
    Ok(statement.sql(") AS parts").fetch(db).await?.pop().unwrap_or_default())
}

/// What was counted of a user; none if nothing was.
pub(crate) async fn find(db: &mut AnyConnection, user_id: &str) -> Result<Option<Usage>> {
    let counted = sqlx::query_as("SELECT items, bytes FROM user_usage WHERE user_id = $1");
    Ok(counted.bind(user_id).fetch_optional(db).await?)
}

pub(crate) async fn upsert(db: &mut AnyConnection, user_id: &str, usage: Usage) -> Result<()> {
    sqlx::query(
        "INSERT INTO user_usage (user_id, items, bytes) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id) DO UPDATE SET items = excluded.items, bytes = excluded.bytes",
    )
    .bind(user_id)
    .bind(usage.items)
    .bind(usage.bytes)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets what was counted: without quotas nobody goes on counting.
pub(crate) async fn clear(db: &mut AnyConnection) -> Result<()> {
    sqlx::query("DELETE FROM user_usage").execute(db).await?;
    Ok(())
}
