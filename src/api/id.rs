use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The identifier of a record: an opaque text, in practice a lower-case UUID.
///
/// Ids come from the server and go back into URLs, so one that could not be an id is refused where it is read:
/// 1 to 128 characters of `A–Z a–z 0–9 - _ . ~` and `=`, and not only dots (which a URL would resolve away).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Id(
    #[cfg_attr(
        feature = "openapi",
        schemars(length(min = 1, max = Id::MAXIMUM_LENGTH), regex(pattern = r"^\.*[A-Za-z0-9_~=-][A-Za-z0-9._~=-]*$"))
    )]
    String,
);

impl Id {
    const MAXIMUM_LENGTH: usize = 128;

    /// The id in a text, or `None` where the text cannot be one.
    pub fn parse(text: impl Into<String>) -> Option<Id> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~=".contains(&byte);
        let is_id = !text.is_empty()
            && text.len() <= Id::MAXIMUM_LENGTH
            && text.bytes().all(allowed)
            && !text.bytes().all(|byte| byte == b'.');
        is_id.then_some(Id(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.0
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Id::parse(text).ok_or_else(|| de::Error::custom("not an id"))
    }
}

#[cfg(test)]
mod tests {
    use super::Id;

    #[test]
    fn what_could_leave_its_place_in_a_url_is_not_an_id() {
        for text in ["", ".", "..", "a/b", "../me", "a?b", "a#b", "a b", "ä", "a\n", &"a".repeat(129)] {
            assert_eq!(Id::parse(text), None, "{text:?}");
        }
        assert!(Id::parse("94c27129-e179-4c69-a7f1-94438b920541").is_some());
    }
}
