//! Unicode's forms C and D. A browser has them, so that no page loads their tables.

use zeroize::Zeroizing;

/// Form C.
#[cfg(target_arch = "wasm32")]
pub(crate) fn compose(text: &str) -> Zeroizing<String> {
    normalize(text, "NFC")
}

/// Form D.
#[cfg(target_arch = "wasm32")]
pub(crate) fn decompose(text: &str) -> Zeroizing<String> {
    normalize(text, "NFD")
}

#[cfg(target_arch = "wasm32")]
fn normalize(text: &str, form: &str) -> Zeroizing<String> {
    Zeroizing::new(js_sys::JsString::from(text).normalize(form).into())
}

/// Form C.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn compose(text: &str) -> Zeroizing<String> {
    Zeroizing::new(icu_normalizer::ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned())
}

/// Form D.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn decompose(text: &str) -> Zeroizing<String> {
    Zeroizing::new(icu_normalizer::DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned())
}
