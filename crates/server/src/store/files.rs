//! What is done with the files of SQLite's databases, and with no other database: checking, backing up, restoring. The
//! server may be running meanwhile.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, backup::Backup};
use sqlx::migrate::Migrator;

use super::{KEYSTORE, VAULT, version_problem};
use crate::{
    error::{Error, Result},
    private,
};

/// The databases of a data folder, in the order in which both are locked.
pub(crate) const DATABASES: [(&str, &Migrator); 2] =
    [("vault.db", &VAULT.migrations), ("keystore.db", &KEYSTORE.migrations)];

/// How many pages are copied at a time.
const PAGES: i32 = 1000;

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::fault(error)
    }
}

fn open(file: &Path, flags: OpenFlags) -> Result<Connection> {
    if let Err(error) = fs::metadata(file) {
        let hint = "is this the data folder? --data, --config and VAULTSHARE_DATA name it";
        return Err(Error::fault(format!("{} cannot be opened: {error}: {hint}", file.display())));
    }
    let opened = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let connection = opened.map_err(|error| Error::fault(format!("{} cannot be opened: {error}", file.display())))?;
    connection.busy_timeout(Duration::from_secs(10))?;
    Ok(connection)
}

/// The versions of a database that this server would still bring up to date, or does not know.
fn check_version(connection: &Connection, migrations: &Migrator) -> Result<Option<&'static str>> {
    let applied = connection.prepare("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version");
    let Ok(mut applied) = applied else { return Ok(Some("is no database of this server")) };
    let applied: Vec<i64> = applied.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(version_problem(&applied, migrations))
}

/// Refuses databases that are not there, or that this server would first have to bring up to date.
pub(crate) fn require_current(data: &Path) -> Result<()> {
    for (name, migrations) in DATABASES {
        let file = data.join(name);
        if let Some(reason) = check_version(&open(&file, OpenFlags::SQLITE_OPEN_READ_WRITE)?, migrations)? {
            return Err(Error::fault(format!("{} {reason}", file.display())));
        }
    }
    Ok(())
}

/// What is wrong with the databases in a folder, a line each.
pub(crate) fn check(folder: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut connections = Vec::new();
    for (name, migrations) in DATABASES {
        let file = folder.join(name);
        if others_can_read(&file)? {
            problems.push(format!("{name} can be read by other users of this machine"));
        }
        let connection = open(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        problems.extend(check_version(&connection, migrations)?.map(|reason| format!("{name} {reason}")));
        problems.extend(check_pages(&connection)?.into_iter().map(|problem| format!("{name}: {problem}")));
        connections.push(connection);
    }
    if problems.is_empty() {
        problems.extend(check_that_they_belong_together(&connections, folder)?);
    }
    Ok(problems)
}

fn check_pages(connection: &Connection) -> Result<Vec<String>> {
    let read = |sql: &str| -> Result<Vec<String>, rusqlite::Error> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    // A file that is no database shows here first.
    let found = match read("PRAGMA integrity_check") {
        Ok(found) => found,
        Err(error) => return Ok(vec![error.to_string()]),
    };
    let mut problems: Vec<String> = found.into_iter().filter(|line| line != "ok").collect();
    let mut tables = read("SELECT DISTINCT \"table\" FROM pragma_foreign_key_check").unwrap_or_default();
    tables.sort_unstable();
    problems.extend(tables.iter().map(|table| format!("rows of {table} refer to what is not there")));
    Ok(problems)
}

fn check_that_they_belong_together(connections: &[Connection], folder: &Path) -> Result<Vec<String>> {
    let id = |connection: &Connection| -> Result<String, rusqlite::Error> {
        connection.query_row("SELECT value FROM installation WHERE name = 'id'", [], |row| row.get(0))
    };
    let [vault, keystore] = connections else { return Ok(Vec::new()) };
    match (id(vault), id(keystore)) {
        (Ok(one), Ok(other)) if one == other => {}
        _ => return Ok(vec!["the two databases are not of one installation".to_owned()]),
    }
    let keystore = folder.join("keystore.db");
    vault.execute("ATTACH DATABASE ?1 AS keystore", [keystore.to_string_lossy()])?;
    let orphans: i64 = vault.query_row(
        "SELECT COUNT(*) FROM users WHERE keystore_user_id IS NOT NULL \
         AND keystore_user_id NOT IN (SELECT id FROM keystore.users)",
        [],
        |row| row.get(0),
    )?;
    Ok((orphans > 0).then(|| format!("{orphans} users of the Vault are not in the Keystore")).into_iter().collect())
}

fn others_can_read(file: &Path) -> Result<bool> {
    let metadata =
        fs::metadata(file).map_err(|error| Error::fault(format!("{} cannot be read: {error}", file.display())))?;
    #[cfg(unix)]
    let others = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0;
    #[cfg(not(unix))]
    let others = {
        let _ = metadata;
        false
    };
    Ok(others)
}

/// Copies both databases into a new folder, as they are at one moment. Writes wait for the moment, and not for the copy.
pub(crate) fn back_up(data: &Path, to: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::fault(format!("{} cannot be written: {error}", to.display()));
    let open_both = || -> Result<Vec<Connection>> {
        let open_one = |(name, _): (&str, &Migrator)| open(&data.join(name), OpenFlags::SQLITE_OPEN_READ_WRITE);
        DATABASES.into_iter().map(open_one).collect()
    };
    let (writers, readers) = (open_both()?, open_both()?);
    private::create_folder(to).map_err(failed)?;
    if fs::read_dir(to).map_err(failed)?.next().is_some() {
        return Err(Error::fault(format!("{} is not empty", to.display())));
    }
    for writer in &writers {
        writer.execute_batch("BEGIN IMMEDIATE")?;
    }
    for reader in &readers {
        // A transaction sees the state of its first read.
        reader.execute_batch("BEGIN")?;
        reader.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))?;
    }
    drop(writers);
    for (reader, (name, _)) in readers.iter().zip(DATABASES) {
        copy(reader, &to.join(name))?;
    }
    Ok(())
}

fn copy(source: &Connection, to: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::fault(format!("{} cannot be written: {error}", to.display()));
    private::create_file(to).map_err(failed)?;
    let mut target = open(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    Backup::new(source, &mut target)?.run_to_completion(PAGES, Duration::ZERO, None)?;
    // One file, that can also be read where nothing can be written.
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    target.close().map_err(|(_, error)| error)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(failed)
}

/// Puts the databases of a backup into a data folder that no server uses.
pub(crate) fn restore(from: &Path, data: &Path, replace: bool) -> Result<()> {
    let problems = check(from)?;
    let problems: Vec<String> = problems.into_iter().filter(|problem| !problem.contains("other users")).collect();
    if !problems.is_empty() {
        return Err(Error::fault(format!("{} is not restored: {}", from.display(), problems.join("; "))));
    }
    let failed = |error: io::Error| Error::fault(format!("{} cannot be written: {error}", data.display()));
    private::create_folder(data).map_err(failed)?;
    let _lock = private::lock_folder(data)?;
    let mut entries = fs::read_dir(data).map_err(failed)?;
    let is_empty = entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lock"));
    if !is_empty && !replace {
        let message = format!("{} is not empty: --replace deletes the databases in it", data.display());
        return Err(Error::fault(message));
    }
    let restored = |name: &str| data.join(format!("{name}.restored"));
    for (name, _) in DATABASES {
        remove(&restored(name)).map_err(failed)?;
        copy(&open(&from.join(name), OpenFlags::SQLITE_OPEN_READ_ONLY)?, &restored(name))?;
        // Whoever restores as root restores for the server's user, whose folder it is.
        private::give_to_owner_of(data, &restored(name)).map_err(failed)?;
    }
    private::give_to_owner_of(data, &data.join("lock")).map_err(failed)?;
    // The old ones go first, both: cut off here, the server refuses to start, rather than on one of each.
    for (name, _) in DATABASES {
        for suffix in ["", "-wal", "-shm"] {
            remove(&data.join(format!("{name}{suffix}"))).map_err(failed)?;
        }
    }
    for (name, _) in DATABASES {
        fs::rename(restored(name), data.join(name)).map_err(failed)?;
    }
    File::open(data).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Writes what the log of a database has into the database, and ends the log: what was deleted stands in it until then.
/// Where somebody reads or writes for long, another time will do.
pub(crate) async fn end_log(file: PathBuf) -> Result<()> {
    let ended = tokio::task::spawn_blocking(move || {
        let connection = open(&file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(Duration::from_secs(1))?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    });
    ended.await.map_err(Error::fault)?
}
