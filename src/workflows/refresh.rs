//! Re-encrypting an item for its recipients after a change: what the `update_item_shares` task asks for.
//! `docs/protocol/http-api.md` §9.2 and §9.3.

use std::collections::{BTreeMap, HashMap};

use futures_util::try_join;
use serde::Serialize;

use super::{
    Item, ProgressListener, Session, Slot,
    concurrency::join_all,
    connections::public_key,
    encrypt::{ciphertext, encrypt_for_share},
};
use crate::{
    api::{
        Id,
        vault::{
            self,
            connections::Connection,
            shares::{ItemShare, ItemSharesRefresh, ShareDek, ShareSlotValue},
        },
    },
    crypto::{DataKey, PublicKey},
    error::{Error, ErrorCode, Result},
};

/// Estimated bytes of one request's body. The shares are split into as many requests as that takes, so that neither
/// memory nor the server's body limit bounds their number.
const BYTES_PER_REQUEST: usize = 2 * 1024 * 1024;

/// Estimate of what a share adds to a body besides its values.
const BYTES_PER_SHARE: usize = 1024;

/// Estimate of what a value adds besides its ciphertexts.
const BYTES_PER_VALUE: usize = 256;

/// How often a refresh is attempted of an item that changes meanwhile.
const MAX_ATTEMPTS: usize = 5;

/// What a refresh did. Serialized, it is the report of the client task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refreshed {
    /// Shares that the item was re-encrypted for.
    pub shares: usize,
    /// Those of them that are on-shares, to users whom only the server and the on-sharer vouch for.
    pub on_shares: usize,
    /// Shares skipped, because their key is not of a connection and the user permitted no on-sharing.
    pub left_out: usize,
}

/// A share with the public key that its DEK is encrypted for.
struct Recipient {
    share: ItemShare,
    key: PublicKey,
}

impl Session {
    /// Re-encrypts an own item, under one fresh DEK, for everyone it is shared with.
    ///
    /// The recipients and their public keys come from the server, which could invent one. Therefore a key counts only
    /// if it is that of a connection, or if the user permitted on-sharing of the item (see `on_sharing`); the others
    /// are reported as left out.
    ///
    /// If another client changes the item meanwhile, the refresh is repeated: in a race of two clients, the slower one
    /// would otherwise overwrite new values with old ones.
    pub async fn refresh_shares(&self, item_id: &Id, progress: &ProgressListener) -> Result<Refreshed> {
        self.keys()?;
        progress.report("fetching item and shares", 0, 3);
        let mut item = self.get_item(item_id).await?;
        for _ in 0..MAX_ATTEMPTS {
            let refreshed = self.refresh_once(&item, progress).await?;
            if refreshed.shares == 0 {
                return Ok(refreshed);
            }
            let now = self.get_item(item_id).await?;
            if is_same(&item, &now) {
                progress.report("updated", 3, 3);
                return Ok(refreshed);
            }
            item = now;
        }
        Err(Error::new(ErrorCode::Conflict, "the item keeps changing while its shares are updated"))
    }

    async fn refresh_once(&self, item: &Item, progress: &ProgressListener) -> Result<Refreshed> {
        if !item.record.own {
            return Err(Error::new(ErrorCode::NotOwner, "only the item's owner may do this"));
        }
        let (recipients, refreshed) = self.recipients_of(&item.record.id).await?;
        if recipients.is_empty() {
            return Ok(refreshed);
        }
        progress.report("encrypting", 1, 3);
        let dek = DataKey::generate()?;
        let values = encrypt_for_share(&dek, true, item.slots.iter().collect()).await?;
        progress.report("updating the shares", 2, 3);
        for recipients in recipients.chunks(shares_per_request(&values)) {
            let change = refresh_request(&dek, &values, recipients).await?;
            // Serializing it takes some ten milliseconds.
            self.pause().await;
            vault::shares::update_of_item(self.vault(), &item.record.id, &change).await?;
        }
        Ok(refreshed)
    }

    /// The recipients that count, and their numbers.
    async fn recipients_of(&self, item_id: &Id) -> Result<(Vec<Recipient>, Refreshed)> {
        let (shares, connections) = try_join!(vault::shares::of_item(self.vault(), item_id), self.all_connections())?;
        self.pause().await;
        let known_keys = self.recipient_keys(&connections);
        let mut recipients = Vec::with_capacity(shares.len());
        let mut unknown = Vec::new();
        for share in *shares {
            match known_keys.get(share.public_key.as_str()) {
                Some(key) => recipients.push(Recipient { key: key.clone(), share }),
                None => unknown.push(share),
            }
        }
        let mut refreshed = Refreshed { left_out: unknown.len(), ..Refreshed::default() };
        if !unknown.is_empty() && self.is_on_sharing_permitted(item_id, &connections).await? {
            // One malformed key must not keep the other recipients from their update.
            for share in unknown {
                if let Ok(key) = public_key(&share.public_key) {
                    recipients.push(Recipient { key, share });
                    refreshed.on_shares += 1;
                    refreshed.left_out -= 1;
                }
            }
        }
        refreshed.shares = recipients.len();
        Ok((recipients, refreshed))
    }

    /// The other sides' public keys by their PEM; without those that are refused.
    fn recipient_keys<'a>(&self, connections: &'a [Connection]) -> BTreeMap<&'a str, PublicKey> {
        let key_of = |connection: &'a Connection| {
            let key = self.recipient_key(connection).ok()?;
            Some((connection.the_other_user.user_public_key.as_str(), key))
        };
        connections.iter().filter_map(key_of).collect()
    }
}

fn shares_per_request(values: &[ShareSlotValue]) -> usize {
    let length = |value: &ShareSlotValue| {
        let value_length = value.encrypted_value.as_ref().map_or(0, |value| value.as_str().len());
        let key_length = value.encrypted_value_verification_key.as_ref().map_or(0, |key| key.as_str().len());
        value_length + key_length + BYTES_PER_VALUE
    };
    let bytes_per_share = values.iter().map(length).sum::<usize>() + BYTES_PER_SHARE;
    (BYTES_PER_REQUEST / bytes_per_share).max(1)
}

/// All shares get the same ciphertexts of the values; only the DEK is encrypted for each recipient.
async fn refresh_request<'a>(
    dek: &DataKey,
    values: &'a [ShareSlotValue],
    recipients: &'a [Recipient],
) -> Result<ItemSharesRefresh<'a>> {
    let encrypted_deks = join_all(recipients.iter().map(|recipient| recipient.key.wrap_data_key(dek))).await;
    let mut share_deks = Vec::with_capacity(recipients.len());
    for (recipient, encrypted_dek) in recipients.iter().zip(encrypted_deks) {
        share_deks.push(ShareDek {
            share_id: recipient.share.id.clone(),
            dek: ciphertext(encrypted_dek?)?,
            grant: None,
        });
    }
    let mut slot_values = Vec::with_capacity(recipients.len() * values.len());
    for Recipient { share, .. } in recipients {
        for value in values {
            if share.slot_id.is_none() || share.slot_id == value.slot_id {
                slot_values.push(value.of_share(&share.id));
            }
        }
    }
    Ok(ItemSharesRefresh { share_deks, slot_values, client_tasks: Vec::new() })
}

/// Whether an item is unchanged. Each change encrypts the value anew, so that comparing ciphertexts is enough.
fn is_same(one: &Item, other: &Item) -> bool {
    let others: HashMap<&Id, &Slot> = other.slots.iter().map(|slot| (&slot.record.id, slot)).collect();
    let is_unchanged = |slot: &Slot| {
        others.get(&slot.record.id).is_some_and(|same| {
            same.record.label == slot.record.label && same.record.encrypted_value == slot.record.encrypted_value
        })
    };
    one.record.label == other.record.label && one.slots.len() == other.slots.len() && one.slots.iter().all(is_unchanged)
}
