//! Deleting the account. `docs/protocol/http-api.md` §4.8 and §5.3, `docs/decisions/0021-deleting-an-account.md`.
//!
//! It is queued at both services, at the Vault first, and taken back at the Keystore first: whatever an attempt that was cut off
//! leaves behind, the keys do not go before the data that they open.

use super::{
    ProgressListener, Session,
    refusals::{expect_id, expect_time},
};
use crate::{
    api::{Timestamp, keystore, vault},
    crypto::UserSecret,
    error::{Error, ErrorCode, Result},
};

const STEPS: u64 = 2;

/// What comes of [`Session::delete_account`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDeletion {
    /// When it begins, RFC 3339. Until then the account is as it was, and can be kept.
    pub queued_for_deletion_after: Timestamp,
    /// Whether the Keystore deletes its part too. One of another make may have no such request: who signs in there, and the
    /// wrapped keys, stay until its operator deletes them.
    pub keystore_follows: bool,
}

impl Session {
    /// Has the account deleted, at both services, after the days that the Vault says. Every session stays as it is, and each of them
    /// can take it back. A session that was resumed does not have the user's secret, which is `given` then.
    ///
    /// Made again, the call finds what was queued, and the time of then.
    ///
    /// `LOGIN_FAILED` where secret and passphrase are not the user's; `NOT_FOUND` without a secret.
    pub async fn delete_account(
        &self,
        given: Option<UserSecret>,
        passphrase: &str,
        progress: &ProgressListener,
    ) -> Result<AccountDeletion> {
        let secret = self.secret_or(given)?;
        progress.report("checking the passphrase", 0, STEPS);
        self.check_passphrase(&secret, passphrase).await?;

        progress.report("queueing the deletion", 1, STEPS);
        // Asked for first: another Vault may give who is queued already a new time, or an error.
        let queued_for_deletion_after = match self.user().await?.queued_for_deletion_after {
            Some(after) => after,
            None => {
                let queued = vault::me::queue_deletion(self.vault()).await?;
                expect_id(self.user_id(), &queued.id)?;
                expect_time(&queued.queued_for_deletion_after)?;
                queued.queued_for_deletion_after
            }
        };
        let keystore_follows = is_known(keystore::users::queue_deletion(self.keystore()).await)?;
        progress.report("queued", STEPS, STEPS);
        Ok(AccountDeletion { queued_for_deletion_after, keystore_follows })
    }

    /// Takes that back. Where nothing is queued, nothing happens.
    pub async fn keep_account(&self) -> Result<()> {
        self.keys()?;
        is_known(keystore::users::cancel_deletion(self.keystore()).await)?;
        match vault::me::cancel_deletion(self.vault()).await {
            // Another Vault may say so of who is not queued.
            Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
            cancelled => cancelled.map(drop),
        }
    }
}

/// Whether the Keystore has such a request.
fn is_known(reply: Result<Box<()>>) -> Result<bool> {
    match reply {
        Ok(_) => Ok(true),
        Err(error) if is_unknown(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_unknown(error: &Error) -> bool {
    let is_bad = matches!(error.code(), ErrorCode::BadResponse | ErrorCode::NotFound);
    is_bad && matches!(error.status(), Some(404 | 405))
}
