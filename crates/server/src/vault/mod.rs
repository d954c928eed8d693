//! The Vault: users, their items, and what they share (docs/protocol/http-api.md §5–§10).

mod classification;
mod client_tasks;
mod connections;
mod deletion;
mod encryption_spaces;
mod invitations;
mod items;
mod labels;
mod login;
mod mail_queue;
mod me;
mod public_keys;
mod records;
mod routes;
mod sharing;
mod templates;

pub use routes::router;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::{
    auth,
    clock::Clock,
    config::Limits,
    error::Result,
    idempotency,
    mail::Mailer,
    service::{Admissions, BoxFuture, Service},
    store::Store,
};
use records::{invitations::hash_plain_tokens, space_shares, system_templates, users};
use sharing::ending;

/// The Vault's state.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    limits: Limits,
    mailer: Mailer,
    mail_queued: Notify,
}

impl Service for Vault {
    fn store(&self) -> &Store {
        &self.0.store
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl Admissions for Vault {
    fn issue_admission_token(&self) -> BoxFuture<'_, Result<String>> {
        Box::pin(me::issue_admission_token(self))
    }
}

impl Vault {
    /// A Vault on `store`. Writes the system templates to it, and hashes what older servers did not.
    pub async fn open(store: Store, clock: Clock, limits: Limits, mailer: Mailer) -> Result<Self> {
        system_templates::seed(&store, &clock).await?;
        let mut tx = store.write().await?;
        hash_plain_tokens(&mut tx).await?;
        tx.commit().await?;
        Ok(Self(Arc::new(Inner { store, clock, limits, mailer, mail_queued: Notify::new() })))
    }

    fn mailer(&self) -> &Mailer {
        &self.0.mailer
    }

    /// How many messages wait to be sent.
    pub async fn queued_mail(&self) -> Result<u32> {
        let count = records::mail_queue::count(&mut *self.store().read_once().await?).await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn mail_queued(&self) -> &Notify {
        &self.0.mail_queued
    }

    /// Ends expired shares, and deletes expired rows and users whose deletion is due; unless another process is at it.
    pub async fn clear_expired(&self) -> Result<()> {
        let Some(_turn) = self.store().housekeeping_turn().await? else { return Ok(()) };
        ending::end_expired(self).await?;
        let now = self.clock().now();
        let mut tx = self.store().write().await?;
        auth::delete_expired(&mut tx, now).await?;
        users::delete_expired_admission_tokens(&mut tx, now).await?;
        deletion::delete_due(&mut tx, self.clock()).await?;
        space_shares::delete_expired(&mut tx, now).await?;
        idempotency::delete_expired(&mut tx, now, *self.limits().idempotency).await?;
        Ok(tx.commit().await?)
    }
}
