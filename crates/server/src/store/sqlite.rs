//! SQLite: one file per service, one connection that writes and a few that read.

use std::{path::Path, time::Duration};

use sqlx::{AnyConnection, AnyPool, Connection, any::AnyPoolOptions, migrate::Migrator};

use super::{ACQUIRE_TIMEOUT, not_migrated};
use crate::{
    error::{Error, Result},
    private,
};

/// How many connections read. Each has a thread of its own, so that more of them than processors gain nothing.
const READERS: u32 = 4;

/// What every connection starts with. An acknowledged write is on the disk (`synchronous`), readers do not wait for the
/// writer (`journal_mode`), and writers of other processes are waited for (`busy_timeout`).
const CONNECTION: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;";

/// What the writer starts with besides. The largest change (an item's new values for everyone it is shared with) fits
/// into its cache (KiB), and does not have to wait for its own pages to be copied from the log into the database. What is
/// deleted is overwritten.
const WRITER: &str = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000; PRAGMA secure_delete = ON;";

/// What readers start with besides: they are held to reading.
const READER: &str = "PRAGMA cache_size = -16384; PRAGMA query_only = ON;";

/// Takes the write lock at once: a transaction that read first and asked for the lock later could find another in its way
/// and would have to fail.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// The writer and the readers of a database, which has all its tables.
pub(super) async fn open(file: &Path, migrations: &Migrator) -> Result<(AnyPool, AnyPool)> {
    let url = url(file, "rwc")?;
    let unkept = |error| Error::fault(format!("{} cannot be kept to this user: {error}", file.display()));
    keep_private(file).map_err(unkept)?;
    // By itself: a pool would try for as long as it waits for connections, and not say why there is none.
    let unopened = |error| Error::fault(format!("{} cannot be opened: {error}", file.display()));
    let mut first = AnyConnection::connect(&url).await.map_err(unopened)?;
    set(&mut first, WRITER).await.map_err(unopened)?;
    migrations.run(&mut first).await.map_err(not_migrated)?;
    first.close().await?;
    Ok((pool(1, WRITER).connect(&url).await?, pool(READERS, READER).connect(&url).await?))
}

/// A connection that only reads, to a database that is there.
pub(super) async fn open_to_read(file: &Path) -> Result<AnyConnection> {
    let mut connection = AnyConnection::connect(&url(file, "rw")?).await?;
    set(&mut connection, READER).await?;
    Ok(connection)
}

fn url(file: &Path, mode: &str) -> Result<String> {
    let path = file.to_str().ok_or_else(|| Error::fault("the path of the data folder is not Unicode"))?;
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(format!("sqlite:{path}?mode={mode}"))
}

/// Bytes of the database and of its write-ahead log.
pub(super) fn sizes(file: &Path) -> Vec<(&'static str, u64)> {
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    let size = |file: &Path| std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    vec![("database", size(file)), ("wal", size(Path::new(&wal)))]
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
fn pool(connections: u32, settings: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .after_connect(move |connection, _| Box::pin(set(connection, settings)))
}

async fn set(connection: &mut AnyConnection, settings: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(CONNECTION).execute(&mut *connection).await?;
    sqlx::raw_sql(settings).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::keep_private;
    use crate::{
        clock::Clock,
        store::{KEYSTORE, Store, Value, new_id, write_rows},
        testing::Folder,
    };

    #[tokio::test]
    async fn what_is_acknowledged_is_on_the_disk_and_what_is_referred_to_exists() {
        let folder = Folder::new().unwrap();
        let file = folder.path().join("a file #1?.db");
        let store = Store::open_sqlite(&file, &KEYSTORE, Clock::default()).await.unwrap();
        let mut db = store.write().await.unwrap();
        let (full, on) = (2, 1);
        for (pragma, expected) in [("PRAGMA synchronous", full), ("PRAGMA foreign_keys", on)] {
            let value: i64 = sqlx::query_scalar(pragma).fetch_one(&mut *db).await.unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *db).await.unwrap();
        assert_eq!(mode, "wal");
        assert!(file.exists());
    }

    #[tokio::test]
    async fn a_full_disk_ends_writes_while_it_is_full_and_no_longer() {
        let folder = Folder::new().unwrap();
        let file = folder.path().join("full.db");
        let store = Store::open_sqlite(&file, &KEYSTORE, Clock::default()).await.unwrap();
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
}
