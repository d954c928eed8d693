//! One database per service: its pool, its migrations, its transactions.
//!
//! Everything goes through sqlx's `Any` driver in SQL that SQLite and PostgreSQL both run, so that the choice between
//! them is an address. What differs between the two stands in this folder and nowhere else.

pub(crate) mod files;
pub(crate) mod installation;
mod rows;
mod statement;

pub use rows::write_rows;
pub use statement::{Statement, containing};

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Transaction, any::AnyPoolOptions, migrate::Migrator,
    pool::PoolConnection,
};

use crate::{
    clock::Millis,
    error::{Error, Result},
    metrics, private,
};

/// The Keystore's tables.
pub static KEYSTORE: Migrator = sqlx::migrate!("migrations/keystore");
/// The Vault's tables.
pub static VAULT: Migrator = sqlx::migrate!("migrations/vault");

/// A transaction: dropped, it is rolled back.
pub type Tx = Transaction<'static, Any>;

/// One service's database. SQLite has one writer at a time: writers queue for the one connection that writes, each gets
/// its turn the moment it comes, and nobody who only reads waits for any of them.
#[derive(Clone, Debug)]
pub struct Store {
    file: Arc<Path>,
    writer: AnyPool,
    readers: AnyPool,
}

/// How many connections read. Each has a thread of its own, so that more of them than processors gain nothing.
const READERS: u32 = 4;

/// How long a database has to show that it can be written. Writers queue, and the longest change takes a second or two.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// What every SQLite connection starts with. An acknowledged write is on the disk (`synchronous`), readers do not wait
/// for the writer (`journal_mode`), and writers of other processes are waited for (`busy_timeout`).
const SQLITE_CONNECTION: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;";

/// What the writer starts with besides. The largest change (an item's new values for everyone it is shared with) fits
/// into its cache (KiB), and does not have to wait for its own pages to be copied from the log into the database. What is
/// deleted is overwritten.
const SQLITE_WRITER: &str = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000; PRAGMA secure_delete = ON;";

/// What readers start with besides: they are held to reading.
const SQLITE_READER: &str = "PRAGMA cache_size = -16384; PRAGMA query_only = ON;";

impl Store {
    /// Opens the SQLite database in `file`, making it when there is none, and brings its tables up to date.
    pub async fn open_sqlite(file: &Path, migrations: &Migrator) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let path = file.to_str().ok_or_else(|| Error::fault("the path of the data folder is not Unicode"))?;
        keep_private(file).map_err(|error| Error::fault(format!("{path} cannot be kept to this user: {error}")))?;
        let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let url = format!("sqlite:{path}?mode=rwc");
        let writer = sqlite_pool(1, SQLITE_WRITER).connect(&url).await?;
        migrations.run(&writer).await.map_err(Error::fault)?;
        let readers = sqlite_pool(READERS, SQLITE_READER).connect(&url).await?;
        Ok(Self { file: file.into(), writer, readers })
    }

    /// Begins a transaction that may write. It takes SQLite's write lock at once: a transaction that read first and
    /// asked for the lock later could find another in its way and would have to fail.
    pub async fn write(&self) -> Result<Tx> {
        let wait = self.waiting("write");
        let tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        wait.ended();
        Ok(tx)
    }

    /// Begins a transaction that only reads, and sees one state of the database throughout.
    pub async fn read(&self) -> Result<Tx> {
        let wait = self.waiting("read");
        let tx = self.readers.begin().await?;
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

    /// The database's file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn waiting(&self, kind: &'static str) -> metrics::Wait<'_> {
        metrics::Wait::begin(&self.file, kind)
    }

    /// Whether the database can be written: by doing so, since a full disk and a folder that is gone show nowhere else.
    pub async fn is_writable(&self, now: Millis) -> bool {
        let write = async {
            let mut tx = self.write().await?;
            sqlx::query(
                "INSERT INTO installation (name, value) VALUES ('written', $1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .bind(now.to_string())
            .execute(&mut *tx)
            .await?;
            Ok::<_, Error>(tx.commit().await?)
        };
        matches!(tokio::time::timeout(HEALTH_TIMEOUT, write).await, Ok(Ok(())))
    }

    /// Waits for what is running and closes.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// The database and the two files that SQLite has beside it, and makes with the access that the database has.
fn keep_private(database: &Path) -> std::io::Result<()> {
    private::create_file(database)?;
    for suffix in ["-wal", "-shm"] {
        let mut beside = database.as_os_str().to_owned();
        beside.push(suffix);
        private::close_to_others(Path::new(&beside))?;
    }
    Ok(())
}

/// Connections to a file neither break nor grow old: they are not tested before each use, and stay open.
///
/// But one whose transaction SQLite has ended by itself, as it does when the disk is full, cannot begin another: its driver
/// still counts the first. Such a connection is closed, and another one opened.
fn sqlite_pool(connections: u32, settings: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(20))
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(SQLITE_CONNECTION).execute(&mut *connection).await?;
                sqlx::raw_sql(settings).execute(connection).await?;
                Ok(())
            })
        })
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

/// Runs a statement whose text was written in this crate.
async fn execute(db: &mut AnyConnection, sql: String, values: Vec<Value>) -> Result<()> {
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        };
    }
    query.execute(db).await?;
    Ok(())
}

/// The numbered placeholders of an `IN` list: `$3, $4, $5` for three values from the third on.
fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

/// A new record's id.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::{KEYSTORE, Store, Value, keep_private, new_id, placeholders, write_rows};
    use crate::testing::Folder;

    #[tokio::test]
    async fn what_is_acknowledged_is_on_the_disk_and_what_is_referred_to_exists() {
        let folder = Folder::new().unwrap();
        let store = Store::open_sqlite(&folder.path().join("a file #1?.db"), &KEYSTORE).await.unwrap();
        let mut db = store.write().await.unwrap();
        let (full, on) = (2, 1);
        for (pragma, expected) in [("PRAGMA synchronous", full), ("PRAGMA foreign_keys", on)] {
            let value: i64 = sqlx::query_scalar(pragma).fetch_one(&mut *db).await.unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *db).await.unwrap();
        assert_eq!(mode, "wal");
        assert!(folder.path().join("a file #1?.db").exists());
    }

    #[tokio::test]
    async fn a_full_disk_ends_writes_while_it_is_full_and_no_longer() {
        let folder = Folder::new().unwrap();
        let store = Store::open_sqlite(&folder.path().join("full.db"), &KEYSTORE).await.unwrap();
        let row = || [[Value::from(new_id()), Value::from("x".repeat(100_000))]].to_vec();
        let insert = "INSERT INTO server_secrets (name, value) VALUES";
        let mut tx = store.write().await.unwrap();
        // Of this connection: no page more than there are.
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut *tx).await.unwrap();
        let refused = write_rows(&mut tx, insert, row(), "").await.unwrap_err();
        assert!(refused.to_string().contains("full"), "{refused}");
        drop(tx);

        let mut tx = store.write().await.unwrap();
        write_rows(&mut tx, insert, row(), "").await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.is_writable(0).await);
    }

    #[cfg(unix)]
    #[test]
    fn what_others_could_read_of_a_database_they_no_longer_can() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new().unwrap();
        let files = ["a.db", "a.db-wal", "a.db-shm"].map(|name| folder.path().join(name));
        for file in &files {
            std::fs::write(file, "").unwrap();
            std::fs::set_permissions(file, PermissionsExt::from_mode(0o664)).unwrap();
        }
        keep_private(&files[0]).unwrap();
        for file in &files {
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
        }
    }

    #[test]
    fn placeholders_are_numbered_from_where_the_caller_is() {
        assert_eq!(placeholders(3, 3), "$3, $4, $5");
        assert_eq!(placeholders(1, 0), "");
    }
}
