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

use std::{sync::Arc, time::Instant};

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
        let limit_per_user = RateLimit::new(limits.attempts_per_user, *limits.attempt_regained);
        let limit_per_address = RateLimit::new(limits.attempts_per_address, *limits.attempt_regained);
        let inner = Inner { store, clock, limits, admissions, limit_per_user, limit_per_address, decoy_key };
        Ok(Self(Arc::new(inner)))
    }

    /// Deletes expired rows, and forgets the failed logins that count no more.
    pub async fn clear_expired(&self) -> Result<()> {
        for limit in [&self.0.limit_per_user, &self.0.limit_per_address] {
            limit.forget_regained(Instant::now());
        }
        let Some(_turn) = self.store().housekeeping_turn().await? else { return Ok(()) };
        let now = self.clock().now();
        let mut tx = self.store().write().await?;
        auth::delete_expired(&mut tx, now).await?;
        challenges::delete_expired(&mut tx, now).await?;
        idempotency::delete_expired(&mut tx, now, *self.limits().idempotency).await?;
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use crate::{
        config::{Config, Limits},
        testing::{Folder, server},
    };

    #[tokio::test]
    async fn housekeeping_forgets_failed_logins_that_count_no_more() {
        let folder = Folder::new().unwrap();
        let limits = Limits { attempt_regained: Duration::from_millis(1).into(), ..Limits::default() };
        let server = server(Config { limits, ..Config::new(folder.path()) }, folder).await.unwrap();
        for name in 0..20 {
            let guess = format!(r#"{{ "username": "user-{name}", "srp_a": "ff", "srp_m": "00" }}"#);
            let request = Request::post("/keystore/srp/session").header("content-type", "application/json");
            let reply = server.router().oneshot(request.body(Body::from(guess)).unwrap()).await.unwrap();
            assert_eq!(reply.status(), 401);
        }
        let remembered = || (server.keystore.0.limit_per_user.len(), server.keystore.0.limit_per_address.len());
        assert_eq!(remembered(), (20, 1));
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.clear_expired().await.unwrap();
        assert_eq!(remembered(), (0, 0));
    }
}
