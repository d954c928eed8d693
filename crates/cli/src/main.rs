//! `vaultshare`: the commands of the guides, on the same workflows as the npm package.
//!
//! Results go to standard output as YAML, so that one command's output is the next one's input; progress and warnings
//! go to standard error. A failure is one line and exit status 1. What others wrote is escaped where a terminal shows it.

mod arguments;
mod auth_file;
mod commands;
mod config_file;
mod environment;
mod memory_file;
mod output;
mod private_file;
mod transport;
mod yaml;

use std::process::ExitCode;

use clap::Parser;
use vaultshare::ErrorCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match commands::run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let advice = advice(&error).map(|advice| format!(" ({advice})")).unwrap_or_default();
            eprintln!("Error: {error:#}{advice}");
            ExitCode::FAILURE
        }
    }
}

/// What can be typed about an error that asks for a decision.
fn advice(error: &anyhow::Error) -> Option<&'static str> {
    let error = error.chain().find_map(|cause| cause.downcast_ref::<vaultshare::Error>())?;
    match error.code() {
        ErrorCode::ItemChanged | ErrorCode::UnboundValue => {
            Some("items:get shows it, and what items:adopt has to be given")
        }
        ErrorCode::KeyChanged => {
            Some("connections:inspect shows it; connections:verify or connections:trust accepts another key")
        }
        ErrorCode::UnverifiedKey => Some(
            "connections:inspect shows safety number and fingerprint; then connections:verify, or for an encryption space \
             --accept-unproven",
        ),
        ErrorCode::RolledBack => {
            Some("what commands saw is in the folder of --memory, .vaultshare beside the auth file")
        }
        _ => None,
    }
}
