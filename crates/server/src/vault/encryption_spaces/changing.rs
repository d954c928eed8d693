//! New values and terms for shares that stand: what an owner's client sends after a change of the item.

use serde::Deserialize;
use sqlx::AnyConnection;
use vaultshare::api::{
    Id, PageMeta,
    vault::encryption_spaces::{SpaceSharesResponse, ValuesInAnyForm},
};

use super::{creating, records};
use crate::{
    clock::Millis,
    error::Result,
    request::null_or_value,
    service::Service,
    sessions::Session,
    vault::{Vault, sharing::read_expiry},
};

/// One share's change. What is absent stays as it is.
#[derive(Debug, Deserialize)]
pub(in crate::vault) struct SpaceShareChange {
    pub(in crate::vault) id: Id,
    encrypted_values: Option<ValuesInAnyForm>,
    distributable: Option<bool>,
    tradeable: Option<bool>,
    note: Option<String>,
    terms: Option<String>,
    #[serde(default, deserialize_with = "null_or_value")]
    expires_at: Option<Option<String>>,
}

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
        let row = records::find(&mut tx, change.id.as_str(), &session.user_id, now).await?;
        if row.sender_id != session.user_id {
            return Err(records::not_found());
        }
        if let Some(ValuesInAnyForm(values)) = &change.encrypted_values {
            creating::check_values(&mut tx, &row.item_id, row.slot_id.as_deref(), values).await?;
            records::keep_values(&mut tx, &row.id, values).await?;
        }
        update(&mut tx, &change, now).await?;
        rows.push(records::find(&mut tx, change.id.as_str(), &session.user_id, now).await?);
    }
    let shares = records::with_values(&mut tx, rows, &session.user_id).await?;
    tx.commit().await?;
    let meta = PageMeta::of(None);
    Ok(SpaceSharesResponse { shares, items: vec![], slots: vec![], users: vec![], next_page_after: None, meta })
}

async fn update(db: &mut AnyConnection, change: &SpaceShareChange, now: Millis) -> Result<()> {
    if let Some(expires_at) = &change.expires_at {
        let expires_at = expires_at.as_deref().map(|text| read_expiry(text, now)).transpose()?;
        let update = sqlx::query("UPDATE space_shares SET expires_at = $1 WHERE id = $2");
        update.bind(expires_at).bind(change.id.as_str()).execute(&mut *db).await?;
    }
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
