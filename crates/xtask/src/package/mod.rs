//! The npm package, from Rust source to a folder that is ready for `npm pack`.

mod assemble;
mod bindings;
mod notices;
mod size;
mod wasm;

pub(crate) use notices::{check as check_notices, generate as generate_notices};
pub(crate) use size::check as check_size;

use crate::workspace::Workspace;

/// Builds the package into `pkg/`.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    wasm::compile(workspace, &[wasm::MAIN, wasm::ON_DEMAND])?;
    let main = bindings::generate(workspace, &wasm::MAIN)?;
    let on_demand = bindings::generate(workspace, &wasm::ON_DEMAND)?;
    assemble::assemble(workspace, &main, &on_demand)?;
    size::report(workspace)
}
