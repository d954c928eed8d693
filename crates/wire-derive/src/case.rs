use syn::{Error, LitStr, Result};

/// The spellings that names have on the wire.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Snake,
    Lower,
}

impl Case {
    pub(crate) fn parse(text: &LitStr) -> Result<Self> {
        match text.value().as_str() {
            "snake_case" => Ok(Case::Snake),
            "lowercase" => Ok(Case::Lower),
            _ => Err(Error::new_spanned(text, "the wire has no names of this case")),
        }
    }

    /// The spelling of a Rust name: `NoteText` is `note_text`.
    pub(crate) fn apply(self, identifier: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::Case;

    #[test]
    fn variants_are_spelled_as_serde_spells_them() {
        assert_eq!(Case::Snake.apply("AcceptanceRequired"), "acceptance_required");
        assert_eq!(Case::Snake.apply("Owner"), "owner");
        assert_eq!(Case::Lower.apply("Asc"), "asc");
    }
}
