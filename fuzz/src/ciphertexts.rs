//! What a server stores as a ciphertext, and the parts of it.

use futures_executor::block_on;
use vaultshare::{
    ErrorCode, Result,
    crypto::{
        envelope::{ADDITIONAL_DATA, Derivation, Envelope, MAX_ITERATIONS, MIN_ITERATIONS},
        fuzzing::{Chunk, parse_chunk, parse_derivation, print_chunk, print_derivation},
        places::Place,
    },
};
use vaultshare_primitives::encode;

/// `---` in base64: artefacts from before 2021, which are written as others.
const YAML: &str = ".LS0t";
const KEY_DERIVATION: &str = "Pbkdf2Hmac";

/// The longest artefacts that are read, as text, less what the BSON of all fields has around them.
const FITS_AS_BSON: usize = 4 * 1024 - 128;

/// An envelope is read as it is written. It has one spelling, but for the order of BSON's fields, a hash that may be absent,
/// and what libraries of before 2021 wrote.
pub fn envelope(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match block_on(Envelope::parse(text)) {
        Ok(envelope) => {
            let printed = envelope.print();
            if !text.contains(YAML) {
                assert_eq!(block_on(Envelope::parse(&printed)), Ok(envelope));
                assert!(printed.len() == text.len() || text.contains(KEY_DERIVATION));
            }
        }
        Err(error) => {
            assert!(matches!(error.code(), ErrorCode::MalformedEnvelope | ErrorCode::UnsupportedAlgorithm));
        }
    }
}

/// What is read is what is written, in the same number of characters.
pub fn bson_artefacts(data: &[u8]) {
    let text = encode(data);
    if let Ok(chunk) = block_on(parse_chunk(&text)) {
        check_chunk(&chunk);
        assert!(print_chunk(&chunk).len() == text.len() || data.starts_with(b"---"));
    }
    if let Ok(derivation) = block_on(parse_derivation(&text)) {
        check_derivation(&derivation);
    }
}

/// The YAML of before 2021 says what the BSON says that it is translated into.
pub fn yaml_artefacts(data: &[u8]) {
    let document = on_demand::yaml::to_bson(data);
    let text = encode(data);
    if !data.starts_with(b"---") || text.len() > FITS_AS_BSON {
        return;
    }
    let (chunk, derivation) = (block_on(parse_chunk(&text)), block_on(parse_derivation(&text)));
    match document {
        Some(document) => {
            let with = |letter: &[u8]| encode(&[letter, &document].concat());
            agree(chunk.as_ref(), &block_on(parse_chunk(&with(b"A"))));
            agree(derivation.as_ref(), &block_on(parse_derivation(&with(b"K"))));
        }
        None => assert!(chunk.is_err() && derivation.is_err()),
    }
    if let Ok(chunk) = chunk {
        check_chunk(&chunk);
    }
    if let Ok(derivation) = derivation {
        check_derivation(&derivation);
    }
}

/// Errors may differ: the BSON of many short fields is longer than their YAML.
fn agree<T: PartialEq + std::fmt::Debug>(one: Result<&T, &vaultshare::Error>, other: &Result<T>) {
    assert_eq!(one.ok(), other.as_ref().ok());
}

fn check_chunk(chunk: &Chunk) {
    let printed = print_chunk(chunk);
    assert_eq!(block_on(parse_chunk(&printed)).as_ref(), Ok(chunk));
}

fn check_derivation(derivation: &Derivation) {
    assert!((MIN_ITERATIONS..=MAX_ITERATIONS).contains(&derivation.iterations) && derivation.salt.len() >= 8);
    assert_eq!(block_on(parse_derivation(&print_derivation(derivation))).as_ref(), Ok(derivation));
}

/// Every place has one text, and only `none` is none.
pub fn additional_data(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match Place::parse(text) {
        Ok(Some(place)) => {
            assert_eq!(place.to_string(), text);
            assert!(text.is_ascii() && text.len() <= 512);
        }
        Ok(None) => assert_eq!(text, ADDITIONAL_DATA),
        Err(error) => assert_eq!(error.code(), ErrorCode::UnsupportedAlgorithm),
    }
}
