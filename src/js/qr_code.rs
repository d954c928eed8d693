use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{arguments, call::promise};
use crate::{crypto::backend::on_demand, error::Error};

/// A picture of a text, for another device's camera.
#[wasm_bindgen(js_name = qrCode)]
pub fn qr_code(text: JsValue) -> Promise {
    promise(async move {
        let text = arguments::text("text", &text)?;
        let svg = on_demand::qr_code(text.as_bytes()).await?;
        let svg = svg.ok_or_else(|| Error::invalid_argument("`text` is too long for a QR code: 2,331 bytes fit"))?;
        Ok(String::from_utf8_lossy(&svg).as_ref().into())
    })
}
