//! What an operator does with users, over both services: the commands `users …`. They may run beside the server.

use crate::{
    App,
    clock::to_wire,
    error::{Code, Error, Result},
    keystore::accounts::Account,
};

/// A user as an operator sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUser {
    /// The name they sign in with; none for a user of the Vault who is not known in the Keystore.
    pub username: Option<String>,
    /// When they signed up.
    pub created_at: String,
    /// Whether they were disabled.
    pub is_disabled: bool,
    /// Their ids in the Vault: usually one, none for who stopped half-way.
    pub vault_ids: Vec<String>,
}

impl App {
    /// The users behind this name in the order of names, some at a time; an empty list is the end. The first are behind "".
    pub async fn users_after(&self, username: &str) -> Result<Vec<ListedUser>> {
        let accounts = self.keystore.accounts_after(username).await?;
        let ids: Vec<String> = accounts.iter().map(|account| account.id.clone()).collect();
        let in_vault = self.vault.accounts_of(&ids).await?;
        let listed = |account: Account| ListedUser {
            vault_ids: in_vault
                .iter()
                .filter(|user| user.keystore_user_id.as_deref() == Some(account.id.as_str()))
                .map(|user| user.id.clone())
                .collect(),
            username: Some(account.username),
            created_at: to_wire(account.created_at),
            is_disabled: account.disabled_at.is_some(),
        };
        Ok(accounts.into_iter().map(listed).collect())
    }

    /// The users of the Vault of whom it is not known who they are in the Keystore: a server of before did not note it, and
    /// they did not get to their first key.
    pub async fn users_of_the_vault_alone(&self) -> Result<Vec<ListedUser>> {
        let users = self.vault.accounts_without_keystore().await?.into_iter().map(|user| ListedUser {
            username: None,
            created_at: to_wire(user.created_at),
            is_disabled: false,
            vault_ids: vec![user.id],
        });
        Ok(users.collect())
    }

    /// Has a user not sign in any more and ends their sessions; or allows it again.
    pub async fn set_user_disabled(&self, username: &str, is_disabled: bool) -> Result<()> {
        let id = self.find_user(username).await?;
        self.keystore.set_disabled(&id, is_disabled).await?;
        self.vault.set_disabled(&id, is_disabled).await
    }

    /// Deletes a user in both services, with all that is theirs.
    pub async fn delete_user(&self, username: &str) -> Result<()> {
        let id = self.find_user(username).await?;
        self.vault.delete_account(&id).await
    }

    /// Makes an invitation to sign up: its token, and until when it is good.
    pub async fn invite_user(&self) -> Result<(String, String)> {
        let (token, expires_at) = self.keystore.invite().await?;
        Ok((token, to_wire(expires_at)))
    }

    async fn find_user(&self, username: &str) -> Result<String> {
        let not_found = || Error::refused(Code::InvalidUsername, format!("there is no user {username}"));
        self.keystore.find_user(username).await?.ok_or_else(not_found)
    }
}
