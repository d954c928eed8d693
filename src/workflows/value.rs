use std::{fmt, hash::Hash, ops::Deref};

use zeroize::Zeroizing;

/// A slot's value in the clear: wiped when dropped, and never printed by accident.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Value(Zeroizing<String>);

impl Value {
    /// Takes a text over.
    pub fn new(text: impl Into<Zeroizing<String>>) -> Self {
        Value(text.into())
    }
}

impl Deref for Value {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Hash for Value {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        str::hash(self, state);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Value(…)")
    }
}
