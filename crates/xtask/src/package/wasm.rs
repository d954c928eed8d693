//! The crates that become WebAssembly.

use std::path::{Path, PathBuf};

use crate::{
    process, progress, tools,
    workspace::{WASM_TARGET, Workspace},
};

/// One of the package's modules.
pub(super) struct Module {
    /// What its files in the package are named after.
    pub(super) name: &'static str,
    /// The crate it is compiled from.
    krate: &'static str,
    /// What `wasm-opt` is asked to make of it.
    pub(super) optimisation: &'static [&'static str],
}

/// The module that every page loads: as few bytes as can be, gzipped. What is inlined into its only caller saves bytes before
/// it is gzipped and costs more after, and so does leaving zeros out of the data. No address is below 1024, where the stack ends.
/// In the order of their names, the instances of one generic function stand beside each other.
pub(super) const MAIN: Module = Module {
    name: "vaultshare",
    krate: "vaultshare",
    optimisation: &[
        "-Oz",
        "--low-memory-unused",
        "--skip-pass=memory-packing",
        "--one-caller-inline-max-function-size=20",
        "--converge",
        "--generate-global-effects",
        "-Oz",
        "--reorder-functions-by-name",
    ],
};

/// What few pages need: RSA without `crypto.subtle`, and the YAML of old ciphertexts.
pub(super) const ON_DEMAND: Module = Module { name: "on_demand", krate: "on-demand-module", optimisation: &["-O3"] };

impl Module {
    /// What `wasm-bindgen` calls the module itself.
    pub(super) fn wasm(&self) -> String {
        format!("{}_bg.wasm", self.name)
    }

    /// What `wasm-bindgen` calls the module's JavaScript half.
    pub(super) fn javascript(&self) -> String {
        format!("{}_bg.js", self.name)
    }

    /// The module as the compiler leaves it, still without its JavaScript half.
    pub(super) fn compiled(&self, workspace: &Workspace) -> PathBuf {
        workspace.in_target(WASM_TARGET).join(format!("wasm/{}.wasm", self.krate.replace('-', "_")))
    }
}

/// Compiles the modules.
pub(super) fn compile(workspace: &Workspace, modules: &[Module]) -> anyhow::Result<()> {
    tools::ensure_wasm_target(workspace)?;
    progress::step("compiling the crates to WebAssembly", || {
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--locked", "--lib", "--profile", "wasm", "--target", WASM_TARGET]);
        for module in modules {
            cargo.args(["--package", module.krate]);
        }
        cargo.args(["--config", &without_paths(workspace)]);
        process::run(&mut cargo)
    })
}

/// Compiler options that keep this machine's folders out of the compiled module, which names source files: what is published
/// should neither tell where it was built nor differ because of it.
fn without_paths(workspace: &Workspace) -> String {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let remap = |folder: &Path, name: &str| format!("--remap-path-prefix={}={name}", folder.display());
    let options = [remap(&cargo_home.join("registry/src"), "crates"), remap(&workspace.path(""), "")];
    format!("target.{WASM_TARGET}.rustflags={options:?}")
}
