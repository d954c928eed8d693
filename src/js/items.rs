use std::rc::Rc;

use js_sys::{Array, Promise};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{self, Argument, list, object, object_or_default, optional_flag, text},
    call::work,
    classifications::Classification,
    files::{Attaching, Attachment},
    results::{done, item_of, page, to_js},
    session_handle::SessionHandle,
    slots::{Slot, classifications, slots},
};
use crate::{
    api::{
        Id,
        vault::{self, items::Order},
    },
    error::{Error, Result},
    workflows,
};

#[wasm_bindgen]
pub struct Items {
    session: SessionHandle,
}

impl Items {
    pub(super) fn new(session: &SessionHandle) -> Self {
        Items { session: session.clone() }
    }
}

#[wasm_bindgen]
impl Items {
    pub fn create(&self, item: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, progress| {
            let item = object::<NewItem>("item", &item)?.read()?;
            work(async move { item_to_js(&session.create_item(&item, &progress).await?) })
        })
    }

    pub fn list(&self, filter: JsValue, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            let filter = object_or_default::<ItemFilter>("filter", &filter)?.into();
            work(async move {
                let items = session.list_items(&filter, &request).await?;
                self::page(&items, |item| Ok(ItemSummary::new(item)))
            })
        })
    }

    pub fn get(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            let proof = Proof::of(&options)?;
            work(async move { item_to_js(proof.check(&session.get_item(&id).await?)?) })
        })
    }

    #[wasm_bindgen(js_name = getMany)]
    pub fn get_many(&self, ids: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, progress| {
            let ids = list("ids", &ids, arguments::id)?;
            let proof = Proof::of(&options)?;
            work(async move {
                let items = Array::new();
                for (index, (id, outcome)) in session.get_items(&ids, &progress).await?.into_iter().enumerate() {
                    session.pause_between(index).await;
                    items.push(&outcome_to_js(
                        &id,
                        outcome.and_then(|item| proof.check(&item).map(|_| Rc::clone(&item))),
                    )?);
                }
                Ok(items.into())
            })
        })
    }

    pub fn update(&self, id: JsValue, change: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, progress| {
            let id = arguments::id("id", &id)?;
            let overwrite = optional_flag(&options, "overwrite")?.unwrap_or_default();
            let change = object_or_default::<ItemChange>("change", &change)?.read(overwrite)?;
            work(async move {
                let updated = session.update_item(&id, &change, &progress).await?;
                let outstanding_tasks = OutstandingTasks::new(updated.outstanding_tasks);
                to_js(&UpdatedItem { item: item_to_js(&updated.item)?, outstanding_tasks })
            })
        })
    }

    pub fn adopt(&self, id: JsValue, version: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            let version = text("version", &version)?;
            work(async move { item_to_js(&session.adopt_item(&id, &version).await?) })
        })
    }

    pub fn reencrypt(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            work(async move { item_to_js(&session.reencrypt_item(&id).await?) })
        })
    }

    #[wasm_bindgen(js_name = removeSlot)]
    pub fn remove_slot(&self, slot_id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let slot_id = arguments::id("slotId", &slot_id)?;
            work(async move { done(session.remove_slot(&slot_id).await) })
        })
    }

    pub fn attach(&self, item_id: JsValue, file: JsValue, options: JsValue) -> Promise {
        let handle = self.session.clone();
        self.session.call(&options, |session, progress| {
            let item_id = arguments::id("itemId", &item_id)?;
            let Attaching { file, mut source } = Attaching::read(&file, &options)?;
            work(async move {
                let attached = session.attach_file(&item_id, &file, source.as_mut(), &progress).await?;
                Ok(Attachment::of(&handle, attached).into())
            })
        })
    }

    pub fn attachments(&self, item_id: JsValue, options: JsValue) -> Promise {
        let handle = self.session.clone();
        self.session.call(&options, |session, _| {
            let item_id = arguments::id("itemId", &item_id)?;
            work(async move {
                let files = session.list_files(&item_id).await?;
                let files: Array = files.into_iter().map(|file| JsValue::from(Attachment::of(&handle, file))).collect();
                Ok(files.into())
            })
        })
    }

    pub fn delete(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            work(async move { done(session.delete_item(&id).await) })
        })
    }
}

/// What an item shows of itself that is not the caller's to say.
const OF_ITEMS: [&str; 19] = [
    "id",
    "name",
    "templateId",
    "templateLabel",
    "own",
    "ownerId",
    "originalId",
    "shareId",
    "slotIds",
    "createdAt",
    "updatedAt",
    "changed",
    "birth",
    "revision",
    "sender",
    "senderFingerprint",
    "senderKeypairId",
    "owner",
    "provenBefore",
];

/// Whether the caller takes only what its sender proved to have shared.
#[derive(Clone, Copy)]
pub(super) struct Proof {
    is_required: bool,
}

impl Proof {
    pub(super) fn of(options: &JsValue) -> Result<Self> {
        Ok(Proof { is_required: optional_flag(options, "requireProof")?.unwrap_or_default() })
    }

    pub(super) fn check(self, item: &workflows::Item) -> Result<&workflows::Item> {
        if self.is_required {
            item.require_proof()?;
        }
        Ok(item)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItem {
    template: String,
    label: String,
    /// That of an item which is given back for another.
    #[serde(default, rename = "version")]
    _version: IgnoredAny,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    slots: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    classifications: JsValue,
}

impl Argument for NewItem {
    const OF_RESULTS: &'static [&'static str] = &OF_ITEMS;
}

impl NewItem {
    fn read(self) -> Result<workflows::NewItem> {
        Ok(workflows::NewItem {
            template: self.template,
            label: self.label,
            slots: slots("item.slots", &self.slots)?,
            classifications: classifications("item.classifications", &self.classifications)?,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemChange {
    label: Option<String>,
    /// That of a new item which is given again as a change: an item keeps its template.
    #[serde(default, rename = "template")]
    _template: IgnoredAny,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    slots: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    classifications: JsValue,
    version: Option<String>,
}

impl Argument for ItemChange {
    const OF_RESULTS: &'static [&'static str] = &OF_ITEMS;
}

impl ItemChange {
    fn read(self, overwrite: bool) -> Result<workflows::ItemChange> {
        Ok(workflows::ItemChange {
            label: self.label,
            slots: slots("change.slots", &self.slots)?,
            classifications: classifications("change.classifications", &self.classifications)?,
            version: self.version,
            overwrite,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ItemFilter {
    template_ids: Option<Vec<Id>>,
    scheme: Option<String>,
    classifications: Option<Vec<String>>,
    shared_with: Option<Id>,
    owner_id: Option<Id>,
    own: Option<bool>,
    ids: Option<Vec<Id>>,
    name: Option<String>,
    order: Option<Order>,
}

impl Argument for ItemFilter {}

impl From<ItemFilter> for vault::items::ItemFilter {
    fn from(filter: ItemFilter) -> Self {
        vault::items::ItemFilter {
            template_ids: filter.template_ids.unwrap_or_default(),
            scheme: filter.scheme,
            classifications: filter.classifications.unwrap_or_default(),
            shared_with: filter.shared_with,
            owner_id: filter.owner_id,
            own: filter.own,
            item_ids: filter.ids.unwrap_or_default(),
            name: filter.name,
            order: filter.order,
        }
    }
}

/// An item without its values.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemSummary<'a> {
    id: &'a Id,
    name: &'a str,
    label: &'a str,
    template_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_label: Option<&'a str>,
    own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<&'a Id>,
    slot_ids: &'a [Id],
    created_at: &'a str,
    updated_at: &'a str,
}

impl<'a> ItemSummary<'a> {
    fn new(item: &'a vault::items::Item) -> Self {
        ItemSummary {
            id: &item.id,
            name: &item.name,
            label: &item.label,
            template_id: item.item_template_id.as_ref(),
            template_label: item.item_template_label.as_deref(),
            own: item.own,
            owner_id: item.owner_id.as_ref(),
            original_id: item.original_id.as_ref(),
            share_id: item.share_id.as_ref(),
            slot_ids: &item.slot_ids,
            created_at: &item.created_at,
            updated_at: &item.updated_at,
        }
    }
}

/// What an item's values vouch for.
#[derive(Serialize)]
struct ItemState<'a> {
    changed: bool,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth: Option<String>,
    revision: u32,
    #[serde(flatten)]
    origin: Option<Origin<'a>>,
}

impl<'a> ItemState<'a> {
    fn new(item: &'a workflows::Item) -> Self {
        let workflows::Binding { birth, revision, changed, .. } = &item.binding;
        let birth = birth.map(|birth| birth.to_string());
        let origin = item.origin.as_deref().map(Origin::new);
        ItemState { changed: *changed, version: item.version(), birth, revision: *revision, origin }
    }
}

/// Who shared a received item.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Origin<'a> {
    sender: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_fingerprint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_keypair_id: Option<&'a str>,
    owner: &'static str,
    proven_before: bool,
}

impl<'a> Origin<'a> {
    fn new(origin: &'a workflows::Origin) -> Self {
        Origin {
            sender: if origin.sender.is_some() { "proven" } else { "unproven" },
            sender_fingerprint: origin.sender.as_ref().map(|sender| sender.fingerprint.as_str()),
            sender_keypair_id: origin.sender.as_ref().map(|sender| sender.keypair_id.as_str()),
            owner: origin.owner.as_str(),
            proven_before: origin.proven_before,
        }
    }
}

pub(super) fn item_to_js(item: &workflows::Item) -> Result<JsValue> {
    let slots: Vec<_> = item.slots.iter().map(Slot::new).collect();
    let classifications: Vec<_> = item.classification_nodes.iter().map(Classification::new).collect();
    let records =
        serde_json::to_string(&(ItemSummary::new(&item.record), ItemState::new(item), slots, classifications));
    let records = records.map_err(|_| Error::internal("an item could not be serialized"))?;
    let values = item.slots.iter().map(|slot| slot.value.as_deref().map_or(JsValue::NULL, JsValue::from_str));
    Ok(item_of(&records, values.collect()))
}

/// What came of one of many ids.
fn outcome_to_js(id: &Id, outcome: Result<Rc<workflows::Item>>) -> Result<JsValue> {
    #[derive(Serialize)]
    struct Read {
        #[serde(with = "serde_wasm_bindgen::preserve")]
        item: JsValue,
    }
    #[derive(Serialize)]
    struct Unreadable<'a> {
        id: &'a Id,
        #[serde(with = "serde_wasm_bindgen::preserve")]
        error: JsValue,
    }
    match outcome {
        Ok(item) => to_js(&Read { item: item_to_js(&item)? }),
        Err(error) => to_js(&Unreadable { id, error: error.into() }),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdatedItem {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    item: JsValue,
    outstanding_tasks: OutstandingTasks,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutstandingTasks {
    todo: usize,
    in_progress: usize,
}

impl OutstandingTasks {
    pub(super) fn new(tasks: workflows::OutstandingTasks) -> Self {
        OutstandingTasks { todo: tasks.todo, in_progress: tasks.in_progress }
    }
}
