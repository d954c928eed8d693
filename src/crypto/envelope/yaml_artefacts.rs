//! The parameters of a ciphertext in the form of before 2021: a small YAML document. Read, never written.
//!
//! Only a flat map of scalars is accepted, in whichever style old writers chose: no alias, no anchor, no nesting,
//! no second document. The text must be plain ASCII, which YAML's stranger corners are not.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use saphyr_parser::{Event, Parser};

use super::{ChunkFields, DerivationFields, missing};
use crate::{Error, Result};

pub(super) fn parse_chunk(artefacts: &[u8]) -> Result<ChunkFields> {
    let mut fields = Fields::read(artefacts)?;
    let found = ChunkFields {
        iv: fields.take_binary("iv")?.ok_or_else(missing)?,
        tag: fields.take_binary("at")?.ok_or_else(missing)?,
        additional_data: fields.take_text("ad")?.ok_or_else(missing)?,
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
        hash: fields.take_text("hash")?,
    };
    fields.finish()?;
    Ok(found)
}

/// A scalar, and whether it was tagged as base64 of bytes.
struct Scalar {
    text: String,
    binary: bool,
}

/// The fields of the map that have not been taken yet.
struct Fields(BTreeMap<String, Scalar>);

impl Fields {
    /// Reads exactly: one document, one map, keys and values that are scalars.
    fn read(artefacts: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(artefacts).map_err(|_| malformed())?;
        if !text.bytes().all(|byte| byte == b'\n' || byte == b'\r' || (0x20..0x7f).contains(&byte)) {
            return Err(malformed());
        }
        let mut parser = Parser::new_from_str(text);
        let mut next = || match parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            _ => Err(malformed()),
        };

        expect(matches!(next()?, Event::StreamStart))?;
        expect(matches!(next()?, Event::DocumentStart(true)))?;
        expect(matches!(next()?, Event::MappingStart(0, None)))?;
        let mut fields = BTreeMap::new();
        loop {
            let key = match next()? {
                Event::MappingEnd => break,
                Event::Scalar(text, _, 0, None) => text.into_owned(),
                _ => return Err(malformed()),
            };
            let value = match next()? {
                Event::Scalar(text, _, 0, tag) => {
                    let binary = match tag.as_deref() {
                        None => false,
                        Some(tag) if is_binary(tag) => true,
                        Some(_) => return Err(malformed()),
                    };
                    Scalar { text: text.into_owned(), binary }
                }
                _ => return Err(malformed()),
            };
            if fields.insert(key, value).is_some() {
                return Err(Error::malformed_envelope("a parameter is given twice"));
            }
        }
        expect(matches!(next()?, Event::DocumentEnd))?;
        expect(matches!(next()?, Event::StreamEnd))?;
        Ok(Fields(fields))
    }

    fn take_text(&mut self, key: &str) -> Result<Option<String>> {
        self.0.remove(key).map(|scalar| if scalar.binary { Err(malformed()) } else { Ok(scalar.text) }).transpose()
    }

    fn take_number(&mut self, key: &str) -> Result<Option<i64>> {
        self.take_text(key)?.map(|text| text.parse().map_err(|_| malformed())).transpose()
    }

    /// Bytes in standard base64; a block scalar ends with a line break that is not part of them.
    fn take_binary(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        let Some(scalar) = self.0.remove(key) else { return Ok(None) };
        expect(scalar.binary)?;
        Base64::decode_vec(scalar.text.trim_end_matches('\n')).map(Some).map_err(|_| malformed())
    }

    fn finish(self) -> Result<()> {
        expect(self.0.is_empty())
    }
}

/// `!binary` as Ruby and JavaScript wrote it, or YAML's own `!!binary`.
fn is_binary(tag: &saphyr_parser::Tag) -> bool {
    tag.suffix == "binary" && (tag.handle == "!" || tag.handle == "tag:yaml.org,2002:")
}

fn expect(holds: bool) -> Result<()> {
    if holds { Ok(()) } else { Err(malformed()) }
}

fn malformed() -> Error {
    Error::malformed_envelope("the parameters are not the known YAML")
}
