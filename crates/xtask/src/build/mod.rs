//! `cargo xtask build`: the npm package and the two programs.

mod bindings;
mod data;
mod likeness;
mod package;
mod places;
mod programs;
mod short_names;
mod size;
mod speechless;
mod wasm;
mod writers;

use clap::Args;

pub(crate) use programs::{COMMAND_LINE, SERVER, build as build_programs, build_for_tests};
pub(crate) use size::check as check_size;

use crate::workspace::Workspace;

/// What to build, and how large it may be.
#[derive(Args)]
pub(crate) struct Options {
    /// Build only the npm package
    #[arg(long, conflicts_with = "programs_only")]
    package_only: bool,
    /// Build only the server and the command line
    #[arg(long)]
    programs_only: bool,
    /// Fail if the code that every page loads, gzipped, is larger than this many kilobytes
    #[arg(long, value_name = "KILOBYTES")]
    size_limit: Option<u64>,
}

/// Builds what was asked for: by default everything.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if !options.programs_only {
        build_package(workspace)?;
        if let Some(limit) = options.size_limit {
            size::check(workspace, limit * 1000)?;
        }
    }
    if !options.package_only {
        build_programs(workspace, &[SERVER, COMMAND_LINE])?;
    }
    Ok(())
}

/// Builds the npm package into `pkg/`, from Rust source to a folder that is ready for `npm pack`.
pub(crate) fn build_package(workspace: &Workspace) -> anyhow::Result<()> {
    wasm::compile(workspace, &[wasm::MAIN, wasm::ON_DEMAND])?;
    let main = bindings::generate(workspace, &wasm::MAIN)?;
    let on_demand = bindings::generate(workspace, &wasm::ON_DEMAND)?;
    package::assemble(workspace, &main, &on_demand)?;
    size::report(workspace)
}
