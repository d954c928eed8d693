//! The crate, compiled to WebAssembly.

use std::path::{Path, PathBuf};

use crate::workspace::{WASM_TARGET, Workspace};
use crate::{process, progress, tools};

/// Compiles the crate and gives the path of the module that came out, which still lacks its JavaScript half.
pub(crate) fn compile(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    tools::ensure_wasm_target(workspace)?;
    progress::step("compiling the crate to WebAssembly", || {
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--locked", "--package", "vaultshare", "--lib"]);
        cargo.args(["--profile", "wasm", "--target", WASM_TARGET]);
        cargo.args(["--config", &without_paths(workspace)]);
        process::run(&mut cargo)
    })?;
    Ok(workspace.in_target(WASM_TARGET).join("wasm/vaultshare.wasm"))
}

/// Compiler options that keep this machine's folders out of the module: panic messages name source files, and what is
/// published should neither tell where it was built nor differ because of it.
fn without_paths(workspace: &Workspace) -> String {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let remap = |folder: &Path, name: &str| format!("--remap-path-prefix={}={name}", folder.display());
    let options = [remap(&cargo_home.join("registry/src"), "crates"), remap(&workspace.path(""), "")];
    format!("target.{WASM_TARGET}.rustflags={options:?}")
}
