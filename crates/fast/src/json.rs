use std::{borrow::Cow, fmt, vec};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};

/// JSON whose texts still lie in the response, where they hold no escapes.
#[derive(Debug)]
pub enum Json<'text> {
    /// Also what is not there at all.
    Null,
    /// true or false.
    Bool(bool),
    /// A number without fraction.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(Cow<'text, str>),
    /// An array.
    List(Vec<Json<'text>>),
    /// An object, its fields in the order of the text.
    Object(Vec<(Cow<'text, str>, Json<'text>)>),
}

impl<'text> Json<'text> {
    /// Reads a text; `None` where it is not JSON.
    pub fn parse(text: &'text [u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
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

impl<'text> Deserialize<'text> for Json<'text> {
    fn deserialize<D: Deserializer<'text>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'text> Visitor<'text> for TreeVisitor {
    type Value = Json<'text>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Json::Float(value as f64), Json::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Json::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'text str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'text>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'text>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut object = Vec::new();
        while let Some((name, value)) = fields.next_entry::<FieldName<'text>, _>()? {
            object.push((name.0, value));
        }
        Ok(Json::Object(object))
    }
}

/// A field's name, borrowed where it can be; serde's own `Cow` never borrows.
struct FieldName<'text>(Cow<'text, str>);

impl<'text> Deserialize<'text> for FieldName<'text> {
    fn deserialize<D: Deserializer<'text>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(TreeVisitor)? {
            Json::Text(name) => Ok(FieldName(name)),
            _ => Err(de::Error::custom("a field has no name")),
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
        let start = self.next;
        // Never beyond the end: it is the rest of a division by the length.
        let Some((before, after)) = self.fields.split_at_mut_checked(start) else { return Json::Null };
        let found = after.iter_mut().chain(before).enumerate().find(|(_, (other, _))| other == name);
        let Some((distance, (_, value))) = found else { return Json::Null };
        let value = std::mem::replace(value, Json::Null);
        self.next = (start + distance + 1) % self.fields.len();
        value
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
