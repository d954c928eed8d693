//! RSA by RustCrypto where a page has no `crypto.subtle`: in a second module, which the package's `portable-rsa.js`
//! loads into a worker on its first use. It is large, slow and seldom needed.
//!
//! Bytes go there in arrays made for the way: their buffers change hands, and whoever has them last overwrites them.

use std::cell::Cell;

use js_sys::{Array, JsString, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

use super::refusals;
use crate::{Error, ErrorCode, Result};

#[wasm_bindgen(raw_module = "./portable-rsa.js")]
extern "C" {
    /// Where the second module is at work.
    type Workplace;

    /// The one for all that takes milliseconds.
    #[wasm_bindgen(js_name = sharedWorkplace)]
    fn shared_workplace() -> Workplace;

    /// One for a single piece of work, which would hold up all others.
    #[wasm_bindgen(constructor)]
    fn new() -> Workplace;

    /// The result of one of the second module's functions; `undefined` where that gives nothing.
    #[wasm_bindgen(method)]
    fn ask(this: &Workplace, operation: &str, values: &Array) -> Promise;

    /// Calls a function whose result is nobody's concern.
    #[wasm_bindgen(method)]
    fn tell(this: &Workplace, operation: &str, values: &Array);

    /// Ends the worker, whatever it is doing.
    #[wasm_bindgen(method)]
    fn end(this: &Workplace);
}

/// A workplace that ends with the work, also where that is given up.
struct OwnWorkplace(Workplace);

impl Drop for OwnWorkplace {
    fn drop(&mut self) {
        self.0.end();
    }
}

pub(super) async fn generate(bits: u32) -> Result<Zeroizing<Vec<u8>>> {
    let workplace = OwnWorkplace(Workplace::new());
    let der = ask(&workplace.0, "generate", &[bits.into()]).await?;
    taken(&der).map(Zeroizing::new).ok_or_else(refusals::generate)
}

pub(super) async fn encrypt(spki_der: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    let sealed = ask(&shared_workplace(), "encrypt", &[bytes(spki_der), bytes(plaintext)]).await?;
    taken(&sealed).ok_or_else(refusals::encrypt)
}

pub(super) async fn verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Result<()> {
    let verified = ask(&shared_workplace(), "verify", &[bytes(spki_der), bytes(signature), bytes(data)]).await?;
    verified.is_truthy().then_some(()).ok_or_else(refusals::verify)
}

thread_local! {
    static KEYS_SO_FAR: Cell<u32> = const { Cell::new(0) };
}

/// A private key that the second module keeps under a number.
pub(crate) struct PrivateKey {
    workplace: Workplace,
    number: u32,
}

impl PrivateKey {
    pub(super) async fn import(pkcs1_der: &[u8]) -> Result<Self> {
        let number = KEYS_SO_FAR.get();
        KEYS_SO_FAR.set(number.wrapping_add(1));
        // Made first, so that the key is forgotten there also where nobody waits for it here any more.
        let key = PrivateKey { workplace: shared_workplace(), number };
        let imported = ask(&key.workplace, "importKey", &[number.into(), bytes(pkcs1_der)]).await?;
        imported.is_truthy().then_some(key).ok_or_else(refusals::import)
    }

    pub(super) async fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let opened = ask(&self.workplace, "decrypt", &[self.number.into(), bytes(ciphertext)]).await?;
        taken(&opened).map(Zeroizing::new).ok_or_else(refusals::decrypt)
    }

    pub(super) async fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        let signature = ask(&self.workplace, "sign", &[self.number.into(), bytes(data)]).await?;
        taken(&signature).ok_or_else(refusals::sign)
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.workplace.tell("forgetKey", &Array::of1(&self.number.into()));
    }
}

async fn ask(workplace: &Workplace, operation: &str, values: &[JsValue]) -> Result<JsValue> {
    let asked = workplace.ask(operation, &values.iter().collect());
    JsFuture::from(asked).await.map_err(|error| not_carried_out(&error))
}

/// `portable-rsa.js` rejects with the package's own errors.
fn not_carried_out(error: &JsValue) -> Error {
    let field = |name: &str| Reflect::get(error, &name.into()).ok()?.dyn_into::<JsString>().ok().map(String::from);
    let code = field("code").and_then(|code| ErrorCode::ALL.into_iter().find(|known| known.as_str() == code));
    let message = field("message").unwrap_or_else(|| "an RSA operation could not be carried out".to_owned());
    Error::new(code.unwrap_or(ErrorCode::Internal), message)
}

fn bytes(of: &[u8]) -> JsValue {
    Uint8Array::from(of).into()
}

/// Copies bytes out of an array, and overwrites them there. `None` where there is no array.
fn taken(result: &JsValue) -> Option<Vec<u8>> {
    let array = result.dyn_ref::<Uint8Array>()?;
    let bytes = array.to_vec();
    array.fill(0, 0, array.length());
    Some(bytes)
}
