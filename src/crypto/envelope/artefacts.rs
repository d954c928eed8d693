//! Artefacts: what has to be known beside the data to decrypt it, in one of two forms (`docs/protocol/envelopes.md`). Since
//! 2021 a letter for the kind and a BSON document; before, a YAML document, which is read and never written.
//!
//! BSON is read from the raw document, field by field: a parser into a map would resolve a field given twice in favour of
//! one of them, and drop unknown ones.

use std::borrow::Cow;

use bson::{
    RawBinaryRef,
    raw::{RawBsonRef, RawDocument, RawDocumentBuf, cstr},
    spec::BinarySubtype,
};

use super::{Derivation, IV_BYTES, MAX_ITERATIONS, MIN_ITERATIONS, OLD_ARTEFACTS, TAG_BYTES};
use crate::{
    Error, ErrorCode, Result,
    crypto::{
        backend::on_demand,
        encoding::{from_base64url, to_base64url},
    },
};

/// The longest artefacts, as text.
const MAX_TEXT_BYTES: usize = 4 * 1024;

const CHUNK_LETTER: u8 = b'A';
const DERIVATION_LETTER: u8 = b'K';

/// Those of one AES-GCM message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ChunkArtefacts {
    pub(crate) iv: [u8; IV_BYTES],
    pub(crate) tag: [u8; TAG_BYTES],
    pub(crate) additional_data: Cow<'static, str>,
}

pub(crate) fn print_chunk(iv: &[u8; IV_BYTES], tag: &[u8; TAG_BYTES], additional_data: &str) -> String {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("iv"), binary(iv));
    document.append(cstr!("at"), binary(tag));
    document.append(cstr!("ad"), additional_data);
    print(CHUNK_LETTER, &document)
}

pub(crate) fn print_derivation(derivation: &Derivation) -> String {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("iv"), binary(&derivation.salt));
    document.append(cstr!("i"), i32::try_from(derivation.iterations).unwrap_or(i32::MAX));
    document.append(cstr!("l"), 32);
    document.append(cstr!("hash"), "SHA256");
    print(DERIVATION_LETTER, &document)
}

fn print(letter: u8, document: &RawDocumentBuf) -> String {
    to_base64url(&[&[letter], document.as_bytes()].concat())
}

pub(crate) async fn parse_chunk(text: &str) -> Result<ChunkArtefacts> {
    let document = read(CHUNK_LETTER, text).await?;
    let (mut iv, mut tag, mut additional_data) = (None, None, None);
    for element in RawDocument::from_bytes(&document).map_err(malformed)? {
        let (name, value) = element.map_err(malformed)?;
        match (name.as_str(), value) {
            ("iv", RawBsonRef::Binary(value)) => fill(&mut iv, bytes(value)?)?,
            ("at", RawBsonRef::Binary(value)) => fill(&mut tag, bytes(value)?)?,
            ("ad", RawBsonRef::String(value)) => fill(&mut additional_data, value.to_owned().into())?,
            _ => return Err(unexpected()),
        }
    }
    let (iv, tag) = (iv.ok_or_else(missing)?, tag.ok_or_else(missing)?);
    Ok(ChunkArtefacts {
        iv: iv.try_into().map_err(|_| Error::malformed_envelope("the IV is not 12 bytes"))?,
        tag: tag.try_into().map_err(|_| Error::malformed_envelope("the tag is not 16 bytes"))?,
        additional_data: additional_data.ok_or_else(missing)?,
    })
}

pub(crate) async fn parse_derivation(text: &str) -> Result<Derivation> {
    let document = read(DERIVATION_LETTER, text).await?;
    let (mut salt, mut iterations, mut length, mut hash) = (None, None, None, None);
    for element in RawDocument::from_bytes(&document).map_err(malformed)? {
        let (name, value) = element.map_err(malformed)?;
        match (name.as_str(), value) {
            ("iv", RawBsonRef::Binary(value)) => fill(&mut salt, bytes(value)?)?,
            ("i", RawBsonRef::Int32(value)) => fill(&mut iterations, value)?,
            ("l", RawBsonRef::Int32(value)) => fill(&mut length, value)?,
            ("hash", RawBsonRef::String(value)) => fill(&mut hash, value.to_owned())?,
            _ => return Err(unexpected()),
        }
    }
    if hash.is_some_and(|hash| hash != "SHA256") {
        return Err(Error::new(ErrorCode::UnsupportedAlgorithm, "keys are derived with SHA-256 only"));
    }
    if length.ok_or_else(missing)? != 32 {
        return Err(Error::malformed_envelope("the derived key is not 32 bytes"));
    }
    let iterations = u32::try_from(iterations.ok_or_else(missing)?).unwrap_or(0);
    if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
        return Err(Error::malformed_envelope("the number of iterations is out of range"));
    }
    let salt = salt.ok_or_else(missing)?;
    if salt.len() < 8 {
        return Err(Error::malformed_envelope("the salt is too short"));
    }
    Ok(Derivation { salt, iterations })
}

/// The BSON document in artefacts of this kind, or the one that YAML is translated into.
async fn read(letter: u8, text: &str) -> Result<Vec<u8>> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::malformed_envelope("the parameters are too long"));
    }
    let mut artefacts = from_base64url(text).ok_or_else(|| Error::malformed_envelope("not base64"))?;
    if artefacts.starts_with(OLD_ARTEFACTS) {
        // Boxed: it would make the future of all other artefacts several times larger.
        let document = Box::pin(on_demand::bson_from_yaml(&artefacts)).await?;
        return document.ok_or_else(|| Error::malformed_envelope("the parameters are not the known YAML"));
    }
    if artefacts.first() != Some(&letter) {
        return Err(Error::malformed_envelope("unknown parameters"));
    }
    Ok(artefacts.split_off(1))
}

fn binary(bytes: &[u8]) -> RawBinaryRef<'_> {
    RawBinaryRef { subtype: BinarySubtype::Generic, bytes }
}

fn bytes(value: RawBinaryRef<'_>) -> Result<Vec<u8>> {
    if value.subtype == BinarySubtype::Generic { Ok(value.bytes.to_vec()) } else { Err(unexpected()) }
}

fn fill<T>(field: &mut Option<T>, value: T) -> Result<()> {
    if field.replace(value).is_some() {
        return Err(Error::malformed_envelope("a parameter is given twice"));
    }
    Ok(())
}

/// The library's message may quote what it read, so it is dropped.
fn malformed(_: bson::error::Error) -> Error {
    Error::malformed_envelope("the parameters are not BSON")
}

fn missing() -> Error {
    Error::malformed_envelope("a parameter is missing")
}

fn unexpected() -> Error {
    Error::malformed_envelope("an unexpected parameter")
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::crypto::envelope::ADDITIONAL_DATA;

    const IV: [u8; IV_BYTES] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const TAG: [u8; TAG_BYTES] = [0xA5; TAG_BYTES];

    fn derivation() -> Derivation {
        Derivation { salt: vec![0; 20], iterations: 1_234_567 }
    }

    #[test]
    fn artefacts_are_written_byte_by_byte_as_the_format_has_them() {
        let chunk = [
            b"A\x43\0\0\0\x05iv\0\x0c\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c".as_slice(),
            b"\x05at\0\x10\0\0\0\0",
            &TAG,
            b"\x02ad\0\x08\0\0\0",
            "Grüße".as_bytes(),
            b"\0\0",
        ];
        assert_eq!(from_base64url(&print_chunk(&IV, &TAG, "Grüße")).unwrap(), chunk.concat());

        let derived = [
            b"K\x41\0\0\0\x05iv\0\x14\0\0\0\0".as_slice(),
            &[0; 20],
            b"\x10i\0\x87\xd6\x12\0\x10l\0\x20\0\0\0\x02hash\0\x07\0\0\0SHA256\0\0",
        ];
        assert_eq!(from_base64url(&print_derivation(&derivation())).unwrap(), derived.concat());
    }

    #[test]
    fn what_was_written_is_read_again() {
        for additional_data in [ADDITIONAL_DATA, "", "Grüße", "a\0b"] {
            let read = block_on(parse_chunk(&print_chunk(&IV, &TAG, additional_data))).unwrap();
            assert_eq!(read, ChunkArtefacts { iv: IV, tag: TAG, additional_data: additional_data.into() });
        }
        assert_eq!(block_on(parse_derivation(&print_derivation(&derivation()))).unwrap(), derivation());
    }

    /// A second spelling of the same artefacts would let a server change a ciphertext unnoticed. So every byte of some
    /// documents is changed to every other value, and every stretch of bytes is cut out, with and without the length that
    /// the rest then has: what is still read must be written as it was read.
    #[test]
    fn artefacts_have_one_spelling() {
        let has_hash = |text: &str| from_base64url(text).unwrap().windows(5).any(|name| name == b"hash\0");
        let (mut read, mut refused) = (0, 0);
        let mut check = |artefacts: &[u8]| {
            let text = to_base64url(artefacts);
            let printed = match artefacts.first() {
                Some(&CHUNK_LETTER) => block_on(parse_chunk(&text))
                    .map(|ChunkArtefacts { iv, tag, additional_data }| print_chunk(&iv, &tag, &additional_data)),
                _ => block_on(parse_derivation(&text)).map(|derivation| print_derivation(&derivation)),
            };
            match printed {
                // An absent hash is SHA-256, and is written.
                Ok(printed) if has_hash(&printed) && !has_hash(&text) => {}
                Ok(printed) => {
                    assert_eq!(printed, text);
                    read += 1;
                }
                Err(_) => refused += 1,
            }
        };
        let texts =
            [print_chunk(&IV, &TAG, ADDITIONAL_DATA), print_chunk(&IV, &TAG, "x"), print_derivation(&derivation())];
        for artefacts in texts.map(|text| from_base64url(&text).unwrap()) {
            for place in 1..artefacts.len() {
                for byte in 0..=u8::MAX {
                    let mut changed = artefacts.clone();
                    changed[place] = byte;
                    check(&changed);
                }
                for end in place..=artefacts.len() {
                    let mut cut = [&artefacts[..place], &artefacts[end..]].concat();
                    check(&cut);
                    if let Some(length) = cut.get_mut(1) {
                        *length = u8::try_from(artefacts.len() - 1 - (end - place)).unwrap();
                        check(&cut);
                    }
                }
            }
        }
        assert!(read > 10_000 && refused > 30_000, "{read} read, {refused} refused");
    }

    #[test]
    fn other_types_and_other_kinds_of_bytes_are_refused() {
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("iv"), RawBinaryRef { subtype: BinarySubtype::Md5, bytes: &IV });
        document.append(cstr!("at"), binary(&TAG));
        document.append(cstr!("ad"), ADDITIONAL_DATA);
        assert!(block_on(parse_chunk(&print(CHUNK_LETTER, &document))).is_err());

        let mut document = RawDocumentBuf::new();
        document.append(cstr!("iv"), binary(&[0; 20]));
        document.append(cstr!("i"), 20_000_i64);
        document.append(cstr!("l"), 32);
        assert!(block_on(parse_derivation(&print(DERIVATION_LETTER, &document))).is_err());

        assert!(block_on(parse_chunk(&print_derivation(&derivation()))).is_err());
        assert!(block_on(parse_derivation(&print_chunk(&IV, &TAG, ADDITIONAL_DATA))).is_err());
    }
}
