//! The few things done with files and folders that the standard library leaves to its users.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use flate2::{Compression, write::GzEncoder};

/// Reads a text file, naming it if that fails.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads a file, naming it if that fails.
pub(crate) fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file, naming it if that fails.
pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>) -> anyhow::Result<()> {
    fs::write(path, contents).with_context(|| format!("cannot write {}", path.display()))
}

/// Makes the folder be there and be empty.
pub(crate) fn empty_folder(path: &Path) -> anyhow::Result<()> {
    remove(path)?;
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
}

/// Removes the file, or the folder with all that is in it; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Whether a file is there and was written after each of the others.
pub(crate) fn is_newer(file: &Path, others: &[&PathBuf]) -> bool {
    let written = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(made) = written(file) else { return false };
    others.iter().all(|other| written(other).is_some_and(|time| time < made))
}

/// Copies one file, naming both ends if that fails.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Copies a folder's contents into another folder.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    for file in all_files(from)? {
        let destination = to.join(file.strip_prefix(from)?);
        if let Some(folder) = destination.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        copy(&file, &destination)?;
    }
    Ok(())
}

/// The bytes as a server sends them to a browser.
pub(crate) fn gzipped(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// Puts a `.gz` beside each file of code in the folder, which our server hands out in its place: compressing the module for
/// each request would take longer than sending it.
pub(crate) fn precompress(folder: &Path) -> anyhow::Result<()> {
    for file in all_files(folder)? {
        if file.extension().is_some_and(|extension| extension == "wasm" || extension == "js") {
            let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let mut compressed = file.into_os_string();
            compressed.push(".gz");
            write(Path::new(&compressed), gzipped(&bytes)?)?;
        }
    }
    Ok(())
}

/// Every file in a folder and in the folders below it, in a stable order.
pub(crate) fn all_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

/// The files right in a folder whose names end so, in a stable order; none where there is no such folder.
pub(crate) fn files_ending(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let files = all_files(folder)?.into_iter();
    Ok(files.filter(|file| file.parent() == Some(folder) && file.to_string_lossy().ends_with(ending)).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_file_is_newer_than_what_was_written_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        write(&new, "").unwrap();
        assert!(!is_newer(&new, &[&old]), "what is not there may be anything");
        write(&old, "").unwrap();
        let past = std::time::SystemTime::now() - std::time::Duration::from_secs(5);
        fs::File::options().write(true).open(&old).unwrap().set_modified(past).unwrap();
        assert!(is_newer(&new, &[&old]));
        assert!(!is_newer(&old, &[&new]));
        assert!(!is_newer(&new, &[&old, &new]));
    }

    #[test]
    fn code_is_precompressed_beside_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["app.js", "module.wasm", "index.html"] {
            write(&path(name), name).unwrap();
        }
        precompress(folder.path()).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(fs::File::open(path("app.js.gz")).unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "app.js");
        assert!(path("app.js").exists() && path("module.wasm.gz").exists());
        assert!(!path("index.html.gz").exists());
    }
}
