use syn::{Error, LitStr, Result};

/// The spellings that names have on the wire.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Snake,
    Lower,
    Camel,
}

impl Case {
    pub(crate) fn parse(text: &LitStr) -> Result<Self> {
        match text.value().as_str() {
            "snake_case" => Ok(Case::Snake),
            "lowercase" => Ok(Case::Lower),
            "camelCase" => Ok(Case::Camel),
            _ => Err(Error::new_spanned(text, "the wire has no names of this case")),
        }
    }

    /// The spelling of a Rust name: of the variant `NoteText` it is `note_text`, of the field `item_id` `itemId`.
    pub(crate) fn apply(self, identifier: &str) -> String {
        if let Case::Camel = self {
            return camel_case(identifier);
        }
        let mut name = String::new();
        for letter in identifier.chars() {
            if letter.is_uppercase() && !name.is_empty() && matches!(self, Case::Snake) {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }
}

fn camel_case(field: &str) -> String {
    let mut words = field.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        name.extend([&first.to_uppercase(), rest]);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::Case;

    #[test]
    fn names_are_spelled_as_serde_spells_them() {
        assert_eq!(Case::Snake.apply("AcceptanceRequired"), "acceptance_required");
        assert_eq!(Case::Snake.apply("Owner"), "owner");
        assert_eq!(Case::Lower.apply("Asc"), "asc");
        assert_eq!(Case::Camel.apply("other_item_id"), "otherItemId");
        assert_eq!(Case::Camel.apply("id"), "id");
    }
}
