//! The notices of the crates that are compiled into the package, which their licences ask to be passed on.
//!
//! Collecting them asks for a program that takes minutes to compile, so the file is committed, and the tests only see to it
//! that it names the crates that `Cargo.lock` has.

use std::collections::BTreeSet;

use anyhow::bail;

use crate::{
    files, process, progress, tools,
    workspace::{WASM_TARGET, Workspace},
};

/// Beside the licences of our own, in the repository and in the package.
pub(super) const FILE: &str = "THIRD-PARTY-NOTICES";

/// Before the name of each crate in the file, as the template has it.
const ENTRY: &str = "- ";

/// Writes the file anew (cargo-about, by `about.toml` and `about.hbs`).
pub(crate) fn generate(workspace: &Workspace) -> anyhow::Result<()> {
    let about = tools::ensure_cargo_program(workspace, &tools::cargo_about())?;
    progress::step(&format!("writing {FILE}"), || {
        let mut command = workspace.command(about);
        // The second module's crates are those of the main module when it has RSA compiled in.
        command.args(["generate", "--frozen", "--fail", "--features", "on-demand-compiled-in"]);
        process::run(command.args(["about.hbs", "--output-file"]).arg(workspace.path(FILE)))
    })?;
    check(workspace)
}

/// Fails where the file names other crates than those that the modules are compiled from.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["tree", "--locked", "--package", "vaultshare", "--package", "on-demand-module", "--prefix", "none"]);
    cargo.args(["--target", WASM_TARGET, "--edges", "normal", "--format", "{p}"]);
    let used = crates_of_tree(&process::output(&mut cargo)?);
    let named = crates_of_notices(&files::read(&workspace.path(FILE))?);
    let missing: Vec<_> = used.difference(&named).cloned().collect();
    if !missing.is_empty() {
        bail!("{FILE} does not have {}: `cargo xtask notices` writes it anew", missing.join(", "));
    }
    Ok(())
}

/// `name version` of each line `name vVERSION`, without those of this workspace, which have a path after it.
fn crates_of_tree(tree: &str) -> BTreeSet<String> {
    let external = tree.lines().filter(|line| !line.contains("(/") && !line.contains(":\\"));
    external
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| {
            let version = rest.split(' ').next().unwrap_or(rest);
            format!("{name} {version}")
        })
        .collect()
}

fn crates_of_notices(notices: &str) -> BTreeSet<String> {
    notices.lines().filter_map(|line| line.strip_prefix(ENTRY)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_named_alike_in_the_tree_and_in_the_notices() {
        let tree = "vaultshare v0.1.0 (/somewhere)\naes v0.9.1\nserde_derive v1.0.230 (proc-macro)\naes v0.9.1 (*)\n";
        let notices = "The Apache License\n\n- aes 0.9.1\n- serde_derive 1.0.230\n";
        assert_eq!(crates_of_tree(tree), crates_of_notices(notices));
    }
}
