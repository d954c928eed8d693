//! Machine names, and what may be a label.

use crate::error::{Error, Result};

/// The machine name of a label: lower case, white space to `_`, everything else that is neither letter nor digit left
/// out (`A strange &8Label` becomes `a_strange_8label`). A machine name stays as it is.
pub(super) fn machine_name(label: &str) -> String {
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

/// Refuses texts that are empty or longer than a person would read.
pub(super) fn check_label(label: &str) -> Result<()> {
    if label.trim().is_empty() || label.len() > 1000 {
        return Err(Error::invalid("A label or name must have 1 to 1000 characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::machine_name;

    #[test]
    fn labels_become_names_as_the_documents_say() {
        assert_eq!(machine_name("A strange &8Label"), "a_strange_8label");
        assert_eq!(machine_name("DeLorean"), "delorean");
        assert_eq!(machine_name("licence_plate"), "licence_plate");
        assert_eq!(machine_name("  two   words "), "two_words");
        assert_eq!(machine_name("Größe"), "größe");
        assert_eq!(machine_name("&%$"), "unnamed");
    }
}
