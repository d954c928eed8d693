//! Programs from PyPI, by version and hash, each in an environment of its own. Python has to be there, or comes from Debian's
//! packages.

use std::path::PathBuf;

use anyhow::{Context, bail};

use super::system::install;
use crate::{files, process, progress, workspace::Workspace};

/// A program and where its versions and hashes are.
struct Program {
    package: &'static str,
    name: &'static str,
    lock: &'static str,
}

/// Attacks a server by its OpenAPI document. Of its lock: `pip-compile --generate-hashes --strip-extras` of the
/// `requirements.in` beside it.
const SCHEMATHESIS: Program = Program { package: "schemathesis", name: "st", lock: "tests/interop/requirements.txt" };

/// Lints a Dockerfile.
const HADOLINT: Program = Program { package: "hadolint", name: "hadolint", lock: "tests/packaging/requirements.txt" };

/// The oldest Python that the locks are for.
const OLDEST: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

const NEEDED: &str =
    "this needs Python 3.11 or newer with `venv`: install it (on Debian: `apt-get install python3-venv`)";

/// Gives the program's path, after installing it where it is missing or of another lock.
pub(crate) fn ensure_schemathesis(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    ensure(workspace, &SCHEMATHESIS)
}

/// As [`ensure_schemathesis`].
pub(crate) fn ensure_hadolint(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    ensure(workspace, &HADOLINT)
}

fn ensure(workspace: &Workspace, Program { package, name, lock }: &Program) -> anyhow::Result<PathBuf> {
    let folder = workspace.in_target("tools").join(package);
    let programs = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let program = programs.join(name);
    let locked = files::read(&workspace.path(lock))?;
    let stamp = folder.join("installed-from-lock.txt");
    if files::read(&stamp).is_ok_and(|installed| installed == locked)
        && process::answer(workspace.command(&program).arg("--version")).is_some()
    {
        return Ok(program);
    }
    ensure_python(workspace)?;
    progress::step(&format!("installing {package} from PyPI into target/tools"), || {
        process::run(workspace.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = workspace.command(programs.join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
        process::run(pip.arg("--requirement").arg(workspace.path(lock))).context("pip could not install it")?;
        files::write(&stamp, &locked)
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
