//! Users of the Vault and of the Keystore belong together: who is deleted in one is deleted in the other. There is no
//! transaction over both databases, so that the Vault notes whom the Keystore still has to delete, together with its own
//! deletion.

use super::{
    Vault, deletion,
    records::users::{self, VaultAccount},
};
use crate::{auth, error::Result, service::Service};

/// How many users are looked up in one statement.
const MAX_USERS_PER_STATEMENT: usize = 500;

impl Vault {
    /// The users here of these users of the Keystore.
    pub(crate) async fn accounts_of(&self, keystore_user_ids: &[String]) -> Result<Vec<VaultAccount>> {
        users::accounts_of(&mut *self.store().read_once().await?, keystore_user_ids).await
    }

    /// The users of whom it is not known who they are in the Keystore.
    pub(crate) async fn accounts_without_keystore(&self) -> Result<Vec<VaultAccount>> {
        users::accounts_without_keystore(&mut *self.store().read_once().await?).await
    }

    /// Finds out who users are in the Keystore that a server of before did not note.
    pub(crate) async fn link_to_keystore(&self) -> Result<()> {
        let unlinked = self.accounts_without_keystore().await?;
        let deks: Vec<String> = unlinked.iter().filter_map(|user| user.private_dek_external_id.clone()).collect();
        for deks in deks.chunks(MAX_USERS_PER_STATEMENT) {
            let owners = self.keystore_accounts().owners_of_deks(deks).await?;
            let mut tx = self.store().write().await?;
            for (dek, keystore_user_id) in owners {
                users::link(&mut tx, &dek, &keystore_user_id).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Has users not sign in any more and ends their sessions, or allows it again.
    pub(crate) async fn set_disabled(&self, keystore_user_id: &str, is_disabled: bool) -> Result<()> {
        let mut tx = self.store().write().await?;
        users::set_disabled(&mut tx, keystore_user_id, is_disabled.then(|| self.clock().now())).await?;
        if is_disabled {
            for id in users::ids_of(&mut tx, keystore_user_id).await? {
                auth::end_all_of(&mut tx, &id).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Deletes the users that a user of the Keystore is here, and the user there.
    pub(crate) async fn delete_account(&self, keystore_user_id: &str) -> Result<()> {
        let mut tx = self.store().write().await?;
        let ids = users::ids_of(&mut tx, keystore_user_id).await?;
        for id in &ids {
            deletion::begin(&mut tx, id, self).await?;
        }
        tx.commit().await?;
        for id in &ids {
            deletion::empty(self, id).await?;
        }
        let mut tx = self.store().write().await?;
        for id in users::ids_of(&mut tx, keystore_user_id).await? {
            deletion::delete(&mut tx, &id, self.clock()).await?;
        }
        users::depart(&mut tx, keystore_user_id).await?;
        tx.commit().await?;
        self.delete_departed().await
    }

    /// Deletes in the Keystore who is no longer here.
    pub(crate) async fn delete_departed(&self) -> Result<()> {
        let departed = users::departed(&mut *self.store().read_once().await?).await?;
        for ids in departed.chunks(MAX_USERS_PER_STATEMENT) {
            self.keystore_accounts().delete_users(ids).await?;
            let mut tx = self.store().write().await?;
            users::forget_departed(&mut tx, ids).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}
