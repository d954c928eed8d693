//! A compiled module's JavaScript glue, and the module optimised.
//!
//! `wasm-bindgen` writes the functions and classes that JavaScript sees; `wasm-opt` then shrinks and speeds up the module, which
//! takes half a minute, so it is only done again for another module or by other means.

use std::path::PathBuf;

use super::wasm::Module;
use crate::{files, process, progress, tools, workspace::Workspace};

/// What `wasm-bindgen` is asked for. Its `bundler` form leaves starting the module to the loaders in `pkg-template/`,
/// which can therefore say "call init() first" and start the module the same way everywhere.
const BINDGEN: [&str; 3] = ["--target=bundler", "--no-typescript", "--omit-default-module-path"];

/// What `wasm-opt` is asked for besides optimising: function names, the compiler's version and the list of required
/// WebAssembly features are of no use to a page.
const STRIP: [&str; 3] = ["--strip-debug", "--strip-producers", "--strip-target-features"];

/// Generates the bindings of a compiled module and gives the folder that holds them.
pub(super) fn generate(workspace: &Workspace, module: &Module) -> anyhow::Result<PathBuf> {
    let bindgen = tools::ensure_cargo_program(workspace, &tools::wasm_bindgen(workspace)?)?;
    tools::ensure_npm_packages(workspace)?;

    let name = module.name;
    let folder = workspace.in_target(&format!("bindings/{name}"));
    let stamp = folder.with_extension("stamp");
    let compiled = module.compiled(workspace);
    // Not when this program was compiled: it is again, with other features, by whoever compiles the workspace.
    let means = format!("{BINDGEN:?}\n{:?}\n{STRIP:?}\n", module.optimisation);
    let sources = [&compiled, &workspace.path("package-lock.json"), &bindgen];
    if files::is_newer(&stamp, &sources) && files::read(&stamp)? == means {
        progress::note(&format!("{name} has not changed: its bindings are used again"));
        return Ok(folder);
    }
    files::remove(&stamp)?;
    files::empty_folder(&folder)?;
    progress::step(&format!("generating the bindings of {name} (wasm-bindgen)"), || {
        let mut wasm_bindgen = workspace.command(&bindgen);
        wasm_bindgen.args(BINDGEN).arg("--out-name").arg(name).arg("--out-dir").arg(&folder);
        process::run(wasm_bindgen.arg(&compiled))
    })?;
    progress::step(&format!("optimising {name} (wasm-opt)"), || {
        let wasm = folder.join(module.wasm());
        let mut wasm_opt = workspace.node();
        wasm_opt.arg("node_modules/binaryen/bin/wasm-opt").args(module.optimisation).args(STRIP);
        process::run(wasm_opt.arg(&wasm).arg("-o").arg(&wasm))
    })?;
    files::write(&stamp, means)?;
    Ok(folder)
}
