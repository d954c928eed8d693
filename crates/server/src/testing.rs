//! A server for a test, on databases in a temporary folder. Compiled with the feature `testing` only.

use std::{ops::Deref, path::Path};

use crate::{
    App, Config,
    error::{Error, Result},
};

/// A temporary folder, removed with its content when dropped.
pub use tempfile::TempDir as Folder;

/// A server whose databases are removed when it is dropped.
pub struct FreshServer {
    app: App,
    folder: Folder,
}

/// Opens a new and empty server.
pub async fn fresh_server() -> Result<FreshServer> {
    let folder = Folder::new().map_err(Error::fault)?;
    server(Config::new(folder.path()), folder).await
}

/// Opens a server with this configuration; `folder` is removed when the server is dropped.
pub async fn server(config: Config, folder: Folder) -> Result<FreshServer> {
    let app = crate::open(config).await?;
    Ok(FreshServer { app, folder })
}

impl FreshServer {
    /// The folder of the databases.
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
