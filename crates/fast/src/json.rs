use std::{borrow::Cow, vec};

use crate::json_reader::read;

/// JSON whose texts still lie in the response, where they hold no escapes.
#[derive(Debug, PartialEq)]
pub enum Json<'text> {
    /// Also what is not there at all.
    Null,
    /// true or false.
    Bool(bool),
    /// A number, as it is written.
    Number(&'text str),
    /// A text.
    Text(Cow<'text, str>),
    /// An array.
    List(Vec<Json<'text>>),
    /// An object, its fields in the order of the text.
    Object(Vec<(Cow<'text, str>, Json<'text>)>),
}

impl<'text> Json<'text> {
    /// Reads a text; `None` where it is not JSON, or lies too deep. Half of a surrogate pair, which is no character, becomes
    /// the replacement character.
    pub fn parse(text: &'text [u8]) -> Option<Self> {
        read(text).map(|(json, _)| json)
    }

    /// The same; `None` also where a text is not Unicode.
    pub fn parse_unicode(text: &'text [u8]) -> Option<Self> {
        read(text).filter(|(_, replaced)| !replaced).map(|(json, _)| json)
    }

    /// A number without fraction that fits.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Json::Number(number) => number.parse().ok(),
            _ => None,
        }
    }

    /// The entries of an array; of anything else, none.
    pub fn into_entries(self) -> vec::IntoIter<Json<'text>> {
        match self {
            Json::List(entries) => entries.into_iter(),
            _ => Vec::new().into_iter(),
        }
    }

    /// A text's characters.
    pub fn into_text(self) -> Option<Cow<'text, str>> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The fields of an object that nobody has taken yet.
pub struct Fields<'text> {
    fields: Vec<(Cow<'text, str>, Json<'text>)>,
    /// Where the next one is looked for first: servers write fields in one order, and types name them in the same.
    next: usize,
}

impl<'text> Fields<'text> {
    /// The fields of an object; of anything else, none.
    pub fn of(json: Json<'text>) -> Self {
        match json {
            Json::Object(fields) => Fields { fields, next: 0 },
            _ => Fields { fields: Vec::new(), next: 0 },
        }
    }

    /// Takes a field's value; [`Json::Null`] where there is none.
    pub fn take(&mut self, name: &str) -> Json<'text> {
        self.take_if_there(name).unwrap_or(Json::Null)
    }

    /// Takes a field's value, null included; `None` where there is no such field.
    pub fn take_if_there(&mut self, name: &str) -> Option<Json<'text>> {
        let start = self.next;
        // Never beyond the end: it is the rest of a division by the length.
        let (before, after) = self.fields.split_at_mut_checked(start)?;
        let (distance, (_, value)) =
            after.iter_mut().chain(before).enumerate().find(|(_, (other, _))| other == name)?;
        let value = std::mem::replace(value, Json::Null);
        self.next = (start + distance + 1) % self.fields.len();
        Some(value)
    }

    /// Lets a field be found by another name, where it is not there by that one already.
    pub fn rename(&mut self, from: &str, to: &'static str) {
        if self.fields.iter().any(|(name, _)| name == to) {
            return;
        }
        if let Some((name, _)) = self.fields.iter_mut().find(|(name, _)| name == from) {
            *name = Cow::Borrowed(to);
        }
    }
}
