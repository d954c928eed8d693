//! The npm package in real projects, and the pages in a real browser.

use std::{path::Path, process::Command};

use super::node_tests;
use crate::{
    bench, build, package, progress,
    tools::{self, Browser},
    workspace::{Profile, Workspace},
};

/// Packs the package as npm would publish it and runs `tests/e2e` against it, the server's binary and Chromium; then the
/// benchmark, small, so that it works when somebody wants to measure.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_node(workspace)?;
    let browser = Browser::ensure(workspace)?;
    package::build(workspace)?;
    package::check_size(workspace)?;
    build::build_for_tests(workspace)?;
    let tarball = package::pack(workspace, "e2e")?;

    progress::step("the package in real projects and the pages in Chromium", || {
        node_tests::run(workspace, "tests/e2e", |node| {
            browser.name_to(node);
            name_to(workspace, &tarball, node);
        })
    })?;
    bench::smoke(workspace, &browser)
}

/// Tells the tests where what they test is.
pub(super) fn name_to(workspace: &Workspace, tarball: &Path, node: &mut Command) {
    node.env("VAULTSHARE_TARBALL", tarball);
    node.env("VAULTSHARE_PACKAGE", workspace.package());
    node.env("VAULTSHARE_SERVER", workspace.program("vaultshare-server", Profile::Test));
    node.env("VAULTSHARE_CLI", workspace.program("vaultshare", Profile::Test));
}
