//! Large messages that JavaScript holds: encrypted and decrypted by the browser, written and read as base64 by the browser,
//! so that nothing of their length crosses into the module. What it gives and takes is what `symmetric` does.

use js_sys::{Array, JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use super::{Backend, ExpandedKey, current, webcrypto};
use crate::crypto::envelope::{ADDITIONAL_DATA, Chunk, Envelope, IV_BYTES, MAX_TEXT_BYTES, TAG_BYTES};
use crate::crypto::symmetric::KEY_BYTES;
use crate::{Error, Result};

#[wasm_bindgen(module = "/src/crypto/backend/base64.js")]
extern "C" {
    #[wasm_bindgen(js_name = hasBase64)]
    fn has_base64() -> bool;
    #[wasm_bindgen(js_name = toBase64url)]
    async fn to_base64url(bytes: &Uint8Array) -> JsValue;
    #[wasm_bindgen(js_name = fromBase64url)]
    async fn from_base64url(text: &JsString, more: u32) -> JsValue;
    fn parts(text: &JsString) -> Array;
}

/// Whether a message of this length is for this file, here.
pub(crate) fn is_for_the_browser(length: u32) -> bool {
    webcrypto::pays_off_for(length as usize) && current() == Backend::WebCrypto && has_base64()
}

impl ExpandedKey {
    /// The envelope of large bytes.
    pub(crate) async fn seal_array(&self, key: &[u8; KEY_BYTES], plaintext: &Uint8Array) -> Result<JsString> {
        let mut iv = [0; IV_BYTES];
        getrandom::fill(&mut iv)?;
        let sealed = self.webcrypto.encrypt_array(key, &iv, ADDITIONAL_DATA.as_bytes(), plaintext).await?;
        let length = sealed.length() - TAG_BYTES as u32;
        let mut tag = [0; TAG_BYTES];
        sealed.subarray(length, sealed.length()).copy_to(&mut tag);
        let data: JsString = to_base64url(&sealed.subarray(0, length)).await.unchecked_into();

        let empty = Chunk { ciphertext: Vec::new(), iv, tag, additional_data: ADDITIONAL_DATA.into() };
        let empty = Envelope::Symmetric { chunks: vec![empty], derivation: None }.print();
        let parts = empty.split_once('.').and_then(|(strategy, rest)| Some((strategy, rest.strip_prefix('.')?)));
        let (strategy, artefacts) = parts.ok_or_else(|| Error::internal("an envelope has no data"))?;
        let text = JsString::from([strategy, "."].concat()).concat(&data).concat(&[".", artefacts].concat().into());
        Ok(text)
    }

    /// The bytes of a large envelope; nothing where it is not for this file to open, which others then say why.
    pub(crate) async fn open_to_array(&self, key: &[u8; KEY_BYTES], envelope: &JsString) -> Result<Option<Uint8Array>> {
        if !is_for_the_browser(envelope.length()) || envelope.length() as usize > MAX_TEXT_BYTES {
            return Ok(None);
        }
        let parts = parts(envelope);
        let (data, artefacts) = (parts.get(1).unchecked_into::<JsString>(), parts.get(2).as_string());
        let (3, Some("Aes256Gcm"), Some(artefacts)) = (parts.length(), parts.get(0).as_string().as_deref(), artefacts)
        else {
            return Ok(None);
        };
        let Envelope::Symmetric { mut chunks, derivation: None } =
            Envelope::parse(&["Aes256Gcm..", &artefacts].concat())?
        else {
            return Ok(None);
        };
        let sealed = from_base64url(&data, TAG_BYTES as u32).await.dyn_into::<Uint8Array>();
        let (Some(Chunk { iv, tag, additional_data, .. }), Ok(sealed)) = (chunks.pop(), sealed) else {
            return Err(Error::malformed_envelope("not base64"));
        };
        sealed.subarray(sealed.length() - TAG_BYTES as u32, sealed.length()).copy_from(&tag);
        self.webcrypto.decrypt_array(key, &iv, additional_data.as_bytes(), &sealed).await.map(Some)
    }
}
