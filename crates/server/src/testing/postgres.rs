//! A PostgreSQL of its own for the tests of one process, and a database in it for each. It ends with the process, however
//! that ends: a shell that waits for its end of a pipe stops it and removes its folder.

use std::{
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tokio::sync::OnceCell;

use crate::{
    Config,
    error::{Error, Result},
};

/// PostgreSQL does not run as root. Nobody has this id on every system.
const NOBODY: u32 = 65534;

/// What the shell does: makes the files, starts the server, and again when it was killed, waits for the end of its input, and
/// cleans up. Processes of a server that was killed go by themselves, and keep the next one from starting until they have.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
trap 'rm -rf "$folder"' EXIT
programs=$1 folder=$2
"$programs/initdb" --pgdata "$folder/data" --username vaultshare --auth trust --locale C --encoding UTF8 --no-sync || exit
while [ ! -e "$folder/stop" ]; do
    "$programs/postgres" -D "$folder/data" -k "$folder" -p 5432 -c listen_addresses= -c max_connections=300 \
        -c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c min_wal_size=32MB
    sleep 0.1
done &
read -r _
touch "$folder/stop"
kill -QUIT "$(head -n 1 "$folder/data/postmaster.pid")"
wait
"#;

/// The template of all databases: that of a server that was opened once.
const TEMPLATE: &str = "vaultshare";

struct Cluster {
    folder: PathBuf,
    /// Holds the pipe. What it is for ends with this process.
    _shell: Child,
}

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

impl Cluster {
    async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("vaultshare-postgres-").tempdir().map_err(Error::fault)?.keep();
        let log = std::fs::File::create(folder.join("log")).map_err(Error::fault)?;
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "sh"]).arg(programs()?).arg(&folder).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(log.try_clone().map_err(Error::fault)?).stderr(log);
        if std::fs::metadata(&folder).map_err(Error::fault)?.uid() == 0 {
            chown(&folder, Some(NOBODY), Some(NOBODY)).map_err(Error::fault)?;
            shell.uid(NOBODY).gid(NOBODY);
        }
        // Not ended with the group that it is started in, or it could not clean up.
        shell.process_group(0);
        let cluster = Self { _shell: shell.spawn().map_err(Error::fault)?, folder };
        // Opening waits for a server that is starting.
        drop(crate::store::connect(&cluster.url("postgres").parse()?).await?);
        cluster.run(format!("CREATE DATABASE {TEMPLATE}")).await?;
        let mut config = Config::new(&cluster.folder);
        config.database.url = Some(cluster.url(TEMPLATE));
        crate::open(config).await?.close().await;
        Ok(cluster)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://vaultshare@localhost:5432/{database}?host={}", self.folder.display())
    }

    async fn run(&self, statement: String) -> Result<()> {
        run(&self.url("postgres"), statement).await
    }
}

/// Kills the server of this process's databases. It is started again at once.
pub async fn crash() -> Result<()> {
    let cluster = CLUSTER.get().ok_or_else(|| Error::fault("there is no PostgreSQL to kill"))?;
    let read = std::fs::read_to_string(cluster.folder.join("data/postmaster.pid")).map_err(Error::fault)?;
    let pid = read.lines().next().unwrap_or_default().to_owned();
    let killed = tokio::task::spawn_blocking(move || Command::new("kill").args(["-s", "KILL", &pid]).status());
    match killed.await.map_err(Error::fault)?.map_err(Error::fault)?.success() {
        true => Ok(()),
        false => Err(Error::fault("PostgreSQL could not be killed")),
    }
}

async fn run(url: &str, statement: String) -> Result<()> {
    let mut connection = AnyConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// The folder of the newest `initdb` and `postgres`: Debian has them outside of PATH, by version.
fn programs() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debians: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debians.sort();
    let mut folders = std::env::split_paths(&path).chain(debians.into_iter().rev());
    let needed = "tests on PostgreSQL need its programs: install it (on Debian: `apt-get install postgresql`)";
    folders.find(|folder| has_programs(folder)).ok_or_else(|| Error::fault(needed))
}

fn has_programs(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file())
}

/// A database that is removed when it is dropped.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    maintenance_url: String,
}

impl Database {
    /// A database with all tables and nothing else.
    pub async fn new() -> Result<Self> {
        Self::made_as(&format!("TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")).await
    }

    /// A database without tables.
    pub async fn empty() -> Result<Self> {
        Self::made_as("TEMPLATE template0").await
    }

    /// An empty database of another locale than the server asks for.
    pub async fn of_locale(locale: &str) -> Result<Self> {
        Self::made_as(&format!("TEMPLATE template0 LOCALE '{locale}'")).await
    }

    async fn made_as(how: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        sqlx::any::install_default_drivers();
        let cluster = CLUSTER.get_or_try_init(Cluster::start).await?;
        let name = format!("test_{}", COUNT.fetch_add(1, SeqCst));
        cluster.run(format!("CREATE DATABASE {name} {how}")).await?;
        Ok(Self { url: cluster.url(&name), maintenance_url: cluster.url("postgres"), name })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (url, drop) = (self.maintenance_url.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A thread of its own may wait for it. What remains goes with the server.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(run(&url, drop)))
        });
        let _ = dropping.join();
    }
}
