//! The npm package in real projects, and the pages in a real browser.

use std::path::PathBuf;

use anyhow::Context;

use super::node_tests;
use crate::{
    bench, build, files, package, process, progress,
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
    let tarball = pack(workspace)?;

    progress::step("the package in real projects and the pages in Chromium", || {
        node_tests::run(workspace, "tests/e2e", |node| {
            browser.name_to(node);
            node.env("VAULTSHARE_TARBALL", &tarball);
            node.env("VAULTSHARE_PACKAGE", workspace.package());
            node.env("VAULTSHARE_SERVER", workspace.program("vaultshare-server", Profile::Test));
            node.env("VAULTSHARE_CLI", workspace.program("vaultshare", Profile::Test));
        })
    })?;
    bench::smoke(workspace, &browser)
}

/// The tarball that `npm publish` would upload.
fn pack(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.in_target("e2e");
    files::empty_folder(&folder)?;
    progress::step("packing pkg/ (npm pack)", || {
        let mut npm = workspace.command("npm");
        npm.args(["pack", "--silent", "--pack-destination"]).arg(&folder).current_dir(workspace.package());
        process::run(&mut npm)
    })?;
    let tarballs = files::files_ending(&folder, ".tgz")?;
    tarballs.into_iter().next().context("npm pack left no tarball")
}
