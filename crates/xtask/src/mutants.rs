//! `cargo xtask mutants`: switches each defence against a lying server off in turn, and shows that a test fails.
//!
//! A defence is a check that refuses, and no honest server ever makes it refuse: what it is for shows only in the tests of a
//! server that lies. cargo-mutants replaces each check and each condition in it. It takes hours, so it is no part of
//! `cargo xtask test`; what it found last in each file is in `docs/mutants.md`, which it writes.

use std::{fs, path::Path, process::Command};

use anyhow::bail;
use clap::Args;

use crate::{files, process, progress, tools, workspace::Workspace};

/// A file and the functions in it that refuse, as cargo-mutants names them.
type Defences = (&'static str, &'static [&'static str]);

const DEFENCES: [Defences; 22] = [
    ("src/crypto/aes_key.rs", &["Decrypted<T>::is_at"]),
    ("src/crypto/file_key.rs", &["ChunkSeal::place", "FileKey::is_sealed_as"]),
    (
        "src/crypto/keys.rs",
        &["KeyEncryptionKey::accept", "KeyEncryptionKey::unwrap_connection_key", "KeyEncryptionKey::unwrap_space_key"],
    ),
    ("src/crypto/srp.rs", &["SrpProof::check_server"]),
    ("src/crypto/verification.rs", &["VerificationKey::verify"]),
    ("src/workflows/binding.rs", &["Binding::of", "Item::check_may_be_disclosed", "Item::is_changed_but_for"]),
    (
        "src/workflows/connection_keys.rs",
        &[
            "ConnectionKeyPair::expected",
            "ConnectionKeyPair::named_by_user",
            "Recipient::check_for_disclosure",
            "Recipient::check_reference",
            "Recipient::is_unproven",
        ],
    ),
    (
        "src/workflows/connections.rs",
        &[
            "refuse_two_keys_of_one_pair",
            "Session::delete_connection",
            "Session::mark_verified",
            "Session::trust_new_key",
        ],
    ),
    ("src/workflows/decrypt.rs", &["decrypt_slot", "written_at"]),
    ("src/workflows/device_memory.rs", &["Session::add_memory", "Session::check_server"]),
    ("src/workflows/encrypt.rs", &["empty_slot_that_vouches", "slots_to_share", "written_in_share"]),
    ("src/workflows/encryption_spaces.rs", &["Session::find_or_create_space", "Session::is_signed_by_peer"]),
    ("src/workflows/file_reader.rs", &["AttachedFile::open", "chunks_of", "length_of"]),
    (
        "src/workflows/grants.rs",
        &[
            "Grant::has_expired",
            "Keys::check_share",
            "Keys::is_revoked",
            "Keys::open_grant_of",
            "Keys::revoke",
            "OnShareSignature::is_of",
        ],
    ),
    ("src/workflows/item.rs", &["Seen::or_newer"]),
    ("src/workflows/item_changes.rs", &["has_exactly", "Session::create_item", "Session::write_as"]),
    (
        "src/workflows/memory.rs",
        &[
            "Memory::check_item",
            "Memory::check_original",
            "Memory::check_share",
            "Memory::emptied_item",
            "Memory::has_seen_another_life",
            "Memory::is_published",
            "Memory::is_revoked",
            "Memory::knows_proven_server",
            "Memory::knows_another_connection",
            "Memory::knows_another_pair",
            "Memory::knows_another_peer",
            "Memory::merge",
            "Memory::publish",
            "Memory::remember_share",
            "Memory::revoke",
            "Memory::revoke_share",
            "Memory::see_connection",
            "Memory::wrote_item",
            "Judgement::of",
            "was_passed",
        ],
    ),
    (
        "src/workflows/pins.rs",
        &[
            "Keys::is_other_key",
            "Keys::was_used",
            "Session::connection_key_pair",
            "Session::note_first_disclosure",
            "Session::store_new_key_pair",
            "Session::write_note",
        ],
    ),
    (
        "src/workflows/provenance.rs",
        &[
            "Item::require_proof",
            "Session::accepted_peer",
            "Session::connection_of",
            "Session::sign_share",
            "Session::verify",
        ],
    ),
    ("src/workflows/refresh.rs", &["has_slot", "judge", "recipients_of", "shared_on"]),
    ("src/workflows/refusals.rs", &["expect_id"]),
    ("src/workflows/shares.rs", &["Session::delete_share"]),
];

/// What is left out: values that these functions' types cannot be made of, which would be compiled in vain, and what refuses
/// honest servers as well, so that any test notices.
const LEFT_OUT: [&str; 2] = [r"Default::default|from_iter|leak|Zeroizing::", r"replace [=!<>+/-]+ with|delete !"];

/// What version 27 of cargo-mutants does in all functions of a file, whatever it is told.
const BEYOND_THE_LIST: &str = ": delete field ";

/// Mutants that no test has to notice, as cargo-mutants names them but for their lines, and why.
const HARMLESS: [(&str, &str); 0] = [];

/// A slow machine's patience with one mutant's tests, in seconds.
const TIMEOUT: &str = "900";

/// Lets a stable toolchain's test programs end with the first test that fails: one is enough.
const TEST_RUNNER: [&str; 2] = ["--config", "target.'cfg(unix)'.runner = ['env', 'RUSTC_BOOTSTRAP=1']"];

/// The tests that a mutant meets, in turn until some notice it, and a part of these tests' names: those of a server that lies
/// notice most, in a fifth of the time.
const PASSES: [(&[&str], &[&str]); 3] =
    [(&["--test=workflows"], &["lies"]), (&["--lib", "--test=crypto"], &[]), (&["--test=workflows"], &[])];

const RESULTS: &str = "docs/mutants.md";

/// Which defences to switch off.
#[derive(Args)]
pub(crate) struct Options {
    /// The files whose defences are switched off; without any, all
    files: Vec<String>,
}

/// What one run found.
struct Findings {
    /// By a test, or by the compiler.
    noticed: Vec<String>,
    missed: Vec<String>,
}

/// Enters in `docs/mutants.md` what came of each file, and fails where a mutant survived that is not known to be harmless.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if let Some(unknown) = options.files.iter().find(|wanted| !DEFENCES.iter().any(|(file, _)| file == wanted)) {
        bail!("there is no defence in `{unknown}`");
    }
    let is_wanted = |file: &str| options.files.is_empty() || options.files.iter().any(|wanted| wanted == file);
    let wanted: Vec<Defences> = DEFENCES.into_iter().filter(|(file, _)| is_wanted(file)).collect();
    let program = tools::ensure_cargo_program(workspace, &tools::cargo_mutants())?;
    let list = process::output(cargo_mutants(workspace, &program, &wanted).arg("--list"))?;
    check_names(&list, &wanted)?;
    let found = workspace.in_target("mutants");
    // What was found before was found of other sources.
    files::empty_folder(&found.join("mutants.out"))?;
    progress::step("running the tests once for each defence that is switched off (hours)", || {
        for (targets, names) in PASSES {
            let mut command = cargo_mutants(workspace, &program, &wanted);
            command.args(["--no-shuffle", "--iterate", "--timeout", TIMEOUT]).arg("--output").arg(&found);
            // It copies the sources and not what was built of them: kept between two passes. Two jobs would take each other's.
            command.env("CARGO_TARGET_DIR", found.join("target"));
            command.args(TEST_RUNNER.map(|argument| format!("--cargo-arg={argument}")));
            // Nothing else is built.
            command.args(targets.iter().map(|target| format!("--cargo-arg={target}")));
            command.arg("--").args(names).args(["--", "-Zunstable-options", "--fail-fast"]);
            // It fails where a mutant survives, which is looked at below.
            process::status(&mut command)?;
        }
        Ok(())
    })?;

    let mutants = |lists: &[&str]| -> anyhow::Result<Vec<String>> {
        let mut mutants = Vec::new();
        for list in lists.iter().map(|list| found.join("mutants.out").join(list)).filter(|list| list.exists()) {
            mutants.extend(of_the_list(&files::read(&list)?).map(without_line));
        }
        Ok(mutants)
    };
    let findings = Findings {
        noticed: mutants(&["previously_caught.txt", "caught.txt", "unviable.txt"])?,
        missed: mutants(&["missed.txt", "timeout.txt"])?,
    };
    let results = workspace.path(RESULTS);
    let tested = tested_whole(&list, &wanted, &findings);
    files::write(&results, report(&fs::read_to_string(&results).unwrap_or_default(), &tested, &findings))?;
    if tested.len() < wanted.len() {
        bail!("{} of {} files were tested whole, and stand in {RESULTS}", tested.len(), wanted.len());
    }
    let unknown: Vec<&str> = findings.missed.iter().map(String::as_str).filter(|name| reason(name).is_none()).collect();
    if !unknown.is_empty() {
        bail!("no test notices:\n{}", unknown.join("\n"));
    }
    Ok(())
}

/// cargo-mutants, told which mutants there are.
fn cargo_mutants(workspace: &Workspace, program: &Path, defences: &[Defences]) -> Command {
    let mut command = workspace.command(program);
    command.args(["mutants", "--package", "vaultshare"]);
    for (file, functions) in defences {
        command.args(["--file", file]);
        for function in *functions {
            command.args(["--re", &format!("{file}.*{}", named(function))]);
        }
    }
    for pattern in LEFT_OUT {
        command.args(["--exclude-re", pattern]);
    }
    command
}

/// How cargo-mutants names what it does to a function.
fn named(function: &str) -> String {
    format!("(: replace|in) {function}( ->| with|$)")
}

/// A defence that was renamed would be left out without a word.
fn check_names(list: &str, defences: &[Defences]) -> anyhow::Result<()> {
    let is_there = |file: &str, function: &str| {
        of_the_list(list).filter(|mutant| is_of(mutant, file)).any(|mutant| {
            mutant.rsplit_once(function).is_some_and(|(before, after)| {
                (before.ends_with(": replace ") || before.ends_with(" in "))
                    && (after.is_empty() || after.starts_with(" ->") || after.starts_with(" with"))
            })
        })
    };
    let all = defences.iter().flat_map(|(file, functions)| functions.iter().map(move |function| (*file, *function)));
    let gone: Vec<String> = all
        .filter(|(file, function)| !is_there(file, function))
        .map(|(file, function)| format!("{file}: {function}"))
        .collect();
    if !gone.is_empty() {
        bail!("nothing can be switched off in:\n{}", gone.join("\n"));
    }
    Ok(())
}

/// Those files all of whose mutants were tested: the others' results are of before, where somebody cut the run off.
fn tested_whole(list: &str, wanted: &[Defences], findings: &Findings) -> Vec<Defences> {
    let found = || findings.noticed.iter().chain(&findings.missed);
    let is_whole = |(file, _): &&Defences| {
        let listed = of_the_list(list).filter(|mutant| is_of(mutant, file)).count();
        found().filter(|mutant| is_of(mutant, file)).count() >= listed
    };
    wanted.iter().filter(is_whole).copied().collect()
}

fn is_of(mutant: &str, file: &str) -> bool {
    mutant.strip_prefix(file).is_some_and(|rest| rest.starts_with(':'))
}

/// cargo-mutants' names of those that were asked for.
fn of_the_list(names: &str) -> impl Iterator<Item = &str> {
    names.lines().filter(|name| !name.contains(BEYOND_THE_LIST))
}

/// `src/a.rs:12:5: replace …` without the line and the column, which change with every edit.
fn without_line(mutant: &str) -> String {
    let mut parts = mutant.splitn(4, ':');
    match (parts.next(), parts.nth(2)) {
        (Some(file), Some(what)) => format!("{file}:{what}"),
        _ => mutant.to_owned(),
    }
}

fn reason(mutant: &str) -> Option<&'static str> {
    HARMLESS.iter().find(|(harmless, _)| *harmless == mutant).map(|(_, reason)| *reason)
}

/// The results with those of some files entered anew.
fn report(results: &str, tested: &[Defences], findings: &Findings) -> String {
    let mut report = "# What happens when a defence is switched off\n\nWritten by `cargo xtask mutants`. In the functions \
                      that refuse what a lying server shows, it replaces each check, and\neach condition in it, one at a \
                      time, and runs the tests. A mutant is noticed by the compiler or by a test.\n\n\
                      | file | functions | mutants | noticed |\n| ---- | --------- | ------- | ------- |\n"
        .to_owned();
    let mut not_noticed = Vec::new();
    for (file, functions) in DEFENCES {
        let (row, line) = (format!("| `{file}` "), format!("- `{file}:"));
        if !tested.iter().any(|(tested, _)| *tested == file) {
            results
                .lines()
                .filter(|kept| kept.starts_with(&row))
                .for_each(|kept| report.push_str(&format!("{kept}\n")));
            not_noticed.extend(results.lines().filter(|kept| kept.starts_with(&line)).map(str::to_owned));
            continue;
        }
        let noticed = findings.noticed.iter().filter(|mutant| is_of(mutant, file)).count();
        let missed: Vec<&String> = findings.missed.iter().filter(|mutant| is_of(mutant, file)).collect();
        report.push_str(&format!("{row}| {} | {} | {noticed} |\n", functions.len(), noticed + missed.len()));
        let why = |mutant: &str| reason(mutant).unwrap_or("**a test is missing**");
        not_noticed.extend(missed.iter().map(|mutant| format!("- `{mutant}`: {}", why(mutant))));
    }
    if !not_noticed.is_empty() {
        report.push_str(&format!("\nNot noticed:\n\n{}\n", not_noticed.join("\n")));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_known_by_what_it_replaces_and_not_by_its_line() {
        let mutant = "src/workflows/refresh.rs:269:48: replace != with == in judge";
        assert_eq!(without_line(mutant), "src/workflows/refresh.rs: replace != with == in judge");
        let of_type = "src/crypto/aes_key.rs:218:9: replace Decrypted<T>::is_at -> Result<bool> with Ok(true)";
        assert_eq!(
            without_line(of_type),
            "src/crypto/aes_key.rs: replace Decrypted<T>::is_at -> Result<bool> with Ok(true)"
        );
    }

    #[test]
    fn a_result_replaces_that_of_its_own_file_and_no_other() {
        let tested = |file: &str| DEFENCES.into_iter().filter(|(of, _)| *of == file).collect::<Vec<_>>();
        let found = |noticed: &[&str], missed: &[&str]| Findings {
            noticed: noticed.iter().map(|mutant| (*mutant).to_owned()).collect(),
            missed: missed.iter().map(|mutant| (*mutant).to_owned()).collect(),
        };
        let (pins, refresh) = ("src/workflows/pins.rs", "src/workflows/refresh.rs");
        let first = report("", &tested(pins), &found(&["src/workflows/pins.rs: a"], &["src/workflows/pins.rs: b"]));
        let second = report(&first, &tested(refresh), &found(&["src/workflows/refresh.rs: a"], &[]));
        let third =
            report(&second, &tested(pins), &found(&["src/workflows/pins.rs: a", "src/workflows/pins.rs: b"], &[]));
        assert!(first.contains("| 2 | 1 |") && first.contains("- `src/workflows/pins.rs: b`: **"), "{first}");
        assert!(second.contains("| 2 | 1 |") && second.contains("| 1 | 1 |") && second.contains("- `src/"), "{second}");
        assert!(third.contains("| 2 | 2 |") && third.contains("| 1 | 1 |") && !third.contains("- `src/"), "{third}");
    }
}
