//! The primitives by RustCrypto, the same on every target.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use getrandom::SysRng;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs8::DecodePublicKey;
use rsa::rand_core::UnwrapErr;
use rsa::traits::{PaddingScheme, SignatureScheme};
use rsa::{Oaep, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256};
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

pub(super) fn rsa_generate(bits: u32) -> Result<Zeroizing<Vec<u8>>> {
    // The generator below panics where the system has no randomness. Ask once, where it can still be said.
    let mut probe = [0; 1];
    getrandom::fill(&mut probe)?;
    let key = RsaPrivateKey::new(&mut UnwrapErr(SysRng), bits as usize)
        .map_err(|_| Error::internal("the key pair could not be generated"))?;
    let der = key.to_pkcs1_der().map_err(|_| Error::internal("the key pair could not be written"))?;
    Ok(der.to_bytes())
}

pub(super) fn rsa_encrypt(spki_der: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    Oaep::<Sha1>::new()
        .encrypt(&mut SysRng, &public_key(spki_der)?, plaintext)
        .map_err(|_| Error::internal("the data could not be encrypted"))
}

pub(super) fn rsa_verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Result<()> {
    Pkcs1v15Sign::new::<Sha256>()
        .verify(&public_key(spki_der)?, &Sha256::digest(data), signature)
        .map_err(|_| Error::decryption_failed())
}

fn public_key(spki_der: &[u8]) -> Result<RsaPublicKey> {
    RsaPublicKey::from_public_key_der(spki_der).map_err(|_| Error::internal("a checked public key was refused"))
}

/// Wiped on drop by its crate.
pub(crate) struct PrivateKey(RsaPrivateKey);

impl PrivateKey {
    pub(super) fn import(pkcs1_der: &[u8]) -> Result<Self> {
        RsaPrivateKey::from_pkcs1_der(pkcs1_der)
            .map(PrivateKey)
            .map_err(|_| Error::invalid_argument("the parts of the private key do not belong together"))
    }

    pub(super) fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        // Giving it a random source is what makes the crate blind the private operation.
        Oaep::<Sha1>::new()
            .decrypt(Some(&mut SysRng), &self.0, ciphertext)
            .map(Zeroizing::new)
            .map_err(|_| Error::decryption_failed())
    }

    pub(super) fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        Pkcs1v15Sign::new::<Sha256>()
            .sign(Some(&mut SysRng), &self.0, &Sha256::digest(data))
            .map_err(|_| Error::internal("the data could not be signed"))
    }
}
