//! A server for a test, on a database of its own. Compiled with the feature `testing` only.
//!
//! The environment variable `VAULTSHARE_TEST_DATABASE` says on which: `sqlite`, as without it, or `postgres`.

#[cfg(unix)]
mod postgres;

use std::{
    ops::Deref,
    path::Path,
    sync::{Arc, OnceLock},
};

use axum::Router;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

use crate::{
    App, Config,
    error::{Error, Result},
    service::Service,
    store::new_id,
};

#[cfg(unix)]
pub use postgres::{Database, crash};

/// A temporary folder, removed with its content when dropped.
pub use tempfile::TempDir as Folder;

/// On Windows there is SQLite alone.
#[cfg(not(unix))]
#[derive(Debug)]
pub enum Database {}

#[cfg(not(unix))]
impl Database {
    async fn new() -> Result<Self> {
        Err(Error::fault("tests run on PostgreSQL where there are Unix sockets"))
    }

    fn url(&self) -> &str {
        match *self {}
    }
}

/// A server whose databases are removed when it is dropped.
pub struct FreshServer {
    app: App,
    router: OnceLock<Router>,
    folder: Folder,
    database: Option<Arc<Database>>,
}

/// Opens a new and empty server.
pub async fn fresh_server() -> Result<FreshServer> {
    let folder = Folder::new().map_err(Error::fault)?;
    server(Config::new(folder.path()), folder).await
}

/// Opens a server with this configuration, on a new database; `folder` is removed when the server is dropped.
pub async fn server(mut config: Config, folder: Folder) -> Result<FreshServer> {
    let database = database().await?;
    config.database.url = database.as_ref().map(|database| database.url().to_owned());
    let app = crate::open(config).await?;
    Ok(FreshServer { app, router: OnceLock::new(), folder, database: database.map(Arc::new) })
}

/// Opens a new and empty server on SQLite, whatever else is tested: for what is done with files alone.
pub async fn fresh_server_on_files() -> Result<FreshServer> {
    let folder = Folder::new().map_err(Error::fault)?;
    server_on_files(Config::new(folder.path()), folder).await
}

/// Opens a server with this configuration on SQLite, also on databases that are there.
pub async fn server_on_files(config: Config, folder: Folder) -> Result<FreshServer> {
    Ok(FreshServer { app: crate::open(config).await?, router: OnceLock::new(), folder, database: None })
}

/// A new PostgreSQL database; none where tests run on SQLite.
pub async fn database() -> Result<Option<Database>> {
    match std::env::var("VAULTSHARE_TEST_DATABASE").as_deref() {
        Err(_) | Ok("" | "sqlite") => Ok(None),
        Ok("postgres") => Database::new().await.map(Some),
        Ok(other) => Err(Error::fault(format!("VAULTSHARE_TEST_DATABASE is sqlite or postgres, and not {other}"))),
    }
}

impl FreshServer {
    /// Copies an item so many times, without its values, and the shares of it with the first thousand: what a user has
    /// after years, in a moment.
    pub async fn copy_items(&self, id: &str, count: u32) -> Result<()> {
        let mut tx = self.app.vault.store().write().await?;
        let copy = "INSERT INTO items (id, user_id, owner_id, template_id, template_label, name, label, created_at,
             updated_at, sequence)
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2)
             SELECT $3 || '-' || n, user_id, owner_id, template_id, template_label, 'copy', label, created_at,
             updated_at, sequence - n FROM items, numbers WHERE id = $1";
        sqlx::query(copy).bind(id).bind(i64::from(count)).bind(new_id()).execute(&mut *tx).await?;
        let share = "INSERT INTO shares (id, item_id, owner_id, sender_id, recipient_id, public_key, keypair_external_id,
             encrypted_dek, acceptance_required, onsharing_permitted, created_at, owners_grant, sequence)
             SELECT $2 || '-' || ROW_NUMBER() OVER (), copies.id, shares.owner_id, sender_id, recipient_id, public_key,
             keypair_external_id, encrypted_dek, acceptance_required, onsharing_permitted, shares.created_at, owners_grant,
             copies.sequence FROM shares, (SELECT id, sequence FROM items WHERE name = 'copy' LIMIT 1000) AS copies
             WHERE shares.item_id = $1";
        sqlx::query(share).bind(id).bind(new_id()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Opens another server on the same database, as another process would; none where that is SQLite, which one process has.
    pub async fn another(&self) -> Result<Option<Self>> {
        let Some(database) = self.database.clone() else { return Ok(None) };
        let folder = Folder::new().map_err(Error::fault)?;
        let mut config = Config::new(folder.path());
        config.database.url = Some(database.url().to_owned());
        let app = crate::open(config).await?;
        Ok(Some(Self { app, router: OnceLock::new(), folder, database: Some(database) }))
    }

    /// The same router each time, which is quicker than [`App::router`].
    pub fn router(&self) -> Router {
        self.router.get_or_init(|| self.app.router()).clone()
    }

    /// Opens a server on a PostgreSQL database that has no other.
    #[cfg(unix)]
    pub async fn on(database: Database) -> Result<Self> {
        let folder = Folder::new().map_err(Error::fault)?;
        let mut config = Config::new(folder.path());
        config.database.url = Some(database.url().to_owned());
        let app = crate::open(config).await?;
        Ok(Self { app, router: OnceLock::new(), folder, database: Some(Arc::new(database)) })
    }

    /// Closes it, and leaves its files and its database.
    pub async fn stop(self) -> (Folder, Option<Arc<Database>>) {
        self.app.close().await;
        (self.folder, self.database)
    }

    /// What it was opened with.
    pub fn config(&self) -> Config {
        self.app.config.clone()
    }

    /// The PostgreSQL database that it is on.
    pub fn database(&self) -> Option<&Database> {
        self.database.as_deref()
    }

    /// Whether it is on PostgreSQL.
    pub fn is_on_postgres(&self) -> bool {
        self.database.is_some()
    }

    /// A connection to the database of a service, `vault` or `keystore`, past the server.
    pub async fn connect(&self, service: &str) -> Result<AnyConnection> {
        let Some(database) = &self.database else {
            let file = self.data().join(service).with_extension("db");
            return Ok(AnyConnection::connect(&format!("sqlite:{}", file.display())).await?);
        };
        let mut connection = AnyConnection::connect(database.url()).await?;
        sqlx::raw_sql(AssertSqlSafe(format!("SET search_path = {service}"))).execute(&mut connection).await?;
        Ok(connection)
    }

    /// Puts the records back to those of a copy of its SQLite databases, which is quicker than opening another server on them.
    pub async fn restore_records(&self, copy: &Path) -> Result<()> {
        for service in ["vault", "keystore"] {
            let mut connection = self.connect(service).await?;
            // Each table on its own: what it refers to is still to come.
            sqlx::raw_sql("PRAGMA foreign_keys = OFF").execute(&mut connection).await?;
            let file = copy.join(service).with_extension("db");
            sqlx::query("ATTACH $1 AS copy").bind(file.to_string_lossy().as_ref()).execute(&mut connection).await?;
            let names = "SELECT name FROM copy.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
            let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut connection).await?;
            let tables =
                names.iter().map(|name| format!("DELETE FROM {name}; INSERT INTO {name} SELECT * FROM copy.{name};"));
            let restore = format!("BEGIN IMMEDIATE; {} COMMIT", tables.collect::<String>());
            sqlx::raw_sql(AssertSqlSafe(restore)).execute(&mut connection).await?;
            connection.close().await?;
        }
        Ok(())
    }

    /// The folder of the server's files.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }
}

impl Deref for FreshServer {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}
