use std::{
    cell::{OnceCell, RefCell},
    hash::{Hash, Hasher},
    rc::Rc,
};

use sha2::{Digest, Sha256};

use crate::{
    crypto::places::Birth,
    error::{Error, Result},
};

/// Bounds the memory of a page whose calls keep failing; beyond it, each new operation evicts one that is not in
/// flight.
const MAX_PENDING: usize = 256;

/// Operations that were sent and not acknowledged.
///
/// When a response is lost, the server may have done the work. An operation therefore keeps its idempotency key until
/// it completes: the same call made again carries the same key, and the server replays its first response instead of
/// creating a second record. After completion the same call is a new operation; so is one that begins while the first
/// is in flight.
#[derive(Clone, Default)]
pub(super) struct PendingOperations {
    entries: Rc<RefCell<Vec<Entry>>>,
    /// Salts the fingerprints, so that one cannot be matched against guessed content. (Without an operating system, the
    /// standard library's hashes are not random.)
    salt: Rc<OnceCell<[u8; 16]>>,
}

struct Entry {
    fingerprint: u64,
    key: Rc<str>,
    in_flight: bool,
}

/// One operation in flight, under its idempotency key.
pub(super) struct PendingOperation {
    operations: PendingOperations,
    key: Rc<str>,
    attempted_before: bool,
}

impl PendingOperations {
    /// Begins the operation that `content` identifies: the workflow's name and all of its arguments.
    pub(super) fn begin(&self, content: impl Hash) -> Result<PendingOperation> {
        let mut fingerprint = Fingerprint::default();
        fingerprint.write(&self.salt()?);
        content.hash(&mut fingerprint);
        self.begin_fingerprint(fingerprint.finish())
    }

    fn salt(&self) -> Result<[u8; 16]> {
        if let Some(salt) = self.salt.get() {
            return Ok(*salt);
        }
        let salt = generate_bytes()?;
        Ok(*self.salt.get_or_init(|| salt))
    }

    /// Not generic over the content, so that it is compiled once.
    fn begin_fingerprint(&self, fingerprint: u64) -> Result<PendingOperation> {
        let mut entries = self.entries.borrow_mut();
        let operation = |key, attempted_before| PendingOperation { operations: self.clone(), key, attempted_before };
        let entry = entries.iter_mut().find(|entry| entry.fingerprint == fingerprint);
        let is_new = entry.is_none();
        if let Some(entry) = entry.filter(|entry| !entry.in_flight) {
            entry.in_flight = true;
            return Ok(operation(Rc::clone(&entry.key), true));
        }
        let key: Rc<str> = generate_key()?.into();
        if is_new {
            if entries.len() >= MAX_PENDING
                && let Some(idle) = entries.iter().position(|entry| !entry.in_flight)
            {
                entries.remove(idle);
            }
            entries.push(Entry { fingerprint, key: Rc::clone(&key), in_flight: true });
        }
        Ok(operation(key, false))
    }

    /// Forgets what is not in flight: after a deletion, an unacknowledged operation may have created what was just
    /// deleted, and its key would replay the response about that.
    pub(super) fn forget_idle(&self) {
        self.entries.borrow_mut().retain(|entry| entry.in_flight);
    }
}

impl PendingOperation {
    /// The `Idempotency-Key` header. Requests to different paths may share it.
    pub(super) fn idempotency_key(&self) -> Option<&str> {
        Some(&self.key)
    }

    /// What tells the operation from every other one.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The birth of the item that the operation creates: the same in every attempt, and in no other operation.
    pub(super) fn birth(&self) -> Birth {
        Birth::of_operation(&self.key)
    }

    /// Whether an earlier attempt was never acknowledged, so that the work may be done already.
    pub(super) fn was_attempted_before(&self) -> bool {
        self.attempted_before
    }

    /// Acknowledges the operation: its key is not used again.
    pub(super) fn complete(self) {
        self.operations.entries.borrow_mut().retain(|entry| entry.key != self.key);
    }
}

impl Drop for PendingOperation {
    /// Whatever ended the call, cancellation included: the next call like it is a retry.
    fn drop(&mut self) {
        let mut entries = self.operations.entries.borrow_mut();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == self.key) {
            entry.in_flight = false;
        }
    }
}

fn generate_key() -> Result<String> {
    Ok(base16ct::lower::encode_string(&generate_bytes()?))
}

fn generate_bytes() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::from)?;
    Ok(bytes)
}

/// Collision-resistant, also against content that somebody else chose: two operations with one fingerprint would be
/// answered as one.
#[derive(Default)]
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let hash = self.0.clone().finalize();
        hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::PendingOperations;

    fn key_of(operations: &PendingOperations, content: &str) -> (String, bool) {
        let operation = operations.begin(("items.create", content)).unwrap();
        (operation.idempotency_key().unwrap().to_owned(), operation.was_attempted_before())
    }

    #[test]
    fn an_operation_keeps_its_idempotency_key_until_it_completes() {
        let operations = PendingOperations::default();
        let (first, attempted_before) = key_of(&operations, "DeLorean");
        assert!(!attempted_before);
        assert_eq!(key_of(&operations, "DeLorean"), (first.clone(), true));
        assert_ne!(key_of(&operations, "Time machine").0, first);

        operations.begin(("items.create", "DeLorean")).unwrap().complete();
        let (second, attempted_before) = key_of(&operations, "DeLorean");
        assert!(second != first && !attempted_before);
    }

    #[test]
    fn the_same_call_while_the_first_is_in_flight_is_another_operation() {
        let operations = PendingOperations::default();
        let first = operations.begin("DeLorean").unwrap();
        let second = operations.begin("DeLorean").unwrap();
        assert_ne!(first.idempotency_key(), second.idempotency_key());
        second.complete();
        let first_key = first.idempotency_key().unwrap().to_owned();
        drop(first);
        assert_eq!(operations.begin("DeLorean").unwrap().idempotency_key(), Some(first_key.as_str()));
    }

    #[test]
    fn after_a_deletion_the_same_call_is_no_retry() {
        let operations = PendingOperations::default();
        let (first, _) = key_of(&operations, "DeLorean");
        operations.forget_idle();
        assert_ne!(key_of(&operations, "DeLorean").0, first);
    }

    #[test]
    fn pending_operations_are_bounded() {
        let operations = PendingOperations::default();
        for number in 0..2 * super::MAX_PENDING {
            key_of(&operations, &number.to_string());
        }
        assert_eq!(operations.entries.borrow().len(), super::MAX_PENDING);
    }
}
