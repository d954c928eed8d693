//! What operators install the server with.

use std::process::Stdio;

use anyhow::ensure;

use crate::workspace::{Profile, Workspace};
use crate::{files, process, tools};

const UNIT: &str = "packaging/systemd/vaultshare-server.service";

/// Where the unit has its program.
const INSTALLED: &str = "/usr/local/bin/vaultshare-server";

/// How exposed the service may be, by systemd's own measure: from 0 to 100, of which 100 is a service that may do anything.
const MOST_EXPOSED: u32 = 15;

/// The unit as systemd reads it, with the program that was built in the place of the installed one.
pub(super) fn check_unit(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_systemd_analyze(workspace)?;
    let unit = files::read(&workspace.path(UNIT))?;
    ensure!(unit.contains(INSTALLED), "{UNIT} does not start {INSTALLED}");
    let program = workspace.program("vaultshare-server", Profile::Test);
    let folder = workspace.in_target("packaging");
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join("vaultshare-server.service");
    files::write(&copy, unit.replace(INSTALLED, &program.display().to_string()))?;
    // What it does not know it mentions, and is content with.
    let verified = workspace.command("systemd-analyze").args(["verify", "--man=no"]).arg(&copy).output()?;
    let complaints = String::from_utf8_lossy(&verified.stderr);
    ensure!(verified.status.success() && complaints.trim().is_empty(), "systemd-analyze verify: {complaints}");
    let threshold = format!("--threshold={MOST_EXPOSED}");
    let mut security = workspace.command("systemd-analyze");
    security.args(["security", "--no-pager", "--offline=true", &threshold]).arg(&copy);
    process::run(security.stdout(Stdio::null()))
}
