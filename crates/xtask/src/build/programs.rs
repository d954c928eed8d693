//! The programs that run natively.

use crate::workspace::Workspace;
use crate::{process, progress};

/// The package of the server, whose program has the same name.
pub(crate) const SERVER: &str = "vaultshare-server";

/// The package of the command line, whose program is `vaultshare`.
pub(crate) const COMMAND_LINE: &str = "vaultshare-cli";

/// Compiles everything as `cargo test` does, so that the programs which tests start cost nothing beyond the tests' own.
pub(crate) fn build_for_tests(workspace: &Workspace) -> anyhow::Result<()> {
    progress::step("compiling the programs as the tests do", || {
        process::run(workspace.cargo().args(["build", "--locked", "--workspace", "--all-targets"]))
    })
}

/// Builds the programs of these packages into `target/release`.
pub(crate) fn build(workspace: &Workspace, packages: &[&str]) -> anyhow::Result<()> {
    progress::step(&format!("compiling {}", packages.join(" and ")), || {
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--release", "--locked", "--bins"]);
        for package in packages {
            cargo.args(["--package", package]);
        }
        process::run(&mut cargo)
    })
}
