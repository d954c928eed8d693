//! What others wrote that this repository uses: their licences, where they come from, and what is known against them.

use std::time::Duration;

use crate::{package, process, progress, tools, workspace::Workspace};

/// How long the advisory database may take to arrive.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// The folders with npm packages of their own; the first is the root. None of these packages is part of what is published.
const NPM_FOLDERS: [&str; 3] = ["", "tests/interop", "tests/bench"];

/// The licences that npm packages used for building and testing may have: permissive ones, and those that ask something only
/// of whoever passes the package on, which nobody does.
const NPM_LICENCES: &str = "MIT;MIT-0;ISC;0BSD;BSD-2-Clause;BSD-3-Clause;Apache-2.0;BlueOak-1.0.0;Python-2.0;Zlib;CC0-1.0;\
                            CC-BY-3.0;CC-BY-4.0;MPL-2.0";

/// npm packages whose `package.json` states no licence, read by a person. (dom-walk states MIT in the form of 2012, which is
/// understood.)
const NPM_READ: [&str; 1] = [
    // MIT, says its LICENSE.md.
    "exif-parser",
];

/// cargo-deny, by `deny.toml`.
pub(super) fn check_crates(workspace: &Workspace) -> anyhow::Result<()> {
    let deny = tools::ensure_cargo_program(workspace, &tools::cargo_deny())?;
    let check = |arguments: &[&str]| {
        // Without `--workspace` it looks at what the root package and its tests are built of, and nothing else.
        process::run(workspace.command(&deny).args(["--locked", "--workspace", "check"]).args(arguments))
    };
    progress::step("licences, versions and sources of the crates (cargo-deny)", || {
        check(&["--hide-inclusion-graph", "bans", "licenses", "sources"])
    })?;
    // The database is a git repository on a host that some networks do not reach.
    let fetched =
        process::status_within(FETCH_LIMIT, workspace.command(&deny).args(["--log-level", "off", "fetch", "db"]));
    if process::interrupted() || fetched.is_ok_and(|status| status.success()) {
        progress::step("advisories about the crates (cargo-deny)", || check(&["--disable-fetch", "advisories"]))
    } else {
        progress::note("advisories about the crates were NOT looked up: their database cannot be reached from here");
        Ok(())
    }
}

/// The licences of the npm packages, as they are installed from the lock files.
pub(super) fn check_npm_packages(workspace: &Workspace) -> anyhow::Result<()> {
    for folder in NPM_FOLDERS {
        tools::ensure_npm_packages_of(workspace, folder)?;
        let shown = if folder.is_empty() { "the root" } else { folder };
        progress::step(&format!("licences of the npm packages of {shown}"), || {
            let mut node = workspace.node();
            node.arg(workspace.path("node_modules/license-compliance/bin/cli.js")).current_dir(workspace.path(folder));
            node.args(["--allow", NPM_LICENCES, "--exclude", &NPM_READ.join(";")]);
            process::run(&mut node)
        })?;
    }
    Ok(())
}

/// Whether the notices in the npm package are those of the crates that it is compiled from.
pub(super) fn check_notices(workspace: &Workspace) -> anyhow::Result<()> {
    progress::step("third-party notices", || package::check_notices(workspace))
}
