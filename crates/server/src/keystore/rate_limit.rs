//! A rate limit on failed logins. An attempt is taken before the proof is checked and refunded if it was right:
//! successes cost nothing, and concurrent guesses cannot exceed the limit.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::error::{Error, Result};

/// Above this many names, those with all attempts available are dropped from the map.
const PRUNE_ABOVE: usize = 10_000;

/// A leaky bucket per name.
#[derive(Debug)]
pub(super) struct RateLimit {
    burst: u32,
    refill_interval: Duration,
    /// For each name, when all its attempts will be available again.
    full_at: Mutex<HashMap<String, Instant>>,
}

impl RateLimit {
    /// Allows `burst` attempts at once and one more after each `refill_interval`.
    pub(super) fn new(burst: u32, refill_interval: Duration) -> Self {
        Self { burst, refill_interval, full_at: Mutex::default() }
    }

    /// Takes one attempt for `name`, or returns how long to wait for one.
    pub(super) fn acquire(&self, name: &str, now: Instant) -> Result<()> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() > PRUNE_ABOVE {
            full_at.retain(|_, time| *time > now);
        }
        let time = full_at.get(name).copied().unwrap_or(now).max(now) + self.refill_interval;
        let capacity = self.refill_interval * self.burst;
        match time.duration_since(now).checked_sub(capacity) {
            Some(retry_after) if !retry_after.is_zero() => Err(Error::TooManyAttempts { retry_after }),
            _ => {
                full_at.insert(name.to_owned(), time);
                Ok(())
            }
        }
    }

    /// Gives an attempt back.
    pub(super) fn refund(&self, name: &str) {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = full_at.get_mut(name) {
            *time = time.checked_sub(self.refill_interval).unwrap_or(*time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_use_attempts_up_and_time_brings_them_back() {
        let limit = RateLimit::new(2, Duration::from_secs(10));
        let now = Instant::now();
        assert!(limit.acquire("alice", now).is_ok());
        assert!(limit.acquire("alice", now).is_ok());
        let refused = limit.acquire("alice", now).unwrap_err();
        assert!(matches!(refused, Error::TooManyAttempts { retry_after } if retry_after == Duration::from_secs(10)));
        assert!(limit.acquire("bob", now).is_ok());
        assert!(limit.acquire("alice", now + Duration::from_secs(10)).is_ok());
    }

    #[test]
    fn successes_cost_nothing() {
        let limit = RateLimit::new(1, Duration::from_secs(10));
        let now = Instant::now();
        for _ in 0..100 {
            limit.acquire("alice", now).unwrap();
            limit.refund("alice");
        }
    }
}
