//! Other people's clients against our code and our server, and schemathesis against its OpenAPI documents.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::node_tests;
use crate::{
    build, files, package, progress,
    server::{Server, Settings, Store},
    tools,
    workspace::{Profile, Workspace},
};

/// The tests, and the other clients that they drive.
const FOLDER: &str = "tests/interop";

/// What came of it for each client, written by the run.
const TABLE: &str = "docs/compatibility.md";
const REPORTER: &str = "tests/interop/compatibility-reporter.mjs";

/// The tests of the other clients with the server that is started for them: all that another store could change.
const OF_SERVER: [&str; 6] = ["crossing", "files", "first-protocol", "generated-clients", "sdk-2020", "server"];

/// Runs `tests/interop`, and what of it a store could change on PostgreSQL too: with a server on fresh data whose address is in
/// `VAULTSHARE_SERVER_URL`, and the server's program in `VAULTSHARE_SERVER` for those that need one of their own.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_npm_packages_of(workspace, FOLDER)?;
    let schemathesis = tools::ensure_schemathesis(workspace)?;
    tools::ensure_postgres(workspace)?;
    package::build(workspace)?;
    build::build_for_tests(workspace)?;

    let folder = workspace.in_target("interop");
    files::empty_folder(&folder)?;
    let run = |store: Store, name: &str, tests: &[PathBuf], report: Option<&Path>| {
        let (data, log) = (folder.join(name), folder.join(format!("{name}.log")));
        let settings = Settings { port: 0, data, store, www: None, mail: None, profile: Profile::Test, log };
        let server = Server::start(workspace, &settings)?;
        node_tests::run_files(workspace, node_tests::LIMIT, tests, |node| {
            node.env("VAULTSHARE_SERVER_URL", server.url());
            node.env("VAULTSHARE_SERVER", workspace.program("vaultshare-server", Profile::Test));
            node.env("VAULTSHARE_SCHEMATHESIS", &schemathesis);
            node.env("VAULTSHARE_PACKAGE", workspace.package());
            if let Some(table) = report {
                node.arg("--test-reporter").arg(workspace.path(REPORTER));
                node.arg("--test-reporter-destination").arg(table);
            }
        })
    };
    let (all, table) = (files::files_ending(&workspace.path(FOLDER), ".test.mjs")?, workspace.path(TABLE));
    progress::step("other clients against our code and our server", || {
        run(Store::Sqlite, "sqlite", &all, Some(&table))
    })?;
    if let Some(gap) = files::read(&table)?.lines().find(|line| line.contains("**")) {
        bail!("{TABLE} has a gap without a reason: {gap}");
    }
    let of_server: Vec<PathBuf> =
        OF_SERVER.iter().map(|name| workspace.path(FOLDER).join(format!("{name}.test.mjs"))).collect();
    progress::step("other clients against our server on PostgreSQL", || {
        run(Store::Postgres, "postgres", &of_server, None)
    })
}
