//! New values and terms for existing shares: what an owner's client sends after a change of the item.

use std::collections::{BTreeMap, HashMap};

use vaultshare::api::{PageMeta, vault::encryption_spaces::SpaceSharesResponse};

use super::creating::{check_values, check_weight};
use crate::{
    auth::Session,
    bounds::{Bounded, LONG_TEXT, check_length},
    clock::Millis,
    config::Limits,
    error::Result,
    request::read_expiry,
    service::Service,
    vault::{
        Vault,
        quota::Quota,
        records::space_shares::{self, Shareable, SpaceShareChange},
    },
};

impl Bounded for SpaceShareChange {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_length("note", self.note.as_deref(), LONG_TEXT)?;
        check_length("terms", self.terms.as_deref(), LONG_TEXT)?;
        self.encrypted_values.as_ref().map_or(Ok(()), |values| crate::bounds::check_values(&values.0, limits))
    }
}

/// Changes all the shares, or none.
pub(in crate::vault) async fn change(
    vault: &Vault,
    session: &Session,
    changes: Vec<SpaceShareChange>,
) -> Result<SpaceSharesResponse> {
    let now = vault.clock().now();
    let ids: Vec<String> = changes.iter().map(|change| change.id.to_string()).collect();
    // What is changed twice is changed by all that is said of it, the last first.
    let mut merged: BTreeMap<&str, (SpaceShareChange, Option<Option<Millis>>)> = BTreeMap::new();
    for change in &changes {
        let expires_at = match &change.expires_at {
            Some(expires_at) => Some(expires_at.as_deref().map(|text| read_expiry(text, now)).transpose()?),
            None => None,
        };
        let (all, end) = merged.entry(change.id.as_str()).or_insert_with(|| (change.clone(), None));
        all.merge(change);
        *end = expires_at.or(*end);
    }
    let mut tx = vault.store().write().await?;
    let rows = space_shares::find_all(&mut tx, &ids, &session.user_id, now).await?;
    if rows.iter().any(|row| row.sender_id != session.user_id) {
        return Err(space_shares::not_found());
    }
    let items = rows.iter().map(|row| row.item_id.as_str()).collect();
    let quota = Quota::begin_all(&mut tx, vault, &session.user_id, items).await?;
    let shareables: HashMap<&str, Shareable> = rows.iter().map(|row| (row.id.as_str(), row.shareable())).collect();
    let values = merged.iter().filter_map(|(id, (change, _))| Some((*id, &change.encrypted_values.as_ref()?.0)));
    let values: Vec<_> = values.collect();
    let of_shareables = values.iter().filter_map(|(id, values)| Some((shareables.get(id)?, *values)));
    check_values(&mut tx, &of_shareables.collect::<Vec<_>>()).await?;
    space_shares::replace_values(&mut tx, &values).await?;
    space_shares::update_all(&mut tx, merged.values(), now).await?;
    quota.settle(&mut tx).await?;
    let rows = space_shares::find_all(&mut tx, &ids, &session.user_id, now).await?;
    let weights = space_shares::weights(&mut tx, &rows).await?;
    check_weight(rows.iter().filter_map(|row| weights.get(&row.id)).sum())?;
    let shares = space_shares::with_values(&mut tx, rows, &session.user_id).await?;
    tx.commit().await?;
    let meta = PageMeta::of(None);
    Ok(SpaceSharesResponse { shares, items: vec![], slots: vec![], users: vec![], next_page_after: None, meta })
}
