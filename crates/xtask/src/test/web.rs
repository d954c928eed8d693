//! The crate's tests, compiled to WebAssembly and run in headless Chromium.

use anyhow::Context;

use crate::tools::Browser;
use crate::workspace::Workspace;
use crate::{process, progress, tools};

/// Runs `wasm-pack test`, with our own tools so that it has nothing to download.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_wasm_target(workspace)?;
    tools::ensure_cargo_program(workspace, &tools::wasm_bindgen(workspace)?)?;
    let wasm_pack = tools::ensure_cargo_program(workspace, &tools::WASM_PACK())?;
    let browser = Browser::ensure(workspace)?;

    progress::step("the crate's tests in headless Chromium (wasm-pack)", || {
        let mut command = workspace.command(&wasm_pack);
        command.args(["test", "--mode", "no-install", "--headless", "--chromedriver"]).arg(browser.driver());
        command.arg("--chrome");
        // The second module is part of the package, which these tests do not have around them.
        command.args(["--", "--locked", "--features", "on-demand-compiled-in"]);
        // It looks for wasm-bindgen in PATH, and uses what it finds if the version is right.
        command.env("PATH", path_starting_with(workspace)?);
        browser.name_to(&mut command);
        process::run(&mut command)
    })
}

fn path_starting_with(workspace: &Workspace) -> anyhow::Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(workspace.path(".tools/bin")).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("PATH cannot be extended")
}
