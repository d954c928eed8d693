//! PostgreSQL, which the server's tests start one of.

use std::path::PathBuf;

use anyhow::bail;

use super::system::{existing, in_path, install};
use crate::{progress, workspace::Workspace};

const NEEDED: &str = "this needs PostgreSQL 15 or newer: install it (on Debian: `apt-get install postgresql`)";

/// Sees to it that there is an `initdb`, if need be from Debian's packages.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<()> {
    if found().is_some() {
        return Ok(());
    }
    progress::step("installing PostgreSQL (apt-get install postgresql)", || {
        install(workspace, &["postgresql"], NEEDED)
    })?;
    if found().is_none() {
        bail!("PostgreSQL was installed, but there is no `initdb`");
    }
    Ok(())
}

/// Debian has the programs outside of PATH, by version.
fn found() -> Option<PathBuf> {
    let versions = || std::fs::read_dir("/usr/lib/postgresql").ok();
    let debians = || versions()?.flatten().find_map(|version| existing(version.path().join("bin/initdb")));
    in_path("initdb").or_else(debians)
}
