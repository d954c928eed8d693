//! How much the package costs the page that loads it.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::workspace::Workspace;
use crate::{files, progress};

/// The bytes of some files, as they are and as a server sends them.
#[derive(Default)]
struct Size {
    plain: u64,
    gzipped: u64,
}

/// Says how large the package's code is.
pub(crate) fn report(workspace: &Workspace) -> anyhow::Result<()> {
    let (wasm, javascript) = measure(&workspace.package())?;
    let kilobytes = |bytes: u64| format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100);
    for (what, size) in [("WebAssembly", &wasm), ("JavaScript", &javascript)] {
        progress::note(&format!("{what}: {}, gzipped {}", kilobytes(size.plain), kilobytes(size.gzipped)));
    }
    progress::note(&format!("together gzipped {}", kilobytes(wasm.gzipped + javascript.gzipped)));
    Ok(())
}

/// Fails if the package's code, gzipped, has more bytes than the limit.
pub(crate) fn check(workspace: &Workspace, limit: u64) -> anyhow::Result<()> {
    let (wasm, javascript) = measure(&workspace.package())?;
    let size = wasm.gzipped + javascript.gzipped;
    if size > limit {
        bail!("the package's code has {size} bytes gzipped, and may have {limit}");
    }
    Ok(())
}

fn measure(package: &Path) -> anyhow::Result<(Size, Size)> {
    let (mut wasm, mut javascript) = (Size::default(), Size::default());
    for file in files::all_files(package)? {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("wasm") => wasm.add(&file)?,
            Some("js") => javascript.add(&file)?,
            _ => {}
        }
    }
    Ok((wasm, javascript))
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
