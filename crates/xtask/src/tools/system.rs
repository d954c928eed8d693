//! Programs of the system: found in PATH, or installed from the system's packages.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::{process, progress, workspace::Workspace};

/// Where a program is, if PATH leads to it.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    let program = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).find_map(|folder| existing(folder.join(&program)))
}

/// The path, if there is a file.
pub(super) fn existing(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}

/// Sees to it that a program is in PATH, if need be from Debian's package.
pub(crate) fn ensure_program(workspace: &Workspace, program: &str, package: &str) -> anyhow::Result<()> {
    if in_path(program).is_some() {
        return Ok(());
    }
    let needed = format!("this needs {program}: install it (on Debian: `apt-get install {package}`)");
    progress::step(&format!("installing {program} (apt-get install {package})"), || {
        install(workspace, &[package], &needed)
    })?;
    if in_path(program).is_none() {
        bail!("{package} was installed, but `{program}` is not in PATH");
    }
    Ok(())
}

/// Installs Debian's packages, as root or by `sudo`. Where that cannot be, `needed` tells what the reader has to do.
pub(super) fn install(workspace: &Workspace, packages: &[&str], needed: &str) -> anyhow::Result<()> {
    if in_path("apt-get").is_none() {
        bail!("{needed}");
    }
    let as_root = if is_root() {
        Vec::new()
    } else if process::answer(workspace.command("sudo").args(["-n", "true"])).is_some() {
        vec!["sudo", "-n"]
    } else {
        bail!("{needed}");
    };
    let apt = |arguments: &[&str]| {
        let words: Vec<&str> =
            as_root.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]).collect();
        let (program, before) = words.split_first().context("no program to run")?;
        process::run(workspace.command(program).args(before).args(arguments)).with_context(|| needed.to_owned())
    };
    apt(&["update", "--quiet"])?;
    apt(&[&["install", "--quiet", "--yes", "--no-install-recommends"], packages].concat())
}

#[cfg(unix)]
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
