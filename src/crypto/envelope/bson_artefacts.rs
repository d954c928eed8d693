//! The parameters of a ciphertext in the current form: one letter for the kind, then a BSON document.
//!
//! Of BSON this reads and writes what such documents hold, and refuses the rest: bytes, texts and numbers of 32 bits, each
//! under a name. A BSON library does much more, and weighed 7 kB, gzipped, in every page. The tests hold this against one: what is
//! written here it reads, and what is read here it reads the same.
//!
//! ```text
//! document  length of the whole: i32   element…   00
//! element   type: u8   name   00   value
//! value     05 bytes: length: i32   00   bytes      02 text: length + 1: i32   UTF-8   00      10 number: i32
//! ```

use super::{Chunk, ChunkFields, Derivation, DerivationFields, fill, missing};
use crate::{Error, Result};

const CHUNK_LETTER: u8 = b'A';
const DERIVATION_LETTER: u8 = b'K';

const TEXT: u8 = 0x02;
const BYTES: u8 = 0x05;
const NUMBER: u8 = 0x10;
/// What kind of bytes: any.
const GENERIC: u8 = 0;

pub(super) fn print_chunk(chunk: &Chunk) -> Vec<u8> {
    let mut document = Document::new(CHUNK_LETTER);
    document.bytes("iv", &chunk.iv);
    document.bytes("at", &chunk.tag);
    document.text("ad", &chunk.additional_data);
    document.finish()
}

pub(super) fn print_derivation(derivation: &Derivation) -> Vec<u8> {
    let mut document = Document::new(DERIVATION_LETTER);
    document.bytes("iv", &derivation.salt);
    document.number("i", derivation.iterations);
    document.number("l", 32);
    document.text("hash", "SHA256");
    document.finish()
}

pub(super) fn parse_chunk(artefacts: &[u8]) -> Result<ChunkFields> {
    let (mut iv, mut tag, mut additional_data) = (None, None, None);
    let mut elements = Elements::of(CHUNK_LETTER, artefacts)?;
    while let Some(element) = elements.next()? {
        match element {
            (b"iv", Value::Bytes(value)) => fill(&mut iv, value.to_vec())?,
            (b"at", Value::Bytes(value)) => fill(&mut tag, value.to_vec())?,
            (b"ad", Value::Text(value)) => fill(&mut additional_data, value.to_owned().into())?,
            _ => return Err(unexpected()),
        }
    }
    Ok(ChunkFields {
        iv: iv.ok_or_else(missing)?,
        tag: tag.ok_or_else(missing)?,
        additional_data: additional_data.ok_or_else(missing)?,
    })
}

pub(super) fn parse_derivation(artefacts: &[u8]) -> Result<DerivationFields> {
    let (mut salt, mut iterations, mut length, mut hash) = (None, None, None, None);
    let mut elements = Elements::of(DERIVATION_LETTER, artefacts)?;
    while let Some(element) = elements.next()? {
        match element {
            (b"iv", Value::Bytes(value)) => fill(&mut salt, value.to_vec())?,
            (b"i", Value::Number(value)) => fill(&mut iterations, value.into())?,
            (b"l", Value::Number(value)) => fill(&mut length, value.into())?,
            (b"hash", Value::Text(value)) => fill(&mut hash, value.to_owned())?,
            _ => return Err(unexpected()),
        }
    }
    Ok(DerivationFields {
        salt: salt.ok_or_else(missing)?,
        iterations: iterations.ok_or_else(missing)?,
        length: length.ok_or_else(missing)?,
        hash,
    })
}

/// A document being written, behind its letter.
struct Document(Vec<u8>);

impl Document {
    fn new(letter: u8) -> Self {
        // As long as nearly all of them are. The length is put in its place at the end.
        let mut written = Vec::with_capacity(80);
        written.extend([letter, 0, 0, 0, 0]);
        Document(written)
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.name(BYTES, name);
        self.length(value.len());
        self.0.push(GENERIC);
        self.0.extend_from_slice(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(TEXT, name);
        self.length(value.len() + 1);
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(0);
    }

    fn number(&mut self, name: &str, value: u32) {
        self.name(NUMBER, name);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn name(&mut self, kind: u8, name: &str) {
        self.0.push(kind);
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
    }

    /// Whatever has a length here was encrypted with it or derived from it, and is never near the largest that there is.
    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.push(0);
        let length = u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX);
        if let Some(place) = self.0.get_mut(1..5) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self.0
    }
}

/// The elements of a document that have not been read yet.
struct Elements<'bytes>(&'bytes [u8]);

enum Value<'bytes> {
    Bytes(&'bytes [u8]),
    Text(&'bytes str),
    Number(i32),
}

impl<'bytes> Elements<'bytes> {
    /// Those of the document behind the letter, which has to be all that is there.
    fn of(letter: u8, artefacts: &'bytes [u8]) -> Result<Self> {
        let document =
            artefacts.strip_prefix(&[letter]).ok_or_else(|| Error::malformed_envelope("unknown parameters"))?;
        let mut rest = Elements(document);
        let elements = (rest.length() == Some(document.len())).then(|| rest.0.strip_suffix(&[0])).flatten();
        elements.map(Elements).ok_or_else(malformed)
    }

    /// The next name and value, until there is none.
    fn next(&mut self) -> Result<Option<(&'bytes [u8], Value<'bytes>)>> {
        match self.0.split_first() {
            Some((&kind, rest)) => {
                self.0 = rest;
                self.element(kind).map(Some).ok_or_else(malformed)
            }
            None => Ok(None),
        }
    }

    fn element(&mut self, kind: u8) -> Option<(&'bytes [u8], Value<'bytes>)> {
        let end = self.0.iter().position(|&byte| byte == 0)?;
        let name = self.take(end)?;
        self.take(1)?;
        let value = match kind {
            BYTES => {
                let length = self.length()?;
                (self.take(1)? == [GENERIC]).then(|| self.take(length))?.map(Value::Bytes)?
            }
            TEXT => {
                let length = self.length()?;
                Value::Text(std::str::from_utf8(self.take(length)?.strip_suffix(&[0])?).ok()?)
            }
            NUMBER => Value::Number(self.number()?),
            _ => return None,
        };
        Some((name, value))
    }

    fn length(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    fn number(&mut self) -> Option<i32> {
        Some(i32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    fn take(&mut self, length: usize) -> Option<&'bytes [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

fn malformed() -> Error {
    Error::malformed_envelope("the parameters are not BSON of the known types")
}

fn unexpected() -> Error {
    Error::malformed_envelope("an unexpected parameter")
}

#[cfg(test)]
mod tests {
    use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf, cstr};
    use bson::spec::BinarySubtype;
    use bson::{RawBinaryRef, RawBson};

    use super::*;
    use crate::crypto::envelope::ADDITIONAL_DATA;

    fn chunk(additional_data: &'static str) -> Chunk {
        let iv = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        Chunk { ciphertext: Vec::new(), iv, tag: [0xA5; 16], additional_data: additional_data.into() }
    }

    fn derivation() -> Derivation {
        Derivation { salt: vec![0; 20], iterations: 123_456_789 }
    }

    fn lettered(letter: u8, document: &RawDocumentBuf) -> Vec<u8> {
        [&[letter], document.as_bytes()].concat()
    }

    fn binary(bytes: &[u8]) -> RawBinaryRef<'_> {
        RawBinaryRef { subtype: BinarySubtype::Generic, bytes }
    }

    #[test]
    fn parameters_are_written_byte_by_byte_as_the_library_writes_them() {
        let chunk = chunk("Grüße");
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("iv"), binary(&chunk.iv));
        document.append(cstr!("at"), binary(&chunk.tag));
        document.append(cstr!("ad"), chunk.additional_data.as_ref());
        assert_eq!(print_chunk(&chunk), lettered(b'A', &document));

        let derivation = derivation();
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("iv"), binary(&derivation.salt));
        document.append(cstr!("i"), 123_456_789);
        document.append(cstr!("l"), 32);
        document.append(cstr!("hash"), "SHA256");
        assert_eq!(print_derivation(&derivation), lettered(b'K', &document));
    }

    #[test]
    fn what_was_written_is_read_again() {
        for additional_data in [ADDITIONAL_DATA, "", "Grüße", "a\0b"] {
            let chunk = chunk(additional_data);
            let printed = print_chunk(&chunk);
            let fields = parse_chunk(&printed).unwrap();
            assert_eq!((&*fields.iv, &*fields.tag), (chunk.iv.as_slice(), chunk.tag.as_slice()));
            assert_eq!(fields.additional_data, additional_data);
        }
        let fields = parse_derivation(&print_derivation(&derivation())).unwrap();
        assert_eq!((fields.salt, fields.iterations, fields.length), (vec![0; 20], 123_456_789, 32));
        assert_eq!(fields.hash.as_deref(), Some("SHA256"));
    }

    /// All elements as the library reads them; nothing where it finds a fault.
    fn read_by_the_library(document: &[u8]) -> Option<Vec<(String, RawBson)>> {
        let document = RawDocument::from_bytes(document).ok()?;
        let elements = document.iter().map(|element| {
            let (name, value) = element.ok()?;
            Some((name.as_str().to_owned(), RawBson::from(value)))
        });
        elements.collect()
    }

    fn is_known((_, value): &(String, RawBson)) -> bool {
        match value {
            RawBson::Binary(binary) => binary.subtype == BinarySubtype::Generic,
            RawBson::String(_) | RawBson::Int32(_) => true,
            _ => false,
        }
    }

    fn read_here(document: &[u8]) -> Option<Vec<(String, RawBson)>> {
        let artefacts = [b"A", document].concat();
        let mut elements = Elements::of(b'A', &artefacts).ok()?;
        let mut found = Vec::new();
        while let Some((name, value)) = elements.next().ok()? {
            let value = match value {
                Value::Bytes(bytes) => RawBsonRef::Binary(binary(bytes)),
                Value::Text(text) => RawBsonRef::String(text),
                Value::Number(number) => RawBsonRef::Int32(number),
            };
            // Other names are not known ones, and refused by whoever asked.
            found.push((std::str::from_utf8(name).ok()?.to_owned(), RawBson::from(value)));
        }
        Some(found)
    }

    /// Every byte of two documents changed to every other value, every length, and every pair of cuts.
    #[test]
    fn what_the_library_reads_of_the_known_types_is_read_here_and_nothing_else() {
        let (mut read, mut refused) = (0, 0);
        let mut compare = |document: &[u8]| {
            let here = read_here(document);
            assert_eq!(here, read_by_the_library(document).filter(|all| all.iter().all(is_known)), "{document:?}");
            if here.is_some() { read += 1 } else { refused += 1 }
        };
        for document in [&print_chunk(&chunk(ADDITIONAL_DATA))[1..], &print_derivation(&derivation())[1..]] {
            for place in 0..document.len() {
                for byte in 0..=u8::MAX {
                    let mut changed = document.to_vec();
                    changed[place] = byte;
                    compare(&changed);
                }
                compare(&document[..place]);
                for end in place..document.len() {
                    let mut cut = [&document[..place], &document[end..]].concat();
                    compare(&cut);
                    if let Some(length) = cut.first_mut() {
                        *length = u8::try_from(document.len() - (end - place)).unwrap();
                    }
                    compare(&cut);
                }
            }
        }
        assert!(read > 10_000 && refused > 10_000, "{read} read, {refused} refused");
    }

    #[test]
    fn other_types_and_other_kinds_of_bytes_are_refused() {
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("iv"), RawBinaryRef { subtype: BinarySubtype::Md5, bytes: &[1; 12] });
        assert!(parse_chunk(&lettered(b'A', &document)).is_err());
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("i"), 5_i64);
        assert!(parse_derivation(&lettered(b'K', &document)).is_err());
        assert!(parse_chunk(&print_derivation(&derivation())).is_err());
    }
}
