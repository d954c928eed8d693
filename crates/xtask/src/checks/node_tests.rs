//! Test files for Node's own test runner.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::bail;

use crate::{files, process, workspace::Workspace};

/// How long a file's tests may take, in milliseconds, for Node.js 20 counts by files: far above what any needs, so that one that
/// hangs is named.
const FILE_TIMEOUT: &str = "--test-timeout=1500000";

/// How long a folder's tests may take together: Node.js cannot end a test whose process no longer answers, nor its browser.
pub(super) const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Runs all `*.test.mjs` of a folder, one after the other: they share two cores with the browsers they start. `prepare`
/// adds what the tests have to know.
pub(super) fn run(workspace: &Workspace, folder: &str, prepare: impl FnOnce(&mut Command)) -> anyhow::Result<()> {
    let tests = files::files_ending(&workspace.path(folder), ".test.mjs")?;
    if tests.is_empty() {
        bail!("there are no tests (*.test.mjs) in {folder}");
    }
    run_files(workspace, LIMIT, &tests, prepare)
}

/// As [`run`], for some files, with a limit for all of them.
pub(super) fn run_files(
    workspace: &Workspace,
    limit: Duration,
    files: &[PathBuf],
    prepare: impl FnOnce(&mut Command),
) -> anyhow::Result<()> {
    let mut node = workspace.node();
    node.args([
        "--test",
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-concurrency=1",
        FILE_TIMEOUT,
    ]);
    prepare(&mut node);
    node.args(files);
    process::run_within(limit, &mut node)
}
