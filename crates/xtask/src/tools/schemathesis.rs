//! schemathesis, which attacks a server by its OpenAPI document. Python has to be there, or comes from Debian's packages;
//! schemathesis and what it needs come from PyPI, by version and hash.

use std::path::PathBuf;

use anyhow::{Context, bail};

use super::system::install;
use crate::{files, process, progress, workspace::Workspace};

/// Versions and hashes: `pip-compile --generate-hashes --strip-extras` of the `requirements.in` beside it.
const LOCK: &str = "tests/interop/requirements.txt";

/// The oldest Python that the lock is for.
const OLDEST: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

const NEEDED: &str =
    "this needs Python 3.11 or newer with `venv`: install it (on Debian: `apt-get install python3-venv`)";

/// Gives the program's path, after installing it where it is missing or of another lock.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.in_target("tools/schemathesis");
    let programs = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let program = programs.join("st");
    let lock = files::read(&workspace.path(LOCK))?;
    let stamp = folder.join("installed-from-lock.txt");
    if files::read(&stamp).is_ok_and(|installed| installed == lock)
        && process::answer(workspace.command(&program).arg("--version")).is_some()
    {
        return Ok(program);
    }
    ensure_python(workspace)?;
    progress::step("installing schemathesis from PyPI into target/tools", || {
        process::run(workspace.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = workspace.command(programs.join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
        process::run(pip.arg("--requirement").arg(workspace.path(LOCK))).context("pip could not install it")?;
        files::write(&stamp, &lock)
    })?;
    Ok(program)
}

fn ensure_python(workspace: &Workspace) -> anyhow::Result<()> {
    let is_there = || process::answer(workspace.command("python3").args(["-c", OLDEST])).is_some();
    if is_there() {
        return Ok(());
    }
    progress::step("installing Python (apt-get install python3-venv)", || {
        install(workspace, &["python3-venv"], NEEDED)
    })?;
    if !is_there() {
        bail!("{NEEDED}");
    }
    Ok(())
}
