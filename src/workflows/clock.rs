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

/// RFC 3339, UTC, of milliseconds since 1970 up to the end of the year 9999.
#[cfg(target_arch = "wasm32")]
pub(super) fn instant(milliseconds: u64) -> Timestamp {
    js_sys::Date::new(&(milliseconds as f64).into()).to_iso_string().into()
}

/// RFC 3339, UTC, of milliseconds since 1970 up to the end of the year 9999.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn instant(milliseconds: u64) -> Timestamp {
    let since_1970 = jiff::SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    let instant = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0).saturating_add(since_1970);
    format!("{instant:.3}Z")
}

/// 9999-12-31T23:59:59.999Z. RFC 3339 knows no later year.
const LAST: u64 = 253_402_300_799_999;

/// Milliseconds since 1970 of an RFC 3339 text; `None` for any other.
pub(super) fn milliseconds(instant: &str) -> Option<u64> {
    parse(instant).filter(|&instant| instant <= LAST)
}

#[cfg(target_arch = "wasm32")]
fn parse(instant: &str) -> Option<u64> {
    let milliseconds = js_sys::Date::parse(instant);
    (milliseconds.is_finite() && milliseconds >= 0.0).then_some(milliseconds as u64)
}

/// By its parts: jiff's own timestamps end with the 30th of December 9999, so that every time zone can show them.
#[cfg(not(target_arch = "wasm32"))]
fn parse(instant: &str) -> Option<u64> {
    let parts = jiff::fmt::temporal::Pieces::parse(instant).ok()?;
    let since_1970 = parts.date().to_datetime(parts.time()?).duration_since(jiff::civil::date(1970, 1, 1).into());
    let in_utc = since_1970 - jiff::SignedDuration::from_secs(parts.to_numeric_offset()?.seconds().into());
    u64::try_from(in_utc.as_millis()).ok()
}

/// Milliseconds since 1970.
pub(super) fn now_milliseconds() -> u64 {
    milliseconds(&now()).unwrap_or_default()
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_up_to_the_end_of_the_year_9999() {
        assert_eq!(milliseconds("2020-10-12T05:52:45.395Z"), Some(1_602_481_965_395));
        assert_eq!(milliseconds("2020-10-12T06:52:45.395+01:00"), Some(1_602_481_965_395));
        assert_eq!(milliseconds("9999-12-31T00:00:00Z"), Some(LAST + 1 - 86_400_000));
        for last in ["9999-12-31T23:59:59.999Z", "9999-12-31T13:59:59.999-10:00", "9999-12-31T23:59:59.999999999Z"] {
            assert_eq!(milliseconds(last), Some(LAST), "{last}");
        }
        assert_eq!(instant(1_602_481_965_395), "2020-10-12T05:52:45.395Z");
        assert_eq!(instant(LAST), "9999-12-31T23:59:59.999Z");
        let none = [
            "9999-12-31T23:59:59-00:01",
            "+010000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31",
            "tomorrow",
            "",
        ];
        for text in none {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
