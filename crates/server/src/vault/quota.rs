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
/// The same where something of theirs has gone since.
const COUNT_AGAIN_AFTER_ROOM: Millis = 5 * 1000;

/// That a user was refused after all of theirs had been counted.
pub(super) struct Refusal {
    at: Millis,
    /// Whether something has gone since.
    has_made_room: bool,
}

impl Refusal {
    fn may_count_again(&self, now: Millis) -> bool {
        let after = if self.has_made_room { COUNT_AGAIN_AFTER_ROOM } else { COUNT_AGAIN_AFTER };
        now - self.at >= after
    }
}

/// Notes that shares or slots of a user have gone: they may have room now, which counting will tell.
pub(super) fn has_made_room(vault: &Vault, user_id: &str) {
    if let Some(refusal) = vault.quota_refusals().get_mut(user_id) {
        refusal.has_made_room = true;
    }
}

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

    /// After the write: counts it, and refuses what is above a quota and more than before.
    pub(super) async fn settle(self, db: &mut AnyConnection) -> Result<()> {
        let Some(before) = self.before else { return Ok(()) };
        let after = of_items(db, self.user_id, &self.item_ids).await?;
        let more = Usage { items: after.items - before.items, bytes: after.bytes - before.bytes };
        if more.items < 0 || more.bytes < 0 {
            has_made_room(self.vault, self.user_id);
        }
        let (mut total, is_new) = match usage::find(db, self.user_id).await? {
            Some(known) => (Usage { items: known.items + more.items, bytes: known.bytes + more.bytes }, false),
            None => (usage::of_user(db, self.user_id).await?, true),
        };
        let limits = self.vault.limits();
        if !is_new && exceeded(total, more, limits).is_some() && self.may_count_again() {
            total = usage::of_user(db, self.user_id).await?;
            if exceeded(total, more, limits).is_some() {
                // A refused write leaves nothing in the database, so that when all was counted is kept here.
                let refusal = Refusal { at: self.vault.clock().now(), has_made_room: false };
                self.vault.quota_refusals().insert(self.user_id.to_owned(), refusal);
            }
        }
        match exceeded(total, more, limits) {
            Some(refusal) => Err(refusal),
            None => usage::upsert(db, self.user_id, total).await,
        }
    }

    fn may_count_again(&self) -> bool {
        let now = self.vault.clock().now();
        let mut refusals = self.vault.quota_refusals();
        refusals.retain(|_, refusal| now - refusal.at < COUNT_AGAIN_AFTER);
        refusals.get(self.user_id).is_none_or(|refusal| refusal.may_count_again(now))
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

/// The refusal of a write that takes somebody further above a quota. It does not say how much they have: who shares on what
/// others own would learn it.
fn exceeded(total: Usage, more: Usage, limits: &Limits) -> Option<Error> {
    let message = if more.items > 0 && limits.quota_items > 0 && total.items > limits.quota_items {
        format!("A user of this server has at most {} items", limits.quota_items)
    } else if more.bytes > 0 && limits.quota_bytes > 0 && total.bytes > limits.quota_bytes {
        format!("A user of this server has at most {} bytes in items and what is shared of them", limits.quota_bytes)
    } else {
        return None;
    };
    Some(Error::refused(Code::QuotaExceeded, message))
}
