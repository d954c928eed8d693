//! Keeping items. `protocol/http-api.md` §6.

use std::rc::Rc;

use super::{
    OutstandingTasks, Page, PageRequest, ProgressListener, Session, Value,
    handing_out::hand_out,
    opening::{self, ItemKey, expect_id},
    pages::fetch_pages,
    sealing::ciphertext,
    tasks,
    together::Together,
};
use crate::{
    api::{
        Id, JsonObject, PageQuery,
        vault::{
            self,
            items::{ClassificationNode, ItemChangeRequest, ItemFilter, ItemResponse, ItemsResponse, NewItemRequest},
            shares::{IncomingFilter, Share},
            slots::{ClassificationNodeChange, SlotChange},
        },
    },
    crypto::{DataKey, VerificationKey},
    error::{Error, ErrorCode, Result},
};
use futures_util::try_join;

/// How many items one request of `get_many` asks for: the ids have to fit into a URL.
const ITEMS_PER_REQUEST: usize = 50;

/// How many such requests are under way at the same time.
const REQUESTS_AT_ONCE: usize = 4;

/// An item with its values.
#[derive(Clone, Debug)]
pub struct Item {
    /// As the Vault holds it.
    pub record: vault::items::Item,
    /// Its slots, in the Vault's order.
    pub slots: Vec<Slot>,
    /// The nodes that it and its slots stand under.
    pub classification_nodes: Vec<ClassificationNode>,
    /// Files.
    pub attachments: Vec<JsonObject>,
    /// Small pictures of files.
    pub thumbnails: Vec<JsonObject>,
}

/// A slot with its value.
#[derive(Clone, Debug)]
pub struct Slot {
    /// As the Vault holds it.
    pub record: vault::slots::Slot,
    /// What was decrypted; `None` for an empty slot.
    pub value: Option<Value>,
    /// The owner's key that proved a received value; needed again by who shares it on.
    pub verification_key: Option<Rc<VerificationKey>>,
}

/// An item to be made.
#[derive(Clone, Debug, Default, Hash)]
pub struct NewItem {
    /// The name of the template whose slots the item starts with.
    pub template: String,
    /// The name for people. Not encrypted.
    pub label: String,
    /// Values for the template's slots, and slots beyond them.
    pub slots: Vec<NewSlot>,
    /// The nodes that it is to stand under.
    pub classifications: Vec<Classification>,
}

/// A slot of an item that is made or changed. An existing one is meant by `id` or else by `name`.
#[derive(Clone, Debug, Default, Hash)]
pub struct NewSlot {
    /// The existing slot's id.
    pub id: Option<Id>,
    /// The slot's machine name; a new slot's is derived from the label where absent.
    pub name: Option<String>,
    /// The name for people.
    pub label: Option<String>,
    /// The type, of `protocol/http-api.md` §2.3.
    pub slot_type: Option<String>,
    /// `None` leaves the value as it is; `Some(None)` and an empty text empty the slot.
    pub value: Option<Option<Value>>,
    /// Takes the slot away; only for an existing item.
    pub remove: bool,
}

/// What is to change about an item.
#[derive(Clone, Debug, Default)]
pub struct ItemChange {
    /// A new label.
    pub label: Option<String>,
    /// Slots to change or add; the others stay.
    pub slots: Vec<NewSlot>,
    /// Nodes to put it under or take it from; the others stay.
    pub classifications: Vec<Classification>,
}

/// A node to put an item under, or to take it from: by its id, or else by hierarchy and name.
#[derive(Clone, Debug, Default, Hash)]
pub struct Classification {
    /// The node's id.
    pub id: Option<Id>,
    /// The hierarchy; in one of the user's own, such as `tag`, an unknown name becomes a new node.
    pub scheme: Option<String>,
    /// The node's machine name.
    pub name: Option<String>,
    /// Takes the item from it; the Vault wants the id for that.
    pub remove: bool,
}

/// An item after its change.
#[derive(Clone, Debug)]
pub struct UpdatedItem {
    /// The item as it is now.
    pub item: Item,
    /// The client tasks that wait to be run, those that the change made among them.
    pub outstanding_tasks: OutstandingTasks,
}

impl Session {
    /// Encrypts the values under the user's DEK and makes an item of them.
    pub async fn create_item(&self, item: &NewItem, progress: &ProgressListener) -> Result<Item> {
        refuse_blank("template", &item.template)?;
        refuse_blank("label", &item.label)?;
        let keys = self.keys()?;
        let wish = keys.unfinished.wish(("items.create", item))?;

        progress.report("encrypting", 0, 2);
        let slots = seal_slots(&keys.dek, &item.slots).await?;
        let change = vault::items::ItemChange {
            label: Some(item.label.clone()),
            classification_nodes_attributes: node_changes(&item.classifications),
            slots_attributes: Some(slots),
            ..Default::default()
        };
        let request =
            NewItemRequest { template_name: item.template.clone(), skip_empty_template_slots: false, item: change };
        progress.report("storing the item", 1, 2);
        let response = vault::items::create(self.vault(), &request, wish.key()).await?;
        let item = opening::open_item(response, &ItemKey::Private(keys)).await?;
        wish.fulfilled();
        progress.report("stored", 2, 2);
        Ok(item)
    }

    /// Own items and received ones, without their values.
    pub async fn list_items(&self, filter: &ItemFilter, page: &PageRequest) -> Result<Page<vault::items::Item>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::items::list(self.vault(), filter, query)).await
    }

    /// One item, decrypted with the user's DEK or the share's; values received from others are authenticated.
    pub async fn get_item(&self, id: &Id) -> Result<Item> {
        self.keys()?;
        let response = vault::items::get(self.vault(), id).await?;
        expect_id(id, &response.item.id)?;
        let key = opening::key_of_item(self, &response.item).await?;
        opening::open_item(response, &key).await
    }

    /// Many items at once, each with its own outcome, in the order asked for.
    pub async fn get_items(&self, ids: &[Id], progress: &ProgressListener) -> Result<Vec<(Id, Result<Rc<Item>>)>> {
        let mut opened = Vec::with_capacity(ids.len());
        let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
        for ids_at_once in ids.chunks(ITEMS_PER_REQUEST * REQUESTS_AT_ONCE) {
            progress.report("fetching and decrypting items", count(opened.len()), count(ids.len()));
            let mut chunks: [_; REQUESTS_AT_ONCE] = [const { Ok(Vec::new()) }; REQUESTS_AT_ONCE];
            let mut fetching = Together::default();
            for (ids, place) in ids_at_once.chunks(ITEMS_PER_REQUEST).zip(&mut chunks) {
                fetching.add(async { *place = self.get_chunk(ids).await });
            }
            fetching.all().await;
            for chunk in chunks {
                opened.append(&mut chunk?);
            }
        }
        progress.report("decrypted", count(ids.len()), count(ids.len()));
        Ok(opened)
    }

    async fn get_chunk(&self, ids: &[Id]) -> Result<Vec<(Id, Result<Rc<Item>>)>> {
        self.keys()?;
        let filter = ItemFilter { item_ids: ids.to_vec(), ..ItemFilter::default() };
        let page = PageQuery { per_page: u32::try_from(ids.len()).ok(), next_page_after: None };
        let response = vault::items::list(self.vault(), &filter, &page).await?;
        let shares = self.shares_of(&response.items).await?;
        let mut items = item_by_item(*response);
        self.vault().pause().await;
        let mut opened: Vec<(Id, Result<Rc<Item>>)> = Vec::with_capacity(ids.len());
        for id in ids {
            let outcome = match items.iter().position(|listed| listed.item.id == *id) {
                Some(place) => self.open_listed(Box::new(items.swap_remove(place)), &shares).await.map(Rc::new),
                // Perhaps it was asked for twice.
                None => match opened.iter().find(|(other, _)| other == id) {
                    Some((_, outcome)) => outcome.clone(),
                    None => Err(Error::new(ErrorCode::NotFound, "no such item, or not one of this user's")),
                },
            };
            opened.push((id.clone(), outcome));
        }
        Ok(opened)
    }

    async fn open_listed(&self, listed: Box<ItemResponse>, shares: &[Share]) -> Result<Item> {
        let key = match &listed.item.share_id {
            None => ItemKey::Private(self.keys()?),
            Some(share_id) => match shares.iter().find(|share| share.id == *share_id) {
                Some(share) => opening::key_of_share(self, share).await?,
                None => opening::key_of_item(self, &listed.item).await?,
            },
        };
        opening::open_item(listed, &key).await
    }

    /// The shares that brought these items, in one request, and their keys in the session's keeping.
    async fn shares_of(&self, items: &[vault::items::Item]) -> Result<Vec<Share>> {
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
        opening::fetch_keys(self, &shares).await;
        Ok(shares)
    }

    /// Changes an own item and counts the client tasks that wait afterwards.
    pub async fn update_item(&self, id: &Id, change: &ItemChange, progress: &ProgressListener) -> Result<UpdatedItem> {
        let keys = self.keys()?;
        progress.report("encrypting", 0, 3);
        let slots = seal_slots(&keys.dek, &change.slots).await?;
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
        let (item, outstanding_tasks) = try_join!(opening::open_item(response, &key), tasks::count(self))?;
        progress.report("stored", 3, 3);
        Ok(UpdatedItem { item, outstanding_tasks })
    }

    /// Removes a slot from an own item.
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

async fn seal_slots(key: &DataKey, slots: &[NewSlot]) -> Result<Vec<SlotChange>> {
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
    if text.trim_ascii().is_empty() {
        Err(Error::invalid_argument(["the ", what, " is empty"].concat()))
    } else {
        Ok(())
    }
}

/// What the server forbids about an item, it forbids because the item is somebody else's.
fn not_owner(error: Error) -> Error {
    match (error.code(), error.status()) {
        (ErrorCode::Forbidden, Some(status)) => {
            Error::new(ErrorCode::NotOwner, "only the item's owner may do this").with_status(status)
        }
        _ => error,
    }
}

/// The items of a list, each with what belongs to it, as a request for one item answers.
fn item_by_item(response: ItemsResponse) -> Vec<ItemResponse> {
    let mut items: Vec<ItemResponse> = Vec::with_capacity(response.items.len());
    for item in response.items {
        items.push(opening::bare(item, Vec::new()));
    }
    hand_out(
        response.slots,
        &mut items,
        |listed, slot| slot.item_id.as_ref() == Some(&listed.item.id),
        |listed, slot| listed.slots.push(slot),
    );
    for listed in &mut items {
        for node in &response.classification_nodes {
            if listed.item.classification_node_ids.contains(&node.id)
                || listed.slots.iter().any(|slot| slot.classification_node_ids.contains(&node.id))
            {
                listed.classification_nodes.push(node.clone());
            }
        }
    }
    items
}
