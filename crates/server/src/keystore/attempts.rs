//! How often a sign-in may fail. Failures count and successes do not, so that neither a busy user nor a test suite is
//! ever held up, and a guesser soon is.
//!
//! An attempt is taken before the proof is looked at and given back when it was right: guesses sent all at once
//! cannot slip past the count.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::error::{Error, Result};

/// Above this many names the ones that are fully regained are forgotten.
const MANY: usize = 10_000;

/// A number of attempts per name, each regained after a time.
#[derive(Debug)]
pub(super) struct Attempts {
    allowed: u32,
    regained: Duration,
    /// For each name, when all its attempts will be regained.
    full_at: Mutex<HashMap<String, Instant>>,
}

impl Attempts {
    /// Allows `allowed` attempts at once and one more after each `regained`.
    pub(super) fn new(allowed: u32, regained: Duration) -> Self {
        Self { allowed, regained, full_at: Mutex::default() }
    }

    /// Takes one attempt for `name`, or says how long to wait for one.
    pub(super) fn take(&self, name: &str, now: Instant) -> Result<()> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() > MANY {
            full_at.retain(|_, time| *time > now);
        }
        let time = full_at.get(name).copied().unwrap_or(now).max(now) + self.regained;
        let most = self.regained * self.allowed;
        match time.duration_since(now).checked_sub(most) {
            Some(retry_after) if !retry_after.is_zero() => Err(Error::TooManyAttempts { retry_after }),
            _ => {
                full_at.insert(name.to_owned(), time);
                Ok(())
            }
        }
    }

    /// Gives the attempt back: it was right.
    pub(super) fn give_back(&self, name: &str) {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = full_at.get_mut(name) {
            *time = time.checked_sub(self.regained).unwrap_or(*time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_use_attempts_up_and_time_brings_them_back() {
        let attempts = Attempts::new(2, Duration::from_secs(10));
        let now = Instant::now();
        assert!(attempts.take("alice", now).is_ok());
        assert!(attempts.take("alice", now).is_ok());
        let refused = attempts.take("alice", now).unwrap_err();
        assert!(matches!(refused, Error::TooManyAttempts { retry_after } if retry_after == Duration::from_secs(10)));
        assert!(attempts.take("bob", now).is_ok());
        assert!(attempts.take("alice", now + Duration::from_secs(10)).is_ok());
    }

    #[test]
    fn successes_cost_nothing() {
        let attempts = Attempts::new(1, Duration::from_secs(10));
        let now = Instant::now();
        for _ in 0..100 {
            attempts.take("alice", now).unwrap();
            attempts.give_back("alice");
        }
    }
}
