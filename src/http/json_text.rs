//! From a value of the wire to a request's text.
//!
//! As for reading: serde compiles its JSON writer anew into every type, where here a type brings little more than the names
//! of its fields.

pub use vaultshare_wire_derive::ToJson;

use crate::api::JsonObject;

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
    text: Vec<u8>,
}

impl JsonText {
    /// A value as JSON, in UTF-8.
    pub fn of(value: &dyn ToJson) -> Vec<u8> {
        let mut out = JsonText::default();
        value.write(&mut out);
        out.text
    }

    /// Writes an object.
    pub fn object(&mut self, fields: &dyn ToFields) {
        self.open(b'{');
        fields.write_fields(self);
        self.close(b'}');
    }

    /// Writes an array.
    pub fn list<T: ToJson>(&mut self, entries: &[T]) {
        self.open(b'[');
        for entry in entries {
            self.separate();
            entry.write(self);
        }
        self.close(b']');
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
        self.text.push(b':');
    }

    /// Writes a text.
    pub fn text(&mut self, text: &str) {
        self.serialised(text);
    }

    fn serialised(&mut self, value: &(impl serde::Serialize + ?Sized)) {
        // Fails for values that JSON has no form for, of which texts and JSON's own values are none.
        let _ = serde_json::to_writer(&mut self.text, value);
    }

    fn null(&mut self) {
        self.text.extend_from_slice(b"null");
    }

    fn open(&mut self, bracket: u8) {
        self.text.push(bracket);
    }

    fn close(&mut self, bracket: u8) {
        self.text.push(bracket);
    }

    /// Puts a comma behind whatever an object or array has so far.
    fn separate(&mut self) {
        if !matches!(self.text.last(), None | Some(b'{' | b'[')) {
            self.text.push(b',');
        }
    }
}

impl ToJson for bool {
    fn write(&self, out: &mut JsonText) {
        out.serialised(self);
    }
}

impl ToJson for i64 {
    fn write(&self, out: &mut JsonText) {
        out.serialised(self);
    }
}

impl ToJson for u64 {
    fn write(&self, out: &mut JsonText) {
        out.serialised(self);
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

impl ToJson for JsonObject {
    fn write(&self, out: &mut JsonText) {
        out.serialised(self);
    }
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
        unwritten: &'a str,
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
        object: JsonObject,
    }

    #[derive(Serialize, ToJson)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        NoteText,
    }

    #[test]
    fn it_writes_what_serde_writes() {
        let object = serde_json::from_str(r#"{"a":[1,-2,3.5,null,"\u0000\"\\ü"],"b":{}}"#).unwrap();
        let inner = |other_name| Inner { other_name, object: JsonObject::clone(&object) };
        let texts = ["", "quo\"te", "back\\slash", "line\nend\u{7f}\u{1}", "grüße 🦀", "{[,"].map(str::to_owned);
        let record = Record {
            id: i64::MIN,
            kind: Kind::NoteText,
            unwritten: "unwritten",
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
        assert_eq!(
            String::from_utf8(JsonText::of(&record)).unwrap(),
            serde_json::to_string(&record).unwrap()
        );
    }
}
