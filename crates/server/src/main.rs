//! Starts the server: `vaultshare-server --listen 127.0.0.1:3000 --data ./data`.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use vaultshare_server::{Config, LogFormat, metrics};

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
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("vaultshare-server: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    if arguments.print_config_example {
        print!("{}", Config::template());
        return Ok(());
    }
    let mut config = Config::load(arguments.flags, arguments.config)?;
    if arguments.print_config {
        print!("{}", config.to_toml()?);
        return Ok(());
    }
    start_log(config.log_format);
    let listener = listen_on(config.listen).await?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "other machines can connect, and this server has no TLS: keep a proxy that has in front");
    }
    // A page shown on this machine alone is found where the server listens.
    if config.www.is_some() && address.ip().is_loopback() {
        config.mail.public_url.get_or_insert_with(|| format!("http://{address}/"));
    }
    let metrics = match config.metrics_listen {
        Some(address) => Some(listen_on(address).await?),
        None => None,
    };
    let app = vaultshare_server::open(config).await?;
    if let Some(listener) = metrics {
        tokio::spawn(axum::serve(listener, metrics::router(app.clone())?).into_future());
    }
    println!("listening on http://{address}");
    Ok(app.serve(listener, stop_requested()).await?)
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}

async fn listen_on(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// Completes at ctrl-c, and where the system has it at SIGTERM.
async fn stop_requested() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => {
                tokio::select! {
                    _ = interrupted => {}
                    _ = terminated.recv() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM will not be heeded");
                let _ = interrupted.await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = interrupted.await;
}
