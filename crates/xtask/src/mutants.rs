//! `cargo xtask mutants`: switches each defence against a lying server off in turn, and shows that a test fails.
//!
//! A defence is a check that refuses, and no honest server ever makes it refuse: what it is for shows only in the tests of a
//! server that lies. cargo-mutants replaces each check and each condition in it. It takes hours, so it is no part of
//! `cargo xtask test`; what it found last is in `docs/mutants.md`, which it writes.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::workspace::Workspace;
use crate::{files, process, progress, tools};

/// The functions that refuse, as cargo-mutants names them, by their file.
const DEFENCES: [(&str, &[&str]); 15] = [
    ("src/crypto/aes_key.rs", &["AesKey::decrypt_at", "Decrypted<T>::is_at"]),
    (
        "src/crypto/keys.rs",
        &[
            "KeyEncryptionKey::accept",
            "KeyEncryptionKey::unwrap_connection_key",
            "KeyEncryptionKey::unwrap_private_dek",
            "KeyEncryptionKey::unwrap_space_key",
        ],
    ),
    (
        "src/workflows/binding.rs",
        &["Binding::contradict", "Binding::of", "Item::check_may_be_disclosed", "Item::is_changed_but_for"],
    ),
    (
        "src/workflows/connection_keys.rs",
        &[
            "ConnectionKeyPair::expected",
            "ConnectionKeyPair::named_by_user",
            "Recipient::check_for_disclosure",
            "Recipient::check_reference",
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
    ("src/workflows/decrypt.rs", &["authenticate", "decrypt_slot", "decrypt_values", "written_at"]),
    ("src/workflows/encrypt.rs", &["slots_to_share", "written_in_share"]),
    (
        "src/workflows/encryption_spaces.rs",
        &["Session::find_or_create_space", "Session::is_signed_by_peer", "Session::unwrap_own_copy"],
    ),
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
    (
        "src/workflows/item_changes.rs",
        &["has_exactly", "Session::adopt_item", "Session::create_item", "Session::write", "Session::write_as"],
    ),
    (
        "src/workflows/memory.rs",
        &[
            "Memory::check_item",
            "Memory::check_original",
            "Memory::check_share",
            "Memory::emptied_item",
            "Memory::has_seen_item",
            "Memory::is_published",
            "Memory::is_revoked",
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
            "unwrap_pair",
        ],
    ),
    ("src/workflows/refresh.rs", &["has_slot", "judge", "recipients_of", "shared_on"]),
    ("src/workflows/refusals.rs", &["expect_id"]),
    ("src/workflows/shares.rs", &["Session::change_share", "Session::decrypt_received", "Session::delete_share"]),
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

/// The tests that a mutant meets, in turn until some notice it, and a part of these tests' names: those of a server that lies
/// notice most, in a fifth of the time.
const PASSES: [(&[&str], &[&str]); 2] =
    [(&["--test=workflows"], &["lies"]), (&["--lib", "--test=crypto", "--test=workflows"], &[])];

/// What one run found.
struct Findings {
    /// By a test, or by the compiler.
    noticed: usize,
    missed: BTreeSet<String>,
}

/// Runs all, writes `docs/mutants.md`, and fails where a mutant survived that is not known to be harmless.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let program = tools::ensure_cargo_program(workspace, &tools::cargo_mutants())?;
    let found = workspace.in_target("mutants");
    std::fs::create_dir_all(&found)?;
    progress::step("running the tests once for each defence that is switched off (hours)", || {
        for (targets, names) in PASSES {
            // It fails where a mutant survives, which is looked at below.
            process::status(&mut test_mutants(workspace, &program, &found, targets, names))?;
        }
        Ok(())
    })?;

    let mutants = |name: &str| -> anyhow::Result<Vec<String>> {
        let names = files::read(&found.join("mutants.out").join(name))?;
        Ok(names.lines().filter(|name| !name.contains(BEYOND_THE_LIST)).map(without_line).collect())
    };
    let missed = mutants("missed.txt")?.into_iter().chain(mutants("timeout.txt")?).collect();
    let earlier = found.join("mutants.out/previously_caught.txt");
    let earlier = if earlier.exists() { mutants("previously_caught.txt")?.len() } else { 0 };
    let findings =
        Findings { noticed: earlier + mutants("caught.txt")?.len() + mutants("unviable.txt")?.len(), missed };
    files::write(&workspace.path("docs/mutants.md"), report(&findings))?;
    let unknown: Vec<&str> = findings.missed.iter().map(String::as_str).filter(|name| reason(name).is_none()).collect();
    if !unknown.is_empty() {
        bail!("no test notices:\n{}", unknown.join("\n"));
    }
    Ok(())
}

/// Tests those that no test has noticed yet, in this pass or an earlier run.
fn test_mutants(workspace: &Workspace, program: &Path, found: &Path, targets: &[&str], names: &[&str]) -> Command {
    let mut command = workspace.command(program);
    command.args(["mutants", "--package", "vaultshare", "--no-shuffle", "--iterate", "--timeout", TIMEOUT]);
    command.arg("--output").arg(found);
    // It copies the sources and not what was built of them: kept between two runs.
    command.env("CARGO_TARGET_DIR", found.join("target"));
    for (file, functions) in DEFENCES {
        command.args(["--file", file]);
        for function in functions {
            command.args(["--re", &format!("{file}.*(: replace|in) {function}( ->| with|$)")]);
        }
    }
    for pattern in LEFT_OUT {
        command.args(["--exclude-re", pattern]);
    }
    // Nothing else is built.
    command.args(targets.iter().map(|target| format!("--cargo-arg={target}")));
    command.arg("--").args(names);
    command
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

fn report(Findings { noticed, missed }: &Findings) -> String {
    let functions: usize = DEFENCES.iter().map(|(_, functions)| functions.len()).sum();
    let mut report = format!(
        "# What happens when a defence is switched off\n\nWritten by `cargo xtask mutants`, which replaces each check in the \
         {functions} functions that refuse what a\nlying server shows, and each condition in them, one at a time, and runs \
         the tests.\n\nOf {} mutants, the compiler or a test notices {noticed}.\n",
        noticed + missed.len()
    );
    if !missed.is_empty() {
        report.push_str("\nNot noticed:\n\n");
    }
    for mutant in missed {
        report.push_str(&format!("- `{mutant}`: {}\n", reason(mutant).unwrap_or("**a test is missing**")));
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
}
