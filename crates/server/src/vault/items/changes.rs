//! Plans the changes that a request makes to an item's slots: which are cloned from the template, inserted, updated or
//! deleted (docs/protocol/http-api.md §6.5, §6.8). Pure functions: [`super::apply`] carries the plan out.

use std::collections::HashMap;

use vaultshare::api::{
    Id,
    vault::{
        names::{MeantSlot, NamedTwice, SlotReference, meant_slots},
        slots::{ClassificationNodeChange, SlotChange},
    },
};

use crate::{
    error::{Code, Error, Result},
    vault::{
        files::attachment_id,
        labels::check_label,
        records::{
            items,
            slots::{NewSlot, SlotUpdate},
            templates,
        },
    },
};

/// What happens to one slot.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SlotStep {
    Insert(NewSlot),
    Update { id: String, change: SlotUpdate },
    Delete { id: String },
}

/// A slot of a new item and the changes of its classification.
pub(super) type PlannedSlot<'a> = (NewSlot, &'a [ClassificationNodeChange]);

/// A step and the changes of the slot's classification.
pub(super) type Planned<'a> = (SlotStep, &'a [ClassificationNodeChange]);

/// A slot that an item has, as far as requests name it.
#[derive(Clone, Debug)]
pub(super) struct ExistingSlot {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) has_value: bool,
}

impl From<items::SlotRow> for ExistingSlot {
    fn from(row: items::SlotRow) -> Self {
        Self { id: row.id, name: row.name, label: row.label, has_value: row.encrypted_value.is_some() }
    }
}

/// The slots of a new item: the template's, with the values that the request has for them, then those it adds.
pub(super) fn plan_creation<'a>(
    template: &[templates::SlotRow],
    creator: &'static str,
    attributes: &'a [SlotChange],
    skip_empty: bool,
) -> Result<Vec<PlannedSlot<'a>>> {
    for (index, attribute) in attributes.iter().enumerate() {
        check_new(attribute).map_err(at_slot(index))?;
    }
    let existing: Vec<_> = template.iter().map(|slot| (slot.name.as_str(), slot.label.as_str())).collect();
    let references = attributes.iter().enumerate().map(|(index, slot)| reference(None, slot).map_err(at_slot(index)));
    let references = references.collect::<Result<Vec<_>>>()?;
    let meant =
        meant_slots(&existing, &references, &|_, _| true).map_err(|twice| named_twice(twice, slot_attribute))?;

    let mut slots: Vec<(NewSlot, &'a [ClassificationNodeChange], bool)> = Vec::new();
    for slot in template {
        let new = NewSlot {
            name: slot.name.clone(),
            label: slot.label.clone(),
            description: slot.description.clone(),
            slot_type_name: slot.slot_type_name.clone(),
            creator,
            ..NewSlot::default()
        };
        slots.push((new, &[], skip_empty));
    }
    for (index, (attribute, meant)) in attributes.iter().zip(meant).enumerate() {
        let classification = attribute.classification_nodes_attributes.as_deref().unwrap_or_default();
        match meant {
            MeantSlot::Existing(slot) => {
                let filled = slots.get_mut(slot).ok_or_else(|| Error::fault("a template has no such slot"))?;
                fill(&mut filled.0, attribute).map_err(at_slot(index))?;
                (filled.1, filled.2) = (classification, false);
            }
            MeantSlot::New(name) => {
                slots.push((new_slot(name, attribute).map_err(at_slot(index))?, classification, false));
            }
        }
    }
    slots.retain(|(_, _, is_left_out)| !is_left_out);
    Ok(slots.into_iter().map(|(slot, nodes, _)| (slot, nodes)).collect())
}

fn slot_attribute(index: usize) -> String {
    format!("item.slots_attributes[{index}]")
}

/// Adds to an error which slot of the request it is about.
fn at_slot(index: usize) -> impl FnOnce(Error) -> Error {
    move |error| error.at(&slot_attribute(index))
}

fn check_new(attribute: &SlotChange) -> Result<()> {
    if attribute.id.is_some() {
        return Err(Error::refused(Code::SlotIdNotAllowed, "The slots of a new item have no ids yet").at("id"));
    }
    if attribute.destroy == Some(true) {
        let message = "The slots of a new item cannot be deleted yet";
        return Err(Error::refused(Code::SlotDeletionNotAllowed, message).at("_destroy"));
    }
    refuse_plaintext(attribute)
}

/// Changes of the `existing` slots. A request means a slot by its id, or else by its name.
pub(super) fn plan_update<'a>(existing: &[ExistingSlot], attributes: &'a [SlotChange]) -> Result<Vec<Planned<'a>>> {
    let by_id: HashMap<&str, usize> = existing.iter().enumerate().map(|(at, slot)| (slot.id.as_str(), at)).collect();
    let names: Vec<_> = existing.iter().map(|slot| (slot.name.as_str(), slot.label.as_str())).collect();
    let find = |id: &Id| {
        let found = by_id.get(id.as_str()).copied();
        found.ok_or_else(|| Error::refused(Code::UnknownSlot, "The item has no slot of this id").at("id"))
    };
    let references = attributes.iter().enumerate().map(|(index, attribute)| {
        let existing = attribute.id.as_ref().map(find).transpose();
        existing.and_then(|existing| reference(existing, attribute)).map_err(at_slot(index))
    });
    let references = references.collect::<Result<Vec<_>>>()?;
    let is_empty = |_, slot: usize| existing.get(slot).is_some_and(|slot| !slot.has_value);
    let meant = meant_slots(&names, &references, &is_empty).map_err(|twice| named_twice(twice, slot_attribute))?;
    let planned = attributes.iter().zip(meant).enumerate();
    planned.map(|(index, (attribute, meant))| plan_one(existing, attribute, meant).map_err(at_slot(index))).collect()
}

/// The change of one slot that a request names by its address.
pub(super) fn plan_slot<'a>(slot: &ExistingSlot, change: &'a SlotChange) -> Result<Planned<'a>> {
    plan_one(std::slice::from_ref(slot), change, MeantSlot::Existing(0))
}

/// Whether a change can make its item larger; one that was made by an older server may be too large already.
pub(super) fn may_grow(steps: &[Planned<'_>]) -> bool {
    steps.iter().any(|(step, nodes)| match step {
        SlotStep::Insert(_) => true,
        SlotStep::Update { change, .. } => {
            let SlotUpdate { label, description, encrypted_value, .. } = change;
            label.is_some() || description.is_some() || matches!(encrypted_value, Some(Some(_))) || !nodes.is_empty()
        }
        SlotStep::Delete { .. } => false,
    })
}

fn plan_one<'a>(existing: &[ExistingSlot], attribute: &'a SlotChange, meant: MeantSlot) -> Result<Planned<'a>> {
    let classification = attribute.classification_nodes_attributes.as_deref().unwrap_or_default();
    let is_deleted = attribute.destroy == Some(true);
    match meant {
        MeantSlot::Existing(index) => {
            let slot = existing.get(index).ok_or_else(|| Error::fault("an item has no such slot"))?;
            let id = slot.id.clone();
            match is_deleted {
                true => Ok((SlotStep::Delete { id }, &[])),
                false => Ok((SlotStep::Update { id, change: update(attribute)? }, classification)),
            }
        }
        MeantSlot::New(_) if is_deleted => {
            Err(Error::refused(Code::UnknownSlot, "The item has no slot of this name").at("name"))
        }
        MeantSlot::New(name) => {
            refuse_plaintext(attribute)?;
            Ok((SlotStep::Insert(new_slot(name, attribute)?), classification))
        }
    }
}

/// Which slot a request means. What it deletes, a label names as well.
pub(in crate::vault) fn reference(existing: Option<usize>, attribute: &SlotChange) -> Result<SlotReference<'_>> {
    let label = attribute.label.as_deref();
    let name = attribute.name.as_deref().or(label.filter(|_| attribute.destroy == Some(true)));
    if existing.is_none() {
        let field = if attribute.name.is_some() { "name" } else { "label" };
        check_label(name.or(label).ok_or_else(|| Error::missing("label"))?).map_err(|error| error.at(field))?;
    }
    Ok(SlotReference { existing, name, label })
}

/// The server would keep one of the two values. `place` is that of a slot in the request.
pub(in crate::vault) fn named_twice(NamedTwice(first, second): NamedTwice, place: impl Fn(usize) -> String) -> Error {
    let message = format!("has the name of {}", place(first));
    Error::refused(Code::SlotNameTaken, message).at(&place(second))
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
        attachment_id: attachment_id(attribute).map(str::to_owned),
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
    slot.attachment_id = attachment_id(attribute).map(str::to_owned);
    Ok(())
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
    use vaultshare::api::Ciphertext;

    const VALUE: &str = "Aes256Gcm.AA==.QQ==";

    fn named(name: &str) -> SlotChange {
        SlotChange { name: Some(name.into()), ..SlotChange::default() }
    }

    fn filled(name: &str) -> SlotChange {
        SlotChange { encrypted_value: Some(Ciphertext::parse(VALUE)), ..named(name) }
    }

    fn existing(id: &str, name: &str) -> ExistingSlot {
        ExistingSlot { id: id.into(), name: name.into(), label: name.into(), has_value: true }
    }

    fn template() -> Vec<templates::SlotRow> {
        ["vin", "power"].map(templates::SlotRow::for_test).to_vec()
    }

    fn inserted(planned: Vec<PlannedSlot<'_>>) -> Vec<(String, Option<String>)> {
        planned.into_iter().map(|(slot, _)| (slot.name, slot.encrypted_value)).collect()
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
        let existing = [existing("1", "vin")];
        let with = |value: &str| [SlotChange { value: Some(value.into()), ..named("vin") }];
        assert!(plan_creation(&template(), "system", &with("WBA1"), false).is_err());
        assert!(plan_update(&existing, &with("WBA1")).is_err());
        let emptied = with("");
        let steps = plan_update(&existing, &emptied).unwrap();
        assert_eq!(encrypted_value(&steps[0].0), Some(&Some(None)));
    }

    #[test]
    fn an_absent_value_stays_and_a_null_goes() {
        let existing = [existing("1", "vin")];
        let stays = [named("vin")];
        let goes = [SlotChange { encrypted_value: Some(None), ..named("vin") }];
        let step = |attributes| plan_update(&existing, attributes).unwrap().remove(0).0;
        assert_eq!(encrypted_value(&step(&stays)), Some(&None));
        assert_eq!(encrypted_value(&step(&goes)), Some(&Some(None)));
    }

    #[test]
    fn slots_are_meant_by_id_or_else_by_name() {
        let existing = [existing("1", "vin")];
        let by_id = |id: &str| [SlotChange { id: Id::parse(id), ..named("another name") }];
        assert!(matches!(&plan_update(&existing, &by_id("1")).unwrap()[0].0, SlotStep::Update { id, .. } if id == "1"));
        assert!(plan_update(&existing, &by_id("2")).is_err());
        let new = [named("power")];
        assert!(matches!(&plan_update(&existing, &new).unwrap()[0].0, SlotStep::Insert(slot) if slot.name == "power"));
        let gone = [SlotChange { destroy: Some(true), ..named("vin") }];
        assert_eq!(plan_update(&existing, &gone).unwrap()[0].0, SlotStep::Delete { id: "1".into() });
    }
    #[test]
    fn labels_of_one_text_are_slots_of_their_own() {
        let labelled = |label: &str| SlotChange {
            label: Some(label.into()),
            encrypted_value: Some(Ciphertext::parse(VALUE)),
            ..SlotChange::default()
        };
        let attributes = [labelled("Phone"), labelled("Phone"), filled("vin"), labelled("VIN"), labelled("🎉")];
        let slots = inserted(plan_creation(&template(), "system", &attributes, true).unwrap());
        let names: Vec<_> = slots.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["vin", "phone", "phone_2", "vin_2", "unnamed"]);

        let full = ExistingSlot { label: "Phone".into(), ..existing("1", "phone") };
        let empty = ExistingSlot { has_value: false, label: "Phone".into(), ..existing("2", "phone_2") };
        let added = plan_update(&[full, empty], &attributes[..2]).unwrap();
        assert!(matches!(&added[0].0, SlotStep::Update { id, .. } if id == "2"));
        assert!(matches!(&added[1].0, SlotStep::Insert(slot) if slot.name == "phone_3" && slot.label == "Phone"));
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused_and_told() {
        let attributes = [filled("power"), filled("vin"), filled("vin")];
        for refusal in [
            plan_creation(&template(), "system", &attributes, false).unwrap_err(),
            plan_update(&[existing("1", "vin")], &attributes).unwrap_err(),
        ] {
            let expected = "item.slots_attributes[2]: has the name of item.slots_attributes[1]";
            assert_eq!(refusal.to_string(), expected);
        }
    }
}
