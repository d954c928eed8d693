//! Keys from passphrases: PBKDF2 with HMAC-SHA256, always 32 bytes.

use std::mem;

use zeroize::Zeroizing;

use crate::{
    Error, ErrorCode, Result,
    crypto::{
        AesKey, Spelling, backend,
        encoding::peer_string_bytes,
        envelope::{ADDITIONAL_DATA, Derivation, Envelope, MAX_ITERATIONS, MIN_ITERATIONS},
    },
};

/// Iterations that [`encrypt_with_passphrase`] asks for.
const ITERATIONS: u32 = 100_000;
const SALT_BYTES: usize = 20;

/// Derives a key from a passphrase in whatever encoding.
pub(crate) async fn derive_key(passphrase: &[u8], salt: &[u8], iterations: u32) -> Result<AesKey> {
    if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
        let message = format!("a key is derived with {MIN_ITERATIONS} to {MAX_ITERATIONS} iterations");
        return Err(Error::invalid_argument(message));
    }
    if salt.len() < 8 {
        return Err(Error::invalid_argument("a salt has 8 bytes at least"));
    }
    let mut key = AesKey::zeroed();
    backend::pbkdf2_sha256(passphrase, salt, iterations, key.bytes_mut()).await?;
    Ok(key)
}

/// Derives a key from a passphrase in UTF-8, as it is spelled: for callers with workflows of their own.
///
/// # Errors
/// `INVALID_ARGUMENT` for a salt below 8 bytes, or iterations outside 20,000 to 10,000,000.
pub async fn derive_key_from_passphrase(passphrase: &str, salt: &[u8], iterations: u32) -> Result<AesKey> {
    derive_key(passphrase.as_bytes(), salt, iterations).await
}

/// Encrypts bytes under a passphrase. The envelope has salt and iterations in it.
///
/// # Errors
/// `INVALID_ARGUMENT` for no bytes at all: such a ciphertext would say nothing.
pub async fn encrypt_with_passphrase(plaintext: &[u8], passphrase: &str) -> Result<String> {
    let mut salt = vec![0; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    let key = derive_key(Spelling::Composed.of(passphrase).as_bytes(), &salt, ITERATIONS).await?;
    let chunks = vec![key.encrypt_chunk(plaintext, ADDITIONAL_DATA).await?];
    Ok(Envelope::Symmetric { chunks, derivation: Some(Derivation { salt, iterations: ITERATIONS }) }.print())
}

/// Decrypts an envelope with a key derivation in it (`…Pbkdf2Hmac…`).
///
/// A passphrase beyond ASCII is tried in all its spellings. Libraries of before 2021 hashed its UTF-16 units: one byte each
/// where they fit into one, else as `peer_string_bytes` has it. That is tried after UTF-8 has failed.
///
/// # Errors
/// `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`, `DECRYPTION_FAILED`.
pub async fn decrypt_with_passphrase(envelope: &str, passphrase: &str) -> Result<Zeroizing<Vec<u8>>> {
    let envelope = Envelope::parse(envelope).await?;
    let Envelope::Symmetric { mut chunks, derivation: Some(Derivation { salt, iterations }) } = envelope else {
        return Err(Error::malformed_envelope("it is not for a passphrase"));
    };
    let spellings = Spelling::all_of(passphrase);
    let in_utf8 = spellings.iter().map(|(_, text)| Zeroizing::new(text.as_bytes().to_vec()));
    let in_units = spellings.iter().filter(|(_, text)| !text.is_ascii()).map(|(_, text)| peer_string_bytes(text));
    let mut attempts = in_utf8.chain(in_units).peekable();
    while let Some(passphrase) = attempts.next() {
        let key = derive_key(&passphrase, &salt, iterations).await?;
        let chunks = if attempts.peek().is_some() { chunks.clone() } else { mem::take(&mut chunks) };
        match key.decrypt_chunks(chunks).await {
            Err(error) if error.code() == ErrorCode::DecryptionFailed => {}
            result => return result,
        }
    }
    Err(Error::decryption_failed())
}
