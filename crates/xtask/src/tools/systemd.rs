//! `systemd-analyze`, which reads units as systemd does.

use anyhow::bail;

use super::system::{in_path, install};
use crate::progress;
use crate::workspace::Workspace;

const NEEDED: &str = "this needs systemd-analyze: install it (on Debian: `apt-get install systemd`)";

/// Sees to it that `systemd-analyze` is in PATH, if need be from Debian's packages.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<()> {
    if in_path("systemd-analyze").is_some() {
        return Ok(());
    }
    progress::step("installing systemd (apt-get install systemd)", || install(workspace, &["systemd"], NEEDED))?;
    if in_path("systemd-analyze").is_none() {
        bail!("systemd was installed, but `systemd-analyze` is not in PATH");
    }
    Ok(())
}
