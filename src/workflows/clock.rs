//! The device's clock, and the room's only use of JavaScript.

use crate::api::Timestamp;

/// RFC 3339, UTC, in milliseconds.
#[cfg(target_arch = "wasm32")]
pub(super) fn now() -> Timestamp {
    js_sys::Date::new_0().to_iso_string().into()
}

/// RFC 3339, UTC, in milliseconds.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn now() -> Timestamp {
    format!("{:.3}", jiff::Timestamp::now())
}
