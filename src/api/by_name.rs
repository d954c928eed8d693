use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::http::{JsonText, ToFields, ToJson};

/// Values by their names, in the order of these.
///
/// The standard library's maps would each bring five times the code into the module that pages load, for every type of value.
#[derive(Clone, Debug)]
pub struct ByName<T> {
    entries: Vec<(String, T)>,
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        ByName { entries: Vec::new() }
    }
}

impl<T> ByName<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Takes all of them away.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        let place = self.place(name).ok()?;
        self.entries.get(place).map(|(_, value)| value)
    }

    /// Puts a value there, in place of the one that was.
    pub fn insert(&mut self, name: &str, value: T) {
        match self.place(name) {
            Ok(place) => {
                if let Some((_, old)) = self.entries.get_mut(place) {
                    *old = value;
                }
            }
            Err(place) => self.entries.insert(place, (name.to_owned(), value)),
        }
    }

    /// Takes one away.
    pub fn remove(&mut self, name: &str) {
        if let Ok(place) = self.place(name) {
            self.entries.remove(place);
        }
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(own, _)| own.as_str().cmp(name))
    }
}

impl<T: ToJson> ToFields for ByName<T> {
    fn write_fields(&self, out: &mut JsonText) {
        for (name, value) in &self.entries {
            out.field(name, value);
        }
    }
}

impl<T: ToJson> ToJson for ByName<T> {
    fn write(&self, out: &mut JsonText) {
        out.object(self);
    }
}

impl<T: Serialize> Serialize for ByName<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByName<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = BTreeMap::deserialize(deserializer)?;
        Ok(ByName { entries: entries.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::ByName;

    #[test]
    fn a_value_is_found_by_its_name_whatever_came_before_and_after() {
        let mut values = ByName::default();
        for (name, value) in [("m", 1), ("a", 2), ("z", 3), ("m", 4), ("", 5)] {
            values.insert(name, value);
        }
        values.remove("z");
        values.remove("y");
        assert_eq!(["", "a", "m", "z"].map(|name| values.get(name).copied()), [Some(5), Some(2), Some(4), None]);
        assert_eq!(values.len(), 3);
        values.clear();
        assert_eq!(values.get("a"), None);
    }
}
