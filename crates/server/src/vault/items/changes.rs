//! Plans the changes that a request makes to an item's slots: which are cloned from the template, inserted, updated or
//! deleted (docs/protocol/http-api.md §6.5, §6.8). Pure functions: [`super::apply`] carries the plan out.

use vaultshare::api::vault::slots::{ClassificationNodeChange, SlotChange};

use crate::{
    error::{Code, Error, Result},
    vault::{
        records::{
            slots::{NewSlot, SlotUpdate},
            templates::SlotRow,
        },
        slug::{check_label, slugify},
    },
};

/// What happens to one slot.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SlotStep {
    Insert(NewSlot),
    Update { id: String, change: SlotUpdate },
    Delete { id: String },
}

/// A step and the changes of the slot's classification.
pub(super) type Planned<'a> = (SlotStep, &'a [ClassificationNodeChange]);

type NewSlotAndNodes<'a> = (NewSlot, &'a [ClassificationNodeChange]);

/// The slots of a new item: the template's, with the values that the request has for them, then those it adds.
pub(super) fn plan_creation<'a>(
    template: &[SlotRow],
    creator: &'static str,
    attributes: &'a [SlotChange],
    skip_empty: bool,
) -> Result<Vec<Planned<'a>>> {
    let mut slots: Vec<NewSlotAndNodes<'a>> = Vec::new();
    for slot in template {
        let new = NewSlot {
            name: slot.name.clone(),
            label: slot.label.clone(),
            description: slot.description.clone(),
            slot_type_name: slot.slot_type_name.clone(),
            creator,
            ..NewSlot::default()
        };
        slots.push((new, &[]));
    }
    for (index, attribute) in attributes.iter().enumerate() {
        plan_new(&mut slots, attribute).map_err(|error| error.at(&slot_attribute(index)))?;
    }
    if skip_empty {
        slots.retain(|(slot, _)| {
            attributes.iter().any(|attribute| name_of(attribute).is_ok_and(|name| name == slot.name))
        });
    }
    Ok(slots.into_iter().map(|(slot, nodes)| (SlotStep::Insert(slot), nodes)).collect())
}

fn plan_new<'a>(slots: &mut Vec<NewSlotAndNodes<'a>>, attribute: &'a SlotChange) -> Result<()> {
    if attribute.id.is_some() {
        return Err(Error::refused(Code::SlotIdNotAllowed, "The slots of a new item have no ids yet").at("id"));
    }
    if attribute.destroy == Some(true) {
        let message = "The slots of a new item cannot be deleted yet";
        return Err(Error::refused(Code::SlotDeletionNotAllowed, message).at("_destroy"));
    }
    refuse_plaintext(attribute)?;
    let name = name_of(attribute)?;
    let classification = attribute.classification_nodes_attributes.as_deref().unwrap_or_default();
    match slots.iter_mut().find(|(slot, _)| slot.name == name) {
        Some((slot, nodes)) => {
            fill(slot, attribute)?;
            *nodes = classification;
        }
        None => slots.push((new_slot(name, attribute)?, classification)),
    }
    Ok(())
}

/// Changes of the `existing` slots, given as ids and names. A request names a slot by its id, or else by its name.
pub(super) fn plan_update<'a>(existing: &[(String, String)], attributes: &'a [SlotChange]) -> Result<Vec<Planned<'a>>> {
    let plan = |(index, attribute)| plan_one(existing, attribute).map_err(|error| error.at(&slot_attribute(index)));
    attributes.iter().enumerate().map(plan).collect()
}

fn slot_attribute(index: usize) -> String {
    format!("item.slots_attributes[{index}]")
}

/// A change of one of the `existing` slots, or of none of them: then it adds a slot.
pub(super) fn plan_one<'a>(existing: &[(String, String)], attribute: &'a SlotChange) -> Result<Planned<'a>> {
    let classification = attribute.classification_nodes_attributes.as_deref().unwrap_or_default();
    let named = match &attribute.id {
        Some(id) => {
            let found = existing.iter().find(|(known, _)| known == id.as_str());
            Some(found.ok_or_else(|| unknown_slot("The item has no slot of this id").at("id"))?)
        }
        None => {
            let name = name_of(attribute)?;
            existing.iter().find(|(_, known)| *known == name)
        }
    };
    match named {
        Some((id, _)) if attribute.destroy == Some(true) => Ok((SlotStep::Delete { id: id.clone() }, &[])),
        Some((id, _)) => Ok((SlotStep::Update { id: id.clone(), change: update(attribute)? }, classification)),
        None if attribute.destroy == Some(true) => Err(unknown_slot("The item has no slot of this name")),
        None => {
            refuse_plaintext(attribute)?;
            Ok((SlotStep::Insert(new_slot(name_of(attribute)?, attribute)?), classification))
        }
    }
}

fn unknown_slot(message: &str) -> Error {
    Error::refused(Code::UnknownSlot, message)
}

fn update(attribute: &SlotChange) -> Result<SlotUpdate> {
    refuse_plaintext(attribute)?;
    if let Some(label) = &attribute.label {
        check_label(label).map_err(|error| error.at("label"))?;
    }
    // Null clears the value, and so does an empty plaintext without a ciphertext; absent leaves it unchanged.
    let encrypted_value = match (&attribute.encrypted_value, &attribute.value) {
        (Some(value), _) => Some(value.as_ref().map(|value| value.as_str().to_owned())),
        (None, Some(_)) => Some(None),
        (None, None) => None,
    };
    Ok(SlotUpdate {
        label: attribute.label.clone(),
        description: attribute.description.clone(),
        slot_type_name: attribute.slot_type_name.clone(),
        ordinal: attribute.ordinal,
        encrypted_value,
        attachment_id: attribute.attachment_id.as_ref().map(ToString::to_string),
    })
}

fn new_slot(name: String, attribute: &SlotChange) -> Result<NewSlot> {
    let label = attribute.label.clone().or_else(|| attribute.name.clone()).unwrap_or_else(|| name.clone());
    let mut slot =
        NewSlot { name, label, slot_type_name: "key_value".to_owned(), creator: "user", ..NewSlot::default() };
    fill(&mut slot, attribute)?;
    Ok(slot)
}

fn fill(slot: &mut NewSlot, attribute: &SlotChange) -> Result<()> {
    if let Some(label) = &attribute.label {
        check_label(label).map_err(|error| error.at("label"))?;
        slot.label.clone_from(label);
    }
    if let Some(slot_type_name) = &attribute.slot_type_name {
        slot.slot_type_name.clone_from(slot_type_name);
    }
    if attribute.description.is_some() {
        slot.description.clone_from(&attribute.description);
    }
    slot.ordinal = attribute.ordinal.or(slot.ordinal);
    slot.encrypted_value =
        attribute.encrypted_value.as_ref().and_then(|value| Some(value.as_ref()?.as_str().to_owned()));
    slot.attachment_id = attribute.attachment_id.as_ref().map(ToString::to_string);
    Ok(())
}

fn name_of(attribute: &SlotChange) -> Result<String> {
    let (text, field) = match (&attribute.name, &attribute.label) {
        (Some(name), _) => (name, "name"),
        (None, Some(label)) => (label, "label"),
        (None, None) => return Err(Error::missing("label")),
    };
    check_label(text).map_err(|error| error.at(field))?;
    Ok(slugify(text))
}

/// The server never stores plaintext, not even by a client's mistake.
fn refuse_plaintext(attribute: &SlotChange) -> Result<()> {
    match attribute.value.as_deref() {
        None | Some("") => Ok(()),
        Some(_) => {
            let message = "A slot's value must be sent encrypted, as encrypted_value";
            Err(Error::refused(Code::PlaintextValue, message).at("value"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vaultshare::api::{Ciphertext, Id};

    const VALUE: &str = "Aes256Gcm.AA==.QQ==";

    fn named(name: &str) -> SlotChange {
        SlotChange { name: Some(name.into()), ..SlotChange::default() }
    }

    fn filled(name: &str) -> SlotChange {
        SlotChange { encrypted_value: Some(Ciphertext::parse(VALUE)), ..named(name) }
    }

    fn template() -> Vec<SlotRow> {
        ["vin", "power"].map(SlotRow::for_test).to_vec()
    }

    fn inserted(planned: Vec<Planned<'_>>) -> Vec<(String, Option<String>)> {
        let slots = planned.into_iter().map(|(step, _)| match step {
            SlotStep::Insert(slot) => (slot.name, slot.encrypted_value),
            other => panic!("not an insertion: {other:?}"),
        });
        slots.collect()
    }

    fn encrypted_value(step: &SlotStep) -> Option<&Option<Option<String>>> {
        match step {
            SlotStep::Update { change, .. } => Some(&change.encrypted_value),
            _ => None,
        }
    }

    #[test]
    fn an_item_has_the_templates_slots_filled_and_those_that_are_added() {
        let attributes = [filled("vin"), filled("Engine type")];
        let slots = inserted(plan_creation(&template(), "system", &attributes, false).unwrap());
        let value = Some(VALUE.to_owned());
        assert_eq!(slots, [("vin".into(), value.clone()), ("power".into(), None), ("engine_type".into(), value)]);
    }

    #[test]
    fn empty_template_slots_can_be_left_out() {
        let attributes = [filled("vin")];
        let slots = inserted(plan_creation(&template(), "system", &attributes, true).unwrap());
        assert_eq!(slots, [("vin".into(), Some(VALUE.into()))]);
    }

    #[test]
    fn plaintext_is_refused_and_empty_plaintext_empties() {
        let existing = [("1".to_owned(), "vin".to_owned())];
        let with = |value: &str| [SlotChange { value: Some(value.into()), ..named("vin") }];
        assert!(plan_creation(&template(), "system", &with("WBA1"), false).is_err());
        assert!(plan_update(&existing, &with("WBA1")).is_err());
        let emptied = with("");
        let steps = plan_update(&existing, &emptied).unwrap();
        assert_eq!(encrypted_value(&steps[0].0), Some(&Some(None)));
    }

    #[test]
    fn an_absent_value_stays_and_a_null_goes() {
        let existing = [("1".to_owned(), "vin".to_owned())];
        let stays = [named("vin")];
        let goes = [SlotChange { encrypted_value: Some(None), ..named("vin") }];
        let step = |attributes| plan_update(&existing, attributes).unwrap().remove(0).0;
        assert_eq!(encrypted_value(&step(&stays)), Some(&None));
        assert_eq!(encrypted_value(&step(&goes)), Some(&Some(None)));
    }

    #[test]
    fn slots_are_meant_by_id_or_else_by_name() {
        let existing = [("1".to_owned(), "vin".to_owned())];
        let by_id = |id: &str| [SlotChange { id: Id::parse(id), ..named("another name") }];
        assert!(matches!(&plan_update(&existing, &by_id("1")).unwrap()[0].0, SlotStep::Update { id, .. } if id == "1"));
        assert!(plan_update(&existing, &by_id("2")).is_err());
        let new = [named("power")];
        assert!(matches!(&plan_update(&existing, &new).unwrap()[0].0, SlotStep::Insert(slot) if slot.name == "power"));
        let gone = [SlotChange { destroy: Some(true), ..named("vin") }];
        assert_eq!(plan_update(&existing, &gone).unwrap()[0].0, SlotStep::Delete { id: "1".into() });
    }
}
