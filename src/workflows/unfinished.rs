use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    rc::Rc,
};

use crate::error::{Error, Result};

/// How many wishes are remembered at the most; a page that fails more often than that forgets one for each new one.
const MOST_UNFINISHED: usize = 256;

/// The wishes that were sent to a server and never confirmed.
///
/// When a reply is lost, the work may have been done. A wish therefore keeps one idempotency key until it is fulfilled:
/// the same call made again carries the same key, and the server answers it with its first reply instead of making a
/// second record. Once fulfilled, the same call is a new wish; so is one that is made while the first is under way.
#[derive(Clone, Default)]
pub(super) struct Unfinished {
    wishes: Rc<RefCell<HashMap<u64, Kept>>>,
    /// Seeded at random, so that what is kept of a wish tells nothing of its content.
    hasher: RandomState,
}

struct Kept {
    key: Rc<str>,
    under_way: bool,
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
        let wish = |key, made_before| Wish { all: self.clone(), fingerprint, key, made_before };
        if let Some(kept) = wishes.get_mut(&fingerprint).filter(|kept| !kept.under_way) {
            kept.under_way = true;
            return Ok(wish(Rc::clone(&kept.key), true));
        }
        let key: Rc<str> = make_key()?.into();
        if !wishes.contains_key(&fingerprint) {
            if wishes.len() >= MOST_UNFINISHED {
                let idle = wishes.iter().find(|(_, kept)| !kept.under_way).map(|(fingerprint, _)| *fingerprint);
                idle.and_then(|fingerprint| wishes.remove(&fingerprint));
            }
            wishes.insert(fingerprint, Kept { key: Rc::clone(&key), under_way: true });
        }
        Ok(wish(key, false))
    }

    /// Forgets what is not under way: after a deletion, a wish that seemed unfulfilled may be for what was just deleted.
    pub(super) fn forget(&self) {
        self.wishes.borrow_mut().retain(|_, kept| kept.under_way);
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
        let mut wishes = self.all.wishes.borrow_mut();
        if wishes.get(&self.fingerprint).is_some_and(|kept| kept.key == self.key) {
            wishes.remove(&self.fingerprint);
        }
    }
}

impl Drop for Wish {
    /// Whatever ended the call, also being dropped half-way: the next one like it is the same wish again.
    fn drop(&mut self) {
        let mut wishes = self.all.wishes.borrow_mut();
        if let Some(kept) = wishes.get_mut(&self.fingerprint).filter(|kept| kept.key == self.key) {
            kept.under_way = false;
        }
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

    fn key_of(unfinished: &Unfinished, content: &str) -> (String, bool) {
        let wish = unfinished.wish(("items.create", content)).unwrap();
        (wish.key().unwrap().to_owned(), wish.made_before())
    }

    #[test]
    fn a_wish_keeps_its_key_until_it_is_fulfilled() {
        let unfinished = Unfinished::default();
        let (first, made_before) = key_of(&unfinished, "DeLorean");
        assert!(!made_before);
        assert_eq!(key_of(&unfinished, "DeLorean"), (first.clone(), true));
        assert_ne!(key_of(&unfinished, "Time machine").0, first);

        unfinished.wish(("items.create", "DeLorean")).unwrap().fulfilled();
        let (second, made_before) = key_of(&unfinished, "DeLorean");
        assert!(second != first && !made_before);
    }

    #[test]
    fn the_same_asked_twice_at_once_is_two_wishes() {
        let unfinished = Unfinished::default();
        let first = unfinished.wish("DeLorean").unwrap();
        let second = unfinished.wish("DeLorean").unwrap();
        assert_ne!(first.key(), second.key());
        second.fulfilled();
        let first_key = first.key().unwrap().to_owned();
        drop(first);
        assert_eq!(unfinished.wish("DeLorean").unwrap().key(), Some(first_key.as_str()));
    }

    #[test]
    fn what_was_deleted_is_not_wished_for_again() {
        let unfinished = Unfinished::default();
        let (first, _) = key_of(&unfinished, "DeLorean");
        unfinished.forget();
        assert_ne!(key_of(&unfinished, "DeLorean").0, first);
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let unfinished = Unfinished::default();
        for number in 0..2 * super::MOST_UNFINISHED {
            key_of(&unfinished, &number.to_string());
        }
        assert_eq!(unfinished.wishes.borrow().len(), super::MOST_UNFINISHED);
    }
}
