//! Valgrind, which counts the instructions that a program executes.

use anyhow::bail;

use super::system::{in_path, install};
use crate::progress;
use crate::workspace::Workspace;

const NEEDED: &str = "this needs Valgrind: install it (on Debian: `apt-get install valgrind`)";

/// Sees to it that Valgrind is in PATH, if need be from Debian's packages.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<()> {
    if in_path("valgrind").is_some() {
        return Ok(());
    }
    progress::step("installing Valgrind (apt-get install valgrind)", || install(workspace, &["valgrind"], NEEDED))?;
    if in_path("valgrind").is_none() {
        bail!("Valgrind was installed, but `valgrind` is not in PATH");
    }
    Ok(())
}
