//! Values that were passed by themselves. They are taken as they come and read here, because the generated bindings would
//! answer a wrong one with an error of their own, or none. What can be changed is read before the call returns: whoever passed
//! bytes may wipe them at once.

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A text.
pub(super) fn text_of(name: &str, value: &JsValue) -> Result<Zeroizing<String>> {
    value.as_string().map(Zeroizing::new).ok_or_else(|| wrong(name, "a string"))
}

/// Bytes.
pub(super) fn bytes_of(name: &str, value: JsValue) -> Result<Zeroizing<Vec<u8>>> {
    let bytes: Uint8Array = value.dyn_into().map_err(|_| wrong(name, "a Uint8Array"))?;
    // One whose memory was handed to somebody else has no length, and cannot be copied.
    let bytes = if bytes.length() == 0 { Vec::new() } else { bytes.to_vec() };
    Ok(Zeroizing::new(bytes))
}

/// A whole number.
pub(super) fn number_of(name: &str, value: f64) -> Result<u32> {
    let number = value as u32;
    if f64::from(number) == value { Ok(number) } else { Err(wrong(name, "a whole number")) }
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::invalid_argument(["`", name, "` must be ", expected].concat())
}
