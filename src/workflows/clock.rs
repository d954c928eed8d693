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

/// Milliseconds since 1970 of an RFC 3339 text; `None` for any other.
#[cfg(target_arch = "wasm32")]
pub(super) fn milliseconds(instant: &str) -> Option<u64> {
    let milliseconds = js_sys::Date::parse(instant);
    (milliseconds.is_finite() && milliseconds >= 0.0).then_some(milliseconds as u64)
}

/// Milliseconds since 1970 of an RFC 3339 text; `None` for any other.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn milliseconds(instant: &str) -> Option<u64> {
    u64::try_from(instant.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok()
}

/// Milliseconds since 1970.
pub(super) fn now_milliseconds() -> u64 {
    milliseconds(&now()).unwrap_or_default()
}
