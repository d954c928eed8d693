//! What `fuzz/` feeds of this room, beside what is public: readers of bytes that a server chooses.

use zeroize::Zeroizing;

use crate::{
    Result,
    crypto::{
        envelope::{
            Derivation, IV_BYTES, TAG_BYTES,
            artefacts::{self, ChunkArtefacts},
        },
        key_pair, pem,
        rsa_der::{self, PublicNumbers, Spki},
    },
};

/// IV, tag and additional data of artefacts.
pub type Chunk = ([u8; IV_BYTES], [u8; TAG_BYTES], String);

/// Artefacts of one AES-GCM message.
pub async fn parse_chunk(text: &str) -> Result<Chunk> {
    let ChunkArtefacts { iv, tag, additional_data } = artefacts::parse_chunk(text).await?;
    Ok((iv, tag, additional_data.into_owned()))
}

/// As an envelope has them.
pub fn print_chunk((iv, tag, additional_data): &Chunk) -> String {
    artefacts::print_chunk(iv, tag, additional_data)
}

/// Artefacts of a key that is derived from a passphrase.
pub async fn parse_derivation(text: &str) -> Result<Derivation> {
    artefacts::parse_derivation(text).await
}

/// As an envelope has them.
pub fn print_derivation(derivation: &Derivation) -> String {
    artefacts::print_derivation(derivation)
}

/// Label and DER of the first key.
pub fn decode_pem(text: &str) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let labels = ["RSA PRIVATE KEY", "PRIVATE KEY", "PUBLIC KEY", "RSA PUBLIC KEY"];
    let (label, der) = pem::decode(text, &labels)?;
    Some((label.to_owned(), der))
}

/// The one spelling of a label and a DER that is written.
pub fn encode_pem(label: &str, der: &[u8]) -> Option<String> {
    pem::encode(label, der)
}

/// The PKCS#1 DER of a private key in PEM.
pub fn private_key_of_pem(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    key_pair::decode_private_key(text)
}

/// The PKCS#1 DER of a private key in PKCS#8.
pub fn private_key_of_pkcs8(der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    rsa_der::pkcs1_from_pkcs8(der)
}

/// The PKCS#8 DER around a PKCS#1 DER.
pub fn pkcs8_of_private_key(der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    rsa_der::pkcs8_from_pkcs1(der)
}

/// A key by its numbers, as PKCS#1 and as SPKI.
pub type PublicDer = (Vec<u8>, Vec<u8>);

/// Of a public key in PKCS#1.
pub fn public_key_of_pkcs1(der: &[u8]) -> Option<PublicDer> {
    written(PublicNumbers::of_public_key(der)?)
}

/// The public half that a private key in PKCS#1 states.
pub fn public_half_of_pkcs1(der: &[u8]) -> Option<PublicDer> {
    written(PublicNumbers::of_private_key(der)?)
}

fn written(numbers: PublicNumbers<'_>) -> Option<PublicDer> {
    Some((numbers.to_pkcs1()?, numbers.to_spki()?))
}

/// The PKCS#1 DER of an RSA key in SPKI; empty for a key of another algorithm.
pub fn pkcs1_of_spki(der: &[u8]) -> Option<&[u8]> {
    match rsa_der::read_spki(der)? {
        Spki::Rsa(pkcs1_der) => Some(pkcs1_der),
        Spki::Foreign => Some(&[]),
    }
}

/// Whether a decrypted text is sent to the server as a session token.
pub fn is_session_token(text: &str) -> bool {
    key_pair::is_token(text)
}
