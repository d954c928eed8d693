//! The npm package, put together from the bindings and from what a person wrote in `pkg-template/`.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::workspace::Workspace;
use crate::{files, progress};

/// What `wasm-bindgen` writes and the package takes over.
const BINDINGS: &str = "vaultshare_bg.js";
const MODULE: &str = "vaultshare_bg.wasm";

/// The file in which `VaultError` is written, below the folder whose name `wasm-bindgen` chooses.
const ERRORS: &str = "src/js/error.js";

/// Written at the end of the bindings: until the module has started, every use of it meets the guard. It stands in this
/// file because a bundler that drops unused files keeps it wherever it keeps the classes.
const GUARD: &str = "
import { beforeInit } from './guard.js';
__wbg_set_wasm(beforeInit);
";

/// Fills `pkg/` anew.
pub(crate) fn assemble(workspace: &Workspace, bindings: &Path) -> anyhow::Result<()> {
    progress::step("assembling pkg/", || {
        let package = workspace.package();
        files::empty_folder(&package)?;
        files::copy_folder(&workspace.path("pkg-template"), &package)?;
        for text in ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
            files::copy(&workspace.path(text), &package.join(text))?;
        }
        set_version(&package.join("package.json"))?;

        let code = files::read(&bindings.join(BINDINGS))?;
        files::write(&package.join(BINDINGS), code + GUARD)?;
        files::copy(&bindings.join(MODULE), &package.join(MODULE))?;
        files::copy_folder(&bindings.join("snippets"), &package.join("snippets"))?;
        let snippets = snippets(bindings)?;
        files::write(&package.join("errors.js"), errors_module(&snippets)?)?;
        files::write(&package.join("imports.js"), imports_module(&snippets))
    })
}

/// The package has the version of the crate, which `Cargo.toml` says once for all.
fn set_version(manifest: &Path) -> anyhow::Result<()> {
    let template = files::read(manifest)?;
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    files::write(manifest, template.replace("\"version\": \"0.0.0\"", &version))
}

/// The JavaScript files that the Rust code brought along, as paths in the package.
///
/// `wasm-bindgen` copies them into a folder named by a hash, so no template can know the paths.
fn snippets(bindings: &Path) -> anyhow::Result<Vec<String>> {
    let files = files::all_files(&bindings.join("snippets"))?;
    let path = |file: &PathBuf| Ok(format!("./{}", file.strip_prefix(bindings)?.to_string_lossy().replace('\\', "/")));
    files.iter().map(path).collect()
}

/// A module that exports the very class that the compiled code throws.
fn errors_module(snippets: &[String]) -> anyhow::Result<String> {
    let path = snippets
        .iter()
        .find(|path| path.ends_with(ERRORS))
        .with_context(|| format!("the compiled code does not import {ERRORS}, so it cannot throw VaultError"))?;
    Ok(format!("export {{ VaultError, isVaultError }} from '{path}';\n"))
}

/// A module that gathers all that the compiled module may import, under the names that it has for them.
fn imports_module(snippets: &[String]) -> String {
    let modules = || std::iter::once("./vaultshare_bg.js").chain(snippets.iter().map(String::as_str)).enumerate();
    let imports: String = modules().map(|(index, path)| format!("import * as from{index} from '{path}';\n")).collect();
    let entries: String = modules().map(|(index, path)| format!("  '{path}': from{index},\n")).collect();
    format!("{imports}\nexport const imports = {{\n{entries}}};\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_modules_name_every_snippet() {
        let snippets = ["./snippets/a/src/js/error.js".to_owned(), "./snippets/a/src/js/item.js".to_owned()];
        assert_eq!(
            errors_module(&snippets).unwrap(),
            "export { VaultError, isVaultError } from './snippets/a/src/js/error.js';\n"
        );
        let imports = imports_module(&snippets);
        assert!(imports.contains("import * as from2 from './snippets/a/src/js/item.js';"));
        assert!(imports.contains("  './vaultshare_bg.js': from0,"));
    }

    #[test]
    fn code_that_cannot_throw_our_error_is_not_packaged() {
        assert!(errors_module(&[]).is_err());
    }
}
