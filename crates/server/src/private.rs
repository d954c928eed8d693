//! Folders and files of the server's user alone: verifiers, wrapped keys and tokens are for nobody else on the machine.
//! Where the system has no modes, as on Windows, they get what the folder above gives them.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    path::Path,
};

use crate::error::{Error, Result};

/// Creates a folder, and those above it, unless it exists: one that somebody made stays as they made it.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Creates a file, empty, and takes away the access that others have to one that exists.
pub(crate) fn create_file(file: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.append(true).create(true).open(file)?;
    close_to_others(file)
}

/// Takes the folder of the databases for this process, until the file is dropped or the process ends. Two servers on one
/// folder would number rows each for itself; what an operator does beside a server takes no such lock.
pub(crate) fn lock_folder(folder: &Path) -> Result<File> {
    let name = folder.join("lock");
    let fault = |error: io::Error| Error::fault(format!("{} cannot be locked: {error}", name.display()));
    create_file(&name).map_err(fault)?;
    let file = File::open(&name).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::fault(format!("another server is running on the data folder {}", folder.display())))
        }
        Err(TryLockError::Error(error)) => Err(fault(error)),
    }
}

/// Gives a file to the user and the group that a folder belongs to. Only root can, and only for root there is a difference.
pub(crate) fn give_to_owner_of(folder: &Path, file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        let (folder, now) = (std::fs::metadata(folder)?, std::fs::metadata(file)?);
        if folder.uid() != now.uid() {
            return chown(file, Some(folder.uid()), Some(folder.gid()));
        }
    }
    #[cfg(not(unix))]
    let _ = (folder, file);
    Ok(())
}

/// Takes away the access that others have to a file, if there is one.
pub(crate) fn close_to_others(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = match std::fs::metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata?,
        };
        let mode = metadata.permissions().mode();
        if mode & 0o077 != 0 {
            std::fs::set_permissions(file, PermissionsExt::from_mode(mode & 0o7700))?;
        }
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
