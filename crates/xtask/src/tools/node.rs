//! Node.js, which has to be there, and the npm packages of a `package.json`, which are installed from the lock beside it.

use std::{fs, path::Path};

use anyhow::{Context, bail};

use crate::{files, process, progress, workspace::Workspace};

/// The oldest Node.js that our bundlers' tests run on. (The package itself is content with any Node 20.)
const OLDEST: (u32, u32) = (20, 19);

/// Where the lock that `node_modules` was installed from is kept.
const STAMP: &str = "node_modules/.installed-from-lock.json";

/// Makes sure that Node.js is there and new enough. It is not ours to install.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<()> {
    let (major, minor) = OLDEST;
    let Some(answer) = process::answer(workspace.node().arg("--version")) else {
        bail!(
            "this needs Node.js {major}.{minor} or newer, and there is no `node`: install it from https://nodejs.org"
        );
    };
    if version(&answer).is_none_or(|found| found < OLDEST) {
        bail!(
            "this needs Node.js {major}.{minor} or newer, and `node` is {answer}: install a newer one from https://nodejs.org"
        );
    }
    Ok(())
}

/// Makes sure that `node_modules` of the root is what its lock says.
pub(crate) fn ensure_packages(workspace: &Workspace) -> anyhow::Result<()> {
    ensure_packages_of(workspace, "")
}

/// As [`ensure_packages`], for a folder of the workspace with a `package.json` of its own.
pub(crate) fn ensure_packages_of(workspace: &Workspace, folder: &str) -> anyhow::Result<()> {
    ensure(workspace)?;
    let place = workspace.path(folder);
    let lock = files::read(&place.join("package-lock.json"))?;
    let stamp = place.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let shown = Path::new(folder).join("package-lock.json");
    progress::step(&format!("installing the npm packages of {}", shown.display()), || {
        let mut npm = workspace.command("npm");
        npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(&place);
        process::run(&mut npm).context("npm could not install them")?;
        files::write(&stamp, lock)
    })
}

/// Major and minor of what `node --version` prints: `v20.20.2`.
fn version(answer: &str) -> Option<(u32, u32)> {
    let mut numbers = answer.strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("v20.9.0"), Some((20, 9)));
        assert!(version("v20.9.0") < Some(OLDEST));
        assert!(version("v100.0.0") > Some(OLDEST));
        assert_eq!(version("nonsense"), None);
    }
}
