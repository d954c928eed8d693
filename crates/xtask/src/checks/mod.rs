//! `cargo xtask test`: the kinds of tests, each a stage that passes or fails.
//!
//! A failed stage does not keep the later ones from running: whoever waited for all of it should learn all of it.

mod dependencies;
mod e2e;
mod engines;
mod instructions;
mod interop;
mod native;
mod node_tests;
mod packaging;
mod runtimes;
mod web;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};

use crate::{process, progress, release, workspace::Workspace};

/// Which tests to run.
#[derive(Args)]
pub(crate) struct Options {
    /// The kinds of tests to run; without any, all but those that say `by name only`
    stages: Vec<Stage>,
}

/// A kind of tests.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// Formatting, lints, licences, the Rust tests, the systemd unit and the documentation. Known advisories about the crates
    /// are looked up where their database (a git repository) can be reached; elsewhere a line says that they were not
    Native,
    /// The crate's tests compiled to WebAssembly, in headless Chromium
    Web,
    /// Other people's clients against our code and our server
    Interop,
    /// The npm package in real projects and the pages in a real browser
    E2e,
    /// The crate's tests, the package's round trip and the demo page in Chromium, Firefox and WebKitGTK, written to
    /// `docs/engines.md`. By name only: it brings two more browsers
    Engines,
    /// The instructions of the hot paths, counted by Valgrind and written to `docs/instructions.md`. By name only: installing what
    /// counts them takes longer than most tests
    Instructions,
    /// The npm package in every set-up that its README names, each a small project that is built and run; written to
    /// `docs/runtimes.md`. By name only: it installs a gigabyte of other people's tools, and takes minutes
    Runtimes,
    /// Two builds of the npm package from the last commit, in other folders, that have to be alike to the byte. By name only: it
    /// compiles everything twice
    Reproducible,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Native => "native",
            Stage::Web => "web",
            Stage::Interop => "interop",
            Stage::E2e => "e2e",
            Stage::Engines => "engines",
            Stage::Instructions => "instructions",
            Stage::Runtimes => "runtimes",
            Stage::Reproducible => "reproducible",
        }
    }

    /// Whether it runs by its name alone.
    fn is_by_name(self) -> bool {
        matches!(self, Stage::Engines | Stage::Instructions | Stage::Runtimes | Stage::Reproducible)
    }

    fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        match self {
            Stage::Native => native::run(workspace),
            Stage::Web => web::run(workspace),
            Stage::Interop => interop::run(workspace),
            Stage::E2e => e2e::run(workspace),
            Stage::Engines => engines::run(workspace),
            Stage::Instructions => instructions::run(workspace),
            Stage::Runtimes => runtimes::run(workspace),
            Stage::Reproducible => release::build_twice(workspace).map(drop),
        }
    }
}

/// How a stage ended.
struct Outcome {
    stage: Stage,
    duration: Duration,
    result: anyhow::Result<()>,
}

/// Runs the stages, one after the other, and closes with a summary.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<ExitCode> {
    let all = Stage::value_variants();
    let is_wanted = |stage: &&Stage| match options.stages.is_empty() {
        true => !stage.is_by_name(),
        false => options.stages.contains(stage),
    };
    let wanted = all.iter().filter(is_wanted);
    let mut outcomes = Vec::new();
    for &stage in wanted {
        eprintln!("\n==== {} ====", stage.name());
        let started = Instant::now();
        let result = stage.run(workspace);
        outcomes.push(Outcome { stage, duration: started.elapsed(), result });
        if process::interrupted() {
            break;
        }
    }
    Ok(summarise(&outcomes))
}

fn summarise(outcomes: &[Outcome]) -> ExitCode {
    println!("\n==== summary ====");
    for outcome in outcomes {
        let verdict = if outcome.result.is_ok() { "passed" } else { "FAILED" };
        print!("{:<12} {verdict} in {}", outcome.stage.name(), progress::duration(outcome.duration));
        match &outcome.result {
            Ok(()) => println!(),
            Err(error) => println!(": {error:#}"),
        }
    }
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    println!("{} passed, {failed} failed", outcomes.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
