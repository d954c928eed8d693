//! The parameters that nearly every ciphertext has: in the current form, with the usual additional data. Only IV and tag
//! differ between any two of them, so they are read and written by their places, in a fraction of the time.

use super::{ADDITIONAL_DATA, Chunk, IV_BYTES, TAG_BYTES};
use crate::crypto::encoding::to_base64url;

/// Bytes of such parameters.
const BYTES: usize = 65;
/// The letter, and a BSON document of `iv`, `at` and `ad`; IV and tag are zeros.
const EXAMPLE: [u8; BYTES] = *b"A\x40\0\0\0\
    \x05iv\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \x05at\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \x02ad\0\x05\0\0\0none\0\0";
/// The IV stands behind the letter, the document's length, and its own type, name, length and subtype.
const IV_START: usize = 14;
/// The tag stands behind its type, name, length and subtype.
const TAG_START: usize = IV_START + IV_BYTES + 9;

type Iv = [u8; IV_BYTES];
type Tag = [u8; TAG_BYTES];

/// IV and tag, if these are such parameters.
pub(super) fn read(artefacts: &str) -> Option<(Iv, Tag)> {
    let mut bytes = [0; BYTES];
    // A longer text does not fit. Of a shorter one the zeros at the end would be missing, which stand here already.
    if vaultshare_fast::decode_into(artefacts, &mut bytes)?.len() != BYTES {
        return None;
    }
    let iv: Iv = *bytes.get(IV_START..)?.first_chunk()?;
    let tag: Tag = *bytes.get(TAG_START..)?.first_chunk()?;
    (usual(&iv, &tag)? == bytes).then_some((iv, tag))
}

/// The parameters as text, where the additional data is the usual.
pub(super) fn print(chunk: &Chunk) -> Option<String> {
    if chunk.additional_data != ADDITIONAL_DATA {
        return None;
    }
    usual(&chunk.iv, &chunk.tag).map(|bytes| to_base64url(&bytes))
}

fn usual(iv: &Iv, tag: &Tag) -> Option<[u8; BYTES]> {
    let mut bytes = EXAMPLE;
    *bytes.get_mut(IV_START..)?.first_chunk_mut()? = *iv;
    *bytes.get_mut(TAG_START..)?.first_chunk_mut()? = *tag;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::envelope::bson_artefacts;

    fn chunk(additional_data: &'static str) -> Chunk {
        let iv = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        Chunk { ciphertext: Vec::new(), iv, tag: [0xA5; TAG_BYTES], additional_data: additional_data.into() }
    }

    #[test]
    fn they_are_written_exactly_as_all_others() {
        let chunk = chunk(ADDITIONAL_DATA);
        let printed = print(&chunk).unwrap();
        assert_eq!(printed, to_base64url(&bson_artefacts::print_chunk(&chunk)));
        assert_eq!(read(&printed), Some((chunk.iv, chunk.tag)));
    }

    #[test]
    fn all_others_are_left_to_be_read_field_by_field() {
        let other = chunk("some");
        assert_eq!(print(&other), None);
        assert_eq!(read(&to_base64url(&bson_artefacts::print_chunk(&other))), None);
        let longer = to_base64url(&[bson_artefacts::print_chunk(&chunk(ADDITIONAL_DATA)), vec![0]].concat());
        let whole = bson_artefacts::print_chunk(&chunk(ADDITIONAL_DATA));
        for missing in 1..=2 {
            assert_eq!(read(&to_base64url(&whole[..whole.len() - missing])), None, "{missing} bytes are missing");
        }
        for text in ["", "QQUAAAAA", "QUFB", "not base64", longer.as_str()] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
