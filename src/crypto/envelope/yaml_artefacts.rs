//! The parameters of a ciphertext in the form of before 2021: a small YAML document. Read, never written.
//!
//! Of YAML this reads what the writers of the time wrote, and refuses the rest: one flat map, in block or flow style, of
//! scalars from base64's letters, plain, quoted or in a block of one line. A YAML library reads much more, and weighed a
//! tenth of the module that a page has to load. The tests hold this against one: what is read here, it reads the same.

use super::{ChunkFields, DerivationFields, missing};
use crate::crypto::encoding::from_base64;
use crate::{Error, Result};

pub(super) fn parse_chunk(artefacts: &[u8]) -> Result<ChunkFields> {
    let mut fields = Fields::read(artefacts)?;
    let found = ChunkFields {
        iv: fields.take_binary("iv")?.ok_or_else(missing)?,
        tag: fields.take_binary("at")?.ok_or_else(missing)?,
        additional_data: fields.take_text("ad")?.ok_or_else(missing)?.to_owned().into(),
    };
    fields.finish()?;
    Ok(found)
}

pub(super) fn parse_derivation(artefacts: &[u8]) -> Result<DerivationFields> {
    let mut fields = Fields::read(artefacts)?;
    let found = DerivationFields {
        salt: fields.take_binary("iv")?.ok_or_else(missing)?,
        iterations: fields.take_number("i")?.ok_or_else(missing)?,
        length: fields.take_number("l")?.ok_or_else(missing)?,
        hash: fields.take_text("hash")?.map(str::to_owned),
    };
    fields.finish()?;
    Ok(found)
}

/// A scalar, and whether it was tagged as base64 of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scalar<'text> {
    text: &'text str,
    binary: bool,
}

/// The fields of the map that have not been taken yet.
struct Fields<'text>(Vec<(&'text str, Scalar<'text>)>);

impl<'text> Fields<'text> {
    fn read(artefacts: &'text [u8]) -> Result<Self> {
        let text = std::str::from_utf8(artefacts).map_err(|_| malformed())?;
        let fields = read_map(text).ok_or_else(malformed)?;
        let is_twice =
            |(index, (name, _)): (usize, &(&str, _))| fields.iter().skip(index + 1).any(|(other, _)| other == name);
        if fields.iter().enumerate().any(is_twice) {
            return Err(Error::malformed_envelope("a parameter is given twice"));
        }
        Ok(Fields(fields))
    }

    fn take(&mut self, name: &str) -> Option<Scalar<'text>> {
        let place = self.0.iter().position(|(other, _)| *other == name)?;
        Some(self.0.swap_remove(place).1)
    }

    fn take_text(&mut self, name: &str) -> Result<Option<&'text str>> {
        match self.take(name) {
            Some(scalar) if scalar.binary => Err(malformed()),
            scalar => Ok(scalar.map(|scalar| scalar.text)),
        }
    }

    fn take_number(&mut self, name: &str) -> Result<Option<i64>> {
        self.take_text(name)?.map(|text| text.parse().map_err(|_| malformed())).transpose()
    }

    /// Bytes in standard base64.
    fn take_binary(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        match self.take(name) {
            Some(scalar) if scalar.binary => from_base64(scalar.text).map(Some).ok_or_else(malformed),
            Some(_) => Err(malformed()),
            None => Ok(None),
        }
    }

    fn finish(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed()) }
    }
}

/// The fields of the document's map, in its order.
fn read_map(text: &str) -> Option<Vec<(&str, Scalar<'_>)>> {
    let document = text.strip_prefix("---")?;
    if let Some(flow) = document.strip_prefix(" {") {
        let entries = flow.trim_end_matches(['\r', '\n']).strip_suffix('}')?;
        let mut fields = Vec::new();
        for (place, entry) in entries.split(',').enumerate() {
            let entry = if place == 0 { entry } else { entry.strip_prefix(' ')? };
            fields.push(read_field(entry, None)?);
        }
        return Some(fields);
    }
    let mut lines = document.strip_prefix('\n').or_else(|| document.strip_prefix("\r\n"))?.lines();
    let mut fields = Vec::new();
    while let Some(line) = lines.next() {
        let is_block = line.ends_with(" |") || line.ends_with(" |-");
        let block = if is_block { Some(lines.next()?) } else { None };
        fields.push(read_field(line, block)?);
    }
    Some(fields)
}

/// `name: value`, of which the value may be in a block of the one line below.
fn read_field<'text>(entry: &'text str, block: Option<&'text str>) -> Option<(&'text str, Scalar<'text>)> {
    let (name, value) = entry.split_once(':')?;
    let value = value.strip_prefix(' ')?;
    let untagged = value.strip_prefix("!!binary ").or_else(|| value.strip_prefix("!binary "));
    let (value, binary) = (untagged.unwrap_or(value), untagged.is_some());
    let text = match block {
        // Deeper than the map, and whatever the depth, the same text.
        Some(line) if matches!(value, "|" | "|-") => plain(line.strip_prefix(' ')?.trim_start_matches(' '))?,
        Some(_) => return None,
        None => scalar(value)?,
    };
    Some((scalar(name)?, Scalar { text, binary }))
}

/// A scalar, quoted or not.
fn scalar(text: &str) -> Option<&str> {
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    plain(quoted('\'').or_else(|| quoted('"')).unwrap_or(text))
}

/// A text of base64's letters, which YAML gives no meaning, but for a dash at the beginning.
fn plain(text: &str) -> Option<&str> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    (!text.is_empty() && !text.starts_with(['-', '=']) && text.bytes().all(is_letter)).then_some(text)
}

fn malformed() -> Error {
    Error::malformed_envelope("the parameters are not the known YAML")
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};
    use saphyr_parser::{Event, Parser};

    use super::*;

    /// What a YAML library reads: one document, one map, keys and values that are scalars.
    fn read_by_the_library(text: &str) -> Option<Vec<(String, (String, bool))>> {
        let mut parser = Parser::new_from_str(text);
        let mut next = || parser.next_event().and_then(|event| Some(event.ok()?.0));
        let (Event::StreamStart, Event::DocumentStart(true)) = (next()?, next()?) else { return None };
        let Event::MappingStart(0, None) = next()? else { return None };
        let mut fields = Vec::new();
        loop {
            let name = match next()? {
                Event::MappingEnd => break,
                Event::Scalar(name, _, 0, None) => name.into_owned(),
                _ => return None,
            };
            let Event::Scalar(value, _, 0, tag) = next()? else { return None };
            let binary = tag.as_deref().map(|tag| (tag.handle.clone(), tag.suffix.clone()));
            let binary = match binary {
                None => false,
                Some((handle, suffix)) if suffix == "binary" && ["!", "tag:yaml.org,2002:"].contains(&&*handle) => true,
                Some(_) => return None,
            };
            fields.push((name, (value.trim_end_matches('\n').to_owned(), binary)));
        }
        matches!((next()?, next()?), (Event::DocumentEnd, Event::StreamEnd)).then_some(fields)
    }

    fn owned(fields: Vec<(&str, Scalar<'_>)>) -> Vec<(String, (String, bool))> {
        let owned = |(name, value): (&str, Scalar<'_>)| (name.to_owned(), (value.text.to_owned(), value.binary));
        fields.into_iter().map(owned).collect()
    }

    /// Pieces of which parameters are made, and others that YAML gives a meaning.
    const PIECES: [&str; 30] = [
        "---",
        "\n",
        "\r\n",
        "iv",
        "at",
        "ad",
        "'iv'",
        "\"at\"",
        ": ",
        ":",
        " ",
        "  ",
        "!binary ",
        "!!binary ",
        "|-",
        "|",
        "|+",
        ">",
        "AgIC",
        "LvrA==",
        "none",
        "-",
        "=",
        "{",
        "}",
        ", ",
        "#",
        "&x ",
        "*x",
        "~",
    ];

    proptest! {
        // The same cases each time: a difference that only chance finds would be found when nobody looks for it.
        #![proptest_config(ProptestConfig {
            cases: 20_000, rng_seed: RngSeed::Fixed(2020), failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_read_here_a_yaml_library_reads_the_same(
            pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24),
            begun in prop::sample::select(&["---\n", "---\niv: ", "--- {iv: ", "---\niv: !binary |-\n  AgIC\nat: ", ""][..]),
        ) {
            let text = format!("{begun}{}", pieces.concat());
            if let Some(fields) = read_map(&text) && !fields.is_empty() {
                prop_assert_eq!(Some(owned(fields)), read_by_the_library(&text), "{:?}", text);
            }
        }
    }

    #[test]
    fn the_library_and_this_read_the_styles_of_the_time() {
        for text in [
            "---\niv: !binary |-\n  AgIC\nat: !!binary |\n    LvrA\nad: none\n",
            "---\r\n'iv': !!binary AgIC\r\n\"at\": 'LvrA'\r\n",
            "--- {iv: !binary AgIC, i: 20000}\n",
        ] {
            assert_eq!(read_map(text).map(owned), read_by_the_library(text), "{text:?}");
            assert!(read_map(text).is_some(), "{text:?}");
        }
    }
}
