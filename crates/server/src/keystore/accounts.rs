//! What the operator and the Vault do with users of the Keystore.

use std::sync::Arc;

use super::{
    Keystore, deletion,
    records::{keys, sign_up_invitations, users},
};
use crate::{
    auth,
    clock::{Millis, millis},
    error::{Error, Result},
    rate_limit::RateLimits,
    service::{Accounts, BoxFuture, Service},
    store::Store,
    token,
};

pub(crate) use super::records::users::Account;

/// The Keystore's users as the Vault may have them: made before the Keystore, which needs the Vault.
pub(crate) struct AccountsOf {
    pub(crate) store: Store,
    pub(crate) rate_limits: Arc<RateLimits>,
}

impl Accounts for AccountsOf {
    fn delete_users<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut tx = self.store.write().await?;
            deletion::delete(&mut tx, ids, &self.rate_limits).await?;
            Ok(tx.commit().await?)
        })
    }

    fn may_sign_in<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { users::may_sign_in(&mut *self.store.read_once().await?, id).await })
    }

    fn owners_of_deks<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<Vec<(String, String)>>> {
        Box::pin(async move { keys::owners_of_deks(&mut *self.store.read_once().await?, ids).await })
    }
}

impl Keystore {
    /// The users behind this name, in its order.
    pub(crate) async fn accounts_after(&self, username: &str) -> Result<Vec<Account>> {
        users::accounts_after(&mut *self.store().read_once().await?, username).await
    }

    /// The id of the user of this name.
    pub(crate) async fn find_user(&self, username: &str) -> Result<Option<String>> {
        users::id_of(&mut *self.store().read_once().await?, username).await
    }

    /// Has a user not sign in any more and ends their sessions, or allows it again.
    pub(crate) async fn set_disabled(&self, user_id: &str, is_disabled: bool) -> Result<()> {
        let mut tx = self.store().write().await?;
        users::set_disabled(&mut tx, user_id, is_disabled.then(|| self.clock().now())).await?;
        if is_disabled {
            auth::end_all_of(&mut tx, user_id).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Makes an invitation to sign up: its token, and until when it is good.
    pub(crate) async fn invite(&self) -> Result<(String, Millis)> {
        let (token, now) = (token::generate().map_err(Error::fault)?, self.clock().now());
        let expires_at = now + millis(self.limits().invitation);
        let mut tx = self.store().write().await?;
        sign_up_invitations::insert(&mut tx, &token, now, expires_at).await?;
        tx.commit().await?;
        Ok((token, expires_at))
    }
}
