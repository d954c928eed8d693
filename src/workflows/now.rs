use crate::api::Timestamp;

/// What time it is by this device's clock, as the wire writes it.
#[cfg(target_arch = "wasm32")]
pub(super) fn now() -> Timestamp {
    js_sys::Date::new_0().to_iso_string().into()
}

/// What time it is by this device's clock, as the wire writes it.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn now() -> Timestamp {
    format!("{:.3}", jiff::Timestamp::now())
}
