//! `cargo xtask build`: the npm package and the two programs.

use clap::Args;

use crate::{package, process, progress, workspace::Workspace};

/// The package of the server, whose program has the same name.
const SERVER: &str = "vaultshare-server";

/// The package of the command line, whose program is `vaultshare`.
const COMMAND_LINE: &str = "vaultshare-cli";

/// What to build.
#[derive(Args)]
pub(crate) struct Options {
    /// Build only the npm package
    #[arg(long, conflicts_with = "programs_only")]
    package_only: bool,
    /// Build only the server and the command line
    #[arg(long)]
    programs_only: bool,
}

/// Builds what was asked for: by default everything.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if !options.programs_only {
        package::build(workspace)?;
    }
    if !options.package_only {
        build_programs(workspace)?;
    }
    Ok(())
}

/// Builds the server and the command line into `target/release`. Always both: cargo unites the features that the selected
/// packages ask of their dependencies, so the server alone would be compiled anew, with other features, in the same folder.
pub(crate) fn build_programs(workspace: &Workspace) -> anyhow::Result<()> {
    progress::step("compiling the server and the command line", || {
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--release", "--locked", "--bins", "--package", SERVER, "--package", COMMAND_LINE]);
        process::run(&mut cargo)
    })
}

/// Compiles everything as `cargo test` does, so that the programs which tests start cost nothing beyond the tests' own.
pub(crate) fn build_for_tests(workspace: &Workspace) -> anyhow::Result<()> {
    progress::step("compiling the programs as the tests do", || {
        process::run(workspace.cargo().args(["build", "--locked", "--workspace", "--all-targets"]))
    })
}
