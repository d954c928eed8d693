//! One database per service: its pool, its migrations, its transactions.
//!
//! Everything goes through sqlx's `Any` driver in SQL that SQLite and PostgreSQL both run, so that the choice between
//! them is an address. What differs between the two stands in this file and nowhere else.

mod select;

pub use select::Select;

use crate::error::{Error, Result};
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::Migrator;
use sqlx::{Any, AnyPool, Transaction};
use std::path::Path;
use std::time::Duration;

/// The Keystore's tables.
pub static KEYSTORE: Migrator = sqlx::migrate!("migrations/keystore");
/// The Vault's tables.
pub static VAULT: Migrator = sqlx::migrate!("migrations/vault");

/// A transaction: dropped, it is rolled back.
pub type Tx = Transaction<'static, Any>;

/// One service's database.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
}

/// What every SQLite connection starts with. An acknowledged write is on the disk (`synchronous`), readers do not wait
/// for the writer (`journal_mode`), and writers wait for each other instead of failing (`busy_timeout`).
const SQLITE_CONNECTION: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON;";

impl Store {
    /// Opens the SQLite database in `file`, making it when there is none, and brings its tables up to date.
    pub async fn open_sqlite(file: &Path, migrations: &Migrator) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let path = file.to_str().ok_or_else(|| Error::fault("the path of the data folder is not Unicode"))?;
        let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let pool = AnyPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(20))
            .after_connect(|connection, _| {
                Box::pin(async move {
                    sqlx::raw_sql(SQLITE_CONNECTION).execute(connection).await?;
                    Ok(())
                })
            })
            .connect(&format!("sqlite:{path}?mode=rwc"))
            .await?;
        migrations.run(&pool).await.map_err(Error::fault)?;
        Ok(Self { pool })
    }

    /// Begins a transaction that may write. It takes SQLite's write lock at once: a transaction that read first and
    /// asked for the lock later could find another in its way and would have to fail.
    pub async fn write(&self) -> Result<Tx> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Begins a transaction that only reads, and sees one state of the database throughout.
    pub async fn read(&self) -> Result<Tx> {
        Ok(self.pool.begin().await?)
    }

    /// Whether the database answers.
    pub async fn is_healthy(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Waits for what is running and closes.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The numbered placeholders of an `IN` list: `$3, $4, $5` for three values from the third on.
pub fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

/// A new record's id.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::{KEYSTORE, Store, placeholders};
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

    #[test]
    fn placeholders_are_numbered_from_where_the_caller_is() {
        assert_eq!(placeholders(3, 3), "$3, $4, $5");
        assert_eq!(placeholders(1, 0), "");
    }
}
