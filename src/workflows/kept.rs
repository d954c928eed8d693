//! A session that a command line keeps in a file between its runs. Not in the browser's build, where keys never leave.

use zeroize::Zeroizing;

use super::{Client, Session};
use crate::{
    api::vault,
    crypto::{DataKey, KeyEncryptionKey, UserSecret},
    error::{Error, Result},
};

/// All that a session consists of, as text. Whoever has it is the user.
pub struct KeptSession {
    /// The user's secret.
    pub secret: Zeroizing<String>,
    /// The KEK, base64url.
    pub key_encryption_key: Zeroizing<String>,
    /// The private DEK, base64url.
    pub data_encryption_key: Zeroizing<String>,
    /// The Keystore's session token.
    pub keystore_access_token: Zeroizing<String>,
    /// The Vault's session token.
    pub vault_access_token: Zeroizing<String>,
}

impl Session {
    /// Everything that [`Client::resume`] needs to go on with this session.
    pub fn keep(&self) -> Result<KeptSession> {
        let keys = self.keys()?;
        let no_token = || Error::internal("the session has no token");
        Ok(KeptSession {
            secret: Zeroizing::new(keys.secret.as_str().to_owned()),
            key_encryption_key: keys.kek.to_base64url(),
            data_encryption_key: keys.dek.to_base64url(),
            keystore_access_token: self.keystore().token().ok_or_else(no_token)?,
            vault_access_token: self.vault().token().ok_or_else(no_token)?,
        })
    }

    /// The user's record in the Vault, as it is now.
    pub async fn user(&self) -> Result<Box<vault::me::User>> {
        self.keys()?;
        vault::me::get(self.vault()).await
    }
}

impl Client {
    /// Goes on with a session that was kept. `UNAUTHORIZED` where its tokens have expired.
    pub async fn resume(&self, kept: KeptSession) -> Result<Session> {
        let newcomer = self.for_one_user();
        let secret = UserSecret::parse(&kept.secret)?;
        let kek = KeyEncryptionKey::from_base64url(&kept.key_encryption_key)?;
        let dek = DataKey::from_base64url(&kept.data_encryption_key)?;
        newcomer.vault.set_token(kept.vault_access_token);
        newcomer.keystore.set_token(kept.keystore_access_token);
        let user = vault::me::get(&newcomer.vault).await?;
        Ok(Session::new((newcomer.vault, newcomer.keystore), user.id, newcomer.key_pairs, (secret, kek, dek)))
    }
}
