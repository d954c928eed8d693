//! The first sharing protocol: one DEK for two connected users, exchanged through the Keystore, and shares under it.
//! `docs/protocol/guides.md` §1, steps 19–43; `docs/protocol/encryption-spaces-and-setup.md` §1.
//!
//! Both users share under one DEK, and whoever claims it takes it from the server, which could have made it. So a user shares
//! only under a DEK of their own making, or under one that the other user has signed; reading works with any. This is for
//! users and clients of the first protocol.

use std::rc::Rc;

use futures_util::try_join;

use super::{
    ConnectionRef, Item, Page, PageRequest, ProgressListener, Session, Slot, Unreadable, Value,
    clock::now,
    connection_keys::Recipient,
    decrypt::{ItemKey, decrypt_item, item_response, item_without_values},
    encrypt::slots_to_share,
    grants::check_until,
    pagination::{ListResponse, fetch_pages, read_records},
    refusals::{bad_response, ciphertext, expect_id, key_changed, not_connected},
};
use crate::{
    api::{
        Id, Timestamp,
        keystore::encryption_spaces::{self as keystore_spaces, KeyClaim, NewEncryptionSpace, NewSharedKey},
        vault::{
            connections::Connection,
            encryption_spaces::{
                self as vault_spaces, Direction, EncryptionSpaceTwin, ItemInFirstForm, NewSpaceSharesRequest,
                ShareableType, SpaceShare, SpaceShareResponse, SpaceSharesResponse, ValuesBySlot,
            },
        },
    },
    crypto::{
        DataKey, SpaceKeyOrigin,
        places::{Place, misplaced, space_key_text},
    },
    error::{Error, ErrorCode, Result},
    http::Response,
};

/// Arguments of `share_in_space`.
#[derive(Clone, Debug, Hash)]
pub struct NewSpaceShare {
    /// The item, which must be the user's own.
    pub item_id: Id,
    /// The connection with the recipient.
    pub connection: ConnectionRef,
    /// Shares this one slot only.
    pub slot_id: Option<Id>,
    /// Not encrypted; this protocol knows no acceptance.
    pub terms: Option<String>,
    /// When the recipient loses it.
    pub expires_at: Option<Timestamp>,
    /// Fingerprint of the other side's key: shares also under a DEK that only the server says to be theirs.
    pub accept_unproven: Option<String>,
}

impl NewSpaceShare {
    /// A whole item, without terms or expiry.
    pub fn new(item_id: Id, connection: impl Into<ConnectionRef>) -> Self {
        let connection = connection.into();
        NewSpaceShare { item_id, connection, slot_id: None, terms: None, expires_at: None, accept_unproven: None }
    }
}

/// A share in an encryption space with its item.
#[derive(Clone, Debug)]
pub struct ItemInSpace {
    /// From the Vault.
    pub share: SpaceShare,
    /// Decrypted. Its ids are the owner's.
    pub item: Item,
}

/// An entry in a list of shares in encryption spaces.
#[derive(Clone, Debug)]
pub struct ListedSpaceShare {
    /// From the Vault.
    pub share: SpaceShare,
    /// Without slots.
    pub item: Rc<ItemInFirstForm>,
}

/// A space's DEK, and whom it comes from.
struct SpaceKey {
    dek: DataKey,
    origin: SpaceKeyOrigin,
    /// Whether the other user signed that they made it.
    is_signed: bool,
}

/// How often finding the DEK is attempted when another client creates or claims the space in a race.
const MAX_ATTEMPTS: usize = 4;

impl ListResponse for SpaceSharesResponse {
    type Entry = ListedSpaceShare;

    fn into_page(self) -> Page<ListedSpaceShare> {
        with_items(Page { entries: self.shares, next: self.next_page_after, unreadable: Vec::new() }, self.items)
    }

    fn read_each(response: &Response) -> Option<Page<ListedSpaceShare>> {
        let items = read_records(response, "items").map(|items| items.entries).unwrap_or_default();
        Some(with_items(read_records(response, "shares")?, items))
    }
}

/// Each share with its item; one without an item that can be read is unreadable.
fn with_items(shares: Page<SpaceShare>, items: Vec<ItemInFirstForm>) -> Page<ListedSpaceShare> {
    let Page { entries, next, mut unreadable } = shares;
    let items: Vec<Rc<ItemInFirstForm>> = items.into_iter().map(Rc::new).collect();
    let mut listed = Vec::with_capacity(entries.len());
    for share in entries {
        match items.iter().find(|listed| listed.item.id == *item_id(&share)).map(Rc::clone) {
            Some(item) => listed.push(ListedSpaceShare { share, item }),
            None => {
                let error = bad_response("the server lists the share without an item that can be read");
                unreadable.push(Unreadable { id: Some(share.id), error });
            }
        }
    }
    Page { entries: listed, next, unreadable }
}

impl Session {
    /// Encrypts an own item under the DEK of the connection's space and shares it there. Creates the space, or claims
    /// its DEK, where that has not been done. Sharing an item again updates its values.
    pub async fn share_in_space(&self, share: &NewSpaceShare, progress: &ProgressListener) -> Result<SpaceShare> {
        check_until(share.expires_at.as_ref())?;
        let operation = self.keys()?.pending.begin(("encryptionSpaces.share", share))?;

        progress.report("fetching item and connection", 0, 4);
        let recipient = async { self.fetch_recipient(&share.connection.id).await.map_err(not_connected) };
        let (recipient, item) = try_join!(recipient, self.get_item(&share.item_id))?;
        if item.is_received() {
            return Err(Error::new(
                ErrorCode::NotOwner,
                "only the owner of an item can share it in an encryption space",
            ));
        }
        recipient.check_for_disclosure(&share.connection)?;
        item.check_may_be_disclosed(slots_to_share(&item, share.slot_id.as_ref())?)?;
        self.note_first_disclosure(&recipient).await?;

        progress.report("opening the encryption space", 1, 4);
        let recipient_id = recipient.connection.the_other_user.user_id.clone();
        let dek = self.find_or_create_space(recipient, share.accept_unproven.as_deref()).await?;

        progress.report("encrypting", 2, 4);
        let (shareable_type, shareable_id) = match &share.slot_id {
            Some(slot_id) => (ShareableType::Slot, slot_id),
            None => (ShareableType::Item, &share.item_id),
        };
        let new_share = vault_spaces::NewSpaceShare {
            shareable_type,
            shareable_id: shareable_id.clone(),
            user_id: recipient_id,
            encrypted_values: encrypt_values(&dek, &item, share.slot_id.as_ref()).await?,
            distributable: false,
            outgoing: true,
            tradeable: false,
            note: None,
            terms: share.terms.clone(),
            expires_at: share.expires_at.clone(),
        };

        progress.report("sharing", 3, 4);
        let request = NewSpaceSharesRequest { shares: vec![new_share] };
        let created = vault_spaces::create(self.vault(), &request, operation.idempotency_key()).await?;
        let created = created.shares.into_iter().next().ok_or_else(|| bad_response("the server made no share"))?;
        operation.complete();
        progress.report("shared", 4, 4);
        Ok(created)
    }

    /// With their items, without values.
    pub async fn list_space_shares(&self, direction: Direction, page: &PageRequest) -> Result<Page<ListedSpaceShare>> {
        self.keys()?;
        fetch_pages(page, &|query| vault_spaces::list(self.vault(), direction, query)).await
    }

    /// Claims the DEK first where this side of the connection has not done so.
    pub async fn get_space_share(&self, id: &Id) -> Result<ItemInSpace> {
        let keys = self.keys()?;
        let known = keys.remembered();
        let SpaceShareResponse { share, item, slots, .. } = *vault_spaces::get(self.vault(), id).await?;
        expect_id(id, &share.id)?;
        expect_id(item_id(&share), &item.id)?;
        if item.own {
            let item = decrypt_item(&keys, &known, Box::new(item_response(item, slots)), &ItemKey::Own).await?;
            return Ok(ItemInSpace { share, item });
        }
        let recipient = self.fetch_recipient(&share.connection_id).await?;
        let (key, _) = self.find_space(recipient).await?;
        let key = key.ok_or_else(|| bad_response("a share is in a connection without an encryption space"))?;
        let item = item_without_values(Box::new(item_response(item, slots)));
        let item = decrypt_values(item, &share.encrypted_values, &key.dek).await?;
        Ok(ItemInSpace { share, item })
    }

    /// The DEK that both users of a connection share, generated where there is none yet: steps 21–29.
    ///
    /// `UNVERIFIED_KEY` for one that nothing proves to be the other user's: the server could have made it, and would read
    /// what is shared under it.
    async fn find_or_create_space(
        &self,
        mut recipient: Rc<Recipient>,
        accept_unproven: Option<&str>,
    ) -> Result<DataKey> {
        let mut attempts = 0;
        let key = loop {
            let (key, found_with) = self.find_space(recipient).await?;
            recipient = found_with;
            if let Some(key) = key {
                break key;
            }
            attempts += 1;
            match self.create_space(&recipient).await {
                // The other side, or another client of this user, was first.
                Err(error) if error.code() == ErrorCode::Conflict && attempts < MAX_ATTEMPTS => {
                    recipient = self.fetch_recipient(&recipient.connection.own.id).await?;
                }
                created => return created,
            }
        };
        let peer = recipient.fingerprint();
        match &key.origin {
            SpaceKeyOrigin::Made { peer: made_for } if *made_for == peer => {
                self.offer_unclaimed_key(&key.dek, &recipient).await?;
                Ok(key.dek)
            }
            // Of another person's making for another person: nothing the user could accept.
            SpaceKeyOrigin::Made { .. } => Err(key_changed()),
            SpaceKeyOrigin::Claimed { peer: claimed_from } if *claimed_from != peer => Err(key_changed()),
            SpaceKeyOrigin::Claimed { .. } | SpaceKeyOrigin::Unknown => {
                // A copy that names no purpose may be that of a space with somebody else: nothing to accept.
                let is_claimed = key.origin != SpaceKeyOrigin::Unknown;
                let is_accepted = is_claimed && accept_unproven == Some(peer.as_str());
                if key.is_signed || is_accepted || self.is_signed_by_peer(&key.dek, &recipient).await? {
                    return Ok(key.dek);
                }
                let message = "nothing proves that this space's key is the other user's: compare safety numbers, then \
                               accept it by the fingerprint of their key";
                Err(Error::new(ErrorCode::UnverifiedKey, message))
            }
        }
    }

    /// The DEK of a connection's space, claimed where only the other side has it; `None` where there is no space. Gives
    /// the connection as last fetched.
    async fn find_space(&self, mut recipient: Rc<Recipient>) -> Result<(Option<SpaceKey>, Rc<Recipient>)> {
        for _ in 0..MAX_ATTEMPTS {
            let spaces = &recipient.connection.in_first_form;
            let found = match (&spaces.encryption_space_id, &spaces.other_user_connection_encryption_space_id) {
                (Some(own), _) => self.unwrap_own_copy(own, &recipient).await,
                (None, Some(others)) => self.claim(others, &recipient).await,
                (None, None) => return Ok((None, recipient)),
            };
            match found {
                Ok(key) => return Ok((Some(key), recipient)),
                Err(error) if error.code() == ErrorCode::Conflict => {}
                Err(error) => return Err(error),
            }
            recipient = self.fetch_recipient(&recipient.connection.own.id).await?;
        }
        Err(Error::new(ErrorCode::Conflict, "the connection's encryption space keeps changing"))
    }

    async fn unwrap_own_copy(&self, space_id: &Id, recipient: &Recipient) -> Result<SpaceKey> {
        let keys = self.keys()?;
        let copy = keystore_spaces::get(self.keystore(), space_id).await?;
        expect_id(space_id, &copy.encryption_space_id)?;
        let envelope = copy.serialized_data_encryption_key.as_str();
        let (dek, origin) = keys.kek.unwrap_space_key(envelope, &recipient.own.pair.fingerprint()).await?;
        // A copy of another client names no purpose; in a legacy account the private DEK does not either.
        if dek == keys.dek { Err(misplaced()) } else { Ok(SpaceKey { dek, origin, is_signed: false }) }
    }

    /// Fetches the DEK that the other side offers, and stores a copy wrapped under the own KEK in the same space: steps
    /// 37–42. Each step is idempotent.
    async fn claim(&self, space_id: &Id, recipient: &Recipient) -> Result<SpaceKey> {
        let keys = self.keys()?;
        let (dek, is_signed) = self.fetch_offered_key(space_id, recipient).await?;
        let origin = SpaceKeyOrigin::Claimed { peer: recipient.fingerprint() };
        let own = recipient.own.pair.fingerprint();
        let joining = NewEncryptionSpace {
            encrypted_serialized_key: ciphertext(keys.kek.wrap_space_key(&dek, &own, &origin).await?)?,
            encryption_space_id: Some(space_id.clone()),
        };
        let copy = keystore_spaces::create(self.keystore(), &joining).await?;
        self.set_space_id(&recipient.connection, copy.encryption_space_id).await?;
        Ok(SpaceKey { dek, origin, is_signed })
    }

    /// What the other side left to be claimed, asked for with a signature that proves whom it was left for, and whether the
    /// other side signed it.
    async fn fetch_offered_key(&self, space_id: &Id, recipient: &Recipient) -> Result<(DataKey, bool)> {
        let pair = &recipient.own.pair;
        let text = keystore_spaces::text_of_claim(self.keystore(), space_id, &now());
        let claim = KeyClaim {
            public_key: recipient.connection.own.user_public_key.clone(),
            request_signature: pair.sign(text.as_bytes()).await?,
        };
        let claimed = keystore_spaces::claim_key(self.keystore(), space_id, &claim).await?;
        expect_id(space_id, &claimed.external_id)?;
        let dek = pair.unwrap_data_key(claimed.serialized_shared_key.as_str()).await?;
        let is_signed = match &claimed.signature {
            Some(signature) => {
                let text = space_key_text(&recipient.key, pair.public_key(), &dek);
                recipient.key.verify_detached(&text, signature).await.is_ok()
            }
            None => false,
        };
        Ok((dek, is_signed))
    }

    /// Whether the other side signed this key when they left it; the Keystore keeps both.
    async fn is_signed_by_peer(&self, dek: &DataKey, recipient: &Recipient) -> Result<bool> {
        let spaces = &recipient.connection.in_first_form;
        let Some(space_id) = &spaces.other_user_connection_encryption_space_id else { return Ok(false) };
        match self.fetch_offered_key(space_id, recipient).await {
            Ok((offered, is_signed)) => Ok(is_signed && offered == *dek),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::Forbidden) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Generates the DEK, stores a copy in a new space, offers one to the other side, and only then publishes the
    /// space's id. `CONFLICT` where the other side, or another client of this user, wins the race; this space is then
    /// deleted.
    async fn create_space(&self, recipient: &Rc<Recipient>) -> Result<DataKey> {
        let keys = self.keys()?;
        let dek = DataKey::generate()?;
        let origin = SpaceKeyOrigin::Made { peer: recipient.fingerprint() };
        let own = recipient.own.pair.fingerprint();
        let space = NewEncryptionSpace {
            encrypted_serialized_key: ciphertext(keys.kek.wrap_space_key(&dek, &own, &origin).await?)?,
            encryption_space_id: None,
        };
        let space_id = keystore_spaces::create(self.keystore(), &space).await?.encryption_space_id;
        self.offer_key(&dek, &space_id, recipient).await?;
        match self.set_space_id(&recipient.connection, space_id.clone()).await {
            Ok(()) => Ok(dek),
            Err(error) if error.code() == ErrorCode::Conflict => {
                // Nobody knows of this space, so that an error would leave harmless garbage.
                let _ = keystore_spaces::delete(self.keystore(), &space_id).await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Offers the DEK again as long as the other side has not claimed it: a client that was interrupted, or one of the
    /// first clients, may have published the space before it offered the key.
    async fn offer_unclaimed_key(&self, dek: &DataKey, recipient: &Recipient) -> Result<()> {
        let spaces = &recipient.connection.in_first_form;
        match (&spaces.encryption_space_id, &spaces.other_user_connection_encryption_space_id) {
            (Some(own), None) => self.offer_key(dek, own, recipient).await,
            _ => Ok(()),
        }
    }

    async fn offer_key(&self, dek: &DataKey, space_id: &Id, recipient: &Recipient) -> Result<()> {
        let pair = &recipient.own.pair;
        let signature = pair.sign_detached(&space_key_text(pair.public_key(), &recipient.key, dek)).await?;
        let key = NewSharedKey {
            encrypted_key: ciphertext(recipient.key.wrap_data_key(dek).await?)?,
            external_id: space_id.clone(),
            public_key: recipient.connection.the_other_user.user_public_key.clone(),
            key_metadata: Default::default(),
            signature: Some(signature),
        };
        keystore_spaces::share_key(self.keystore(), &key).await.map(|_| ())
    }

    /// Compare-and-set: `CONFLICT` if either side's space has changed since the connection was fetched.
    async fn set_space_id(&self, connection: &Connection, space_id: Id) -> Result<()> {
        let seen = connection.in_first_form.other_user_connection_encryption_space_id.clone();
        let twin = EncryptionSpaceTwin {
            encryption_space_id: space_id,
            other_user_connection_encryption_space_id: Some(seen),
        };
        vault_spaces::set_space(self.vault(), &connection.own.id, &twin).await.map(drop)
    }
}

/// The item that is shared, or whose slot is.
fn item_id(share: &SpaceShare) -> &Id {
    share.item_id.as_ref().or(share.slotable_id.as_ref()).unwrap_or(&share.shareable_id)
}

async fn encrypt_values(dek: &DataKey, item: &Item, only: Option<&Id>) -> Result<ValuesBySlot> {
    let mut values = ValuesBySlot::default();
    for slot in slots_to_share(item, only)? {
        let place = in_space(item, slot);
        let encrypted = match &slot.value {
            Some(value) => dek.encrypt_text(value, &place).await?.map(ciphertext).transpose()?,
            None => None,
        };
        values.insert(slot.record.id.as_str().to_owned(), encrypted);
    }
    Ok(values)
}

fn in_space<'a>(item: &'a Item, slot: &'a Slot) -> Place<'a> {
    Place::InSpace { item: item.record.id.as_str(), slot: slot.record.id.as_str() }
}

/// Decrypts the values that came with a share into the slots of its item.
async fn decrypt_values(mut item: Item, values: &ValuesBySlot, dek: &DataKey) -> Result<Item> {
    let mut slots = std::mem::take(&mut item.slots);
    for slot in &mut slots {
        let encrypted = values.get(slot.record.id.as_str()).cloned().flatten();
        if let Some(envelope) = &encrypted {
            let value = dek.decrypt_text(envelope.as_str()).await?;
            slot.is_bound = value.is_at(&in_space(&item, slot))?;
            slot.value = (!value.content.is_empty()).then(|| Value::new(value.content));
        }
        slot.record.encrypted = encrypted.is_some();
        slot.record.encrypted_value = encrypted;
    }
    Ok(Item { slots, ..item })
}
