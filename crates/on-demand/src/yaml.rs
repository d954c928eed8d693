//! Artefacts of ciphertexts from before 2021: a small YAML document (`docs/protocol/envelopes.md`), translated into the BSON
//! that is written in its place today. So there is one reader that checks names, types, lengths and ranges: the one of BSON.
//!
//! Only a flat map of scalars is translated, in whichever style it was written: no alias, anchor, nesting or second
//! document. The caller bounds the length.

use base64ct::{Base64, Encoding};
use bson::{
    RawBinaryRef,
    raw::{CStr, RawDocumentBuf},
    spec::BinarySubtype,
};
use saphyr_parser::{Event, Parser, Tag};

/// The map as a BSON document with its fields in their order. A scalar tagged as base64 becomes bytes, that of `i` and `l`
/// (iterations and length) a number, any other one a string.
pub fn to_bson(yaml: &[u8]) -> Option<Vec<u8>> {
    let mut parser = Parser::new_from_str(printable(yaml)?);
    let mut next = || parser.next_event().and_then(|event| Some(event.ok()?.0));
    let (Event::StreamStart, Event::DocumentStart(true)) = (next()?, next()?) else { return None };
    // Zero is the absence of an anchor, here and below.
    let Event::MappingStart(0, None) = next()? else { return None };
    let mut document = RawDocumentBuf::new();
    loop {
        let name = match next()? {
            Event::Scalar(name, _, 0, None) => name,
            Event::MappingEnd => break,
            _ => return None,
        };
        let Event::Scalar(text, _, 0, tag) = next()? else { return None };
        let key: &CStr = (&*name).try_into().ok()?;
        match (&*name, tag) {
            (_, Some(tag)) if is_binary(&tag) => {
                // A block scalar ends with a line break, which is not part of the base64.
                let bytes = Base64::decode_vec(text.trim_end_matches('\n')).ok()?;
                document.append(key, RawBinaryRef { subtype: BinarySubtype::Generic, bytes: &bytes });
            }
            (_, Some(_)) => return None,
            ("i" | "l", None) => document.append(key, text.parse::<i32>().ok()?),
            (_, None) => document.append(key, &*text),
        }
    }
    matches!((next()?, next()?), (Event::DocumentEnd, Event::StreamEnd)).then(|| document.into_bytes())
}

/// The text, if it is printable ASCII in lines, as all that was written is: most of YAML's special cases are not.
fn printable(yaml: &[u8]) -> Option<&str> {
    let is_expected = |&byte: &u8| matches!(byte, b'\n' | b'\r' | b' '..=b'~');
    std::str::from_utf8(yaml).ok().filter(|_| yaml.iter().all(is_expected))
}

/// `!binary` as libraries in Ruby and JavaScript wrote it, or YAML's own `!!binary`.
fn is_binary(tag: &Tag) -> bool {
    tag.suffix == "binary" && (tag.handle == "!" || tag.handle == "tag:yaml.org,2002:")
}

#[cfg(test)]
mod tests {
    use bson::{Binary, RawBson, raw::RawDocument};

    use super::*;

    fn read(yaml: &str) -> Option<Vec<(String, RawBson)>> {
        let document = to_bson(yaml.as_bytes())?;
        let elements = RawDocument::from_bytes(&document).unwrap().iter();
        Some(
            elements
                .map(|element| element.map(|(name, value)| (name.as_str().to_owned(), value.into())).unwrap())
                .collect(),
        )
    }

    fn bytes(bytes: &[u8]) -> RawBson {
        RawBson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() })
    }

    #[test]
    fn the_styles_of_the_time_are_read_alike() {
        let expected = [("iv".to_owned(), bytes(&[2; 3])), ("at".to_owned(), bytes(b".\xfa\xc0"))];
        for yaml in [
            "---\niv: !binary |-\n  AgIC\nat: !!binary |\n    LvrA\n",
            "---\r\n'iv': !!binary AgIC\r\n\"at\": !binary 'LvrA'\r\n",
            "--- {iv: !binary AgIC, at: !binary LvrA}\n",
        ] {
            assert_eq!(read(yaml).unwrap(), expected, "{yaml:?}");
        }
    }

    #[test]
    fn numbers_are_numbers_and_all_other_text_is_text() {
        let expected =
            [("i", RawBson::Int32(20_000)), ("l", RawBson::Int32(32)), ("hash", RawBson::String("SHA256".into()))];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(read("---\ni: 20000\nl: 32\nhash: SHA256\n").unwrap(), expected);
        for number in ["2147483648", "2e4", "0x10", "''", "!binary AgIC=", "~"] {
            assert_eq!(to_bson(format!("---\ni: {number}\n").as_bytes()), None, "{number}");
        }
    }

    #[test]
    fn a_field_given_twice_is_kept_twice_for_the_reader_of_bson_to_refuse() {
        assert_eq!(read("---\nad: a\nad: b\n").unwrap().len(), 2);
    }

    #[test]
    fn nothing_but_a_flat_map_is_read() {
        for yaml in [
            "",
            "ad: none\n",
            "---\n",
            "--- none\n",
            "--- [ad, none]\n",
            "--- &x {ad: none}\n",
            "--- !map {ad: none}\n",
            "---\nad: &x none\n",
            "---\n&x ad: none\n",
            "---\nad: *x\n",
            "---\niv: &x a\nad: *x\n",
            "---\nad: [none]\n",
            "---\nad: {none: none}\n",
            "---\n[ad]: none\n",
            "---\nad: !str none\n",
            "---\nad: !binary AgI\n",
            "---\nad: n\u{f6}ne\n",
            "---\nad:\tnone\n",
            "---\n\"a\\0d\": none\n",
            "---\nad: none\n---\nad: none\n",
            "---\nad: none\n...\nmore\n",
        ] {
            assert_eq!(to_bson(yaml.as_bytes()), None, "{yaml:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_at_its_first_level() {
        for open in ["[", "{a: ", "- ", "? "] {
            assert_eq!(to_bson(format!("--- {}", open.repeat(2000)).as_bytes()), None);
            assert_eq!(to_bson(format!("---\nad: {}", open.repeat(2000)).as_bytes()), None);
        }
    }
}
