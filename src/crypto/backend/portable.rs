//! The symmetric primitives by RustCrypto, the same on every target.

use sha2::Sha256;
use zeroize::Zeroizing;

use crate::crypto::envelope::{IV_BYTES, TAG_BYTES};
use crate::crypto::symmetric::KEY_BYTES;
use crate::{Error, Result};

/// PBKDF2 with HMAC-SHA256, into the place where the key shall live.
pub(super) fn pbkdf2_sha256(passphrase: &[u8], salt: &[u8], iterations: u32, output: &mut [u8; KEY_BYTES]) {
    pbkdf2::pbkdf2_hmac::<Sha256>(passphrase, salt, iterations, output);
}

/// Wiped on drop.
pub(super) struct ExpandedKey(vaultshare_fast::ExpandedKey);

impl ExpandedKey {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        ExpandedKey(vaultshare_fast::ExpandedKey::new(key))
    }

    pub(super) fn encrypt(
        &self,
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, [u8; TAG_BYTES])> {
        let sealed = self.0.encrypt(iv, additional_data, plaintext);
        sealed.ok_or_else(|| Error::internal("the data could not be encrypted"))
    }

    pub(super) fn decrypt(
        &self,
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        ciphertext: Vec<u8>,
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>> {
        self.0.decrypt(iv, additional_data, ciphertext, tag).ok_or_else(Error::decryption_failed)
    }
}
