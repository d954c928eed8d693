//! The Vault: users, their items, and what they share (http-api §5–§10).

mod classification;
mod client_tasks;
mod connections;
mod deletion;
mod encryption_spaces;
mod invitations;
mod items;
mod mailing;
mod me;
mod naming;
mod public_key;
mod session;
mod sharing;
mod system_templates;
mod templates;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    config::Limits,
    error::Result,
    idempotency,
    keystore::{Admissions, BoxFuture},
    mail::Mailer,
    service::Service,
    store::Store,
};

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
    fn make_admission_token(&self) -> BoxFuture<'_, Result<String>> {
        Box::pin(me::make_admission_token(self))
    }
}

impl Vault {
    /// A Vault on `store`, with the system's templates in it.
    pub async fn open(store: Store, clock: Clock, limits: Limits, mailer: Mailer) -> Result<Self> {
        system_templates::seed(&store, &clock).await?;
        let mut tx = store.write().await?;
        mailing::give_up_what_was_cut_off(&mut tx).await?;
        tx.commit().await?;
        Ok(Self(Arc::new(Inner { store, clock, limits, mailer, mail_queued: Notify::new() })))
    }

    fn mailer(&self) -> &Mailer {
        &self.0.mailer
    }

    fn mail_queued(&self) -> &Notify {
        &self.0.mail_queued
    }

    /// Clears away what expired.
    pub async fn clear_expired(&self) -> Result<()> {
        sharing::ending::end_expired(self).await?;
        let now = self.clock().now();
        let mut tx = self.store().write().await?;
        crate::sessions::clear_expired(&mut tx, now).await?;
        me::clear_expired(&mut tx, now).await?;
        deletion::remove_queued(&mut tx, self.clock()).await?;
        encryption_spaces::records::clear_expired(&mut tx, now).await?;
        idempotency::clear_expired(&mut tx, now, self.limits().idempotency).await?;
        Ok(tx.commit().await?)
    }
}

/// The Vault's routes.
pub fn router(vault: Vault) -> Router {
    let sharing = Router::new()
        .merge(items::routes())
        .merge(sharing::routes())
        .route_layer(middleware::from_fn_with_state(vault.clone(), without_expired_shares));
    Router::new()
        .merge(me::routes())
        .merge(deletion::routes())
        .merge(session::routes())
        .merge(templates::routes())
        .merge(classification::routes())
        .merge(invitations::routes())
        .merge(connections::routes())
        .merge(encryption_spaces::routes())
        .merge(client_tasks::routes())
        .merge(sharing)
        .route("/version", get(|| crate::version("vault", "16.0.1")))
        .with_state(vault)
}

/// Ends the shares whose time has come before anything reads items or shares: no query has to think of them.
async fn without_expired_shares(State(vault): State<Vault>, request: Request, next: Next) -> Result<Response> {
    sharing::ending::end_expired(&vault).await?;
    Ok(next.run(request).await)
}
