//! Other people's clients against our code and our server, and schemathesis against its OpenAPI documents.

use anyhow::bail;

use super::node_tests;
use crate::{
    build, files, package, progress,
    server::{Server, Settings},
    tools,
    workspace::{Profile, Workspace},
};

/// The tests, and the other clients that they drive.
const FOLDER: &str = "tests/interop";

/// What came of it for each client, written by the run.
const TABLE: &str = "docs/compatibility.md";
const REPORTER: &str = "tests/interop/compatibility-reporter.mjs";

/// Runs `tests/interop`, with a server on fresh data whose address is in `VAULTSHARE_SERVER_URL`, and the
/// server's program in `VAULTSHARE_SERVER` for those that need one of their own.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_npm_packages_of(workspace, FOLDER)?;
    let schemathesis = tools::ensure_schemathesis(workspace)?;
    package::build(workspace)?;
    build::build_for_tests(workspace)?;

    let folder = workspace.in_target("interop");
    files::empty_folder(&folder)?;
    let (data, log) = (folder.join("data"), folder.join("server.log"));
    let settings = Settings { port: 0, data, www: None, mail: None, profile: Profile::Test, log };
    progress::step("other clients against our code and our server", || {
        let server = Server::start(workspace, &settings)?;
        node_tests::run(workspace, FOLDER, |node| {
            node.env("VAULTSHARE_SERVER_URL", server.url());
            node.env("VAULTSHARE_SERVER", workspace.program("vaultshare-server", Profile::Test));
            node.env("VAULTSHARE_SCHEMATHESIS", &schemathesis);
            node.env("VAULTSHARE_PACKAGE", workspace.package());
            node.arg("--test-reporter").arg(workspace.path(REPORTER));
            node.arg("--test-reporter-destination").arg(workspace.path(TABLE));
        })
    })?;
    match files::read(&workspace.path(TABLE))?.lines().find(|line| line.contains("**")) {
        Some(gap) => bail!("{TABLE} has a gap without a reason: {gap}"),
        None => Ok(()),
    }
}
