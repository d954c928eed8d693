//! The text form of every ciphertext and signature: the parser and the printer.
//!
//! ```text
//! Aes256Gcm . data . artefacts [. data . artefacts]…                       symmetric
//! Aes256Gcm . data . artefacts [. data . artefacts]… . Pbkdf2Hmac . artefacts   … under a key derived from a passphrase
//! Rsa4096 . data . QQUAAAAA                                                for the holder of a private key
//! Sign.Rsa4096 . signature . data                                          signed
//! ```
//!
//! Envelopes come from servers, so the parser accepts only what `protocol/envelopes.md` allows: strategies from a
//! list, an IV of 12 bytes, a tag of 16, one spelling per base64 text, bounded sizes (checked before anything is
//! allocated), and nothing before, between or after. What it refuses is `MALFORMED_ENVELOPE`, or
//! `UNSUPPORTED_ALGORITHM` for a strategy that is not on the list.

mod bson_artefacts;
mod usual_artefacts;
mod yaml_artefacts;

use std::borrow::Cow;

use crate::crypto::encoding::{from_base64url, to_base64url};
use crate::decimal::{from_decimal, to_decimal};
use crate::{Error, ErrorCode, Result};

pub use vaultshare_fast::{IV_BYTES, TAG_BYTES};

/// The fewest PBKDF2 iterations that an envelope may ask for: the format's own minimum.
pub const MIN_ITERATIONS: u32 = 20_000;
/// The most PBKDF2 iterations that anyone can make this library spend (some seconds).
pub const MAX_ITERATIONS: u32 = 10_000_000;
/// The additional data that the peers of this protocol write: a constant.
pub const ADDITIONAL_DATA: &str = "none";

/// The longest envelope text that is read: room for 72 MiB of ciphertext.
pub(crate) const MAX_TEXT_BYTES: usize = 96 * 1024 * 1024;
/// The longest text of an RSA envelope: an 8192-bit key needs less than a sixth of it.
const MAX_RSA_TEXT_BYTES: usize = 8 * 1024;
/// The longest artefacts, as text.
const MAX_ARTEFACTS_BYTES: usize = 4 * 1024;

pub(crate) const AES_STRATEGY: &str = "Aes256Gcm";
const KDF_STRATEGY: &str = "Pbkdf2Hmac";
/// `A` and an empty BSON document, in base64.
const RSA_ARTEFACTS: &str = "QQUAAAAA";
/// What older libraries wrote instead: an empty map in YAML, from JavaScript and from Ruby.
const OLD_RSA_ARTEFACTS: [&str; 2] = ["LS0tCnt9Cg==", "LS0tIHt9Cg=="];

/// A parsed envelope: what it is, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// AES-256-GCM.
    Symmetric {
        /// At least one; files are written as several, which are decrypted one by one and joined.
        chunks: Vec<Chunk>,
        /// How to derive the key, where the envelope is meant for a passphrase.
        derivation: Option<Derivation>,
    },
    /// RSA-OAEP.
    Rsa {
        /// Size of the key, as the strategy names it.
        bits: u32,
        /// One RSA block.
        ciphertext: Vec<u8>,
    },
    /// RSASSA-PKCS1-v1_5 with SHA-256, together with what was signed.
    Signed {
        /// Size of the key, as the strategy names it.
        bits: u32,
        /// One RSA block.
        signature: Vec<u8>,
        /// The signed bytes.
        data: Vec<u8>,
    },
}

/// One AES-GCM message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// As long as the plaintext. Empty only in very old data, where it stands for an empty string.
    pub ciphertext: Vec<u8>,
    /// The initialisation vector.
    pub iv: [u8; IV_BYTES],
    /// The authentication tag.
    pub tag: [u8; TAG_BYTES],
    /// Authenticated, not encrypted.
    pub additional_data: Cow<'static, str>,
}

/// How a key comes from a passphrase: PBKDF2 with HMAC-SHA256, 32 bytes long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// Usually 20 random bytes.
    pub salt: Vec<u8>,
    /// Between [`MIN_ITERATIONS`] and [`MAX_ITERATIONS`].
    pub iterations: u32,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Error::malformed_envelope("too long"));
        }
        let (strategy, rest) = text.split_once('.').ok_or_else(|| Error::malformed_envelope("no strategy"))?;
        match strategy {
            AES_STRATEGY => parse_symmetric(rest),
            "Sign" => parse_signed(rest),
            _ => parse_rsa(rsa_bits(strategy)?, rest),
        }
    }

    /// Writes the envelope in its current form.
    pub fn print(&self) -> String {
        match self {
            Envelope::Symmetric { chunks, derivation } => {
                let mut text = AES_STRATEGY.to_owned();
                for chunk in chunks {
                    push_segment(&mut text, &to_base64url(&chunk.ciphertext));
                    push_segment(&mut text, &chunk_artefacts(chunk));
                }
                if let Some(derivation) = derivation {
                    push_segment(&mut text, KDF_STRATEGY);
                    push_segment(&mut text, &to_base64url(&bson_artefacts::print_derivation(derivation)));
                }
                text
            }
            Envelope::Rsa { bits, ciphertext } => {
                [&rsa_strategy(*bits), &to_base64url(ciphertext), RSA_ARTEFACTS].join(".")
            }
            Envelope::Signed { bits, signature, data } => {
                ["Sign", &rsa_strategy(*bits), &to_base64url(signature), &to_base64url(data)].join(".")
            }
        }
    }
}

pub(crate) fn chunk_artefacts(chunk: &Chunk) -> String {
    match usual_artefacts::print(chunk) {
        Some(artefacts) => artefacts,
        None => to_base64url(&bson_artefacts::print_chunk(chunk)),
    }
}

fn push_segment(text: &mut String, segment: &str) {
    text.reserve_exact(segment.len() + 1);
    text.push('.');
    text.push_str(segment);
}

/// Everything after `Aes256Gcm.`: pairs of data and artefacts, then perhaps the key derivation.
fn parse_symmetric(rest: &str) -> Result<Envelope> {
    let mut segments = rest.split('.');
    let mut chunks = Vec::new();
    let mut derivation = None;
    while let Some(segment) = segments.next() {
        let artefacts = segments.next().ok_or_else(|| Error::malformed_envelope("a part is missing"))?;
        if segment == KDF_STRATEGY {
            derivation = Some(parse_derivation(artefacts)?);
            if segments.next().is_some() {
                return Err(Error::malformed_envelope("text after the key derivation"));
            }
        } else {
            chunks.push(parse_chunk(segment, artefacts)?);
        }
    }
    if chunks.is_empty() {
        return Err(Error::malformed_envelope("no data"));
    }
    Ok(Envelope::Symmetric { chunks, derivation })
}

pub(crate) fn parse_chunk(data: &str, artefacts: &str) -> Result<Chunk> {
    let ciphertext = decode(data)?;
    if let Some((iv, tag)) = usual_artefacts::read(artefacts) {
        return Ok(Chunk { ciphertext, iv, tag, additional_data: Cow::Borrowed(ADDITIONAL_DATA) });
    }
    let artefacts = decode_artefacts(artefacts)?;
    let fields = if artefacts.starts_with(b"---") {
        yaml_artefacts::parse_chunk(&artefacts)?
    } else {
        bson_artefacts::parse_chunk(&artefacts)?
    };
    let iv = fields.iv.as_slice().try_into().map_err(|_| Error::malformed_envelope("the IV is not 12 bytes"))?;
    let tag = fields.tag.as_slice().try_into().map_err(|_| Error::malformed_envelope("the tag is not 16 bytes"))?;
    Ok(Chunk { ciphertext, iv, tag, additional_data: fields.additional_data })
}

fn parse_derivation(artefacts: &str) -> Result<Derivation> {
    let artefacts = decode_artefacts(artefacts)?;
    let fields = if artefacts.starts_with(b"---") {
        yaml_artefacts::parse_derivation(&artefacts)?
    } else {
        bson_artefacts::parse_derivation(&artefacts)?
    };
    if fields.hash.is_some_and(|hash| hash != "SHA256") {
        return Err(Error::new(ErrorCode::UnsupportedAlgorithm, "keys are derived with SHA-256 only"));
    }
    if fields.length != 32 {
        return Err(Error::malformed_envelope("the derived key is not 32 bytes"));
    }
    let iterations = u32::try_from(fields.iterations).unwrap_or(0);
    if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
        return Err(Error::malformed_envelope("the number of iterations is out of range"));
    }
    if fields.salt.len() < 8 {
        return Err(Error::malformed_envelope("the salt is too short"));
    }
    Ok(Derivation { salt: fields.salt, iterations })
}

/// Everything after `Rsa4096.`
fn parse_rsa(bits: u32, rest: &str) -> Result<Envelope> {
    if rest.len() > MAX_RSA_TEXT_BYTES {
        return Err(Error::malformed_envelope("too long"));
    }
    let (data, artefacts) = rest.split_once('.').ok_or_else(|| Error::malformed_envelope("a part is missing"))?;
    if artefacts != RSA_ARTEFACTS && !OLD_RSA_ARTEFACTS.contains(&artefacts) {
        return Err(Error::malformed_envelope("an RSA ciphertext has no parameters"));
    }
    Ok(Envelope::Rsa { bits, ciphertext: decode_block(data, bits)? })
}

/// Everything after `Sign.`
fn parse_signed(rest: &str) -> Result<Envelope> {
    let mut segments = rest.split('.');
    match (segments.next(), segments.next(), segments.next(), segments.next()) {
        (Some(strategy), Some(signature), Some(data), None) => {
            let bits = rsa_bits(strategy)?;
            Ok(Envelope::Signed { bits, signature: decode_block(signature, bits)?, data: decode(data)? })
        }
        _ => Err(Error::malformed_envelope("a signature has four parts")),
    }
}

fn rsa_strategy(bits: u32) -> String {
    ["Rsa", &to_decimal(bits.into())].concat()
}

/// The size in `Rsa4096`.
fn rsa_bits(strategy: &str) -> Result<u32> {
    strategy
        .strip_prefix("Rsa")
        .and_then(from_decimal)
        .filter(|bits| (2048..=8192).contains(bits))
        .ok_or_else(|| Error::new(ErrorCode::UnsupportedAlgorithm, "the envelope's algorithm is not supported"))
}

/// One RSA block is exactly as long as the key's modulus.
fn decode_block(text: &str, bits: u32) -> Result<Vec<u8>> {
    let block = decode(text)?;
    if u32::try_from(block.len()).ok() != Some(bits.div_ceil(8)) {
        return Err(Error::malformed_envelope("the data is not as long as the key"));
    }
    Ok(block)
}

fn decode(text: &str) -> Result<Vec<u8>> {
    from_base64url(text).ok_or_else(|| Error::malformed_envelope("not base64"))
}

fn decode_artefacts(text: &str) -> Result<Vec<u8>> {
    if text.len() > MAX_ARTEFACTS_BYTES {
        return Err(Error::malformed_envelope("the parameters are too long"));
    }
    decode(text)
}

/// The parameters of one AES-GCM message as found, sizes not yet checked.
struct ChunkFields {
    iv: Vec<u8>,
    tag: Vec<u8>,
    additional_data: Cow<'static, str>,
}

/// The parameters of a key derivation as found, ranges not yet checked.
struct DerivationFields {
    salt: Vec<u8>,
    iterations: i64,
    length: i64,
    hash: Option<String>,
}

/// Puts a field in its place, once.
fn fill<T>(place: &mut Option<T>, value: T) -> Result<()> {
    if place.replace(value).is_some() {
        return Err(Error::malformed_envelope("a parameter is given twice"));
    }
    Ok(())
}

fn missing() -> Error {
    Error::malformed_envelope("a parameter is missing")
}
