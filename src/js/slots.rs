//! Slots and classification nodes, in the arguments and results of several calls.

use js_sys::{Array, JsString, Object};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use wasm_bindgen::{JsCast, JsValue};
use zeroize::Zeroizing;

use super::arguments::{Argument, entries, fields, is_absent, member, text, wrong};
use crate::{
    api::{Id, Timestamp, vault},
    crypto::Proof,
    error::Result,
    workflows::{self, Value},
};

/// A slot to be made or changed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewSlot {
    id: Option<Id>,
    name: Option<String>,
    label: Option<String>,
    #[serde(rename = "type")]
    slot_type: Option<String>,
    /// As it is: left out, the value stays; null empties the slot. serde takes the two for the same.
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    value: JsValue,
    remove: Option<bool>,
    revision: Option<u32>,
    updated_at: Option<Timestamp>,
    description: Option<String>,
}

impl Argument for NewSlot {
    const OF_RESULTS: &'static [&'static str] =
        &["bound", "proof", "own", "shareId", "originalId", "ownerId", "attachmentId", "createdAt"];
}

/// Slots in either way of writing them: `{ name: value }`, or an array of slots.
pub(super) fn slots(path: &str, given: &JsValue) -> Result<Vec<workflows::NewSlot>> {
    if is_absent(given) {
        return Ok(Vec::new());
    }
    if Array::is_array(given) {
        return entries(path, given, slot);
    }
    if !given.is_object() {
        return Err(wrong(path));
    }
    let mut slots = Vec::new();
    for entry in Object::entries(given.unchecked_ref()).iter() {
        let (name, value) = (entry.unchecked_ref::<Array>().get(0), entry.unchecked_ref::<Array>().get(1));
        let name = String::from(name.unchecked_ref::<JsString>());
        // Named without a value, a slot stays as it is.
        if let Some(value) = given_value(&member(path, &name), &value)? {
            let (name, value) = (Some(name), Some(value));
            slots.push(workflows::NewSlot { name, value, ..workflows::NewSlot::default() });
        }
    }
    Ok(slots)
}

fn slot(path: &str, slot: &JsValue) -> Result<workflows::NewSlot> {
    let slot: NewSlot = fields(path, slot)?;
    Ok(workflows::NewSlot {
        id: slot.id,
        name: slot.name,
        label: slot.label,
        slot_type: slot.slot_type,
        description: slot.description,
        value: given_value(&format!("{path}.value"), &slot.value)?,
        attachment_id: None,
        remove: slot.remove.unwrap_or_default(),
        revision: slot.revision,
        updated_at: slot.updated_at,
    })
}

/// `None` for undefined, `Some(None)` for null.
fn given_value(path: &str, value: &JsValue) -> Result<Option<Option<Value>>> {
    if value.is_undefined() {
        return Ok(None);
    }
    if value.is_null() {
        return Ok(Some(None));
    }
    let value: Zeroizing<String> = text(path, value)?;
    Ok(Some(Some(Value::new(value))))
}

/// A node to put an item under, or to take it from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClassification {
    id: Option<Id>,
    scheme: Option<String>,
    name: Option<String>,
    remove: Option<bool>,
    label: Option<IgnoredAny>,
    description: Option<IgnoredAny>,
}

impl Argument for NewClassification {
    const OF_RESULTS: &'static [&'static str] = &["own"];
}

pub(super) fn classifications(path: &str, nodes: &JsValue) -> Result<Vec<workflows::Classification>> {
    if is_absent(nodes) {
        return Ok(Vec::new());
    }
    entries(path, nodes, |path, node| {
        let node: NewClassification = fields(path, node)?;
        // A node that was read has its words; of one that is to be made they would be lost.
        for (word, name) in [(node.label, "label"), (node.description, "description")] {
            if word.is_some() && node.id.is_none() {
                return Err(wrong(&member(path, name)));
            }
        }
        let remove = node.remove.unwrap_or_default();
        Ok(workflows::Classification { id: node.id, scheme: node.scheme, name: node.name, remove })
    })
}

/// A slot, whose value JavaScript is handed apart.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Slot<'a> {
    id: &'a Id,
    name: &'a str,
    label: &'a str,
    #[serde(rename = "type")]
    slot_type: &'a str,
    value: (),
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    bound: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<&'a str>,
    own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment_id: Option<&'a Id>,
    created_at: &'a str,
    updated_at: &'a str,
}

impl<'a> Slot<'a> {
    pub(super) fn new(slot: &'a workflows::Slot) -> Self {
        let record = &slot.record;
        Slot {
            id: &record.id,
            name: &record.name,
            label: &record.label,
            slot_type: &record.slot_type_name,
            value: (),
            description: record.description.as_deref(),
            bound: slot.is_bound,
            revision: slot.written_at(),
            proof: slot.proof.map(|proof| match proof {
                Proof::Text => "text",
                Proof::Weak => "weak",
            }),
            own: record.own,
            share_id: record.share_id.as_ref(),
            original_id: record.original_id.as_ref(),
            owner_id: record.owner_id.as_ref(),
            attachment_id: record.attachment_id.as_ref(),
            created_at: &record.created_at,
            updated_at: &record.updated_at,
        }
    }
}

/// A template's slot, which has no value.
#[derive(Serialize)]
pub(super) struct TemplateSlot<'a> {
    name: &'a str,
    label: &'a str,
    #[serde(rename = "type")]
    slot_type: &'a str,
}

impl<'a> TemplateSlot<'a> {
    pub(super) fn new(slot: &'a vault::slots::Slot) -> Self {
        TemplateSlot { name: &slot.name, label: &slot.label, slot_type: &slot.slot_type_name }
    }
}
