//! How much the package costs the page that loads it.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::wasm::PORTABLE_RSA;
use crate::workspace::Workspace;
use crate::{files, progress};

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
    /// Only pages without `crypto.subtle` load this.
    portable_rsa: Size,
}

/// Says how large the package's code is.
pub(crate) fn report(workspace: &Workspace) -> anyhow::Result<()> {
    let sizes = Sizes::measure(&workspace.package())?;
    let kilobytes = |bytes: u64| format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100);
    let kinds = [
        ("WebAssembly", &sizes.wasm),
        ("JavaScript", &sizes.javascript),
        ("WebAssembly loaded only without crypto.subtle", &sizes.portable_rsa),
    ];
    for (what, size) in kinds {
        progress::note(&format!("{what}: {}, gzipped {}", kilobytes(size.plain), kilobytes(size.gzipped)));
    }
    progress::note(&format!("what every page loads, gzipped: {}", kilobytes(sizes.loaded_by_every_page())));
    Ok(())
}

/// Fails if the code that every page loads, gzipped, has more bytes than the limit.
pub(crate) fn check(workspace: &Workspace, limit: u64) -> anyhow::Result<()> {
    let size = Sizes::measure(&workspace.package())?.loaded_by_every_page();
    if size > limit {
        bail!("the code that every page loads has {size} bytes gzipped, and may have {limit}");
    }
    Ok(())
}

impl Sizes {
    fn measure(package: &Path) -> anyhow::Result<Self> {
        let mut sizes = Sizes::default();
        for file in files::all_files(package)? {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("wasm") if file.ends_with(PORTABLE_RSA.wasm()) => sizes.portable_rsa.add(&file)?,
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
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        self.plain += bytes.len() as u64;
        self.gzipped += encoder.finish()?.len() as u64;
        Ok(())
    }
}
