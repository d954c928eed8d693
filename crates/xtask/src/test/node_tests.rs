//! Test files for Node's own test runner.

use std::process::Command;

use anyhow::bail;

use crate::workspace::Workspace;
use crate::{files, process};

/// How long a single test file may take, in milliseconds: far above what any needs, so that one that hangs ends the run
/// with its name instead of waiting for the job's limit.
const PATIENCE: &str = "--test-timeout=600000";

/// Runs all `*.test.mjs` of a folder, one after the other: they share two cores with the browsers they start. `prepare`
/// adds what the tests have to know.
pub(crate) fn run(workspace: &Workspace, folder: &str, prepare: impl FnOnce(&mut Command)) -> anyhow::Result<()> {
    let tests = files::files_ending(&workspace.path(folder), ".test.mjs")?;
    if tests.is_empty() {
        bail!("there are no tests (*.test.mjs) in {folder}");
    }
    let mut node = workspace.node();
    node.args([
        "--test",
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-concurrency=1",
        PATIENCE,
    ]);
    prepare(&mut node);
    node.args(tests);
    process::run(&mut node)
}
