//! The `on-demand` crate compiled into this program: natively, and in tests that run in a browser.
//!
//! The functions are async, and can fail without an answer, as those of `on_demand_loaded` are.

use zeroize::Zeroizing;

use crate::Result;

pub(crate) async fn bson_from_yaml(yaml: &[u8]) -> Result<Option<Vec<u8>>> {
    Ok(on_demand::yaml::to_bson(yaml))
}

#[cfg(target_arch = "wasm32")]
pub(crate) async fn qr_code(text: &[u8]) -> Result<Option<Vec<u8>>> {
    Ok(on_demand::qr::svg(text))
}

pub(super) async fn rsa_generate(bits: u32) -> Result<Option<Zeroizing<Vec<u8>>>> {
    Ok(on_demand::rsa::generate(bits))
}

pub(super) async fn rsa_encrypt(spki_der: &[u8], plaintext: &[u8]) -> Result<Option<Vec<u8>>> {
    Ok(on_demand::rsa::encrypt(spki_der, plaintext))
}

pub(super) async fn rsa_verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Result<bool> {
    Ok(on_demand::rsa::verify(spki_der, signature, data))
}

pub(crate) struct PrivateKey(on_demand::rsa::PrivateKey);

impl PrivateKey {
    pub(super) async fn import(pkcs1_der: &[u8]) -> Result<Option<Self>> {
        Ok(on_demand::rsa::PrivateKey::import(pkcs1_der).map(PrivateKey))
    }

    pub(super) async fn decrypt(&self, ciphertext: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(self.0.decrypt(ciphertext))
    }

    pub(super) async fn sign(&self, data: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.0.sign(data))
    }
}
