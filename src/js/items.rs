use js_sys::{Array, Object, Promise};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of, ids_of},
    records,
    session::Handle,
};
use crate::{
    api::vault::items::{ItemFilter, Order},
    error::{Error, Result},
    workflows::{Classification, ItemChange, NewItem, NewSlot, Value},
};

/// How many items are handed over without a pause: a few milliseconds' worth.
const ITEMS_AT_ONCE: usize = 100;

/// Items of a session.
#[wasm_bindgen]
pub struct Items {
    handle: Handle,
}

impl Items {
    pub(super) fn new(handle: Handle) -> Self {
        Items { handle }
    }
}

#[wasm_bindgen]
impl Items {
    /// Makes an item.
    pub fn create(&self, item: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        let progress = call.progress();
        call.promise(async move {
            let item = Arguments::of(&item)?;
            let item = NewItem {
                template: item.required_text("template")?,
                label: item.required_text("label")?,
                slots: slots(&item)?,
                classifications: classifications(&item)?,
            };
            records::item_to_js(&session.create_item(&item, &progress).await?)
        })
    }

    /// A page of items without their values.
    pub fn list(&self, filter: JsValue, page: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&page);
        call.promise(async move {
            let filter = Arguments::of(&filter)?;
            let filter = ItemFilter {
                template_ids: filter.ids("templateIds")?,
                scheme: filter.text("scheme")?,
                classifications: filter.texts("classifications")?,
                shared_with: filter.id("sharedWith")?,
                owner_id: filter.id("ownerId")?,
                own: filter.flag("own")?,
                item_ids: filter.ids("ids")?,
                name: filter.text("name")?,
                order: filter.text("order")?.map(|order| parse_order(&order)).transpose()?,
            };
            let items = session.list_items(&filter, &Arguments::of(&page)?.page()?).await?;
            records::to_js(&records::Page::<records::ItemSummary>::of(&items))
        })
    }

    /// One item, decrypted.
    pub fn get(&self, item_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move { records::item_to_js(&session.get_item(&id_of("id", &item_id)?).await?) })
    }

    /// Many items, each with its own outcome.
    #[wasm_bindgen(js_name = getMany)]
    pub fn get_many(&self, ids: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        let progress = call.progress();
        call.promise(async move {
            let entries = Array::new();
            let outcomes = session.get_items(&ids_of("ids", ids)?, &progress).await?;
            for (index, (id, outcome)) in outcomes.into_iter().enumerate() {
                if index % ITEMS_AT_ONCE == ITEMS_AT_ONCE - 1 {
                    session.pause().await;
                }
                let entry = match outcome {
                    Ok(item) => records::object(&[("item", records::item_to_js(&item)?)]),
                    Err(error) => records::object(&[("id", id.as_str().into()), ("error", error.into())]),
                };
                entries.push(&entry);
            }
            Ok(entries.into())
        })
    }

    /// Changes an own item.
    pub fn update(&self, item_id: JsValue, change: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        let progress = call.progress();
        call.promise(async move {
            let change = Arguments::of(&change)?;
            let change = ItemChange {
                label: change.text("label")?,
                slots: slots(&change)?,
                classifications: classifications(&change)?,
            };
            let updated = session.update_item(&id_of("id", &item_id)?, &change, &progress).await?;
            let outstanding_tasks = records::outstanding_tasks(updated.outstanding_tasks);
            Ok(records::object(&[
                ("item", records::item_to_js(&updated.item)?),
                ("outstandingTasks", outstanding_tasks),
            ]))
        })
    }

    /// Takes a received item under the user's own key.
    pub fn reencrypt(&self, item_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move { records::item_to_js(&session.reencrypt_item(&id_of("id", &item_id)?).await?) })
    }

    /// Removes a slot from an own item.
    #[wasm_bindgen(js_name = removeSlot)]
    pub fn remove_slot(&self, slot_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            session.remove_slot(&id_of("slotId", &slot_id)?).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Deletes an item.
    pub fn delete(&self, item_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            session.delete_item(&id_of("id", &item_id)?).await?;
            Ok(JsValue::UNDEFINED)
        })
    }
}

/// `slots`, either way of writing them: `{ name: value }`, or an array of slots.
pub(super) fn slots(item: &Arguments) -> Result<Vec<NewSlot>> {
    let Some(slots) = item.get("slots") else { return Ok(Vec::new()) };
    if let Some(array) = slots.dyn_ref::<Array>() {
        return array.iter().map(|slot| new_slot(&slot)).collect();
    }
    let wrong = || Error::invalid_argument("`slots` must be an object of values or an array of slots");
    let object: &Object = slots.dyn_ref().ok_or_else(wrong)?;
    let named = |entry: JsValue| {
        let entry: Array = entry.unchecked_into();
        let name = entry.get(0).as_string().ok_or_else(wrong)?;
        Ok(NewSlot { value: value(&name, Some(entry.get(1)))?, name: Some(name), ..NewSlot::default() })
    };
    Object::entries(object).iter().map(named).collect()
}

fn classifications(item: &Arguments) -> Result<Vec<Classification>> {
    let Some(nodes) = item.get("classifications") else { return Ok(Vec::new()) };
    let wrong = || Error::invalid_argument("`classifications` must be an array of objects");
    let nodes: Array = nodes.dyn_into().map_err(|_| wrong())?;
    let node = |node: JsValue| {
        let node = Arguments::of(&node)?;
        Ok(Classification {
            id: node.id("id")?,
            scheme: node.text("scheme")?,
            name: node.text("name")?,
            remove: node.flag("remove")?.unwrap_or(false),
        })
    };
    nodes.iter().map(node).collect()
}

fn new_slot(slot: &JsValue) -> Result<NewSlot> {
    if !slot.is_object() {
        return Err(Error::invalid_argument("each of `slots` must be an object"));
    }
    let slot = Arguments::of(slot)?;
    Ok(NewSlot {
        id: slot.id("id")?,
        name: slot.text("name")?,
        label: slot.text("label")?,
        slot_type: slot.text("type")?,
        value: value("value", slot.get_or_null("value"))?,
        remove: slot.flag("remove")?.unwrap_or(false),
    })
}

/// Left out or undefined: the value stays. Null: the slot becomes empty.
fn value(name: &str, value: Option<JsValue>) -> Result<Option<Option<Value>>> {
    match value {
        None => Ok(None),
        Some(value) if value.is_undefined() => Ok(None),
        Some(value) if value.is_null() => Ok(Some(None)),
        Some(value) => match value.as_string() {
            Some(text) => Ok(Some(Some(Value::new(text)))),
            None => Err(Error::invalid_argument(format!("the value of slot `{name}` must be a string or null"))),
        },
    }
}

fn parse_order(order: &str) -> Result<Order> {
    match order {
        "asc" => Ok(Order::Asc),
        "desc" => Ok(Order::Desc),
        _ => Err(Error::invalid_argument("`order` must be \"asc\" or \"desc\"")),
    }
}
