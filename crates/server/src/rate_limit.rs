//! Rate limits on what costs the server something before anybody has shown who they are, and on what one user may do in a
//! day (docs/decisions/0014-attempts.md).
//!
//! The counts are in the service's database: processes share them, and a restart forgets none. They are written in the
//! transaction of what they count, and a request that is refused writes nothing: a flood costs no more writes than the
//! limit allows. Names and addresses are stored as hashes under a secret of this installation.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::AnyConnection;

use crate::{
    clock::{Millis, millis},
    config::Limits,
    error::{Code, Error, Result},
};

const HOUR: Millis = 60 * 60 * 1000;
const DAY: Millis = 24 * HOUR;

/// How many requests of one address are slowed down at a time; more are refused. A place is a task that sleeps.
const PLACES_PER_ADDRESS: usize = 32;

/// How many requests are slowed down at a time, of all addresses.
const PLACES: usize = 512;

/// The limits of one installation.
pub(crate) struct RateLimits {
    key: [u8; 32],
    limits: Limits,
    slowed: Slowed,
}

/// A leaky bucket: how much is allowed at once, and after what time one more.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    subject: String,
    burst: u32,
    interval: Millis,
}

impl RateLimits {
    /// `key` is what names and addresses are hashed with.
    pub(crate) fn new(key: [u8; 32], limits: &Limits) -> Self {
        Self { key, limits: limits.clone(), slowed: Slowed::default() }
    }

    /// Failed logins of a name from an address.
    pub(crate) fn attempts_of_user(&self, username: &str, network: &str) -> Limit {
        self.attempts("user", &format!("{network} {username}"), self.limits.attempts_per_user)
    }

    /// Failed logins of a name from all addresses that it has not signed in from.
    pub(crate) fn attempts_anywhere(&self, username: &str) -> Limit {
        self.attempts("anywhere", username, self.limits.attempts_per_user_anywhere)
    }

    /// Failed logins from an address.
    pub(crate) fn attempts_of_address(&self, network: &str) -> Limit {
        self.attempts("address", network, self.limits.attempts_per_address)
    }

    /// Login challenges of an address.
    pub(crate) fn challenges(&self, network: &str) -> Limit {
        self.within(HOUR, "challenges", network, self.limits.challenges_per_address)
    }

    /// Users that register from an address.
    pub(crate) fn sign_ups(&self, network: &str) -> Limit {
        self.within(HOUR, "sign-ups", network, self.limits.sign_ups_per_address)
    }

    /// Sessions of the Vault that an address opens.
    pub(crate) fn sessions(&self, network: &str) -> Limit {
        self.within(HOUR, "sessions", network, self.limits.sessions_per_address)
    }

    /// Messages that a user has sent.
    pub(crate) fn mails(&self, user_id: &str) -> Limit {
        self.within(DAY, "mails", user_id, self.limits.mails_per_day)
    }

    /// Invitations that a user makes.
    pub(crate) fn invitations(&self, user_id: &str) -> Limit {
        self.within(DAY, "invitations", user_id, self.limits.invitations_per_day)
    }

    /// The stored form of a name or address.
    pub(crate) fn hash(&self, kind: &str, name: &str) -> String {
        // HMAC takes a key of any length: this cannot fail.
        let mac = Hmac::<Sha256>::new_from_slice(&self.key);
        let mac = mac.map(|mac| mac.chain_update(kind).chain_update([0]).chain_update(name).finalize().into_bytes());
        mac.map(|mac| Base64UrlUnpadded::encode_string(&mac)).unwrap_or_default()
    }

    /// Has a request of an address that is at a limit wait, and refuses it where too many wait already. The place is taken
    /// until it is dropped.
    pub(crate) async fn slow_down(&self, network: &str) -> Result<Place> {
        let delay = *self.limits.slow_down;
        let busy = || Error::TooMany {
            code: Code::TooManyRequests,
            message: "Too many requests come from this address",
            retry_after: delay,
        };
        let place = self.slowed.enter(self.hash("place", network)).ok_or_else(busy)?;
        tokio::time::sleep(delay).await;
        Ok(place)
    }

    fn attempts(&self, kind: &str, name: &str, burst: u32) -> Limit {
        Limit { subject: self.hash(kind, name), burst, interval: millis(self.limits.attempt_regained) }
    }

    fn within(&self, period: Millis, kind: &str, name: &str, burst: u32) -> Limit {
        Limit { subject: self.hash(kind, name), burst, interval: period / i64::from(burst.max(1)) }
    }
}

impl Limit {
    /// How long to wait for one more; none if there is no wait.
    pub(crate) async fn wait(&self, db: &mut AnyConnection, now: Millis) -> Result<Option<Duration>> {
        Ok(self.one_more(find(db, &self.subject).await?, now).err())
    }

    /// Counts one more, unless the limit is reached: then how long to wait. Within a write transaction.
    pub(crate) async fn take(&self, db: &mut AnyConnection, now: Millis) -> Result<Option<Duration>> {
        match self.one_more(find(db, &self.subject).await?, now) {
            Err(wait) => Ok(Some(wait)),
            Ok(full_at) if full_at > now => {
                upsert(db, &self.subject, full_at).await?;
                Ok(None)
            }
            Ok(_) => Ok(None),
        }
    }

    /// [`Limit::take`], as a refusal where the limit is reached.
    pub(crate) async fn require(
        &self,
        db: &mut AnyConnection,
        now: Millis,
        code: Code,
        message: &'static str,
    ) -> Result<()> {
        match self.take(db, now).await? {
            Some(retry_after) => Err(Error::TooMany { code, message, retry_after }),
            None => Ok(()),
        }
    }

    /// Forgets what was counted.
    pub(crate) async fn reset(&self, db: &mut AnyConnection) -> Result<()> {
        sqlx::query("DELETE FROM rate_limits WHERE subject = $1").bind(&self.subject).execute(db).await?;
        Ok(())
    }

    /// When everything is regained after one more, or how long to wait for it. A time that the limit cannot lead to is of
    /// a clock that was ahead: it counts as the last that can.
    fn one_more(&self, full_at: Option<Millis>, now: Millis) -> Result<Millis, Duration> {
        let capacity = self.interval.saturating_mul(self.burst.into());
        if self.burst == 0 {
            return Ok(now);
        }
        let full_at = full_at.unwrap_or(now).clamp(now, now.saturating_add(capacity)) + self.interval;
        match full_at - now - capacity {
            wait if wait > 0 => Err(Duration::from_millis(wait.unsigned_abs())),
            _ => Ok(full_at),
        }
    }
}

async fn find(db: &mut AnyConnection, subject: &str) -> Result<Option<Millis>> {
    let full_at = sqlx::query_scalar("SELECT full_at FROM rate_limits WHERE subject = $1");
    Ok(full_at.bind(subject).fetch_optional(db).await?)
}

async fn upsert(db: &mut AnyConnection, subject: &str, full_at: Millis) -> Result<()> {
    sqlx::query(
        "INSERT INTO rate_limits (subject, full_at) VALUES ($1, $2) \
         ON CONFLICT (subject) DO UPDATE SET full_at = excluded.full_at",
    )
    .bind(subject)
    .bind(full_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets those who have regained everything.
pub(crate) async fn delete_regained(db: &mut AnyConnection, now: Millis) -> Result<u64> {
    let delete = "DELETE FROM rate_limits WHERE subject IN \
         (SELECT subject FROM rate_limits WHERE full_at <= $1 LIMIT 1000)";
    Ok(sqlx::query(delete).bind(now).execute(db).await?.rows_affected())
}

/// Who waits. Of this process: that bounds its memory.
#[derive(Clone, Default)]
struct Slowed(Arc<Mutex<HashMap<String, usize>>>);

/// A request that waits.
pub(crate) struct Place {
    slowed: Slowed,
    address: String,
}

impl Slowed {
    fn enter(&self, address: String) -> Option<Place> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.values().sum::<usize>() >= PLACES {
            return None;
        }
        let places = waiting.entry(address.clone()).or_default();
        if *places >= PLACES_PER_ADDRESS {
            return None;
        }
        *places += 1;
        drop(waiting);
        Some(Place { slowed: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.slowed.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = waiting.get_mut(&self.address) {
            *places -= 1;
            if *places == 0 {
                waiting.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        store::{KEYSTORE, Store},
        testing::Folder,
    };

    fn limit(subject: &str) -> Limit {
        Limit { subject: subject.into(), burst: 2, interval: 10_000 }
    }

    #[tokio::test]
    async fn what_is_counted_is_regained_with_time_and_outlives_the_process() {
        let folder = Folder::new().unwrap();
        let file = folder.path().join("keystore.db");
        let (alice, now) = (limit("alice"), 1_000_000);
        let store = Store::open_sqlite(&file, &KEYSTORE, Clock::default()).await.unwrap();
        let mut tx = store.write().await.unwrap();
        assert_eq!(alice.take(&mut tx, now).await.unwrap(), None);
        assert_eq!(alice.take(&mut tx, now).await.unwrap(), None);
        tx.commit().await.unwrap();
        store.close().await;

        let store = Store::open_sqlite(&file, &KEYSTORE, Clock::default()).await.unwrap();
        let mut tx = store.write().await.unwrap();
        assert_eq!(alice.take(&mut tx, now).await.unwrap(), Some(Duration::from_secs(10)));
        assert_eq!(alice.wait(&mut tx, now + 1000).await.unwrap(), Some(Duration::from_secs(9)));
        assert_eq!(limit("bob").wait(&mut tx, now).await.unwrap(), None);
        assert_eq!(alice.take(&mut tx, now + 10_000).await.unwrap(), None);
        assert!(alice.take(&mut tx, now + 10_000).await.unwrap().is_some());
        alice.reset(&mut tx).await.unwrap();
        assert_eq!(alice.take(&mut tx, now + 10_000).await.unwrap(), None);
    }

    #[test]
    fn a_clock_that_was_ahead_locks_nobody_out_for_longer_than_the_limit() {
        let year = 365 * DAY;
        assert_eq!(limit("alice").one_more(Some(year), 0), Err(Duration::from_secs(10)));
        assert_eq!(Limit { burst: 0, ..limit("alice") }.one_more(Some(year), 0), Ok(0), "0 is no limit");
    }

    #[test]
    fn what_is_stored_names_nobody() {
        let limits = RateLimits::new([7; 32], &Limits::default());
        let subject = limits.attempts_of_user("alice", "203.0.113.9").subject;
        assert!(!subject.contains("alice") && subject.len() == 43);
        let others = RateLimits::new([8; 32], &Limits::default());
        assert_ne!(subject, others.attempts_of_user("alice", "203.0.113.9").subject);
        assert_ne!(limits.sign_ups("alice").subject, limits.sessions("alice").subject);
    }

    #[test]
    fn an_address_has_so_many_places_to_wait_in_and_all_have_so_many() {
        let slowed = Slowed::default();
        let mut places: Vec<_> = (0..PLACES_PER_ADDRESS).map(|_| slowed.enter("one".into()).unwrap()).collect();
        assert!(slowed.enter("one".into()).is_none());
        for address in 1..PLACES / PLACES_PER_ADDRESS {
            places.extend((0..PLACES_PER_ADDRESS).map(|_| slowed.enter(address.to_string()).unwrap()));
        }
        assert!(slowed.enter("another".into()).is_none());
        places.clear();
        assert!(slowed.0.lock().unwrap().is_empty());
    }
}
