//! Results as the guides print them: `kind` and `spec`.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use serde::Serialize;
use vaultshare::{
    api::vault::{self, attachments::Attachment, items::ClassificationNode, thumbnails::Thumbnail},
    workflows::{Item, Slot},
};

#[derive(Serialize)]
pub(crate) struct Document<T> {
    pub(crate) kind: &'static str,
    pub(crate) spec: T,
}

/// An item with its slots, and those with their values.
#[derive(Serialize)]
pub(crate) struct ItemSpec<'a> {
    #[serde(flatten)]
    item: &'a vault::items::Item,
    /// For items:adopt, and for items:update to notice what was written since.
    version: String,
    slots: Vec<SlotSpec<'a>>,
    thumbnails: &'a [Thumbnail],
    attachments: &'a [Attachment],
    classification_nodes: &'a [ClassificationNode],
}

impl<'a> ItemSpec<'a> {
    pub(crate) fn new(item: &'a Item) -> Self {
        ItemSpec {
            item: &item.record,
            version: item.version(),
            slots: item.slots.iter().map(SlotSpec::new).collect(),
            thumbnails: &item.thumbnails,
            attachments: &item.attachments,
            classification_nodes: &item.classification_nodes,
        }
    }
}

/// A slot with its value; if received, with the owner's verification key.
#[derive(Serialize)]
pub(crate) struct SlotSpec<'a> {
    #[serde(flatten)]
    slot: &'a vault::slots::Slot,
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_verification_key: Option<String>,
}

impl<'a> SlotSpec<'a> {
    pub(crate) fn new(slot: &'a Slot) -> Self {
        // One character for each byte, as the guides' tools print it.
        let key = slot.verification_key.as_ref();
        SlotSpec {
            slot: &slot.record,
            value: slot.value.as_deref(),
            revision: slot.written_at(),
            value_verification_key: key.map(|key| key.as_bytes().iter().copied().map(char::from).collect()),
        }
    }
}

/// Prints YAML on standard output; at a terminal with what others wrote made visible, in a file as it is.
pub(crate) fn print(document: &impl Serialize) -> anyhow::Result<()> {
    let yaml = serde_norway::to_string(document)?;
    match io::stdout().is_terminal() {
        true => write(&printable(&yaml)),
        false => write(&yaml),
    }
}

/// Writes on standard output. Where `print!` would panic, as on a full disk or to a reader that has gone, this fails.
pub(crate) fn write(text: &str) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).context("cannot write to standard output")
}

/// A text of somebody else's as a terminal may show it: nothing in it moves the cursor, turns the direction of reading, or
/// is there without being seen.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push('\n'),
            _ if is_unprintable(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

/// Whether a terminal would obey a character, or show nothing of it.
pub(crate) fn is_unprintable(character: char) -> bool {
    character.is_control() || is_invisible(character)
}

/// What Unicode calls Bidi_Control, Default_Ignorable_Code_Point (drawn as nothing) or a separator of lines. Not the joiners
/// and variation selectors, which scripts and emoji need.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_shown_instead() {
        let terms = "You agree.\u{1b}[2K\u{1b}]52;c;aGk=\u{7}\r\u{9b}1mNothing\u{202e}else\u{2066}\u{e0041}\u{2028}\u{3164}\u{ad}\n";
        let shown = printable(terms);
        assert_eq!(
            shown,
            "You agree.\\u{1b}[2K\\u{1b}]52;c;aGk=\\u{7}\\u{d}\\u{9b}1mNothing\\u{202e}else\\u{2066}\\u{e0041}\\u{2028}\\u{3164}\\u{ad}\n"
        );
        let words = "Für Zoë: 北京 \u{5d0}\u{5d1} نمی\u{200c}خواهم 👩\u{200d}🚀❤\u{fe0f} \"so\" \\o/";
        assert_eq!(printable(words), words);
    }
}
