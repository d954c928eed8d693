//! A server for a test, on databases in a temporary folder. Compiled with the feature `testing` only.

use std::{ops::Deref, path::Path};

use crate::{
    App, Config,
    error::{Error, Result},
    service::Service,
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
    /// Copies an item so many times, without its values, and the shares of it with the first thousand: what a user has
    /// after years, in a moment.
    pub async fn copy_items(&self, id: &str, count: u32) -> Result<()> {
        let mut tx = self.app.vault.store().write().await?;
        let copy = "INSERT INTO items (id, user_id, owner_id, template_id, template_label, name, label, created_at,
             updated_at, sequence)
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2)
             SELECT lower(hex(randomblob(16))), user_id, owner_id, template_id, template_label, 'copy', label, created_at,
             updated_at, sequence - n FROM items, numbers WHERE id = $1";
        sqlx::query(copy).bind(id).bind(i64::from(count)).execute(&mut *tx).await?;
        let share = "INSERT INTO shares (id, item_id, owner_id, sender_id, recipient_id, public_key, keypair_external_id,
             encrypted_dek, acceptance_required, onsharing_permitted, created_at, owners_grant, sequence)
             SELECT lower(hex(randomblob(16))), copies.id, shares.owner_id, sender_id, recipient_id, public_key,
             keypair_external_id, encrypted_dek, acceptance_required, onsharing_permitted, shares.created_at, owners_grant,
             copies.sequence FROM shares, (SELECT id, sequence FROM items WHERE name = 'copy' LIMIT 1000) AS copies
             WHERE shares.item_id = $1";
        sqlx::query(share).bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

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
