//! New values and terms for existing shares: what an owner's client sends after a change of the item.

use vaultshare::api::{
    PageMeta,
    vault::encryption_spaces::{SpaceSharesResponse, ValuesInAnyForm},
};

use super::creating::{check_texts, check_values};
use crate::{
    auth::Session,
    error::Result,
    request::read_expiry,
    service::Service,
    vault::{
        Vault,
        quota::Quota,
        records::space_shares::{self, SpaceShareChange},
    },
};

/// Changes all the shares, or none.
pub(in crate::vault) async fn change(
    vault: &Vault,
    session: &Session,
    changes: Vec<SpaceShareChange>,
) -> Result<SpaceSharesResponse> {
    let now = vault.clock().now();
    let mut tx = vault.store().write().await?;
    let mut rows = Vec::with_capacity(changes.len());
    for change in changes {
        let row = space_shares::find(&mut tx, change.id.as_str(), &session.user_id, now).await?;
        if row.sender_id != session.user_id {
            return Err(space_shares::not_found());
        }
        let quota = Quota::begin(&mut tx, vault, &session.user_id, &row.item_id).await?;
        check_texts(change.note.as_deref(), change.terms.as_deref())?;
        if let Some(ValuesInAnyForm(values)) = &change.encrypted_values {
            check_values(&mut tx, &row.item_id, row.slot_id.as_deref(), values).await?;
            space_shares::replace_values(&mut tx, &row.id, values).await?;
        }
        if let Some(expires_at) = &change.expires_at {
            let expires_at = expires_at.as_deref().map(|text| read_expiry(text, now)).transpose()?;
            space_shares::set_expiry(&mut tx, &row.id, expires_at).await?;
        }
        space_shares::update(&mut tx, &change, now).await?;
        quota.settle(&mut tx).await?;
        rows.push(space_shares::find(&mut tx, change.id.as_str(), &session.user_id, now).await?);
    }
    let shares = space_shares::with_values(&mut tx, rows, &session.user_id).await?;
    tx.commit().await?;
    let meta = PageMeta::of(None);
    Ok(SpaceSharesResponse { shares, items: vec![], slots: vec![], users: vec![], next_page_after: None, meta })
}
