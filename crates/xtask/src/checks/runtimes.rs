//! The npm package wherever JavaScript runs: in bundlers, frameworks, other runtimes, test runners and kinds of workers.

use super::node_tests;
use crate::{
    build, package, progress,
    tools::{self, Browser},
    workspace::{Profile, Workspace},
};

/// The tests, the projects that they build and run, and the tools that these are built with.
const FOLDER: &str = "tests/runtimes";

/// Packs the package and runs it in each set-up, against the server's binary. The tests write `docs/runtimes.md`.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_npm_packages(workspace)?;
    let browser = Browser::ensure(workspace)?;
    tools::ensure_npm_packages_of(workspace, FOLDER)?;
    package::build(workspace)?;
    build::build_for_tests(workspace)?;
    let tarball = package::pack(workspace, "runtimes")?;

    progress::step("the package wherever JavaScript runs", || {
        node_tests::run(workspace, FOLDER, |node| {
            browser.name_to(node);
            node.env("VAULTSHARE_TARBALL", &tarball);
            node.env("VAULTSHARE_SERVER", workspace.program("vaultshare-server", Profile::Test));
        })
    })
}
