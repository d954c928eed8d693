//! RSA by RustCrypto: natively, and for pages without `crypto.subtle`.

#[cfg(all(test, not(target_arch = "wasm32")))]
mod published_attacks;

use ::rsa::{
    Oaep, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey,
    pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey},
    pkcs8::DecodePublicKey,
    rand_core::UnwrapErr,
    traits::{PaddingScheme, SignatureScheme},
};
use getrandom::SysRng;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A random private key with exponent 65537, as PKCS#1 DER.
pub fn generate(bits: u32) -> Option<Zeroizing<Vec<u8>>> {
    // The generator below panics where the system has no randomness. Ask once, where it can still be said.
    getrandom::fill(&mut [0; 1]).ok()?;
    let key = RsaPrivateKey::new(&mut UnwrapErr(SysRng), bits as usize).ok()?;
    Some(key.to_pkcs1_der().ok()?.to_bytes())
}

/// Encrypts one block of OAEP with SHA-1 and MGF1-SHA-1 for the key in an SPKI DER.
pub fn encrypt(spki_der: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
    let key = RsaPublicKey::from_public_key_der(spki_der).ok()?;
    Oaep::<Sha1>::new().encrypt(&mut SysRng, &key, plaintext).ok()
}

/// Whether this is the signature (PKCS#1 v1.5 with SHA-256) of the data by the key in an SPKI DER.
pub fn verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> bool {
    let verified_by =
        |key: RsaPublicKey| Pkcs1v15Sign::new::<Sha256>().verify(&key, &Sha256::digest(data), signature).is_ok();
    RsaPublicKey::from_public_key_der(spki_der).is_ok_and(verified_by)
}

/// A private key. Zeroized on drop by the `rsa` crate.
pub struct PrivateKey(RsaPrivateKey);

impl PrivateKey {
    /// Reads a PKCS#1 DER; `None` also where its numbers do not belong together.
    pub fn import(pkcs1_der: &[u8]) -> Option<Self> {
        RsaPrivateKey::from_pkcs1_der(pkcs1_der).map(PrivateKey).ok()
    }

    /// Decrypts what [`encrypt`] returns.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        // Giving it a random source is what makes the crate blind the private operation.
        Oaep::<Sha1>::new().decrypt(Some(&mut SysRng), &self.0, ciphertext).map(Zeroizing::new).ok()
    }

    /// Signs as [`verify`] checks it.
    pub fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        Pkcs1v15Sign::new::<Sha256>().sign(Some(&mut SysRng), &self.0, &Sha256::digest(data)).ok()
    }
}
