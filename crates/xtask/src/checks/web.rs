//! The crate's tests, compiled to WebAssembly and run in a browser: by this stage in Chromium, by `engines` in each.
//!
//! The test runner of `wasm-bindgen` is started here and not by cargo, so that compiling has all the time it wants and
//! running has not. A page that does not begin is ended and tried again.

use std::{
    cell::Cell,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::{
    process::{self, Watched},
    progress,
    tools::{self, Engine, EngineName},
    workspace::{WASM_TARGET, Workspace},
};

/// How long a page may take until its tests run. On an idle machine it takes 3 s, on a busy one 20.
const TO_BEGIN: Duration = Duration::from_secs(60);

/// How often a page is tried that does not begin.
const TRIES: u32 = 3;

/// How long the tests of one page may take. RSA keys take a while without WebCrypto.
const TO_END: Duration = Duration::from_secs(600);

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let engine = Engine::ensure(workspace, EngineName::Chromium)?;
    compile(workspace)?.run(workspace, &engine)?;
    Ok(())
}

/// The crate's tests as WebAssembly, and what runs such tests.
pub(super) struct Pages {
    tests: Vec<PathBuf>,
    runner: PathBuf,
}

/// Compiles the tests, for any engine.
pub(super) fn compile(workspace: &Workspace) -> anyhow::Result<Pages> {
    tools::ensure_wasm_target(workspace)?;
    let wasm_bindgen = tools::ensure_cargo_program(workspace, &tools::wasm_bindgen(workspace)?)?;
    let runner = wasm_bindgen.with_file_name(format!("wasm-bindgen-test-runner{}", std::env::consts::EXE_SUFFIX));
    let tests = progress::step("compiling the crate's tests to WebAssembly", || compile_tests(workspace))?;
    Ok(Pages { tests, runner })
}

impl Pages {
    /// Runs all tests in an engine and gives their number.
    pub(super) fn run(&self, workspace: &Workspace, engine: &Engine) -> anyhow::Result<u32> {
        let mut count = 0;
        for test in &self.tests {
            let name = test.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            count += progress::step(&format!("{name} in {}", engine.name.shown()), || {
                let runner = || {
                    let mut command = workspace.command(&self.runner);
                    command.arg(test).env("WASM_BINDGEN_TEST_ONLY_WEB", "1");
                    // Its own limits lie beyond ours, which are the ones that end a browser, too.
                    let beyond = (TO_BEGIN + TO_END).as_secs().to_string();
                    command.env("WASM_BINDGEN_TEST_TIMEOUT", &beyond).env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", &beyond);
                    engine.name_to_runner(&mut command);
                    let server = free_address()?;
                    occupy_idle_threads(server);
                    command.env("WASM_BINDGEN_TEST_ADDRESS", server.to_string());
                    Ok(command)
                };
                run_page(runner)
            })?;
        }
        Ok(count)
    }
}

/// How many threads the runner's server (tiny_http 0.12, `util/task_pool.rs`) keeps idle.
const IDLE_THREADS: usize = 4;

/// Keeps the server's idle threads occupied, so that it starts one for each connection of the browser.
///
/// It takes a thread for idle until that has woken, so it hands four threads any number of connections that arrive together.
/// The browser keeps its six alive and waits for all of them: two are never served, and the page never begins.
fn occupy_idle_threads(server: SocketAddr) {
    let started = Instant::now();
    std::thread::spawn(move || {
        while started.elapsed() < TO_BEGIN {
            if let Ok(mut first) = TcpStream::connect(server) {
                let _others: Vec<_> = (1..IDLE_THREADS).map(|_| TcpStream::connect(server)).collect();
                // Nothing arrives, until the server ends.
                let _ = first.read(&mut [0]);
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    });
}

/// An address that nobody listens on.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Runs a page's tests, trying again while it does not begin, and gives their number.
fn run_page(runner: impl Fn() -> anyhow::Result<Command>) -> anyhow::Result<u32> {
    let count = Cell::new(0);
    let has_begun = |line: &str| tests_begun(line).inspect(|&tests| count.set(tests)).is_some();
    for attempt in 1..=TRIES {
        match process::watch(&mut runner()?, has_begun, TO_BEGIN, TO_BEGIN + TO_END)? {
            Watched::Ended(status) if status.success() => return Ok(count.get()),
            Watched::Ended(status) => bail!("the page's tests failed ({status})"),
            Watched::NeverBegan => {
                progress::note(&format!("the page did not begin (try {attempt} of {TRIES}); its browser was stopped"));
            }
        }
    }
    bail!("the page did not begin in {TRIES} tries of {} each", progress::duration(TO_BEGIN))
}

/// How many tests run, if the test runner says so with this line.
fn tests_begun(line: &str) -> Option<u32> {
    if line.starts_with("no tests to run") {
        return Some(0);
    }
    let (number, what) = line.strip_prefix("running ")?.split_once(' ')?;
    number.parse().ok().filter(|_| what.starts_with("test"))
}

/// Compiles the tests and gives the modules that contain them.
fn compile_tests(workspace: &Workspace) -> anyhow::Result<Vec<PathBuf>> {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--no-run", "--locked", "--package", "vaultshare", "--target", WASM_TARGET]);
    // The second module is part of the package, which these tests do not have around them.
    cargo.args(["--features", "on-demand-compiled-in", "--message-format", "json-render-diagnostics"]);
    let tests = test_executables(&process::output(cargo.stdin(Stdio::null()))?)?;
    if tests.is_empty() {
        bail!("cargo compiled no tests");
    }
    Ok(tests)
}

/// What cargo says of one thing that it compiled; its other messages have none of these fields.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<Box<Path>>,
}

fn test_executables(messages: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut executables = Vec::new();
    for message in messages.lines() {
        let artifact: Artifact = serde_json::from_str(message).context("cargo's messages cannot be read")?;
        executables.extend(artifact.executable.map(PathBuf::from));
    }
    Ok(executables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_begun_when_its_tests_are_counted() {
        assert_eq!(tests_begun("running 37 tests"), Some(37));
        assert_eq!(tests_begun("running 1 test"), Some(1));
        assert_eq!(tests_begun("no tests to run!"), Some(0));
        for line in ["Running headless tests in Chrome on `http://127.0.0.1:1/`", "Loading scripts...", "running late"]
        {
            assert_eq!(tests_begun(line), None, "{line}");
        }
    }

    #[test]
    fn the_tests_are_what_can_be_executed() {
        let messages = r#"{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/target/wasm32-unknown-unknown/debug/deps/web-1.wasm"}
{"reason":"build-finished","success":true}"#;
        let expected = [PathBuf::from("/target/wasm32-unknown-unknown/debug/deps/web-1.wasm")];
        assert_eq!(test_executables(messages).unwrap(), expected);
    }

    #[test]
    fn a_page_that_fails_is_not_tried_again() {
        let tries = std::cell::Cell::new(0);
        let failing = || {
            tries.set(tries.get() + 1);
            let mut command = Command::new("sh");
            command.args(["-c", "echo running 1 test; exit 1"]);
            Ok(command)
        };
        assert!(run_page(failing).is_err());
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn a_page_that_does_not_begin_is_tried_again() {
        let tries = std::cell::Cell::new(0);
        let at_the_last = || {
            tries.set(tries.get() + 1);
            let mut command = Command::new("sh");
            command.args(["-c", if tries.get() == TRIES { "echo running 1 test" } else { "exit 1" }]);
            Ok(command)
        };
        assert_eq!(run_page(at_the_last).unwrap(), 1);
        assert_eq!(tries.get(), TRIES);
    }

    #[test]
    fn a_page_that_never_begins_is_given_up() {
        let tries = std::cell::Cell::new(0);
        let never = || {
            tries.set(tries.get() + 1);
            let mut command = Command::new("sh");
            command.args(["-c", "echo waiting"]);
            Ok(command)
        };
        assert!(run_page(never).unwrap_err().to_string().contains("did not begin"));
        assert_eq!(tries.get(), TRIES);
    }
}
