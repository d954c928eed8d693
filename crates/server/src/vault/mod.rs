//! The Vault: users, their items, and what they share (docs/protocol/http-api.md §5–§10).

mod accounts;
mod classification;
mod client_tasks;
mod connections;
mod deletion;
mod encryption_spaces;
mod files;
mod invitations;
mod items;
mod labels;
mod login;
mod mail_queue;
mod me;
mod public_keys;
mod quota;
mod records;
mod routes;
mod sharing;
mod templates;

pub(crate) use files::Files;
pub(crate) use routes::STREAMED;
pub use routes::router;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    auth,
    clock::{Clock, Millis, millis},
    config::Limits,
    error::Result,
    idempotency,
    mail::Mailer,
    rate_limit::{self, RateLimits},
    service::{Accounts, Admissions, BoxFuture, Service},
    store::Store,
    work::Work,
};
use records::{
    client_tasks as client_task_records,
    invitations::{delete_expired as delete_expired_invitations, hash_plain_tokens},
    space_shares, system_templates, usage, users,
};
use sharing::ending;

/// The Vault's state.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    limits: Limits,
    work: Work,
    mailer: Mailer,
    files: Files,
    rate_limits: Arc<RateLimits>,
    keystore_accounts: Arc<dyn Accounts>,
    mail_queued: Notify,
    /// Whose usage was counted anew, and when, because they are above a quota.
    quota_refusals: Mutex<HashMap<String, quota::Refusal>>,
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

    fn work(&self) -> &Work {
        &self.0.work
    }
}

impl Admissions for Vault {
    fn issue_admission_token<'a>(&'a self, keystore_user_id: &'a str) -> BoxFuture<'a, Result<String>> {
        Box::pin(me::issue_admission_token(self, keystore_user_id))
    }

    fn users_among<'a>(&'a self, keystore_user_ids: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let accounts = self.accounts_of(keystore_user_ids).await?;
            Ok(accounts.into_iter().filter_map(|account| account.keystore_user_id).collect())
        })
    }
}

impl Vault {
    /// A Vault on `store`. Users of the Keystore are reached by `keystore_accounts`.
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        limits: Limits,
        mailer: Mailer,
        files: Files,
        rate_limits: Arc<RateLimits>,
        keystore_accounts: Arc<dyn Accounts>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            limits,
            work: Work::default(),
            mailer,
            files,
            rate_limits,
            keystore_accounts,
            mail_queued: Notify::new(),
            quota_refusals: Mutex::default(),
        }))
    }

    /// What a server does before it serves: writes the system templates and brings up to date what older servers did not
    /// know.
    pub(crate) async fn prepare(&self) -> Result<()> {
        system_templates::seed(self.store(), self.clock()).await?;
        let mut tx = self.store().write().await?;
        hash_plain_tokens(&mut tx).await?;
        if !quota::has_quotas(self.limits()) {
            usage::clear(&mut tx).await?;
        }
        tx.commit().await?;
        if !self.store().is_remote() {
            // Nobody else serves these databases: whoever was sending is not any more.
            self.fail_interrupted(Millis::MAX).await?;
        }
        self.link_to_keystore().await
    }

    fn mailer(&self) -> &Mailer {
        &self.0.mailer
    }

    fn keystore_accounts(&self) -> &dyn Accounts {
        self.0.keystore_accounts.as_ref()
    }

    fn quota_refusals(&self) -> MutexGuard<'_, HashMap<String, quota::Refusal>> {
        self.0.quota_refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rate_limits(&self) -> &RateLimits {
        &self.0.rate_limits
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
        // What cannot be deleted of one user keeps nothing of the others.
        let deletions = deletion::delete_due(self).await;
        let now = self.clock().now();
        // In short transactions: others write between them.
        let limits = self.limits();
        loop {
            let mut tx = self.store().write().await?;
            let deleted = auth::delete_expired(&mut tx, now).await?
                + rate_limit::delete_regained(&mut tx, now).await?
                + users::delete_expired_admission_tokens(&mut tx, now).await?
                + space_shares::delete_expired(&mut tx, now).await?
                + idempotency::delete_expired(&mut tx, now, *limits.idempotency).await?
                + client_task_records::delete_done(&mut tx, now - millis(limits.done_tasks)).await?
                + delete_expired_invitations(&mut tx, now - millis(limits.expired_invitations)).await?;
            tx.commit().await?;
            if deleted == 0 {
                break;
            }
        }
        self.mailer().delete_written_before(now - millis(limits.written_mail)).await?;
        self.delete_departed().await?;
        files::clearing::clear(self).await?;
        deletions
    }
}
