//! The Keystore: who can log in, and the keys each user stores, all encrypted before they arrive
//! (docs/protocol/http-api.md §4).

pub(crate) mod accounts;
mod admission;
mod deletion;
mod encryption_spaces;
mod keypairs;
mod keys;
mod login;
mod records;
mod recovery;
mod registration;
mod routes;
mod session_management;
mod shared_keys;
mod srp;

pub use routes::router;

use std::sync::Arc;

use crate::{
    auth,
    clock::{Clock, millis},
    config::{Limits, SignUps},
    error::Result,
    idempotency,
    rate_limit::{self, RateLimits},
    service::{Admissions, Service},
    store::{Store, server_secrets},
    work::Work,
};
use records::{challenges, known_networks, session_halves, sign_up_invitations};

/// The Keystore's state.
#[derive(Clone)]
pub struct Keystore(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    limits: Limits,
    sign_ups: SignUps,
    work: Work,
    admissions: Arc<dyn Admissions>,
    rate_limits: Arc<RateLimits>,
    /// What the salts and verifiers of unknown usernames are derived from.
    decoy_key: [u8; 32],
}

impl Service for Keystore {
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

/// What names and addresses are hashed with where rate limits count them.
pub(crate) async fn rate_limit_key(store: &Store) -> Result<[u8; 32]> {
    server_secrets::find_or_generate(store, "rate_limit_key").await
}

impl Keystore {
    /// A Keystore on `store`. Admission tokens come from `admissions`, the Vault.
    pub(crate) async fn open(
        store: Store,
        clock: Clock,
        (limits, sign_ups): (Limits, SignUps),
        admissions: Arc<dyn Admissions>,
        rate_limits: Arc<RateLimits>,
    ) -> Result<Self> {
        let decoy_key = server_secrets::find_or_generate(&store, "decoy_key").await?;
        let work = Work::default();
        Ok(Self(Arc::new(Inner { store, clock, limits, sign_ups, work, admissions, rate_limits, decoy_key })))
    }

    fn sign_ups(&self) -> SignUps {
        self.0.sign_ups
    }

    fn rate_limits(&self) -> &RateLimits {
        &self.0.rate_limits
    }

    /// Deletes expired rows, and users whose deletion is due.
    pub async fn clear_expired(&self) -> Result<()> {
        let Some(_turn) = self.store().housekeeping_turn().await? else { return Ok(()) };
        // What cannot be deleted of users keeps nothing of the rest.
        let deletions = deletion::delete_due(self).await;
        let now = self.clock().now();
        // In short transactions: others write between them.
        loop {
            let mut tx = self.store().write().await?;
            let deleted = auth::delete_expired(&mut tx, now).await?
                + session_halves::delete_expired(&mut tx, now).await?
                + challenges::delete_expired(&mut tx, now).await?
                + sign_up_invitations::delete_expired(&mut tx, now).await?
                + rate_limit::delete_regained(&mut tx, now).await?
                + known_networks::delete_older(&mut tx, now - millis(self.limits().known_address)).await?
                + idempotency::delete_expired(&mut tx, now, *self.limits().idempotency).await?;
            tx.commit().await?;
            if deleted == 0 {
                return deletions;
            }
        }
    }
}
