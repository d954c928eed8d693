//! Keys from passphrases: PBKDF2 with HMAC-SHA256, always 32 bytes.

use zeroize::Zeroizing;

use crate::crypto::encoding::peer_string_bytes;
use crate::crypto::envelope::{ADDITIONAL_DATA, Derivation, Envelope, MAX_ITERATIONS, MIN_ITERATIONS};
use crate::crypto::{AesKey, backend};
use crate::{Error, ErrorCode, Result};

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

/// Derives a key from a passphrase in UTF-8, for callers with workflows of their own.
///
/// # Errors
/// `INVALID_ARGUMENT` for a salt below 8 bytes, or iterations outside 20,000 to 10,000,000.
pub async fn derive_key_from_passphrase(passphrase: &str, salt: &[u8], iterations: u32) -> Result<AesKey> {
    derive_key(passphrase.as_bytes(), salt, iterations).await
}

/// Encrypts bytes under a passphrase. The envelope has salt and iterations in it.
///
/// # Errors
/// `INVALID_ARGUMENT` for no bytes at all: the format has no empty ciphertext.
pub async fn encrypt_with_passphrase(plaintext: &[u8], passphrase: &str) -> Result<String> {
    let mut salt = vec![0; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    let key = derive_key(passphrase.as_bytes(), &salt, ITERATIONS).await?;
    let chunks = vec![key.encrypt_chunk(plaintext, ADDITIONAL_DATA).await?];
    Ok(Envelope::Symmetric { chunks, derivation: Some(Derivation { salt, iterations: ITERATIONS }) }.print())
}

/// Decrypts an envelope with a key derivation in it (`…Pbkdf2Hmac…`).
///
/// Libraries of before 2021 hashed the passphrase's UTF-16 units: one byte each where they fit into one, else as
/// `peer_string_bytes` has it. For passphrases beyond ASCII, and only after UTF-8 has failed, that is tried once.
///
/// # Errors
/// `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`, `DECRYPTION_FAILED`.
pub async fn decrypt_with_passphrase(envelope: &str, passphrase: &str) -> Result<Zeroizing<Vec<u8>>> {
    let envelope = Envelope::parse(envelope).await?;
    let Envelope::Symmetric { chunks, derivation: Some(Derivation { salt, iterations }) } = envelope else {
        return Err(Error::malformed_envelope("it is not for a passphrase"));
    };
    let key = derive_key(passphrase.as_bytes(), &salt, iterations).await?;
    let in_case_of_old_data = if passphrase.is_ascii() { None } else { Some(chunks.clone()) };
    match (key.decrypt_chunks(chunks).await, in_case_of_old_data) {
        (Err(error), Some(chunks)) if error.code() == ErrorCode::DecryptionFailed => {
            let key = derive_key(&peer_string_bytes(passphrase), &salt, iterations).await?;
            key.decrypt_chunks(chunks).await
        }
        (result, _) => result,
    }
}
