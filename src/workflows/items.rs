//! Keeping items. `docs/protocol/http-api.md` §6.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use super::{
    Item, Page, PageRequest, ProgressListener, Session,
    concurrency::join_all,
    decrypt::{group_slots, item_response, prefetch_share_keys, source_of},
    memory::Memory,
    pagination::fetch_pages,
    refusals::expect_id,
};
use crate::{
    api::{
        Id, PageQuery,
        vault::{
            self,
            items::{ItemFilter, ItemResponse, ItemsResponse},
            shares::{IncomingFilter, Share},
        },
    },
    error::{Error, ErrorCode, Result},
};

/// `get_items` sends ids in the query, and a URL has to stay below what proxies accept.
const ITEMS_PER_REQUEST: usize = 50;

/// How many requests of `get_items` are in flight at a time.
const REQUESTS_IN_FLIGHT: usize = 4;

impl Session {
    /// Own items and received ones, without values.
    pub async fn list_items(&self, filter: &ItemFilter, page: &PageRequest) -> Result<Page<vault::items::Item>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::items::list_alone(self.vault(), filter, query)).await
    }

    /// Decrypts with the user's DEK or the share's; received values are authenticated.
    pub async fn get_item(&self, id: &Id) -> Result<Item> {
        let known = self.keys()?.remembered();
        let response = vault::items::get(self.vault(), id).await?;
        expect_id(id, &response.item.id)?;
        let source = source_of(self, &response.item).await?;
        self.decrypt_shown(&known, response, source.as_deref()).await
    }

    /// `NOT_OWNER` for a received item.
    pub(super) async fn get_own_item(&self, id: &Id) -> Result<Item> {
        let item = self.get_item(id).await?;
        if item.is_received() {
            return Err(Error::new(ErrorCode::NotOwner, "only the item's owner may do this"));
        }
        Ok(item)
    }

    /// In the order of `ids`, each with its own result: one that is missing or does not decrypt fails no other.
    pub async fn get_items(&self, ids: &[Id], progress: &ProgressListener) -> Result<Vec<(Id, Result<Rc<Item>>)>> {
        let mut items = Vec::with_capacity(ids.len());
        for batch in ids.chunks(ITEMS_PER_REQUEST * REQUESTS_IN_FLIGHT) {
            progress.report("fetching and decrypting items", items.len() as u64, ids.len() as u64);
            for chunk in join_all(batch.chunks(ITEMS_PER_REQUEST).map(|ids| self.get_chunk(ids))).await {
                items.append(&mut chunk?);
            }
        }
        progress.report("decrypted", ids.len() as u64, ids.len() as u64);
        Ok(items)
    }

    async fn get_chunk(&self, ids: &[Id]) -> Result<Vec<(Id, Result<Rc<Item>>)>> {
        self.keys()?;
        let (mut listed, shares) = match self.fetch_chunk(ids).await {
            // One of them may be more than can be read at once, or not what it should be.
            Err(error) if error.code() == ErrorCode::BadResponse && ids.len() > 1 => {
                let items = join_all(ids.iter().map(|id| self.get_item(id))).await;
                return Ok(ids.iter().cloned().zip(items.into_iter().map(|item| item.map(Rc::new))).collect());
            }
            Err(error) if error.code() == ErrorCode::BadResponse => {
                return Ok(ids.iter().map(|id| (id.clone(), Err(error.clone()))).collect());
            }
            fetched => fetched?,
        };
        self.pause().await;
        let mut items: Vec<(Id, Result<Rc<Item>>)> = Vec::with_capacity(ids.len());
        for (index, id) in ids.iter().enumerate() {
            self.pause_between(index).await;
            let item = match listed.iter().position(|(_, listed)| listed.item.id == *id) {
                Some(index) => self.decrypt_listed(listed.swap_remove(index), &shares).await.map(Rc::new),
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

    /// Items of these ids, each with what was remembered when it was asked for, and the shares that brought them. The server
    /// ends a page sooner where items are large.
    async fn fetch_chunk(&self, ids: &[Id]) -> Result<(Vec<(Memory, ItemResponse)>, Vec<Share>)> {
        let filter = ItemFilter { item_ids: ids.to_vec(), ..ItemFilter::default() };
        let mut page = PageQuery { per_page: u32::try_from(ids.len()).ok(), next_page_after: None };
        let (mut listed, mut shares) = (Vec::new(), Vec::new());
        // A page has one item at least, so that more pages than ids are of a server that never ends.
        for _ in ids {
            let known = self.keys()?.remembered();
            let mut response = vault::items::list(self.vault(), &filter, &page).await?;
            // Reading it took some ten milliseconds, and what follows takes as long each.
            self.pause().await;
            shares.append(&mut self.fetch_shares_of(&response.items).await?);
            page.next_page_after = response.next_page_after.take();
            listed.extend(split_by_item(*response).into_iter().map(|item| (known.clone(), item)));
            if page.next_page_after.is_none() {
                break;
            }
        }
        Ok((listed, shares))
    }

    async fn decrypt_listed(&self, (known, listed): (Memory, ItemResponse), shares: &[Share]) -> Result<Item> {
        let found = listed.item.share_id.as_ref().and_then(|id| shares.iter().find(|share| share.id == *id));
        let fetched = if found.is_none() { source_of(self, &listed.item).await? } else { None };
        self.decrypt_shown(&known, Box::new(listed), found.or(fetched.as_deref())).await
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
        let filter = IncomingFilter { share_ids, with_proofs: true, ..IncomingFilter::default() };
        let shares = vault::shares::incoming(self.vault(), &filter, &page).await?.shares;
        self.pause().await;
        prefetch_share_keys(self, &shares).await;
        Ok(shares)
    }

    /// Deletes an own item with all its shares, or a received one with the share that brought it.
    pub async fn delete_item(&self, id: &Id) -> Result<()> {
        self.delete_once(("items.delete", id), vault::items::delete(self.vault(), id)).await
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
