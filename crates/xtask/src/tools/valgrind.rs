//! Valgrind, which counts the instructions that a program executes.

use std::path::PathBuf;

use anyhow::Context;

use super::system::{in_path, install};
use crate::progress;
use crate::workspace::Workspace;

const NEEDED: &str = "this needs Valgrind: install it (on Debian: `apt-get install valgrind`)";

/// Finds Valgrind in PATH, or else takes it from Debian's packages.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    if let Some(valgrind) = in_path("valgrind") {
        return Ok(valgrind);
    }
    progress::step("installing Valgrind (apt-get install valgrind)", || install(workspace, &["valgrind"], NEEDED))?;
    in_path("valgrind").context("Valgrind was installed, but `valgrind` is not in PATH")
}
