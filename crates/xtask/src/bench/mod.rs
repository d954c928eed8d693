//! `cargo xtask bench`: how fast we are, beside the client of 2020 and beside what a browser can do at all.

mod clients;
mod files;
mod server;

use clap::{Args, Subcommand};

pub(crate) use clients::smoke;

use crate::workspace::Workspace;

/// What to measure, and how often.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    clients: clients::ClientOptions,
}

#[derive(Subcommand)]
enum Other {
    /// Measure the server: how many requests it answers, and how soon
    Server,
    /// Measure one large file, up and down: how long, and how much memory page and server take
    Files(files::FileOptions),
}

/// Measures the clients, or what else was asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    match &options.other {
        None => clients::run(workspace, &options.clients),
        Some(Other::Server) => server::run(workspace),
        Some(Other::Files(options)) => files::run(workspace, options),
    }
}
