//! The Keystore: who can log in, and the keys each user stores, all encrypted before they arrive
//! (docs/protocol/http-api.md §4).

mod admission;
mod encryption_spaces;
mod keypairs;
mod keys;
mod login;
mod rate_limit;
mod records;
mod registration;
mod routes;
mod session_management;
mod shared_keys;
mod srp;

pub use routes::router;

use std::sync::Arc;

use crate::{
    auth,
    clock::Clock,
    config::Limits,
    error::Result,
    idempotency,
    service::{Admissions, Service},
    store::Store,
};
use rate_limit::RateLimit;
use records::{challenges, server_secrets};

/// The Keystore's state.
#[derive(Clone)]
pub struct Keystore(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    limits: Limits,
    admissions: Arc<dyn Admissions>,
    limit_per_user: RateLimit,
    limit_per_address: RateLimit,
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
}

impl Keystore {
    /// A Keystore on `store`. Admission tokens come from `admissions`, the Vault.
    pub async fn open(store: Store, clock: Clock, limits: Limits, admissions: Arc<dyn Admissions>) -> Result<Self> {
        let decoy_key = server_secrets::find_or_generate(&store, "decoy_key").await?;
        let limit_per_user = RateLimit::new(limits.attempts_per_user, limits.attempt_regained);
        let limit_per_address = RateLimit::new(limits.attempts_per_address, limits.attempt_regained);
        let inner = Inner { store, clock, limits, admissions, limit_per_user, limit_per_address, decoy_key };
        Ok(Self(Arc::new(inner)))
    }

    /// Deletes expired rows.
    pub async fn clear_expired(&self) -> Result<()> {
        let now = self.clock().now();
        let mut tx = self.store().write().await?;
        auth::delete_expired(&mut tx, now).await?;
        challenges::delete_expired(&mut tx, now).await?;
        idempotency::delete_expired(&mut tx, now, self.limits().idempotency).await?;
        Ok(tx.commit().await?)
    }
}
