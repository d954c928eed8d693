use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::error::Error;

#[wasm_bindgen(module = "/src/js/error.js")]
extern "C" {
    /// The class that all failures reach JavaScript as.
    type VaultError;

    #[wasm_bindgen(constructor)]
    fn new(code: &str, message: &str, status: Option<u16>, server_code: Option<&str>) -> VaultError;
}

impl From<Error> for JsValue {
    fn from(error: Error) -> JsValue {
        VaultError::new(error.code().as_str(), error.message(), error.status(), error.server_code()).into()
    }
}
