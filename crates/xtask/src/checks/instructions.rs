//! Counts the instructions of the hot paths, so that none becomes longer unnoticed.
//!
//! Each path is counted beside its bare counterpart (`benches/instructions`), and what is held against a ceiling is how many
//! times as long it is: how long either is by itself depends on the compiler and the processor. gungraun's own limits are for
//! one benchmark at a time, so the ratio is taken here, from its machine-readable summaries.

use std::collections::HashMap;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::{files, process, progress, tools, workspace::Workspace};

/// What came of the last run.
const RESULTS: &str = "docs/instructions.md";

/// The benchmarks of ours and of their counterparts, which have the same ids.
const OURS: &str = "ours";
const BARE: &str = "bare";

/// Where a summary has the number of instructions.
const INSTRUCTIONS: &str = "/0/data/total/metrics/Ir/values/new";

/// How many times as long as its counterpart each path may be: about a tenth above what was measured with Rust 1.95 on
/// x86-64, first with AES in hardware, which is what the ceilings bound, then in software (`--cfg aes_backend="soft"
/// --cfg polyval_backend="soft"`), where the primitive is nearly all of it. Two measurements differ by a thousandth. A path
/// that became shorter deserves a lower ceiling.
const CEILINGS: [(&str, f64); 4] = [
    // 2.86. It was 1.26 before ciphertexts named their place, which the counterpart's do not: 190 bytes more to decode from
    // base64 and to authenticate, and to read. Reading BSON by its library adds 0.41 to what fixed offsets took; expanding the
    // key for each slot adds 0.16.
    ("open_item", 3.1),
    // 4.67, and was 1.56, likewise: the place is written, authenticated and encoded, by the library 0.74 more.
    ("seal_item", 5.1),
    // 0.59: our types take less than the values of serde_json, which the counterpart reads.
    ("read_items", 0.65),
    // 1.06: the counterpart writes the same by serde_json, without a request around it.
    ("write_refresh", 1.25),
];

const REPORT: &str = "# Instructions of the hot paths\n\nWritten by `cargo xtask test instructions`, which fails where a path takes more \
                      instructions than its ceiling times\nthose of its bare counterpart (`benches/instructions`, \
                      `crates/xtask/src/checks/instructions.rs`).\n\n\
                      | path | ours | bare | ratio | ceiling |\n| ---- | ---: | ---: | ----: | ------: |\n";

/// Fails where a path is longer than its ceiling.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    if cfg!(not(target_os = "linux")) {
        progress::note("left to Linux, where Valgrind works");
        return Ok(());
    }
    tools::ensure_program(workspace, "valgrind", "valgrind")?;
    let runner = tools::ensure_cargo_program(workspace, &tools::gungraun_runner(workspace)?)?;
    let profiles = workspace.in_target("gungraun");
    // A summary compares with the run before, if there is one.
    files::empty_folder(&profiles)?;
    let mut cargo = workspace.cargo();
    cargo.args(["bench", "--locked", "--package", "vaultshare-instructions", "--", "--output-format=json"]);
    let summaries = process::output(cargo.env("GUNGRAUN_RUNNER", runner).env("GUNGRAUN_HOME", &profiles))?;

    let counted = instructions(&summaries)?;
    let of = |path: &str, whose: &str| {
        let name = (whose.to_owned(), path.to_owned());
        counted.get(&name).filter(|&&count| count > 0).with_context(|| format!("{path} ({whose}) was not counted"))
    };
    let mut too_long = Vec::new();
    let mut report = REPORT.to_owned();
    for (path, ceiling) in CEILINGS {
        let (ours, bare) = (of(path, OURS)?, of(path, BARE)?);
        let ratio = *ours as f64 / *bare as f64;
        let finding = format!("{path} takes {ratio:.2} times the bare {bare} instructions, allowed {ceiling}");
        progress::note(&finding);
        report.push_str(&format!("| `{path}` | {ours} | {bare} | {ratio:.2} | {ceiling} |\n"));
        if ratio > ceiling {
            too_long.push(finding);
        }
    }
    files::write(&workspace.path(RESULTS), report)?;
    if !too_long.is_empty() {
        bail!("{} (callgrind_annotate reads the profiles in {})", too_long.join("; "), profiles.display());
    }
    Ok(())
}

/// What gungraun says of one benchmark, as far as it is of use here.
#[derive(Deserialize)]
struct Summary {
    function_name: String,
    id: String,
    profiles: Value,
}

/// The instructions of each benchmark, by the names of its function and of its case.
fn instructions(summaries: &str) -> anyhow::Result<HashMap<(String, String), u64>> {
    let mut counted = HashMap::new();
    for summary in serde_json::Deserializer::from_str(summaries).into_iter::<Summary>() {
        let summary = summary.context("gungraun's summaries cannot be read")?;
        let count = summary.profiles.pointer(INSTRUCTIONS).and_then(Value::as_u64);
        let count = count.with_context(|| format!("gungraun counted nothing for {}", summary.id))?;
        counted.insert((summary.function_name, summary.id), count);
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instructions_of_a_summary_are_found() {
        let summary = |function: &str, count: u64| {
            format!(
                r#"{{"function_name":"{function}","id":"open_item","kind":"LibraryBenchmark","profiles":[{{"data":{{"parts":[],
                "total":{{"metrics":{{"Dr":{{"values":{{"new":1}}}},"Ir":{{"values":{{"new":{count}}}}}}}}}}}}}]}}"#
            )
        };
        let counted = instructions(&[summary(OURS, 506_745), summary(BARE, 408_303)].join("\n")).unwrap();
        assert_eq!(counted[&(OURS.to_owned(), "open_item".to_owned())], 506_745);
        assert_eq!(counted[&(BARE.to_owned(), "open_item".to_owned())], 408_303);
        assert!(instructions(r#"{"function_name":"ours","id":"open_item","profiles":[]}"#).is_err());
    }
}
