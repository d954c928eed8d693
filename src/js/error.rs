use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::error::Error;

#[wasm_bindgen(module = "/src/js/error.js")]
extern "C" {
    /// The class that all failures reach JavaScript as.
    type VaultError;

    #[wasm_bindgen(constructor)]
    fn new(
        code: &str,
        message: &str,
        status: Option<u16>,
        server_code: Option<&str>,
        cause: Option<&JsValue>,
    ) -> VaultError;
}

impl From<Error> for JsValue {
    fn from(error: Error) -> JsValue {
        let cause = error.cause().and_then(|cause| cause.downcast_ref());
        VaultError::new(error.code().as_str(), error.message(), error.status(), error.server_code(), cause).into()
    }
}
