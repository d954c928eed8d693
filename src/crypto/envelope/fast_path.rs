//! Fast path for the artefacts of nearly every ciphertext: BSON of IV, tag and additional data, in this order. All of it has
//! a fixed length but the additional data, which comes last, so it is read and written at fixed offsets. Anything else is
//! left to `artefacts`.
//!
//! Decrypting a short text takes 6,600 instructions with it and 11,700 without, encrypting one 4,400 and 6,500 (release build,
//! native, callgrind).

use super::{ADDITIONAL_DATA, IV_BYTES, TAG_BYTES, artefacts::ChunkArtefacts};
use crate::crypto::encoding::to_base64url;

/// The letter and a BSON document of `iv`, `at` and `ad` up to the text of `ad`, in which IV, tag and lengths are zero.
const TEMPLATE: [u8; TEXT_START] = *b"A\0\0\0\0\
    \x05iv\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \x05at\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \x02ad\0\0\0\0\0";
/// After the letter.
const DOCUMENT_LENGTH: usize = 1;
/// After the document's length, and the IV's own type, name, length and subtype.
const IV_START: usize = 14;
/// After the tag's type, name, length and subtype.
const TAG_START: usize = IV_START + IV_BYTES + 9;
/// After the text's type and name.
const TEXT_LENGTH: usize = TAG_START + TAG_BYTES + 4;
const TEXT_START: usize = TEXT_LENGTH + 4;
/// What ends the text, and what ends the document.
const END: &[u8] = b"\0\0";
/// The longest additional data that is read and written here: longer than any that this client writes.
const MAX_TEXT: usize = 512;
const MAX_BYTES: usize = TEXT_START + MAX_TEXT + END.len();

/// `None` for artefacts of any other form.
pub(crate) fn parse(text: &str) -> Option<ChunkArtefacts> {
    let mut buffer = [0; MAX_BYTES];
    let bytes = vaultshare_fast::decode_into(text, &mut buffer)?;
    let iv = *bytes.get(IV_START..)?.first_chunk()?;
    let tag = *bytes.get(TAG_START..)?.first_chunk()?;
    let additional_data = bytes.get(TEXT_START..)?.strip_suffix(END)?;
    // What it would be written as is what was read: one spelling.
    let is_as_written = bytes.get(..TEXT_START)? == filled(&iv, &tag, additional_data.len())?;
    let additional_data = str::from_utf8(additional_data).ok().filter(|_| is_as_written)?;
    let additional_data = match additional_data {
        ADDITIONAL_DATA => ADDITIONAL_DATA.into(),
        other => other.to_owned().into(),
    };
    Some(ChunkArtefacts { iv, tag, additional_data })
}

/// The artefacts as base64url; `None` for longer additional data than this client writes.
pub(super) fn print(iv: &[u8; IV_BYTES], tag: &[u8; TAG_BYTES], additional_data: &str) -> Option<String> {
    let start = filled(iv, tag, additional_data.len())?;
    Some(to_base64url(&[start.as_slice(), additional_data.as_bytes(), END].concat()))
}

fn filled(iv: &[u8; IV_BYTES], tag: &[u8; TAG_BYTES], text_length: usize) -> Option<[u8; TEXT_START]> {
    if text_length > MAX_TEXT {
        return None;
    }
    let mut bytes = TEMPLATE;
    // BSON counts the document without our letter, and the text with the zero that ends it.
    let document_length = u32::try_from(TEXT_START - DOCUMENT_LENGTH + text_length + END.len()).ok()?;
    *bytes.get_mut(DOCUMENT_LENGTH..)?.first_chunk_mut()? = document_length.to_le_bytes();
    *bytes.get_mut(IV_START..)?.first_chunk_mut()? = *iv;
    *bytes.get_mut(TAG_START..)?.first_chunk_mut()? = *tag;
    *bytes.get_mut(TEXT_LENGTH..)?.first_chunk_mut()? = u32::try_from(text_length + 1).ok()?.to_le_bytes();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use bson::{
        Binary, RawBson,
        raw::{RawDocumentBuf, cstr},
        spec::BinarySubtype,
    };

    use super::*;
    use crate::crypto::encoding::from_base64url;

    const IV: [u8; IV_BYTES] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const TAG: [u8; TAG_BYTES] = [0xA5; TAG_BYTES];

    fn by_the_library(additional_data: &str) -> Vec<u8> {
        let binary = |bytes: &[u8]| RawBson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() });
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("iv"), binary(&IV));
        document.append(cstr!("at"), binary(&TAG));
        document.append(cstr!("ad"), additional_data);
        [b"A", document.as_bytes()].concat()
    }

    #[test]
    fn the_fast_path_writes_and_reads_what_the_library_writes() {
        for length in [0, 1, 146, 149, 255, 256, MAX_TEXT] {
            for additional_data in [ADDITIONAL_DATA.to_owned(), "Grüße".to_owned(), "x".repeat(length)] {
                let printed = print(&IV, &TAG, &additional_data).unwrap();
                assert_eq!(from_base64url(&printed).unwrap(), by_the_library(&additional_data));
                let read = ChunkArtefacts { iv: IV, tag: TAG, additional_data: additional_data.into() };
                assert_eq!(parse(&printed), Some(read));
            }
        }
    }

    #[test]
    fn all_other_artefacts_are_left_to_the_library() {
        let longer = "x".repeat(MAX_TEXT + 1);
        assert_eq!(print(&IV, &TAG, &longer), None);
        assert_eq!(parse(&to_base64url(&by_the_library(&longer))), None);
        let whole = by_the_library(ADDITIONAL_DATA);
        for missing in 1..whole.len() {
            assert_eq!(parse(&to_base64url(&whole[..whole.len() - missing])), None, "{missing} bytes are missing");
        }
        let longer = to_base64url(&[whole.clone(), vec![0]].concat());
        let not_utf8 = whole.iter().map(|&byte| if byte == b'o' { 0xff } else { byte }).collect::<Vec<_>>();
        for text in ["", "QQUAAAAA", "QUFB", "not base64", longer.as_str(), &to_base64url(&not_utf8)] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
