//! The npm package, put together from the bindings and from what a person wrote in `pkg-template/`.

use std::path::Path;

use anyhow::Context;
use base64ct::{Base64, Encoding};

use super::{
    notices,
    wasm::{MAIN, ON_DEMAND},
};
use crate::{files, process, progress, workspace::Workspace};

/// The file in which `VaultError` is written, below the folder whose name `wasm-bindgen` chooses.
const ERRORS: &str = "src/js/error.js";

/// Written at the end of the bindings: until the module has started, every use of it meets the guard. It stands in this
/// file because a bundler that drops unused files keeps it wherever it keeps the classes.
const GUARD: &str = "
import { beforeInit } from './guard.js';
__wbg_set_wasm(beforeInit);
";

/// Written at the end of either module's bindings, in the place of the globals of these names.
const PLATFORM: &str = "
import { queueMicrotask, TextDecoder, TextEncoder } from './platform.js';
";

/// Fills `pkg/` anew.
pub(super) fn assemble(workspace: &Workspace, main: &Path, on_demand: &Path) -> anyhow::Result<()> {
    progress::step("assembling pkg/", || {
        let package = workspace.package();
        files::empty_folder(&package)?;
        files::copy_folder(&workspace.path("pkg-template"), &package)?;
        for text in ["LICENSE-MIT", "LICENSE-APACHE", notices::FILE, "CHANGELOG.md"] {
            files::copy(&workspace.path(text), &package.join(text))?;
        }
        set_version(&package.join("package.json"))?;

        let code = files::read(&main.join(MAIN.javascript()))?;
        files::write(&package.join(MAIN.javascript()), code + GUARD + PLATFORM)?;
        files::copy(&main.join(MAIN.wasm()), &package.join(MAIN.wasm()))?;
        files::copy_folder(&main.join("snippets"), &package.join("snippets"))?;
        files::write(&package.join("errors.js"), errors_module(main)?)?;
        files::write(&package.join("imports.js"), imports_module(main)?)?;
        let code = files::read(&on_demand.join(ON_DEMAND.javascript()))?;
        files::write(&package.join(ON_DEMAND.javascript()), code + PLATFORM)?;
        files::copy(&on_demand.join(ON_DEMAND.wasm()), &package.join(ON_DEMAND.wasm()))?;
        Ok(())
    })?;
    progress::step("taking comments and long names out of pkg/", || minify(workspace))?;
    for (module, file) in [(MAIN, "vaultshare_inline.js"), (ON_DEMAND, "on_demand_inline.js")] {
        let base64 = Base64::encode_string(&files::read_bytes(&workspace.package().join(module.wasm()))?);
        files::write(&workspace.package().join(file), format!("export const base64 = '{base64}';\n"))?;
    }
    Ok(())
}

/// What people read is in this repository; pages that load the package without a bundler need not load its comments.
fn minify(workspace: &Workspace) -> anyhow::Result<()> {
    for file in files::all_files(&workspace.package())? {
        if file.extension().is_some_and(|extension| extension == "js") {
            let mut terser = workspace.node();
            terser.args([
                "node_modules/terser/bin/terser",
                "--module",
                "--compress",
                "--mangle",
                "--keep-classnames",
                "--ecma",
                "2022",
            ]);
            process::run(terser.arg("--output").arg(&file).arg("--").arg(&file))?;
        }
    }
    Ok(())
}

/// The package has the version of the crate, which `Cargo.toml` says once for all.
fn set_version(manifest: &Path) -> anyhow::Result<()> {
    let template = files::read(manifest)?;
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    files::write(manifest, template.replace("\"version\": \"0.0.0\"", &version))
}

/// A module that exports the very class that the compiled code throws. `wasm-bindgen` copies it into a folder named by a
/// hash, so a template cannot know the path.
fn errors_module(bindings: &Path) -> anyhow::Result<String> {
    let snippets = snippets(bindings)?;
    let path = snippets
        .iter()
        .find(|path| path.ends_with(ERRORS))
        .with_context(|| format!("the compiled code does not import {ERRORS}, so it cannot throw VaultError"))?;
    Ok(format!("export {{ VaultError, isVaultError }} from '{path}';\n"))
}

/// A module that exports everything the compiled code may import, by the names it imports it by. Most of it comes through
/// the bindings, but a function whose arguments need no conversion is imported from the file that has it.
fn imports_module(bindings: &Path) -> anyhow::Result<String> {
    let mut imports = String::new();
    let mut names = String::new();
    let modules = std::iter::once(format!("./{}", MAIN.javascript())).chain(snippets(bindings)?);
    for (index, path) in modules.enumerate() {
        imports.push_str(&format!("import * as module{index} from '{path}';\n"));
        names.push_str(&format!("  '{path}': module{index},\n"));
    }
    Ok(format!("{imports}\nexport const imports = {{\n{names}}};\n"))
}

/// The files of ours that `wasm-bindgen` took along, as the package's modules name them.
fn snippets(bindings: &Path) -> anyhow::Result<Vec<String>> {
    let mut paths = Vec::new();
    for file in files::all_files(&bindings.join("snippets"))? {
        paths.push(format!("./{}", file.strip_prefix(bindings)?.to_string_lossy().replace('\\', "/")));
    }
    paths.sort();
    Ok(paths)
}
