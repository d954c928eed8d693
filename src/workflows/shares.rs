//! Sharing an item, and reading one that was shared: steps 18–29 of the guide. `protocol/http-api.md` §8 and §9.

use std::collections::HashMap;

use futures_util::{future::try_join_all, try_join};

use super::{
    Item, Page, PageRequest, ProgressListener, Session, Slot,
    opening::{self, ItemKey, bad_response, expect_id},
    pages::fetch_pages,
    sealing::ciphertext,
};
use crate::{
    api::{
        Id, PageQuery, Timestamp,
        vault::{
            self,
            shares::{
                Acceptance, IncomingFilter, ItemSharesChange, NewSharesRequest, OutgoingFilter, Share, ShareDek,
                ShareSlotValue, SharingMode,
            },
        },
    },
    crypto::{DataKey, VerificationKey},
    error::{Error, ErrorCode, Result},
};

/// A share to be made.
#[derive(Clone, Debug, Hash)]
pub struct NewShare {
    /// The user's own id of the item.
    pub item_id: Id,
    /// The user's own id of the connection with the recipient.
    pub connection_id: Id,
    /// Shares this one slot only.
    pub slot_id: Option<Id>,
    /// What the recipient agrees to.
    pub terms: Option<String>,
    /// Whether the recipient has to accept before reading; where absent, when there are terms.
    pub acceptance_required: Option<bool>,
    /// Whether the recipient may share on.
    pub on_sharing: bool,
    /// After which the recipient no longer has it.
    pub expires_at: Option<Timestamp>,
}

impl NewShare {
    /// A whole item for the other side of a connection, without terms, end, or the right to share on.
    pub fn new(item_id: Id, connection_id: Id) -> Self {
        NewShare {
            item_id,
            connection_id,
            slot_id: None,
            terms: None,
            acceptance_required: None,
            on_sharing: false,
            expires_at: None,
        }
    }
}

/// A share with the item that it brought.
#[derive(Clone, Debug)]
pub struct SharedItem {
    /// The share.
    pub share: Share,
    /// The item, decrypted.
    pub item: Item,
}

/// What a refresh did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// For how many shares the item was re-encrypted.
    pub shares: usize,
    /// How many were left as they were, because their key is not one of the user's connections'.
    pub left_out: usize,
}

impl Session {
    /// Re-encrypts an item under a fresh DEK, encrypts that for the recipient, and stores both as a share.
    pub async fn create_share(&self, share: &NewShare, progress: &ProgressListener) -> Result<Share> {
        let keys = self.keys()?;
        let wish = keys.unfinished.wish(("shares.create", share))?;

        progress.report("fetching item and connection", 0, 3);
        let connection = async {
            let connection = vault::connections::get(self.vault(), &share.connection_id).await;
            let connection = connection.map_err(not_connected)?;
            expect_id(&share.connection_id, &connection.own.id)?;
            let key = self.recipient_key(&connection)?;
            Ok((connection, key))
        };
        let ((connection, recipient_key), (item, key)) = try_join!(connection, self.get_item_with_key(&share.item_id))?;

        progress.report("encrypting", 1, 3);
        let dek = DataKey::generate()?;
        let slots = slots_to_share(&item, share.slot_id.as_ref())?;
        let slot_values =
            seal_for_share(&dek, item.record.own, slots, &received_verification_keys(&item, &key).await?).await?;
        let encrypted_dek = ciphertext(recipient_key.encrypt_data_key(&dek).await?)?;
        let acceptance_required = share.acceptance_required.unwrap_or(share.terms.is_some());
        let new_share = vault::shares::NewShare {
            recipient_id: connection.the_other_user.user_id,
            public_key: connection.the_other_user.user_public_key,
            keypair_external_id: connection.the_other_user.user_keypair_external_id,
            encrypted_dek,
            sharing_mode: Some(if share.on_sharing { SharingMode::Anyone } else { SharingMode::Owner }),
            onsharing_permitted: Some(share.on_sharing),
            acceptance_required: Some(match acceptance_required {
                true => Acceptance::AcceptanceRequired,
                false => Acceptance::AcceptanceNotRequired,
            }),
            terms: share.terms.clone(),
            expires_at: share.expires_at.clone(),
            slot_id: share.slot_id.clone(),
            slot_values,
        };

        progress.report("sharing", 2, 3);
        let request = NewSharesRequest { shares: vec![new_share] };
        let created = vault::shares::create(self.vault(), &share.item_id, &request, wish.key()).await?;
        let created = created.into_iter().next().ok_or_else(|| bad_response("the server made no share"))?;
        wish.fulfilled();
        progress.report("shared", 3, 3);
        Ok(created)
    }

    /// Shares made for the user.
    pub async fn incoming_shares(&self, filter: &IncomingFilter, page: &PageRequest) -> Result<Page<Share>> {
        self.keys()?;
        fetch_pages(page, async |query: PageQuery| {
            let response = vault::shares::incoming(self.vault(), filter, &query).await?;
            Ok((response.shares, response.next_page_after))
        })
        .await
    }

    /// Shares that the user made.
    pub async fn outgoing_shares(&self, filter: &OutgoingFilter, page: &PageRequest) -> Result<Page<Share>> {
        self.keys()?;
        fetch_pages(page, async |query: PageQuery| {
            let response = vault::shares::outgoing(self.vault(), filter, &query).await?;
            Ok((response.shares, response.next_page_after))
        })
        .await
    }

    /// A share and its item: for the recipient what was received, for the sender what was shared.
    /// `ACCEPTANCE_REQUIRED` where the recipient has not accepted yet; [`Session::share_info`] then tells the terms.
    pub async fn get_share(&self, id: &Id) -> Result<SharedItem> {
        self.keys()?;
        match vault::shares::get_incoming_with_item(self.vault(), id).await {
            Ok(response) => self.open_received(id, response).await,
            Err(error) if error.code() == ErrorCode::NotFound => {
                let share = vault::shares::get_outgoing(self.vault(), id).await?;
                expect_id(id, &share.id)?;
                let item = self.get_item(&share.item_id).await?;
                Ok(SharedItem { share, item })
            }
            Err(error) => Err(error),
        }
    }

    async fn open_received(&self, id: &Id, response: vault::shares::ShareWithItemResponse) -> Result<SharedItem> {
        expect_id(id, &response.share.id)?;
        let (key_share, item, slots) = match response.item_shared_via_another_share_id {
            // The recipient had the item before: its values are under the DEK of the share that brought it first.
            Some(first_id) => {
                let first = vault::shares::get_incoming_with_item(self.vault(), &first_id).await?;
                expect_id(&first_id, &first.share.id)?;
                (first.share, first.item, first.slots)
            }
            None => (response.share.clone(), response.item, response.slots),
        };
        let key = opening::key_of_share(self, &key_share).await?;
        let item = opening::open_item(item, slots, &key).await?;
        Ok(SharedItem { share: response.share, item })
    }

    /// A share without its item: its terms, state and parties.
    pub async fn share_info(&self, id: &Id) -> Result<Share> {
        self.keys()?;
        let share = match vault::shares::get_incoming(self.vault(), id).await {
            Err(error) if error.code() == ErrorCode::NotFound => vault::shares::get_outgoing(self.vault(), id).await?,
            other => other?,
        };
        expect_id(id, &share.id)?;
        Ok(share)
    }

    /// Accepts a share and its terms.
    pub async fn accept_share(&self, id: &Id) -> Result<Share> {
        self.keys()?;
        let share = vault::shares::accept(self.vault(), id).await?;
        expect_id(id, &share.id)?;
        Ok(share)
    }

    /// Removes a share and the recipient's copy of the item; either side may.
    pub async fn delete_share(&self, id: &Id) -> Result<()> {
        self.delete_once(("shares.delete", id), vault::shares::delete(self.vault(), id)).await
    }

    /// Re-encrypts an own item, under one fresh DEK, for everyone it is shared with and the user is connected with.
    ///
    /// Who they are and what their keys are is the server's word. It could name a recipient of its own making; therefore
    /// a key counts only if it is that of a connection, and the others are reported as left out.
    pub async fn refresh_shares(&self, item_id: &Id, progress: &ProgressListener) -> Result<Refreshed> {
        self.keys()?;
        progress.report("fetching item and shares", 0, 3);
        let all = PageRequest { all: true, ..PageRequest::default() };
        let (item, shares, connections) = try_join!(
            self.get_item(item_id),
            vault::shares::of_item(self.vault(), item_id),
            fetch_pages(&all, async |query: PageQuery| {
                let response = vault::connections::list(self.vault(), &query).await?;
                Ok((response.connections, response.next_page_after))
            })
        )?;
        if !item.record.own {
            return Err(Error::new(ErrorCode::NotOwner, "only the item's owner may do this"));
        }
        let mut known_keys = HashMap::new();
        for connection in &connections.entries {
            // One connection with a bad key must not keep the others from their update.
            if let Ok(key) = self.recipient_key(connection) {
                known_keys.insert(connection.the_other_user.user_public_key.as_str(), key);
            }
        }
        let (shares, left_out): (Vec<_>, Vec<_>) =
            shares.into_iter().partition(|share| known_keys.contains_key(share.public_key.as_str()));
        let refreshed = Refreshed { shares: shares.len(), left_out: left_out.len() };
        if shares.is_empty() {
            return Ok(refreshed);
        }
        progress.report("encrypting", 1, 3);
        let dek = DataKey::generate()?;
        let sealed = seal_for_share(&dek, true, item.slots.iter().collect(), &[]).await?;
        let share_deks = try_join_all(shares.iter().map(async |share| {
            let key = known_keys.get(share.public_key.as_str()).ok_or_else(|| Error::internal("a key was lost"))?;
            Ok::<_, Error>(ShareDek { share_id: share.id.clone(), dek: ciphertext(key.encrypt_data_key(&dek).await?)? })
        }))
        .await?;
        let values_of = |share: &vault::shares::ItemShare| {
            let wanted = sealed.iter().filter(|value| share.slot_id.is_none() || share.slot_id == value.slot_id);
            let share_id = share.id.clone();
            wanted
                .map(move |value| ShareSlotValue { share_id: Some(share_id.clone()), ..value.clone() })
                .collect::<Vec<_>>()
        };
        let change = ItemSharesChange {
            slot_values: shares.iter().flat_map(values_of).collect(),
            share_deks,
            client_tasks: Vec::new(),
        };
        progress.report("updating the shares", 2, 3);
        vault::shares::update_of_item(self.vault(), item_id, &change).await?;
        progress.report("updated", 3, 3);
        Ok(refreshed)
    }
}

fn slots_to_share<'a>(item: &'a Item, only: Option<&Id>) -> Result<Vec<&'a Slot>> {
    let Some(only) = only else { return Ok(item.slots.iter().collect()) };
    let slot = item.slots.iter().find(|slot| slot.record.id == *only);
    let slot = slot.ok_or_else(|| Error::new(ErrorCode::NotFound, "the item has no slot of this id"))?;
    Ok(vec![slot])
}

/// The keys that prove a received item's values, slot by slot; an own item has none, its owner makes new ones.
async fn received_verification_keys(item: &Item, key: &ItemKey) -> Result<Vec<(Id, VerificationKey)>> {
    let mut keys = Vec::new();
    for slot in item.slots.iter().filter(|_| !item.record.own) {
        if let Some(sealed) = &slot.record.encrypted_value_verification_key {
            let opened = key.data_key().open_verification_key(sealed.as_str()).await?;
            keys.push((slot.record.id.clone(), opened));
        }
    }
    Ok(keys)
}

/// Seals each value under the share's DEK, with the proof that it is the owner's.
///
/// The owner makes a proof: a random key, and the value's HMAC under it. Who shares on has the owner's key and passes it
/// on; the Vault keeps the owner's HMAC beside it, so that an altered value is found out.
async fn seal_for_share(
    dek: &DataKey,
    own: bool,
    slots: Vec<&Slot>,
    received_keys: &[(Id, VerificationKey)],
) -> Result<Vec<ShareSlotValue>> {
    let mut sealed = Vec::with_capacity(slots.len());
    for slot in slots {
        let slot_id = slot.record.id.clone();
        let mut value = ShareSlotValue { slot_id: Some(slot_id.clone()), ..ShareSlotValue::default() };
        if let Some(text) = slot.value.as_ref().filter(|text| !text.is_empty()) {
            value.encrypted_value = dek.seal_text(text).await?.map(ciphertext).transpose()?;
            let made;
            let key = if own {
                made = VerificationKey::generate()?;
                value.value_verification_hash = Some(made.hash(text));
                &made
            } else {
                let received = received_keys.iter().find(|(id, _)| *id == slot_id);
                let not_authentic = || Error::new(ErrorCode::ValueNotAuthentic, "a received value is not its owner's");
                &received.ok_or_else(not_authentic)?.1
            };
            value.encrypted_value_verification_key = Some(ciphertext(dek.seal_verification_key(key).await?)?);
        }
        sealed.push(value);
    }
    Ok(sealed)
}

fn not_connected(error: Error) -> Error {
    match (error.code(), error.status()) {
        (ErrorCode::NotFound, Some(status)) => {
            Error::new(ErrorCode::NotConnected, "there is no such connection").with_status(status)
        }
        _ => error,
    }
}
