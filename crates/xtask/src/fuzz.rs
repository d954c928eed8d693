//! `cargo xtask fuzz`: feeds each reader of what others choose with whatever libFuzzer comes to think of.
//!
//! What the targets assert is in `fuzz/src/`, and the tests feed them their seeds. This takes longer, so it is no part of
//! `cargo xtask test`; what each target was fed last is in `docs/fuzzing.md`, which it writes.

use std::{
    fs::{self, File},
    time::Instant,
};

use anyhow::{Context, bail};
use clap::Args;

use crate::{files, process, progress, tools, workspace::Workspace};

/// The targets of `fuzz/`, and what each reads.
const TARGETS: [(&str, &str); 14] = [
    ("additional_data", "where a ciphertext says that it belongs"),
    ("bson_artefacts", "IV, tag and key derivation of a ciphertext"),
    ("code", "the code of an invitation"),
    ("der", "RSA keys in PKCS#1, PKCS#8 and SPKI"),
    ("envelope", "a ciphertext or signature"),
    ("grant", "the owner's decision to share, after its decryption"),
    ("keystore_replies", "a body, as each of the Keystore's 11 records and as an error"),
    ("note", "the user's note on a key, after its decryption"),
    ("pem", "keys as PEM, public and private"),
    ("secret", "a user secret, and a key in base64"),
    ("signature", "the signatures that travel with shares"),
    ("token", "session and invitation tokens, ids, references to connections"),
    ("vault_replies", "a body, as each of the Vault's 22 records and lists"),
    ("yaml_artefacts", "the same as `bson_artefacts`, of before 2021"),
];

const RESULTS: &str = "docs/fuzzing.md";

/// What libFuzzer finds slow: a reader takes microseconds for any of these inputs.
const SECONDS_PER_INPUT: u32 = 5;

/// What to run, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// The targets to run; without any, all
    targets: Vec<String>,
    /// How many inputs each target is fed
    #[arg(long, default_value_t = 10_000_000)]
    runs: u64,
}

/// What came of one target.
struct Outcome {
    executions: u64,
    seconds: f64,
    findings: usize,
}

/// Runs the targets one after the other and enters each result in `docs/fuzzing.md`. Fails where an input was found that a
/// target does not hold for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if let Some(unknown) = options.targets.iter().find(|wanted| !TARGETS.iter().any(|(name, _)| name == wanted)) {
        bail!("there is no target `{unknown}`");
    }
    let program = tools::ensure_cargo_program(workspace, &tools::cargo_fuzz())?;
    let built = workspace.in_target("fuzz");
    // A sanitizer takes a nightly toolchain, and looks for what safe code cannot do.
    let options_of_build = ["--sanitizer", "none", "--features", "libfuzzer", "--target-dir"];
    let cargo_fuzz = |command: &str| {
        let mut cargo_fuzz = workspace.command(&program);
        cargo_fuzz.arg(command).args(options_of_build).arg(&built);
        // What is optimised as a whole has lost most of what tells libFuzzer its branches.
        cargo_fuzz.env("CARGO_PROFILE_RELEASE_LTO", "off");
        cargo_fuzz
    };
    progress::step("compiling the fuzz targets (minutes)", || process::run(&mut cargo_fuzz("build")))?;

    let wanted = TARGETS.iter().map(|(name, _)| *name);
    let wanted =
        wanted.filter(|name| options.targets.is_empty() || options.targets.iter().any(|wanted| wanted == name));
    let mut found = Vec::new();
    for name in wanted {
        let corpus = built.join("corpus").join(name);
        // cargo-fuzz's own place for them.
        let artifacts = workspace.path("fuzz/artifacts").join(name);
        let log = built.join(format!("{name}.log"));
        fs::create_dir_all(&corpus)?;
        // What an earlier run found is a seed by now, or was no fault.
        files::empty_folder(&artifacts)?;
        let mut command = cargo_fuzz("run");
        command.arg(name).arg(&corpus).arg(workspace.path("fuzz/seeds").join(name));
        command.args(["--", "-print_final_stats=1", &format!("-runs={}", options.runs)]);
        command.arg(format!("-timeout={SECONDS_PER_INPUT}"));
        command.stderr(File::create(&log)?);
        let started = Instant::now();
        progress::step(&format!("{} inputs for {name}", with_commas(options.runs)), || process::status(&mut command))?;
        let outcome = Outcome {
            executions: executions(&files::read(&log)?).with_context(|| format!("{} has no end", log.display()))?,
            seconds: started.elapsed().as_secs_f64(),
            findings: files::all_files(&artifacts)?.len(),
        };
        if outcome.findings > 0 {
            found.push(format!("{} ({})", artifacts.display(), log.display()));
        }
        let results = workspace.path(RESULTS);
        files::write(&results, report(&fs::read_to_string(&results).unwrap_or_default(), name, &outcome))?;
    }
    if !found.is_empty() {
        bail!("a target does not hold for what is in {}", found.join(", "));
    }
    Ok(())
}

/// How many inputs a target was fed, by what libFuzzer prints at its end.
fn executions(log: &str) -> Option<u64> {
    let count = log.lines().rev().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    count.trim().parse().ok()
}

/// The results with that of one target entered anew.
fn report(results: &str, target: &str, outcome: &Outcome) -> String {
    let mut report = "# What the readers of foreign input were fed\n\nWritten by `cargo xtask fuzz`. Each target \
                      (`fuzz/src/`) asserts, beside that nothing panics or takes seconds,\nthat what is read is written as it \
                      was read. libFuzzer, release build with debug assertions, no sanitizer.\n\n\
                      | target | reads | inputs | minutes | inputs per second | findings |\n\
                      | ------ | ----- | ------ | ------- | ----------------- | -------- |\n"
        .to_owned();
    for (name, what) in TARGETS {
        let start = format!("| `{name}` ");
        let Outcome { executions, seconds, findings } = outcome;
        let rate = (*executions as f64 / seconds) as u64;
        let (executions, minutes, rate) = (with_commas(*executions), seconds / 60.0, with_commas(rate));
        match results.lines().find(|line| line.starts_with(&start)) {
            _ if name == target => {
                report.push_str(&format!("{start}| {what} | {executions} | {minutes:.1} | {rate} | {findings} |\n"));
            }
            Some(line) => report.push_str(&format!("{line}\n")),
            None => {}
        }
    }
    report
}

/// `10,000,000`
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_replaces_that_of_its_own_target_and_no_other() {
        let log = "#12 NEW cov: 3\nstat::number_of_executed_units: 12345678\nstat::peak_rss_mb: 27\n";
        let outcome = |seconds| Outcome { executions: executions(log).unwrap(), seconds, findings: 0 };
        let first = report("", "secret", &outcome(60.0));
        let second = report(&first, "token", &outcome(60.0));
        let third = report(&second, "secret", &outcome(120.0));
        assert!(second.contains("| 12,345,678 | 1.0 | 205,761 | 0 |"), "{second}");
        assert_eq!(third.lines().filter(|line| line.starts_with("| `")).count(), 2);
        assert!(third.contains("| 2.0 | 102,880 |") && third.contains("| 1.0 |"), "{third}");
        assert_eq!(executions("#12 NEW cov: 3\n"), None);
    }
}
