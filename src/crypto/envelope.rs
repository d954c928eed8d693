//! The text form of every ciphertext and signature: parser and printer (`docs/protocol/envelopes.md`).
//!
//! ```text
//! Aes256Gcm . data . artefacts [. data . artefacts]…                       symmetric
//! Aes256Gcm . data . artefacts [. data . artefacts]… . Pbkdf2Hmac . artefacts   … under a key derived from a passphrase
//! Rsa4096 . data . QQUAAAAA                                                for the holder of a private key
//! Sign.Rsa4096 . signature . data                                          signed
//! ```
//!
//! Envelopes come from servers, so the parser accepts only what the format allows: strategies from a list, an IV of 12
//! bytes, a tag of 16, one spelling per base64 text, bounded sizes (checked before anything is allocated), and nothing
//! before, between or after. What it refuses is `MALFORMED_ENVELOPE`, or `UNSUPPORTED_ALGORITHM` for a strategy that is not
//! on the list.
//!
//! Parsing is async only because artefacts of before 2021 are read by code that may have to be loaded first.

pub(crate) mod artefacts;

use std::borrow::Cow;

use self::artefacts::ChunkArtefacts;
use crate::{
    Error, ErrorCode, Result,
    crypto::encoding::{from_base64url, to_base64url},
};

pub use vaultshare_primitives::{IV_BYTES, TAG_BYTES};

/// The fewest PBKDF2 iterations that an envelope may ask for: the format's own minimum.
pub const MIN_ITERATIONS: u32 = 20_000;
/// The most PBKDF2 iterations that anyone can make this library spend (some seconds).
pub const MAX_ITERATIONS: u32 = 10_000_000;
/// The additional data that all peers of this protocol write.
pub const ADDITIONAL_DATA: &str = "none";

/// The longest envelope text that is read: room for 72 MiB of ciphertext.
pub(crate) const MAX_TEXT_BYTES: usize = 96 * 1024 * 1024;
/// The longest text of an RSA envelope: an 8192-bit key needs less than a sixth of it.
const MAX_RSA_TEXT_BYTES: usize = 8 * 1024;

pub(crate) const AES_STRATEGY: &str = "Aes256Gcm";
const KDF_STRATEGY: &str = "Pbkdf2Hmac";
/// `A` and an empty BSON document, in base64.
const RSA_ARTEFACTS: &str = "QQUAAAAA";
/// How YAML begins that libraries of before 2021 wrote in its place.
const OLD_ARTEFACTS: &[u8] = b"---";

/// A parsed envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// AES-256-GCM.
    Symmetric {
        /// One; for a file several, which are decrypted one by one and joined.
        chunks: Vec<Chunk>,
        /// Present where the key is derived from a passphrase.
        derivation: Option<Derivation>,
    },
    /// RSA-OAEP.
    Rsa {
        /// The key's size in bits, from the strategy's name.
        bits: u32,
        /// One RSA block: as long as the key's modulus.
        ciphertext: Vec<u8>,
    },
    /// RSASSA-PKCS1-v1_5 with SHA-256, together with what was signed.
    Signed {
        /// The key's size in bits, from the strategy's name.
        bits: u32,
        /// One RSA block: as long as the key's modulus.
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
    /// The initialisation vector, random for each message.
    pub iv: [u8; IV_BYTES],
    /// GCM's authentication tag.
    pub tag: [u8; TAG_BYTES],
    /// Authenticated, not encrypted: [`ADDITIONAL_DATA`], or where the ciphertext belongs.
    pub additional_data: Cow<'static, str>,
}

/// How a key of 32 bytes is derived from a passphrase, by PBKDF2 with HMAC-SHA256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// Usually 20 random bytes.
    pub salt: Vec<u8>,
    /// Between [`MIN_ITERATIONS`] and [`MAX_ITERATIONS`].
    pub iterations: u32,
}

impl Envelope {
    /// Reads an envelope of either form.
    ///
    /// # Errors
    /// `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`; `NETWORK` or `BAD_RESPONSE` where the reader of artefacts of before
    /// 2021 cannot be loaded.
    pub async fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Error::malformed_envelope("too long"));
        }
        let (strategy, rest) = text.split_once('.').ok_or_else(|| Error::malformed_envelope("no strategy"))?;
        match strategy {
            AES_STRATEGY => parse_symmetric(rest).await,
            "Sign" => parse_signed(rest),
            _ => parse_rsa(rsa_bits(strategy)?, rest),
        }
    }

    /// Writes the envelope, with artefacts in BSON.
    pub fn print(&self) -> String {
        match self {
            Envelope::Symmetric { chunks, derivation } => {
                let mut text = AES_STRATEGY.to_owned();
                for chunk in chunks {
                    push_segment(&mut text, &to_base64url(&chunk.ciphertext));
                    push_segment(&mut text, &artefacts::print_chunk(&chunk.iv, &chunk.tag, &chunk.additional_data));
                }
                if let Some(derivation) = derivation {
                    push_segment(&mut text, KDF_STRATEGY);
                    push_segment(&mut text, &artefacts::print_derivation(derivation));
                }
                text
            }
            Envelope::Rsa { bits, ciphertext } => format!("Rsa{bits}.{}.{RSA_ARTEFACTS}", to_base64url(ciphertext)),
            Envelope::Signed { bits, signature, data } => {
                format!("Sign.Rsa{bits}.{}.{}", to_base64url(signature), to_base64url(data))
            }
        }
    }
}

fn push_segment(text: &mut String, segment: &str) {
    text.reserve_exact(segment.len() + 1);
    text.push('.');
    text.push_str(segment);
}

/// Everything after `Aes256Gcm.`: pairs of data and artefacts, then perhaps the key derivation.
async fn parse_symmetric(rest: &str) -> Result<Envelope> {
    let mut segments = rest.split('.');
    let mut chunks = Vec::new();
    let mut derivation = None;
    while let Some(segment) = segments.next() {
        let artefacts = segments.next().ok_or_else(|| Error::malformed_envelope("a part is missing"))?;
        if segment == KDF_STRATEGY {
            derivation = Some(artefacts::parse_derivation(artefacts).await?);
            if segments.next().is_some() {
                return Err(Error::malformed_envelope("text after the key derivation"));
            }
        } else {
            let ciphertext = decode(segment)?;
            let ChunkArtefacts { iv, tag, additional_data } = artefacts::parse_chunk(artefacts).await?;
            chunks.push(Chunk { ciphertext, iv, tag, additional_data });
        }
    }
    if chunks.is_empty() {
        return Err(Error::malformed_envelope("no data"));
    }
    Ok(Envelope::Symmetric { chunks, derivation })
}

/// Everything after `Rsa4096.`
fn parse_rsa(bits: u32, rest: &str) -> Result<Envelope> {
    if rest.len() > MAX_RSA_TEXT_BYTES {
        return Err(Error::malformed_envelope("too long"));
    }
    let (data, artefacts) = rest.split_once('.').ok_or_else(|| Error::malformed_envelope("a part is missing"))?;
    // Some libraries wrote an empty map there, others the fields of AES with nothing in them. RSA has no use for any, so the
    // reader of YAML is not loaded for them.
    if artefacts != RSA_ARTEFACTS && !decode(artefacts)?.starts_with(OLD_ARTEFACTS) {
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

/// The size in `Rsa4096`, in its one spelling: `parse` alone would take leading zeros and a sign.
fn rsa_bits(strategy: &str) -> Result<u32> {
    let bits = strategy.strip_prefix("Rsa").and_then(|bits| bits.parse().ok());
    bits.filter(|bits| (2048..=8192).contains(bits) && strategy == format!("Rsa{bits}"))
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
