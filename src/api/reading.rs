//! Deserializers for fields that versions of the protocol write differently.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

/// The longest list that is read. What belongs together in a reply is matched across its lists, and a server that sends
/// millions of entries must not keep a page busy with that.
pub(crate) const MAX_LIST_LENGTH: usize = 20_000;

const MAX_CHUNKS: usize = 1 << 20;

/// Deserializes a list of at most [`MAX_LIST_LENGTH`] entries; `null` is an empty one.
pub(crate) fn bounded_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let list = Option::<BoundedList<T, MAX_LIST_LENGTH>>::deserialize(deserializer)?;
    Ok(list.map(|list| list.0).unwrap_or_default())
}

/// The same for a file's chunks, of which there are more: a tebibyte has a million.
pub(crate) fn bounded_chunks<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    BoundedList::<T, MAX_CHUNKS>::deserialize(deserializer).map(|list| list.0)
}

struct BoundedList<T, const LENGTH: usize>(Vec<T>);

impl<'de, T: Deserialize<'de>, const LENGTH: usize> Deserialize<'de> for BoundedList<T, LENGTH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Entries::<T, LENGTH>(PhantomData)).map(BoundedList)
    }
}

struct Entries<T, const LENGTH: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const LENGTH: usize> Visitor<'de> for Entries<T, LENGTH> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            if list.len() == LENGTH {
                return Err(de::Error::custom("a list is too long"));
            }
            list.push(entry);
        }
        Ok(list)
    }
}

/// Reads `null` as the type's default: bodies may hold null for any optional field (`docs/protocol/http-api.md` §0,
/// rule 10).
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Tells a field that is `null` (`Some(None)`) from one that is absent (`None`, by `#[serde(default)]`).
pub(crate) fn null_or_value<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Reply {
        #[serde(default, deserialize_with = "bounded_list")]
        entries: Vec<u8>,
    }

    #[test]
    fn a_list_may_be_absent_or_null_but_not_endless() {
        let length = |json: &str| serde_json::from_str::<Reply>(json).map(|reply| reply.entries.len()).ok();
        assert_eq!(length("{}"), Some(0));
        assert_eq!(length(r#"{"entries":null}"#), Some(0));
        let of = |entries: usize| format!(r#"{{"entries":[{}]}}"#, vec!["1"; entries].join(","));
        assert_eq!(length(&of(MAX_LIST_LENGTH)), Some(MAX_LIST_LENGTH));
        assert_eq!(length(&of(MAX_LIST_LENGTH + 1)), None);
    }
}
