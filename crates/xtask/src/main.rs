//! `cargo xtask …`: everything a person types to build, try and check vaultshare.
//!
//! One command from a fresh clone is the promise, so each command fetches the tools it needs, at pinned versions, and
//! says so. The rooms: [`build`] makes the npm package and the binaries, [`demo`] runs the demo page, [`checks`] runs the
//! four kinds of tests, [`mod@bench`] measures, [`release`] makes a release, [`mutants`] tests the tests, [`fuzz`] what reads foreign input; [`tools`]
//! finds or installs what they need; [`server`] starts and stops our server; [`process`] and [`progress`] run programs and
//! tell what is happening.

mod bench;
mod build;
mod checks;
mod demo;
mod files;
mod fuzz;
mod mutants;
mod package;
mod process;
mod progress;
mod release;
mod server;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Builds, demonstrates, tests and measures vaultshare.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the npm package (pkg/), the server and the command line (target/release/)
    Build(build::Options),
    /// Serve the demo page: Alice shares an item with Bob, beside what the server sees
    Demo(demo::Options),
    /// Run the tests: all of them, or the named kinds
    Test(checks::Options),
    /// Measure our client beside the client of 2020 and beside the browser's bare limit
    Bench(bench::Options),
    /// Switch each defence against a lying server off in turn and show that a test fails; takes hours
    Mutants(mutants::Options),
    /// Feed the readers of what others choose with anything; takes half an hour
    Fuzz(fuzz::Options),
    /// Make a release: its commit, two builds that have to be alike, its files, and its tag
    Release(release::Options),
    /// Write THIRD-PARTY-NOTICES anew, after a change to what is compiled into the npm package
    Notices,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    process::catch_interruptions()?;
    let workspace = Workspace::find();
    match arguments.command {
        Command::Build(options) => build::run(&workspace, &options).map(|()| ExitCode::SUCCESS),
        Command::Demo(options) => demo::run(&workspace, &options),
        Command::Test(options) => checks::run(&workspace, &options),
        Command::Bench(options) => bench::run(&workspace, &options).map(|()| ExitCode::SUCCESS),
        Command::Mutants(options) => mutants::run(&workspace, &options).map(|()| ExitCode::SUCCESS),
        Command::Fuzz(options) => fuzz::run(&workspace, &options).map(|()| ExitCode::SUCCESS),
        Command::Release(options) => release::run(&workspace, &options).map(|()| ExitCode::SUCCESS),
        Command::Notices => package::generate_notices(&workspace).map(|()| ExitCode::SUCCESS),
    }
}
