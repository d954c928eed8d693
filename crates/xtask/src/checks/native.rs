//! Formatting, lints, licences, the Rust tests, those with a server once more on PostgreSQL, what is in `packaging`, and the
//! documentation.

use std::time::Duration;

use super::{dependencies, packaging};
use crate::{
    process, progress, tools,
    workspace::{WASM_TARGET, Workspace},
};

/// How long the tests may take that were compiled before, far above what they need: one that waits for ever ends here.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// Runs every check, cheapest first, up to the first that fails.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_component(workspace, "fmt", "rustfmt")?;
    tools::ensure_component(workspace, "clippy", "clippy")?;
    tools::ensure_wasm_target(workspace)?;
    tools::ensure_npm_packages(workspace)?;

    check(workspace, "formatting", &["fmt", "--all", "--check"])?;
    progress::step("formatting and lints of JavaScript and TypeScript (Biome)", || {
        process::run(workspace.node().args(["node_modules/@biomejs/biome/bin/biome", "ci", "--error-on-warnings"]))
    })?;
    dependencies::check_crates(workspace)?;
    dependencies::check_npm_packages(workspace)?;
    dependencies::check_notices(workspace)?;
    check(workspace, "lints", &["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"])?;
    // The JavaScript classes exist only in the wasm build, so the lints have to see that one too.
    let wasm = ["clippy", "--locked", "--package", "vaultshare", "--lib", "--target", WASM_TARGET];
    check(workspace, "lints of the wasm build", &[&wasm[..], &["--", "--deny", "warnings"]].concat())?;
    check(workspace, "compiling the Rust tests", &["test", "--locked", "--workspace", "--no-run"])?;
    progress::step("Rust tests", || {
        process::run_within(LIMIT, workspace.cargo().args(["test", "--locked", "--workspace"]))
    })?;
    tools::ensure_postgres(workspace)?;
    progress::step("Rust tests with a server on PostgreSQL", || {
        let mut cargo = workspace.cargo();
        // Of the workspace, as before, and not of one package, whose dependencies would be built again with fewer features.
        cargo.args(["test", "--locked", "--workspace", "--lib"]);
        cargo.args(
            ["server", "kills", "log", "metrics", "workflows", "guides"].iter().flat_map(|test| ["--test", test]),
        );
        process::run_within(LIMIT, cargo.env("VAULTSHARE_TEST_DATABASE", "postgres"))
    })?;
    progress::step("the unit for systemd", || packaging::check_unit(workspace))?;
    progress::step("the files for containers", || packaging::check_containers(workspace))?;
    progress::step("documentation", || {
        let mut cargo = workspace.cargo();
        cargo.args(["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"]);
        process::run(cargo.env("RUSTDOCFLAGS", "--deny warnings"))
    })
}

fn check(workspace: &Workspace, what: &str, arguments: &[&str]) -> anyhow::Result<()> {
    progress::step(what, || process::run(workspace.cargo().args(arguments)))
}
