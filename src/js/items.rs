use js_sys::{Array, Object, Reflect};
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
    pub async fn create(&self, item: JsValue, options: JsValue) -> Result<JsValue> {
        let item = Arguments::of(&item)?;
        let item = NewItem {
            template: item.required_text("template")?,
            label: item.required_text("label")?,
            slots: slots(&item)?,
            classifications: classifications(&item)?,
        };
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let progress = call.progress.clone();
        let item = call.run(self.handle.session.create_item(&item, &progress)).await?;
        records::item_to_js(&item)
    }

    /// A page of items without their values.
    pub async fn list(&self, filter: JsValue, page: JsValue) -> Result<JsValue> {
        let (filter, page) = (Arguments::of(&filter)?, Arguments::of(&page)?);
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
        let call = self.handle.call(&page)?;
        let items = call.run(self.handle.session.list_items(&filter, &page.page()?)).await?;
        records::to_js(&records::Page::<records::ItemSummary>::of(&items))
    }

    /// One item, decrypted.
    pub async fn get(&self, item_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let item = call.run(self.handle.session.get_item(&id_of("id", &item_id)?)).await?;
        records::item_to_js(&item)
    }

    /// Many items, each with its own outcome.
    #[wasm_bindgen(js_name = getMany)]
    pub async fn get_many(&self, ids: JsValue, options: JsValue) -> Result<JsValue> {
        let ids = ids_of("ids", ids)?;
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let progress = call.progress.clone();
        let outcomes = call.run(self.handle.session.get_items(&ids, &progress)).await?;
        let entries = Array::new();
        for (id, outcome) in outcomes {
            let entry = match outcome {
                Ok(item) => object([("item", records::item_to_js(&item)?)]),
                Err(error) => object([("id", JsValue::from_str(id.as_str())), ("error", error.into())]),
            };
            entries.push(&entry);
        }
        Ok(entries.into())
    }

    /// Changes an own item.
    pub async fn update(&self, item_id: JsValue, change: JsValue, options: JsValue) -> Result<JsValue> {
        let change = Arguments::of(&change)?;
        let change = ItemChange {
            label: change.text("label")?,
            slots: slots(&change)?,
            classifications: classifications(&change)?,
        };
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let progress = call.progress.clone();
        let updated = call.run(self.handle.session.update_item(&id_of("id", &item_id)?, &change, &progress)).await?;
        Ok(object([
            ("item", records::item_to_js(&updated.item)?),
            ("outstandingTasks", records::to_js(&records::OutstandingTasks::from(updated.outstanding_tasks))?),
        ]))
    }

    /// Takes a received item under the user's own key.
    pub async fn reencrypt(&self, item_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let item = call.run(self.handle.session.reencrypt_item(&id_of("id", &item_id)?)).await?;
        records::item_to_js(&item)
    }

    /// Removes a slot from an own item.
    #[wasm_bindgen(js_name = removeSlot)]
    pub async fn remove_slot(&self, slot_id: JsValue, options: JsValue) -> Result<()> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        call.run(self.handle.session.remove_slot(&id_of("slotId", &slot_id)?)).await
    }

    /// Deletes an item.
    pub async fn delete(&self, item_id: JsValue, options: JsValue) -> Result<()> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        call.run(self.handle.session.delete_item(&id_of("id", &item_id)?)).await
    }
}

/// A plain object of these fields.
pub(super) fn object<const N: usize>(fields: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        let _ = Reflect::set(&object, &JsValue::from_str(name), &value);
    }
    object.into()
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
