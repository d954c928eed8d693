//! How much the package costs the page that loads it.

use std::path::Path;

use anyhow::bail;

use crate::{files, progress, workspace::Workspace};

/// How many bytes the code that every page loads may have, gzipped: what was measured, and 3 % for what another compiler
/// makes of the same source.
const LIMIT: u64 = 619_000;

/// The on-demand module, and what starts it in a worker.
const SECOND_MODULE: [&str; 2] = ["on_demand_bg.wasm", "on-demand-worker.js"];

const INLINE: [&str; 3] = ["inline.js", "vaultshare_inline.js", "on_demand_inline.js"];

/// The bytes of some files, as they are and as a server sends them.
#[derive(Default)]
struct Size {
    plain: u64,
    gzipped: u64,
}

/// What the package's code weighs, by who loads it.
#[derive(Default)]
struct Sizes {
    wasm: Size,
    javascript: Size,
    /// Loaded only without `crypto.subtle`, or for a ciphertext from before 2021.
    second_module: Size,
    /// The other entry, which has both modules within.
    inline: Size,
}

/// Says how large the package's code is.
pub(super) fn report(workspace: &Workspace) -> anyhow::Result<()> {
    let sizes = Sizes::measure(&workspace.package())?;
    let kilobytes = |bytes: u64| format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100);
    let kinds = [
        ("WebAssembly", &sizes.wasm),
        ("JavaScript", &sizes.javascript),
        ("loaded on demand", &sizes.second_module),
        ("both within, in `vaultshare/inline`", &sizes.inline),
    ];
    for (what, size) in kinds {
        progress::note(&format!("{what}: {}, gzipped {}", kilobytes(size.plain), kilobytes(size.gzipped)));
    }
    progress::note(&format!("what every page loads, gzipped: {}", kilobytes(sizes.loaded_by_every_page())));
    Ok(())
}

/// Fails if the code that every page loads, gzipped, has more bytes than [`LIMIT`].
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let size = Sizes::measure(&workspace.package())?.loaded_by_every_page();
    if size > LIMIT {
        bail!("the code that every page loads has {size} bytes gzipped, and may have {LIMIT}");
    }
    Ok(())
}

impl Sizes {
    fn measure(package: &Path) -> anyhow::Result<Self> {
        let mut sizes = Sizes::default();
        for file in files::all_files(package)? {
            let is_of_second_module = SECOND_MODULE.iter().any(|name| file.ends_with(name));
            match file.extension().and_then(|extension| extension.to_str()) {
                // For Node.js, in the place of `index.js`.
                Some("js") if file.ends_with("node.js") => {}
                Some("js") if INLINE.iter().any(|name| file.ends_with(name)) => sizes.inline.add(&file)?,
                Some("wasm" | "js") if is_of_second_module => sizes.second_module.add(&file)?,
                Some("wasm") => sizes.wasm.add(&file)?,
                Some("js") => sizes.javascript.add(&file)?,
                _ => {}
            }
        }
        Ok(sizes)
    }

    fn loaded_by_every_page(&self) -> u64 {
        self.wasm.gzipped + self.javascript.gzipped
    }
}

impl Size {
    fn add(&mut self, file: &Path) -> anyhow::Result<()> {
        let bytes = files::read_bytes(file)?;
        self.plain += bytes.len() as u64;
        self.gzipped += files::gzipped(&bytes)?.len() as u64;
        Ok(())
    }
}
