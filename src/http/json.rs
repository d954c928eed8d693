//! From a response's text to a value of the wire.
//!
//! The text is read into a tree, and the value from the tree. serde's own way, straight from the text, compiles a JSON
//! reader anew into every type, which made up a fifth of the module that a page has to load. Here a type brings little
//! more than the names of its fields.

use std::num::NonZeroU32;

pub use vaultshare_fast::Json;
pub use vaultshare_wire_derive::FromJson;

/// The longest list that is read. What belongs together in a reply is found by looking through its lists, and a server that
/// sends millions must not keep a page busy for hours.
pub const MOST_ENTRIES: usize = 20_000;

/// A type of the wire that the client reads.
///
/// Reading goes on after a flaw, with a placeholder, so that a type needs no way out at each of its fields; whoever began
/// it looks at the [`Flaws`] in the end and throws a flawed value away.
pub trait FromJson: Sized {
    /// The value. [`Json::Null`] stands for one that is not there.
    fn from_json(json: Json<'_>, flaws: &mut Flaws) -> Self;
}

/// A type whose fields may also stand among those of another.
pub trait FromFields {
    /// The value, of the fields that are its.
    fn from_fields(fields: &mut Fields<'_>, flaws: &mut Flaws) -> Self;
}

/// What was found wrong while reading.
#[derive(Debug, Default)]
pub struct Flaws(Option<Flaw>);

/// One thing that did not have its form. Says where and what was expected; never what stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The name of the innermost field that it is in; empty where it is in none.
    pub place: &'static str,
    /// What was expected there.
    pub expected: &'static str,
}

impl Flaws {
    /// Notes that something else was expected; the first flaw stays.
    pub fn note(&mut self, expected: &'static str) {
        self.0.get_or_insert(Flaw { place: "", expected });
    }

    /// The first flaw.
    pub fn first(&self) -> Option<Flaw> {
        self.0
    }

    /// Takes over the flaw that reading a field of this name found.
    fn note_in(&mut self, name: &'static str, own: Flaws) {
        if let Some(Flaw { place, expected }) = own.0 {
            self.0.get_or_insert(Flaw { place: if place.is_empty() { name } else { place }, expected });
        }
    }
}

/// The fields of an object that nobody has read yet.
pub struct Fields<'text>(vaultshare_fast::Fields<'text>);

impl<'text> Fields<'text> {
    /// The fields of an object; of anything else, none.
    pub fn of(json: Json<'text>) -> Self {
        Fields(vaultshare_fast::Fields::of(json))
    }

    /// Takes a field's value; [`Json::Null`] where there is none.
    pub fn take(&mut self, name: &str) -> Json<'text> {
        self.0.take(name)
    }

    /// Takes a field's value, null included; `None` where it is left out.
    pub fn take_if_there(&mut self, name: &str) -> Option<Json<'text>> {
        self.0.take_if_there(name)
    }

    /// Lets a field be found by another name, where it is not there by that one already.
    pub fn rename(&mut self, from: &str, to: &'static str) {
        self.0.rename(from, to);
    }

    /// Reads a field that has to be there.
    pub fn required<T: FromJson>(&mut self, name: &'static str, flaws: &mut Flaws) -> T {
        named(name, self.take(name), flaws)
    }

    /// Reads a field that may be null or left out, and then has its type's default.
    pub fn or_default<T: FromJson + Default>(&mut self, name: &'static str, flaws: &mut Flaws) -> T {
        match self.take(name) {
            Json::Null => T::default(),
            json => named(name, json, flaws),
        }
    }
}

/// Reads a value, whose flaws are then known by its name.
fn named<T: FromJson>(name: &'static str, json: Json<'_>, flaws: &mut Flaws) -> T {
    let mut own = Flaws::default();
    let value = T::from_json(json, &mut own);
    flaws.note_in(name, own);
    value
}

impl FromJson for bool {
    fn from_json(json: Json<'_>, flaws: &mut Flaws) -> Self {
        match json {
            Json::Bool(value) => value,
            _ => {
                flaws.note("true or false");
                false
            }
        }
    }
}

impl FromJson for i64 {
    fn from_json(json: Json<'_>, flaws: &mut Flaws) -> Self {
        json.as_integer().unwrap_or_else(|| {
            flaws.note("a number");
            0
        })
    }
}

impl FromJson for u32 {
    fn from_json(json: Json<'_>, flaws: &mut Flaws) -> Self {
        u32_of(json).unwrap_or_else(|| {
            flaws.note("a whole number, 0 at least");
            0
        })
    }
}

impl FromJson for NonZeroU32 {
    fn from_json(json: Json<'_>, flaws: &mut Flaws) -> Self {
        u32_of(json).and_then(NonZeroU32::new).unwrap_or_else(|| {
            flaws.note("a whole number, 1 at least");
            NonZeroU32::MIN
        })
    }
}

fn u32_of(json: Json<'_>) -> Option<u32> {
    json.as_integer()?.try_into().ok()
}

impl FromJson for String {
    fn from_json(json: Json<'_>, flaws: &mut Flaws) -> Self {
        match json.into_text() {
            Some(text) => text.into_owned(),
            None => {
                flaws.note("a text");
                String::new()
            }
        }
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(json: Json<'_>, flaws: &mut Flaws) -> Self {
        match json {
            Json::Null => None,
            json => Some(T::from_json(json, flaws)),
        }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: Json<'_>, flaws: &mut Flaws) -> Self {
        if !matches!(json, Json::List(_)) {
            flaws.note("a list");
        }
        let entries = json.into_entries();
        if entries.len() > MOST_ENTRIES {
            flaws.note("a list that is not as long as this");
        }
        let mut list = Vec::new();
        for entry in entries.take(MOST_ENTRIES) {
            list.push(T::from_json(entry, flaws));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, FromJson)]
    struct Record {
        id: i64,
        #[serde(default)]
        label: String,
        #[serde(alias = "old_name")]
        name: Option<String>,
        #[serde(default)]
        inner: Vec<Inner>,
        #[serde(flatten)]
        more: More,
    }

    #[derive(Debug, Default, PartialEq, FromJson)]
    #[serde(default)]
    struct More {
        ordinal: i64,
    }

    #[derive(Debug, PartialEq, FromJson)]
    struct Inner {
        #[serde(rename = "type")]
        kind: Kind,
    }

    #[derive(Debug, PartialEq, FromJson)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        NoteText,
        Url,
        #[serde(other)]
        Other,
    }

    fn read(text: &str) -> Result<Record, (&'static str, &'static str)> {
        let mut flaws = Flaws::default();
        let record = Record::from_json(Json::parse(text.as_bytes()).unwrap(), &mut flaws);
        flaws.first().map_or(Ok(record), |flaw| Err((flaw.place, flaw.expected)))
    }

    #[test]
    fn fields_are_found_in_any_order_by_any_of_their_names() {
        let record = read(
            r#"{"unknown":1.5,"old_name":"a\tb","inner":[{"type":"note_text"},{"type":"url"}],"id":7,"label":null,"ordinal":3}"#,
        );
        let inner = vec![Inner { kind: Kind::NoteText }, Inner { kind: Kind::Url }];
        assert_eq!(
            record,
            Ok(Record { id: 7, label: String::new(), name: Some("a\tb".to_owned()), inner, more: More { ordinal: 3 } })
        );
    }

    #[test]
    fn a_word_of_later_versions_is_the_variant_for_all_others() {
        let record = read(r#"{"id":1,"inner":[{"type":"hologram"}]}"#).unwrap();
        assert_eq!(record.inner, [Inner { kind: Kind::Other }]);
    }

    #[test]
    fn the_first_flaw_is_named_by_the_innermost_field_and_nothing_is_quoted() {
        assert_eq!(read(r#"{"label":"x"}"#), Err(("id", "a number")));
        assert_eq!(read(r#"{"id":"hush"}"#), Err(("id", "a number")));
        assert_eq!(read(r#"{"id":1,"label":2}"#), Err(("label", "a text")));
        assert_eq!(read(r#"{"id":1,"inner":[{"type":1}]}"#), Err(("type", "one of note_text, url, other")));
        assert_eq!(read(r#"{"id":1,"inner":{}}"#), Err(("inner", "a list")));
        assert_eq!(read("[]"), Err(("", "an object")));
    }
}
