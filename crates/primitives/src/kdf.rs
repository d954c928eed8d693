use sha2::Sha256;

use crate::KEY_BYTES;

/// PBKDF2 with HMAC-SHA256, written to where the key will live. A passphrase takes 100,000 iterations of it.
pub fn pbkdf2_sha256(passphrase: &[u8], salt: &[u8], iterations: u32, output: &mut [u8; KEY_BYTES]) {
    pbkdf2::pbkdf2_hmac::<Sha256>(passphrase, salt, iterations, output);
}
