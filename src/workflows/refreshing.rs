//! Bringing the shares of an item up to date after a change: what the `update_item_shares` task asks for.
//! `protocol/http-api.md` §9.2 and §9.3.

use futures_util::try_join;

use super::{
    Item, ProgressListener, Session, Slot,
    connections::public_key,
    sealing::{ciphertext, seal_for_share},
    together::Together,
};
use crate::{
    api::{
        ByName, Id,
        vault::{
            self,
            connections::Connection,
            shares::{ItemShare, ItemSharesRefresh, ShareDek, ShareSlotValue},
        },
    },
    crypto::{DataKey, PublicKey},
    error::{Error, ErrorCode, Result},
    http::ToJson,
};

/// How many bytes of values one request carries, about: the shares go in as many requests as that takes, so that neither
/// memory nor the server's limit on bodies bounds their number.
const BYTES_PER_REQUEST: usize = 2 * 1024 * 1024;

/// What a share costs in a request besides its values.
const BYTES_PER_SHARE: usize = 1024;

/// What a value costs besides its ciphertexts.
const BYTES_PER_VALUE: usize = 256;

/// How often an item that changes while it is refreshed is refreshed again.
const MOST_ATTEMPTS: usize = 5;

/// What a refresh did; as JSON it is what its client task reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToJson)]
pub struct Refreshed {
    /// For how many shares the item was re-encrypted.
    pub shares: usize,
    /// How many of these are on-shares, to users whom only the server and the on-sharer vouch for.
    pub on_shares: usize,
    /// How many were left as they were: their key is not of a connection, and the user permitted no on-sharing.
    pub left_out: usize,
}

/// A share with the key that its DEK is to be encrypted for.
struct Recipient {
    share: ItemShare,
    key: PublicKey,
}

impl Session {
    /// Re-encrypts an own item, under one fresh DEK, for everyone it is shared with.
    ///
    /// Who they are and what their keys are is the server's word, and it could name a recipient of its own making.
    /// Therefore a key counts if it is that of a connection, or if the user noted that the item may be shared on (see
    /// `on_sharing`); the others are reported as left out.
    ///
    /// An item that changed meanwhile, through another client, is refreshed again, so that the slower of two clients cannot
    /// put old values in the place of new ones.
    pub async fn refresh_shares(&self, item_id: &Id, progress: &ProgressListener) -> Result<Refreshed> {
        self.keys()?;
        progress.report("fetching item and shares", 0, 3);
        let mut item = self.get_item(item_id).await?;
        for _ in 0..MOST_ATTEMPTS {
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
        let sealed = seal_for_share(&dek, true, item.slots.iter().collect()).await?;
        progress.report("updating the shares", 2, 3);
        for recipients in recipients.chunks(shares_per_request(&sealed)) {
            let change = change_for(&dek, &sealed, recipients).await?;
            // Writing it takes some ten milliseconds, as does reading the keys.
            self.pause().await;
            vault::shares::update_of_item(self.vault(), &item.record.id, &change).await?;
        }
        Ok(refreshed)
    }

    /// For whom the item is re-encrypted, and how many that makes.
    async fn recipients_of(&self, item_id: &Id) -> Result<(Vec<Recipient>, Refreshed)> {
        let (shares, connections) = try_join!(vault::shares::of_item(self.vault(), item_id), self.all_connections())?;
        self.pause().await;
        let known_keys = self.keys_of(&connections);
        let mut recipients = Vec::with_capacity(shares.len());
        let mut unknown = Vec::new();
        for share in *shares {
            match known_keys.get(&share.public_key) {
                Some(key) => recipients.push(Recipient { key: key.clone(), share }),
                None => unknown.push(share),
            }
        }
        let mut refreshed = Refreshed { left_out: unknown.len(), ..Refreshed::default() };
        if !unknown.is_empty() && self.permitted_on_sharing(item_id, &connections).await? {
            // One recipient with a bad key must not keep the others from their update.
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

    /// The keys of the other sides, by their text.
    fn keys_of(&self, connections: &[Connection]) -> ByName<PublicKey> {
        let mut keys = ByName::default();
        for connection in connections {
            if let Ok(key) = self.recipient_key(connection) {
                keys.insert(&connection.the_other_user.user_public_key, key);
            }
        }
        keys
    }
}

fn shares_per_request(sealed: &[ShareSlotValue]) -> usize {
    let length = |value: &ShareSlotValue| {
        let value_length = value.encrypted_value.as_ref().map_or(0, |value| value.as_str().len());
        let key_length = value.encrypted_value_verification_key.as_ref().map_or(0, |key| key.as_str().len());
        value_length + key_length + BYTES_PER_VALUE
    };
    let bytes_per_share = sealed.iter().map(length).sum::<usize>() + BYTES_PER_SHARE;
    (BYTES_PER_REQUEST / bytes_per_share).max(1)
}

/// The values are sealed once, whatever the number of shares; what is made for each recipient is the DEK.
async fn change_for<'a>(
    dek: &DataKey,
    sealed: &'a [ShareSlotValue],
    recipients: &'a [Recipient],
) -> Result<ItemSharesRefresh<'a>> {
    let mut sealed_deks = vec![Err(Error::internal("a DEK was not sealed")); recipients.len()];
    let mut sealing = Together::default();
    for (recipient, place) in recipients.iter().zip(&mut sealed_deks) {
        sealing.add(async { *place = recipient.key.wrap_data_key(dek).await.and_then(ciphertext) });
    }
    sealing.all().await;
    let mut share_deks = Vec::with_capacity(recipients.len());
    for (recipient, dek) in recipients.iter().zip(sealed_deks) {
        share_deks.push(ShareDek { share_id: recipient.share.id.clone(), dek: dek? });
    }
    let mut slot_values = Vec::with_capacity(recipients.len() * sealed.len());
    for Recipient { share, .. } in recipients {
        for value in sealed {
            if share.slot_id.is_none() || share.slot_id == value.slot_id {
                slot_values.push(value.of_share(&share.id));
            }
        }
    }
    Ok(ItemSharesRefresh { share_deks, slot_values, client_tasks: Vec::new() })
}

/// Whether two readings of an item found the same. Each change seals the value anew, so ciphertexts tell.
fn is_same(one: &Item, other: &Item) -> bool {
    let is_there = |slot: &Slot| {
        let same = other.slots.iter().find(|candidate| candidate.record.id == slot.record.id);
        same.is_some_and(|same| {
            same.record.label == slot.record.label && same.record.encrypted_value == slot.record.encrypted_value
        })
    };
    one.record.label == other.record.label && one.slots.len() == other.slots.len() && one.slots.iter().all(is_there)
}
