//! The parts of the Rust toolchain. `rust-toolchain.toml` names them all, and rustup usually installs them on first use;
//! where its automatic installation is switched off, or cargo did not come from rustup, this sees to it.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::{
    process, progress,
    workspace::{WASM_TARGET, Workspace},
};

/// Makes sure that code can be compiled to WebAssembly.
pub(crate) fn ensure_wasm_target(workspace: &Workspace) -> anyhow::Result<()> {
    if sysroot(workspace)?.join("lib/rustlib").join(WASM_TARGET).join("lib").is_dir() {
        return Ok(());
    }
    install(workspace, &["target", "add", WASM_TARGET])
}

/// Makes sure that a cargo command that comes as a toolchain component (`clippy`, `fmt`) is there.
pub(crate) fn ensure_component(workspace: &Workspace, command: &str, component: &str) -> anyhow::Result<()> {
    if process::answer(workspace.cargo().args([command, "--version"])).is_some() {
        return Ok(());
    }
    install(workspace, &["component", "add", component])
}

fn sysroot(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Ok(process::output(workspace.command(rustc).args(["--print", "sysroot"]))?.into())
}

fn install(workspace: &Workspace, what: &[&str]) -> anyhow::Result<()> {
    let line = what.join(" ");
    if process::answer(workspace.command("rustup").arg("--version")).is_none() {
        bail!(
            "this Rust toolchain misses a part and rustup is not there to add it: install rustup, or do what `rustup {line}` does"
        );
    }
    progress::step(&format!("installing through rustup: {line}"), || {
        process::run(workspace.command("rustup").args(what)).context("rustup could not install it")
    })
}
