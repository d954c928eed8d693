//! From a value of the wire to a request's text.
//!
//! As for reading: serde compiles its JSON writer anew into every type, where here a type brings little more than the names
//! of its fields.

pub use vaultshare_wire_derive::ToJson;

use vaultshare_fast::{Json, length_of_plain_part};

use crate::decimal::to_decimal;

/// A value that the client writes as JSON.
pub trait ToJson {
    /// Writes it.
    fn write(&self, out: &mut JsonText);

    /// Whether there is nothing to write, so that a field may be left out for it.
    fn is_nothing(&self) -> bool {
        false
    }
}

/// A value that is an object in JSON, and whose fields may also stand among those of another.
pub trait ToFields {
    /// Writes the fields.
    fn write_fields(&self, out: &mut JsonText);
}

/// A text being written.
#[derive(Default)]
pub struct JsonText {
    text: String,
}

impl JsonText {
    /// A value as JSON.
    pub fn of(value: &dyn ToJson) -> String {
        let mut out = JsonText::default();
        value.write(&mut out);
        out.text
    }

    /// Writes an object.
    pub fn object(&mut self, fields: &dyn ToFields) {
        self.open('{');
        fields.write_fields(self);
        self.close('}');
    }

    /// Writes an array.
    pub fn list<T: ToJson>(&mut self, entries: impl IntoIterator<Item = T>) {
        self.open('[');
        for entry in entries {
            self.separate();
            entry.write(self);
        }
        self.close(']');
    }

    /// Writes a field.
    pub fn field(&mut self, name: &str, value: &dyn ToJson) {
        self.name(name);
        value.write(self);
    }

    /// Writes a field, unless there is nothing in it.
    pub fn field_if_any(&mut self, name: &str, value: &dyn ToJson) {
        if !value.is_nothing() {
            self.field(name, value);
        }
    }

    /// Writes a field's name, for its value to follow.
    pub fn name(&mut self, name: &str) {
        self.separate();
        self.text(name);
        self.text.push(':');
    }

    /// Writes a text.
    pub fn text(&mut self, text: &str) {
        self.text.push('"');
        let mut rest = text;
        while let Some((plain, special)) = split_at_special(rest) {
            self.text.push_str(plain);
            self.escape(special);
            rest = rest.get(plain.len() + 1..).unwrap_or_default();
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    fn escape(&mut self, special: u8) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default().into();
        self.text.push('\\');
        match special {
            b'"' | b'\\' => self.text.push(special.into()),
            b'\n' => self.text.push('n'),
            b'\r' => self.text.push('r'),
            b'\t' => self.text.push('t'),
            control => {
                self.text.push_str("u00");
                self.text.push(digit(control >> 4));
                self.text.push(digit(control & 15));
            }
        }
    }

    fn number(&mut self, negative: bool, number: u64) {
        if negative {
            self.text.push('-');
        }
        self.text.push_str(&to_decimal(number));
    }

    /// Writes what is JSON already.
    pub fn json(&mut self, json: &str) {
        self.text.push_str(json);
    }

    fn null(&mut self) {
        self.text.push_str("null");
    }

    fn open(&mut self, bracket: char) {
        self.text.push(bracket);
    }

    fn close(&mut self, bracket: char) {
        self.text.push(bracket);
    }

    /// Puts a comma behind whatever an object or array has so far.
    fn separate(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(['{', '[']) {
            self.text.push(',');
        }
    }
}

impl ToJson for dyn ToFields + '_ {
    fn write(&self, out: &mut JsonText) {
        out.object(self);
    }
}

impl ToJson for bool {
    fn write(&self, out: &mut JsonText) {
        out.text.push_str(if *self { "true" } else { "false" });
    }
}

impl ToJson for i64 {
    fn write(&self, out: &mut JsonText) {
        out.number(*self < 0, self.unsigned_abs());
    }
}

impl ToJson for u64 {
    fn write(&self, out: &mut JsonText) {
        out.number(false, *self);
    }
}

impl ToJson for usize {
    fn write(&self, out: &mut JsonText) {
        out.number(false, *self as u64);
    }
}

impl ToJson for str {
    fn write(&self, out: &mut JsonText) {
        out.text(self);
    }
}

impl ToJson for String {
    fn write(&self, out: &mut JsonText) {
        out.text(self);
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn write(&self, out: &mut JsonText) {
        (*self).write(out);
    }

    fn is_nothing(&self) -> bool {
        (*self).is_nothing()
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, out: &mut JsonText) {
        match self {
            Some(value) => value.write(out),
            None => out.null(),
        }
    }

    fn is_nothing(&self) -> bool {
        self.is_none()
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write(&self, out: &mut JsonText) {
        out.list(self);
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, out: &mut JsonText) {
        out.list(self);
    }
}

impl ToJson for Json<'_> {
    fn write(&self, out: &mut JsonText) {
        match self {
            Json::Null => out.null(),
            Json::Bool(value) => value.write(out),
            Json::Number(number) => out.text.push_str(number),
            Json::Text(text) => out.text(text),
            Json::List(entries) => entries.write(out),
            Json::Object(fields) => {
                out.open('{');
                for (name, value) in fields {
                    out.field(name, value);
                }
                out.close('}');
            }
        }
    }
}

/// What comes before the first character of a text that has to be escaped, and that.
fn split_at_special(text: &str) -> Option<(&str, u8)> {
    let plain = length_of_plain_part(text.as_bytes());
    let special = text.as_bytes().get(plain)?;
    Some((text.get(..plain)?, *special))
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, ToJson)]
    struct Record<'a> {
        id: i64,
        #[serde(rename = "type")]
        kind: Kind,
        #[serde(skip_serializing)]
        _unwritten: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        given: Option<bool>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        flag: bool,
        nothing: Option<String>,
        texts: &'a [String],
        #[serde(flatten)]
        more: More,
    }

    #[derive(Serialize, ToJson)]
    struct More {
        inner: Vec<Inner>,
        none: Vec<Inner>,
    }

    #[derive(Serialize, ToJson)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        other_name: Option<Option<String>>,
    }

    #[derive(Serialize, ToJson)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        NoteText,
    }

    #[test]
    fn it_writes_what_serde_writes() {
        let inner = |other_name| Inner { other_name };
        let texts =
            ["", "quo\"te", "back\\slash", "line\nend\r\t\u{7f}\u{1}\u{1f}", "grüße 🦀", "{[,"].map(str::to_owned);
        let record = Record {
            id: i64::MIN,
            kind: Kind::NoteText,
            _unwritten: "unwritten",
            left_out: None,
            given: Some(true),
            flag: false,
            nothing: None,
            texts: &texts,
            more: More {
                inner: vec![inner(None), inner(Some(None)), inner(Some(Some("[".to_owned())))],
                none: Vec::new(),
            },
        };
        assert_eq!(JsonText::of(&record), serde_json::to_string(&record).unwrap());
    }
}
