//! What the user permitted to be shared on, in the user's own hand.
//!
//! A refresh encrypts an item for everyone the server lists. For a connection's key the user need not take the server's
//! word; for the recipient of an on-share, whom the user does not know, there is nothing else. So that a server cannot
//! invent one, the user notes the permission when giving it: sealed under the user's DEK, for this one place, in the
//! metadata of the user's own key pair of the connection, where every client of the user finds it.

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
    http::{Flaws, FromJson, Json, JsonText},
};

/// The field of a key pair's metadata that holds the note.
const NOTE: &str = "vaultshare_on_sharing";

impl Session {
    /// Notes that the other side of a connection may share an own item on. Before the share is made: a note without a share
    /// permits nothing, a share without its note would keep those it is shared on to from every update.
    pub(super) async fn note_on_sharing(&self, connection: &Connection, item: &Item) -> Result<()> {
        if !item.own {
            let message = "only the owner of an item can permit that it be shared on";
            return Err(Error::new(ErrorCode::OnSharingNotPermitted, message));
        }
        let keys = self.keys()?;
        let Some(keypair_id) = connection.own.user_keypair_external_id.as_deref() else { return Ok(()) };
        let metadata = keystore::keypairs::get(self.keystore(), keypair_id).await?.metadata;
        let mut permitted = read_note(&keys.dek, keypair_id, &metadata).await;
        if permitted.contains(&item.id) {
            return Ok(());
        }
        permitted.push(item.id.clone());
        let note = JsonText::of(&permitted).into_bytes();
        let metadata = metadata.with_text(NOTE, keys.dek.encrypt_note(&note, &place(keypair_id)).await?);
        keystore::keypairs::set_metadata(self.keystore(), keypair_id, metadata).await.map(drop)
    }

    /// Whether the user permitted that somebody share this item on. The server says whom to ask about; the notes decide.
    pub(super) async fn permitted_on_sharing(&self, item_id: &Id, connections: &[Connection]) -> Result<bool> {
        let keys = self.keys()?;
        let filter = OutgoingFilter { item_ids: vec![item_id.clone()], ..OutgoingFilter::default() };
        let all = PageRequest { all: true, ..PageRequest::default() };
        let Page { entries: shares, .. } = self.outgoing_shares(&filter, &all).await?;
        for share in shares.iter().filter(|share| share.permits_on_sharing()) {
            let Some(keypair_id) = own_key_pair_with(share, connections) else { continue };
            let metadata = keystore::keypairs::get(self.keystore(), keypair_id).await?.metadata;
            if read_note(&keys.dek, keypair_id, &metadata).await.contains(item_id) {
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

/// The items in a key pair's note. One that cannot be read, or is another key pair's, permits nothing.
async fn read_note(dek: &DataKey, keypair_id: &str, metadata: &JsonObject) -> Vec<Id> {
    let Some(envelope) = metadata.text(NOTE) else { return Vec::new() };
    let note = dek.decrypt_note(&envelope, &place(keypair_id)).await;
    note.ok().and_then(|note| read_ids(&note)).unwrap_or_default()
}

fn read_ids(note: &[u8]) -> Option<Vec<Id>> {
    let mut flaws = Flaws::default();
    let ids = Vec::from_json(Json::parse(note)?, &mut flaws);
    flaws.first().is_none().then_some(ids)
}

fn place(keypair_id: &str) -> String {
    ["vaultshare/on-sharing/", keypair_id].concat()
}
