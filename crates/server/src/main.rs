//! Starts the server: `vaultshare-server --listen 127.0.0.1:3000 --data ./data`.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use vaultshare_server::{Config, MailConfig};

/// Vault and Keystore of vaultshare: they keep ciphertext and hand it to those it belongs to.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The folder of the databases
    #[arg(long, value_name = "DIR", default_value = "./data")]
    data: PathBuf,
    /// A folder of static files to show at /
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,
    /// The mail server for invitations by e-mail, smtp://host:port or smtps://user:password@host; without one they are
    /// written to files. A password is better given in the environment: other users see the command line
    #[arg(long, value_name = "URL", env = "VAULTSHARE_SMTP_URL", hide_env_values = true, requires = "mail_from")]
    smtp_url: Option<String>,
    /// Who invitations by e-mail come from
    #[arg(long, value_name = "NAME <ADDRESS>")]
    mail_from: Option<String>,
    /// The address of the app that accepts invitations: e-mails link to it [default: the page, if it is shown on
    /// loopback]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The folder that e-mails are written to without a mail server; they hold tokens [default: outbox in the data
    /// folder]
    #[arg(long, value_name = "DIR", conflicts_with = "smtp_url")]
    mail_folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("vaultshare-server: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "other machines can connect, and this server has no TLS: keep a proxy that has in front");
    }
    // A page shown on this machine alone is found where the server listens.
    let shown_here = arguments.www.is_some() && address.ip().is_loopback();
    let mail = MailConfig {
        smtp_url: arguments.smtp_url,
        from: arguments.mail_from,
        public_url: arguments.public_url.or_else(|| shown_here.then(|| format!("http://{address}/"))),
        folder: arguments.mail_folder,
    };
    let config = Config { www: arguments.www, mail, ..Config::new(arguments.data) };
    let app = vaultshare_server::open(config).await?;
    println!("listening on http://{address}");
    Ok(app.serve(listener, stop_requested()).await?)
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
