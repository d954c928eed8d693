//! Sharing an item, and reading one that was shared: `docs/protocol/guides.md` §2, steps 18–29;
//! `docs/protocol/http-api.md` §8 and §9.

use std::rc::Rc;

use futures_util::try_join;

use super::{
    Item, Page, PageRequest, ProgressListener, Session, Slot,
    decrypt::{acceptance_required, bad_response, decrypt_item, expect_id, item_without_values, share_key},
    encrypt::{ciphertext, encrypt_for_share},
    pagination::fetch_pages,
    session::Recipient,
};
use crate::{
    api::{
        Id, Timestamp,
        vault::{
            self,
            items::ItemFilter,
            shares::{
                Acceptance, IncomingFilter, NewSharesRequest, OutgoingFilter, Share, ShareChange,
                ShareWithItemResponse, SharingMode,
            },
        },
    },
    crypto::DataKey,
    error::{Error, ErrorCode, Result},
};

/// Arguments of `create_share`.
#[derive(Clone, Debug, Hash)]
pub struct NewShare {
    /// The user's own id of the item.
    pub item_id: Id,
    /// The user's own id of the connection with the recipient.
    pub connection_id: Id,
    /// Shares this one slot only.
    pub slot_id: Option<Id>,
    /// Not encrypted.
    pub terms: Option<String>,
    /// Whether the recipient has to accept before reading; where absent, only if there are terms.
    pub acceptance_required: Option<bool>,
    /// Whether the recipient may share on.
    pub on_sharing: bool,
    /// When the recipient loses it.
    pub expires_at: Option<Timestamp>,
}

impl NewShare {
    /// A whole item, without terms, expiry, or the permission to share on.
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

/// A share with its item.
#[derive(Clone, Debug)]
pub struct SharedItem {
    /// From the Vault.
    pub share: Share,
    /// Decrypted, and authenticated where received.
    pub item: Item,
    /// The earlier share that brought the recipient the same item; `item` has the values of that one.
    pub via_another_share: Option<Id>,
}

/// Arguments of `change_share`; what is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ShareTerms {
    /// `Some(None)` removes the expiry.
    pub expires_at: Option<Option<Timestamp>>,
    /// `false` also deletes what was shared on.
    pub on_sharing: Option<bool>,
}

impl Session {
    /// Re-encrypts an item under a fresh DEK, encrypts the DEK for the recipient, and stores both as a share.
    pub async fn create_share(&self, share: &NewShare, progress: &ProgressListener) -> Result<Share> {
        let keys = self.keys()?;
        let operation = keys.pending.begin(("shares.create", share))?;

        progress.report("fetching item and connection", 0, 3);
        let known = keys.known_connection(&share.connection_id);
        let was_known = known.is_some();
        let recipient = async {
            match known {
                Some(known) => Ok(known),
                None => self.fetch_recipient(&share.connection_id).await,
            }
        };
        let (recipient, item) = try_join!(recipient, self.get_item(&share.item_id))?;
        let connection = &recipient.connection;
        if share.on_sharing {
            self.permit_on_sharing(connection, &item.record).await?;
        }

        progress.report("encrypting", 1, 3);
        let dek = DataKey::generate()?;
        let slots = slots_to_share(&item, share.slot_id.as_ref())?;
        let slot_values = encrypt_for_share(&dek, item.record.own, slots).await?;
        let encrypted_dek = ciphertext(recipient.key.wrap_data_key(&dek).await?)?;
        let acceptance_required = share.acceptance_required.unwrap_or(share.terms.is_some());
        let new_share = vault::shares::NewShare {
            recipient_id: connection.the_other_user.user_id.clone(),
            public_key: connection.the_other_user.user_public_key.clone(),
            keypair_external_id: connection.the_other_user.user_keypair_external_id.clone(),
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
            grant: None,
            on_share: None,
        };

        progress.report("sharing", 2, 3);
        let request = NewSharesRequest { shares: vec![new_share] };
        let created = vault::shares::create(self.vault(), &share.item_id, &request, operation.idempotency_key()).await;
        let created = match created {
            Err(refusal) if was_known && may_be_about_the_connection(&refusal) => {
                keys.forget_connection(&share.connection_id);
                return Err(self.connection_error(&share.connection_id).await.unwrap_or(refusal));
            }
            created => created?,
        };
        let created = created.into_iter().next().ok_or_else(|| bad_response("the server made no share"))?;
        operation.complete();
        progress.report("shared", 3, 3);
        Ok(created)
    }

    /// The error of a connection that has changed since it was cached, which says more than the server's refusal.
    async fn connection_error(&self, connection_id: &Id) -> Option<Error> {
        let error = self.fetch_recipient(connection_id).await.err()?;
        matches!(error.code(), ErrorCode::NotConnected | ErrorCode::KeyChanged | ErrorCode::WeakKey).then_some(error)
    }

    /// The other side of a connection, past the cache.
    async fn fetch_recipient(&self, connection_id: &Id) -> Result<Rc<Recipient>> {
        let connection = vault::connections::get(self.vault(), connection_id).await.map_err(not_connected)?;
        expect_id(connection_id, &connection.own.id)?;
        let key = self.recipient_key(&connection)?;
        Ok(self.keys()?.remember_connection(&connection, &key))
    }

    /// Shares made for the user.
    pub async fn incoming_shares(&self, filter: &IncomingFilter, page: &PageRequest) -> Result<Page<Share>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::shares::incoming(self.vault(), filter, query)).await
    }

    /// Shares that the user made.
    pub async fn outgoing_shares(&self, filter: &OutgoingFilter, page: &PageRequest) -> Result<Page<Share>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::shares::outgoing(self.vault(), filter, query)).await
    }

    /// A share and its item: the recipient's copy for the recipient, the shared item for the sender.
    /// `ACCEPTANCE_REQUIRED` where the recipient has not accepted yet; [`Session::share_info`] then has the terms.
    pub async fn get_share(&self, id: &Id) -> Result<SharedItem> {
        self.keys()?;
        match vault::shares::get_incoming_with_item(self.vault(), id).await {
            Ok(response) => self.decrypt_received(id, response).await,
            Err(error) if error.code() == ErrorCode::NotFound => {
                let share = vault::shares::get_outgoing(self.vault(), id).await?;
                expect_id(id, &share.id)?;
                let item = self.get_item(&self.own_id_of_shared(&share).await?).await?;
                Ok(SharedItem { share: *share, item, via_another_share: None })
            }
            Err(error) => Err(error),
        }
    }

    /// A received share and its item, without values as long as the share is not accepted.
    pub async fn preview_share(&self, id: &Id) -> Result<SharedItem> {
        self.keys()?;
        let response = vault::shares::get_incoming_with_item(self.vault(), id).await?;
        if response.share.acceptance_required != Acceptance::AcceptanceRequired {
            return self.decrypt_received(id, response).await;
        }
        expect_id(id, &response.share.id)?;
        let (share, via_another_share) = (response.share.clone(), response.item_shared_via_another_share_id.clone());
        Ok(SharedItem { share, via_another_share, item: item_without_values(Box::new((*response).into())) })
    }

    async fn decrypt_received(&self, id: &Id, response: Box<ShareWithItemResponse>) -> Result<SharedItem> {
        expect_id(id, &response.share.id)?;
        let (share, via_another_share) = (response.share.clone(), response.item_shared_via_another_share_id.clone());
        if share.acceptance_required == Acceptance::AcceptanceRequired {
            return Err(acceptance_required());
        }
        let source = match &via_another_share {
            // The recipient had the item before: its values are encrypted under the DEK of the first share.
            Some(first_id) => {
                let first = vault::shares::get_incoming_with_item(self.vault(), first_id).await?;
                expect_id(first_id, &first.share.id)?;
                first
            }
            None => response,
        };
        let key = share_key(self, &source.share).await?;
        let item = decrypt_item(Box::new((*source).into()), &key).await?;
        Ok(SharedItem { share, item, via_another_share })
    }

    /// The sender's own id of the item: a share has the owner's, which only the owner can fetch.
    async fn own_id_of_shared(&self, share: &Share) -> Result<Id> {
        if share.owner_id.as_ref() == Some(self.user_id()) {
            return Ok(share.item_id.clone());
        }
        let filter = ItemFilter { own: Some(false), ..ItemFilter::default() };
        let all = PageRequest { all: true, ..PageRequest::default() };
        for item in self.list_items(&filter, &all).await?.entries {
            if item.original_id.as_ref() == Some(&share.item_id) {
                return Ok(item.id);
            }
        }
        Err(Error::new(ErrorCode::NotFound, "the item that was shared on is no longer there"))
    }

    /// A share without its item, of either side, accepted or not.
    pub async fn share_info(&self, id: &Id) -> Result<Box<Share>> {
        self.keys()?;
        let share = match vault::shares::get_incoming(self.vault(), id).await {
            Err(error) if error.code() == ErrorCode::NotFound => vault::shares::get_outgoing(self.vault(), id).await?,
            other => other?,
        };
        expect_id(id, &share.id)?;
        Ok(share)
    }

    /// Accepts the terms of a received share.
    pub async fn accept_share(&self, id: &Id) -> Result<Box<Share>> {
        self.keys()?;
        let share = vault::shares::accept(self.vault(), id).await?;
        expect_id(id, &share.id)?;
        Ok(share)
    }

    /// Changes expiry and on-sharing of a share of an own item; its on-shares follow.
    pub async fn change_share(&self, id: &Id, terms: &ShareTerms) -> Result<Share> {
        self.keys()?;
        if terms.on_sharing == Some(true) {
            let share = vault::shares::get_outgoing(self.vault(), id).await?;
            let item = vault::items::get(self.vault(), &share.item_id).await?.item;
            self.permit_on_sharing(&self.connection_with(&share.recipient_id).await?, &item).await?;
        }
        let change = ShareChange {
            share_id: id.clone(),
            expires_at: terms.expires_at.clone(),
            onsharing_permitted: terms.on_sharing,
            grant: None,
        };
        let changed = vault::shares::change(self.vault(), vec![change]).await?;
        let share = changed.into_iter().next().ok_or_else(|| bad_response("the server changed no share"))?;
        expect_id(id, &share.id)?;
        Ok(share)
    }

    async fn connection_with(&self, user_id: &Id) -> Result<vault::connections::Connection> {
        for connection in self.all_connections().await? {
            if connection.the_other_user.user_id == *user_id {
                return Ok(connection);
            }
        }
        Err(Error::new(ErrorCode::NotConnected, "the two users are not connected any more"))
    }

    /// Removes a share and the recipient's copy of the item; both sides may.
    pub async fn delete_share(&self, id: &Id) -> Result<()> {
        self.delete_once(("shares.delete", id), vault::shares::delete(self.vault(), id)).await
    }
}

pub(super) fn slots_to_share<'a>(item: &'a Item, only: Option<&Id>) -> Result<Vec<&'a Slot>> {
    let Some(only) = only else { return Ok(item.slots.iter().collect()) };
    let slot = item.slots.iter().find(|slot| slot.record.id == *only);
    let slot = slot.ok_or_else(|| Error::new(ErrorCode::NotFound, "the item has no slot of this id"))?;
    Ok(vec![slot])
}

fn may_be_about_the_connection(refusal: &Error) -> bool {
    matches!(refusal.status(), Some(400 | 403 | 404 | 409 | 422))
}

pub(super) fn not_connected(error: Error) -> Error {
    match (error.code(), error.status()) {
        (ErrorCode::NotFound, Some(status)) => {
            Error::new(ErrorCode::NotConnected, "there is no such connection").with_status(status)
        }
        _ => error,
    }
}
