//! Machine names of templates, slots and nodes: how they are made from what people type, and how they are found again.
//! `docs/protocol/http-api.md` §6.12.

use std::collections::{HashMap, HashSet};

/// Bytes of the longest name that is made, which is as long as a label may be.
const LONGEST_NAME: usize = 1000;

/// The machine name of a text (`A strange &8Label` becomes `a_strange_8label`): lower case, white space to `_`, all other
/// characters but letters and digits removed; `unnamed` where nothing is left. A machine name stays as it is.
pub fn machine_name(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text
        .split_whitespace()
        .map(|word| word.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_').collect::<String>());
    match words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_") {
        empty if empty.is_empty() => "unnamed".to_owned(),
        name => name,
    }
}

/// The machine name that a text spells, if it spells one: it differs in case and white space alone.
pub fn spelled_name(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_")
}

/// Names that are taken, and new ones beside them.
#[derive(Debug, Default)]
pub struct MachineNames {
    taken: HashSet<String>,
    /// The number to try next, by the name that it is added to.
    next: HashMap<String, usize>,
}

impl MachineNames {
    /// Takes a name; false where it was taken.
    pub fn take(&mut self, name: &str) -> bool {
        self.taken.insert(name.to_owned())
    }

    /// Takes the machine name of a text, or the first of `phone_2`, `phone_3`, … that nobody has.
    pub fn derive(&mut self, text: &str) -> String {
        let base = machine_name(text);
        let mut number = self.next.get(&base).copied().unwrap_or(1);
        loop {
            let suffix = if number == 1 { String::new() } else { format!("_{number}") };
            let name = format!("{}{suffix}", cut(&base, LONGEST_NAME - suffix.len()));
            number += 1;
            if self.take(&name) {
                self.next.insert(base, number);
                return name;
            }
        }
    }
}

impl FromIterator<String> for MachineNames {
    /// Names that are taken.
    fn from_iter<T: IntoIterator<Item = String>>(taken: T) -> Self {
        MachineNames { taken: taken.into_iter().collect(), next: HashMap::new() }
    }
}

/// The characters that fit into this many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    let end = text.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|end| *end <= bytes).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Records by their names and labels.
pub struct Named<'a> {
    names: HashMap<&'a str, usize>,
    labels: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Named<'a> {
    /// Of names and labels.
    pub fn new(records: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut named = Named { names: HashMap::new(), labels: HashMap::new() };
        for (index, (name, label)) in records.into_iter().enumerate() {
            named.names.entry(name).or_insert(index);
            named.labels.entry(label.trim()).or_default().push(index);
        }
        named
    }

    /// The indices of the records that a text may name, the likeliest first: by machine name, by the label as it was typed,
    /// by a machine name that differs in case and white space alone. Never by what is left of a text without its other
    /// characters, since `C`, `C++` and `C#` are three.
    pub fn candidates(&self, text: &str) -> impl Iterator<Item = usize> {
        let by_name = self.names.get(text).copied();
        let by_label = self.labels.get(text.trim()).into_iter().flatten().copied();
        let by_spelling = self.names.get(spelled_name(text).as_str()).copied();
        by_name.into_iter().chain(by_label).chain(by_spelling)
    }

    /// Whether a text is the label of several, and the name of none.
    pub fn is_ambiguous(&self, text: &str) -> bool {
        !self.names.contains_key(text) && self.labels.get(text.trim()).is_some_and(|labelled| labelled.len() > 1)
    }

    /// The likeliest.
    pub fn find(&self, text: &str) -> Option<usize> {
        self.candidates(text).next()
    }
}

/// What a request says of one slot, as far as it says which.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotReference<'a> {
    /// The index of the slot that its id names.
    pub existing: Option<usize>,
    /// Machine name, or a text that stands for one.
    pub name: Option<&'a str>,
    /// Text for people.
    pub label: Option<&'a str>,
}

/// The slot that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeantSlot {
    /// By its index.
    Existing(usize),
    /// A new one of this machine name.
    New(String),
}

/// Two slots of a request have one name, or mean one slot by their names: their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedTwice(pub usize, pub usize);

/// Which slots a request means, among existing ones of these names and labels.
///
/// A name means the slot that [`Named::find`] gives, or else a new one. A label alone means a new slot, so that adding never
/// overwrites; or one of this label that nobody else means and that `may_be_filled` (the index of the reference, then of the slot),
/// so that a request whose reply was lost makes no second one. No two new slots get one name.
pub fn meant_slots(
    existing: &[(&str, &str)],
    references: &[SlotReference<'_>],
    may_be_filled: &dyn Fn(usize, usize) -> bool,
) -> Result<Vec<MeantSlot>, NamedTwice> {
    let named = Named::new(existing.iter().copied());
    let mut names: MachineNames = existing.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut meant: Vec<Option<MeantSlot>> =
        references.iter().map(|reference| reference.existing.map(MeantSlot::Existing)).collect();
    let mut taken: HashSet<usize> = references.iter().filter_map(|reference| reference.existing).collect();

    let (mut texts, mut slots) = (HashMap::new(), HashMap::new());
    for (index, (reference, meant)) in references.iter().zip(&mut meant).enumerate() {
        let Some(name) = reference.name.filter(|_| meant.is_none()) else { continue };
        if let Some(first) = texts.insert(name, index) {
            return Err(NamedTwice(first, index));
        }
        if let Some(slot) = named.find(name) {
            if let Some(first) = slots.insert(slot, index) {
                return Err(NamedTwice(first, index));
            }
            taken.insert(slot);
            *meant = Some(MeantSlot::Existing(slot));
        } else if machine_name(name) == name {
            // Before any name is made that would be the same.
            names.take(name);
            *meant = Some(MeantSlot::New(name.to_owned()));
        }
    }
    let rest =
        references.iter().zip(meant).enumerate().map(|(index, (reference, meant))| match (meant, reference.name) {
            (Some(meant), _) => meant,
            (None, Some(name)) => MeantSlot::New(names.derive(name)),
            (None, None) => {
                let label = reference.label.unwrap_or_default();
                let is_free = |slot: &usize| !taken.contains(slot) && may_be_filled(index, *slot);
                match named.candidates(label).find(is_free) {
                    Some(slot) => {
                        taken.insert(slot);
                        MeantSlot::Existing(slot)
                    }
                    None => MeantSlot::New(names.derive(label)),
                }
            }
        });
    Ok(rest.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_names_as_the_documents_say() {
        assert_eq!(machine_name("A strange &8Label"), "a_strange_8label");
        assert_eq!(machine_name("DeLorean"), "delorean");
        assert_eq!(machine_name("licence_plate"), "licence_plate");
        assert_eq!(machine_name("  two   words "), "two_words");
        assert_eq!(machine_name("Größe"), "größe");
        assert_eq!(machine_name("電話 番号"), "電話_番号");
        assert_eq!(machine_name("Bed & breakfast"), "bed_breakfast");
        for nothing_left in ["&%$", "", "  ", "🎉"] {
            assert_eq!(machine_name(nothing_left), "unnamed");
        }
    }

    #[test]
    fn a_machine_name_is_its_own() {
        for text in ["İstanbul", "ΣΑΣ", "A & B", "हिन्दी", "Ⅷ", "ﬃ", "_a__b_", "x\u{85}y", "𝔘"] {
            let name = machine_name(text);
            assert_eq!(machine_name(&name), name, "{text}");
        }
    }

    #[test]
    fn names_of_one_text_are_numbered_and_none_is_too_long() {
        let mut names = MachineNames::default();
        assert!(names.take("phone_2"));
        assert_eq!(["Phone", "phone", "PHONE!"].map(|label| names.derive(label)), ["phone", "phone_3", "phone_4"]);
        let long = "ⱥ".repeat(400);
        let made = [names.derive(&long), names.derive(&long)];
        assert!(made[0] != made[1] && made.iter().all(|name| (990..=LONGEST_NAME).contains(&name.len())));
    }

    fn named(name: &str) -> SlotReference<'_> {
        SlotReference { name: Some(name), ..SlotReference::default() }
    }

    fn labelled(label: &str) -> SlotReference<'_> {
        SlotReference { label: Some(label), ..SlotReference::default() }
    }

    fn new(name: &str) -> MeantSlot {
        MeantSlot::New(name.to_owned())
    }

    #[test]
    fn a_slot_is_found_by_its_name_its_label_and_another_spelling_and_by_nothing_else() {
        let slots =
            Named::new([("vin", "Chassis"), ("c", "C"), ("c_2", "C++"), ("phone", "Phone"), ("phone_2", "Phone")]);
        let found = ["vin", "Chassis", " VIN ", "C", "C++", "c_2", "Phone", "c", "C#", "Wheels", "chassis"];
        let expected = [Some(0), Some(0), Some(0), Some(1), Some(2), Some(2), Some(3), Some(1), None, None, None];
        assert_eq!(found.map(|text| slots.find(text)), expected);
        assert!(
            slots.is_ambiguous("Phone ") && ["phone", "C", "PHONE", "Fax"].iter().all(|text| !slots.is_ambiguous(text))
        );
        assert_eq!(Named::new([("phone", "Phone! ")]).find("Phone! "), Some(0));
    }

    #[test]
    fn a_label_is_a_new_slot_or_an_empty_one_and_never_a_full_one() {
        let existing = [("phone", "Phone"), ("phone_2", "Phone"), ("vin", "VIN")];
        let references = [labelled("Phone"), labelled("Phone "), labelled("VIN"), labelled("🎉"), labelled("🎂")];
        let is_empty = |_, slot| slot == 1;
        let meant = meant_slots(&existing, &references, &is_empty).unwrap();
        let expected = [MeantSlot::Existing(1), new("phone_3"), new("vin_2"), new("unnamed"), new("unnamed_2")];
        assert_eq!(meant, expected);
    }

    #[test]
    fn a_name_that_was_given_is_given_before_those_that_are_made() {
        let references = [labelled("Phone"), named("userName"), named("username"), named("phone")];
        let meant = meant_slots(&[], &references, &|_, _| false).unwrap();
        assert_eq!(meant, [new("phone_2"), new("username_2"), new("username"), new("phone")]);
    }

    #[test]
    fn what_would_be_one_slot_is_said() {
        let twice = |references: &[SlotReference<'_>]| {
            meant_slots(&[("vin", "Chassis")], references, &|_, _| true).unwrap_err()
        };
        assert_eq!(twice(&[named("power"), named("phone"), named("phone")]), NamedTwice(1, 2));
        assert_eq!(twice(&[named("vin"), named("Chassis")]), NamedTwice(0, 1));
    }
}
