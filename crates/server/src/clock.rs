//! The server's clock, and timestamps on the wire.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, civil, fmt::temporal::Pieces};

const EPOCH: civil::DateTime = civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Milliseconds since the Unix epoch, as stored in the databases.
pub type Millis = i64;

/// The server's clock. Everything that expires uses it, so that tests can move it forward.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Milliseconds by which a test has moved the clock forward.
    offset: AtomicI64,
    last_sequence: AtomicI64,
}

impl Clock {
    /// The current time.
    pub fn now(&self) -> Millis {
        self.micros() / 1000
    }

    /// A number greater than all previous ones. Rows are ordered by it, because several can be inserted within one
    /// millisecond. Drawn in a transaction that writes, it is also greater than those of other processes and of earlier
    /// runs, whatever their clocks said: such a transaction begins with the number that the last one ended with.
    pub fn sequence(&self) -> i64 {
        let now = self.micros();
        let previous = self.0.last_sequence.fetch_update(SeqCst, SeqCst, |last| Some(now.max(last + 1)));
        previous.map_or(now, |last| now.max(last + 1))
    }

    /// The last of these numbers; 0 if there was none.
    pub(crate) fn last_sequence(&self) -> i64 {
        self.0.last_sequence.load(SeqCst)
    }

    /// Makes all further numbers greater than this one, which a row has.
    pub(crate) fn continue_after(&self, sequence: i64) {
        self.0.last_sequence.fetch_max(sequence, SeqCst);
    }

    /// Moves the clock forward by `time`.
    #[cfg(feature = "testing")]
    pub fn advance(&self, time: Duration) {
        self.0.offset.fetch_add(millis(time), SeqCst);
    }

    fn micros(&self) -> i64 {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX / 2);
        micros + self.0.offset.load(SeqCst) * 1000
    }
}

/// A duration in milliseconds.
pub fn millis(time: impl Into<Duration>) -> Millis {
    let time = time.into();
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}

/// 9999-12-31T23:59:59.999Z. RFC 3339 knows no later year.
const LAST: Millis = 253_402_300_799_999;

/// The wire format: ISO 8601, UTC, with milliseconds (`2020-10-12T05:52:45.395Z`).
pub fn to_wire(time: Millis) -> String {
    EPOCH.checked_add(SignedDuration::from_millis(time)).map(|time| format!("{time:.3}Z")).unwrap_or_default()
}

/// Parses a timestamp of the wire: any ISO 8601 date-time with an offset, to the end of the year 9999. By its parts, because
/// jiff's own timestamps end with the 30th of December, so that every time zone can show them.
pub fn from_wire(text: &str) -> Option<Millis> {
    let parts = Pieces::parse(text).ok()?;
    let since_1970 = parts.date().to_datetime(parts.time()?).duration_since(EPOCH);
    let in_utc = since_1970 - SignedDuration::from_secs(parts.to_numeric_offset()?.seconds().into());
    Millis::try_from(in_utc.as_millis()).ok().filter(|&time| time <= LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_has_milliseconds_always() {
        assert_eq!(to_wire(1_602_481_965_395), "2020-10-12T05:52:45.395Z");
        assert_eq!(to_wire(1_602_481_965_000), "2020-10-12T05:52:45.000Z");
    }

    #[test]
    fn times_are_read_with_and_without_fractions_and_with_offsets() {
        for text in ["2020-10-12T05:52:45.395Z", "2020-10-12T06:52:45.395+01:00", "2020-10-12T05:52:45.395000Z"] {
            assert_eq!(from_wire(text), Some(1_602_481_965_395), "{text}");
        }
        assert_eq!(from_wire("tomorrow"), None);
    }

    #[test]
    fn times_reach_to_the_end_of_the_year_9999() {
        for text in ["9999-12-31T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z"] {
            assert_eq!(to_wire(from_wire(text).unwrap()), text);
        }
        for text in ["9999-12-31T23:59:59-00:01", "+010000-01-01T00:00:00Z", "9999-12-31"] {
            assert_eq!(from_wire(text), None, "{text}");
        }
    }

    #[test]
    fn sequence_numbers_only_grow() {
        let clock = Clock::default();
        let numbers: Vec<i64> = (0..1000).map(|_| clock.sequence()).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        let ahead = clock.now() * 2000;
        clock.continue_after(ahead);
        clock.continue_after(1);
        assert_eq!([clock.sequence(), clock.sequence(), clock.last_sequence()], [ahead + 1, ahead + 2, ahead + 2]);
    }
}
