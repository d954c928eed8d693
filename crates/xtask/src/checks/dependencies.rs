//! What others wrote that this repository uses: their licences, where they come from, and what is known against them.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{files, package, process, progress, tools, workspace::Workspace};

/// How long the advisory database may take to arrive.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// The folders with npm packages of their own; the first is the root. None of these packages is part of what is published.
const NPM_FOLDERS: [&str; 3] = ["", "tests/interop", "tests/bench"];

/// One more, whose packages take more than a gigabyte: only its own stage installs them, and what is looked at is its lock.
const NPM_LOCK: &str = "tests/runtimes/package-lock.json";

/// The licences that npm packages used for building and testing may have: permissive ones, and those that ask something only
/// of whoever passes the package on, which nobody does.
const NPM_LICENCES: &str = "MIT;MIT-0;ISC;0BSD;BSD-2-Clause;BSD-3-Clause;Apache-2.0;BlueOak-1.0.0;Python-2.0;Zlib;CC0-1.0;\
                            CC-BY-3.0;CC-BY-4.0;MPL-2.0";

/// Also in [`NPM_LOCK`]: of libvips, which Next.js and Astro bring for images as an optional package. No test uses it.
const NPM_LOCK_ALSO: &str = "LGPL-3.0-or-later";

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

/// The licences of the npm packages, as they are installed from the lock files, or as the lock file states them.
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
    progress::step(&format!("licences of the npm packages in {NPM_LOCK}"), || {
        let lock: Value = serde_json::from_str(&files::read(&workspace.path(NPM_LOCK))?)?;
        let refused = refused_packages(&lock)?;
        ensure!(refused.is_empty(), "{}", refused.join("; "));
        Ok(())
    })
}

/// The packages of a lock, also those for other systems, whose licence is not among the allowed ones.
fn refused_packages(lock: &Value) -> anyhow::Result<Vec<String>> {
    let packages = lock.get("packages").and_then(Value::as_object).context("the lock lists no packages")?;
    let licence = |package: &Value| package.get("license").and_then(Value::as_str).unwrap_or_default().to_owned();
    // The first, without a name, is the folder itself.
    let named = packages.iter().filter(|(path, _)| !path.is_empty()).map(|(path, package)| (path, licence(package)));
    Ok(named.filter(|(_, licence)| !is_allowed(licence)).map(|(path, licence)| format!("{path}: {licence}")).collect())
}

/// Of an SPDX expression. Where one is nested, this refuses rather than allows.
fn is_allowed(licence: &str) -> bool {
    let parentheses = ['(', ')'];
    let is_listed = |name: &str| NPM_LICENCES.split(';').chain([NPM_LOCK_ALSO]).any(|listed| listed == name);
    licence.split(" AND ").all(|part| part.trim_matches(parentheses).split(" OR ").any(is_listed))
}

/// Whether the notices in the npm package are those of the crates that it is compiled from.
pub(super) fn check_notices(workspace: &Workspace) -> anyhow::Result<()> {
    progress::step("third-party notices", || package::check_notices(workspace))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_licence_is_allowed_where_what_it_asks_for_is() {
        for allowed in ["MIT", "(MIT OR GPL-2.0)", "(Apache-2.0 AND BSD-3-Clause)", "MIT AND (GPL-2.0 OR ISC)"] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in ["", "GPL-2.0", "MIT AND GPL-2.0", "(GPL-2.0 OR AGPL-3.0)", "GPL-2.0 OR (MIT AND AGPL-3.0)"] {
            assert!(!is_allowed(refused), "{refused}");
        }
    }

    #[test]
    fn a_package_of_a_lock_without_an_allowed_licence_is_named() {
        let lock = json!({ "packages": {
            "": { "license": "GPL-2.0" },
            "node_modules/one": { "license": "MIT" },
            "node_modules/two": { "license": "GPL-2.0" },
            "node_modules/three": {},
        } });
        let mut refused = refused_packages(&lock).unwrap();
        refused.sort();
        assert_eq!(refused, ["node_modules/three: ", "node_modules/two: GPL-2.0"]);
        assert!(refused_packages(&json!({})).is_err());
    }
}
