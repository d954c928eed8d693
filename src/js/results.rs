//! Results as JavaScript sees them: plain objects in camelCase, by serde.

use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::{
    api::Id,
    error::{Error, Result},
    workflows,
};

/// A record. What has no value is `null`, or left out where the record's type says so.
pub(super) fn to_js(record: &impl Serialize) -> Result<JsValue> {
    record.serialize(&Serializer::json_compatible()).map_err(|_| Error::internal("a result could not be serialized"))
}

/// What a method resolves to that only says that it is done.
pub(super) fn done(outcome: Result<()>) -> Result<JsValue> {
    outcome.map(|()| JsValue::UNDEFINED)
}

/// A part of a list.
#[derive(Serialize)]
struct Page<'a, R> {
    entries: Vec<R>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<Unreadable<'a>>,
}

/// A record that could not be read.
#[derive(Serialize)]
struct Unreadable<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Id>,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    error: JsValue,
}

/// A part of a list, each of whose entries `record` makes one that JavaScript sees.
pub(super) fn page<'a, T, R: Serialize>(
    page: &'a workflows::Page<T>,
    record: impl Fn(&'a T) -> Result<R>,
) -> Result<JsValue> {
    let unreadable = page.unreadable.iter();
    let unreadable = unreadable.map(|record| Unreadable { id: record.id.as_ref(), error: record.error.clone().into() });
    to_js(&Page {
        entries: page.entries.iter().map(record).collect::<Result<_>>()?,
        next: page.next.as_deref(),
        unreadable: unreadable.collect(),
    })
}

#[wasm_bindgen(module = "/src/js/item.js")]
extern "C" {
    /// An item of its records in JSON and of its slots' values.
    #[wasm_bindgen(js_name = itemOf)]
    pub(super) fn item_of(records: &str, values: Vec<JsValue>) -> JsValue;
}
