//! Starts the server, `vaultshare-server --listen 127.0.0.1:3000 --data ./data`, and does what its operator asks.

use std::{
    fmt::Display,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use vaultshare_server::{
    App, Config, ListedUser, LogFormat,
    listener::{ListenAddress, Reserved},
    metrics,
};

/// Vault and Keystore of vaultshare: they keep ciphertext and hand it to those it belongs to.
///
/// Each option is also an environment variable and a key of the configuration file: --limits-body is VAULTSHARE_LIMITS_BODY
/// and `body` in [limits]. -h leaves out the limits, --help shows them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A configuration file, in TOML
    #[arg(long, value_name = "FILE", env = "VAULTSHARE_CONFIG")]
    config: Option<PathBuf>,
    /// Print the configuration that results, without secrets, and exit
    #[arg(long)]
    print_config: bool,
    /// Print a configuration file with all keys, their defaults, and what they are for, and exit
    #[arg(long)]
    print_config_example: bool,
    #[command(flatten)]
    flags: <Config as confique::Config>::Layer,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve; done also where there is no command
    Serve,
    /// Create the tables of both services, or bring them up to date, and exit
    Migrate,
    /// Check both SQLite databases: their pages, what rows refer to, that they belong together, who can read them
    Check,
    /// Copy both SQLite databases, as they are at one moment, into a new folder; the server may be running. Files of users are
    /// beside them: copy these afterwards, within an hour
    Backup {
        /// The new folder
        #[arg(value_name = "DIR")]
        backup: PathBuf,
    },
    /// Put the SQLite databases of a backup into the data folder, which no server may be using
    Restore {
        /// The folder of the backup
        #[arg(value_name = "DIR")]
        backup: PathBuf,
        /// Delete the databases that are in the data folder
        #[arg(long)]
        replace: bool,
    },
    /// Copy all records from the SQLite databases to a PostgreSQL database that has none; no server may be using either
    Copy {
        /// The PostgreSQL database; without it, that of --database-url, which can be in a file
        #[arg(long, value_name = "URL")]
        to: Option<String>,
    },
    /// Ask the server that listens on this machine whether it is well, and exit with 0 if it is: for containers
    Health,
    /// List, disable, delete and invite users; the server may be running
    #[command(subcommand)]
    Users(Users),
}

#[derive(Subcommand)]
enum Users {
    /// Print each user: name, time, `enabled` or `disabled`, and id in the Vault
    List,
    /// Have a user not sign in any more, and end their sessions
    Disable { username: String },
    /// Allow a disabled user to sign in again
    Enable { username: String },
    /// Delete a user with all that is theirs
    Delete { username: String },
    /// Print an invitation with which one user can sign up
    Invite,
}

#[tokio::main]
async fn main() -> ExitCode {
    // Options may stand before and behind a command.
    let command = Arguments::command().mut_args(|option| option.global(true));
    let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("vaultshare-server: {reason}");
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

async fn run(arguments: Arguments) -> Outcome {
    if arguments.print_config_example {
        print!("{}", Config::template());
        return Ok(());
    }
    let config = Config::load(arguments.flags, arguments.config)?;
    if arguments.print_config {
        print!("{}", config.to_toml()?);
        return Ok(());
    }
    start_log(config.log_format);
    for name in Config::unknown_variables() {
        tracing::warn!("the environment variable {name} is no option of this server (--help names them)");
    }
    match arguments.command {
        None | Some(Command::Serve) => serve(config).await,
        Some(Command::Migrate) => {
            vaultshare_server::open(config).await?.close().await;
            println!("the databases are up to date");
            Ok(())
        }
        Some(Command::Check) => check(files_of(&config)?),
        Some(Command::Backup { backup }) => {
            vaultshare_server::back_up(files_of(&config)?, &backup)?;
            println!("backed up to {}", backup.display());
            println!("files of users are not in it: copy {} now", vaultshare_server::place_of_files(&config)?);
            Ok(())
        }
        Some(Command::Restore { backup, replace }) => {
            let data = files_of(&config)?;
            vaultshare_server::restore(&backup, data, replace)?;
            println!("restored to {}", data.display());
            println!("files of users belong into {}", vaultshare_server::place_of_files(&config)?);
            Ok(())
        }
        Some(Command::Copy { to }) => {
            let to = to.or_else(|| config.database.url.clone()).ok_or("copy to which database? --to postgres://…")?;
            let rows = vaultshare_server::copy(&config.data, &to).await?;
            println!("copied {rows} rows");
            println!("files of users stay in {}", vaultshare_server::place_of_files(&config)?);
            Ok(())
        }
        Some(Command::Health) => Ok(vaultshare_server::health::ask(&config).await?),
        Some(Command::Users(command)) => {
            let app = vaultshare_server::open_beside(config).await?;
            let done = users(&app, command).await;
            app.close().await;
            done
        }
    }
}

async fn serve(mut config: Config) -> Outcome {
    let cannot_listen = |address: &dyn Display, error| format!("cannot listen on {address}: {error}");
    let listen = config.listen.clone();
    let reserved = Reserved::new(&listen).map_err(|error| cannot_listen(&listen, error))?;
    let address = reserved.address()?;
    let scheme = if config.tls.certificate.is_some() { "https" } else { "http" };
    let url = match &address {
        ListenAddress::Tcp(address) => format!("{scheme}://{address}"),
        ListenAddress::Unix(_) => address.to_string(),
    };
    if let ListenAddress::Tcp(address) = address {
        if !address.ip().is_loopback() && scheme == "http" {
            tracing::warn!(%address, "other machines can connect, and this server has no TLS: keep a proxy that has in front");
        }
        // A page shown on this machine alone is found where the server listens.
        if config.www.is_some() && address.ip().is_loopback() {
            config.mail.public_url.get_or_insert_with(|| format!("{url}/"));
        }
    }
    let metrics = match config.metrics_listen {
        Some(address) => Some(TcpListener::bind(address).await.map_err(|error| cannot_listen(&address, error))?),
        None => None,
    };
    let database = if config.database.url.is_some() { "PostgreSQL" } else { "SQLite" };
    let app = vaultshare_server::open(config).await?;
    if let Some(listener) = metrics {
        tokio::spawn(axum::serve(listener, metrics::router(app.clone())?).into_future());
    }
    let listener = reserved.listen().await.map_err(|error| cannot_listen(&listen, error))?;
    let signals = Signals::hear()?;
    println!("listening on {url}");
    tracing::info!(version = env!("CARGO_PKG_VERSION"), database, "listening on {url}");
    app.serve(listener, stop_requested(signals)).await?;
    tracing::info!("stopped");
    Ok(())
}

/// The folder of the SQLite databases. PostgreSQL has programs of its own for what is done with them.
fn files_of(config: &Config) -> Result<&Path, &'static str> {
    match config.database.url {
        Some(_) => Err("this command is for SQLite: databases of PostgreSQL are backed up by pg_dump, restored by \
             pg_restore, and checked by pg_amcheck"),
        None => Ok(&config.data),
    }
}

fn check(data: &Path) -> Outcome {
    let problems = vaultshare_server::check(data)?;
    for problem in &problems {
        println!("{problem}");
    }
    if !problems.is_empty() {
        return Err("there are problems".into());
    }
    println!("both databases are well");
    Ok(())
}

async fn users(app: &App, command: Users) -> Outcome {
    match command {
        Users::List => return list(app).await,
        Users::Disable { username } => {
            app.set_user_disabled(&username, true).await?;
            println!("disabled {username}");
        }
        Users::Enable { username } => {
            app.set_user_disabled(&username, false).await?;
            println!("enabled {username}");
        }
        Users::Delete { username } => {
            app.delete_user(&username).await?;
            println!("deleted {username}");
        }
        Users::Invite => {
            let (token, until) = app.invite_user().await?;
            println!("{token}");
            eprintln!("good for one user, until {until}");
        }
    }
    Ok(())
}

async fn list(app: &App) -> Outcome {
    let print = |users: &[ListedUser]| {
        for user in users {
            let name = user.username.as_deref().unwrap_or("-");
            let state = if user.is_disabled { "disabled" } else { "enabled" };
            println!("{name}\t{}\t{state}\t{}", user.created_at, user.vault_ids.join(","));
        }
    };
    let mut last = String::new();
    loop {
        let users = app.users_after(&last).await?;
        print(&users);
        match users.last().and_then(|user| user.username.clone()) {
            Some(username) => last = username,
            None => break,
        }
    }
    print(&app.users_of_the_vault_alone().await?);
    Ok(())
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// What asks the server to stop: ctrl-c, and where the system has it SIGTERM. Heard from when this is made.
struct Signals {
    #[cfg(unix)]
    interrupted: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminated: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupted: tokio::signal::windows::CtrlC,
}

impl Signals {
    fn hear() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { interrupted: signal(SignalKind::interrupt())?, terminated: signal(SignalKind::terminate())? })
        }
        #[cfg(windows)]
        Ok(Self { interrupted: tokio::signal::windows::ctrl_c()? })
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
        #[cfg(windows)]
        self.interrupted.recv().await;
    }
}

/// Completes when the server is asked to stop. Whoever asks once more does not wait for clients: what was acknowledged is
/// stored, so that nothing is lost by an end at once.
async fn stop_requested(mut signals: Signals) {
    signals.next().await;
    tracing::info!("stopping: requests in work are waited for, unless asked once more");
    tokio::spawn(async move {
        signals.next().await;
        tracing::warn!("asked to stop once more: requests in work are broken off");
        std::process::exit(1);
    });
}
