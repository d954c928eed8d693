//! The first sharing protocol: one DEK for two connected users, exchanged through the Keystore, and shares under it.
//! `docs/protocol/guides.md` §1, steps 19–43; `docs/protocol/encryption-spaces-and-setup.md` §1.
//!
//! The DEK of a space is not authenticated, and both users share under it: what is shared in a space is as secret as
//! the server was honest when the space was created. [`Session::create_share`] has no such weakness; this is for users
//! and clients of the first protocol.

use std::rc::Rc;

use futures_util::try_join;

use super::{
    Item, Page, PageRequest, ProgressListener, Session, Slot, Value,
    clock::now,
    decrypt::{ItemKey, bad_response, decrypt_item, expect_id, item_response, item_without_values},
    encrypt::ciphertext,
    pagination::{ListResponse, fetch_pages},
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

/// Arguments of `share_in_space`.
#[derive(Clone, Debug, Hash)]
pub struct NewSpaceShare {
    /// The item, which must be the user's own.
    pub item_id: Id,
    /// The user's own id of the connection with the recipient.
    pub connection_id: Id,
    /// Shares this one slot only.
    pub slot_id: Option<Id>,
    /// Not encrypted; this protocol knows no acceptance.
    pub terms: Option<String>,
    /// When the recipient loses it.
    pub expires_at: Option<Timestamp>,
}

impl NewSpaceShare {
    /// A whole item, without terms or expiry.
    pub fn new(item_id: Id, connection_id: Id) -> Self {
        NewSpaceShare { item_id, connection_id, slot_id: None, terms: None, expires_at: None }
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

/// How often finding the DEK is attempted when another client creates or claims the space in a race.
const MAX_ATTEMPTS: usize = 4;

impl ListResponse for SpaceSharesResponse {
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
    /// Encrypts an own item under the DEK of the connection's space and shares it there. Creates the space, or claims
    /// its DEK, where that has not been done. Sharing an item again updates its values.
    pub async fn share_in_space(&self, share: &NewSpaceShare, progress: &ProgressListener) -> Result<SpaceShare> {
        let operation = self.keys()?.pending.begin(("encryptionSpaces.share", share))?;

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
        let dek = self.find_or_create_space(connection).await?;

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
            encrypted_values: encrypt_values(&dek, slots).await?,
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
        let created = created.into_iter().next().ok_or_else(|| bad_response("the server made no share"))?;
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
        let SpaceShareResponse { share, item, slots, .. } = *vault_spaces::get(self.vault(), id).await?;
        expect_id(id, &share.id)?;
        expect_id(item_id(&share), &item.id)?;
        if item.own {
            let item = decrypt_item(Box::new(item_response(item, slots)), &ItemKey::Private(keys)).await?;
            return Ok(ItemInSpace { share, item });
        }
        let connection = self.fetch_connection(&share.connection_id).await?;
        let dek = self.find_space(connection).await?.0;
        let dek = dek.ok_or_else(|| bad_response("a share is in a connection without an encryption space"))?;
        let item = item_without_values(Box::new(item_response(item, slots)));
        let item = decrypt_values(item, &share.encrypted_values, &dek).await?;
        Ok(ItemInSpace { share, item })
    }

    async fn fetch_connection(&self, id: &Id) -> Result<Connection> {
        let connection = vault::connections::get(self.vault(), id).await?;
        expect_id(id, &connection.own.id)?;
        Ok(*connection)
    }

    /// The DEK that both users of a connection share, generated where there is none yet: steps 21–29.
    async fn find_or_create_space(&self, connection: Connection) -> Result<Rc<DataKey>> {
        match self.find_space(connection).await? {
            (Some(dek), connection) => {
                self.offer_unclaimed_key(&dek, &connection).await?;
                Ok(dek)
            }
            (None, connection) => self.create_space(connection).await,
        }
    }

    /// The DEK of a connection's space, claimed where only the other side has it; `None` where there is no space. Gives
    /// the connection as last fetched.
    async fn find_space(&self, mut connection: Connection) -> Result<(Option<Rc<DataKey>>, Connection)> {
        for _ in 0..MAX_ATTEMPTS {
            let spaces = &connection.in_first_form;
            let found = match (&spaces.encryption_space_id, &spaces.other_user_connection_encryption_space_id) {
                (Some(own), _) => self.unwrap_own_copy(own).await,
                (None, Some(others)) => self.claim(others, &connection).await,
                (None, None) => return Ok((None, connection)),
            };
            match found {
                Ok(dek) => return Ok((Some(Rc::new(dek)), connection)),
                Err(error) if error.code() == ErrorCode::Conflict => {}
                Err(error) => return Err(error),
            }
            connection = self.fetch_connection(&connection.own.id).await?;
        }
        Err(Error::new(ErrorCode::Conflict, "the connection's encryption space keeps changing"))
    }

    async fn unwrap_own_copy(&self, space_id: &Id) -> Result<DataKey> {
        let copy = keystore_spaces::get(self.keystore(), space_id).await?;
        expect_id(space_id, &copy.encryption_space_id)?;
        self.keys()?.kek.unwrap_data_key(copy.serialized_data_encryption_key.as_str()).await
    }

    /// Fetches the DEK that the other side offers, with a signature that proves whom it was offered to, and stores a
    /// copy wrapped under the own KEK in the same space: steps 37–42. Each step is idempotent.
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
        self.set_space_id(connection, copy.encryption_space_id).await?;
        Ok(dek)
    }

    /// Generates the DEK, stores a copy in a new space, offers one to the other side, and only then publishes the
    /// space's id. If the other side, or another client of this user, wins the race, their space is used and this one
    /// deleted.
    async fn create_space(&self, connection: Connection) -> Result<Rc<DataKey>> {
        let keys = self.keys()?;
        let dek = DataKey::generate()?;
        let space = NewEncryptionSpace {
            encrypted_serialized_key: ciphertext(keys.kek.wrap_data_key(&dek).await?)?,
            encryption_space_id: None,
        };
        let space_id = keystore_spaces::create(self.keystore(), &space).await?.encryption_space_id;
        self.offer_key(&dek, &space_id, &connection).await?;
        match self.set_space_id(&connection, space_id.clone()).await {
            Ok(()) => Ok(Rc::new(dek)),
            Err(error) if error.code() == ErrorCode::Conflict => {
                // Nobody knows of this space, so that an error would leave harmless garbage.
                let _ = keystore_spaces::delete(self.keystore(), &space_id).await;
                let connection = self.fetch_connection(&connection.own.id).await?;
                self.find_space(connection).await?.0.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Offers the DEK again as long as the other side has not claimed it: a client that was interrupted, or one of the
    /// first clients, may have published the space before it offered the key.
    async fn offer_unclaimed_key(&self, dek: &DataKey, connection: &Connection) -> Result<()> {
        let spaces = &connection.in_first_form;
        match (&spaces.encryption_space_id, &spaces.other_user_connection_encryption_space_id) {
            (Some(own), None) => self.offer_key(dek, own, connection).await,
            _ => Ok(()),
        }
    }

    async fn offer_key(&self, dek: &DataKey, space_id: &Id, connection: &Connection) -> Result<()> {
        let key = NewSharedKey {
            encrypted_key: ciphertext(self.recipient_key(connection)?.wrap_data_key(dek).await?)?,
            external_id: space_id.clone(),
            public_key: connection.the_other_user.user_public_key.clone(),
            key_metadata: Default::default(),
            signature: None,
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

async fn encrypt_values(dek: &DataKey, slots: Vec<&Slot>) -> Result<ValuesBySlot> {
    let mut values = ValuesBySlot::default();
    for slot in slots {
        let encrypted = match &slot.value {
            Some(value) => dek.encrypt_text(value).await?.map(ciphertext).transpose()?,
            None => None,
        };
        values.insert(slot.record.id.as_str().to_owned(), encrypted);
    }
    Ok(values)
}

/// Decrypts the values that came with a share into the slots of its item.
async fn decrypt_values(mut item: Item, values: &ValuesBySlot, dek: &DataKey) -> Result<Item> {
    for slot in &mut item.slots {
        let encrypted = values.get(slot.record.id.as_str()).cloned().flatten();
        slot.value = dek.decrypt_text(encrypted.as_ref().map(|value| value.as_str())).await?.map(Value::new);
        slot.record.encrypted = encrypted.is_some();
        slot.record.encrypted_value = encrypted;
    }
    Ok(item)
}
