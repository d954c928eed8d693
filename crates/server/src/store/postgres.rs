//! PostgreSQL: a schema per service in one database, and any number of processes on it.

use std::{borrow::Cow, fmt, fs::File, io::ErrorKind, net::IpAddr, str::FromStr, time::Duration};

use backon::{ConstantBuilder, Retryable};
use log::LevelFilter;
use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::Migrator,
};
use tokio::time::timeout;

use super::{ACQUIRE_TIMEOUT, KEYSTORE, Tables, VAULT, not_migrated, version_problem};
use crate::error::{Error, Result};

/// How many connections of a process wait for their turn to write, or have it.
const WRITERS: u32 = 2;
/// How many connections of a process read.
const READERS: u32 = 8;

/// What every connection starts with. An acknowledged write is on the disk (`synchronous_commit`). What waits or lies idle
/// for longer than any request may is ended, so that a process that hangs does not hold up the others.
const CONNECTION: &str = "SET synchronous_commit = on; SET statement_timeout = '60s'; SET lock_timeout = '20s'; \
     SET idle_in_transaction_session_timeout = '60s';";

/// What writers start with besides, whatever the database's own defaults are: each statement behind the lock has to see what
/// was committed before.
const WRITER: &str = "SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed';";

/// What readers start with besides: they are held to reading, and each transaction sees one state of the database.
const READER: &str = "SET default_transaction_read_only = on; SET default_transaction_isolation = 'repeatable read';";

/// How long a connection that is given back may take to be free.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that is starting, as after a reboot of all machines, is waited for this often, and each time for this long.
const START_ATTEMPTS: usize = 120;
const START_PAUSE: Duration = Duration::from_millis(250);
/// And no longer than this in all.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// What a URL may say after the question mark. sqlx would log any other parameter with its value, which may be a password
/// under a mistyped name.
const PARAMETERS: [&str; 13] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "statement-cache-capacity",
];

/// The address of a database, `postgres://user:password@host/database`. It shows its password to nobody.
#[derive(Clone)]
pub(crate) struct Url(AnyConnectOptions);

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let not_one = || {
            let form = "postgres://user:password@host/database, with %2F, %23 and %40 for /, # and @ in the password; a host \
                        stands there also where ?host=/run/postgresql names the folder of a socket";
            Error::fault(format!("the URL of the database is not {form}"))
        };
        let options: AnyConnectOptions = text.parse().map_err(|_| not_one())?;
        let url = &options.database_url;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(not_one());
        }
        match url.query_pairs().find(|(name, _)| !PARAMETERS.contains(&name.as_ref())) {
            Some((name, _)) => Err(Error::fault(format!("the URL of the database has an unknown parameter: {name}"))),
            // Waiting for a turn to write takes what it takes, and the largest statements have a thousand placeholders.
            None => Ok(Self(options.log_slow_statements(LevelFilter::Off, Duration::MAX))),
        }
    }
}

impl Url {
    fn parameter(&self, wanted: &str) -> Option<Cow<'_, str>> {
        self.0.database_url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value)
    }

    /// Names the file of a certificate or a key that is not there, which the system's own sentence does not.
    fn require_files(&self) -> Result<()> {
        for name in ["sslrootcert", "sslcert", "sslkey"] {
            if let Some(file) = self.parameter(name)
                && let Err(error) = File::open(&*file)
            {
                return Err(Error::fault(format!("{name} of the database's URL: {file} cannot be read: {error}")));
            }
        }
        Ok(())
    }

    pub(crate) fn warn_if_unproven(&self) {
        if self.is_unproven() {
            tracing::warn!(
                "who is between this server and its database could be taken for it: ask for ?sslmode=verify-full"
            );
        }
    }

    /// Whether somebody between the two machines could be taken for the database: it is on another one, and does not have to
    /// show a certificate.
    fn is_unproven(&self) -> bool {
        let host = self.parameter("host").or_else(|| self.0.database_url.host_str().map(Cow::Borrowed));
        let is_local = host.is_none_or(|host| {
            let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
            host.is_empty() || host.starts_with('/') || host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        });
        !is_local && !self.parameter("sslmode").is_some_and(|mode| mode == "verify-full" || mode == "verify-ca")
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(a PostgreSQL database)")
    }
}

/// The connections of a schema that has all its tables.
pub(super) struct Pools {
    pub(super) writers: AnyPool,
    pub(super) readers: AnyPool,
    pub(super) probes: AnyPool,
}

pub(super) async fn open(url: &Url, tables: &Tables) -> Result<Pools> {
    let schema = tables.name;
    let mut connection = connect(url).await?;
    make_tables(&mut connection, tables).await?;
    connection.close().await?;
    let pool = |connections: u32, settings: &'static str| {
        AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(true)
            // sqlx waits for what was still running on it, without end where the database's machine is gone.
            .after_release(|connection, _| {
                Box::pin(async { Ok(matches!(timeout(RELEASE_TIMEOUT, connection.ping()).await, Ok(Ok(())))) })
            })
            .after_connect(move |connection, _| Box::pin(set(connection, schema, settings)))
            .connect_with(url.0.clone())
    };
    let (writers, readers) = (pool(WRITERS, WRITER).await?, pool(READERS, READER).await?);
    Ok(Pools { writers, readers, probes: pool(1, WRITER).await? })
}

/// The first connection. A server that is not there yet is waited for; one that does not prove who it is is not.
pub(crate) async fn connect(url: &Url) -> Result<AnyConnection> {
    sqlx::any::install_default_drivers();
    url.require_files()?;
    let unanswered = |_| Error::Interrupted("the database does not answer".to_owned());
    let attempt = || async {
        match timeout(CONNECT_TIMEOUT, AnyConnection::connect_with(&url.0)).await.map_err(unanswered)? {
            Err(sqlx::Error::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                Err(Error::fault(format!("the database cannot be trusted: {error}")))
            }
            connected => Ok(connected?),
        }
    };
    let mut is_first = true;
    let attempts = ConstantBuilder::new().with_delay(START_PAUSE).with_max_times(START_ATTEMPTS);
    let connecting =
        attempt.retry(attempts).sleep(tokio::time::sleep).when(|error| matches!(error, Error::Interrupted(_))).notify(
            |error, _| {
                if std::mem::take(&mut is_first) {
                    tracing::warn!(%error, "the database is not to be had yet");
                }
            },
        );
    timeout(START_TIMEOUT, connecting).await.unwrap_or_else(|elapsed| Err(unanswered(elapsed)))
}

/// Refuses a database that would compare and fold texts in another way than SQLite does: by bytes, and ASCII alone. Such
/// indexes also outlive updates of the system, which change the rules of languages.
async fn check(connection: &mut AnyConnection) -> Result<()> {
    let fits = "SELECT 'B' < 'a' AND LOWER('Ä') = 'Ä' AND current_setting('server_encoding') = 'UTF8'";
    let fits: bool = sqlx::query_scalar(fits).fetch_one(connection).await?;
    if !fits {
        let message = "the database has to be made with the locale C and the encoding UTF8: \
             CREATE DATABASE vaultshare TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8'";
        return Err(Error::fault(message));
    }
    Ok(())
}

/// Makes a schema's tables where there are none, and brings those of older servers up to date.
pub(super) async fn make_tables(connection: &mut AnyConnection, tables: &Tables) -> Result<()> {
    check(connection).await?;
    sqlx::raw_sql(WRITER).execute(&mut *connection).await?;
    migrate(connection, tables).await
}

/// Under a lock of sqlx's: of several processes that start at once, one migrates.
async fn migrate(connection: &mut AnyConnection, tables: &Tables) -> Result<()> {
    search_in(connection, tables.name).await?;
    let mut migrations = Migrator::with_migrations(tables.migrations.iter().cloned().collect());
    migrations.create_schema(tables.name);
    migrations.run(connection).await.map_err(not_migrated)
}

/// Refuses a database that has no tables of a server, or that this server would first have to bring up to date.
pub(crate) async fn require_current(url: &Url) -> Result<()> {
    let mut connection = connect(url).await?;
    for tables in [&VAULT, &KEYSTORE] {
        search_in(&mut connection, tables.name).await?;
        let exists = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
        let exists: bool = sqlx::query_scalar(exists).fetch_one(&mut connection).await?;
        let problem = if exists {
            let applied = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
            let applied: Vec<i64> = sqlx::query_scalar(applied).fetch_all(&mut connection).await?;
            version_problem(&applied, &tables.migrations)
        } else {
            Some("is no schema of this server")
        };
        if let Some(reason) = problem {
            return Err(Error::fault(format!("the schema {} of the database {reason}", tables.name)));
        }
    }
    Ok(connection.close().await?)
}

async fn set(connection: &mut AnyConnection, schema: &'static str, settings: &'static str) -> sqlx::Result<()> {
    search_in(connection, schema).await?;
    sqlx::raw_sql(CONNECTION).execute(&mut *connection).await?;
    sqlx::raw_sql(settings).execute(connection).await?;
    Ok(())
}

pub(super) async fn search_in(connection: &mut AnyConnection, schema: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(format!("SET search_path = {schema}; SET client_min_messages = warning")))
        .execute(connection)
        .await?;
    Ok(())
}

/// Waits until no other transaction writes to this schema. PostgreSQL gives out the lock in the order of asking, and each
/// statement behind it sees what was committed before.
///
/// A pooler that has transactions of several clients share a connection would have this one write to the tables of the other
/// service, some of which have the same names.
pub(super) async fn lock_for_writing(db: &mut AnyConnection, schema: &str) -> Result<()> {
    let lock =
        "SELECT current_schema() || CAST(pg_advisory_xact_lock(hashtext('vaultshare: write'), hashtext($1)) AS TEXT)";
    let current: Option<String> = sqlx::query_scalar(lock).bind(schema).fetch_one(db).await?;
    if current.as_deref() != Some(schema) {
        let message =
            "another session's tables: a pooler before the database has to keep sessions apart (pool_mode = session)";
        return Err(Error::fault(message));
    }
    Ok(())
}

/// Takes the lock of whoever deletes what has expired, until the transaction ends. False while another has it.
pub(super) async fn try_housekeeping_lock(db: &mut AnyConnection, schema: &str) -> Result<bool> {
    let lock = "SELECT pg_try_advisory_xact_lock(hashtext('vaultshare: housekeeping'), hashtext($1))";
    Ok(sqlx::query_scalar(lock).bind(schema).fetch_one(db).await?)
}

/// Has rows come before those that they refer to, until the references of the schema are enforced.
pub(super) async fn defer_references(db: &mut AnyConnection, schema: &str) -> Result<()> {
    alter_references(db, schema, "DEFERRABLE").await?;
    sqlx::raw_sql("SET CONSTRAINTS ALL DEFERRED").execute(db).await?;
    Ok(())
}

/// Checks each reference, and has it checked with each statement from now on.
pub(super) async fn enforce_references(db: &mut AnyConnection, schema: &str) -> Result<()> {
    sqlx::raw_sql("SET CONSTRAINTS ALL IMMEDIATE").execute(&mut *db).await?;
    alter_references(db, schema, "NOT DEFERRABLE").await
}

async fn alter_references(db: &mut AnyConnection, schema: &str, when: &str) -> Result<()> {
    let alter = "SELECT format('ALTER TABLE %s ALTER CONSTRAINT %I ', conrelid::regclass, conname) || $2 \
         FROM pg_constraint WHERE contype = 'f' AND connamespace = to_regnamespace($1)";
    let statements: Vec<String> = sqlx::query_scalar(alter).bind(schema).bind(when).fetch_all(&mut *db).await?;
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *db).await?;
    }
    Ok(())
}

/// Bytes of a schema's tables, with their indexes.
pub(super) async fn size(db: &mut AnyConnection, schema: &str) -> Result<u64> {
    let size = "SELECT CAST(SUM(pg_total_relation_size(oid)) AS BIGINT) FROM pg_class \
         WHERE relkind = 'r' AND relnamespace = to_regnamespace($1)";
    let size: i64 = sqlx::query_scalar(size).bind(schema).fetch_one(db).await?;
    Ok(size.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn a_database_that_anybody_could_be_is_told_from_others() {
        let is_unproven = |url: &str| url.parse::<Url>().unwrap().is_unproven();
        for url in ["postgres://db.example/vaultshare", "postgres:///vaultshare?host=10.0.0.7&sslmode=require"] {
            assert!(is_unproven(url), "{url}");
        }
        for url in [
            "postgres:///vaultshare",
            "postgres://localhost/vaultshare",
            "postgres://[::1]/vaultshare",
            "postgres://db.example/vaultshare?host=/run/postgresql",
            "postgres://db.example/vaultshare?sslmode=verify-full",
        ] {
            assert!(!is_unproven(url), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_database_is_refused_without_its_password() {
        for text in [
            "mysql://user:hush@host/database",
            "postgres:///database?pasword=hush",
            "user:hush@host",
            "postgres://user:hush@host:port/database",
            "",
        ] {
            let refused = text.parse::<Url>().unwrap_err().to_string();
            assert!(refused.contains("the URL of the database") && !refused.contains("hush"), "{refused}");
        }
        let url: Url = "postgresql://user:hush@host/database?sslmode=verify-full".parse().unwrap();
        assert!(!format!("{url:?}").contains("hush"));
    }

    #[tokio::test]
    async fn a_certificate_that_is_not_there_is_named_at_once() {
        let url: Url = "postgres://host/database?sslmode=verify-full&sslrootcert=/no/such/ca.pem".parse().unwrap();
        let refused = super::connect(&url).await.unwrap_err().to_string();
        assert!(refused.contains("sslrootcert") && refused.contains("/no/such/ca.pem"), "{refused}");
    }
}
