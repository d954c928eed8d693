//! The two services that a vaultshare client talks to, in one process: the Keystore logs users in and stores their
//! wrapped keys, the Vault stores their items and shares. Both have ciphertext only and can decrypt none of it.
//!
//! - [`keystore`], [`vault`]: in each, `routes` lists all routes; a file per resource has its handlers and rules;
//!   `records` has the SQL and imports only [`store`] and the small modules below
//! - [`store`]: the databases, one for each service; [`clock`], [`token`], [`wire`]
//! - [`auth`], [`idempotency`], [`pagination`], [`query`], `rate_limit`, [`request`], [`error`]: what resources need
//! - `storage`: the bytes of files; `own_address`: what their URLs begin with
//! - [`bounds`]: what a request may have of anything; [`work`]: what takes milliseconds, and how much of it goes on at once
//! - [`operator`]: what the commands do with users; [`health`]; [`mail`]: invitations by e-mail; [`metrics`]: what is counted and timed
//! - `openapi`: the document of each service; what a route takes and gives is said at its handler (`#[utoipa::path]`)
//! - [`http`]: the whole router, and the layers around every request; `retry`: one of them; `serve`, `streams`: the connections
//!   they come by
//!
//! ```no_run
//! # async fn example() -> Result<(), vaultshare_server::error::Error> {
//! let app = vaultshare_server::open(vaultshare_server::Config::new("data")).await?;
//! let router = app.router(); // a tower Service: call it in-process, or `app.serve(listener, shutdown)`
//! # Ok(()) }
//! ```

pub mod auth;
pub mod bounds;
mod client_address;
pub mod clock;
mod compression;
pub mod config;
pub mod error;
pub mod health;
pub mod http;
pub mod idempotency;
pub mod keystore;
pub mod listener;
pub mod mail;
pub mod metrics;
mod openapi;
pub mod operator;
mod own_address;
pub mod pagination;
mod private;
pub mod public_key;
pub mod query;
mod rate_limit;
pub mod request;
mod retry;
mod serve;
pub mod service;
mod storage;
pub mod store;
mod streams;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
pub mod token;
pub mod vault;
pub mod wire;
pub mod work;

pub use config::{Config, DatabaseConfig, Limits, LogFormat, MailConfig, SignUps, Time, TlsConfig};
pub use operator::ListedUser;

use std::{fs::File, path::Path, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use clock::Clock;
use error::{Error, Result};
use keystore::{Keystore, accounts::AccountsOf};
use listener::Listener;
use mail::Mailer;
use rate_limit::RateLimits;
use service::Service;
use storage::Storage;
use store::Store;
use vault::{Files, Vault};

/// How long a server that shuts down waits for a message that is being sent.
const MAIL_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// Both services, open.
#[derive(Clone)]
pub struct App {
    config: Config,
    clock: Clock,
    keystore: Keystore,
    vault: Vault,
    /// Held by a server for as long as SQLite databases are open, which one server has.
    _lock: Option<Arc<File>>,
}

/// Opens the databases, and creates their tables at the first start.
pub async fn open(config: Config) -> Result<App> {
    let lock = match &config.database.url {
        // Any number of processes may serve it.
        Some(_) => None,
        None => {
            private::create_folder(&config.data).map_err(|error| {
                Error::fault(format!("the data folder {} cannot be created: {error}", config.data.display()))
            })?;
            Some(Arc::new(private::lock_folder(&config.data)?))
        }
    };
    let app = connect(config, lock).await?;
    app.vault.prepare().await?;
    Ok(app)
}

/// Opens the databases beside a server that may be running, to do what an operator does with users. They have to be there
/// and of this version.
pub async fn open_beside(config: Config) -> Result<App> {
    match &config.database.url {
        Some(url) => store::require_current(&url.parse()?).await?,
        None => store::files::require_current(&config.data)?,
    }
    connect(config, None).await
}

/// What is wrong with the SQLite databases in the data folder, or in a backup, a line each.
pub fn check(folder: &Path) -> Result<Vec<String>> {
    store::files::check(folder)
}

/// Copies both SQLite databases into a new folder, as they are at one moment, also from under a server that is running.
pub fn back_up(data: &Path, to: &Path) -> Result<()> {
    store::files::back_up(data, to)
}

/// Puts the databases of a backup into a data folder that no server uses and that is empty, or has databases to `replace`.
pub fn restore(from: &Path, data: &Path, replace: bool) -> Result<()> {
    store::files::restore(from, data, replace)
}

/// Where the files of users are, which no copy of the databases has: in words for whoever makes one.
pub fn place_of_files(config: &Config) -> Result<String> {
    storage::place_of(config)
}

/// Copies all records from the SQLite databases of a data folder into a PostgreSQL database that has none, and says how many
/// rows that were. No server may be running on either.
pub async fn copy(data: &Path, to: &str) -> Result<u64> {
    store::copy::copy(data, &to.parse()?).await
}

async fn connect(config: Config, lock: Option<Arc<File>>) -> Result<App> {
    let clock = Clock::default();
    let (vault_store, keystore_store) = match &config.database.url {
        Some(url) => {
            let url: store::Url = url.parse()?;
            url.warn_if_unproven();
            let vault = Store::open_postgres(&url, &store::VAULT, clock.clone()).await?;
            (vault, Store::open_postgres(&url, &store::KEYSTORE, clock.clone()).await?)
        }
        None => {
            let vault = Store::open_sqlite(&config.data.join("vault.db"), &store::VAULT, clock.clone()).await?;
            let keystore = config.data.join("keystore.db");
            (vault, Store::open_sqlite(&keystore, &store::KEYSTORE, clock.clone()).await?)
        }
    };
    store::installation::check(&vault_store, &keystore_store).await?;
    let mailer = Mailer::new(&config.mail, &config.data)?;
    let key = keystore::rate_limit_key(&keystore_store).await?;
    let rate_limits = Arc::new(RateLimits::new(key, &config.limits));
    let accounts = Arc::new(AccountsOf { store: keystore_store.clone(), rate_limits: Arc::clone(&rate_limits) });
    let limits = config.limits.clone();
    let files = Files::open(&vault_store, Storage::open(&config)?).await?;
    let vault =
        Vault::new(vault_store, clock.clone(), limits.clone(), mailer, files, Arc::clone(&rate_limits), accounts);
    let admissions = Arc::new(vault.clone());
    let rules = (limits, config.signups);
    let keystore = Keystore::open(keystore_store, clock.clone(), rules, admissions, rate_limits).await?;
    Ok(App { config, clock, keystore, vault, _lock: lock })
}

impl App {
    /// All routes, as a service that can also be called without a network.
    pub fn router(&self) -> axum::Router {
        http::router(self.keystore.clone(), self.vault.clone(), &self.config)
    }

    /// The clock of both services.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Deletes expired rows, as [`App::serve`] does periodically.
    pub async fn clear_expired(&self) -> Result<()> {
        self.keystore.clear_expired().await?;
        self.vault.clear_expired().await?;
        for store in [self.vault.store(), self.keystore.store()] {
            store.end_log().await?;
        }
        Ok(())
    }

    /// Sends the messages that are due, as [`App::serve`] does by itself.
    pub async fn send_mail(&self) -> Result<()> {
        self.vault.send_mail().await.map(|_| ())
    }

    /// Serves `listener` until `shutdown` completes, then finishes the running requests, for so long as the limits say, and
    /// closes the databases.
    pub async fn serve(
        self,
        listener: impl Into<Listener>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let tls = self.config.tls.acceptor()?;
        let housekeeping = tokio::spawn(self.clone().run_housekeeping());
        let (stop_mail, mail_stopped) = oneshot::channel();
        let mailing = tokio::spawn(self.clone().run_mail_sender(mail_stopped));
        let router = http::served(self.router());
        let served = serve::serve(router, listener.into(), tls, &self.config.limits, shutdown).await;
        housekeeping.abort();
        drop(stop_mail);
        // A message that is being sent is finished: later nobody could tell whether it arrived.
        if tokio::time::timeout(MAIL_SHUTDOWN_TIMEOUT, mailing).await.is_err() {
            tracing::warn!("the mail server took too long: a message is not sent");
        }
        self.close().await;
        served
    }

    /// Records what is measured rather than counted, for [`metrics`].
    pub(crate) async fn measure(&self) -> Result<()> {
        // First: a full disk may be why the rest fails.
        // Without a folder there is no disk to fill: a server on PostgreSQL may have none.
        #[cfg(unix)]
        if let Ok(disk) = rustix::fs::statvfs(&self.config.data) {
            metrics::disk_free(disk.f_bavail.saturating_mul(disk.f_frsize));
        }
        for store in [self.vault.store(), self.keystore.store()] {
            store.measure().await?;
        }
        metrics::mail_queue(self.vault.queued_mail().await?);
        Ok(())
    }

    /// Closes the databases.
    pub async fn close(&self) {
        tokio::join!(self.keystore.store().close(), self.vault.store().close());
    }

    async fn run_mail_sender(self, mut stopped: oneshot::Receiver<()>) {
        loop {
            let wait = self.vault.send_mail().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "mail could not be sent");
                *self.config.limits.housekeeping
            });
            tokio::select! {
                _ = &mut stopped => return,
                () = self.vault.mail_is_queued() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn run_housekeeping(self) {
        let mut interval = tokio::time::interval(*self.config.limits.housekeeping);
        loop {
            interval.tick().await;
            if let Err(error) = self.clear_expired().await {
                tracing::warn!(%error, "housekeeping failed");
            }
        }
    }
}
