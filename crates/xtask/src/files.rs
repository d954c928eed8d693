//! The few things done with files and folders that the standard library leaves to its users.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Reads a text file, naming it if that fails.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
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

/// Removes the folder with all that is in it; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
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
