//! The two services that a vaultshare client talks to, in one process: the Keystore signs users in and keeps their
//! wrapped keys, the Vault keeps their items and what they share. Both hold ciphertext and can decrypt none of it.
//!
//! - [`keystore`], [`vault`]: one file per resource, each with its routes on top, its rules in the middle, its queries
//!   at the bottom
//! - [`store`]: the databases, one for each service; [`clock`], [`token`], [`wire`]
//! - [`sessions`], [`idempotency`], [`paging`], [`request`], [`error`]: what every resource needs
//! - [`mail`]: invitations by e-mail
//! - [`http`]: the routers put together, and what surrounds every request
//!
//! ```no_run
//! # async fn example() -> Result<(), vaultshare_server::error::Error> {
//! let app = vaultshare_server::open(vaultshare_server::Config::new("data")).await?;
//! let router = app.router(); // a tower Service: call it in-process, or `app.serve(listener, shutdown)`
//! # Ok(()) }
//! ```

pub mod clock;
pub mod config;
pub mod error;
pub mod http;
pub mod idempotency;
pub mod keystore;
pub mod mail;
pub mod paging;
pub mod request;
pub mod service;
pub mod sessions;
pub mod store;
pub mod testing;
pub mod token;
pub mod vault;
pub mod wire;

pub use config::{Config, Limits, MailConfig};

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, sync::oneshot};

use clock::Clock;
use error::{Error, Result};
use keystore::Keystore;
use mail::Mailer;
use store::Store;
use vault::Vault;

/// How long a server that is asked to stop waits for a message that is being handed on.
const LAST_MESSAGE: std::time::Duration = std::time::Duration::from_secs(20);

/// Both services, open.
#[derive(Clone)]
pub struct App {
    config: Config,
    clock: Clock,
    keystore: Keystore,
    vault: Vault,
}

/// Opens the databases, making them at the first start.
pub async fn open(config: Config) -> Result<App> {
    std::fs::create_dir_all(&config.data)
        .map_err(|error| Error::fault(format!("the data folder {} cannot be made: {error}", config.data.display())))?;
    let clock = Clock::default();
    let vault_store = Store::open_sqlite(&config.data.join("vault.db"), &store::VAULT).await?;
    let keystore_store = Store::open_sqlite(&config.data.join("keystore.db"), &store::KEYSTORE).await?;
    let mailer = Mailer::new(&config.mail, &config.data)?;
    let vault = Vault::open(vault_store, clock.clone(), config.limits.clone(), mailer).await?;
    let admissions = Arc::new(vault.clone());
    let keystore = Keystore::open(keystore_store, clock.clone(), config.limits.clone(), admissions).await?;
    Ok(App { config, clock, keystore, vault })
}

impl App {
    /// Everything the server answers, as a service that can also be called without a network.
    pub fn router(&self) -> axum::Router {
        http::router(self.keystore.clone(), self.vault.clone(), &self.config)
    }

    /// The clock of both services.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Clears away what expired, as [`App::serve`] does from time to time.
    pub async fn clear_expired(&self) -> Result<()> {
        self.keystore.clear_expired().await?;
        self.vault.clear_expired().await
    }

    /// Sends the messages that are due, as [`App::serve`] does by itself.
    pub async fn send_mail(&self) -> Result<()> {
        self.vault.send_mail().await.map(|_| ())
    }

    /// Answers on `listener` until `shutdown` completes, then finishes what was begun and closes the databases.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let housekeeping = tokio::spawn(self.clone().keep_house());
        let (stop_mail, mail_is_stopped) = oneshot::channel();
        let mailing = tokio::spawn(self.clone().keep_sending_mail(mail_is_stopped));
        let service = self.router().into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(listener, service).with_graceful_shutdown(shutdown).await;
        housekeeping.abort();
        drop(stop_mail);
        // What is being handed on right now is finished, because nobody could tell later whether it was.
        if tokio::time::timeout(LAST_MESSAGE, mailing).await.is_err() {
            tracing::warn!("the mail server took too long; a message is given up");
        }
        self.close().await;
        served.map_err(Error::fault)
    }

    /// Closes the databases.
    pub async fn close(&self) {
        service::Service::store(&self.keystore).close().await;
        service::Service::store(&self.vault).close().await;
    }

    async fn keep_sending_mail(self, mut stopped: oneshot::Receiver<()>) {
        loop {
            let wait = self.vault.send_mail().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "mail could not be sent");
                self.config.limits.housekeeping
            });
            tokio::select! {
                _ = &mut stopped => return,
                () = self.vault.mail_is_queued() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn keep_house(self) {
        let mut interval = tokio::time::interval(self.config.limits.housekeeping);
        loop {
            interval.tick().await;
            if let Err(Error::Fault(reason)) = self.clear_expired().await {
                tracing::warn!(reason, "housekeeping failed");
            }
        }
    }
}

/// The reply of `GET /version`: which API a service speaks.
async fn version(name: &str, api_version: &str) -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({ "component": { "name": name, "api_version": api_version } }))
}
