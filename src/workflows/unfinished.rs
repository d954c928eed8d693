use std::{
    cell::{OnceCell, RefCell},
    hash::{Hash, Hasher},
    rc::Rc,
};

use sha2::{Digest, Sha256};

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
    wishes: Rc<RefCell<Vec<Kept>>>,
    /// Random, so that what is kept of a wish tells nothing of its content. (Without an operating system, the standard
    /// library's hashes are not.)
    seed: Rc<OnceCell<[u8; 16]>>,
}

struct Kept {
    fingerprint: u64,
    key: Rc<str>,
    under_way: bool,
}

/// One wish, under its idempotency key.
pub(super) struct Wish {
    all: Unfinished,
    key: Rc<str>,
    made_before: bool,
}

impl Unfinished {
    /// The wish that `content` describes: the name of the workflow and all that was asked of it.
    pub(super) fn wish(&self, content: impl Hash) -> Result<Wish> {
        let mut fingerprint = Fingerprint::default();
        fingerprint.write(&self.seed()?);
        content.hash(&mut fingerprint);
        self.wish_of(fingerprint.finish())
    }

    fn seed(&self) -> Result<[u8; 16]> {
        if let Some(seed) = self.seed.get() {
            return Ok(*seed);
        }
        let seed = random()?;
        Ok(*self.seed.get_or_init(|| seed))
    }

    fn wish_of(&self, fingerprint: u64) -> Result<Wish> {
        let mut wishes = self.wishes.borrow_mut();
        let wish = |key, made_before| Wish { all: self.clone(), key, made_before };
        let kept = wishes.iter_mut().find(|kept| kept.fingerprint == fingerprint);
        let is_new = kept.is_none();
        if let Some(kept) = kept.filter(|kept| !kept.under_way) {
            kept.under_way = true;
            return Ok(wish(Rc::clone(&kept.key), true));
        }
        let key: Rc<str> = make_key()?.into();
        if is_new {
            if wishes.len() >= MOST_UNFINISHED
                && let Some(idle) = wishes.iter().position(|kept| !kept.under_way)
            {
                wishes.remove(idle);
            }
            wishes.push(Kept { fingerprint, key: Rc::clone(&key), under_way: true });
        }
        Ok(wish(key, false))
    }

    /// Forgets what is not under way: after a deletion, a wish that seemed unfulfilled may be for what was just deleted.
    pub(super) fn forget(&self) {
        self.wishes.borrow_mut().retain(|kept| kept.under_way);
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
        self.all.wishes.borrow_mut().retain(|kept| kept.key != self.key);
    }
}

impl Drop for Wish {
    /// Whatever ended the call, also being dropped half-way: the next one like it is the same wish again.
    fn drop(&mut self) {
        let mut wishes = self.all.wishes.borrow_mut();
        if let Some(kept) = wishes.iter_mut().find(|kept| kept.key == self.key) {
            kept.under_way = false;
        }
    }
}

fn make_key() -> Result<String> {
    Ok(base16ct::lower::encode_string(&random()?))
}

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::from)?;
    Ok(bytes)
}

/// A hash that cannot be led to collide: two wishes with one fingerprint would be answered as one.
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
