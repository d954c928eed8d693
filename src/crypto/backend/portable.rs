//! The symmetric primitives by RustCrypto, the same on every target.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::crypto::envelope::{IV_BYTES, TAG_BYTES};
use crate::crypto::symmetric::KEY_BYTES;
use crate::{Error, Result};

/// On the heap in one place, and wiped on drop by its crate.
pub(super) struct ExpandedKey(Box<Aes256Gcm>);

impl ExpandedKey {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        ExpandedKey(Box::new(Aes256Gcm::new(key.into())))
    }

    pub(super) fn encrypt(
        &self,
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, [u8; TAG_BYTES])> {
        let mut buffer = plaintext.to_vec();
        let tag = self
            .0
            .encrypt_inout_detached(&Nonce::from(*iv), additional_data, buffer.as_mut_slice().into())
            .map_err(|_| Error::internal("the data could not be encrypted"))?;
        Ok((buffer, tag.into()))
    }

    /// In the place of the ciphertext.
    pub(super) fn decrypt(
        &self,
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        ciphertext: Vec<u8>,
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut buffer = Zeroizing::new(ciphertext);
        self.0
            .decrypt_inout_detached(&Nonce::from(*iv), additional_data, buffer.as_mut_slice().into(), &Tag::from(*tag))
            .map_err(|_| Error::decryption_failed())?;
        Ok(buffer)
    }
}

pub(super) fn pbkdf2_sha256(passphrase: &[u8], salt: &[u8], iterations: u32, output: &mut [u8; KEY_BYTES]) {
    pbkdf2::pbkdf2_hmac::<Sha256>(passphrase, salt, iterations, output);
}
