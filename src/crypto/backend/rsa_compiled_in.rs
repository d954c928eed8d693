//! RSA by RustCrypto in this very program: natively, and in tests that run in a browser.
//!
//! Everything here is done before it is awaited; what does the same for pages has to wait.

use zeroize::Zeroizing;

use super::refusals;
use crate::Result;

pub(super) async fn generate(bits: u32) -> Result<Zeroizing<Vec<u8>>> {
    ::portable_rsa::generate(bits).ok_or_else(refusals::generate)
}

pub(super) async fn encrypt(spki_der: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    ::portable_rsa::encrypt(spki_der, plaintext).ok_or_else(refusals::encrypt)
}

pub(super) async fn verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Result<()> {
    ::portable_rsa::verify(spki_der, signature, data).then_some(()).ok_or_else(refusals::verify)
}

pub(crate) struct PrivateKey(::portable_rsa::PrivateKey);

impl PrivateKey {
    pub(super) async fn import(pkcs1_der: &[u8]) -> Result<Self> {
        ::portable_rsa::PrivateKey::import(pkcs1_der).map(PrivateKey).ok_or_else(refusals::import)
    }

    pub(super) async fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.0.decrypt(ciphertext).ok_or_else(refusals::decrypt)
    }

    pub(super) async fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        self.0.sign(data).ok_or_else(refusals::sign)
    }
}
