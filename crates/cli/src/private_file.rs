//! Files that only their owner may read.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// For writing; a file that is not there is made.
pub(crate) fn options() -> OpenOptions {
    let mut options = File::options();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes a file atomically, readable by its owner only: a failed or interrupted write leaves the old file.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    // A device or a link is written to, not replaced.
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return options().truncate(true).open(path)?.write_all(text.as_bytes());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Created with mode 0600.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Says so on standard error where others can read a file that holds keys.
#[cfg(unix)]
pub(crate) fn warn_if_others_can_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0) {
        eprintln!("Warning: {} holds keys and can be read by others: chmod 600 it", path.display());
    }
}

#[cfg(not(unix))]
pub(crate) fn warn_if_others_can_read(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_replaced_as_a_whole_and_never_written_into() {
        use std::{fs, io::Read, os::unix::fs::PermissionsExt};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.yaml");
        fs::write(&path, "the old one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let mut opened_before = fs::File::open(&path).unwrap();
        write(&path, "the new one").unwrap();
        let mut text = String::new();
        opened_before.read_to_string(&mut text).unwrap();
        assert_eq!(text, "the old one", "whoever could read the old file cannot read the new one through it");
        assert_eq!(fs::read_to_string(&path).unwrap(), "the new one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_private_file_that_cannot_be_written_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a folder");
        std::fs::create_dir(&path).unwrap();
        assert!(write(&path, "the new one").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }
}
