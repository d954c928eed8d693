//! Slugs, the machine-readable names of items, slots, templates and nodes; and what a label may be.

use crate::error::{Code, Error, Result};

/// The slug of a label: lower case, white space to `_`, all other characters but letters and digits removed
/// (`A strange &8Label` becomes `a_strange_8label`). A slug stays unchanged.
pub(super) fn slugify(label: &str) -> String {
    let words: Vec<String> = label
        .split_whitespace()
        .map(|word| word.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_').collect::<String>())
        .filter(|word| !word.is_empty())
        .collect();
    match words.join("_").to_lowercase() {
        empty if empty.is_empty() => "unnamed".to_owned(),
        name => name,
    }
}

/// What a slug contains if its label contains `text`, for whoever searches: SQLite compares without regard to case in ASCII
/// alone, and slugs are in lower case in every script.
pub(super) fn in_name(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { slugify(text) }
}

/// Refuses blank labels and those above 1000 characters.
pub(super) fn check_label(label: &str) -> Result<()> {
    if label.trim().is_empty() || label.chars().count() > 1000 {
        return Err(Error::refused(Code::InvalidLabel, "must have 1 to 1000 characters, and not white space alone"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::slugify;

    #[test]
    fn labels_become_names_as_the_documents_say() {
        assert_eq!(slugify("A strange &8Label"), "a_strange_8label");
        assert_eq!(slugify("DeLorean"), "delorean");
        assert_eq!(slugify("licence_plate"), "licence_plate");
        assert_eq!(slugify("  two   words "), "two_words");
        assert_eq!(slugify("Größe"), "größe");
        assert_eq!(slugify("&%$"), "unnamed");
    }
}
