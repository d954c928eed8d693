//! Secrets of a service itself, generated at its first start.

use base64ct::{Base64UrlUnpadded, Encoding};

use super::Store;
use crate::{
    error::{Error, Result},
    token,
};

/// The secret of this name; generated and stored if there is none yet.
pub(crate) async fn find_or_generate(store: &Store, name: &str) -> Result<[u8; 32]> {
    let fresh = Base64UrlUnpadded::encode_string(&token::random::<32>().map_err(Error::fault)?);
    let mut tx = store.write().await?;
    sqlx::query("INSERT INTO server_secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(fresh)
        .execute(&mut *tx)
        .await?;
    let stored: String =
        sqlx::query_scalar("SELECT value FROM server_secrets WHERE name = $1").bind(name).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    let bytes = Base64UrlUnpadded::decode_vec(&stored).map_err(Error::fault)?;
    bytes.try_into().map_err(|_| Error::fault("a secret of the server has the wrong length"))
}
