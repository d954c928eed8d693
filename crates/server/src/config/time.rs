use std::{fmt, ops::Deref, str::FromStr, time::Duration};

use jiff::{SignedDuration, Span, SpanRelativeTo, fmt::friendly::SpanPrinter};
use serde_with::{DeserializeFromStr, SerializeDisplay};

/// A length of time as an operator writes it: `90s`, `15m`, `1h 30m`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, DeserializeFromStr, SerializeDisplay)]
pub struct Time(Duration);

impl Deref for Time {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl From<Duration> for Time {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Time> for Duration {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span: Span = text.parse().map_err(|_| format!("`{text}` is no time such as 90s, 15m, 1h 30m or 30d"))?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok();
        let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
        duration.map(Self).ok_or_else(|| format!("`{text}` is no time in days, hours, minutes and seconds from now on"))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let duration = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        formatter.write_str(&SpanPrinter::new().duration_to_string(&duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let seconds = |text: &str| text.parse::<Time>().map(|time| time.as_secs());
        for (text, expected) in [("90s", 90), ("15m", 900), ("1h 30m", 5400), ("30d", 2_592_000), ("2 hours", 7200)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "90", "soon", "-1s", "1s ago", "1mo"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_that_is_written_is_read_again() {
        for seconds in [0, 1, 90, 3600, 2_592_000] {
            let time = Time::from(Duration::from_secs(seconds));
            assert_eq!(time.to_string().parse(), Ok(time));
        }
    }
}
