//! A module's JavaScript half, and the module made small.
//!
//! `wasm-bindgen` writes the functions and classes that JavaScript sees; `wasm-opt` then shrinks and speeds up the module. Neither is
//! quick, so their result is kept and used again while the compiled module and the recipe are the same.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{likeness, places, short_names, speechless, wasm::Module};
use crate::workspace::Workspace;
use crate::{files, process, progress, tools};

/// What `wasm-bindgen` is asked for. Its `bundler` form leaves starting the module to the loaders in `pkg-template/`,
/// which can therefore say "call init() first" and start the module the same way everywhere.
const BINDGEN: [&str; 3] = ["--target=bundler", "--no-typescript", "--omit-default-module-path"];

/// What `wasm-opt` is asked for besides optimising: the names of functions and the compiler's version are left out because
/// nobody can use them there. It reads the features that the module may use from the module itself.
const STRIP: [&str; 2] = ["--strip-debug", "--strip-producers"];

/// Makes the bindings of a compiled module and gives the folder that holds them.
pub(crate) fn generate(workspace: &Workspace, module: &Module) -> anyhow::Result<PathBuf> {
    let bindgen = tools::ensure_cargo_program(workspace, &tools::wasm_bindgen(workspace)?)?;
    tools::ensure_npm_packages(workspace)?;

    let name = module.name;
    let compiled = module.compiled(workspace);
    let folder = workspace.in_target(&format!("bindings/{name}"));
    let recipe = recipe(workspace, &bindgen, module)?;
    let kept = Kept {
        module: workspace.in_target(&format!("bindings/{name}-source.wasm")),
        recipe: workspace.in_target(&format!("bindings/{name}-recipe")),
    };
    if folder.is_dir() && kept.matches(&compiled, &recipe)? {
        progress::note(&format!("{name} is the same as before: its bindings are used again"));
        return Ok(folder);
    }

    files::empty_folder(&folder)?;
    progress::step(&format!("generating the bindings of {name} (wasm-bindgen)"), || {
        let mut wasm_bindgen = workspace.command(&bindgen);
        wasm_bindgen.args(BINDGEN).arg("--out-name").arg(name).arg("--out-dir").arg(&folder).arg(&compiled);
        process::run(&mut wasm_bindgen)
    })?;
    progress::step(&format!("optimising {name} (wasm-opt)"), || {
        let (wasm, javascript) = (folder.join(module.wasm()), folder.join(module.javascript()));
        let bound = fs::read(&wasm).context("cannot read the module behind the bindings")?;
        files::write(&wasm, places::without_places(&speechless::speechless(&bound)?)?)?;
        wasm_opt(workspace, &wasm, module.optimisation)?;
        let optimised = fs::read(&wasm).context("cannot read the optimised module")?;
        files::write(&wasm, likeness::named_by_likeness(&optimised)?)?;
        // Which instructions it uses, a browser sees by itself.
        wasm_opt(workspace, &wasm, &["--reorder-functions-by-name", "--strip-target-features"])?;
        let ordered = fs::read(&wasm).context("cannot read the ordered module")?;
        let (renamed, its_half) = short_names::shorten(&ordered, &files::read(&javascript)?, &module.javascript())?;
        files::write(&wasm, renamed)?;
        files::write(&javascript, its_half)
    })?;
    kept.keep(&compiled, &recipe)?;
    Ok(folder)
}

/// Changes a module in its place.
fn wasm_opt(workspace: &Workspace, wasm: &Path, passes: &[&str]) -> anyhow::Result<()> {
    let changed = wasm.with_extension("changed.wasm");
    let mut wasm_opt = workspace.node();
    wasm_opt.arg("node_modules/binaryen/bin/wasm-opt").args(passes).args(STRIP);
    process::run(wasm_opt.arg(wasm).arg("-o").arg(&changed))?;
    fs::rename(&changed, wasm).context("cannot put the changed module in its place")
}

/// Everything but the compiled module that the result depends on.
fn recipe(workspace: &Workspace, bindgen: &Path, module: &Module) -> anyhow::Result<String> {
    let bindgen_version = process::output(workspace.command(bindgen).arg("--version"))?;
    let lock = files::read(&workspace.path("package-lock.json"))?;
    let our_steps = [
        include_str!("bindings.rs"),
        include_str!("data.rs"),
        include_str!("speechless.rs"),
        include_str!("writers.rs"),
        include_str!("places.rs"),
        include_str!("short_names.rs"),
        include_str!("likeness.rs"),
    ];
    Ok(format!("{bindgen_version}\n{BINDGEN:?}\n{:?} {STRIP:?}\n{}\n{lock}", module.optimisation, our_steps.concat()))
}

/// What the bindings at hand were made from.
struct Kept {
    module: PathBuf,
    recipe: PathBuf,
}

impl Kept {
    fn matches(&self, compiled: &Path, recipe: &str) -> anyhow::Result<bool> {
        let now = fs::read(compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
        let same_module = fs::read(&self.module).is_ok_and(|then| then == now);
        Ok(same_module && fs::read_to_string(&self.recipe).is_ok_and(|then| then == recipe))
    }

    fn keep(&self, compiled: &Path, recipe: &str) -> anyhow::Result<()> {
        files::copy(compiled, &self.module)?;
        files::write(&self.recipe, recipe)
    }
}
