//! A server of its own for a test, in one line, that leaves nothing behind.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
};

use crate::{
    App, Config,
    error::{Error, Result},
};

/// A server on databases in a folder of its own, which goes when this goes.
pub struct FreshServer {
    app: App,
    folder: Folder,
}

/// Opens a new and empty server.
pub async fn fresh_server() -> Result<FreshServer> {
    let folder = Folder::new()?;
    server(Config::new(folder.path()), folder).await
}

/// Opens a server that was configured otherwise, on a folder that goes when the server goes.
pub async fn server(config: Config, folder: Folder) -> Result<FreshServer> {
    let app = crate::open(config).await?;
    Ok(FreshServer { app, folder })
}

impl FreshServer {
    /// Where the databases are.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }
}

impl Deref for FreshServer {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

/// A folder that is removed with everything in it when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder among the system's temporary files.
    pub fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("vaultshare-{}", crate::store::new_id()));
        std::fs::create_dir_all(&path).map_err(Error::fault)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system, which clears temporary files away.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
