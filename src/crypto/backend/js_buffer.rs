//! Large messages in JavaScript's own arrays and strings: encrypted, and written and read as base64, by the browser, so that
//! nothing of their length is copied into the module's memory.

use js_sys::{
    Base64Alphabet, Base64LastChunkHandling, Base64Options, JsString, Object, Reflect, SetFromResult, Uint8Array,
};
use vaultshare_primitives::{IV_BYTES, TAG_BYTES};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use super::{Backend, ExpandedKey, current, webcrypto};
use crate::{
    Error, Result,
    crypto::{
        AesKey,
        envelope::{
            ADDITIONAL_DATA, AES_STRATEGY, MAX_TEXT_BYTES,
            artefacts::{ChunkArtefacts, parse_chunk, print_chunk},
        },
    },
};

/// Characters of base64 that are read without yielding: some milliseconds' worth. A multiple of four.
const PIECE: u32 = 1 << 21;

#[wasm_bindgen]
extern "C" {
    /// js-sys has this for a `&str` only, which would be copied out of the module's memory again.
    #[wasm_bindgen(catch, js_namespace = ["Uint8Array", "prototype", "setFromBase64"], js_name = call)]
    fn set_from_base64(array: &Uint8Array, text: &JsString, options: &Base64Options) -> Result<SetFromResult, JsValue>;
}

#[wasm_bindgen(module = "/src/yield_to_page.js")]
extern "C" {
    /// Lets the page paint and handle its events.
    #[wasm_bindgen(js_name = yieldToPage)]
    async fn yield_to_page();
}

impl AesKey {
    /// Whether [`AesKey::encrypt_array`] handles this many bytes: fewer are not worth it, and not every browser can.
    pub fn takes_arrays_of(bytes: u32) -> bool {
        webcrypto::pays_off_for(bytes as usize) && current() == Backend::WebCrypto && has_base64()
    }

    /// As [`AesKey::encrypt`], for bytes in JavaScript's memory. They are read after an await: nobody else may hold them.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn encrypt_array(&self, plaintext: &Uint8Array) -> Result<JsString> {
        let not_encrypted = || Error::internal("the data could not be encrypted");
        let mut iv = [0; IV_BYTES];
        getrandom::fill(&mut iv)?;
        let (bytes, ExpandedKey { webcrypto, .. }) = self.parts();
        let sealed = webcrypto.encrypt_array(bytes, &iv, ADDITIONAL_DATA.as_bytes(), plaintext).await;
        let sealed = sealed.ok_or_else(not_encrypted)?;
        let length = sealed.length().checked_sub(TAG_BYTES as u32).ok_or_else(not_encrypted)?;
        let mut tag = [0; TAG_BYTES];
        sealed.subarray(length, sealed.length()).copy_to(&mut tag);
        yield_to_page().await;
        let data = sealed.subarray(0, length).to_base64_with_options(&base64url());
        let artefacts = format!(".{}", print_chunk(&iv, &tag, ADDITIONAL_DATA));
        Ok(JsString::from(format!("{AES_STRATEGY}.")).concat(&data).concat(&artefacts.into()))
    }

    /// As [`AesKey::decrypt`], for an envelope in JavaScript's memory. `None` where [`AesKey::takes_arrays_of`] says no, and
    /// for an envelope of any other form.
    ///
    /// # Errors
    /// As [`AesKey::decrypt`].
    pub async fn decrypt_to_array(&self, envelope: &JsString) -> Result<Option<Uint8Array>> {
        if !AesKey::takes_arrays_of(envelope.length()) || envelope.length() as usize > MAX_TEXT_BYTES {
            return Ok(None);
        }
        let segments = envelope.split_limit(".", 4);
        let (strategy, data, artefacts) = (segments.get(0).as_string(), segments.get(1), segments.get(2).as_string());
        let (3, Some(AES_STRATEGY), Some(artefacts)) = (segments.length(), strategy.as_deref(), artefacts) else {
            return Ok(None);
        };
        let ChunkArtefacts { iv, tag, additional_data } = parse_chunk(&artefacts).await?;
        let sealed = from_base64url(data.unchecked_ref(), TAG_BYTES as u32).await;
        let sealed = sealed.ok_or_else(|| Error::malformed_envelope("not base64"))?;
        sealed.subarray(sealed.length() - TAG_BYTES as u32, sealed.length()).copy_from(&tag);
        let (bytes, ExpandedKey { webcrypto, .. }) = self.parts();
        let plaintext = webcrypto.decrypt_array(bytes, &iv, additional_data.as_bytes(), &sealed).await;
        plaintext.map(Some).ok_or_else(Error::decryption_failed)
    }
}

/// Whether the browser reads and writes base64 by itself, as those of 2025 do.
fn has_base64() -> bool {
    let prototype = Object::get_prototype_of(&Uint8Array::new_with_length(0));
    let has = |name: &str| Reflect::get(&prototype, &name.into()).is_ok_and(|method| method.is_function());
    has("toBase64") && has("setFromBase64")
}

fn base64url() -> Base64Options {
    let options = Base64Options::new();
    options.set_alphabet(Base64Alphabet::Base64Url);
    options.set_last_chunk_handling(Base64LastChunkHandling::Strict);
    options
}

/// The bytes of a text in an array with room for `more` behind them. `None` for any but their one spelling: the browser
/// would skip white space.
async fn from_base64url(text: &JsString, more: u32) -> Option<Uint8Array> {
    let length = text.length();
    let ends_with = |padding: &str| text.ends_with(padding, length as i32);
    let padding = if ends_with("==") { 2 } else { u32::from(ends_with("=")) };
    if !length.is_multiple_of(4) {
        return None;
    }
    let bytes = Uint8Array::new_with_length((length / 4 * 3).checked_sub(padding)?.checked_add(more)?);
    let options = base64url();
    let mut filled = 0;
    for start in (0..length).step_by(PIECE as usize) {
        yield_to_page().await;
        let piece = text.slice(start, length.min(start + PIECE));
        let is_last = length - start <= PIECE;
        let expected = piece.length() / 4 * 3 - if is_last { padding } else { 0 };
        let result = set_from_base64(&bytes.subarray(filled, bytes.length()), &piece, &options).ok()?;
        if (result.read(), result.written()) != (piece.length(), expected) {
            return None;
        }
        filled += expected;
    }
    // The browser's cipher copies the bytes before it returns, which is long work again.
    yield_to_page().await;
    Some(bytes)
}
