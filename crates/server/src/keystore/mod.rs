//! The Keystore: who can sign in, and the keys each user keeps, all encrypted before they arrive (http-api §4).

mod admission;
mod attempts;
mod encryption_spaces;
mod keypairs;
mod keys;
mod login;
mod registration;
mod sessions;
mod shared_keys;
mod srp;

pub use admission::{Admissions, BoxFuture};

use std::sync::Arc;

use axum::{Router, routing::get};
use base64ct::{Base64UrlUnpadded, Encoding};

use crate::{
    clock::Clock,
    config::Limits,
    error::{Error, Result},
    idempotency,
    service::Service,
    store::Store,
    token,
};
use attempts::Attempts;

/// The Keystore's state.
#[derive(Clone)]
pub struct Keystore(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    limits: Limits,
    vault: Arc<dyn Admissions>,
    attempts_per_user: Attempts,
    attempts_per_address: Attempts,
    /// What salts of unknown usernames are derived with.
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
    /// A Keystore on `store` that asks `vault` for admission tokens.
    pub async fn open(store: Store, clock: Clock, limits: Limits, vault: Arc<dyn Admissions>) -> Result<Self> {
        let decoy_key = server_secret(&store, "decoy_key").await?;
        let attempts_per_user = Attempts::new(limits.attempts_per_user, limits.attempt_regained);
        let attempts_per_address = Attempts::new(limits.attempts_per_address, limits.attempt_regained);
        let inner = Inner { store, clock, limits, vault, attempts_per_user, attempts_per_address, decoy_key };
        Ok(Self(Arc::new(inner)))
    }

    /// Clears away what expired.
    pub async fn clear_expired(&self) -> Result<()> {
        let now = self.clock().now();
        let mut tx = self.store().write().await?;
        crate::sessions::clear_expired(&mut tx, now).await?;
        login::clear_expired(&mut tx, now).await?;
        idempotency::clear_expired(&mut tx, now, self.limits().idempotency).await?;
        Ok(tx.commit().await?)
    }
}

/// The Keystore's routes.
pub fn router(keystore: Keystore) -> Router {
    Router::new()
        .merge(registration::routes())
        .merge(login::routes())
        .merge(sessions::routes())
        .merge(admission::routes())
        .merge(keys::routes())
        .merge(keypairs::routes())
        .merge(encryption_spaces::routes())
        .merge(shared_keys::routes())
        .route("/version", get(|| crate::version("keystore", "10.1.1")))
        .with_state(keystore)
}

/// A secret of this server, made once and kept.
async fn server_secret(store: &Store, name: &str) -> Result<[u8; 32]> {
    let fresh = Base64UrlUnpadded::encode_string(&token::random::<32>().map_err(Error::fault)?);
    let mut tx = store.write().await?;
    sqlx::query("INSERT INTO server_secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(fresh)
        .execute(&mut *tx)
        .await?;
    let kept: String =
        sqlx::query_scalar("SELECT value FROM server_secrets WHERE name = $1").bind(name).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    let bytes = Base64UrlUnpadded::decode_vec(&kept).map_err(Error::fault)?;
    bytes.try_into().map_err(|_| Error::fault("a secret of the server has the wrong length"))
}
