use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    rc::Rc,
};

use crate::error::{Error, Result};

/// How many wishes are remembered at the most; a page that fails more often than that forgets the oldest anyway.
const MOST_UNFINISHED: usize = 256;

/// The wishes that were sent to a server and never confirmed.
///
/// When a reply is lost, the work may have been done. A wish therefore keeps one idempotency key until it is fulfilled:
/// the same call made again carries the same key, and the server answers it with its first reply instead of making a
/// second record. Once fulfilled, the same call is a new wish.
#[derive(Clone, Default)]
pub(super) struct Unfinished {
    wishes: Rc<RefCell<HashMap<u64, Rc<str>>>>,
    /// Seeded at random, so that what is kept of a wish tells nothing of its content.
    hasher: RandomState,
}

/// One wish, under its idempotency key.
pub(super) struct Wish {
    all: Unfinished,
    fingerprint: u64,
    key: Rc<str>,
    made_before: bool,
}

impl Unfinished {
    /// The wish that `content` describes: the name of the workflow and all that was asked of it.
    pub(super) fn wish(&self, content: impl Hash) -> Result<Wish> {
        let fingerprint = self.hasher.hash_one(content);
        let mut wishes = self.wishes.borrow_mut();
        if let Some(key) = wishes.get(&fingerprint) {
            return Ok(Wish { all: self.clone(), fingerprint, key: Rc::clone(key), made_before: true });
        }
        if wishes.len() >= MOST_UNFINISHED {
            wishes.clear();
        }
        let key: Rc<str> = make_key()?.into();
        wishes.insert(fingerprint, Rc::clone(&key));
        Ok(Wish { all: self.clone(), fingerprint, key, made_before: false })
    }
}

impl Wish {
    /// What goes into the `Idempotency-Key` header. Requests to different paths may share it.
    pub(super) fn key(&self) -> Option<&str> {
        Some(&self.key)
    }

    /// Whether the same was asked before and its outcome never learned.
    pub(super) fn made_before(&self) -> bool {
        self.made_before
    }

    /// Says that the wish came true.
    pub(super) fn fulfilled(self) {
        self.all.wishes.borrow_mut().remove(&self.fingerprint);
    }
}

fn make_key() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(Error::from)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::Unfinished;

    #[test]
    fn a_wish_keeps_its_key_until_it_is_fulfilled() {
        let unfinished = Unfinished::default();
        let first = unfinished.wish(("items.create", "DeLorean")).unwrap();
        let again = unfinished.wish(("items.create", "DeLorean")).unwrap();
        assert_eq!(first.key(), again.key());
        assert!(!first.made_before() && again.made_before());

        let other = unfinished.wish(("items.create", "Time machine")).unwrap();
        assert_ne!(first.key(), other.key());

        let old_key = again.key().map(str::to_owned);
        again.fulfilled();
        assert_ne!(unfinished.wish(("items.create", "DeLorean")).unwrap().key(), old_key.as_deref());
    }
}
