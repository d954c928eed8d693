//! Keeping items. `docs/protocol/http-api.md` §6.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use futures_util::try_join;

use super::{
    Classification, Item, ItemChange, NewItem, NewSlot, OutstandingTasks, Page, PageRequest, ProgressListener, Session,
    concurrency::join_all,
    decrypt::{ItemKey, decrypt_item, expect_id, group_slots, item_key, item_response, prefetch_share_keys, share_key},
    encrypt::ciphertext,
    pagination::fetch_pages,
    tasks::count_outstanding,
};
use crate::{
    api::{
        Id, PageQuery,
        vault::{
            self,
            items::{ItemChangeRequest, ItemFilter, ItemResponse, ItemsResponse, NewItemRequest},
            shares::{IncomingFilter, Share},
            slots::{ClassificationNodeChange, SlotChange},
        },
    },
    crypto::DataKey,
    error::{Error, ErrorCode, Result},
};

/// `get_items` sends ids in the query, and a URL has to stay below what proxies accept.
const ITEMS_PER_REQUEST: usize = 50;

/// How many requests of `get_items` are in flight at a time.
const REQUESTS_IN_FLIGHT: usize = 4;

/// What `update_item` gives.
#[derive(Clone, Debug)]
pub struct UpdatedItem {
    /// After the change.
    pub item: Item,
    /// All that are not done, those that the change caused among them.
    pub outstanding_tasks: OutstandingTasks,
}

impl Session {
    /// Encrypts the values under the user's DEK and creates the item.
    pub async fn create_item(&self, item: &NewItem, progress: &ProgressListener) -> Result<Item> {
        refuse_blank("template", &item.template)?;
        refuse_blank("label", &item.label)?;
        let keys = self.keys()?;
        let operation = keys.pending.begin(("items.create", item))?;

        progress.report("encrypting", 0, 2);
        let slots = encrypt_slots(&keys.dek, &item.slots).await?;
        let change = vault::items::ItemChange {
            label: Some(item.label.clone()),
            classification_nodes_attributes: node_changes(&item.classifications),
            slots_attributes: Some(slots),
            ..Default::default()
        };
        let request =
            NewItemRequest { template_name: item.template.clone(), skip_empty_template_slots: false, item: change };
        progress.report("storing the item", 1, 2);
        let response = vault::items::create(self.vault(), &request, operation.idempotency_key()).await?;
        let item = decrypt_item(response, &ItemKey::Private(keys)).await?;
        operation.complete();
        progress.report("stored", 2, 2);
        Ok(item)
    }

    /// Own items and received ones, without values.
    pub async fn list_items(&self, filter: &ItemFilter, page: &PageRequest) -> Result<Page<vault::items::Item>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::items::list(self.vault(), filter, query)).await
    }

    /// Decrypts with the user's DEK or the share's; received values are authenticated.
    pub async fn get_item(&self, id: &Id) -> Result<Item> {
        self.keys()?;
        let response = vault::items::get(self.vault(), id).await?;
        expect_id(id, &response.item.id)?;
        let key = item_key(self, &response.item).await?;
        decrypt_item(response, &key).await
    }

    /// In the order of `ids`, each with its own result: one that is missing or does not decrypt fails no other.
    pub async fn get_items(&self, ids: &[Id], progress: &ProgressListener) -> Result<Vec<(Id, Result<Rc<Item>>)>> {
        let mut items = Vec::with_capacity(ids.len());
        let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
        for batch in ids.chunks(ITEMS_PER_REQUEST * REQUESTS_IN_FLIGHT) {
            progress.report("fetching and decrypting items", count(items.len()), count(ids.len()));
            for chunk in join_all(batch.chunks(ITEMS_PER_REQUEST).map(|ids| self.get_chunk(ids))).await {
                items.append(&mut chunk?);
            }
        }
        progress.report("decrypted", count(ids.len()), count(ids.len()));
        Ok(items)
    }

    async fn get_chunk(&self, ids: &[Id]) -> Result<Vec<(Id, Result<Rc<Item>>)>> {
        self.keys()?;
        let filter = ItemFilter { item_ids: ids.to_vec(), ..ItemFilter::default() };
        let page = PageQuery { per_page: u32::try_from(ids.len()).ok(), next_page_after: None };
        let response = vault::items::list(self.vault(), &filter, &page).await?;
        let shares = self.fetch_shares_of(&response.items).await?;
        let mut listed = split_by_item(*response);
        self.vault().pause().await;
        let mut items: Vec<(Id, Result<Rc<Item>>)> = Vec::with_capacity(ids.len());
        for id in ids {
            let item = match listed.iter().position(|listed| listed.item.id == *id) {
                Some(index) => self.decrypt_listed(Box::new(listed.swap_remove(index)), &shares).await.map(Rc::new),
                // An id may occur twice.
                None => match items.iter().find(|(other, _)| other == id) {
                    Some((_, item)) => item.clone(),
                    None => Err(Error::new(ErrorCode::NotFound, "no such item, or not one of this user's")),
                },
            };
            items.push((id.clone(), item));
        }
        Ok(items)
    }

    async fn decrypt_listed(&self, listed: Box<ItemResponse>, shares: &[Share]) -> Result<Item> {
        let key = match &listed.item.share_id {
            None => ItemKey::Private(self.keys()?),
            Some(share_id) => match shares.iter().find(|share| share.id == *share_id) {
                Some(share) => share_key(self, share).await?,
                None => item_key(self, &listed.item).await?,
            },
        };
        decrypt_item(listed, &key).await
    }

    /// The shares that brought these items, in one request; their keys go into the session's cache.
    async fn fetch_shares_of(&self, items: &[vault::items::Item]) -> Result<Vec<Share>> {
        let mut share_ids: Vec<Id> = Vec::new();
        for share_id in items.iter().filter_map(|item| item.share_id.as_ref()) {
            if !share_ids.contains(share_id) {
                share_ids.push(share_id.clone());
            }
        }
        if share_ids.is_empty() {
            return Ok(Vec::new());
        }
        let page = PageQuery { per_page: u32::try_from(share_ids.len()).ok(), next_page_after: None };
        let filter = IncomingFilter { share_ids, ..IncomingFilter::default() };
        let shares = vault::shares::incoming(self.vault(), &filter, &page).await?.shares;
        prefetch_share_keys(self, &shares).await;
        Ok(shares)
    }

    /// `NOT_OWNER` for a received item.
    pub async fn update_item(&self, id: &Id, change: &ItemChange, progress: &ProgressListener) -> Result<UpdatedItem> {
        let keys = self.keys()?;
        progress.report("encrypting", 0, 3);
        let slots = encrypt_slots(&keys.dek, &change.slots).await?;
        let change = vault::items::ItemChange {
            label: change.label.clone(),
            classification_nodes_attributes: node_changes(&change.classifications),
            slots_attributes: Some(slots),
            ..Default::default()
        };
        progress.report("storing the change", 1, 3);
        let response = vault::items::update(self.vault(), id, &ItemChangeRequest { item: change }).await;
        let response = response.map_err(not_owner)?;
        expect_id(id, &response.item.id)?;
        progress.report("counting tasks", 2, 3);
        let key = ItemKey::Private(keys);
        let (item, outstanding_tasks) = try_join!(decrypt_item(response, &key), count_outstanding(self))?;
        progress.report("stored", 3, 3);
        Ok(UpdatedItem { item, outstanding_tasks })
    }

    /// `NOT_OWNER` for a slot of a received item.
    pub async fn remove_slot(&self, slot_id: &Id) -> Result<()> {
        self.delete_once(("slots.delete", slot_id), vault::slots::delete(self.vault(), slot_id))
            .await
            .map_err(not_owner)
    }

    /// Deletes an own item with all its shares, or a received one with the share that brought it.
    pub async fn delete_item(&self, id: &Id) -> Result<()> {
        self.delete_once(("items.delete", id), vault::items::delete(self.vault(), id)).await
    }
}

async fn encrypt_slots(key: &DataKey, slots: &[NewSlot]) -> Result<Vec<SlotChange>> {
    let mut sealed = Vec::with_capacity(slots.len());
    for slot in slots {
        if slot.id.is_none() && slot.name.is_none() && slot.label.is_none() {
            return Err(Error::invalid_argument("a slot has neither an id nor a name nor a label"));
        }
        let encrypted_value = match &slot.value {
            None => None,
            Some(None) => Some(None),
            Some(Some(value)) => Some(key.encrypt_text(value).await?.map(ciphertext).transpose()?),
        };
        sealed.push(SlotChange {
            id: slot.id.clone(),
            name: slot.name.clone(),
            label: slot.label.clone(),
            slot_type_name: slot.slot_type.clone(),
            encrypted_value,
            destroy: slot.remove.then_some(true),
            ..SlotChange::default()
        });
    }
    Ok(sealed)
}

fn node_changes(classifications: &[Classification]) -> Option<Vec<ClassificationNodeChange>> {
    let mut changes = Vec::with_capacity(classifications.len());
    for node in classifications {
        changes.push(ClassificationNodeChange {
            id: node.id.clone(),
            scheme: node.scheme.clone(),
            name: node.name.clone(),
            destroy: node.remove.then_some(true),
            ..ClassificationNodeChange::default()
        });
    }
    (!changes.is_empty()).then_some(changes)
}

fn refuse_blank(what: &str, text: &str) -> Result<()> {
    if text.trim_ascii().is_empty() { Err(Error::invalid_argument(format!("the {what} is empty"))) } else { Ok(()) }
}

/// The server's only reason to forbid a change of an item is that it is somebody else's.
fn not_owner(error: Error) -> Error {
    match (error.code(), error.status()) {
        (ErrorCode::Forbidden, Some(status)) => {
            Error::new(ErrorCode::NotOwner, "only the item's owner may do this").with_status(status)
        }
        _ => error,
    }
}

/// A list in the form of responses about one item, each with its own slots and nodes.
fn split_by_item(response: ItemsResponse) -> Vec<ItemResponse> {
    let mut items: Vec<ItemResponse> = Vec::with_capacity(response.items.len());
    let mut indices = HashMap::new();
    for (index, item) in response.items.into_iter().enumerate() {
        indices.insert(item.id.clone(), index);
        items.push(item_response(item, Vec::new()));
    }
    let owner = |slot: &vault::slots::Slot| indices.get(slot.item_id.as_ref()?).copied();
    group_slots(response.slots, &mut items, owner, |listed, slot| listed.slots.push(slot));
    if response.classification_nodes.is_empty() {
        return items;
    }
    for listed in &mut items {
        let of_slots = listed.slots.iter().flat_map(|slot| &slot.classification_node_ids);
        let named: HashSet<&Id> = listed.item.classification_node_ids.iter().chain(of_slots).collect();
        let nodes = response.classification_nodes.iter().filter(|node| named.contains(&node.id));
        listed.classification_nodes = nodes.cloned().collect();
    }
    items
}
