//! A rate limit on failed logins. An attempt is taken before the proof is checked and refunded if it was right:
//! successes cost nothing, and concurrent guesses cannot exceed the limit. A success also forgives its user the failures
//! before it, which may have been the same passphrase in another spelling.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// A leaky bucket per name.
#[derive(Debug)]
pub(super) struct RateLimit {
    burst: u32,
    refill_interval: Duration,
    /// For each name, by its hash, when all its attempts will be available again. An entry takes the same few bytes
    /// whatever a client without a session sends.
    full_at: Mutex<HashMap<[u8; 32], Instant>>,
}

impl RateLimit {
    /// Allows `burst` attempts at once and one more after each `refill_interval`.
    pub(super) fn new(burst: u32, refill_interval: Duration) -> Self {
        Self { burst, refill_interval, full_at: Mutex::default() }
    }

    /// Takes one attempt for `name`, or returns how long to wait for one.
    pub(super) fn acquire(&self, name: &str, now: Instant) -> Result<()> {
        let name = hash(name);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let time = full_at.get(&name).copied().unwrap_or(now).max(now) + self.refill_interval;
        let capacity = self.refill_interval * self.burst;
        match time.duration_since(now).checked_sub(capacity) {
            Some(retry_after) if !retry_after.is_zero() => Err(Error::TooManyAttempts { retry_after }),
            _ => {
                full_at.insert(name, time);
                Ok(())
            }
        }
    }

    /// Gives an attempt back.
    pub(super) fn refund(&self, name: &str) {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = full_at.get_mut(&hash(name)) {
            *time = time.checked_sub(self.refill_interval).unwrap_or(*time);
        }
    }

    /// Gives all attempts back.
    pub(super) fn reset(&self, name: &str) {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(name));
    }

    /// Drops the names that have all their attempts again.
    pub(super) fn forget_regained(&self, now: Instant) {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        full_at.retain(|_, time| *time > now);
        full_at.shrink_to_fit();
    }

    /// How many names are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn hash(name: &str) -> [u8; 32] {
    Sha256::digest(name.as_bytes()).into()
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
    fn a_name_is_remembered_until_it_has_its_attempts_again() {
        let limit = RateLimit::new(2, Duration::from_secs(10));
        let now = Instant::now();
        for name in 0..1000 {
            limit.acquire(&name.to_string(), now).unwrap();
        }
        limit.acquire("0", now).unwrap();
        limit.forget_regained(now);
        assert_eq!(limit.len(), 1000);
        limit.forget_regained(now + Duration::from_secs(10));
        assert_eq!(limit.len(), 1);
        assert!(limit.acquire("0", now + Duration::from_secs(10)).is_ok());
        assert!(limit.acquire("0", now + Duration::from_secs(10)).is_err());
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
