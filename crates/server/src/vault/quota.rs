//! Quotas: how many items and bytes a user can have. A write counts what it changes of one item, before and after, and adds
//! the difference to what is known of the user, so that it reads nothing of their other items.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::{
    Vault,
    records::usage::{self, Usage},
};
use crate::{
    clock::Millis,
    config::Limits,
    error::{Code, Error, Result},
    service::Service,
};

/// Whoever is above a quota has all that is theirs counted anew no more often than this.
const COUNT_AGAIN_AFTER: Millis = 60 * 1000;

/// What a user has of items before a write.
pub(super) struct Quota<'a> {
    vault: &'a Vault,
    user_id: &'a str,
    item_ids: BTreeSet<&'a str>,
    /// None without quotas.
    before: Option<Usage>,
}

impl<'a> Quota<'a> {
    /// Before a write about an original. It counts for its owner, also where it is shared on; what a recipient encrypts
    /// anew, for the recipient.
    pub(super) async fn begin(
        db: &mut AnyConnection,
        vault: &'a Vault,
        user_id: &'a str,
        item_id: &'a str,
    ) -> Result<Self> {
        Self::begin_all(db, vault, user_id, BTreeSet::from([item_id])).await
    }

    /// [`Quota::begin`] of a write about several.
    pub(super) async fn begin_all(
        db: &mut AnyConnection,
        vault: &'a Vault,
        user_id: &'a str,
        item_ids: BTreeSet<&'a str>,
    ) -> Result<Self> {
        let before = match has_quotas(vault.limits()) {
            true => Some(of_items(db, user_id, &item_ids).await?),
            false => None,
        };
        Ok(Self { vault, user_id, item_ids, before })
    }

    /// After the write: counts it, and refuses what is above a quota, unless it is less than before.
    pub(super) async fn settle(self, db: &mut AnyConnection) -> Result<()> {
        let Some(before) = self.before else { return Ok(()) };
        let after = of_items(db, self.user_id, &self.item_ids).await?;
        let (more_items, more_bytes) = (after.items - before.items, after.bytes - before.bytes);
        let grows = more_items > 0 || more_bytes > 0;
        let (mut total, is_new) = match usage::find(db, self.user_id).await? {
            Some(known) => (Usage { items: known.items + more_items, bytes: known.bytes + more_bytes }, false),
            None => (usage::of_user(db, self.user_id).await?, true),
        };
        let limits = self.vault.limits();
        let refused = |total: Usage| exceeded(total, limits).filter(|_| grows);
        if !grows {
            self.vault.recounted().remove(self.user_id);
        } else if !is_new && exceeded(total, limits).is_some() && self.may_count_again() {
            total = usage::of_user(db, self.user_id).await?;
        }
        match refused(total) {
            Some(refusal) => Err(refusal),
            None => usage::upsert(db, self.user_id, total).await,
        }
    }

    /// A refused write leaves nothing in the database, so that when it was counted again is kept here.
    fn may_count_again(&self) -> bool {
        let now = self.vault.clock().now();
        let mut recounted = self.vault.recounted();
        recounted.retain(|_, last| now - *last < COUNT_AGAIN_AFTER);
        let may = !recounted.contains_key(self.user_id);
        recounted.entry(self.user_id.to_owned()).or_insert(now);
        may
    }
}

async fn of_items(db: &mut AnyConnection, user_id: &str, item_ids: &BTreeSet<&str>) -> Result<Usage> {
    let mut all = Usage { items: 0, bytes: 0 };
    for item_id in item_ids {
        let Usage { items, bytes } = usage::of_item(db, user_id, item_id).await?;
        all = Usage { items: all.items + items, bytes: all.bytes + bytes };
    }
    Ok(all)
}

pub(super) fn has_quotas(limits: &Limits) -> bool {
    limits.quota_items > 0 || limits.quota_bytes > 0
}

fn exceeded(total: Usage, limits: &Limits) -> Option<Error> {
    let message = if limits.quota_items > 0 && total.items > limits.quota_items {
        format!("A user of this server has at most {} items", limits.quota_items)
    } else if limits.quota_bytes > 0 && total.bytes > limits.quota_bytes {
        let (most, would) = (limits.quota_bytes, total.bytes);
        format!(
            "A user of this server has at most {most} bytes in items and what is shared of them; it would be {would}"
        )
    } else {
        return None;
    };
    Some(Error::refused(Code::QuotaExceeded, message))
}
