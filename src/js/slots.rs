//! Slots and classification nodes, as the arguments of several calls hold them.

use crate::{
    http::{Fields, Flaws, FromJson, Json},
    workflows::{Classification, NewSlot, Value},
};

/// Slots in either way of writing them: `{ name: value }`, or an array of slots.
#[derive(Default)]
pub(super) struct Slots(pub(super) Vec<NewSlot>);

impl FromJson for Slots {
    fn from_json(slots: Json<'_>, flaws: &mut Flaws) -> Self {
        let Json::Object(values) = slots else { return Slots(Vec::from_json(slots, flaws)) };
        let mut slots = Vec::new();
        for (name, new) in values {
            let name = Some(name.into_owned());
            slots.push(NewSlot { name, value: Some(value(new, flaws)), ..NewSlot::default() });
        }
        Slots(slots)
    }
}

impl FromJson for NewSlot {
    fn from_json(slot: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut slot = entry(slot, flaws);
        NewSlot {
            id: slot.or_default("id", flaws),
            name: slot.or_default("name", flaws),
            label: slot.or_default("label", flaws),
            slot_type: slot.or_default("type", flaws),
            // Left out, the value stays; null empties the slot.
            value: slot.take_if_there("value").map(|new| value(new, flaws)),
            remove: slot.or_default("remove", flaws),
        }
    }
}

fn value(value: Json<'_>, flaws: &mut Flaws) -> Option<Value> {
    match value {
        Json::Null => None,
        Json::Text(text) => Some(Value::new(text.into_owned())),
        _ => {
            flaws.note("a text or null as each slot's value");
            None
        }
    }
}

impl FromJson for Classification {
    fn from_json(node: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut node = entry(node, flaws);
        Classification {
            id: node.or_default("id", flaws),
            scheme: node.or_default("scheme", flaws),
            name: node.or_default("name", flaws),
            remove: node.or_default("remove", flaws),
        }
    }
}

/// The fields of an entry of a list, which has to be an object.
fn entry<'text>(json: Json<'text>, flaws: &mut Flaws) -> Fields<'text> {
    if !matches!(json, Json::Object(_)) {
        flaws.note("a list of objects");
    }
    Fields::of(json)
}
