//! `vaultshare`: the commands of the guides, on the same workflows as the npm package.
//!
//! Results go to standard output as YAML, so that one command's output is the next one's input; progress and warnings
//! go to standard error. A failure is one sentence and exit status 1.

mod arguments;
mod auth_file;
mod commands;
mod config_file;
mod environment;
mod output;
mod transport;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match commands::run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
