use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::http::{Fields, Flaws, FromJson, Json, JsonText, ToFields, ToJson};

/// An object whose content this protocol does not define (`metadata`, `report`, …): kept as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonObject {
    text: String,
}

impl JsonObject {
    /// An object without fields.
    pub fn new() -> Self {
        JsonObject { text: "{}".to_owned() }
    }

    /// An object of these fields.
    pub fn of(fields: &dyn ToFields) -> Self {
        JsonObject { text: JsonText::of(&fields) }
    }

    /// A field that is a text.
    pub fn text(&self, name: &str) -> Option<String> {
        let mut fields = Fields::of(Json::parse(self.text.as_bytes())?);
        fields.take(name).into_text().map(Cow::into_owned)
    }

    /// The same object with this text in place of whatever the field was.
    pub fn with_text(&self, name: &str, text: String) -> Self {
        let mut fields = self.fields();
        fields.retain(|(own, _)| own != name);
        fields.push((name.into(), Json::Text(text.into())));
        JsonObject { text: JsonText::of(&Json::Object(fields)) }
    }

    fn fields(&self) -> Vec<(Cow<'_, str>, Json<'_>)> {
        match Json::parse(self.text.as_bytes()) {
            Some(Json::Object(fields)) => fields,
            _ => Vec::new(),
        }
    }
}

impl Default for JsonObject {
    fn default() -> Self {
        JsonObject::new()
    }
}

impl FromJson for JsonObject {
    fn from_json(json: Json<'_>, flaws: &mut Flaws) -> Self {
        if !matches!(json, Json::Object(_)) {
            flaws.note("an object");
        }
        JsonObject { text: JsonText::of(&json) }
    }
}

impl ToJson for JsonObject {
    fn write(&self, out: &mut JsonText) {
        out.json(&self.text);
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = serde_json::Map::deserialize(deserializer)?;
        serde_json::to_string(&object).map(|text| JsonObject { text }).map_err(de::Error::custom)
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&self.text).map_err(ser::Error::custom)?;
        object.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_replaced_and_the_others_stay_as_they_were() {
        let object: JsonObject = serde_json::from_str(r#"{"a": 1.50, "note": "old", "b": [null]}"#).unwrap();
        assert_eq!(object.text("note").as_deref(), Some("old"));
        let changed = object.with_text("note", "new".to_owned());
        assert_eq!(changed.text("note").as_deref(), Some("new"));
        assert_eq!(serde_json::to_string(&changed).unwrap(), r#"{"a":1.5,"b":[null],"note":"new"}"#);
        assert_eq!(object.text("a"), None);
    }

    #[test]
    fn it_is_written_as_serde_writes_it() {
        let object: JsonObject = serde_json::from_str(r#"{"a":[1,-2,3.5,null,"\u0001\"\\ü"],"b":{}}"#).unwrap();
        assert_eq!(JsonText::of(&object), serde_json::to_string(&object).unwrap());
    }
}
