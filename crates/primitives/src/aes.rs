use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag, aead::AeadInOut};
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of an initialisation vector.
pub const IV_BYTES: usize = 12;
/// Bytes of an authentication tag.
pub const TAG_BYTES: usize = 16;

/// An AES-256-GCM key with its round keys computed. On the heap, zeroized on drop by its crate; what computing it left on the
/// stack, closing a session overwrites.
pub struct ExpandedKey(Box<Aes256Gcm>);

impl ExpandedKey {
    /// Computes the round keys.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        ExpandedKey(Box::new(Aes256Gcm::new(key.into())))
    }

    /// The ciphertext, as long as the plaintext, and the tag; `None` for more than AES-GCM can take.
    pub fn encrypt(
        &self,
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        plaintext: &[u8],
    ) -> Option<(Vec<u8>, [u8; TAG_BYTES])> {
        let mut buffer = plaintext.to_vec();
        let tag = self.0.encrypt_inout_detached(&Nonce::from(*iv), additional_data, buffer.as_mut_slice().into());
        Some((buffer, tag.ok()?.into()))
    }

    /// Decrypts in place; `None` where the tag is not the ciphertext's.
    pub fn decrypt(
        &self,
        iv: &[u8; IV_BYTES],
        additional_data: &[u8],
        ciphertext: Vec<u8>,
        tag: &[u8; TAG_BYTES],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut buffer = Zeroizing::new(ciphertext);
        let (nonce, tag) = (Nonce::from(*iv), Tag::from(*tag));
        self.0.decrypt_inout_detached(&nonce, additional_data, buffer.as_mut_slice().into(), &tag).ok()?;
        Some(buffer)
    }
}
