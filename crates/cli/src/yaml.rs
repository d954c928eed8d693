//! YAML as people type it: what YAML would take for something else than the text it looks like is refused with its place.
//!
//! Nothing is quoted, because these files hold keys and values.

use std::{fs, path::Path};

use anyhow::{Context, bail};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The text of a file in UTF-8, without the byte order mark that editors put before it.
pub(crate) fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let file = path.display();
    let bytes = Zeroizing::new(fs::read(path).with_context(|| format!("cannot read {file}"))?);
    let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if matches!(content, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]) {
        bail!("{file} is in UTF-16: save it as UTF-8");
    }
    match str::from_utf8(content) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(error) => {
            let line = content.iter().take(error.valid_up_to()).filter(|&&byte| byte == b'\n').count() + 1;
            bail!("{file} is not in UTF-8: line {line}")
        }
    }
}

/// Deserializes a document. `what` says what the file is not where that fails.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, text: &str, what: &str) -> anyhow::Result<T> {
    let file = path.display();
    let looked_at = first_loss(text);
    if let Ok(Some(Loss { at, why })) = looked_at {
        bail!("{file}, line {}, column {}: {why}", at.line(), at.col() + 1);
    }
    let parsed = serde_norway::from_str(text).map_err(|error| match error.location() {
        Some(at) => anyhow::anyhow!("{file} is not {what}: line {}, column {}", at.line(), at.column()),
        None => anyhow::anyhow!("{file} is not {what}"),
    })?;
    match looked_at {
        // What stands behind it was not looked at.
        Err(at) => bail!("{file} is not {what}: line {}, column {}", at.line(), at.col() + 1),
        Ok(_) => Ok(parsed),
    }
}

/// What people type that is kept: a comment behind it may be a part of it.
const TYPED: [&str; 6] = ["value", "label", "name", "fromName", "toName", "description"];

/// Where a document does not mean the text that it shows.
struct Loss {
    at: Marker,
    why: &'static str,
}

/// The first place whose characters are not part of any text; an error where this parser cannot read on.
fn first_loss(text: &str) -> Result<Option<Loss>, Marker> {
    let unix = text.replace("\r\n", "\n");
    let lines: Vec<&str> = unix.split(['\n', '\r']).collect();
    // What was read last, if it may be the key of what follows.
    let mut key = String::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| *error.marker())?;
        let found = match &event {
            Event::Scalar(_, _, _, Some(tag))
            | Event::MappingStart(_, Some(tag))
            | Event::SequenceStart(_, Some(tag))
                if !is_of_yaml(tag) =>
            {
                Some("to YAML, `!` begins a tag and no text: put the text in quotes")
            }
            Event::Scalar(_, _, 1.., _) => Some("to YAML, `&` begins an anchor and no text: put the text in quotes"),
            Event::Scalar(_, ScalarStyle::Plain, ..)
                if TYPED.contains(&key.as_str()) && is_before_comment(&lines, &span.end) =>
            {
                Some("to YAML, ` #` begins a comment: put the text in quotes, or the comment on a line of its own")
            }
            _ => None,
        };
        if let Some(why) = found {
            return Ok(Some(Loss { at: span.start, why }));
        }
        key = if let Event::Scalar(text, ..) = event { text.into_owned() } else { String::new() };
    }
    Ok(None)
}

/// The tags that say what is so anyway; `!!binary` would be text of another meaning.
fn is_of_yaml(tag: &Tag) -> bool {
    tag.handle == "tag:yaml.org,2002:" && ["str", "null", "map", "seq"].contains(&tag.suffix.as_str())
}

/// Whether a comment follows on the same line. Of a value that is not there, the place is that of the colon.
fn is_before_comment(lines: &[&str], end: &Marker) -> bool {
    let line = lines.get(end.line().saturating_sub(1)).copied().unwrap_or_default();
    let rest: String = line.chars().skip(end.col()).collect();
    rest.trim_start_matches(':').trim_start().starts_with('#')
}
