use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use crate::{
    api::Id,
    crypto::{ChunkSeal, FileKey},
};

/// Bounds the memory of a page whose calls keep failing.
const MAX_UNATTACHED: usize = 64;

/// An attachment that no slot stands for yet, because the call that made it failed afterwards.
#[derive(Clone)]
pub(super) struct Unattached {
    pub(super) key: Rc<FileKey>,
    pub(super) seals: Vec<ChunkSeal>,
    pub(super) attachment: Id,
}

/// Those of a session, by the key of the operation that goes on with each.
#[derive(Default)]
pub(super) struct UnattachedFiles(RefCell<BTreeMap<String, Unattached>>);

impl UnattachedFiles {
    pub(super) fn get(&self, operation: &str) -> Option<Unattached> {
        self.0.borrow().get(operation).cloned()
    }

    pub(super) fn insert(&self, operation: &str, made: &Unattached) {
        let mut files = self.0.borrow_mut();
        if files.len() >= MAX_UNATTACHED {
            files.clear();
        }
        files.insert(operation.to_owned(), made.clone());
    }

    pub(super) fn remove(&self, operation: &str) {
        self.0.borrow_mut().remove(operation);
    }
}
