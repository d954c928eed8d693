//! The parameters of a ciphertext in the current form: one letter for the kind, then a BSON document.
//!
//! Read through the raw document, field by field, so that a field given twice or not known is refused rather than
//! silently resolved one way or the other.

use bson::RawBinaryRef;
use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use bson::spec::BinarySubtype;

use super::{Chunk, ChunkFields, Derivation, DerivationFields, fill, missing};
use crate::{Error, Result};

const CHUNK_LETTER: u8 = b'A';
const DERIVATION_LETTER: u8 = b'K';

pub(super) fn print_chunk(chunk: &Chunk) -> Vec<u8> {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("iv"), binary(&chunk.iv));
    document.append(cstr!("at"), binary(&chunk.tag));
    document.append(cstr!("ad"), chunk.additional_data.as_ref());
    lettered(CHUNK_LETTER, document)
}

pub(super) fn print_derivation(derivation: &Derivation) -> Vec<u8> {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("iv"), binary(&derivation.salt));
    document.append(cstr!("i"), i32::try_from(derivation.iterations).unwrap_or(i32::MAX));
    document.append(cstr!("l"), 32_i32);
    document.append(cstr!("hash"), "SHA256");
    lettered(DERIVATION_LETTER, document)
}

pub(super) fn parse_chunk(artefacts: &[u8]) -> Result<ChunkFields> {
    let (mut iv, mut tag, mut additional_data) = (None, None, None);
    for element in document(CHUNK_LETTER, artefacts)? {
        match element.map_err(malformed)? {
            ("iv", RawBsonRef::Binary(value)) => fill(&mut iv, bytes(value)?)?,
            ("at", RawBsonRef::Binary(value)) => fill(&mut tag, bytes(value)?)?,
            ("ad", RawBsonRef::String(value)) => fill(&mut additional_data, value.to_owned().into())?,
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
    for element in document(DERIVATION_LETTER, artefacts)? {
        match element.map_err(malformed)? {
            ("iv", RawBsonRef::Binary(value)) => fill(&mut salt, bytes(value)?)?,
            ("i", RawBsonRef::Int32(value)) => fill(&mut iterations, i64::from(value))?,
            ("l", RawBsonRef::Int32(value)) => fill(&mut length, i64::from(value))?,
            ("hash", RawBsonRef::String(value)) => fill(&mut hash, value.to_owned())?,
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

/// The fields of the document behind the letter. The document's own length must be all that is left.
fn document(letter: u8, artefacts: &[u8]) -> Result<impl Iterator<Item = bson::error::Result<(&str, RawBsonRef<'_>)>>> {
    let body = artefacts.strip_prefix(&[letter]).ok_or_else(|| Error::malformed_envelope("unknown parameters"))?;
    let document = RawDocument::from_bytes(body).map_err(malformed)?;
    Ok(document.iter().map(|element| element.map(|(key, value)| (key.as_str(), value))))
}

fn lettered(letter: u8, document: RawDocumentBuf) -> Vec<u8> {
    let mut bytes = vec![letter];
    bytes.extend_from_slice(document.as_bytes());
    bytes
}

fn binary(bytes: &[u8]) -> RawBinaryRef<'_> {
    RawBinaryRef { subtype: BinarySubtype::Generic, bytes }
}

fn bytes(value: RawBinaryRef<'_>) -> Result<Vec<u8>> {
    if value.subtype != BinarySubtype::Generic {
        return Err(unexpected());
    }
    Ok(value.bytes.to_vec())
}

fn malformed(_: bson::error::Error) -> Error {
    Error::malformed_envelope("the parameters are not BSON")
}

fn unexpected() -> Error {
    Error::malformed_envelope("an unexpected parameter")
}
