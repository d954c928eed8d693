//! Tells the person at the terminal what is being done and how long it took. All of it goes to stderr, so that what a
//! command answers (a URL, a summary) stands alone on stdout.

use std::time::{Duration, Instant};

/// Does one named piece of work, saying when it starts and how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    eprintln!("» {what}");
    let started = Instant::now();
    let result = work();
    let verdict = if result.is_ok() { "done" } else { "failed" };
    eprintln!("  {verdict} in {}: {what}", duration(started.elapsed()));
    result
}

/// Says something worth knowing that is not a step of its own.
pub(crate) fn note(what: &str) {
    eprintln!("  {what}");
}

/// A duration as people read it: `0.4 s`, `12.3 s`, `3 min 05 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_naturally() {
        assert_eq!(duration(Duration::from_millis(412)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 05 s");
    }
}
