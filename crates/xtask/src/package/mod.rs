//! The npm package, from Rust source to a folder that is ready for `npm pack`.

mod assemble;
mod bindings;
mod notices;
mod size;
mod wasm;

use std::path::{Path, PathBuf};

use anyhow::Context;
pub(crate) use notices::{check as check_notices, generate as generate_notices};
pub(crate) use size::check as check_size;

use crate::{files, process, progress, workspace::Workspace};

/// Builds the package into `pkg/`.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    wasm::compile(workspace, &[wasm::MAIN, wasm::ON_DEMAND])?;
    let main = bindings::generate(workspace, &wasm::MAIN)?;
    let on_demand = bindings::generate(workspace, &wasm::ON_DEMAND)?;
    assemble::assemble(workspace, &main, &on_demand)?;
    size::report(workspace)
}

/// The tarball of `pkg/` that `npm publish` would upload, alone in a folder of that name among what builds leave behind.
pub(crate) fn pack(workspace: &Workspace, folder: &str) -> anyhow::Result<PathBuf> {
    pack_into(workspace, &workspace.package(), &workspace.in_target(folder))
}

/// As [`pack`], of any built package and into any folder.
pub(crate) fn pack_into(workspace: &Workspace, package: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    files::empty_folder(folder)?;
    progress::step("packing the package (npm pack)", || {
        let mut npm = workspace.command("npm");
        npm.args(["pack", "--silent", "--pack-destination"]).arg(folder).current_dir(package);
        process::run(&mut npm)
    })?;
    let tarballs = files::files_ending(folder, ".tgz")?;
    tarballs.into_iter().next().context("npm pack left no tarball")
}
