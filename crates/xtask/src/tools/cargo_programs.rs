//! Programs from crates.io, compiled into `.tools/` at exactly one version.
//!
//! `.tools/` is outside `target/`, so that `cargo clean` does not cost the minutes again.

use std::path::PathBuf;

use anyhow::Context;

use crate::{files, process, progress, workspace::Workspace};

/// A program to be had from crates.io.
pub(crate) struct CargoProgram {
    /// The crate it comes from.
    package: &'static str,
    /// The program whose `--version` tells whether it is there.
    program: &'static str,
    /// What stands before that option: how cargo calls the program.
    subcommand: Option<&'static str>,
    version: String,
    /// What else cargo is asked for. What has little to do is compiled without optimisation (`--debug`), which is far quicker.
    options: &'static [&'static str],
}

/// Checks the licences, versions and sources of the crates, and what is known against them.
pub(crate) fn cargo_deny() -> CargoProgram {
    CargoProgram {
        package: "cargo-deny",
        program: "cargo-deny",
        subcommand: None,
        version: "0.20.2".to_owned(),
        options: &["--debug"],
    }
}

/// Collects the licences of the crates that are compiled into the npm package.
pub(crate) fn cargo_about() -> CargoProgram {
    CargoProgram {
        package: "cargo-about",
        program: "cargo-about",
        subcommand: None,
        version: "0.9.3".to_owned(),
        options: &["--debug", "--features", "cli"],
    }
}

/// Lists what a crate is made of.
pub(crate) fn cargo_cyclonedx() -> CargoProgram {
    CargoProgram {
        package: "cargo-cyclonedx",
        program: "cargo-cyclonedx",
        subcommand: Some("cyclonedx"),
        version: "0.5.9".to_owned(),
        options: &["--debug"],
    }
}

/// Compiles a program with what libFuzzer needs to see its branches, and runs it.
pub(crate) fn cargo_fuzz() -> CargoProgram {
    CargoProgram {
        package: "cargo-fuzz",
        program: "cargo-fuzz",
        subcommand: None,
        version: "0.13.2".to_owned(),
        options: &["--debug"],
    }
}

/// Drives Firefox.
pub(crate) fn geckodriver() -> CargoProgram {
    CargoProgram {
        package: "geckodriver",
        program: "geckodriver",
        subcommand: None,
        version: "0.37.1".to_owned(),
        options: &["--debug"],
    }
}

/// Replaces parts of functions, one at a time, and runs the tests.
pub(crate) fn cargo_mutants() -> CargoProgram {
    CargoProgram {
        package: "cargo-mutants",
        program: "cargo-mutants",
        subcommand: Some("mutants"),
        version: "27.1.0".to_owned(),
        options: &["--debug"],
    }
}

/// Makes JavaScript bindings from compiled code, and runs the tests of such code. It refuses code compiled against any other
/// version of the `wasm-bindgen` crate, so `Cargo.lock` decides which version this is.
pub(crate) fn wasm_bindgen(workspace: &Workspace) -> anyhow::Result<CargoProgram> {
    let version = version_of(workspace, "wasm-bindgen")?;
    Ok(CargoProgram { package: "wasm-bindgen-cli", program: "wasm-bindgen", subcommand: None, version, options: &[] })
}

/// Runs benchmarks that were compiled with the `gungraun` crate, of the same version.
pub(crate) fn gungraun_runner(workspace: &Workspace) -> anyhow::Result<CargoProgram> {
    let version = version_of(workspace, "gungraun")?;
    let package = "gungraun-runner";
    Ok(CargoProgram { package, program: package, subcommand: None, version, options: &["--debug"] })
}

fn version_of(workspace: &Workspace, package: &str) -> anyhow::Result<String> {
    let lock = files::read(&workspace.path("Cargo.lock"))?;
    Ok(locked_version(&lock, package).with_context(|| format!("Cargo.lock names no {package}"))?.to_owned())
}

/// Gives the program's path, after installing it where it is missing or of another version.
pub(crate) fn ensure(workspace: &Workspace, wanted: &CargoProgram) -> anyhow::Result<PathBuf> {
    let path = workspace.path(".tools/bin").join(format!("{}{}", wanted.program, std::env::consts::EXE_SUFFIX));
    let installed = process::answer(workspace.command(&path).args(wanted.subcommand).arg("--version"));
    // Some say more in further lines.
    let installed = installed.as_deref().and_then(|answer| answer.lines().next());
    if installed == Some(&format!("{} {}", wanted.program, wanted.version)) {
        return Ok(path);
    }
    let what = format!("installing {} {} into .tools (once; takes some minutes)", wanted.package, wanted.version);
    progress::step(&what, || {
        install(workspace, wanted, true).or_else(|error| {
            if process::interrupted() {
                return Err(error);
            }
            // Its lock file may name a release that this machine's registry does not carry.
            progress::note("its locked dependencies cannot all be had here: taking the newest that can");
            install(workspace, wanted, false)
        })
    })?;
    Ok(path)
}

fn install(workspace: &Workspace, wanted: &CargoProgram, locked: bool) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["install", wanted.package, "--version", &format!("={}", wanted.version)]);
    cargo.args(wanted.options).arg("--root").arg(workspace.path(".tools"));
    cargo.arg("--target-dir").arg(workspace.in_target("tools"));
    // Optimised little where it is at all: compiling these takes longer than they ever run.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    // A copy that is recorded there but does not answer with its version is broken: replace it.
    cargo.arg("--force");
    if locked {
        cargo.arg("--locked");
    }
    process::run(&mut cargo)
}

/// The version of a package in the text of a `Cargo.lock`, whose entries are always written in this form.
fn locked_version<'lock>(lock: &'lock str, package: &str) -> Option<&'lock str> {
    let name = format!("name = \"{package}\"");
    let version = lock.lines().skip_while(|line| *line != name).nth(1)?;
    version.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_very_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.80\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "js-sys"), None);
    }
}
