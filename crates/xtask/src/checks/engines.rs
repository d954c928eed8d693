//! The same tests in three engines of browsers: Chromium, Firefox, WebKit. What came of it is written down.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use super::{e2e, node_tests, web};
use crate::{
    build, files, package, process, progress,
    tools::{self, Engine, EngineName},
    workspace::Workspace,
};

/// What came of the last run.
const RESULTS: &str = "docs/engines.md";

/// How long one file's tests may take in one engine. The slowest needs a minute on two idle processors.
const LIMIT: Duration = Duration::from_secs(4 * 60);

/// The tests of pages that are for every engine, and what they show.
const PAGES: [(&str, &str); 3] = [
    ("the package's round trip", "tests/e2e/package-in-browsers.test.mjs"),
    ("the demo page", "tests/e2e/demo.test.mjs"),
    ("errors on a page are noticed", "tests/e2e/watching-pages.test.mjs"),
];

/// What came of one kind of tests in one engine.
struct Part {
    engine: EngineName,
    what: &'static str,
    duration: Duration,
    tests: anyhow::Result<u32>,
}

/// Fails where an engine is missing or a test fails in one; none is left out.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_npm_packages(workspace)?;
    let engines = EngineName::ALL.iter().map(|&name| Engine::ensure(workspace, name));
    let engines = engines.collect::<anyhow::Result<Vec<_>>>()?;
    let pages = web::compile(workspace)?;
    package::build(workspace)?;
    build::build_for_tests(workspace)?;
    let tarball = package::pack(workspace, "engines")?;

    let mut parts = Vec::new();
    for engine in &engines {
        let name = engine.name;
        let mut part = |what: &'static str, tests: &dyn Fn() -> anyhow::Result<u32>| {
            if process::interrupted() {
                return;
            }
            let started = Instant::now();
            let tests = progress::step(&format!("{what}, in {}", name.shown()), tests);
            if let Err(error) = &tests {
                progress::note(&format!("{error:#}"));
            }
            parts.push(Part { engine: name, what, duration: started.elapsed(), tests });
        };
        part("the crate's tests", &|| pages.run(workspace, engine));
        for (what, file) in PAGES {
            part(what, &|| run_file(workspace, engine, &workspace.path(file), &tarball));
        }
    }
    ensure!(!process::interrupted(), "interrupted");

    files::write(&workspace.path(RESULTS), report(workspace, &engines, &parts)?)?;
    let failed: Vec<_> = parts.iter().filter(|part| part.tests.is_err()).collect();
    if !failed.is_empty() {
        let failed: Vec<_> = failed.iter().map(|part| format!("{} in {}", part.what, part.engine.shown())).collect();
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Runs the tests of a file and gives their number.
fn run_file(workspace: &Workspace, engine: &Engine, file: &Path, tarball: &Path) -> anyhow::Result<u32> {
    let counts = workspace.in_target("engines/counts.tap");
    files::remove(&counts)?;
    node_tests::run_files(workspace, LIMIT, &[file.to_path_buf()], |node| {
        engine.name_to_tests(node);
        e2e::name_to(workspace, tarball, node);
        node.arg("--test-reporter=tap").arg(format!("--test-reporter-destination={}", counts.display()));
    })?;
    passed(&files::read(&counts)?)
}

/// The number of tests in the text of Node's reporter for TAP, all of which have to have run.
fn passed(tap: &str) -> anyhow::Result<u32> {
    let count = |what: &str| {
        let line = tap.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(what)?.trim().parse().ok());
        line.with_context(|| format!("Node.js did not say how many tests are “{what}”"))
    };
    let (tests, passed): (u32, u32) = (count("tests ")?, count("pass ")?);
    ensure!(tests == passed && passed > 0, "{passed} of {tests} tests passed; none may be left out");
    Ok(passed)
}

fn report(workspace: &Workspace, engines: &[Engine], parts: &[Part]) -> anyhow::Result<String> {
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let processors = std::thread::available_parallelism()?;
    let mut report = format!(
        "# Three engines\n\nWritten by `cargo xtask test engines`, which runs the same tests in each, driven by its own W3C \
         WebDriver, and fails where\none fails or is left out. {today}, {}, on {processors} processors.\n\n\
         | engine | browser | driver |\n| ------ | ------- | ------ |\n",
        std::env::consts::OS,
    );
    for engine in engines {
        let (browser, driver) = engine.versions(workspace)?;
        report.push_str(&format!("| {} | {browser} | {driver} |\n", engine.name.shown()));
    }
    report.push_str("\nTests and seconds, starting the browser included:\n\n| |");
    report.extend(EngineName::ALL.iter().map(|name| format!(" {} |", name.shown())));
    report.push_str("\n|---|---:|---:|---:|\n");
    let mut whats: Vec<&str> = parts.iter().map(|part| part.what).collect();
    whats.dedup();
    for what in whats.iter().take(1 + PAGES.len()) {
        report.push_str(&format!("| {what} |"));
        for name in EngineName::ALL {
            let part = parts.iter().find(|part| part.what == *what && part.engine == name);
            report.push_str(&match part {
                Some(Part { tests: Ok(tests), duration, .. }) => format!(" {tests}, {:.1} s |", duration.as_secs_f64()),
                Some(Part { tests: Err(_), .. }) => " **failed** |".to_owned(),
                None => " **not run** |".to_owned(),
            });
        }
        report.push('\n');
    }
    report.push_str(NOTES);
    Ok(report)
}

/// How an engine is driven otherwise than the others, and why.
const NOTES: &str = "
WebKitGTK has no headless mode, and runs on a display of Xvfb. Its driver (2.50) speaks no WebDriver BiDi, so that nothing tells
of errors on a page; its browser prints none while it is driven. There a proxy puts a script into pages that tells of them
(`tests/e2e/support/watching-proxy.mjs`). What browsers themselves write on the console, as for a reply with status 404,
is noticed by Playwright alone, which drives Chromium in `cargo xtask test e2e`; it also takes the pictures in dark colours, which
W3C WebDriver cannot ask for.

WebKitGTK's WebCrypto (libgcrypt) imports an RSA private key whose numbers do not belong together, so that it is refused not when
it is read but when it decrypts; and it refuses an empty passphrase and an empty text, for which `src/crypto/backend.rs` has portable
Rust. `tests/shared/crypto_suite.rs` asserts both.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_were_left_out_are_not_counted_as_passed() {
        let tap = |passed: u32, skipped: u32| {
            format!("TAP version 13\n# tests {}\n# suites 1\n# pass {passed}\n# skipped {skipped}\n", passed + skipped)
        };
        assert_eq!(passed(&tap(4, 0)).unwrap(), 4);
        assert!(passed(&tap(3, 1)).is_err());
        assert!(passed(&tap(0, 0)).is_err());
        assert!(passed("TAP version 13\n").is_err());
    }
}
