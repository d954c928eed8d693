//! Counts the instructions of the hot paths, so that none becomes longer unnoticed.
//!
//! Each path is counted beside its bare counterpart (`crates/hot-paths`), and what is held against a ceiling is how many
//! times as long it is: how long either is by itself depends on the compiler and the processor.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::workspace::{Profile, Workspace};
use crate::{process, progress, tools};

/// A path of `crates/hot-paths`, whose counterpart is called `NAME-bare`.
struct HotPath {
    name: &'static str,
    /// How often it is taken for one count.
    times: u64,
    /// At most how many times as long as its counterpart it may be.
    ceiling: f64,
}

/// The ceilings leave about a tenth above what was measured with Rust 1.95 on x86-64: first with AES in hardware, which is what
/// they bound, then in software (`--cfg aes_backend="soft" --cfg polyval_backend="soft"`), where the primitive is nearly all of
/// it. Two measurements differ by a thousandth. A path that became shorter deserves a lower ceiling.
const HOT_PATHS: [HotPath; 4] = [
    // 1.24 and 1.08. Expanding the key for each slot made it 1.42 and 1.60.
    HotPath { name: "open-item", times: 50, ceiling: 1.36 },
    // 1.61 and 1.12. Expanding the key for each slot made it 1.92 and 1.69.
    HotPath { name: "seal-item", times: 50, ceiling: 1.77 },
    // 0.66: our types take less than the values of serde_json, which the counterpart reads. With serde_json's reader below
    // them it was 0.71, and reading each reply twice made that 1.16.
    HotPath { name: "read-items", times: 2, ceiling: 0.72 },
    // 0.67: serde_json, which the counterpart writes with, looks at every byte. So did we at first, which made it 1.39.
    HotPath { name: "write-refresh", times: 5, ceiling: 0.74 },
];

/// Fails where a path is longer than its ceiling.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    if cfg!(not(target_os = "linux")) {
        progress::note("left to Linux, where Valgrind works");
        return Ok(());
    }
    let counter = Counter::prepare(workspace)?;
    let mut too_long = Vec::new();
    for path in HOT_PATHS {
        let instructions = counter.instructions(path.name, path.times)?;
        let bare = counter.instructions(&format!("{}-bare", path.name), path.times)?;
        let ratio = instructions as f64 / bare as f64;
        let finding =
            format!("{} takes {ratio:.2} times the bare {bare} instructions, allowed {}", path.name, path.ceiling);
        progress::note(&finding);
        if ratio > path.ceiling {
            too_long.push(finding);
        }
    }
    if !too_long.is_empty() {
        bail!("{} (callgrind_annotate reads the profiles in {})", too_long.join("; "), counter.profiles.display());
    }
    Ok(())
}

/// Callgrind over our program.
struct Counter<'a> {
    workspace: &'a Workspace,
    valgrind: PathBuf,
    /// Where the profiles are left.
    profiles: PathBuf,
}

impl<'a> Counter<'a> {
    fn prepare(workspace: &'a Workspace) -> anyhow::Result<Self> {
        let valgrind = tools::ensure_valgrind(workspace)?;
        process::run(workspace.cargo().args(["build", "--locked", "--release", "--package", "hot-paths"]))?;
        let profiles = workspace.in_target("hot-paths");
        std::fs::create_dir_all(&profiles)?;
        Ok(Counter { workspace, valgrind, profiles })
    }

    /// How many instructions a path takes, once. It is taken so many times, and then twice as many: what all of it takes
    /// besides is the same in both runs.
    fn instructions(&self, path: &str, times: u64) -> anyhow::Result<u64> {
        let (some, twice_as_many) = (self.all_instructions(path, times)?, self.all_instructions(path, 2 * times)?);
        match twice_as_many.saturating_sub(some) / times {
            0 => bail!("{path} takes no instructions, so it was not counted"),
            instructions => Ok(instructions),
        }
    }

    /// How many instructions the whole program takes.
    fn all_instructions(&self, path: &str, times: u64) -> anyhow::Result<u64> {
        let profile = self.profiles.join(format!("{path}.{times}.callgrind"));
        let mut output = OsString::from("--callgrind-out-file=");
        output.push(&profile);
        let mut valgrind = self.workspace.command(&self.valgrind);
        valgrind.args(["--quiet", "--tool=callgrind"]).arg(output);
        valgrind.arg(self.workspace.program("hot-paths", Profile::Release));
        process::run(valgrind.args([path, &times.to_string()]))?;
        total(&std::fs::read_to_string(&profile)?).with_context(|| format!("{} has no total", profile.display()))
    }
}

/// The sum that callgrind writes below its profile.
fn total(profile: &str) -> Option<u64> {
    profile.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_profile_is_found() {
        let profile = "version: 1\nevents: Ir\nsummary: 8000\n\nfn=(1)\n+3 7000\n\ntotals: 7999\n";
        assert_eq!(total(profile), Some(7999));
        assert_eq!(total("events: Ir\n"), None);
    }
}
