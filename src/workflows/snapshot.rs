//! A session in a file, between two runs of a command line. Not in the browser's build, where no key leaves memory.

use zeroize::Zeroizing;

use super::{Client, Session, login, session::UserKeys};
use crate::{
    api::vault,
    crypto::{DataKey, KeyEncryptionKey, Spelling, UserSecret},
    error::{Error, Result},
};

/// All that [`Client::restore`] needs. Whoever has it is the user.
pub struct SessionSnapshot {
    /// `1.username.groups`.
    pub secret: Zeroizing<String>,
    /// base64url.
    pub key_encryption_key: Zeroizing<String>,
    /// The private DEK, base64url.
    pub data_encryption_key: Zeroizing<String>,
    /// Fingerprint of the key pair that signs the user in to the Vault; fetched where absent, as in files of other tools.
    pub login_key: Option<String>,
    /// The Keystore's session token.
    pub keystore_access_token: Zeroizing<String>,
    /// The Vault's session token.
    pub vault_access_token: Zeroizing<String>,
}

impl Session {
    /// The keys and tokens in the clear.
    pub fn export(&self) -> Result<SessionSnapshot> {
        let keys = self.keys()?;
        let no_token = || Error::internal("the session has no token");
        Ok(SessionSnapshot {
            secret: self.secret()?,
            key_encryption_key: keys.kek.to_base64url(),
            data_encryption_key: keys.dek.to_base64url(),
            login_key: Some(keys.login_key.clone()),
            keystore_access_token: self.keystore().token().ok_or_else(no_token)?,
            vault_access_token: self.vault().token().ok_or_else(no_token)?,
        })
    }
}

impl Client {
    /// Resumes an exported session. `UNAUTHORIZED` where its tokens have expired.
    pub async fn restore(&self, snapshot: SessionSnapshot) -> Result<Session> {
        let services = self.for_one_user();
        let secret = Some(UserSecret::parse(&snapshot.secret)?);
        // Private DEK and login key, which alone are stricter in a strict account, are not unwrapped again.
        let kek = KeyEncryptionKey::from_base64url(&snapshot.key_encryption_key, true)?;
        let dek = DataKey::from_base64url(&snapshot.data_encryption_key)?;
        services.vault.set_token(snapshot.vault_access_token);
        services.keystore.set_token(snapshot.keystore_access_token);
        let user = vault::me::get(&services.vault).await?;
        let login_key = match snapshot.login_key {
            Some(login_key) => login_key,
            None => {
                // Whether the account is strict is not known, and does not matter: in a strict one no other key pair can be
                // taken for this one.
                let kek = KeyEncryptionKey::from_base64url(&snapshot.key_encryption_key, false)?;
                let record = login::authentication_key_pair(&services.keystore).await?;
                login::unwrap(&kek, &record).await?.fingerprint()
            }
        };
        let (spelling, server) = (Spelling::AsTyped, None);
        Ok(Session::new(services, user.id, UserKeys { secret, kek, dek, login_key, spelling, server }))
    }
}
