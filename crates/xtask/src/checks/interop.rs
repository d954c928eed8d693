//! Other people's clients against our code and our server, and schemathesis against its OpenAPI documents.

use std::path::Path;

use anyhow::{bail, ensure};

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

/// Runs `tests/interop` once on each store, with a server on fresh data whose address is in `VAULTSHARE_SERVER_URL`, and the
/// server's program in `VAULTSHARE_SERVER` for those that need one of their own.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_npm_packages_of(workspace, FOLDER)?;
    let schemathesis = tools::ensure_schemathesis(workspace)?;
    tools::ensure_postgres(workspace)?;
    package::build(workspace)?;
    build::build_for_tests(workspace)?;

    let folder = workspace.in_target("interop");
    files::empty_folder(&folder)?;
    let (written, on_postgres) = (workspace.path(TABLE), folder.join("compatibility.md"));
    let run = |store: Store, name: &str, table: &Path| {
        let (data, log) = (folder.join(name), folder.join(format!("{name}.log")));
        let settings = Settings { port: 0, data, store, www: None, mail: None, profile: Profile::Test, log };
        let server = Server::start(workspace, &settings)?;
        node_tests::run(workspace, FOLDER, |node| {
            node.env("VAULTSHARE_SERVER_URL", server.url());
            node.env("VAULTSHARE_SERVER", workspace.program("vaultshare-server", Profile::Test));
            node.env("VAULTSHARE_SCHEMATHESIS", &schemathesis);
            node.env("VAULTSHARE_PACKAGE", workspace.package());
            node.arg("--test-reporter").arg(workspace.path(REPORTER));
            node.arg("--test-reporter-destination").arg(table);
        })
    };
    progress::step("other clients against our code and our server", || run(Store::Sqlite, "sqlite", &written))?;
    let table = files::read(&written)?;
    if let Some(gap) = table.lines().find(|line| line.contains("**")) {
        bail!("{TABLE} has a gap without a reason: {gap}");
    }
    progress::step("other clients against our server on PostgreSQL", || {
        run(Store::Postgres, "postgres", &on_postgres)
    })?;
    ensure!(files::read(&on_postgres)? == table, "with PostgreSQL {} is another table", on_postgres.display());
    Ok(())
}
