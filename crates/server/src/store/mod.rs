//! One database per service: its connections, its migrations, its transactions.
//!
//! Everything goes through sqlx's `Any` driver in SQL that SQLite and PostgreSQL both run, so that the choice between
//! them is an address. What differs between the two stands in this folder and nowhere else.

pub(crate) mod copy;
pub(crate) mod files;
pub(crate) mod installation;
mod postgres;
mod rows;
pub(crate) mod server_secrets;
mod sqlite;
mod statement;

#[cfg(feature = "testing")]
pub(crate) use postgres::connect;
pub(crate) use postgres::{Url, require_current};
pub use rows::write_rows;
pub use statement::{Statement, containing};

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, Database, Sqlite, Transaction,
    migrate::{MigrateError, Migrator},
    pool::PoolConnection,
    query::Query,
};

use crate::{
    clock::{Clock, Millis},
    error::{Error, Result},
    metrics, retry,
};

/// The tables of one service. Its name is that of the database's file on SQLite, and of the schema on PostgreSQL.
#[derive(Debug)]
pub struct Tables {
    name: &'static str,
    /// What makes them, and brings those of older servers up to date.
    pub migrations: Migrator,
}

/// The Keystore's tables.
pub static KEYSTORE: Tables = Tables { name: "keystore", migrations: sqlx::migrate!("migrations/keystore") };
/// The Vault's tables.
pub static VAULT: Tables = Tables { name: "vault", migrations: sqlx::migrate!("migrations/vault") };

/// One service's database. It has one writer at a time: writers queue, each gets its turn the moment it comes, and nobody
/// who only reads waits for any of them. So a rule may read, decide and write, and what it read still holds.
#[derive(Clone, Debug)]
pub struct Store {
    name: &'static str,
    engine: Engine,
    writers: AnyPool,
    readers: AnyPool,
    clock: Clock,
}

#[derive(Clone, Debug)]
enum Engine {
    /// One server has the file, and one connection of it writes.
    Sqlite { file: Arc<Path> },
    /// Any number of processes, whose writers queue for an advisory lock. `probes` tells whether the database is well, past
    /// that queue.
    Postgres { probes: AnyPool },
}

/// A transaction that only reads.
pub type ReadTx = Transaction<'static, Any>;

/// A transaction that may write. Dropped, it is rolled back.
#[derive(Debug)]
pub struct Tx {
    transaction: Transaction<'static, Any>,
    clock: Clock,
    /// The last sequence number that was drawn before it began.
    sequence: i64,
}

impl Tx {
    /// Commits what was written, and how far the sequence numbers have come.
    pub async fn commit(mut self) -> sqlx::Result<()> {
        let sequence = self.clock.last_sequence();
        if sequence != self.sequence {
            installation::set(&mut self, installation::SEQUENCE, sequence).await?;
        }
        retry::commits();
        self.transaction.commit().await
    }
}

impl Deref for Tx {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

fn not_migrated(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(_) => Error::fault("the database is of a later version of this server"),
        error => Error::fault(error),
    }
}

/// What is wrong with a database of which these migrations were applied.
fn version_problem(applied: &[i64], migrations: &Migrator) -> Option<&'static str> {
    let known: Vec<i64> = migrations.iter().map(|migration| migration.version).collect();
    if applied.iter().any(|version| !known.contains(version)) {
        return Some("is of a later version of this server");
    }
    if known.iter().any(|version| !applied.contains(version)) {
        return Some("is of an earlier version of this server: bring it up to date with `migrate`");
    }
    None
}

/// The turn of a process to delete what has expired.
pub(crate) struct Turn {
    _lock: Option<ReadTx>,
}

/// How long to wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long to wait for connections that are in use when the database is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a database has to show that it can be written. Writers queue, and the longest change takes a second or two.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

impl Store {
    /// Opens the SQLite database in `file`, making it when there is none, and brings its tables up to date.
    pub async fn open_sqlite(file: &Path, tables: &Tables, clock: Clock) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let (writers, readers) = sqlite::open(file, &tables.migrations).await?;
        let engine = Engine::Sqlite { file: file.into() };
        Self { name: tables.name, engine, writers, readers, clock }.with_clock_set().await
    }

    /// Opens the schema of a PostgreSQL database, making it when there is none, and brings its tables up to date.
    pub(crate) async fn open_postgres(url: &Url, tables: &Tables, clock: Clock) -> Result<Self> {
        let postgres::Pools { writers, readers, probes } = postgres::open(url, tables).await?;
        Self { name: tables.name, engine: Engine::Postgres { probes }, writers, readers, clock }.with_clock_set().await
    }

    /// Rows that are made from now on come behind those there are, also where the system's clock was set back.
    async fn with_clock_set(self) -> Result<Self> {
        let sequence = installation::sequence(&mut *self.read_once().await?).await?;
        self.clock.continue_after(sequence);
        Ok(self)
    }

    /// Begins a transaction that may write, as the only one of this database.
    pub async fn write(&self) -> Result<Tx> {
        let wait = self.waiting("write");
        let transaction = match &self.engine {
            Engine::Sqlite { .. } => self.writers.begin_with(sqlite::BEGIN_WRITE).await?,
            Engine::Postgres { .. } => {
                let writers = self.writers.clone();
                let mut transaction = undisturbed(async move { writers.begin().await }).await?;
                postgres::lock_for_writing(&mut transaction, self.name).await?;
                // Another process may have drawn numbers since.
                self.clock.continue_after(installation::sequence(&mut transaction).await?);
                transaction
            }
        };
        wait.ended();
        Ok(Tx { transaction, clock: self.clock.clone(), sequence: self.clock.last_sequence() })
    }

    /// Begins a transaction that only reads, and sees one state of the database throughout.
    pub async fn read(&self) -> Result<ReadTx> {
        let wait = self.waiting("read");
        let tx = match &self.engine {
            Engine::Sqlite { .. } => self.readers.begin().await?,
            Engine::Postgres { .. } => {
                let readers = self.readers.clone();
                undisturbed(async move { readers.begin().await }).await?
            }
        };
        wait.ended();
        Ok(tx)
    }

    /// A connection for one statement that reads: that sees one state of the database without a transaction.
    pub async fn read_once(&self) -> Result<PoolConnection<Any>> {
        let wait = self.waiting("read");
        let connection = self.readers.acquire().await?;
        wait.ended();
        Ok(connection)
    }

    /// The turn to delete what has expired. None while another process has it, which is until it is done or for a minute: two
    /// at a time are no harm.
    pub(crate) async fn housekeeping_turn(&self) -> Result<Option<Turn>> {
        match self.engine {
            Engine::Sqlite { .. } => Ok(Some(Turn { _lock: None })),
            Engine::Postgres { .. } => {
                let mut lock = self.read().await?;
                let is_ours = postgres::try_housekeeping_lock(&mut lock, self.name).await?;
                Ok(is_ours.then_some(Turn { _lock: Some(lock) }))
            }
        }
    }

    /// Whether this is a server of its own, to which a connection can be lost.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self.engine, Engine::Postgres { .. })
    }

    fn waiting(&self, kind: &'static str) -> metrics::Wait {
        metrics::Wait::begin(self.name, kind)
    }

    /// Ends SQLite's log of the database: what was deleted stands in it until then. PostgreSQL sees to its own.
    pub(crate) async fn end_log(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite { file } => files::end_log(file.to_path_buf()).await,
            Engine::Postgres { .. } => Ok(()),
        }
    }

    /// Records how large the database is.
    pub(crate) async fn measure(&self) -> Result<()> {
        let sizes = match &self.engine {
            Engine::Sqlite { file } => sqlite::sizes(file),
            Engine::Postgres { .. } => {
                vec![("database", postgres::size(&mut *self.read_once().await?, self.name).await?)]
            }
        };
        for (part, bytes) in sizes {
            metrics::database_size(self.name, part, bytes);
        }
        Ok(())
    }

    /// Whether the database can be written: by doing so, since a full disk and a folder that is gone show nowhere else.
    pub async fn is_writable(&self, now: Millis) -> bool {
        let write = async {
            match &self.engine {
                Engine::Sqlite { .. } => {
                    let mut tx = self.write().await?;
                    installation::set(&mut tx, installation::WRITTEN, now).await?;
                    tx.commit().await?;
                }
                // Nobody else writes this row, and whoever waits for a turn to write is not the worse for wear.
                Engine::Postgres { probes } => {
                    installation::set(&mut *probes.acquire().await?, installation::WRITTEN, now).await?;
                }
            }
            Ok::<_, Error>(())
        };
        matches!(tokio::time::timeout(HEALTH_TIMEOUT, write).await, Ok(Ok(())))
    }

    /// Waits for what is running and closes. A database that does not answer is not waited for for long.
    pub async fn close(&self) {
        let closed = async {
            self.readers.close().await;
            self.writers.close().await;
            if let Engine::Postgres { probes } = &self.engine {
                probes.close().await;
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
            tracing::warn!(database = self.name, "the database did not answer when it was closed");
        }
    }
}

/// Begins a transaction to its end, also where the request that wants it is over meanwhile: sqlx knows of a transaction
/// from the reply on, and would lend a connection to others that is in one it does not know of. SQLite's connections know by
/// themselves, and are looked at before they are lent.
async fn undisturbed(
    begin: impl Future<Output = sqlx::Result<Transaction<'static, Any>>> + Send + 'static,
) -> Result<Transaction<'static, Any>> {
    Ok(tokio::spawn(begin).await.map_err(Error::fault)??)
}

/// A value to bind.
#[derive(Clone, Debug)]
pub enum Value {
    /// A text, or none.
    Text(Option<String>),
    /// A number, or none.
    Number(Option<i64>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

/// A query whose text was written in this crate, with `?` for each of its values.
fn query<'q>(db: &AnyConnection, sql: String, values: Vec<Value>) -> Query<'q, Any, sqlx::any::AnyArguments> {
    let sql = if db.backend_name() == Sqlite::NAME { sql } else { numbered(&sql) };
    let query = sqlx::query(AssertSqlSafe(sql));
    values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
    })
}

/// Placeholders as PostgreSQL has them: `$1, $2` for `?, ?`. SQLite would take them too, but finds a placeholder that has a
/// number by going through all those before it: a statement with twice as many of them would take four times as long.
fn numbered(sql: &str) -> String {
    let mut parts = sql.split('?');
    let first = parts.next().unwrap_or_default().to_owned();
    (1..).zip(parts).fold(first, |sql, (number, part)| format!("{sql}${number}{part}"))
}

/// A list of placeholders.
fn placeholders(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// A new record's id.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use std::{task::Poll, time::Duration};

    use super::{Engine, Error, installation, numbered, placeholders};
    use crate::{service::Service, testing};

    /// A request may be over at any moment, and leaves a connection that the next one can use.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_transaction_that_was_given_up_while_it_began_is_over() {
        let server = testing::fresh_server().await.unwrap();
        let store = server.vault.store();
        // Less far each time, and as often as there are connections.
        for polls in (1..8).rev() {
            for _ in 0..8 {
                poll(store.read(), polls).await;
            }
            poll(store.write(), polls).await;
        }
        // Whatever was begun is over.
        tokio::time::sleep(Duration::from_millis(100)).await;
        for written in 1..20 {
            let mut tx = store.write().await.unwrap();
            installation::set(&mut tx, installation::WRITTEN, written).await.unwrap();
            tx.commit().await.unwrap();
            let mut readers = Vec::new();
            while let Ok(Ok(mut db)) = tokio::time::timeout(Duration::from_millis(200), store.read_once()).await {
                let value = "SELECT value FROM installation WHERE name = 'written'";
                let value: String = sqlx::query_scalar(value).fetch_one(&mut *db).await.unwrap();
                assert_eq!(value, written.to_string());
                readers.push(db);
            }
        }
    }

    /// Drives a future so far, and drops it.
    async fn poll<T>(future: impl Future<Output = T>, mut polls: usize) {
        let mut future = Box::pin(future);
        let driven = std::future::poll_fn(move |context| match future.as_mut().poll(context) {
            Poll::Pending if polls > 1 => {
                polls -= 1;
                Poll::Pending
            }
            _ => Poll::Ready(()),
        });
        driven.await;
    }

    /// As a pooler does that has transactions of several clients share a connection.
    #[tokio::test]
    async fn a_connection_with_another_services_tables_writes_nothing() {
        let server = testing::fresh_server().await.unwrap();
        let store = server.vault.store();
        if !matches!(store.engine, Engine::Postgres { .. }) {
            return;
        }
        let mut writers = Vec::new();
        for _ in 0..store.writers.options().get_max_connections() {
            let mut writer = store.writers.acquire().await.unwrap();
            sqlx::raw_sql("SET search_path = keystore").execute(&mut *writer).await.unwrap();
            writers.push(writer);
        }
        drop(writers);
        let refused = store.write().await.err();
        assert!(
            matches!(&refused, Some(Error::Fault(reason)) if reason.contains("pool_mode = session")),
            "{refused:?}"
        );
    }

    #[test]
    fn placeholders_are_numbered_as_they_come() {
        assert_eq!(numbered("a = ? AND b IN (?, ?) AND c"), "a = $1 AND b IN ($2, $3) AND c");
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
        assert_eq!((placeholders(3), placeholders(0)), ("?, ?, ?".to_owned(), String::new()));
    }
}
