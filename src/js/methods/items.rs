use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::JsValue;

use super::{Arguments, ProgressListener, Session, Work, unknown, work};
use crate::{
    api::{Id, vault::items::ItemFilter},
    error::Result,
    http::{Flaws, FromJson, Json, JsonText},
    js::{
        answer::{List, Plain, Record, answer, done, record},
        arguments::object,
        slots::Slots,
    },
    workflows::{Item, ItemChange, NewItem},
};

/// How many items are handed over without a pause: a few milliseconds' worth.
const ITEMS_AT_ONCE: usize = 100;

pub(super) fn begin(
    method: &str,
    mut arguments: Arguments<'_>,
    session: Session,
    progress: ProgressListener,
) -> Result<Work> {
    match method {
        "create" => {
            let item = arguments.take::<NewItem>("item")?;
            work(async move { record(&session.create_item(&item, &progress).await?) })
        }
        "list" => {
            let (filter, page) = (arguments.take::<ItemFilter>("filter")?, arguments.page()?);
            work(async move { record(&session.list_items(&filter, &page).await?) })
        }
        "get" => {
            let id = arguments.id()?;
            work(async move { record(&session.get_item(&id).await?) })
        }
        "getMany" => {
            let ids = arguments.take::<Vec<Id>>("ids")?;
            work(get_many(session, ids, progress))
        }
        "update" => {
            let (id, change) = (arguments.id()?, arguments.take::<ItemChange>("change")?);
            work(async move { record(&session.update_item(&id, &change, &progress).await?) })
        }
        "reencrypt" => {
            let id = arguments.id()?;
            work(async move { record(&session.reencrypt_item(&id).await?) })
        }
        "removeSlot" => {
            let slot_id = arguments.take::<Id>("slotId")?;
            work(async move { done(session.remove_slot(&slot_id).await) })
        }
        "delete" => {
            let id = arguments.id()?;
            work(async move { done(session.delete_item(&id).await) })
        }
        _ => unknown(),
    }
}

/// The items in several portions, so that the page can paint between them.
async fn get_many(session: Session, ids: Vec<Id>, progress: ProgressListener) -> Result<JsValue> {
    let outcomes = session.get_items(&ids, &progress).await?;
    let portions = Array::new();
    for portion in outcomes.chunks(ITEMS_AT_ONCE) {
        if portions.length() > 0 {
            session.pause().await;
        }
        portions.push(&answer(&List(portion))?);
    }
    Ok(portions.into())
}

/// What came of one of the ids.
impl Record for (Id, Result<Rc<Item>>) {
    fn write(&self, out: &mut JsonText) {
        let (id, outcome) = self;
        match outcome {
            Ok(item) => out.field("item", &Plain(&**item)),
            Err(error) => {
                out.field("id", id);
                out.field("error", &Plain(error));
            }
        }
    }
}

impl FromJson for NewItem {
    fn from_json(item: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut item = object(item, flaws);
        NewItem {
            template: item.required("template", flaws),
            label: item.required("label", flaws),
            slots: item.or_default::<Slots>("slots", flaws).0,
            classifications: item.or_default("classifications", flaws),
        }
    }
}

impl FromJson for ItemChange {
    fn from_json(change: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut change = object(change, flaws);
        ItemChange {
            label: change.or_default("label", flaws),
            slots: change.or_default::<Slots>("slots", flaws).0,
            classifications: change.or_default("classifications", flaws),
        }
    }
}

impl FromJson for ItemFilter {
    fn from_json(filter: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut filter = object(filter, flaws);
        ItemFilter {
            template_ids: filter.or_default("templateIds", flaws),
            scheme: filter.or_default("scheme", flaws),
            classifications: filter.or_default("classifications", flaws),
            shared_with: filter.or_default("sharedWith", flaws),
            owner_id: filter.or_default("ownerId", flaws),
            own: filter.or_default("own", flaws),
            item_ids: filter.or_default("ids", flaws),
            name: filter.or_default("name", flaws),
            order: filter.or_default("order", flaws),
        }
    }
}
