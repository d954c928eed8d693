//! The first sharing protocol: one DEK for two connected users, handed over through the Keystore, and shares under it.
//! Steps 19–43 of the guide; `protocol/encryption-spaces-and-setup.md` §1.
//!
//! Nothing proves who made the DEK of a space but the server's word, and both users share under it: what is shared in a
//! space is as secret as the server was honest on the day the space was made. [`Session::create_share`] has no such
//! weakness; this is for users and clients of the first protocol.

use std::rc::Rc;

use futures_util::try_join;

use super::{
    Item, Page, PageRequest, ProgressListener, Session, Slot, Value,
    now::now,
    opening::{self, ItemKey, bad_response, expect_id},
    pages::{Listed, fetch_pages},
    sealing::ciphertext,
    shares::{not_connected, slots_to_share},
};
use crate::{
    api::{
        Id, Timestamp,
        keystore::encryption_spaces::{self as keystore_spaces, KeyClaim, NewEncryptionSpace, NewSharedKey},
        vault::{
            self,
            connections::Connection,
            encryption_spaces::{
                self as vault_spaces, Direction, EncryptionSpaceTwin, ItemInFirstForm, NewSpaceSharesRequest,
                ShareableType, SpaceShare, SpaceShareResponse, SpaceSharesResponse, ValuesBySlot,
            },
        },
    },
    crypto::DataKey,
    error::{Error, ErrorCode, Result},
};

/// A share in an encryption space, to be made.
#[derive(Clone, Debug, Hash)]
pub struct NewSpaceShare {
    /// The item, which must be the user's own.
    pub item_id: Id,
    /// The user's own id of the connection with the recipient.
    pub connection_id: Id,
    /// Shares this one slot only.
    pub slot_id: Option<Id>,
    /// For the recipient to read. Not encrypted; nothing has to be accepted.
    pub terms: Option<String>,
    /// After which the recipient no longer has it.
    pub expires_at: Option<Timestamp>,
}

impl NewSpaceShare {
    /// A whole item for the other side of a connection, without terms or end.
    pub fn new(item_id: Id, connection_id: Id) -> Self {
        NewSpaceShare { item_id, connection_id, slot_id: None, terms: None, expires_at: None }
    }
}

/// A share in an encryption space with its item, decrypted.
#[derive(Clone, Debug)]
pub struct ItemInSpace {
    /// The share.
    pub share: SpaceShare,
    /// The item, by its owner's ids.
    pub item: Item,
}

/// A share in an encryption space as a list has it.
#[derive(Clone, Debug)]
pub struct ListedSpaceShare {
    /// The share.
    pub share: SpaceShare,
    /// Its item, without slots.
    pub item: Rc<ItemInFirstForm>,
}

/// How often a space that somebody else made or changed meanwhile is looked at again.
const MOST_ATTEMPTS: usize = 4;

impl Listed for SpaceSharesResponse {
    type Entry = ListedSpaceShare;

    fn into_entries(self) -> Result<(Vec<ListedSpaceShare>, Option<String>)> {
        let mut listed = Vec::with_capacity(self.shares.len());
        let items: Vec<Rc<ItemInFirstForm>> = self.items.into_iter().map(Rc::new).collect();
        for share in self.shares {
            let item = items.iter().find(|listed| listed.item.id == *item_id(&share)).map(Rc::clone);
            let item = item.ok_or_else(|| bad_response("the server lists a share without its item"))?;
            listed.push(ListedSpaceShare { share, item });
        }
        Ok((listed, self.next_page_after))
    }
}

impl Session {
    /// Encrypts an own item under the DEK of the connection's space and shares it there. The space is made, or its key
    /// claimed, where that has not been done. What is shared already gets the present values.
    pub async fn share_in_space(&self, share: &NewSpaceShare, progress: &ProgressListener) -> Result<SpaceShare> {
        let wish = self.keys()?.unfinished.wish(("encryptionSpaces.share", share))?;

        progress.report("fetching item and connection", 0, 4);
        let connection = async { self.fetch_connection(&share.connection_id).await.map_err(not_connected) };
        let (connection, item) = try_join!(connection, self.get_item(&share.item_id))?;
        if !item.record.own {
            return Err(Error::new(
                ErrorCode::NotOwner,
                "only the owner of an item can share it in an encryption space",
            ));
        }
        progress.report("opening the encryption space", 1, 4);
        let recipient_id = connection.the_other_user.user_id.clone();
        let dek = self.space_to_share_in(connection).await?;

        progress.report("encrypting", 2, 4);
        let slots = slots_to_share(&item, share.slot_id.as_ref())?;
        let (shareable_type, shareable_id) = match &share.slot_id {
            Some(slot_id) => (ShareableType::Slot, slot_id),
            None => (ShareableType::Item, &share.item_id),
        };
        let new_share = vault_spaces::NewSpaceShare {
            shareable_type,
            shareable_id: shareable_id.clone(),
            user_id: recipient_id,
            encrypted_values: seal_values(&dek, slots).await?,
            distributable: false,
            outgoing: true,
            tradeable: false,
            note: None,
            terms: share.terms.clone(),
            expires_at: share.expires_at.clone(),
        };

        progress.report("sharing", 3, 4);
        let request = NewSpaceSharesRequest { shares: vec![new_share] };
        let created = vault_spaces::create(self.vault(), &request, wish.key()).await?;
        let created = created.into_iter().next().ok_or_else(|| bad_response("the server made no share"))?;
        wish.fulfilled();
        progress.report("shared", 4, 4);
        Ok(created)
    }

    /// Shares in encryption spaces, with their items, without values.
    pub async fn list_space_shares(&self, direction: Direction, page: &PageRequest) -> Result<Page<ListedSpaceShare>> {
        self.keys()?;
        fetch_pages(page, &|query| vault_spaces::list(self.vault(), direction, query)).await
    }

    /// A share and its item, decrypted. The DEK is claimed first where this side of the connection has not done so.
    pub async fn get_space_share(&self, id: &Id) -> Result<ItemInSpace> {
        let keys = self.keys()?;
        let SpaceShareResponse { share, item, slots, .. } = *vault_spaces::get(self.vault(), id).await?;
        expect_id(id, &share.id)?;
        expect_id(item_id(&share), &item.id)?;
        if item.own {
            let item = opening::open_item(Box::new(opening::bare(item, slots)), &ItemKey::Private(keys)).await?;
            return Ok(ItemInSpace { share, item });
        }
        let connection = self.fetch_connection(&share.connection_id).await?;
        let dek = self.open_space(connection).await?.0;
        let dek = dek.ok_or_else(|| bad_response("a share is in a connection without an encryption space"))?;
        let item =
            open_values(opening::unopened_item(Box::new(opening::bare(item, slots))), &share.encrypted_values, &dek)
                .await?;
        Ok(ItemInSpace { share, item })
    }

    async fn fetch_connection(&self, id: &Id) -> Result<Connection> {
        let connection = vault::connections::get(self.vault(), id).await?;
        expect_id(id, &connection.own.id)?;
        Ok(*connection)
    }

    /// The DEK that both users of a connection share, made where there is none yet: steps 21–29.
    async fn space_to_share_in(&self, connection: Connection) -> Result<Rc<DataKey>> {
        match self.open_space(connection).await? {
            (Some(dek), connection) => {
                self.leave_unclaimed_key(&dek, &connection).await?;
                Ok(dek)
            }
            (None, connection) => self.make_space(connection).await,
        }
    }

    /// The DEK of a connection's space, claimed where only the other side has it; none where there is no space. Gives the
    /// connection as it was last seen.
    async fn open_space(&self, mut connection: Connection) -> Result<(Option<Rc<DataKey>>, Connection)> {
        for _ in 0..MOST_ATTEMPTS {
            let spaces = &connection.in_first_form;
            let opened = match (&spaces.encryption_space_id, &spaces.other_user_connection_encryption_space_id) {
                (Some(own), _) => self.open_own_copy(own).await,
                (None, Some(others)) => self.claim(others, &connection).await,
                (None, None) => return Ok((None, connection)),
            };
            match opened {
                Ok(dek) => return Ok((Some(Rc::new(dek)), connection)),
                Err(error) if error.code() == ErrorCode::Conflict => {}
                Err(error) => return Err(error),
            }
            connection = self.fetch_connection(&connection.own.id).await?;
        }
        Err(Error::new(ErrorCode::Conflict, "the connection's encryption space keeps changing"))
    }

    async fn open_own_copy(&self, space_id: &Id) -> Result<DataKey> {
        let copy = keystore_spaces::get(self.keystore(), space_id).await?;
        expect_id(space_id, &copy.encryption_space_id)?;
        self.keys()?.kek.unwrap_data_key(copy.serialized_data_encryption_key.as_str()).await
    }

    /// Takes the DEK that the other side left, proves by a signature to be who it was left for, and keeps a copy under the
    /// own KEK in the same space: steps 37–42. Each step does no harm when it is done again.
    async fn claim(&self, space_id: &Id, connection: &Connection) -> Result<DataKey> {
        let keys = self.keys()?;
        let pair = self.own_key_pair(connection).await?;
        let text = keystore_spaces::text_of_claim(self.keystore(), space_id, &now());
        let claim = KeyClaim {
            public_key: connection.own.user_public_key.clone(),
            request_signature: pair.sign(text.as_bytes()).await?,
        };
        let claimed = keystore_spaces::claim_key(self.keystore(), space_id, &claim).await?;
        expect_id(space_id, &claimed.external_id)?;
        let dek = pair.unwrap_data_key(claimed.serialized_shared_key.as_str()).await?;
        let joining = NewEncryptionSpace {
            encrypted_serialized_key: ciphertext(keys.kek.wrap_data_key(&dek).await?)?,
            encryption_space_id: Some(space_id.clone()),
        };
        let copy = keystore_spaces::create(self.keystore(), &joining).await?;
        self.set_twin(connection, copy.encryption_space_id).await?;
        Ok(dek)
    }

    /// Makes the DEK, keeps a copy in a new space, leaves one for the other side, and only then says where. Where the
    /// other side, or another client of this user, was faster, their space is used and this one given up.
    async fn make_space(&self, connection: Connection) -> Result<Rc<DataKey>> {
        let keys = self.keys()?;
        let dek = DataKey::generate()?;
        let space = NewEncryptionSpace {
            encrypted_serialized_key: ciphertext(keys.kek.wrap_data_key(&dek).await?)?,
            encryption_space_id: None,
        };
        let space_id = keystore_spaces::create(self.keystore(), &space).await?.encryption_space_id;
        self.leave_key(&dek, &space_id, &connection).await?;
        match self.set_twin(&connection, space_id.clone()).await {
            Ok(()) => Ok(Rc::new(dek)),
            Err(error) if error.code() == ErrorCode::Conflict => {
                // Nobody knows of this space: left behind it would do no harm either.
                let _ = keystore_spaces::delete(self.keystore(), &space_id).await;
                let connection = self.fetch_connection(&connection.own.id).await?;
                self.open_space(connection).await?.0.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Leaves the DEK for the other side once more as long as it has not taken it: a client that died on the way, or one of
    /// the first clients, may have named the space before it left the key.
    async fn leave_unclaimed_key(&self, dek: &DataKey, connection: &Connection) -> Result<()> {
        let spaces = &connection.in_first_form;
        match (&spaces.encryption_space_id, &spaces.other_user_connection_encryption_space_id) {
            (Some(own), None) => self.leave_key(dek, own, connection).await,
            _ => Ok(()),
        }
    }

    async fn leave_key(&self, dek: &DataKey, space_id: &Id, connection: &Connection) -> Result<()> {
        let key = NewSharedKey {
            encrypted_key: ciphertext(self.recipient_key(connection)?.wrap_data_key(dek).await?)?,
            external_id: space_id.clone(),
            public_key: connection.the_other_user.user_public_key.clone(),
            key_metadata: Default::default(),
        };
        keystore_spaces::share_key(self.keystore(), &key).await.map(|_| ())
    }

    /// Notes the own space, on the condition that the other side's is what it was.
    async fn set_twin(&self, connection: &Connection, space_id: Id) -> Result<()> {
        let seen = connection.in_first_form.other_user_connection_encryption_space_id.clone();
        let twin = EncryptionSpaceTwin {
            encryption_space_id: space_id,
            other_user_connection_encryption_space_id: Some(seen),
        };
        vault_spaces::set_space(self.vault(), &connection.own.id, &twin).await.map(drop)
    }
}

/// The item that a share is of, or whose slot it is of.
fn item_id(share: &SpaceShare) -> &Id {
    share.item_id.as_ref().or(share.slotable_id.as_ref()).unwrap_or(&share.shareable_id)
}

async fn seal_values(dek: &DataKey, slots: Vec<&Slot>) -> Result<ValuesBySlot> {
    let mut values = ValuesBySlot::default();
    for slot in slots {
        let sealed = match &slot.value {
            Some(value) => dek.encrypt_text(value).await?.map(ciphertext).transpose()?,
            None => None,
        };
        values.insert(slot.record.id.as_str(), sealed);
    }
    Ok(values)
}

/// Decrypts the values that came with a share into the slots of its item.
async fn open_values(mut item: Item, values: &ValuesBySlot, dek: &DataKey) -> Result<Item> {
    for slot in &mut item.slots {
        let sealed = values.get(slot.record.id.as_str()).cloned().flatten();
        slot.value = dek.decrypt_text(sealed.as_ref().map(|sealed| sealed.as_str())).await?.map(Value::new);
        slot.record.encrypted = sealed.is_some();
        slot.record.encrypted_value = sealed;
    }
    Ok(item)
}
