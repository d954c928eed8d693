//! The owner's own note of having permitted an item to be shared on, read before a refresh. Whether a recipient may
//! share on is not checked here, nor by the recipient's client, but by the server.
//!
//! A refresh encrypts an item for everyone the server lists. A connection's key can be checked without the server; the
//! key of an on-share's recipient, whom the user does not know, cannot. So that a server cannot invent one, the user
//! records the permission when giving it: encrypted and authenticated under the user's DEK, bound to this place, in the
//! metadata of the user's own key pair of the connection, where every client of the user finds it.

use serde_json::Value;

use super::{Page, PageRequest, Session};
use crate::{
    api::{
        Id, JsonObject, keystore,
        vault::{
            connections::Connection,
            items::Item,
            shares::{OutgoingFilter, Share},
        },
    },
    crypto::DataKey,
    error::{Error, ErrorCode, Result},
};

/// The field of a key pair's metadata that holds the encrypted list of item ids.
const PERMISSIONS: &str = "vaultshare_on_sharing";

impl Session {
    /// Records that the other side of a connection may share an own item on. Call it before the share is created: a
    /// permission without a share permits nothing, a share without its permission would leave its on-shares out of
    /// every refresh.
    pub(super) async fn permit_on_sharing(&self, connection: &Connection, item: &Item) -> Result<()> {
        if !item.own {
            let message = "only the owner of an item can permit that it be shared on";
            return Err(Error::new(ErrorCode::OnSharingNotPermitted, message));
        }
        let keys = self.keys()?;
        let Some(keypair_id) = connection.own.user_keypair_external_id.as_deref() else { return Ok(()) };
        let mut metadata = keystore::keypairs::get(self.keystore(), keypair_id).await?.metadata;
        let mut permitted = read_permissions(&keys.dek, keypair_id, &metadata).await;
        if permitted.contains(&item.id) {
            return Ok(());
        }
        permitted.push(item.id.clone());
        let permissions = serde_json::to_vec(&permitted).map_err(|_| Error::internal("ids could not be serialized"))?;
        let envelope = keys.dek.encrypt_note(&permissions, &additional_data(keypair_id)).await?;
        metadata.insert(PERMISSIONS.to_owned(), envelope.into());
        keystore::keypairs::set_metadata(self.keystore(), keypair_id, metadata, None).await.map(drop)
    }

    /// Whether the user permitted anybody to share this item on. The server names the shares to look at; only the
    /// recorded permissions decide.
    pub(super) async fn is_on_sharing_permitted(&self, item_id: &Id, connections: &[Connection]) -> Result<bool> {
        let keys = self.keys()?;
        let filter = OutgoingFilter { item_ids: vec![item_id.clone()], ..OutgoingFilter::default() };
        let all = PageRequest { all: true, ..PageRequest::default() };
        let Page { entries: shares, .. } = self.outgoing_shares(&filter, &all).await?;
        for share in shares.iter().filter(|share| share.permits_on_sharing()) {
            let Some(keypair_id) = own_key_pair_with(share, connections) else { continue };
            let metadata = keystore::keypairs::get(self.keystore(), keypair_id).await?.metadata;
            if read_permissions(&keys.dek, keypair_id, &metadata).await.contains(item_id) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn own_key_pair_with<'a>(share: &Share, connections: &'a [Connection]) -> Option<&'a str> {
    let connection = connections.iter().find(|connection| connection.the_other_user.user_id == share.recipient_id)?;
    connection.own.user_keypair_external_id.as_deref()
}

/// The items that a key pair's metadata permits. What cannot be decrypted, or belongs to another key pair, permits
/// nothing.
async fn read_permissions(dek: &DataKey, keypair_id: &str, metadata: &JsonObject) -> Vec<Id> {
    let Some(envelope) = metadata.get(PERMISSIONS).and_then(Value::as_str) else { return Vec::new() };
    let permissions = dek.decrypt_note(envelope, &additional_data(keypair_id)).await;
    permissions.ok().and_then(|permissions| serde_json::from_slice(&permissions).ok()).unwrap_or_default()
}

/// Binds the envelope to the metadata of one key pair.
fn additional_data(keypair_id: &str) -> String {
    format!("vaultshare/on-sharing/{keypair_id}")
}
